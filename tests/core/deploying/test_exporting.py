"""An export says what the run says, is judged group by group before it goes, and is refused where it would do harm."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_export

import evenhand
import toy_tables
from evenhand import BadInput
from evenhand.deploying.exporting import judging, walk
from evenhand.deploying.loading import described
from evenhand.extending.discovering import load

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
TABLES = ("toy_export/line", "toy_export/trees", "toy_export/own")
WITHOUT_TORCH = """
import sys

for name in ("torch", "transformers", "datasets", "sklearn"):
    sys.modules[name] = None  # importing it fails as where it is not installed
import polars as pl
import evenhand

scorer = evenhand.load_exported(sys.argv[1])
scorer.table(pl.read_parquet(sys.argv[2])).write_parquet(sys.argv[3])
"""


def new_rows(recipe):
    if recipe.endswith("notes"):
        rows = toy_export.notes(7, rows=60)
        rows["text"][:3] = ["", "word-that-nobody-knows", "leak " * 40]
        return pl.DataFrame(rows).drop("topic")
    frame = pl.DataFrame(toy_export.pumps(7, rows=60)).drop("fails", "hours_left")
    site = frame["site"].to_list()
    site[:2] = ["never seen", None]
    return frame.with_columns(pl.Series("site", site))


@pytest.mark.parametrize("recipe", [*TABLES, "toy_export/notes"])
def test_new_rows_are_scored_and_decided_as_by_the_run(exported, plugins, recipe):
    run, made = exported(recipe)
    assert made.promoted
    rows = new_rows(recipe)
    before, after = (
        evenhand.load(run, plugins).table(rows),
        evenhand.load_exported(made.path, plugins=plugins).table(rows),
    )
    assert after.columns == before.columns
    assert after["prediction"].to_list() == before["prediction"].to_list()
    np.testing.assert_allclose(after["score"], before["score"], atol=1e-4)


def test_rows_of_no_class_are_left_open_by_the_export_too(exported, plugins):
    run, made = exported("toy_export/notes")
    rows = new_rows("toy_export/notes")
    before, after = (
        evenhand.load(run, plugins).table(rows),
        evenhand.load_exported(made.path, plugins=plugins).table(rows),
    )
    assert 0 < before["abstained"].sum() < rows.height
    assert after["abstained"].to_list() == before["abstained"].to_list()


@pytest.mark.slow
def test_an_image_export_reads_files_and_bytes_as_the_run_does(exported, plugins):
    run, made = exported("toy_images/spots")
    seen = pl.read_parquet(made.path / "predictions.parquet")
    assert made.found["agreement"]["largest"] < 1e-4
    assert made.found["changed"] == 0
    assert seen.height == made.found["agreement"]["rows"]
    pictures = sorted((evenhand.cache_folder()).rglob("*.png"))[:4] or pytest.skip("the pictures lie in another cache")
    rows = pl.DataFrame({"filename": [str(path) for path in pictures]})
    both = [
        scorer.predict(rows)
        for scorer in (evenhand.load(run, plugins), evenhand.load_exported(made.path, plugins=plugins))
    ]
    assert both[0].tolist() == both[1].tolist()


@pytest.mark.parametrize("recipe", ["toy_export/line", "toy_export/trees", "toy_export/notes"])
def test_an_onnx_export_runs_where_torch_is_not_installed(exported, plugins, tmp_path, recipe):
    run, made = exported(recipe)
    new_rows(recipe).write_parquet(tmp_path / "rows.parquet")
    command = [sys.executable, "-c", WITHOUT_TORCH, made.model, tmp_path / "rows.parquet", tmp_path / "scored.parquet"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before = evenhand.load(run, plugins).table(new_rows(recipe))
    assert pl.read_parquet(tmp_path / "scored.parquet")["prediction"].to_list() == before["prediction"].to_list()


def test_the_folder_is_read_by_compare_and_verify(exported, plugins):
    run, made = exported("toy_export/line")
    assert evenhand.compare(run, made.path, plugins=plugins).paired
    stages = json.loads((made.path / "manifest.json").read_text())["stages"]
    assert set(stages) == {stage.name for stage in walk.EXPORT}
    page = made.report.read_text()
    assert "Promoted" in page
    assert "the exported model agrees with the original on 180 test rows" in page


@pytest.mark.parametrize(
    ("recipe", "form"), [("toy_export/line", "torch-export"), ("toy_export/notes", "torch-export")]
)
def test_a_torch_archive_says_the_same_and_holds_nothing_pickled(exported, plugins, recipe, form):
    run, made = exported(recipe, form)
    assert made.promoted
    rows = new_rows(recipe)
    before, after = (
        evenhand.load(run, plugins).table(rows),
        evenhand.load_exported(made.path, plugins=plugins).table(rows),
    )
    assert after["prediction"].to_list() == before["prediction"].to_list()


def test_a_torch_archive_with_a_pickle_in_it_is_not_opened(exported, plugins, tmp_path):
    import zipfile

    _, made = exported("toy_export/line", "torch-export")
    shutil.copytree(made.model, tmp_path / "model")
    file = tmp_path / "model" / "model.pt2"
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["archive/data/sample_inputs/model.pt"] = b"\x80\x04cos\nsystem\n(S'touch gone'\ntR."
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    about = json.loads((tmp_path / "model" / "exported.json").read_text())
    from evenhand.files import digest

    about["files"]["model.pt2"] = digest(file)  # whoever changes the file can change its sha256 too
    (tmp_path / "model" / "exported.json").write_text(json.dumps(about))
    with pytest.raises(BadInput, match="holds pickled examples"):
        evenhand.load_exported(tmp_path / "model", plugins=plugins)


@pytest.mark.parametrize("recipe", ["toy_export/line", "toy_export/silent", "toy_export/strange", "toy_export/notes"])
def test_mlflow_reads_the_folder_and_predicts_as_the_run_does(exported, plugins, monkeypatch, recipe):
    import mlflow

    run, made = exported(recipe, "mlflow")
    assert made.promoted
    monkeypatch.setattr("evenhand.deploying.loading.discovering.load", lambda: plugins)
    model = mlflow.pyfunc.load_model(str(made.model))
    columns = list(evenhand.load(run, plugins).recipe.schema.input)
    rows = new_rows(recipe).select(columns)
    said = model.predict(rows.to_pandas())
    assert said["prediction"].tolist() == evenhand.load(run, plugins).predict(rows).tolist()
    kept = made.found["engine"]
    assert kept == ("evenhand" if recipe in ("toy_export/silent", "toy_export/strange") else "onnx")


def test_exports_to_two_folders_have_equal_bytes(exported, plugins, tmp_path):
    run, made = exported("toy_export/notes")
    again = evenhand.export(run, "onnx", out=tmp_path / "again", plugins=plugins)
    for name in described(made.model)["files"]:
        assert (again.model / name).read_bytes() == (made.model / name).read_bytes(), name
    for name in ("exported/exported.json", "export.json", "predictions.parquet", "audit.json", "compare.json"):
        assert (again.path / name).read_bytes() == (made.path / name).read_bytes(), name


@pytest.mark.slow
def test_eight_bits_are_calibrated_on_validation_rows_alone(made, plugins, tmp_path, monkeypatch):
    seen = []
    whole = walk.requantised
    monkeypatch.setattr(
        walk, "requantised", lambda source, folder, rows: seen.append(rows) or whole(source, folder, rows)
    )
    run = made("toy_images/spots")
    found = evenhand.export(run, int8=True, out=tmp_path / "out", plugins=plugins)
    sides = json.loads((run / "data.json").read_text())["rows"]
    assert [rows.height for rows in seen] == [sides["validation"]]
    assert found.found["bytes"]["exported"] < found.found["bytes"]["converted"] / 3
    assert "without enough evidence" in str(found) or "no decision" in str(found)


def broken_for_everyone(source, folder, rows):
    """A quantiser that ruins the model: every score is turned around."""
    shutil.copytree(source, folder)
    about = json.loads((folder / "exported.json").read_text())
    about["parts"][0]["places"] = [[0, 1], [1, 0]]
    about["int8"] = True
    (folder / "exported.json").write_text(json.dumps(about))
    return about


def test_a_group_that_is_proven_worse_refuses_the_export_and_nothing_is_promoted(made, plugins, tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "requantised", broken_for_everyone)
    found = evenhand.export(made("toy_export/line"), int8=True, out=tmp_path / "out", plugins=plugins)
    assert found.exit_code() == 1
    assert not found.model.exists()
    assert "REFUSED" in str(found)
    assert "the accuracy of region: south goes from" in str(found)
    assert "Refused: nothing was promoted" in found.report.read_text()
    with pytest.raises(BadInput, match="was refused"):
        evenhand.load_exported(found.path)
    monkeypatch.undo()
    again = evenhand.export(made("toy_export/line"), int8=True, out=tmp_path / "out", plugins=plugins)
    assert not again.promoted, "what was found stays found"


def test_a_model_that_was_changed_while_converting_is_refused(made, plugins, tmp_path, monkeypatch):
    whole = walk.describe

    def other(scorer, parts, engine, told, folder):
        told[0]["weight"] = 0.9
        return whole(scorer, parts, engine, told, folder)

    monkeypatch.setattr(walk, "describe", other)
    found = evenhand.export(made("toy_export/line"), out=tmp_path / "out", plugins=plugins)
    assert not found.promoted
    assert "DOES NOT AGREE" in str(found)


@pytest.mark.parametrize(
    ("recipe", "form", "int8", "says"),
    [
        (
            "toy_export/strange",
            "onnx",
            False,
            "the module Steps uses the operator .*bessel_j0, which ONNX does not have",
        ),
        (
            "toy_export/silent",
            "onnx",
            False,
            r"a Silent of a plugin, which says no conversion of itself .*--format mlflow",
        ),
        ("toy_export/trees", "torch-export", False, "trees are no torch module; take --format onnx"),
        ("toy_export/trees", "onnx", True, "leave out --int8"),
        ("toy_export/line", "torch-export", True, "int8 is made by onnxruntime"),
        ("toy_export/line", "tflite", False, "there is no format 'tflite'; take onnx, torch-export, mlflow"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_sentence(made, plugins, tmp_path, recipe, form, int8, says):
    with pytest.raises(BadInput, match=says):
        evenhand.export(made(recipe), form, int8, out=tmp_path / "out", plugins=plugins)
    assert not (tmp_path / "out" / "exported").exists()


def test_an_estimator_leaves_by_mlflow_alone(run_apart, tmp_path):
    plugins = load({"toy_tables": toy_tables})
    run = run_apart("toy_tables/loan", plugins=plugins).path
    with pytest.raises(BadInput, match="scikit-learn's Pipeline, which is no network; take --format mlflow"):
        evenhand.export(run, out=tmp_path / "onnx", plugins=plugins)
    found = evenhand.export(run, "mlflow", out=tmp_path / "mlflow", plugins=plugins)
    assert found.promoted
    assert found.found["agreement"]["largest"] == 0
    assert not list(found.model.rglob("predictions.parquet")), "nobody's rows go along"


@pytest.mark.parametrize(("method", "says"), [("postprocess", "decides by group"), ("thresholds", "a rule of its own")])
def test_a_mitigation_that_decides_stays_with_evenhand(run_apart, tmp_path, method, says):
    known = load({"toy_tables": toy_tables})
    settings = (f"mitigation.method={method}", "mitigation.least_rows=5")
    run = run_apart("toy_tables/loan", *settings, plugins=known)
    with pytest.raises(BadInput, match=says):
        evenhand.export(run.path, out=tmp_path / "out", plugins=known)


def test_a_margin_that_is_no_share_is_refused(made, plugins):
    with pytest.raises(BadInput, match="a margin is a share"):
        evenhand.export(made("toy_export/line"), margin=1.5, plugins=plugins)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"other"), "is not what was exported"),
        (lambda folder: (folder / "model.onnx").unlink(), "is not what was exported"),
        (lambda folder: (folder / "exported.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "exported.json").write_text("[]"), "is damaged"),
        (
            lambda folder: (folder / "exported.json").write_text(
                (folder / "exported.json").read_text().replace('"model.onnx": ', '"../model.onnx": ')
            ),
            "is no file beside it",
        ),
    ],
)
def test_a_folder_that_is_not_as_it_was_written_is_not_loaded(exported, plugins, tmp_path, spoil, says):
    _, made = exported("toy_export/line")
    shutil.copytree(made.model, tmp_path / "model")
    spoil(tmp_path / "model")
    with pytest.raises(BadInput, match=says):
        evenhand.load_exported(tmp_path / "model", plugins=plugins)


def test_an_export_without_its_runs_rows_says_how_to_name_them(made, plugins, tmp_path):
    rows = tmp_path / "rows.csv"
    pl.DataFrame(toy_export.pumps(3)).write_csv(rows)
    run = evenhand.run("toy_export/line", rows, out=tmp_path / "run", plugins=plugins).path
    rows.rename(tmp_path / "moved.csv")
    with pytest.raises(
        BadInput, match=r"the run's data \(.*rows.csv\) is not there any more; name the same data with --source"
    ):
        evenhand.export(run, out=tmp_path / "out", plugins=plugins)
    made = evenhand.export(run, source=tmp_path / "moved.csv", out=tmp_path / "out", plugins=plugins)
    assert made.promoted


def test_importing_the_core_imports_neither_mlflow_nor_onnx():
    heavy = "mlflow", "onnx", "onnxruntime", "torch"
    code = f"import sys, evenhand; evenhand.export, evenhand.latency; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_gap_that_grows_beyond_the_margin_is_worse_and_one_that_shrinks_is_not():
    gap = {"first": 0.1, "lower_simultaneous": 0.02, "upper_simultaneous": 0.05}
    assert judging.answer_on(gap, 0.01) == "worse"
    assert judging.answer_on(gap, 0.02) == "not enough evidence"
    assert judging.answer_on({**gap, "lower_simultaneous": -0.05, "upper_simultaneous": -0.02}, 0.0) == "within"
    assert judging.answer_on({**gap, "lower_simultaneous": None}, 0.01) == "not enough evidence"


def test_a_margin_that_the_policy_names_goes_before_the_usual_one():
    margins = judging.Margins(0.01, {"accuracy": 0.05})
    assert margins.of("accuracy", 0.9, True) == 0.05
    assert margins.of("tpr", 0.9, True) == 0.01
    assert margins.of("mae", 200.0, False) == 2.0


@pytest.mark.slow
def test_the_command_line_exports_and_loads(evenhand, install, tmp_path):
    env = install("toy_export", "toy_export", PLUGINS)
    assert evenhand("run", "toy_export/trees", "--out", "run", env=env).returncode in (0, 1)
    done = evenhand("export", "run", "--format", "onnx", "--out", "out", env=env)
    assert done.returncode == 0, done.stderr
    assert "promoted: the exported model may take the original's place" in done.stdout
    assert "model: out/exported" in done.stdout
    again = evenhand("export", "run", "--format", "onnx", "--out", "out", env=env)
    assert again.stderr.count("done before") == len(walk.EXPORT)
    refused = evenhand("export", "run", "--int8", env=env)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "leave out --int8" in refused.stderr
    timed = evenhand("latency", "out", "--budget", "1 us", "--calls", "60", "--json", env=env)
    assert timed.returncode == 1, timed.stderr
    assert json.loads(timed.stdout)["verdict"] == "exceeded"
    assert evenhand("latency", "run", "--budget", "20", env=env).returncode == 2
    verified = evenhand("verify", "out", env=env)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert os.path.exists(tmp_path / "out" / "report.html")
