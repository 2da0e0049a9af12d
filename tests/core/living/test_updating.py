"""Learning goes on: what an update does to old and new rows, and what it refuses to learn from."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_stream
from hypothesis import given
from hypothesis import strategies as st

import evenhand
import toy_images
import toy_own
from evenhand import BadInput
from evenhand.adapting.probe import Head, softmax
from evenhand.extending.discovering import load
from evenhand.living.promoting import proven_worse
from evenhand.living.updating import heads
from evenhand.living.updating.buffer import buffer_rows

PLUGINS = load({"toy_stream": toy_stream, "toy_images": toy_images, "toy_own": toy_own})
WIDE = 0.9  # a margin that refuses nobody


def written(path, start, days, seed, **changes):
    pl.DataFrame(toy_stream.rows(start, days, seed) | changes).write_csv(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run on sixty days, and rows of the sixty days from day 100 on."""
    folder = tmp_path_factory.mktemp("update")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        old = written(folder / "old.csv", 0, 60, 1)
        written(folder / "new.csv", 100, 60, 2)
        evenhand.run("toy_stream/loans", data=old, out=folder / "run", plugins=PLUGINS)
    return folder


@pytest.fixture(scope="module")
def found(place):
    """The update by every strategy; nothing is promoted."""
    return evenhand.update(place / "run", place / "new.csv", out=place / "all", plugins=PLUGINS)


@pytest.fixture
def run(place, tmp_path):
    """A copy of the run that a test may promote over."""
    shutil.copytree(place / "run", tmp_path / "run")
    return tmp_path / "run"


def updated(place, run, **asked):
    return evenhand.update(
        run, place / "new.csv", **{"strategy": "finetune", "margin": WIDE, "plugins": PLUGINS, **asked}
    )


def test_learning_new_rows_gains_there_and_forgets_the_old_and_a_pull_forgets_less(found):
    told = found.found["transfers"]
    assert set(told) == {"finetune", "replay", "l2-sp", "ewc", "retrain"}
    assert told["finetune"]["gained"]["merit"]["lower"] > 0
    assert told["finetune"]["backward"]["merit"]["upper"] < 0
    for gentler in ("replay", "l2-sp", "ewc", "retrain"):
        assert told[gentler]["backward"]["merit"]["change"] > told["finetune"]["backward"]["merit"]["change"]


def test_transfers_are_differences_of_what_the_audits_say(found):
    def auc(name):
        return json.loads((found.path / "measured" / f"{name}.json").read_text())["overall"]["auc"]["value"]

    told, models = found.found["transfers"]["replay"], found.found["models"]
    assert told["backward"]["merit"]["change"] == pytest.approx(auc("old-replay") - auc("old-champion"))
    assert told["gained"]["merit"]["change"] == pytest.approx(auc("new-replay") - auc("new-champion"))
    assert told["forward"]["merit"] == pytest.approx(auc("new-champion") - 0.5)
    assert told["forward"]["gap"] == pytest.approx(models["champion"]["gap_new"] - models["champion"]["gap_old"])
    assert told["backward"]["gap"]["second"] == pytest.approx(models["replay"]["gap_old"], abs=1e-9)


def test_the_choice_is_by_validation_rows_and_test_labels_change_nothing_in_it(place, found, tmp_path):
    losses = json.loads((found.path / "choice.json").read_text())
    assert losses["chosen"] == min(losses["log_loss"], key=lambda name: sum(losses["log_loss"][name].values()))
    frame = pl.read_csv(place / "new.csv").sort("day")
    last = frame.height - round(frame.height * 0.2)  # the recipe's share of the latest rows
    spoilt = frame.with_row_index("n").with_columns(
        pl.when(pl.col("n") >= last).then(1 - pl.col("repaid")).otherwise(pl.col("repaid")).alias("repaid")
    )
    spoilt.drop("n").write_csv(tmp_path / "spoilt.csv")
    again = evenhand.update(
        place / "run", tmp_path / "spoilt.csv", strategy="finetune", out=tmp_path / "o", plugins=PLUGINS
    )
    chosen = json.loads((again.path / "choice.json").read_text())["log_loss"]
    assert chosen["finetune"] == losses["log_loss"]["finetune"]
    assert again.found["models"]["finetune"]["new"] != found.found["models"]["finetune"]["new"]


