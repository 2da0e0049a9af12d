"""The fuzzer of `make fuzz` on a few seeds; and that it would see what it looks for."""

import json

import pytest
from trying import SCHEMA, Outcome, fuzz, wrong

GOOD = "evenhand: no such column; name another\n"


def test_a_few_tries_end_as_they_may():
    codes, faults = fuzz(seed=0, count=25)
    assert not faults, "\n".join(faults)
    assert set(codes) >= {0, 2}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Outcome(2, "", GOOD), None),
        (Outcome(2, "", GOOD + GOOD), "no sentence"),
        (Outcome(2, "", "evenhand: " + "x" * 400 + "\n"), "no sentence"),
        (Outcome(2, "{}", GOOD), "no sentence"),
        (Outcome(2, "", "evenhand: \x1b[2J\n"), "no sentence"),
        (Outcome(2, "", "evenhand: a fault of evenhand itself, please report it\n"), "a fault"),
        (Outcome(0, "{}", ""), "schema"),
        (Outcome(0, "{", ""), "no JSON"),
        (Outcome(1, "{}", "RuntimeWarning"), "beside the audit"),
        (Outcome("KeyError('g')", "", ""), "ended with"),
        (Outcome(4, "", GOOD), "ended with"),
    ],
)
def test_what_may_not_be_is_seen(found, says):
    why = wrong(found, json.loads(SCHEMA.read_text()))
    assert (why is None) if says is None else (says in why)
