"""Watching a model at work: what is counted once, what alarms, what labels prove, what is proposed and refused."""

import datetime as dt
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_labels
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_bert import tiny_bert

import evenhand
import toy_images
import toy_tables
import toy_writes
from evenhand import BadInput
from evenhand.extending.discovering import load
from evenhand.living.monitoring.drift import chi_square, drift, share_p
from evenhand.living.monitoring.estimating import Calibrated, by_confidence, by_weights
from evenhand.living.monitoring.judging import LEVEL, level_of
from evenhand.living.monitoring.proposing import Context, new_threshold, proposal
from evenhand.living.monitoring.sequences import limits, p_value
from evenhand.living.monitoring.windows import KEY, TIME, Size, cut_by_time
from evenhand.living.sites.candidates import CANDIDATES
from evenhand.living.sites.choosing import ADAPT, UNDECIDED, Choice
from evenhand.living.sites.evidence import Gain

PLUGINS = load({"toy_tables": toy_tables})
START = dt.datetime(2026, 1, 1)
TOYS = Path(toy_tables.__file__).parent


@pytest.fixture(scope="module")
def run(run_apart):
    """A model of loans, from 900 applicants."""
    return run_apart("toy_tables/loan", plugins=PLUGINS).path


def at_work(seed, days=3, start=START, rows=600):
    """Applicants as `evenhand serve` would log them, evenly over some days."""
    frame = pl.DataFrame(toy_tables.applicants(seed, rows))
    times = [start + dt.timedelta(minutes=i * 1440 * days // rows) for i in range(rows)]
    names = [f"{seed}-{i}" for i in range(rows)]
    return frame.with_columns(pl.Series("time", times), pl.Series("request", names), pl.lit(0).alias("row"))


def watch(run, data, out, **more):
    return evenhand.monitor(run, data, out=out, plugins=PLUGINS, **more)


def kept(folder):
    """Everything that a history keeps, byte for byte; the manifest tells seconds."""
    names = [*sorted((folder / "windows").iterdir()), *(folder / n for n in ("labels.parquet", "labelled.json"))]
    return {path.name: path.read_bytes() for path in [*names, folder / "reference.parquet", folder / "proposal.json"]}


def test_rows_like_those_of_the_run_give_no_alarm_and_nothing_to_do(run, tmp_path):
    found = watch(run, at_work(11), tmp_path / "seen")
    assert found.exit_code() == 0
    assert found.proposal["action"] == "nothing"
    assert found.windows()["name"].to_list() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert found.windows()["rows"].sum() == 600


def test_the_same_rows_again_are_said_and_counted_once(run, tmp_path):
    watch(run, at_work(11), tmp_path / "seen")
    before = kept(tmp_path / "seen")
    again = watch(run, at_work(11), tmp_path / "seen")
    assert "600 rows of 3 windows were seen before; nothing is counted twice" in str(again)
    assert kept(tmp_path / "seen") == before


def test_a_later_call_appends_and_leaves_what_was_judged(run, tmp_path):
    out = tmp_path / "seen"
    watch(run, at_work(11), out)
    first = {path.name: path.read_bytes() for path in (out / "windows").iterdir()}
    found = watch(run, at_work(12, start=START + dt.timedelta(days=3)), out)
    assert found.windows().height == 6
    assert {name: (out / "windows" / name).read_bytes() for name in first} == first
    assert json.loads((out / "windows" / "2026-01-04.json").read_text())["number"] == 4


def test_rows_that_come_after_their_window_was_judged_are_said_and_not_counted(run, tmp_path):
    rows = at_work(11)
    watch(run, rows[:500], tmp_path / "seen")
    late = watch(run, rows, tmp_path / "seen")
    assert "100 rows came after their window was judged, and are not counted" in str(late)


def test_a_window_that_is_not_over_waits(run, tmp_path):
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    rows = at_work(11, start=now - dt.timedelta(minutes=1), days=1)
    found = watch(run, pl.concat([at_work(12), rows]), tmp_path / "seen")
    assert "lie in a window of 1d that is not over, and wait" in str(found)
    assert found.windows()["name"].to_list()[:3] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_an_empty_window_between_others_is_said(run, tmp_path):
    rows = at_work(11, days=4).filter(pl.col("time").dt.day() != 2)
    assert "the window 2026-01-02 is empty" in str(watch(run, rows, tmp_path / "seen"))


def test_windows_of_rows_wait_until_they_are_whole_and_know_rows_without_a_name(run, tmp_path):
    out, rows = tmp_path / "seen", pl.DataFrame(toy_tables.applicants(11, 500))
    first = watch(run, rows[:430], out, window="200 rows")
    assert "30 rows wait for a window of 200 rows to be whole" in str(first)
    second = watch(run, rows, out)
    assert "400 rows of 2 windows were seen before" in str(second)
    assert second.windows().height == 2
    third = watch(run, pl.concat([rows, pl.DataFrame(toy_tables.applicants(12, 100))]), out)
    assert third.windows()["name"].to_list() == ["rows-000001", "rows-000002", "rows-000003"]


def test_a_planted_shift_is_an_alarm_that_names_its_column(run, tmp_path):
    rows = at_work(11).with_columns(pl.col("income") * 0.5)
    found = watch(run, rows, tmp_path / "seen")
    assert found.exit_code() == 1
    drifted = {alarm["what"] for alarm in found.alarms if alarm["kind"] == "input"}
    assert drifted == {"income"}, "and no other input"
    assert "the model's score" in {alarm["what"] for alarm in found.alarms if alarm["kind"] == "score"}


def test_a_group_that_comes_no_more_and_one_that_is_new_are_named(run, tmp_path):
    rows = at_work(11).with_columns(pl.when(pl.col("sex") == "f").then(pl.lit("x")).otherwise("sex").alias("sex"))
    said = str(watch(run, rows, tmp_path / "seen"))
    assert "f (sex) is missing: none of the rows" in said
    assert "x (sex) is new" in said


def test_rows_are_scored_unless_they_bring_scores(run, tmp_path):
    rows = at_work(11)
    said = evenhand.load(run, PLUGINS).table(rows.drop("time", "request", "row")).select("prediction", "score")
    brought = pl.concat([rows, said], how="horizontal")
    watch(run, rows, tmp_path / "asked")
    watch(run, brought, tmp_path / "brought")
    names = ["2026-01-01.json", "2026-01-03.json", "2026-01-02.parquet"]
    assert [(tmp_path / "asked" / "windows" / n).read_bytes() for n in names] == [
        (tmp_path / "brought" / "windows" / n).read_bytes() for n in names
    ]
    without_inputs = brought.drop("income", "debt", "job")
    found = watch(run, without_inputs, tmp_path / "no inputs")
    columns = json.loads((tmp_path / "no inputs" / "windows" / "2026-01-01.json").read_text())["columns"]
    assert [one["column"] for one in columns] == ["the model's score", "the prediction"]
    assert found.exit_code() == 0


def flipped(rows):
    return rows.with_columns((1 - pl.col("repaid")).alias("repaid"))


def test_labels_that_contradict_the_model_are_proven_worse_and_an_update_is_proposed(run, tmp_path):
    found = watch(run, flipped(at_work(11)), tmp_path / "seen")
    assert "accuracy is proven worse than the run's" in str(found)
    assert found.proposal["proven"]
    assert found.proposal["action"] in ("recalibrate", "update", "adapt")
    assert max(gain["lower"] for gain in found.proposal["gains"].values()) > 0.1
    assert found.exit_code() == 1


def test_labels_that_come_later_join_by_request_and_row_and_tell_their_delay(run, tmp_path):
    rows, out = at_work(11), tmp_path / "seen"
    first = watch(run, rows.drop("repaid"), out)
    assert first.found["labelled"] == 0
    late = flipped(rows).select("request", "row", "repaid", pl.col("time") + pl.duration(days=5))
    late.write_parquet(tmp_path / "late.parquet")
    again = watch(run, rows.drop("repaid"), out, labels_late=tmp_path / "late.parquet")
    told = json.loads((out / "labelled.json").read_text())
    assert again.found["labelled"] == told["labelled"] == 600
    assert [one["delay_days"] for one in told["windows"]] == [5.0, 5.0, 5.0]
    assert "accuracy is proven worse" in str(again)
    assert watch(run, rows.drop("repaid"), out).found["labelled"] == 600, "labels are kept"


def test_labels_of_rows_that_nobody_saw_are_said(run, tmp_path):
    rows = at_work(11)
    late = rows.select(pl.lit("nobody").alias("request"), "row", "repaid")[:1]
    late.write_parquet(tmp_path / "late.parquet")
    found = watch(run, rows.drop("repaid"), tmp_path / "seen", labels_late=tmp_path / "late.parquet")
    assert "1 of 1 labels belong to no row of the history" in str(found)


def test_the_report_begins_with_the_proposal_and_escapes_what_rows_say(run, tmp_path):
    rows = at_work(11).with_columns(pl.lit("<script>alert(1)</script>").alias("sex"))
    page = watch(run, rows, tmp_path / "seen").report.read_text()
    assert page.index('id="proposal"') < page.index('id="alarms"') < page.index('id="performance"')
    assert "<script>alert(1)" not in page
    assert page.count("<svg") >= 4


def test_a_history_is_verified_and_one_that_was_touched_is_not(run, tmp_path):
    out = tmp_path / "seen"
    watch(run, at_work(11), out)
    assert "verified: what was written is as it was" in str(evenhand.verify(out))
    file = out / "windows" / "2026-01-02.json"
    file.write_text(file.read_text().replace('"alarms": []', '"alarms": [1]'))
    assert not evenhand.verify(out).equal


def test_a_few_rows_are_kept_and_not_judged_which_strict_tells(run, tmp_path):
    found = watch(run, at_work(11)[:12], tmp_path / "seen")
    assert found.exit_code() == 0
    assert found.exit_code(strict=True) == 3


def test_without_labels_the_proposal_says_that_nothing_is_proven(run, tmp_path):
    found = watch(run, at_work(11).with_columns(pl.col("income") * 0.5).drop("repaid"), tmp_path / "seen")
    assert found.proposal["action"] == "update"
    assert not found.proposal["proven"]
    assert found.proposal["why"] == "no labels to prove it"
    assert found.proposal["command"].startswith("evenhand update ")


def test_a_folder_of_parquet_files_is_one_log(run, tmp_path):
    rows, log = at_work(11), tmp_path / "log" / "2026"
    log.mkdir(parents=True)
    rows[:250].write_parquet(log / "a.parquet")
    rows[240:].write_parquet(log / "b.parquet")
    found = watch(run, tmp_path / "log", tmp_path / "seen")
    assert found.found["rows"] == 600
    assert "10 rows were given twice and are counted once" in str(found)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda rows, at: cut_off(rows, at), "b.parquet is a Parquet file that was cut off"),
        (lambda rows, at: rows.clear(), "has no rows"),
        (lambda rows, at: rows.drop("debt"), "'debt'"),
        (lambda rows, at: rows.with_columns(pl.lit("soon").alias("time")), "holds 'soon' in row 1, which is no time"),
        (lambda rows, at: rows.with_columns(pl.lit(7).alias("repaid")), "the label '7'"),
        (lambda rows, at: rows.with_columns(pl.lit(None).alias("request")), "is empty in row 1, and names rows"),
        (lambda rows, at: rows.with_columns(prediction=pl.lit(1), score=pl.lit(3.0)), "not what this model says"),
    ],
)
def test_rows_that_cannot_be_watched_are_refused_in_a_sentence(run, tmp_path, spoil, says):
    with pytest.raises(BadInput, match=says.replace("(", r"\(")):
        watch(run, spoil(at_work(11), tmp_path), tmp_path / "seen")
    assert not (tmp_path / "seen" / "manifest.json").exists() or not list((tmp_path / "seen").glob("windows/*.json"))