def test_the_new_period_is_tested_on_its_last_days(found):
    days = pl.read_parquet(found.path / "predictions.parquet")["day"]
    assert days.min() >= 100 + 60 * 0.8 - 1
    assert "baseline_champion" in pl.read_parquet(found.path / "predictions.parquet").columns


def test_the_folder_is_read_like_a_runs(found, place, tmp_path):
    scorer = evenhand.load(found.path, PLUGINS)
    assert len(scorer.predict(place / "new.csv")) == 1200
    assert evenhand.verify(found.path).equal
    evenhand.report(found.path, plugins=PLUGINS, out=tmp_path / "again")
    pages = [(folder / "report.html").read_text().split('id="main"')[1] for folder in (found.path, tmp_path / "again")]
    assert pages[0].split("Strategies")[0] == pages[1].split("Strategies")[0]
    assert all("What the update does" in page and "forward transfer" in page for page in pages)


def test_an_update_that_leaves_somebody_proven_worse_is_refused_with_the_numbers(run, place):
    asked = updated(place, run, margin=0.0, promote=True)
    assert asked.verdict == "refused"
    assert asked.exit_code() == 1
    assert not asked.promoted
    assert not (run / "history.json").exists()
    assert "old period: auc" in str(asked)
    assert evenhand.promoted(run) == run


def test_promotion_and_rollback_are_signed_lines_and_no_model_goes(run, place):
    asked = updated(place, run, promote=True)
    assert asked.promoted
    assert asked.exit_code() == 0
    assert evenhand.promoted(run) == asked.path
    assert evenhand.verify(run).equal
    back = evenhand.rollback(run)
    assert (back.before, back.now) == (asked.path, run)
    assert evenhand.promoted(run) == run
    lines = json.loads((run / "history.json").read_text())["lines"]
    assert [line["action"] for line in lines] == ["promote", "roll back"]
    assert (asked.path / "model" / "model.json").exists()
    with pytest.raises(BadInput, match="nothing to roll back"):
        evenhand.rollback(run)


def test_a_promoted_model_is_what_the_next_update_starts_from(run, place, tmp_path):
    first = updated(place, run, promote=True)
    same = updated(place, run, promote=True)
    assert same.path == first.path
    assert "stands for" in str(same)
    assert same.exit_code() == 0
    later = written(tmp_path / "later.csv", 200, 30, 3)
    second = evenhand.update(run, later, strategy="replay", margin=WIDE, promote=True, plugins=PLUGINS)
    inputs = json.loads((second.path / "manifest.json").read_text())["inputs"]
    assert inputs["champion"] == str(first.path)
    assert len(inputs["earlier"]) == 2
    assert second.found["rows"]["old_test"] == 480, "the test rows of both earlier periods"
    evenhand.rollback(run)
    assert evenhand.promoted(run) == first.path
    with pytest.raises(BadInput, match="is an update of .* name that run"):
        evenhand.update(first.path, later, strategy="replay", promote=True, plugins=PLUGINS)


def edited(history):
    history["lines"][0]["to"] = "."


def cut(history):
    del history["lines"][-1]


def cut_first(history):
    del history["lines"][0]


def emptied(history):
    history["lines"] = []


@pytest.mark.parametrize("spoil", [edited, cut, cut_first, emptied])
def test_a_history_that_was_edited_or_cut_is_found(run, place, spoil):
    updated(place, run, promote=True)
    evenhand.rollback(run)
    history = json.loads((run / "history.json").read_text())
    spoil(history)
    (run / "history.json").write_text(json.dumps(history))
    with pytest.raises(BadInput, match="cannot be trusted"):
        evenhand.promoted(run)
    assert not evenhand.verify(run).equal


