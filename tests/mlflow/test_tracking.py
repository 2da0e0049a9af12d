"""A run in a real MLflow with SQLite: all of it there, gone on with, served; and a broken server that stops nothing."""

import importlib.metadata
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import polars as pl
import pytest

import evenhand
import toy_images
import toy_search
import toy_tables
from evenhand.extending.discovering import load

mlflow = pytest.importorskip("mlflow")
ROOT = Path(__file__).resolve().parents[2]
TOYS = ROOT / "tests" / "plugins"


def plugins(*toys):
    """The toys, beside what is installed: the tracker is."""
    return load({toy.__name__: toy for toy in toys})


def server(folder):
    """A tracking database with an experiment whose artefacts lie in a folder; its address."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.create_experiment("evenhand", artifact_location=(folder / "artefacts").as_uri())
    return uri


def runs_at(uri, walk="run"):
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("evenhand").experiment_id
    return client.search_runs([experiment], f"tags.`evenhand.walk` = '{walk}'")


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """(address, the finished run): the toy of tables, tracked."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = server(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        return uri, evenhand.run("toy_tables/loan", plugins=plugins(toy_tables), out=folder / "run")


def test_the_recipe_the_gaps_of_groups_and_the_costs_are_in_mlflow(tracked):
    uri, run = tracked
    (found,) = runs_at(uri)
    assert found.info.status == "FINISHED"
    assert found.data.params["schema.label"] == "repaid"
    audit = run.audit.data["attributes"][0]
    gap = next(gap for gap in audit["gaps"] if gap["metric"] == "fnr")
    assert found.data.metrics["gap/sex/m/fnr"] == pytest.approx(gap["value"])
    assert found.data.metrics["gap/sex/m/fnr/upper"] == pytest.approx(gap["upper_simultaneous"])
    group = next(group for group in audit["groups"] if group["name"] == "f")
    assert found.data.metrics["group/sex/f/fnr"] == pytest.approx(group["metrics"]["fnr"]["value"])
    accuracy = next(m for m in run.evaluation if (m.name, m.model) == ("accuracy", "adapted"))
    assert found.data.metrics["performance/adapted/accuracy"] == pytest.approx(accuracy.value)
    stages = json.loads((run.path / "manifest.json").read_text())["stages"]
    for name, record in stages.items():
        assert found.data.metrics[f"cost/{name}/seconds"] == record["seconds"]
        assert found.data.metrics[f"cost/{name}/energy_high_joules"] == record["energy_high_joules"]


