"""A search: each trial judged on validation rows, the best run, the rest told; resumed, shared, refused."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy

import evenhand
import toy_search
from evenhand import BadInput, Recipe
from evenhand.extending.discovering import load
from evenhand.living.tuning import choosing
from evenhand.living.tuning.study import Search, first_settings, shown
from evenhand.living.tuning.trying import Bench

ENERGY = {"energy_wh", "energy_low_wh", "energy_high_wh", "energy_obtained"}
CLOCK = {"latency_p99_ms", "latency_rows", "seconds", *ENERGY}
PLUGINS = load({"toy_search": toy_search})
RECIPE = PLUGINS.recipe("toy_search/credit")


def frame_without_clocks(found):
    return found.trials().drop(CLOCK & set(found.trials().columns))


def table(tmp_path, test_labels=None):
    """The sample as a file with official splits; `test_labels`: what to do to those of the test rows."""
    frame = pl.DataFrame(toy_search.applicants(3))
    frame = frame.with_columns(pl.Series("part", ["train"] * 500 + ["validation"] * 200 + ["test"] * 100))
    labels = frame["repaid"].to_list()
    labels[700:] = test_labels(labels[700:]) if test_labels else labels[700:]
    path = tmp_path / "rows.csv"
    frame.with_columns(pl.Series("repaid", labels)).write_csv(path)
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A search of six trials."""
    return evenhand.tune(RECIPE, trials=6, out=tmp_path_factory.mktemp("tune") / "out", plugins=PLUGINS)


def test_the_first_trial_is_the_recipe_itself_and_the_winner_is_no_worse(found):
    rows = found.trials()
    assert rows.height == 6
    assert rows.row(0, named=True)["options.shrink"] == 1.0
    assert rows.row(0, named=True)["options.incomes"] is True
    best = json.loads((found.path / "best.json").read_text())
    assert rows["objective"][best["trial"] - 1] == rows["objective"].max() >= rows["objective"][0]


def test_the_winner_is_an_ordinary_run_whose_report_says_how_many_were_tried(found):
    assert found.best.path == found.path / "best"
    recipe = Recipe.from_file(found.best.path / "recipe.toml")
    best = found.trials().sort("objective", descending=True).row(0, named=True)
    assert recipe.options["shrink"] == best["options.shrink"]
    page = found.best.report.read_text()
    assert "the best of 6 trials by auc on 96 validation rows" in page
    assert "optimistic" in page
    assert "the best of 6 trials" in evenhand.report(found.best.path, plugins=PLUGINS).read_text(), "rendered again"


def test_the_report_shows_every_trial_the_front_and_what_matters(found):
    page = found.report.read_text()
    assert page.count('<th scope="row" class="n" data-value=') == 6
    assert page.count("<g><title>trial ") == 6
    assert 'class="ring"' in page
    assert '<tr><th scope="row">options.incomes</th>' in page.split("Which settings matter")[1].split("Every trial")[0]
    assert "no trial has read a test row" in page
    first = found.trials().row(0, named=True)
    assert first["energy_low_wh"] <= first["energy_wh"] <= first["energy_high_wh"]
    assert "below it the range that it could be in" in page


@pytest.mark.parametrize("spoil", [lambda labels: [1 - y for y in labels], lambda labels: sorted(labels)])
def test_test_labels_change_nothing_in_any_trial(tmp_path, spoil):
    recipe = RECIPE.with_settings(["schema.split=part"])
    judged = []
    for test_labels in (None, spoil):
        bench = Bench(recipe, table(tmp_path, test_labels), PLUGINS)
        tried = bench.attempt(["options.shrink=2.5"]).facts()
        judged.append({key: value for key, value in tried.items() if key not in CLOCK})
    assert judged[0] == judged[1]
    assert judged[0]["rows"] == 200


