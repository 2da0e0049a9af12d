"""One run of each healthcare recipe on its own sample, for every test that reads it."""

import json
import os
from contextlib import contextmanager

import pytest

import evenhand


@contextmanager
def alone(folder):
    """An empty cache, no hub, one thread."""
    wanted = {"EVENHAND_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory):
    """The folder of a finished `evenhand run healthcare/chest-xray`."""
    folder = tmp_path_factory.mktemp("chest-xray")
    with alone(folder):
        evenhand.run("healthcare/chest-xray", out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def heart_run(tmp_path_factory):
    """The folder of a finished `evenhand run healthcare/heart`."""
    folder = tmp_path_factory.mktemp("heart")
    with alone(folder):
        evenhand.run("healthcare/heart", out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def readmission_run(tmp_path_factory):
    """The folder of a finished `evenhand run healthcare/readmission`."""
    folder = tmp_path_factory.mktemp("readmission")
    with alone(folder):
        evenhand.run("healthcare/readmission", out=folder / "run")
    return folder / "run"


@pytest.fixture
def record_runs(heart_run, readmission_run):
    """Both, by name."""
    return {"heart": heart_run, "readmission": readmission_run}


@pytest.fixture
def audits(record_runs):
    return {name: json.loads((path / "audit.json").read_text()) for name, path in record_runs.items()}


@pytest.fixture(scope="session")
def volume_run(tmp_path_factory):
    """The folder of a finished `evenhand run healthcare/volume`."""
    folder = tmp_path_factory.mktemp("volume")
    with alone(folder):
        evenhand.run("healthcare/volume", out=folder / "run")
    return folder / "run"