def test_what_a_server_logged_of_another_model_is_left_out(run, tmp_path):
    identity = json.loads((run / "manifest.json").read_text())["identity"]
    rows = at_work(11).with_columns(
        pl.when(pl.int_range(pl.len()) < 450).then(pl.lit(identity)).otherwise(pl.lit("its successor")).alias("model")
    )
    found = watch(run, rows, tmp_path / "seen")
    assert "150 rows were logged by another model, and are left out" in str(found)
    assert found.found["rows"] == 450
    with pytest.raises(BadInput, match="was logged by another model"):
        watch(run, rows.with_columns(pl.lit("its successor").alias("model")), tmp_path / "other")


def test_a_log_without_anybodys_groups_says_nothing_of_groups(run, tmp_path):
    rows = at_work(11).with_columns(pl.lit(None, dtype=pl.String).alias("sex"), pl.lit(None).alias("region"))
    found = watch(run, rows, tmp_path / "seen")
    assert not found.alarms
    assert "The rows bring no group that the run knows" in found.report.read_text()


@given(st.lists(st.integers(0, 10 * 86_400), min_size=1, max_size=80), st.sampled_from(["1d", "6h", "30m", "1w"]))
def test_every_row_is_in_one_window_of_its_time_or_waits(seconds, size):
    times = [START.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=s) for s in seconds]
    rows = pl.DataFrame({TIME: times, KEY: [str(i) for i in range(len(times))]})
    now = START.replace(tzinfo=dt.UTC) + dt.timedelta(days=7, hours=5)
    cut = cut_by_time(rows, Size.parse(size), now)
    assert sum(window.rows.height for window in cut.whole) + cut.waiting == rows.height
    names = [window.name for window in cut.whole]
    assert names == sorted(set(names))
    for window in cut.whole:
        start, end = dt.datetime.fromisoformat(window.start), dt.datetime.fromisoformat(window.end)
        assert all(start <= time < end for time in window.rows[TIME])
        assert end <= now