def test_the_report_the_card_and_the_audit_are_its_artefacts_and_nobodys_rows(tracked):
    uri, run = tracked
    (found,) = runs_at(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    names = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert names >= {"report.html", "model-card.md", "audit.json", "evaluation.json", "recipe.toml", "model"}
    local = Path(client.download_artifacts(found.info.run_id, ""))
    assert (local / "report.html").read_bytes() == run.report.read_bytes()
    assert not list(local.rglob("*.parquet"))
    assert not [file for file in local.rglob("*") if file.suffix in (".pkl", ".pickle")]


def test_mlflow_loads_the_model_and_it_says_what_the_run_says(tracked, monkeypatch):
    from evenhand.extending import discovering

    uri, run = tracked
    (found,) = runs_at(uri)
    known = plugins(toy_tables)
    monkeypatch.setattr(discovering, "load", lambda *_: known)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = mlflow.pyfunc.load_model(f"runs:/{found.info.run_id}/model")
    rows = pl.DataFrame(toy_tables.applicants(5)).select("income", "debt", "job").head(20)
    said = model.predict(rows.to_pandas())
    assert said["score"].to_list() == evenhand.load(run.path, known).table(rows)["score"].to_list()
    assert [column.name for column in model.metadata.signature.inputs] == ["income", "debt", "job"]


def test_a_run_that_goes_on_does_so_in_the_same_mlflow_run(tracked, monkeypatch, tmp_path):
    uri, run = tracked
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (before,) = runs_at(uri)
    (run.path / "evaluation.json").unlink()
    evenhand.run("toy_tables/loan", plugins=plugins(toy_tables), out=run.path)
    (after,) = runs_at(uri)
    assert after.info.run_id == before.info.run_id
    assert after.info.status == "FINISHED"
    history = mlflow.MlflowClient(tracking_uri=uri).get_metric_history(after.info.run_id, "cost/evaluate/seconds")
    assert len(history) == 2, "what was done again is told again"
    history = mlflow.MlflowClient(tracking_uri=uri).get_metric_history(after.info.run_id, "cost/finetune/seconds")
    assert len(history) == 1, "what was done before is not"


def test_another_folder_of_the_same_recipe_is_another_mlflow_run(monkeypatch, tmp_path):
    from evenhand_mlflow.tracking import key_of

    assert key_of(tmp_path / "a", "1" * 64) != key_of(tmp_path / "b", "1" * 64)
    assert key_of(tmp_path / "a", "1" * 64) != key_of(tmp_path / "a", "2" * 64)


def test_what_an_earlier_process_did_not_tell_is_told_with_the_last_stage(monkeypatch, tmp_path):
    out = tmp_path / "run"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    evenhand.run("toy_tables/loan", plugins=plugins(toy_tables), out=out)
    uri = server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (out / "report.html").unlink()
    evenhand.run("toy_tables/loan", plugins=plugins(toy_tables), out=out)
    (found,) = runs_at(uri)
    assert {"cost/finetune/seconds", "gap/sex/m/fnr", "performance/adapted/accuracy"} <= set(found.data.metrics)


@pytest.mark.slow
def test_pictures_are_tracked_too(monkeypatch, tmp_path):
    uri = server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    known = plugins(toy_images)
    evenhand.run(toy_images.recipes()[0].full_name, plugins=known, out=tmp_path / "run")
    assert not known.faults
    (found,) = runs_at(uri)
    assert found.data.tags["evenhand.model"].startswith(("runs:/", "left out"))


def test_each_trial_of_a_search_is_a_run_below_it_and_so_is_the_winner(monkeypatch, tmp_path):
    uri = server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    known = plugins(toy_search)
    evenhand.tune("toy_search/credit", trials=2, out=tmp_path / "search", plugins=known)
    assert "mlflow" not in known.faults
    (search,) = runs_at(uri, "tune")
    (best,) = runs_at(uri, "run")
    trials = runs_at(uri, "trial")
    parents = {run.data.tags["mlflow.parentRunId"] for run in (best, *trials)}
    assert parents == {search.info.run_id}
    assert {"objective", "gap", "energy_wh"} <= set(trials[0].data.metrics)
    assert len(trials) == 2


def test_without_an_address_nothing_is_imported_and_nothing_written(tmp_path):
    code = (
        "import sys, toy_tables, evenhand\n"
        "from evenhand.extending.discovering import load\n"
        "plugins = load({'toy_tables': toy_tables})\n"
        "plugins.tell(toy_tables.recipes()[0], 'stage_started', run=None, stage='x')\n"
        "assert not plugins.faults, plugins.faults\n"
        "assert 'mlflow' not in sys.modules and 'evenhand_mlflow.tracking' not in sys.modules\n"
    )
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    env["PYTHONPATH"] = os.pathsep.join([str(TOYS), env.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def deaf():
    """The address of a server that takes calls and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("broken", ["down", "deaf", "no address", "a folder that is not there"])
def test_a_broken_server_is_left_out_and_the_run_ends_as_without(broken, deaf, monkeypatch, tmp_path):
    addresses = {
        "down": "http://127.0.0.1:9",
        "deaf": deaf,
        "no address": "carrier-pigeon://here",
        "a folder that is not there": "sqlite:////nowhere/at/all.db",
    }
    monkeypatch.setenv("MLFLOW_TRACKING_URI", addresses[broken])
    monkeypatch.setenv("EVENHAND_MLFLOW_SECONDS", "2")
    known = plugins(toy_tables)
    told = known.tell(toy_tables.recipes()[0], "stage_started", run=Walked(tmp_path), stage="load_data")
    assert len(told) == 1
    assert "plugin 'mlflow'" in told[0] or "MLflow at" in told[0]
    assert "mlflow" in known.faults
    assert (
        known.tell(toy_tables.recipes()[0], "stage_finished", run=Walked(tmp_path), stage="load_data", seconds=1) == []
    )


class Walked:
    """As much of a run as a tracker looks at before it has a server."""

    def __init__(self, path):
        self.path, self.identity, self.walk, self.recipe = path, "1" * 64, "run", toy_tables.recipes()[0]
        self.stages, self.manifest = {"load_data": (), "report": ()}, {"stages": {}}


def test_a_whole_run_with_a_server_that_is_down_ends_and_its_log_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    run = evenhand.run("toy_tables/loan", plugins=plugins(toy_tables), out=tmp_path / "run")
    assert run.report.exists()
    log = (run.path / "log.jsonl").read_text()
    assert log.count("plugin_quarantined") == 1
    assert "127.0.0.1:9" in log


def test_a_full_disk_of_the_trackers_stops_nothing(monkeypatch, tmp_path):
    import errno

    from evenhand_mlflow import tracking

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/mlflow")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'm.db'}")
    monkeypatch.setattr(tracking.Tracked, "__init__", full)
    known = plugins(toy_tables)
    told = known.tell(toy_tables.recipes()[0], "stage_started", run=Walked(tmp_path), stage="load_data")
    assert "No space left on device" in told[0]


def test_a_model_that_holds_rows_stays_at_home(tmp_path):
    from evenhand_mlflow.flavour import holds_rows

    (tmp_path / "model").mkdir()
    about = {"model": {"class": "x"}, "baselines": {"neighbours": {"holds_rows": "neighbours"}}}
    (tmp_path / "model" / "model.json").write_text(json.dumps(about))
    assert holds_rows(tmp_path) == "neighbours"
    (tmp_path / "model" / "model.json").write_text(json.dumps({"model": {}, "baselines": {}}))
    assert holds_rows(tmp_path) is None


def test_the_distribution_says_how_it_is_found():
    told = (ROOT / "plugins" / "mlflow" / "pyproject.toml").read_text()
    assert '[project.entry-points.evenhand]\nmlflow = "evenhand_mlflow"' in told
    assert importlib.metadata.version("mlflow-skinny")


def test_evenhand_plugins_lists_it(evenhand):
    done = evenhand("plugins", "--json")
    row = next(row for row in json.loads(done.stdout) if row["plugin"] == "mlflow")
    assert row["distribution"].startswith("evenhand-mlflow")
    assert row["state"] == "works", row


@pytest.mark.slow
def test_mlflow_models_serve_answers_with_what_the_run_says(tracked, install, tmp_path):
    uri, run = tracked
    (found,) = runs_at(uri)
    model = Path(mlflow.MlflowClient(tracking_uri=uri).download_artifacts(found.info.run_id, "model", str(tmp_path)))
    env = {**os.environ, **install("toy_tables", "toy_tables", TOYS)}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])  # where uvicorn is
    port = free_port()
    line = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    log = (tmp_path / "serve.log").open("w")
    process = subprocess.Popen([*line, "-p", str(port)], env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        rows = pl.DataFrame(toy_tables.applicants(5)).select("income", "debt", "job").drop_nulls().head(5)
        asked = {"dataframe_split": {"columns": rows.columns, "data": [list(row) for row in rows.rows()]}}
        said = posted(port, asked, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
    expected = evenhand.load(run.path, plugins(toy_tables)).table(rows)["score"].to_list()
    assert [row["score"] for row in said["predictions"]] == pytest.approx(expected)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def posted(port, asked, process):
    """The answer of the server, once it is there."""
    body = json.dumps(asked).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except (ConnectionError, urllib.error.URLError):
            time.sleep(0.5)
    raise AssertionError("the server did not start")