def test_validation_labels_do_change_trials(tmp_path):
    recipe = RECIPE.with_settings(["schema.split=part"])
    path = table(tmp_path)
    before = Bench(recipe, path, PLUGINS).attempt([]).objective
    flipped = pl.read_csv(path).with_columns(
        pl.when(pl.col("part") == "validation").then(1 - pl.col("repaid")).otherwise(pl.col("repaid")).alias("repaid")
    )
    flipped.write_csv(path)
    assert Bench(recipe, path, PLUGINS).attempt([]).objective == pytest.approx(1 - before)


def test_no_row_is_on_two_sides_of_a_trial():
    parts = Bench(RECIPE, None, PLUGINS).splits(RECIPE)
    keys = [set(zip(rows["income"], rows["debt"], strict=True)) for rows in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, keys)) == len(set().union(*keys)) == 640


def test_a_search_nobody_can_win_says_by_how_much_the_nearest_misses(tmp_path):
    recipe = RECIPE.with_settings(["tune.constraints.latency_p99_ms=1e-6", "tune.constraints.epsilon=3"])
    found = evenhand.tune(recipe, trials=2, out=tmp_path / "out", plugins=PLUGINS)
    assert found.best is None
    assert found.exit_code() == 1
    assert not (tmp_path / "out" / "best").exists()
    assert "none of 2 trials keeps to all limits (p99 latency ≤ 1e-06 ms, epsilon ≤ 3)" in str(found)
    assert "ms above 1e-06" in str(found)
    assert "nothing here is differentially private" in str(found)
    assert "No trial keeps to the limits" in found.report.read_text()


def test_more_trials_go_on_from_those_that_are_there(tmp_path):
    out, recipe = tmp_path / "out", RECIPE.with_settings(["tune.constraints.latency_p99_ms=1e-6"])  # no winner to run
    few = evenhand.tune(recipe, trials=1, out=out, plugins=PLUGINS)
    more = evenhand.tune(recipe, trials=2, out=out, plugins=PLUGINS)
    assert few.trials()["seconds"].to_list() == more.trials()["seconds"].to_list()[:1]
    assert more.trials().height == 2


def test_a_trial_is_given_up_where_a_third_of_the_rows_says_it_is_worse_than_half(tmp_path):
    from evenhand.living.tuning.working import _one

    recipe = RECIPE.with_settings(["tune.prune_from=100"])
    search = Search(f"sqlite:///{tmp_path / 's.db'}", "s", recipe)
    bench = Bench(recipe, None, PLUGINS)
    for objective in (0.9, 0.91, 0.92, 0.93):
        slot, trial = search.next(6)
        trial.set_user_attr("early", {"objective": 1.0, "gap": -1.0})
        search.tell(slot, trial, (objective, 0.0))
    slot, trial = search.next(6)
    assert "given up on a third of the rows" in _one(search, bench, slot, trial, [])
    states = [trial.state.name for trial in search.slots().values()]
    assert states == ["COMPLETE"] * 4 + ["PRUNED"]
    assert choosing.rows_of(search.slots(), {})[4]["state"] == "given up"
    assert search.next(6)[0] == 5, "what was given up is not tried again, and the sampler goes on"


def test_settings_that_were_tried_are_not_fitted_again(tmp_path):
    recipe = RECIPE.with_settings(["tune.options.shrink=[1.0]", "tune.options.incomes=[true]"])
    rows = evenhand.tune(recipe, trials=2, out=tmp_path / "out", plugins=PLUGINS).trials()
    assert rows["why"].to_list() == ["", "the settings of trial 1, not fitted again"]
    assert rows["seconds"][0] == rows["seconds"][1]


def test_a_trial_that_fails_is_told_and_the_search_goes_on(tmp_path):
    recipe = RECIPE.with_settings(['tune.abstain.by=["auto"]', 'tune.options.pause=[0.0, "long"]'])
    with pytest.raises(BadInput, match=r"none of 1 trials could be fitted; the first: .*str"):
        evenhand.tune(
            recipe.with_settings(["options.pause=long", 'tune.options.pause=["long"]']),
            trials=1,
            out=tmp_path / "out",
            plugins=PLUGINS,
        )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["tune.objective=acuracy"], "there is no metric 'acuracy' to be best in; .* accuracy"),
        (["tune.constraints.gap.metric=tprr"], "no gap of tprr by any attribute; it has accuracy, .* by sex"),
        (["tune.constraints.gap.attribute=age"], "no gap of accuracy by age; it has .*, by sex"),
    ],
)
def test_what_no_trial_can_be_judged_by_stops_the_search(tmp_path, settings, says):
    with pytest.raises(BadInput, match=says):
        evenhand.tune(RECIPE.with_settings(settings), trials=3, out=tmp_path / "out", plugins=PLUGINS)