def candidates_choice(name, verdict=ADAPT, lower=0.02):
    chosen = next(one for one in CANDIDATES if one.name == name)
    return Choice(verdict, chosen, CANDIDATES, {name: Gain(0.05, lower, 0.08, 0.01)}, {}, {}, ("why",))


def test_what_is_proven_decides_what_is_proposed():
    settings = {"command": "evenhand run a/b --set audit.threshold=0.4", "diff": ["- audit.threshold = 0.5"]}
    context = Context(Path("runs/a run"), "new.csv", True, settings)
    alarm = [{"kind": "score"}]
    actions = {name: proposal(alarm, candidates_choice(name), "", context) for name in ("platt", "pool", "probe")}
    assert {name: made["action"] for name, made in actions.items()} == {
        "platt": "recalibrate",
        "pool": "update",
        "probe": "adapt",
    }
    assert actions["platt"]["command"] == settings["command"]
    assert actions["platt"]["diff"] == settings["diff"]
    assert actions["pool"]["command"] == "evenhand update 'runs/a run' --data new.csv"
    assert proposal([], candidates_choice("pool"), "", context)["action"] == "nothing"
    assert proposal(alarm, candidates_choice("pool", UNDECIDED, -0.1), "", context)["action"] == "nothing"
    few = proposal(alarm, Choice(UNDECIDED, CANDIDATES[0], CANDIDATES, {}, {}, {}, ("few",)), "3 labels", context)
    assert (few["action"], few["proven"], few["why"]) == ("recalibrate", False, "3 labels")


