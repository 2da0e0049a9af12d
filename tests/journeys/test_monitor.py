"""Watching a model from the command line, as a scheduler does: exit codes, JSON, late labels, bad input."""

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

import toy_tables
from evenhand.extending.discovering import load

PLUGINS = Path(toy_tables.__file__).parent


@pytest.fixture
def at_work(tmp_path):
    """applications.csv of three days, without labels, and the same applicants' outcomes."""
    rows = pl.DataFrame(toy_tables.applicants(11, 600))
    times = [dt.datetime(2026, 1, 1) + dt.timedelta(minutes=i * 4320 // 600) for i in range(600)]
    rows = rows.with_columns(pl.Series("time", times), pl.Series("request", range(600)), pl.lit(0).alias("row"))
    rows.drop("repaid").write_csv(tmp_path / "applications.csv")
    rows.with_columns(pl.col("income") * 0.5).drop("repaid").write_csv(tmp_path / "poorer.csv")
    rows.select("request", "row", (1 - pl.col("repaid")).alias("repaid")).write_csv(tmp_path / "outcomes.csv")


@pytest.mark.slow
def test_a_scheduler_is_told_by_the_exit_code(evenhand, install, finished, at_work):
    env, run = install("toy_tables", "toy_tables", PLUGINS), finished[0]
    usual = evenhand("monitor", run, "--data", "applications.csv", "--out", "seen", env=env)
    assert usual.returncode == 0, usual.stderr
    assert "proposal: nothing: nothing that was asked has changed" in usual.stdout
    late = evenhand(
        "monitor",
        run,
        "--data",
        "applications.csv",
        "--labels-late",
        "outcomes.csv",
        "--out",
        "seen",
        "--json",
        env=env,
    )
    told = json.loads(late.stdout)
    assert late.returncode == 1, late.stderr
    assert told["labelled"] == 600
    assert told["proposal"]["proven"]
    assert told["news"] == ["600 rows of 3 windows were seen before; nothing is counted twice"]
    poorer = evenhand("monitor", run, "--data", "poorer.csv", "--out", "other", env=env)
    assert poorer.returncode == 1
    assert "income has drifted" in poorer.stdout
    assert "(not proven): no labels to prove it\n  evenhand update " in poorer.stdout


@pytest.mark.slow
def test_what_cannot_be_watched_is_a_sentence_and_exit_code_2(evenhand, install, finished, at_work, tmp_path):
    env, run = install("toy_tables", "toy_tables", PLUGINS), finished[0]
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    for options, says in (
        (("--data", "cut.parquet"), "cut.parquet is a Parquet file that was cut off"),
        (("--data", "applications.csv", "--window", "soon"), "a window of 'soon' is not understood"),
        (("--data", "nowhere.csv"), "nowhere.csv does not exist"),
    ):
        found = evenhand("monitor", run, *options, "--out", "seen", env=env)
        assert found.returncode == 2
        assert says in found.stderr
        assert found.stderr.splitlines()[-1].startswith("evenhand: ")
        assert "Traceback" not in found.stderr
    few = evenhand("monitor", run, "--data", "applications.csv", "--window", "2m", "--strict", "--out", "few", env=env)
    assert few.returncode == 3, few.stderr


@pytest.mark.slow
def test_a_shift_that_is_planted_among_credit_applicants_is_found(run_apart, tmp_path):
    import evenhand

    plugins = load()
    done = run_apart("finance/credit-default").path
    recipe = plugins.recipe("finance/credit-default")
    rows = plugins.first(recipe, "load_data", recipe=recipe, source=None).test.to_polars()
    rows = rows.sample(fraction=1, shuffle=True, seed=1).with_columns(pl.col("applied_on").dt.offset_by("2y"))
    usual = evenhand.monitor(done, rows[:800], out=tmp_path / "usual", window="400 rows")
    assert not usual.alarms
    late = rows.filter(pl.col("late_payments") > 0)[:400]
    found = evenhand.monitor(done, late, out=tmp_path / "late", window="400 rows")
    assert "late_payments" in {alarm["what"] for alarm in found.alarms}
    assert "the model's score" in {alarm["what"] for alarm in found.alarms}