def test_an_old_copy_of_a_history_and_another_key_are_found(run, place, tmp_path, monkeypatch):
    updated(place, run, promote=True)
    copy = (run / "history.json").read_bytes()
    evenhand.rollback(run)
    now = (run / "history.json").read_bytes()
    (run / "history.json").write_bytes(copy)
    with pytest.raises(BadInput, match="once had 2 lines here"):
        evenhand.promoted(run)
    (run / "history.json").write_bytes(now)
    assert Path(os.environ["EVENHAND_KEY"]).stat().st_mode & 0o777 == 0o600
    Path(os.environ["EVENHAND_KEY"]).chmod(0o644)
    with pytest.raises(BadInput, match="can be read by others"):
        evenhand.promoted(run)
    monkeypatch.setenv("EVENHAND_KEY", str(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"its key .* cannot be read"):
        evenhand.promoted(run)


def test_a_promoted_model_that_was_changed_is_not_served(run, place):
    asked = updated(place, run, promote=True)
    (asked.path / "model" / "model.json").write_text("{}")
    with pytest.raises(BadInput, match="does not hold the model that was promoted"):
        evenhand.promoted(run)
    evenhand.rollback(run)
    assert evenhand.promoted(run) == run


def test_two_writers_of_a_history_are_refused(run, place):
    from evenhand.recorded.writing import take_lock

    with take_lock(run), pytest.raises(BadInput, match="another evenhand run is writing"):
        updated(place, run, promote=True)


def constant(rows):
    return dict(rows, repaid=[1] * len(rows["repaid"]))


def unknown(rows):
    return dict(rows, repaid=["perhaps", *rows["repaid"][1:]])


@pytest.mark.parametrize(
    ("start", "change", "says"),
    [
        (-90, dict, "no row of .* is later than the run's own data by 'day'"),
        (100, lambda rows: {k: v for k, v in rows.items() if k != "debt"}, "column 'debt' is not in"),
        (100, lambda rows: {k: v[:0] for k, v in rows.items()}, "has no rows|cannot be read|empty"),
        (100, constant, "one class|schema.positive"),
    ],
)
def test_rows_that_cannot_follow_are_refused(place, tmp_path, start, change, says):
    pl.DataFrame(change(toy_stream.rows(start, 60, 5))).write_csv(tmp_path / "bad.csv")
    with pytest.raises(BadInput, match=says):
        evenhand.update(place / "run", tmp_path / "bad.csv", out=tmp_path / "out", plugins=PLUGINS)
    assert not (tmp_path / "out").exists()


def test_the_same_rows_again_rows_that_overlap_and_old_rows_that_are_gone_are_told(place, tmp_path):
    with pytest.raises(BadInput, match="the very rows that"):
        evenhand.update(place / "run", place / "old.csv", out=tmp_path / "out", plugins=PLUGINS)
    half = written(tmp_path / "half.csv", 30, 90, 1)
    found = evenhand.update(place / "run", half, strategy="finetune", out=tmp_path / "o", plugins=PLUGINS)
    notes = json.loads((found.path / "data.json").read_text())["notes"]
    assert "left out of the new rows, being not after the last of the run's (by 'day'): 600" in notes
    shutil.copytree(place / "run", tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["inputs"]["source"] = str(tmp_path / "gone.csv")
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="not there any more; name it with --source"):
        evenhand.update(tmp_path / "run", place / "new.csv", plugins=PLUGINS)
    with pytest.raises(BadInput, match="is not the data that"):
        evenhand.update(tmp_path / "run", place / "new.csv", source=half, plugins=PLUGINS)
    asked = {"strategy": "finetune", "source": place / "old.csv", "out": tmp_path / "moved", "plugins": PLUGINS}
    assert evenhand.update(tmp_path / "run", place / "new.csv", **asked).chosen in ("finetune", "champion")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"strategy": "sgd"}, "there is no strategy 'sgd'; there are finetune"),
        ({"buffer": 0}, "keeps nothing"),
        ({"margin": -0.1}, "no share"),
    ],
)
def test_what_is_asked_wrongly_is_refused(place, asked, says):
    with pytest.raises(BadInput, match=says):
        evenhand.update(place / "run", place / "new.csv", plugins=PLUGINS, **asked)


def test_a_run_of_another_version_is_refused(run, place):
    manifest = json.loads((run / "manifest.json").read_text()) | {"version": 99}
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="has version 99"):
        updated(place, run)