def cut_off(rows, folder):
    (folder / "log").mkdir()
    rows.write_parquet(folder / "log" / "a.parquet")
    (folder / "log" / "b.parquet").write_bytes((folder / "log" / "a.parquet").read_bytes()[:-200])
    return folder / "log"


def test_what_is_asked_wrongly_is_refused_in_a_sentence(run, tmp_path):
    rows, out = at_work(11), tmp_path / "seen"
    with pytest.raises(BadInput, match="write 1d, 6h"):
        watch(run, rows, out, window="a fortnight")
    with pytest.raises(BadInput, match="no column of times"):
        watch(run, rows.drop("time"), out, window="1d")
    with pytest.raises(BadInput, match="is the run itself"):
        watch(run, rows, run)
    with pytest.raises(BadInput, match="not in the table"):
        watch(run, rows, out, labels="truth")
    rows.select("repaid").write_csv(tmp_path / "late.csv")
    with pytest.raises(BadInput, match="does not say which row each label is of"):
        watch(run, rows, out, labels_late=tmp_path / "late.csv")
    watch(run, rows, out)
    with pytest.raises(BadInput, match="keeps windows of 1d, not of 6h"):
        watch(run, rows, out, window="6h")


def test_two_writers_in_one_history_are_refused(run, tmp_path):
    from evenhand.recorded.writing import take_lock

    (tmp_path / "seen").mkdir()
    with take_lock(tmp_path / "seen"), pytest.raises(BadInput, match="another evenhand run is writing"):
        watch(run, at_work(11), tmp_path / "seen")


