"""Using a finished run: new rows get scores, from the command line and from Python, and a kill leaves nothing
half-written."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import evenhand
import toy_images
import toy_tables
from evenhand.errors import BadInput
from evenhand.extending.discovering import load as load_plugins

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture
def scorer(finished):
    from evenhand.scoring import load

    return load(*finished)


def new_rows(rows=300, seed=9):
    return pl.DataFrame(toy_tables.applicants(seed, rows), strict=False)


def test_the_test_rows_get_the_scores_that_the_run_gave_them(scorer):
    test = toy_tables.load_data(scorer.recipe, None).test
    recorded = pl.read_parquet(scorer.path / "predictions.parquet")
    found = scorer.table(pl.from_arrow(test.with_format("arrow")[:]))
    assert found["score"].to_list() == recorded["score"].to_list()
    assert found["prediction"].to_list() == recorded["prediction"].to_list()


@pytest.mark.parametrize("kind", [lambda f: f, lambda f: f.to_pandas(), lambda f: f.to_arrow(), lambda f: f.lazy()])
def test_every_frame_gets_the_same_answer(scorer, kind):
    frame = new_rows()
    chances = scorer.predict_proba(kind(frame))
    assert chances.shape == (300, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(chances, scorer.predict_proba(frame))
    np.testing.assert_array_equal(scorer.predict(kind(frame)), chances[:, 1] >= 0.5)
    assert list(scorer.classes_) == [0, 1]


def test_a_table_comes_back_as_it_was_given(scorer):
    frame = new_rows(20)
    assert isinstance(scorer.table(frame), pl.DataFrame)
    assert isinstance(scorer.table(frame.to_pandas()), pd.DataFrame)
    assert isinstance(scorer.table(frame.to_arrow()), pa.Table)
    assert scorer.table(frame).columns == ["repaid", "sex", "region", "customer", "prediction", "score"]


def test_rows_without_labels_and_groups_are_scored(scorer):
    frame = new_rows().select("income", "debt", "job")
    assert scorer.table(frame).columns == ["prediction", "score"]


def test_a_csv_is_read_in_the_types_of_training(scorer, tmp_path):
    frame = new_rows().with_columns(job=pl.lit("7"))  # text that looks like a number stays text
    frame.write_csv(tmp_path / "new.csv")
    written = pl.concat([scorer.scored(rows) for rows in scorer.batches(tmp_path / "new.csv")])
    np.testing.assert_allclose(written["score"], scorer.table(frame)["score"], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop("debt"), "column 'debt' is not in"),
        (
            lambda f: f.with_columns(debt=pl.lit("a lot")),
            "holds 'a lot' in row 1, and the model was trained on numbers",
        ),
        (lambda f: f.head(0), "has no rows"),
    ],
)
def test_rows_that_the_model_cannot_read_are_refused(scorer, change, says):
    with pytest.raises(BadInput, match=says):
        scorer.predict(change(new_rows()))


def test_two_columns_of_one_name_are_refused(scorer):
    frame = new_rows().to_pandas()
    with pytest.raises(BadInput):
        scorer.predict(pd.concat([frame, frame[["debt"]]], axis=1))


def test_an_unseen_category_is_scored(scorer):
    assert np.isfinite(scorer.predict_proba(new_rows().with_columns(job=pl.lit("astronaut")))).all()


def test_a_model_of_other_versions_says_what_differs(finished, tmp_path):
    import shutil

    from evenhand.scoring import load

    path, plugins = finished
    shutil.copytree(path, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["versions"]["scikit-learn"] = "0.1"
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match=r"made with scikit-learn 0\.1, and is read with"):
        assert load(tmp_path / "run", plugins).notes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(path, plugins)


def test_a_model_that_was_changed_is_refused(finished, tmp_path):
    import shutil

    path, plugins = finished
    shutil.copytree(path, tmp_path / "run")
    (tmp_path / "run" / "model" / "model.skops").write_bytes(b"other")
    with pytest.raises(BadInput, match="is not what the run wrote"):
        evenhand.load(tmp_path / "run", plugins)


def test_images_of_a_folder_are_scored(tmp_path):
    plugins = load_plugins({"toy_images": toy_images})
    path = evenhand.run(toy_images.recipes()[0].full_name, plugins=plugins, out=tmp_path / "run").path
    scorer = evenhand.load(path, plugins)
    test = toy_images.load_data(scorer.recipe, None).test
    recorded = pl.read_parquet(path / "predictions.parquet")
    frame = pl.from_arrow(test.with_format("arrow")[:]).select(scorer.recipe.schema.input[0])
    np.testing.assert_allclose(scorer.table(frame)["score"], recorded["score"], atol=1e-6)


@pytest.mark.slow
def test_scores_from_the_command_line_can_be_audited_at_once(evenhand, install, finished, tmp_path):
    env = install("toy_tables", "toy_tables", PLUGINS)
    new_rows().write_csv(tmp_path / "new.csv")
    done = evenhand("predict", finished[0], "--data", "new.csv", env=env)
    assert done.returncode == 0, done.stderr
    assert "300 rows scored" in done.stdout
    assert "columns: repaid, sex, region, customer, prediction, score" in done.stdout
    audited = evenhand("audit", "new-scored.parquet", "--label", "repaid", "--score", "score", "--sensitive", "sex")
    assert audited.returncode == 0, audited.stderr
    told = evenhand("predict", finished[0], "--data", "new.csv", "--out", "scored.csv", "--json", env=env)
    assert json.loads(told.stdout)["rows"] == 300
    assert pl.read_csv(tmp_path / "scored.csv").height == 300


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "gone.csv"), "gone.csv does not exist"),
        (("--data", "new.csv", "--out", "scores.xlsx"), "neither Parquet nor CSV"),
        (("--data", "new.csv", "--out", "new.csv"), "is the data itself"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(evenhand, install, finished, tmp_path, arguments, says):
    new_rows(30).write_csv(tmp_path / "new.csv")
    done = evenhand("predict", finished[0], *arguments, env=install("toy_tables", "toy_tables", PLUGINS))
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]


def test_a_folder_that_is_no_run_is_refused(evenhand, tmp_path):
    new_rows(30).write_csv(tmp_path / "new.csv")
    done = evenhand("predict", tmp_path, "--data", "new.csv")
    assert done.returncode == 2
    assert "is not the directory of a finished run" in done.stderr


@pytest.mark.slow
def test_predict_that_was_killed_goes_on_and_ends_with_the_same_file(install, finished, tmp_path):
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    pl.concat([new_rows(2_000)] * 120).write_parquet(tmp_path / "new.parquet")

    def command(name):
        line = [sys.executable, "-m", "evenhand", "predict", str(finished[0]), "--data", str(tmp_path / "new.parquet")]
        return [*line, "--out", str(tmp_path / name)]

    assert subprocess.run(command("calm.parquet"), env=env, check=False).returncode == 0
    parts = tmp_path / ".killed.parquet.parts"
    process = subprocess.Popen(command("killed.parquet"), env=env, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(parts.glob("0*.parquet")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed.parquet").exists()
    first = next(iter(sorted(parts.glob("0*.parquet"))))
    before = first.stat().st_mtime_ns
    again = subprocess.Popen(command("killed.parquet"), env=env, stderr=subprocess.DEVNULL)
    seen = set()
    while again.poll() is None:
        if first.exists():
            seen.add(first.stat().st_mtime_ns)
        time.sleep(0.005)
    assert again.returncode == 0
    assert seen <= {before}, "a batch that was there was scored again"
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "calm.parquet").read_bytes()
    assert not parts.exists()
