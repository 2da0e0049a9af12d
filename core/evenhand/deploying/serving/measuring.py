"""What Prometheus reads of a server: requests by status, how long they took, rows, who waits, what was predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from evenhand.errors import BadInput

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """The meters of one server, in a registry of its own."""

    def __init__(self, classes: tuple[Any, ...], waiting: Callable[[], int], model: str) -> None:
        try:
            import prometheus_client as library
        except ImportError:
            raise BadInput(
                "serving needs prometheus-client, which is not installed; pip install 'evenhand[serve]', then run the"
                " same command"
            ) from None
        self._library, self.registry = library, library.CollectorRegistry()
        about: dict[str, Any] = {"registry": self.registry}
        self._requests = library.Counter(
            "evenhand_requests", "Requests answered, by path and status.", ("path", "status"), **about
        )
        self._seconds = library.Histogram(
            "evenhand_request_seconds", "Seconds from a request's head to its answer.", buckets=SECONDS, **about
        )
        self._rows = library.Counter("evenhand_rows", "Rows scored.", **about)
        self._batch = library.Histogram(
            "evenhand_batch_rows",
            "Rows scored at once.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
            **about,
        )
        self._predicted = library.Counter(
            "evenhand_predictions", "Rows by what was predicted.", ("prediction",), **about
        )
        library.Gauge("evenhand_queue_length", "Requests that wait for the model.", **about).set_function(waiting)
        library.Info("evenhand_model", "The run that is served.", **about).info({"identity": model})
        self._classes = {str(name) for name in classes}
        for name in sorted(self._classes):
            self._predicted.labels(name)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request; seconds are of predictions alone."""
        self._requests.labels(path, str(status)).inc()
        if path == "/predict":
            self._seconds.observe(seconds)

    def scored(self, predictions: pl.Series | None, rows: int) -> None:
        """Count the rows of a request by their class; several labels of one row count each."""
        self._rows.inc(rows)
        if predictions is None or not self._classes:
            return
        for value, times in predictions.cast(pl.String).value_counts().iter_rows():
            for name in _classes_of(value, self._classes):
                self._predicted.labels(name).inc(times)

    def batch(self, rows: int) -> None:
        """Count a batch by its size."""
        self._batch.observe(rows)

    def text(self) -> tuple[bytes, str]:
        """(everything as Prometheus reads it, its content type)."""
        return self._library.generate_latest(self.registry), self._library.CONTENT_TYPE_LATEST


def _classes_of(value: str | None, classes: set[str]) -> list[str]:
    """A prediction's class, or its labels where it is a list of them; what is neither is counted nowhere."""
    import json

    if value in classes:
        return [str(value)]
    try:
        found = json.loads(value or "null")
    except ValueError:
        return []
    return [str(name) for name in found if str(name) in classes] if isinstance(found, list) else []