def test_images_are_watched_by_brightness_contrast_and_the_features_of_their_encoder(run_apart, tmp_path):
    plugins = load({"toy_images": toy_images})
    done = run_apart("toy_images/spots", plugins=plugins).path
    clean, dark = (toy_images.photograph(tmp_path / name, 5) for name in ("clean", "dark"))
    for file in (dark / "images").iterdir():
        Image.eval(Image.open(file), lambda value: value // 3).save(file)
    usual = evenhand.monitor(done, clean, out=tmp_path / "usual", window="80 rows", plugins=plugins)
    found = evenhand.monitor(done, dark, out=tmp_path / "seen", window="80 rows", plugins=plugins)
    assert not usual.alarms
    assert {"image: brightness", "features: direction 1"} <= {alarm["what"] for alarm in found.alarms}


def messages(seed, rows=300):
    """Texts of one topic each."""
    rng = random.Random(seed)
    topics = [rng.choice(list(toy_labels.WORDS)) for _ in range(rows)]
    texts = [
        " ".join([rng.choice(toy_labels.WORDS[topic].split()), *rng.sample(toy_labels.USUAL, 4)]) for topic in topics
    ]
    return pl.DataFrame({"text": texts, "topic": topics, "app": [rng.choice(["new", "old"]) for _ in texts]})


def test_texts_are_watched_by_length_and_the_features_of_their_encoder(tmp_path):
    toy_labels.FOLDER = str(tiny_bert(tmp_path / "bert", toy_labels.ALL_WORDS))
    plugins = load({"toy_labels": toy_labels})
    messages(1).write_csv(tmp_path / "messages.csv")
    done = evenhand.run("toy_labels/messages", tmp_path / "messages.csv", out=tmp_path / "run", plugins=plugins).path
    usual = evenhand.monitor(done, messages(5), out=tmp_path / "usual", window="100 rows", plugins=plugins)
    longer = messages(6).with_columns(pl.col("text") + " please my the is where why money bank account")
    found = evenhand.monitor(done, longer, out=tmp_path / "seen", window="100 rows", plugins=plugins)
    assert not usual.alarms
    assert {"text: words", "features: direction 1"} <= {alarm["what"] for alarm in found.alarms}


def readings(seed, rows=600):
    rng = random.Random(seed)
    heat = [rng.gauss(0, 1) for _ in range(rows)]
    worn = [2 * value + rng.gauss(0, 1) for value in heat]
    return {"heat": heat, "site": [rng.choice("xyz") for _ in heat], "worn": worn}


class Regression:
    """A plugin of one regression."""

    RECIPE = """
    name = "wear"
    domain = "machines"
    title = "How worn it is"
    task = "regression"
    modality = "table"
    schema = { input = ["heat"], label = "worn", sensitive = "site" }
    finetune = { strategy = "linear" }
    """

    @evenhand.hookimpl
    def recipes(self):
        return [evenhand.Recipe.from_toml(self.RECIPE, "machines")]

    @evenhand.hookimpl
    def load_data(self, recipe, source):
        return evenhand.splits_from_rows(recipe, readings(0), "generated")


@pytest.mark.parametrize("task", ["multilabel", "regression", "generate"])
def test_other_tasks_are_watched_by_inputs_scores_and_groups_and_nothing_is_said_to_be_proven(tmp_path, task):
    plugins, recipe, rows, moved = {
        "multilabel": lambda: (
            {"toy_labels": toy_labels},
            "toy_labels/machines",
            pl.DataFrame(toy_labels.machines(5)),
            pl.col("heat") + 3,
        ),
        "regression": lambda: (
            {"machines": Regression()},
            "machines/wear",
            pl.DataFrame(readings(5)),
            pl.col("heat") + 1,
        ),
        "generate": lambda: (
            {"toy_writes": toy_writes},
            "toy_writes/questions",
            pl.DataFrame(toy_writes.questions(5), strict=False),
            pl.col("asked") + pl.lit(" of all the things that there are"),
        ),
    }[task]()
    loaded = load(plugins)
    if task == "generate":
        recipe = next(name for name in loaded.recipes() if name.startswith("toy_writes/"))
    done = evenhand.run(recipe, out=tmp_path / "run", plugins=loaded).path
    usual = evenhand.monitor(done, rows, out=tmp_path / "usual", window="100 rows", plugins=loaded)
    found = evenhand.monitor(done, rows.with_columns(moved), out=tmp_path / "seen", window="100 rows", plugins=loaded)
    assert not usual.alarms
    assert found.exit_code() == 1
    assert found.proposal["action"] == "update"
    assert not found.proposal["proven"]
    assert found.found["labelled"] == 0


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.001, 0.5))
def test_limits_at_every_look_hold_what_was_seen_and_narrow_with_rows(events, others, level):
    rows = events + others
    lower, upper = limits(events, rows, level)
    assert 0 <= lower <= (events / rows if rows else 0.5) <= upper <= 1
    wider = limits(events, rows, level / 10)
    assert wider[0] <= lower + 1e-12
    assert upper <= wider[1] + 1e-12
    if rows and lower > 0:
        assert p_value(events, rows, lower * 0.999) <= level * (1 + 1e-6)


