"""Tiny networks that write, made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """name -> folder of a tiny network with random weights."""
    import tiny_networks

    folder = tmp_path_factory.mktemp("networks")
    return {name: getattr(tiny_networks, name)(folder / name) for name in ("t5", "marian", "llama")}
