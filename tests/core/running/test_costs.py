"""The account of folders: killed attempts are in the sum, nested folders once, CO2 only by a stated grid."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand
from evenhand import BadInput
from evenhand.running.costing.account import account_of
from evenhand.running.costing.cost import Cost, total
from evenhand.running.costing.grid import grid_of
from evenhand.running.walking import Stage

from .toy_walk import ADD_UP, add_up

TOY = Path(__file__).parent / "toy_walk.py"
AMOUNT = st.none() | st.floats(0, 1e6)


@pytest.fixture
def walked(tmp_path):
    add_up(tmp_path / "sum")
    return tmp_path / "sum"


def stages(folder):
    return json.loads((folder / "manifest.json").read_text())["stages"]


def killed_in_add(folder, seconds=1.6):
    """A walk that is killed `seconds` after its second stage began."""
    process = subprocess.Popen([sys.executable, str(TOY), str(folder), "60"])
    log, deadline = folder / "log.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and '"stage_started", "stage": "add"' in log.read_text()):
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_the_account_is_what_the_manifest_records(walked):
    found = evenhand.costs(walked)
    recorded = stages(walked)
    for row in found.rows()[:-1]:
        assert row["seconds"] == recorded[row["stage"]]["seconds"]
        assert row["energy_low_joules"] == recorded[row["stage"]]["energy_low_joules"]
        assert row["attempts"] == 1
    assert found.total.seconds == pytest.approx(sum(record["seconds"] for record in recorded.values()))
    assert found.total.cpu_seconds == pytest.approx(sum(record["cpu_seconds"] for record in recorded.values()))
    assert found.frame().height == 3


def test_what_a_killed_attempt_cost_is_in_the_sum_and_said(tmp_path):
    folder = tmp_path / "sum"
    killed_in_add(folder)
    before = evenhand.costs(folder)
    assert before.total.seconds > 0.9, "what nobody has taken up yet counts too"
    add_up(folder)
    found = {stage.name: stage for stage in account_of(folder).stages}
    assert found["add"].again == 1
    assert found["add"].before.seconds > 0.9, "it was killed after more than a second"
    assert found["add"].cost.seconds > stages(folder)["add"]["seconds"] + 0.9
    assert found["draw"].again == 0
    assert "add was attempted 2 times" in str(evenhand.costs(folder))
    assert not (folder / ".attempt.json").exists()
    add_up(folder)
    assert {stage.name: stage for stage in account_of(folder).stages} == found, "asking again adds nothing"


def test_an_attempt_killed_at_once_is_said_to_be_untold(tmp_path):
    folder = tmp_path / "sum"
    killed_in_add(folder, seconds=0.05)
    add_up(folder)
    (stage,) = (stage for stage in account_of(folder).stages if stage.name == "add")
    assert (stage.again, stage.untold) == (1, 1)
    assert "1 attempt at add ended without telling a cost" in str(evenhand.costs(folder))


def test_a_stage_that_failed_or_was_done_again_is_in_the_sum(tmp_path):
    def fails(state):
        time.sleep(0.2)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        add_up(tmp_path / "sum", stages=(ADD_UP[0], Stage("add", ("total",), fails)))
    add_up(tmp_path / "sum")
    (tmp_path / "sum" / "total" / "sum.txt").write_text("0")
    add_up(tmp_path / "sum")
    (stage,) = (stage for stage in account_of(tmp_path / "sum").stages if stage.name == "add")
    assert (stage.again, stage.untold) == (2, 0)
    assert 0.2 < stage.before.seconds < 10


def test_an_attempt_that_left_its_file_after_its_record_is_not_counted_twice(walked):
    record = stages(walked)["add"]
    left = {"stage": "add", **{key: value for key, value in record.items() if key != "artefacts"}}
    (walked / ".attempt.json").write_text(json.dumps(left))
    once = account_of(walked).cost.seconds
    add_up(walked)
    assert account_of(walked).cost.seconds == once
    assert not (walked / ".attempt.json").exists()


def test_an_old_manifest_and_log_still_read(walked):
    manifest = json.loads((walked / "manifest.json").read_text())
    for record in manifest["stages"].values():
        for name in ("cpu_seconds", "energy_low_joules", "energy_high_joules", "energy_kind", "attempt"):
            del record[name]
        record |= {"energy_joules": 36.0, "energy_obtained": "estimated: 3.6 processor seconds at an assumed 10 W"}
    (walked / "manifest.json").write_text(json.dumps(manifest))
    events = [json.loads(line) for line in (walked / "log.jsonl").read_text().splitlines()]
    for event in events:
        event.pop("attempt", None)
    (walked / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    found = evenhand.costs(walked)
    assert found.total.wh == pytest.approx((0.02, 0.02, 0.02))
    assert found.total.cpu_seconds is None
    assert [row["attempts"] for row in found.rows()[:-1]] == [1, 1]
    assert "2 stages told energy without a range" in str(found)
    assert "Estimated from processor seconds at an assumed 10 W" in str(found)


def test_a_log_that_was_cut_or_spoilt_is_read_as_far_as_it_goes(walked):
    with (walked / "log.jsonl").open("ab") as log:
        log.write(b'{"event": "stage_started", "sta\n\xff\xfe\n[1]\n')
        log.write(b'{"event": "stage_killed", "stage": {}, "seconds": "x"}\n')
    found = evenhand.costs(walked)
    assert "2 lines of its log cannot be read" in str(found)
    (walked / "log.jsonl").unlink()
    assert evenhand.costs(walked).total.seconds == found.total.seconds


def test_a_folder_inside_another_is_counted_once(tmp_path):
    add_up(tmp_path / "search")
    add_up(tmp_path / "search" / "best")
    outer = account_of(tmp_path / "search").cost
    found = evenhand.costs(tmp_path / "search", tmp_path / "search" / "best")
    assert found.total == outer
    assert "the sum counts them once" in str(found)
    assert set(found.facts()["counted_within"]) == {str(tmp_path / "search" / "best")}


def test_a_folder_of_runs_is_all_of_them_and_the_same_twice_is_one(tmp_path):
    for name in ("a", "b"):
        add_up(tmp_path / "runs" / name)
    found = evenhand.costs(tmp_path / "runs", tmp_path / "runs" / "a")
    assert [folder.path.name for folder in found.folders] == ["a", "b"]


def test_co2_is_told_only_by_a_stated_grid(walked):
    assert "CO2" not in str(evenhand.costs(walked))
    found = evenhand.costs(walked, grid="300..400")
    co2 = found.grid.co2(Cost(joules=3.6e6, low=1.8e6, high=7.2e6))
    assert (co2.value, co2.low, co2.high) == (350, 150, 800)
    assert "g CO2e" in str(found)
    assert found.rows()[0]["co2_high_grams"] >= found.rows()[0]["co2_low_grams"]


def test_a_countrys_grid_is_that_of_codecarbons_table_with_its_year():
    data = pytest.importorskip("codecarbon.input").DataSource().get_global_energy_mix_data()["FRA"]
    found = grid_of(None, "fra")
    assert found.grams.value == data["carbon_intensity"]
    assert str(data["year"]) in found.source
    assert "codecarbon" in found.source


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"grid": "0"}, "the grid's intensity .* is '0'; .* above 0"),
        ({"grid": "green"}, "is 'green'"),
        ({"grid": -1}, "is '-1'"),
        ({"grid": 350, "country": "FRA"}, "stated twice"),
        ({"country": "France"}, r"no country 'France' .* Did you mean FRA\?"),
        ({"country": "../../etc"}, "there is no country"),
    ],
)
def test_a_grid_that_is_none_is_refused(walked, asked, says):
    with pytest.raises(BadInput, match=says):
        evenhand.costs(walked, **asked)


def test_without_codecarbon_a_country_is_refused_and_a_number_is_not(walked, monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon.input", None)
    with pytest.raises(BadInput, match=r"pip install 'evenhand\[energy\]'"):
        evenhand.costs(walked, country="FRA")
    assert evenhand.costs(walked, grid=56).grid.grams.value == 56


def test_what_has_no_account_is_refused(tmp_path, walked):
    (tmp_path / "empty").mkdir()
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "plan.json").write_text("{}")
    for place, says in (("nowhere", "is not there"), ("empty", "holds none"), ("audit", "folder of an audit")):
        with pytest.raises(BadInput, match=says):
            evenhand.costs(tmp_path / place)
    with pytest.raises(BadInput, match="no folder is named"):
        evenhand.costs()


def test_the_page_has_a_bar_for_each_stage_and_escapes_what_it_shows(walked, tmp_path):
    manifest = json.loads((walked / "manifest.json").read_text())
    manifest["recipe"] = "<script>alert(1)</script>"
    (walked / "manifest.json").write_text(json.dumps(manifest))
    page = evenhand.costs(walked, grid=350).write(tmp_path / "costs.html").read_text()
    assert "<script>alert" not in page
    assert page.count("<rect") >= 2
    assert page.count('<th scope="row">') == 3
    assert "CO2e, g" in page
    assert "CO2e, g" not in evenhand.costs(walked).page()


@given(st.lists(st.tuples(AMOUNT, AMOUNT), max_size=6))
def test_sums_are_sums_in_any_order_and_the_peak_is_the_largest(amounts):
    costs = [Cost(seconds=seconds, peak_memory_mb=peak) for seconds, peak in amounts]
    found = total(costs)
    told = [cost.seconds for cost in costs if cost.seconds is not None]
    assert found.seconds == (pytest.approx(sum(told)) if told else None)
    assert found.peak_memory_mb == max((c.peak_memory_mb for c in costs if c.peak_memory_mb is not None), default=None)
    backwards = total(reversed(costs))
    assert backwards.seconds == (None if found.seconds is None else pytest.approx(found.seconds))


NAMES = st.sampled_from(["seconds", "energy_joules", "energy_low_joules", "energy_high_joules"])
ANYTHING = st.none() | st.floats() | st.text(max_size=3) | st.integers() | st.lists(st.integers(), max_size=1)


@given(st.dictionaries(NAMES, ANYTHING))
def test_a_record_of_any_content_gives_amounts_or_none(record):
    found = Cost.of(record)
    for value in (found.seconds, found.joules, found.low, found.high):
        assert value is None or 0 <= value < 1e15
    assert found.wh is None or found.wh[1] <= found.wh[0] <= found.wh[2]


def test_the_command_prints_a_table_json_and_a_page(evenhand, walked, tmp_path):
    done = evenhand("costs", walked, "--grid", "56", "--out", "costs.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:3] == ["folder", "stage", "seconds"]
    assert (tmp_path / "costs.html").exists()
    found = json.loads(evenhand("costs", walked, "--json").stdout)
    assert [row["stage"] for row in found["rows"]] == ["draw", "add", "sum"]
    assert found["grid"] is None
    refused = evenhand("costs", "nowhere")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_costs_that_cannot_be_kept_end_no_stage(tmp_path, monkeypatch):
    from evenhand.running.costing import attempts, measuring

    monkeypatch.setattr(measuring, "BEAT", 0.05)
    monkeypatch.setattr(attempts, "ATTEMPT", "no/such/folder.json")
    add_up(tmp_path / "sum", seconds=0.3)
    assert set(stages(tmp_path / "sum")) == {"draw", "add"}