def test_limits_at_every_look_are_left_by_few_histories():
    rng, left = np.random.default_rng(3), 0
    for _ in range(200):
        events = np.cumsum(rng.random(600) < 0.8)
        left += any(p_value(int(events[i]), i + 1, 0.8) < 0.05 for i in range(0, 600, 3))
    assert left <= 0.05 * 200 + 3 * math.sqrt(200 * 0.05 * 0.95)


def test_the_level_is_spent_on_no_more_windows_than_there_is_of_it():
    assert sum(level_of(k) for k in range(1, 10_000)) <= LEVEL / 2


def test_few_clean_windows_alarm():
    """A small version of benchmarks/monitoring.py: alone, and in histories of many windows."""
    rng = np.random.default_rng(1)
    reference = [pl.Series(f"x{i}", rng.normal(size=800)) for i in range(5)]
    alarms = [
        min(drift(column, pl.Series("x", rng.normal(size=150))).p for column in reference) * 5 <= level_of(1)
        for _ in range(300)
    ]
    assert sum(alarms) <= 0.05 * 300
    whole = 0
    for _ in range(20):
        own = pl.Series("x", rng.normal(size=500))
        whole += any(drift(own, pl.Series("x", rng.normal(size=100))).p <= level_of(k) for k in range(1, 41))
    assert whole <= 2


@given(st.lists(st.integers(0, 40), min_size=2, max_size=8), st.lists(st.integers(0, 40), min_size=2, max_size=8))
def test_tables_of_counts_give_a_p_value_the_same_for_either_order(first, second):
    width = min(len(first), len(second))
    table = np.array([first[:width], second[:width]], dtype=float)
    if (table.sum(1) == 0).any():
        return
    p = chi_square(table)
    assert 0 <= p <= 1 + 1e-12
    assert chi_square(table[::-1]) == pytest.approx(p, abs=1e-9)
    assert chi_square(np.array([first[:width], first[:width]], dtype=float)) > 0.99


