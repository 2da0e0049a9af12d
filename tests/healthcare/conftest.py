"""One run of each healthcare recipe on its own sample, for every test that reads it."""

import json

import pytest


@pytest.fixture(scope="session")
def sample_run(run_apart):
    """The folder of a finished `evenhand run healthcare/chest-xray`."""
    return run_apart("healthcare/chest-xray").path


@pytest.fixture(scope="session")
def heart_run(run_apart):
    """The folder of a finished `evenhand run healthcare/heart`."""
    return run_apart("healthcare/heart").path


@pytest.fixture(scope="session")
def readmission_run(run_apart):
    """The folder of a finished `evenhand run healthcare/readmission`."""
    return run_apart("healthcare/readmission").path


@pytest.fixture(scope="session")
def volume_run(run_apart):
    """The folder of a finished `evenhand run healthcare/volume`."""
    return run_apart("healthcare/volume").path


@pytest.fixture
def record_runs(heart_run, readmission_run):
    """Both, by name."""
    return {"heart": heart_run, "readmission": readmission_run}


@pytest.fixture
def audits(record_runs):
    return {name: json.loads((path / "audit.json").read_text()) for name, path in record_runs.items()}
