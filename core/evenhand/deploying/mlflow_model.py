"""What MLflow calls to read a model that `evenhand export --format mlflow` wrote: MLmodel names this module."""

from __future__ import annotations

from typing import Any


class Model:
    """The exported model in MLflow's words."""

    def __init__(self, path: str) -> None:
        from evenhand.deploying.loading import load_exported

        self.scorer = load_exported(path)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """A pandas frame of decision and score, a row each, beside the columns that have a role.

        model_input: rows with the input columns, a pandas frame or what becomes one.
        """
        import pandas as pd

        frame = model_input if hasattr(model_input, "columns") else pd.DataFrame(model_input)
        return self.scorer.table(frame)


def _load_pyfunc(path: str) -> Model:
    """MLflow's name for reading a model."""
    return Model(path)