def test_missing_values_and_times_and_constant_columns_can_be_compared():
    full, half = pl.Series("x", [1.0] * 100), pl.Series("x", [1.0, None] * 50)
    assert drift(full, half).p < 1e-6
    assert drift(full, full).p == 1.0
    assert drift(pl.Series("x", [None] * 50, dtype=pl.Float64), half).p < 1e-3
    early = pl.Series("t", [START + dt.timedelta(days=i) for i in range(60)])
    assert drift(early, early + dt.timedelta(days=50)).p < 1e-6
    assert share_p(0, 0, 1, 2) == 1.0


def test_accuracy_is_estimated_where_inputs_moved_and_not_where_their_meaning_did():
    rng = np.random.default_rng(0)

    def rows(n, centre):
        x = rng.normal(centre, 1, n)
        p = 1 / (1 + np.exp(-2 * x))
        y = rng.random(n) < p
        return pl.DataFrame({"x": x}), np.where(p > 0.5, p, 1 - p), ((p > 0.5) == y).astype(float)

    reference, sure, right = rows(4000, 0)
    window, sure_now, right_now = rows(4000, 1.0)
    calibrated = Calibrated.fit(sure, right)
    found = by_confidence(calibrated, sure_now)
    weighed = by_weights(reference, right, window, 0)
    truth = right_now.mean()
    assert abs(right.mean() - truth) > 0.05, "there is something to estimate"
    assert abs(found.value - truth) < 0.02
    assert abs(weighed.value - truth) < 0.04
    assert weighed.effective < 4000
    assert abs(by_confidence(calibrated, sure_now).value - (1 - truth)) > 0.5, "labels turned around: it cannot see it"


@pytest.mark.parametrize("text", ["1d", "6h", "30m", "2w", "500 rows"])
def test_a_window_is_written_as_it_is_read(text):
    assert str(Size.parse(text)) == text


def test_a_new_threshold_decides_as_the_recalibrated_score_would(run):
    scorer = evenhand.load(run, PLUGINS)
    rng = np.random.default_rng(0)
    score = rng.uniform(0.02, 0.98, 4000)
    shifted = 1 / (1 + np.exp(-(np.log(score / (1 - score)) - 1.5)))
    found = new_threshold(scorer, score, rng.random(4000) < shifted)
    after = float(found["command"].split("=")[1])
    assert after == pytest.approx(1 / (1 + math.exp(-1.5)), abs=0.03)
    assert found["diff"][0].startswith("- audit.threshold = 0.5")


@pytest.mark.slow
def test_killed_at_any_moment_the_same_call_goes_on_to_the_same_bytes(run, tmp_path):
    data = tmp_path / "log.parquet"
    at_work(11, days=20, rows=2000).write_parquet(data)
    code = (
        "import sys, toy_tables, evenhand; from evenhand.extending.discovering import load;"
        " evenhand.monitor(sys.argv[1], sys.argv[2], out=sys.argv[3], plugins=load({'toy_tables': toy_tables}))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOYS), os.environ.get("PYTHONPATH", "")])}

    def line(out):
        return [sys.executable, "-c", code, str(run), str(data), str(out)]

    subprocess.run(line(tmp_path / "whole"), env=env, check=True, capture_output=True)
    rng, killed = random.Random(4), 0
    for _ in range(6):
        process = subprocess.Popen(line(tmp_path / "killed"), env=env, stderr=subprocess.DEVNULL)
        count, deadline = rng.randrange(1, 20), time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if len(list((tmp_path / "killed").glob("windows/*.parquet"))) >= count:
                break
            time.sleep(0.01)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    subprocess.run(line(tmp_path / "killed"), env=env, check=True, capture_output=True)
    assert killed >= 2
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