def test_what_is_asked_wrongly_is_refused(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"0 trials by 1 processes are no search"):
        evenhand.tune(RECIPE, trials=0, out=out, plugins=PLUGINS)
    bare = Recipe.from_toml(toy_search.RECIPE.split("[tune]")[0], "x.toml")
    with pytest.raises(BadInput, match=r"has no table \[tune\].* write what is to be tried.*learning_rate"):
        evenhand.tune(bare, trials=1, out=out, plugins=PLUGINS)
    assert not out.exists()


def test_a_folder_of_another_search_is_refused(found):
    with pytest.raises(BadInput, match="holds a run of another recipe, setting or data"):
        evenhand.tune(RECIPE.with_settings(["tune.options.shrink=[1, 2]"]), out=found.path, plugins=PLUGINS)
    with pytest.raises(BadInput, match="was left by `tune`, not by `run`"):
        evenhand.run(RECIPE, out=found.path, plugins=PLUGINS)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("tune.db", "no database address; write sqlite:///FILE"),
        ("nosql://db/x", "no database address"),
        ("sqlite:////nowhere/at/all/x.db", "cannot be opened: .*check that it is there"),
    ],
)
def test_a_storage_that_is_not_there_is_told(tmp_path, url, says):
    with pytest.raises(BadInput, match=says):
        evenhand.tune(RECIPE, trials=1, storage=url, out=tmp_path / "out", plugins=PLUGINS)


def test_a_password_is_neither_printed_nor_written(tmp_path):
    url = "postgresql+psycopg://me:sesame@127.0.0.1:1/nothing"
    with pytest.raises(BadInput, match="psycopg") as refused:
        evenhand.tune(RECIPE, trials=1, storage=url, out=tmp_path / "out", plugins=PLUGINS)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sesame" not in str(refused.value).encode() + written
    assert b"me:***@127.0.0.1" in written
    assert "sesame" not in shown(url)


def test_the_recipes_own_values_are_tried_first_only_where_they_lie_in_the_space():
    changed = RECIPE.with_settings(["tune.options.shrink={low=2, high=3}", "tune.options.incomes=[true]"])
    assert first_settings(changed) == {"options.incomes": True}
    stepped = RECIPE.with_settings(
        ["tune.finetune.epochs={low=1, high=9, step=4}", "tune.finetune.batch_size={low=3, high=99, step=4}"]
    )
    assert first_settings(stepped) == {"options.shrink": 1.0, "options.incomes": True, "finetune.epochs": 5}


def row(trial, objective, gap, keeps=True, better="higher", beyond=None):
    return {"trial": trial, "state": "done", "objective": objective, "gap": gap, "keeps": keeps, "better": better} | {
        "beyond": beyond or {}
    }


def test_the_best_keeps_to_the_limits_and_of_equals_is_more_even():
    rows = [row(1, 0.99, 0.0, keeps=False), row(2, 0.9, 0.2), row(3, 0.9, 0.1), row(4, 0.8, 0.0)]
    assert choosing.best_of(rows)["trial"] == 3
    choosing.mark_front(rows)
    assert [one["trial"] for one in rows if one["front"]] == [3, 4]
    assert choosing.best_of([row(1, 0.5, 0.1, better="lower"), row(2, 0.4, 0.1, better="lower")])["trial"] == 2