def test_a_model_without_gradients_is_fitted_anew_and_the_rest_is_left_out_with_the_reason(tmp_path):
    out = tmp_path / "run"
    evenhand.run("toy_own/leak", data=_pipes(tmp_path / "old.csv", 0), out=out, plugins=PLUGINS)
    new = _pipes(tmp_path / "new.csv", 1)
    found = evenhand.update(out, new, buffer=50, plugins=PLUGINS)
    assert set(found.found["transfers"]) == {"replay", "retrain"}
    assert "left out: finetune, l2-sp, ewc, since the model (NearestCentre) has no weights" in str(found)
    assert "50 old ones" in found.found["models"]["replay"]["how"]
    with pytest.raises(BadInput, match="the strategy ewc cannot update this run"):
        evenhand.update(out, new, strategy="ewc", plugins=PLUGINS)


def _pipes(path, seed):
    pl.DataFrame(toy_own.readings(seed)).write_csv(path)
    return path


@pytest.mark.slow
def test_pictures_are_learnt_on_by_their_head(tmp_path):
    old, new = (toy_images.photograph(tmp_path / name, seed) for name, seed in (("old", 0), ("new", 1)))
    evenhand.run("toy_images/spots", data=old, out=tmp_path / "run", plugins=PLUGINS)
    found = evenhand.update(tmp_path / "run", new, plugins=PLUGINS)
    assert set(found.found["transfers"]) == {"finetune", "replay", "l2-sp", "ewc", "retrain"}
    assert evenhand.verify(found.path).equal


@pytest.mark.slow
@pytest.mark.parametrize("left", ["none", "l2-sp"])
def test_a_network_is_trained_on_from_its_weights(tmp_path, left):
    old, new = (toy_images.photograph(tmp_path / name, seed) for name, seed in (("old", 0), ("new", 1)))
    settings = ["finetune.strategy=full", "finetune.epochs=1"]
    evenhand.run("toy_images/spots", data=old, settings=settings, out=tmp_path / "run", plugins=PLUGINS)
    found = evenhand.update(tmp_path / "run", new, strategy="all" if left == "none" else left, plugins=PLUGINS)
    assert found.found["transfers"]
    before = evenhand.load(tmp_path / "run", PLUGINS).adapted.model.network.state_dict()
    from evenhand.adapting.store import load_model

    scorer = evenhand.load(tmp_path / "run", PLUGINS)
    one = load_model(
        found.path / "candidate-l2-sp", scorer.recipe, PLUGINS.backbone(scorer.recipe.backbone), "toy_images"
    )
    moved = max(float((one.model.network.state_dict()[k].float() - v.float()).abs().max()) for k, v in before.items())
    assert moved > 0


def blobs(rows=200, width=3, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, rows)
    return (rng.normal(size=(rows, width)) + targets[:, None]).astype(np.float32), targets


START = Head(np.arange(9, dtype=np.float32).reshape(3, 3) / 10, np.array([0.1, 0.0, -0.1], np.float32), 1.0)


def test_a_pull_without_end_moves_nothing_and_none_is_a_plain_fit():
    seen, targets = blobs()
    held = heads.pulled(START, seen, targets, 1e6, heads.evenly(START))
    assert np.allclose(held.weight, START.weight, atol=1e-4)
    free = heads.pulled(START, seen, targets, 0.0, heads.evenly(START))
    slope = (softmax(free.logits(seen)) - np.eye(3)[targets]).T @ seen / len(seen)
    assert np.abs(slope).max() < 1e-3, "at the least loss the gradient is zero"


def test_what_old_rows_hang_on_is_held_and_the_rest_is_free():
    seen, targets = blobs()
    old = np.zeros_like(seen)
    old[:, 0] = np.linspace(-3, 3, len(old))
    centred = seen - seen.mean(0)
    importance = heads.fisher(START, old - old.mean(0) + seen.mean(0), seen)
    found = heads.pulled(START, seen, targets, 3.0, importance)
    moved = np.abs(found.weight - START.weight).mean(0)
    assert centred.shape == seen.shape
    assert importance.mean() == pytest.approx(1)
    assert moved[0] < moved[1:].min()


def test_a_class_without_new_rows_keeps_its_weights():
    seen, targets = blobs()
    kept = targets < 2
    found = heads.refitted(START, seen[kept], targets[kept])
    assert (found.weight[2] == START.weight[2]).all()
    assert (found.weight[:2] != START.weight[:2]).any()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(1, 250), st.integers(0, 3))
