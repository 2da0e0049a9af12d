"""What a stage cost: processor seconds of children too, its own peak of memory, energy by counter or model."""

# ruff: noqa: N802  # NVML names its functions so
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand.running.costing import energy, gpus, memory
from evenhand.running.costing.energy import CORE, Rapl, Span, watts
from evenhand.running.costing.measuring import measured

BUSY = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_processor_seconds_are_those_of_children_too():
    with measured() as mine:
        busy(0.3)
    with measured() as childs:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
    with measured() as idle:
        time.sleep(0.3)
    assert mine["cpu_seconds"] >= 0.29
    assert childs["cpu_seconds"] >= 0.39
    assert idle["cpu_seconds"] < 0.2 < idle["seconds"]


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the kernel's mark cannot be taken back")
def test_the_peak_is_the_stages_own_not_that_of_one_before():
    with measured() as large:
        np.ones(40_000_000).sum()  # 320 MB
    with measured() as small:
        np.ones(1_000).sum()
    assert large["peak_memory_of"] == small["peak_memory_of"] == "the stage"
    assert large["peak_memory_mb"] > small["peak_memory_mb"] + 250


def test_a_stage_that_holds_a_walk_has_the_peak_of_before_that_walk():
    with measured() as outer:
        np.ones(40_000_000).sum()
        with measured() as inner:
            np.ones(1_000).sum()
    assert outer["peak_memory_mb"] > inner["peak_memory_mb"] or inner["peak_memory_of"] != "the stage"


def test_where_the_mark_stays_the_peak_is_said_to_be_the_processs(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MARKS", tmp_path / "no" / "such")
    with measured() as cost:
        pass
    assert cost["peak_memory_of"] == "the process so far"
    assert cost["peak_memory_mb"] > 0


def test_without_a_counter_energy_is_modelled_with_its_range(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    with measured() as cost:
        busy(0.2)
    assert cost["energy_kind"] == "modelled"
    for name, power in (("", CORE.value), ("low_", CORE.low), ("high_", CORE.high)):
        assert cost[f"energy_{name}joules"] == pytest.approx(cost["cpu_seconds"] * power, abs=0.02)
    assert "12 (3.5 to 24) W, assumed" in cost["energy_obtained"]


def test_a_stated_power_is_taken_and_said(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    monkeypatch.setenv("EVENHAND_WATTS_PER_CORE", "4..8")
    with measured() as cost:
        busy(0.1)
    assert cost["energy_joules"] == pytest.approx(6 * cost["cpu_seconds"], abs=0.01)
    assert "6 (4 to 8) W, as stated" in cost["energy_obtained"]
    monkeypatch.setenv("EVENHAND_MACHINE_WATTS", "100")
    with measured() as cost:
        time.sleep(0.05)
    assert cost["energy_kind"] == "constant"
    assert cost["energy_joules"] == pytest.approx(100 * cost["seconds"], abs=0.2)


@pytest.mark.parametrize("stated", ["0", "-3", "many", "8..4", "1e9", "nan", "4..", "9999999"])
def test_a_power_that_is_none_is_refused_before_anything_is_done(monkeypatch, stated):
    monkeypatch.setenv("EVENHAND_WATTS_PER_CORE", stated)
    with pytest.raises(BadInput, match="EVENHAND_WATTS_PER_CORE is .*a number of watts"), measured():
        raise AssertionError("it began")


@given(low=st.floats(0.1, 1e5), wide=st.floats(0, 1e5))
def test_a_stated_range_has_its_middle_within(low, wide):
    found = watts({"EVENHAND_WATTS_PER_CORE": f"{low:.3f}..{low + wide:.3f}"}).core
    assert found.low <= found.value <= found.high


def counter(folder, name, joules, most=1000.0, kind="package-0"):
    place = folder / name
    place.mkdir()
    (place / "name").write_text(kind + "\n")
    (place / "energy_uj").write_text(str(int(joules * 1e6)))
    (place / "max_energy_range_uj").write_text(str(int(most * 1e6)))
    return place / "energy_uj"


def test_a_counter_that_turned_over_is_counted_on_and_the_boards_is_not_counted_twice(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    package = counter(tmp_path, "intel-rapl:0", 990)
    dram = counter(tmp_path, "intel-rapl:0:1", 10, kind="dram")
    counter(tmp_path, "intel-rapl:0:0", 5, kind="core")
    board = counter(tmp_path, "intel-rapl:1", 50, kind="psys")
    found = Rapl.found()
    package.write_text(str(int(15 * 1e6)))
    dram.write_text(str(int(12 * 1e6)))
    board.write_text(str(int(500 * 1e6)))
    found.look()
    assert found.joules == pytest.approx(25 + 2)
    found.look()
    assert found.joules == pytest.approx(25 + 2)
    told = found.energy(0.0)
    assert told.kind == "measured"
    assert told.joules.low <= told.joules.value == told.joules.high


def test_at_the_low_end_only_our_share_of_the_busy_time_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    package = counter(tmp_path, "intel-rapl:0", 0)
    times = iter([100.0, 110.0])
    monkeypatch.setattr(energy, "busy_seconds", lambda: next(times))
    found = Rapl.found()
    package.write_text(str(int(80 * 1e6)))
    found.look()
    assert found.energy(2.5).joules == Span(80, 20, 80)


def test_a_counter_that_cannot_be_read_gives_the_model(monkeypatch, tmp_path):
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    counter(tmp_path, "intel-rapl:0", 1).write_text("what?")
    assert Rapl.found() is None


class FakeNvml:
    """Two GPUs: one that counts its energy, one from before GPUs did."""

    def __init__(self):
        self.millijoules = 1000.0

    def nvmlDeviceGetTotalEnergyConsumption(self, device):
        if device == 1:
            raise RuntimeError("not supported")
        return self.millijoules

    def nvmlDeviceGetPowerUsage(self, device):
        return 50_000

    def nvmlDeviceGetUtilizationRates(self, device):
        return type("Rates", (), {"gpu": 50})

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, place):
        return place

    def nvmlDeviceGetHandleByUUID(self, name):
        return name


def test_gpus_are_counted_by_energy_where_they_count_and_by_power_where_not(monkeypatch):
    now = iter([100.0, 110.0])
    monkeypatch.setattr(gpus.time, "perf_counter", lambda: next(now))
    nvml = FakeNvml()
    found = gpus.Gpus(nvml, [0, 1])
    nvml.millijoules += 600_000
    found.look()
    assert found.joules == pytest.approx(600 + 10 * 50)
    assert found.seconds == pytest.approx(10 * 0.5 * 2)
    assert found.energy().joules == Span(1100, 550, 1100)


@pytest.mark.parametrize(("visible", "handles"), [(None, [0, 1]), ("1", [1]), ("", []), ("GPU-abc", ["GPU-abc"])])
def test_only_the_visible_gpus_are_counted(monkeypatch, visible, handles):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus._visible(FakeNvml()) == handles


def test_a_gpu_whose_counter_is_hidden_is_a_constant(monkeypatch):
    monkeypatch.setattr(gpus, "in_use", lambda: True)
    monkeypatch.setattr(gpus.Gpus, "found", staticmethod(lambda: None))
    with measured() as cost:
        time.sleep(0.05)
    assert cost["energy_kind"] == "constant"
    assert "a GPU at 200 (70 to 700) W" in cost["energy_obtained"]
    assert "gpu_seconds" not in cost