def test_the_nearest_is_the_least_beyond_all_limits_together():
    rows = [
        row(1, 0.9, 0.3, False, beyond={"gap": 2.0, "energy_wh": -0.9}) | {"energy_wh": 0.1},
        row(2, 0.9, 0.12, False, beyond={"gap": 0.2, "energy_wh": 0.5}) | {"energy_wh": 1.5},
    ]
    near = choosing.nearest_of(rows)
    assert near["trial"] == 2
    assert choosing.misses(near, {"gap": 0.1, "energy_wh": 1.0}) == (
        "largest gap 0.12 is 0.02 above 0.1; energy 1.5 Wh is 0.5 Wh above 1"
    )


COMMAND = [sys.executable, "-m", "evenhand", "tune", "toy_search/credit"]


def started(*arguments, env):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_trials(process, url, least):
    """Until so many trials are done in the storage, and another is being fitted."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with engine.connect() as base:
                states = [state for (state,) in base.execute(sqlalchemy.text("select state from trials"))]
        except sqlalchemy.exc.SQLAlchemyError:
            states = []
        if states.count("COMPLETE") >= least and "RUNNING" in states:
            return
        time.sleep(0.02)
    raise AssertionError(f"never came so far: {process.stderr.read()}")


@pytest.fixture
def env(install):
    return install("toy_search", "toy_search", Path(toy_search.__file__).parent)


@pytest.mark.slow
def test_a_search_killed_in_a_trial_ends_as_if_it_had_not_been(tmp_path, env):
    slow = ("--trials", 4, "--set", "options.pause=0.3")
    calm = evenhand.tune(RECIPE.with_settings(["options.pause=0.3"]), trials=4, out=tmp_path / "calm", plugins=PLUGINS)
    out = tmp_path / "killed"
    process = started(*slow, "--out", out, env=env)
    wait_for_trials(process, f"sqlite:///{out / 'tune.sqlite3'}", 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = started(*slow, "--out", out, env=env)
    assert again.wait() == 0, again.stderr.read()
    found = json.loads((out / "trials.json").read_text())
    assert found["lost"] == 1
    kept = [{key: value for key, value in one.items() if key not in CLOCK} for one in found["trials"]]
    assert kept == [{key: v for key, v in one.items() if key not in CLOCK} for one in calm.found["trials"]]
    for name in ("predictions.parquet", "evaluation.json", "audit.json"):
        assert (out / "best" / name).read_bytes() == (tmp_path / "calm" / "best" / name).read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request, tmp_path):
    """An empty storage that processes share. EVENHAND_TEST_POSTGRES: the address of a server's database, for tests."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    url = os.environ.get("EVENHAND_TEST_POSTGRES") or pytest.skip("EVENHAND_TEST_POSTGRES names no database")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as base:
        base.execute(sqlalchemy.text("drop schema public cascade"))
        base.execute(sqlalchemy.text("create schema public"))
    return url


@pytest.mark.slow
def test_two_processes_share_one_storage_and_one_ends_the_work_of_the_other(tmp_path, env, storage):
    shared = ("--trials", 8, "--storage", storage, "--set", "options.pause=0.4")
    first = started(*shared, "--out", tmp_path / "a", env=env)
    wait_for_trials(first, storage, 1)
    second = started(*shared, "--out", tmp_path / "b", env=env)
    wait_for_trials(second, storage, 4)
    time.sleep(random.Random(1).random() * 0.3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait() == 0, second.stderr.read()
    found = json.loads((tmp_path / "b" / "trials.json").read_text())
    assert [one["trial"] for one in found["trials"]] == list(range(1, 9))
    assert {one["state"] for one in found["trials"]} == {"done"}
    third = started(*shared, "--out", tmp_path / "a", env=env)
    assert third.wait() == 0, third.stderr.read()
    assert json.loads((tmp_path / "a" / "trials.json").read_text())["trials"] == found["trials"]


@pytest.mark.slow
def test_several_jobs_do_each_trial_once(tmp_path, env):
    done = started("--trials", 6, "--jobs", 2, "--set", "options.pause=0.5", "--out", tmp_path / "out", env=env)
    assert done.wait() == 0, done.stderr.read()
    found = json.loads((tmp_path / "out" / "trials.json").read_text())
    assert [one["state"] for one in found["trials"]] == ["done"] * 6
