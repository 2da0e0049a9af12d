"""One MLflow run for one folder: found again by a tag, so that a walk that goes on does so in the same run."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenhand import PluginFault
from evenhand_mlflow.naming import (
    LONGEST_TAG,
    metrics_of_audit,
    metrics_of_evaluation,
    metrics_of_stage,
    numbers,
    params_of,
    value_of,
)

URI, EXPERIMENT, PATIENCE = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "EVENHAND_MLFLOW_SECONDS"
FOLDER, PARENT, MODEL = "evenhand.folder", "mlflow.parentRunId", "evenhand.model"
ARTEFACTS = ("report.html", "README.md", "audit.json", "evaluation.json", "recipe.toml", "summary.md", "trials.json")
RENAMED = {"README.md": "model-card.md"}
SECONDS = 60.0  # that a server may take for one stage; the last, with its files, ten times that
PARAMS, METRICS = 100, 1000  # that MLflow takes at once
IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # MLflow itself waits two minutes, seven times
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
}


def begin(run: Any, stage: str) -> None:
    """Begin the MLflow run of this folder, with the recipe as its params, or find it."""
    del stage
    _within(1, lambda: Tracked(run).begin())


def record(run: Any, stage: str) -> None:
    """Log what a stage cost and found; with the last one the files and the model, and the run has ended."""
    last = stage == list(run.stages)[-1]
    _within(10 if last else 1, lambda: Tracked(run).record(stage, last))


class Tracked:
    """A folder's MLflow run. Everything is asked of the server anew: the process may have begun with a later stage."""

    def __init__(self, run: Any) -> None:
        from mlflow.tracking import MlflowClient

        self.run = run
        self.client = MlflowClient(tracking_uri=os.environ[URI])
        self.experiment = self._experiment(os.environ.get(EXPERIMENT) or "evenhand")

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return found.experiment_id if found is not None else self.client.create_experiment(name)

    def _found(self, key: str) -> Any:
        """The MLflow run with this key, the eldest where there are several; None where there is none."""
        runs = self.client.search_runs(
            [self.experiment], f"tags.`{FOLDER}` = '{key}'", order_by=["attributes.start_time ASC"], max_results=1
        )
        return runs[0] if runs else None

    def begin(self) -> Any:
        """The MLflow run of this folder, made with its params and tags where it is not there."""
        found = self._found(key_of(self.run.path, self.run.identity))
        if found is not None:
            self.client.update_run(found.info.run_id, status="RUNNING")
            return found
        recipe = self.run.recipe
        name = recipe.full_name if recipe is not None else self.run.walk
        tags = {
            FOLDER: key_of(self.run.path, self.run.identity),
            "evenhand.identity": self.run.identity,
            "evenhand.walk": self.run.walk,
            "evenhand.path": value_of(str(self.run.path.absolute()), LONGEST_TAG),
            **self._parent(),
        }
        made = self.client.create_run(self.experiment, tags=tags, run_name=f"{name} {self.run.identity[:8]}")
        if recipe is not None:
            self.params(made.info.run_id, params_of(recipe.resolved()))
        return made

    def _parent(self) -> dict[str, str]:
        """The MLflow run of the search that this folder lies in, as the run of the best trial does."""
        above = self.run.path.absolute().parent
        try:
            identity = json.loads((above / "manifest.json").read_text("utf-8"))["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        found = self._found(key_of(above, str(identity)))
        return {} if found is None else {PARENT: found.info.run_id}

    def params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Log params, as many at once as MLflow takes."""
        from mlflow.entities import Param

        listed = [Param(name, value) for name, value in params.items()]
        for start in range(0, len(listed), PARAMS):
            self.client.log_batch(run_id, params=listed[start : start + PARAMS])

    def metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """The same for metrics."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        listed = [Metric(name, value, now, 0) for name, value in metrics.items()]
        for start in range(0, len(listed), METRICS):
            self.client.log_batch(run_id, metrics=listed[start : start + METRICS])

    def record(self, stage: str, last: bool) -> None:
        """Log a stage, and, with the last, all that an earlier process did not."""
        found = self.begin()
        run_id, there = found.info.run_id, found.data.metrics
        stages = self.run.manifest["stages"]
        for name in list(stages) if last else [stage]:
            told = self._told(name, stages[name])
            self.metrics(run_id, {key: value for key, value in told.items() if name == stage or key not in there})
        if stage == "search":
            self._trials(found)
        if not last:
            return
        for name in ARTEFACTS:
            self._file(run_id, name)
        self._model(run_id)
        for key in ("command", "versions"):
            if key in self.run.manifest:
                self.client.set_tag(run_id, f"evenhand.{key}", value_of(self.run.manifest[key], LONGEST_TAG))
        self.client.set_terminated(run_id, "FINISHED")

    def _told(self, stage: str, record: Mapping[str, Any]) -> dict[str, float]:
        """The metrics that a stage brings."""
        told = metrics_of_stage(stage, record)
        if "evaluation.json" in record["artefacts"]:
            told |= metrics_of_evaluation(self.run.read_json("evaluation.json"))
        if "audit.json" in record["artefacts"]:
            told |= metrics_of_audit(self.run.read_json("audit.json"))
        return told

    def _file(self, run_id: str, name: str) -> None:
        path = self.run.path / name
        if not path.is_file() or path.is_symlink():
            return
        self.client.log_text(run_id, path.read_text("utf-8"), RENAMED.get(name, name))

    def _model(self, run_id: str) -> None:
        """The model in MLflow's format, unless it holds rows that it was trained on: a server shows them to many."""
        if "finetune" not in self.run.manifest["stages"]:
            return
        from evenhand_mlflow.flavour import holds_rows, model_folder

        if (held := holds_rows(self.run.path)) is not None:
            self.client.set_tag(run_id, MODEL, f"left out: it holds rows that it was trained on ({held})")
            return
        with model_folder(self.run, run_id) as folder:
            self.client.log_artifacts(run_id, str(folder), "model")
        self.client.set_tag(run_id, MODEL, f"runs:/{run_id}/model")

    def _trials(self, parent: Any) -> None:
        """Each trial of a search as a run below the search's, by its number; those that are there stay."""
        for row in self.run.read_json("trials.json")["trials"]:
            key = f"{key_of(self.run.path, self.run.identity)} {row['trial']}"
            if self._found(key) is not None:
                continue
            tags = {FOLDER: key, PARENT: parent.info.run_id, "evenhand.walk": "trial", "evenhand.state": row["state"]}
            made = self.client.create_run(self.experiment, tags=tags, run_name=f"trial {row['trial']}")
            self.params(made.info.run_id, params_of((name, value, "") for name, value in row["settings"].items()))
            self.metrics(made.info.run_id, numbers({name: row[name] for name in row if name not in ("trial", "rows")}))
            self.client.set_terminated(made.info.run_id, "FINISHED" if row["state"] == "done" else "FAILED")


def key_of(path: Path, identity: str) -> str:
    """What names a folder's MLflow run: what ran, and where."""
    place = hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{identity[:24]} {place[:16]}"


def _within(times: float, work: Callable[[], Any]) -> None:
    """Do the work in a thread, and give it up after a while: a server that hangs must not hold a run up.

    Whatever it raises becomes PluginFault, also a full disk at the server's end: the core takes that for its own.
    """
    seconds = _patience() * times
    raised: list[BaseException] = []

    def tried() -> None:
        try:
            with _impatient():
                work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=tried, name="evenhand-mlflow", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise PluginFault(f"MLflow at {shown(os.environ[URI])} did not answer in {seconds:g} seconds ({PATIENCE})")
    if raised:
        told = " ".join(str(raised[0]).split())[:200]
        raise PluginFault(f"MLflow at {shown(os.environ[URI])}: {type(raised[0]).__name__}: {told}")


def _patience() -> float:
    try:
        return max(0.1, float(os.environ.get(PATIENCE, SECONDS)))
    except ValueError:
        raise PluginFault(f"{PATIENCE} is no number of seconds") from None


@contextmanager
def _impatient() -> Iterator[None]:
    """MLflow's own waiting, shortened where the user has not set it."""
    mine = {name: value for name, value in IMPATIENT.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)


def shown(uri: str) -> str:
    """The server's address without a password.

    >>> shown("postgresql://me:secret@db/tracks")
    'postgresql://me:***@db/tracks'
    """
    scheme, there, rest = uri.partition("://")
    account, at, place = rest.rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{place}" if there and at else uri
