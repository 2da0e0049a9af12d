"""One run of each record recipe on its simulated sample, for every test that reads it."""

import json

import pytest

from evenhand import run


@pytest.fixture(scope="session")
def record_runs(tmp_path_factory):
    """The folders of heart and readmission; a linear model and trees: the quickest that learn."""
    folder = tmp_path_factory.mktemp("records")
    found = {}
    for name, strategy in (("heart", "linear"), ("readmission", "trees")):
        path = folder / name
        run(f"healthcare/{name}", settings=[f"finetune.strategy={strategy}"], out=path)
        found[name] = path
    return found


@pytest.fixture
def audits(record_runs):
    return {name: json.loads((path / "audit.json").read_text()) for name, path in record_runs.items()}