def test_a_buffer_has_the_stated_size_and_no_stratum_is_lost_where_there_is_room(of, size, seed):
    of = np.unique(of, return_inverse=True)[1]
    kept = buffer_rows(of, size, seed)
    assert len(kept) == min(size, len(of)) == len(set(kept.tolist()))
    assert (np.diff(kept) > 0).all()
    if size >= len(set(of.tolist())):
        assert set(of[kept].tolist()) == set(of.tolist())


def change(better, lower, upper, metric="tpr"):
    figures = {"first": 0.5, "second": 0.4, "lower_simultaneous": lower, "upper_simultaneous": upper}
    return {"attribute": "sex", "group": "f", "metric": metric, "better": better, **figures}


@pytest.mark.parametrize(
    ("one", "margins", "refused"),
    [
        (change("higher", -0.3, -0.1), {}, True),
        (change("higher", -0.3, -0.1), {"tpr": 0.1}, False),
        (change("higher", -0.3, 0.01), {}, False),
        (change("lower", 0.1, 0.3), {}, True),
        (change("lower", 0.1, 0.3), {"tpr": 0.05}, True),
        (change("lower", -0.3, -0.1), {}, False),
        (change("", 0.1, 0.3), {}, False),
        (change("higher", None, None), {}, False),
    ],
)
def test_a_group_is_worse_where_the_whole_interval_is_beyond_the_margin(one, margins, refused):
    assert bool(proven_worse({"new": {"changes": [one]}}, margins)) is refused


COMMAND = [sys.executable, "-m", "evenhand", "update"]


@pytest.mark.slow
def test_an_update_killed_again_and_again_ends_with_equal_bytes(place, found, install, tmp_path):
    env = {**os.environ, **install("toy_stream", "toy_stream", Path(toy_stream.__file__).parent)}
    line = [*COMMAND, str(place / "run"), "--data", str(place / "new.csv")]
    calm = subprocess.run(
        [*line, "--out", str(tmp_path / "calm")], env=env, capture_output=True, text=True, check=False
    )
    assert calm.returncode in (0, 1), calm.stderr
    rng, struck = random.Random(3), 0
    for _ in range(5):
        process = subprocess.Popen([*line, "--out", str(tmp_path / "k")], env=env, stderr=subprocess.DEVNULL)
        time.sleep(3 + rng.random() * 8)
        struck += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert struck >= 2
    last = subprocess.run([*line, "--out", str(tmp_path / "k")], env=env, capture_output=True, text=True, check=False)
    assert last.returncode == calm.returncode, last.stderr
    for name in ("choice.json", "predictions.parquet", "audit.json", "evaluation.json"):
        assert (tmp_path / "k" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes(), name
    for file in (tmp_path / "calm" / "measured").iterdir():
        assert (tmp_path / "k" / "measured" / file.name).read_bytes() == file.read_bytes(), file.name
    assert not list((tmp_path / "k").glob(".tmp-*"))


@pytest.mark.slow
def test_the_commands_promote_score_with_the_promoted_and_roll_back(place, install, evenhand, tmp_path):
    env = install("toy_stream", "toy_stream", Path(toy_stream.__file__).parent)
    shutil.copytree(place / "run", tmp_path / "run")
    line = ("update", "run", "--data", place / "new.csv", "--strategy", "finetune")
    refused = evenhand(*line, "--promote", env=env)
    assert refused.returncode == 1, refused.stderr
    assert "proven worse" in refused.stdout
    done = evenhand(*line, "--promote", "--margin", WIDE, env=env)
    assert done.returncode == 0, done.stderr
    assert "promoted: run-updated-" in done.stdout
    scored = evenhand("predict", "run", "--data", place / "new.csv", "--promoted", "--out", "a.csv", env=env)
    assert "model: run-updated-" in scored.stderr
    plain = evenhand("predict", "run", "--data", place / "new.csv", "--out", "b.csv", env=env)
    assert "--promoted scores with the model that stands for it" in plain.stderr
    assert (tmp_path / "a.csv").read_text() != (tmp_path / "b.csv").read_text()
    back = evenhand("rollback", "run", env=env)
    assert back.returncode == 0
    assert "rolled back: run stands for run again" in back.stdout
    again = evenhand("rollback", "run", env=env)
    assert again.returncode == 2
