"""Runs are compared as audits are: by the same rows of their test split, also one run with an audit of another's
predictions."""

import json
from pathlib import Path

import pytest

from evenhand import BadInput, audit_into, compare

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


@pytest.fixture
def run_loan(tmp_path, install, evenhand):
    env = install("toy_tables", "toy_tables", PLUGINS)

    def run(name, *settings):
        chosen = [part for setting in settings for part in ("--set", setting)]
        done = evenhand("run", "toy_tables/loan", "--out", tmp_path / name, *chosen, env=env)
        assert done.returncode in (0, 1), done.stderr
        return tmp_path / name

    run.env = env
    return run


@pytest.mark.slow
def test_two_runs_are_compared_on_the_rows_of_their_test_split(run_loan, evenhand, tmp_path):
    one, two = run_loan("one"), run_loan("two", "audit.threshold=0.3")
    found = compare(one, two)
    assert found.paired
    selected = next(c for c in found.changes if (c.attribute, c.metric) == (None, "selection_rate"))
    assert selected.change > 0
    assert "wrongly_refused" in " ".join(found.notes)  # its plugin is not installed here
    shown = evenhand("compare", one, two, "--json")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert told["paired"] is True
    assert "wrongly_refused" in " ".join(told["notes"])
    there = evenhand("compare", one, two, "--json", env=run_loan.env)
    assert there.returncode == 0, there.stderr
    both = [c for c in json.loads(there.stdout)["changes"] if c["metric"] in ("wrongly_refused", "fnr")]
    width = {c["metric"]: c["upper"] - c["lower"] for c in both if c["attribute"] is None}
    assert width["wrongly_refused"] == pytest.approx(width["fnr"])
    assert "wrongly_refused" not in there.stdout.split('"notes"')[1]

    facts = json.loads((two / "audit.json").read_text())["question"]
    roles = {role: facts[role] for role in ("label", "score", "prediction", "sensitive", "cluster")}
    audit_into(tmp_path / "again", two / "predictions.parquet", positive="1", **roles)
    mixed = compare(one, tmp_path / "again")
    assert mixed.paired
    change = next(c for c in mixed.changes if (c.attribute, c.metric) == (None, "selection_rate"))
    assert (change.first, change.second) == pytest.approx((selected.first, selected.second))

    (two / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match="not what the run wrote"):
        compare(one, two)
