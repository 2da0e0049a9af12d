"""Any tuple of stages is a walk: it is locked, recorded, told of, killed and taken up again as a run is."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

import evenhand
from evenhand import BadInput, hookimpl
from evenhand.extending.discovering import Plugins
from evenhand.running.walking import Outcome, Stage

from .toy_walk import ADD_UP, add_up

TOY = Path(__file__).parent / "toy_walk.py"
NUMBERS = ("numbers.json", "total/sum.txt")


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def events(folder):
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [(line["event"], line["stage"]) for line in lines if "stage" in line]


def test_a_walk_records_what_it_is_what_it_cost_and_what_it_told(tmp_path):
    add_up(tmp_path / "sum")
    found = manifest(tmp_path / "sum")
    assert found["walk"] == {"name": "add_up", "stages": ["draw", "add"]}
    assert set(found["stages"]["add"]["artefacts"]) == {"total"}
    assert found["stages"]["draw"]["notes"] == ["100 numbers"]
    assert found["stages"]["add"]["rows"] == 100
    for record in found["stages"].values():
        assert record["peak_memory_mb"] > 0
        assert record["energy_obtained"]


def test_what_is_done_is_skipped_and_what_was_changed_is_done_again(tmp_path):
    add_up(tmp_path)
    once = [(event, name) for name in ("draw", "add") for event in ("stage_started", "stage_finished")]
    assert events(tmp_path) == once
    add_up(tmp_path)
    assert events(tmp_path) == once
    (tmp_path / "total" / "sum.txt").write_text("0")
    add_up(tmp_path)
    assert events(tmp_path) == [*once, *once[2:]]


def test_a_walk_killed_in_its_second_stage_ends_as_if_it_had_not_been(tmp_path):
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    add_up(calm)
    process = subprocess.Popen([sys.executable, str(TOY), str(killed), "60"])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and ("stage_started", "add") not in events(killed):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "total").exists()
    add_up(killed)
    assert events(killed).count(("stage_started", "draw")) == 1
    for name in NUMBERS:
        assert (killed / name).read_bytes() == (calm / name).read_bytes(), name


def test_a_walk_killed_before_its_first_record_goes_on(tmp_path):
    def killed(state):
        ADD_UP[0].does(state)
        os._exit(9)

    if not (child := os.fork()):
        add_up(tmp_path / "sum", stages=(Stage("draw", ADD_UP[0].writes, killed), ADD_UP[1]))
    assert os.waitpid(child, 0)[1] == 9 << 8
    add_up(tmp_path / "sum")
    assert set(manifest(tmp_path / "sum")["stages"]) == {"draw", "add"}


def test_a_folder_of_another_walk_or_setting_is_refused(tmp_path):
    add_up(tmp_path)
    with pytest.raises(BadInput, match="another recipe, setting or data"):
        add_up(tmp_path, seed=2)
    with pytest.raises(BadInput, match="was left by `add_up`, not by `run`"):
        evenhand.report(with_results(tmp_path))


def with_results(folder):
    """A folder that has what a report is made from, whoever left it there."""
    frame = {"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20}
    import polars as pl

    (folder / "audit.json").write_text(
        evenhand.audit(pl.DataFrame(frame), label="y", score="s", sensitive="g").to_json()
    )
    (folder / "evaluation.json").write_text("[]")
    (folder / "recipe.toml").write_text('name="a"\ndomain="b"\ntitle="t"\ntask="binary"\nmodality="table"\n')
    return folder


def test_trackers_hear_of_every_walk_and_a_broken_one_is_left_out(tmp_path):
    heard = []
    tracker, broken = types.ModuleType("tracker"), types.ModuleType("broken")

    @hookimpl
    def stage_started(run, stage):
        heard.append(("started", run.walk, stage))

    @hookimpl
    def stage_finished(stage, seconds):
        heard.append(("finished", seconds >= 0, stage))

    @hookimpl(specname="stage_started")
    def failing(stage):
        raise RuntimeError("no server")

    tracker.stage_started, tracker.stage_finished, broken.stage_started = stage_started, stage_finished, failing
    plugins = Plugins()
    plugins.add("tracker", tracker)
    plugins.add("broken", broken)
    add_up(tmp_path, plugins=plugins)
    assert heard == [
        (event, told, stage) for stage in ("draw", "add") for event, told in (("started", "add_up"), ("finished", True))
    ]
    assert "no server" in plugins.faults["broken"]
    assert (tmp_path / "log.jsonl").read_text().count("no server") == 1


def test_a_stage_that_fails_leaves_no_record_of_itself(tmp_path):
    stages = (ADD_UP[0], Stage("add", ("total",), lambda state: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        add_up(tmp_path, stages=stages)
    assert set(manifest(tmp_path)["stages"]) == {"draw"}
    with pytest.raises(RuntimeError, match="promises total"):
        add_up(tmp_path, stages=(ADD_UP[0], Stage("add", ("total",), lambda state: Outcome())))


def test_a_report_shows_the_stages_in_the_order_of_their_walk():
    from evenhand.reporting import render_run

    stages = {name: {"seconds": 1.0} for name in ("add", "draw", "check")}
    about = {"name": "add_up", "stages": ["draw", "check", "add"]}
    page = render_run(None, [], {"walk": about, "stages": stages}, [], [])
    places = [page.index(f'<th scope="row">{name}</th>') for name in about["stages"]]
    assert places == sorted(places)


@pytest.mark.slow
def test_under_torchrun_all_do_what_is_done_together_and_one_writes(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(TOY)]
    for _ in range(2):  # the second time nothing is left to do, and nobody waits for anybody
        done = subprocess.run(
            [*torchrun, str(tmp_path / "sum")], capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
    assert events(tmp_path / "sum").count(("stage_started", "add")) == 1
    add_up(tmp_path / "alone")
    for name in NUMBERS:
        assert (tmp_path / "sum" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
