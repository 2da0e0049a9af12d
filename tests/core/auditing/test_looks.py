"""Looking again: a ledger counts the looks at a question, and all of them together stay inside the budget."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import counted
from typer.testing import CliRunner

import evenhand
from evenhand import BadInput, Question
from evenhand.auditing.evidence.bands import draw_maxima
from evenhand.auditing.evidence.directed import Alarms, exceeding_critical
from evenhand.auditing.evidence.group_estimates import GroupEstimates
from evenhand.auditing.question.budget import budget_of
from evenhand.commands.app import app
from evenhand.statistics.intervals import difference

ASKED = Question(label="y", prediction="d", sensitive="g", tolerance={"tpr": 0.0})
RATES = 0.5


def month(rng, rows=200):
    """A month of two groups that are alike."""
    hits = rng.binomial(rows, RATES, 2)
    cells = {g: (int(hit), 10, int(rows - hit), 10) for g, hit in zip("ab", hits, strict=True)}
    return counted(**cells)


@given(st.floats(0.6, 0.999), st.integers(1, 300))
def test_all_looks_together_spend_no_more_than_one_audit_without_a_ledger(confidence, looks):
    spent = [budget_of(confidence, k, tolerances=True, ratios=True, slices=False) for k in range(1, looks + 1)]
    assert sum(budget.level for budget in spent) <= 1 - confidence + 1e-9
    for budget in spent:
        assert sum(budget.split.values()) == pytest.approx(budget.level)


def exceeded(hits, rows, level, maxima):
    """Whether an audit of two groups' true positive rates at a tolerance of 0 calls their gap exceeded."""
    full = np.full(2, float(rows))
    found = GroupEstimates(hits / full, np.zeros(2), full, np.full(2, np.inf), full, True)
    lower, upper = found.deciding(exceeding_critical([Alarms(maxima)], level))
    value = found.value
    return difference(value[:, None], (lower[:, None], upper[:, None]), value[None], (lower, upper))[0].max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("accumulating", [False, True])
def test_twelve_months_without_a_gap_seldom_alarm(accumulating):
    """Without counting, fresh rows alarm in 43 % of years and accumulating ones in 20 %; 5 % are allowed."""
    rng, years, alarms = np.random.default_rng(20261126), 200, np.zeros(2)
    full = np.full(2, 200.0)
    alike = GroupEstimates(np.full(2, RATES), np.zeros(2), full, np.full(2, np.inf), full, True)
    maxima = draw_maxima(alike, full, 2000, (0,))
    levels = [budget_of(0.95, look, tolerances=True, ratios=False, slices=False).level for look in range(1, 13)]
    for _ in range(years):
        hits = rng.binomial(200, RATES, (12, 2))
        rows = np.full(12, 200)
        if accumulating:
            hits, rows = hits.cumsum(axis=0), rows.cumsum()
        months = list(zip(hits, rows, levels, strict=True))
        alarms[0] += any(exceeded(*month, maxima) for month in months)
        alarms[1] += any(exceeded(hit, n, 0.05, maxima) for hit, n, _ in months)
    assert alarms[0] / years <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / years)
    assert alarms[1] / years > 0.12


def test_a_ledger_counts_what_was_asked_of_which_data(tmp_path):
    ledger, rng = tmp_path / "looks.json", np.random.default_rng(0)
    files = [tmp_path / f"{i}.csv" for i in range(3)]
    for file in files:
        month(rng).write_csv(file)
    looks = [evenhand.take_look(ledger, ASKED, file).look for file in (*files, files[0])]
    assert looks == [1, 2, 3, 1]  # the same data is the same look
    other = ASKED.but(tolerance={"tpr": 0.1})
    assert evenhand.take_look(ledger, other, files[0]).look == 1
    assert evenhand.take_look(ledger, ASKED.but(title="renamed"), files[1]).look == 2
    assert len(json.loads(ledger.read_text())["questions"]) == 2


def test_the_command_line_counts_and_says_so(tmp_path):
    rng, runner = np.random.default_rng(1), CliRunner()
    for i in range(2):
        month(rng).write_csv(tmp_path / f"{i}.csv")
        words = [str(tmp_path / f"{i}.csv"), "--label", "y", "--prediction", "d", "--sensitive", "g"]
        words += [
            "--tolerance",
            "tpr=0.2",
            "--ledger",
            str(tmp_path / "looks.json"),
            "--out",
            str(tmp_path / f"out{i}"),
        ]
        done = runner.invoke(app, ["audit", *words])
        assert done.exit_code in (0, 1), done.output
        budget = json.loads((tmp_path / f"out{i}" / "audit.json").read_text())["question"]["error_budget"]
        assert budget["look"] == i + 1
        assert budget["exceeded"] == pytest.approx(0.05 / ((i + 1) * (i + 2)))
        assert f"this is look {i + 1}" in (tmp_path / f"out{i}" / "report.html").read_text()
        assert evenhand.verify(tmp_path / f"out{i}").equal
    plain = evenhand.audit(tmp_path / "0.csv", question=ASKED.but(tolerance={"tpr": 0.2}))
    assert plain.data["question"]["error_budget"]["look"] is None
    assert "one look" in str(plain)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"format": "evenhand-ledger", "questions": {"a": {"looks": [{"look": 2}]}}}', "[" * 9000]
)
def test_a_damaged_ledger_is_refused_and_left_alone(tmp_path, text):
    ledger = tmp_path / "looks.json"
    ledger.write_text(text)
    with pytest.raises(BadInput, match="no ledger of looks"):
        evenhand.take_look(ledger, ASKED, counted(a=(1, 1, 1, 1), b=(1, 1, 1, 1)))
    assert ledger.read_text() == text


def test_a_ledger_in_no_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be written"):
        evenhand.take_look(tmp_path / "none" / "looks.json", ASKED, counted(a=(1, 1, 1, 1), b=(1, 1, 1, 1)))


def test_audits_at_once_are_looks_of_their_own(tmp_path):
    program = """
import sys, polars as pl, evenhand
rows = pl.DataFrame({"hired": [1, 0], "sex": ["f", "m"]})
asked = evenhand.Question(prediction="hired", sensitive="sex")
print(*(evenhand.take_look(sys.argv[1], asked, rows).look for _ in range(5)))
"""
    words = [sys.executable, "-c", program, str(tmp_path / "looks.json")]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [int(look) for one in both for look in one.communicate(timeout=120)[0].split()]
    assert sorted(found) == list(range(1, 11))
