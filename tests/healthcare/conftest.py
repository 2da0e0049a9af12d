"""One run of chest-xray on its own sample, which every test of its findings reads."""

import os

import pytest

import evenhand


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory):
    """The folder of a finished `evenhand run healthcare/chest-xray`."""
    folder = tmp_path_factory.mktemp("chest-xray")
    before = {name: os.environ.get(name) for name in ("EVENHAND_CACHE", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")}
    os.environ.update(EVENHAND_CACHE=str(folder / "cache"), HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    try:
        evenhand.run("healthcare/chest-xray", out=folder / "run")
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    return folder / "run"
