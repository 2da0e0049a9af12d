"""Limits that are found together are those that are found alone, to the last bit."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tables import simulated

from evenhand.auditing import audit
from evenhand.auditing.counting.aggregation import count
from evenhand.auditing.counting.projection import project
from evenhand.auditing.evidence.estimation import estimate
from evenhand.auditing.evidence.group_estimates import GRID, GRID_PARTS
from evenhand.auditing.evidence.together import together
from evenhand.auditing.metrics.built_in import BINARY
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source


@pytest.fixture(scope="module", params=[None, "patient"])
def estimates(request):
    """Every metric of binary decisions, of five groups and of everyone else, one group lacking a class."""
    frame = simulated(400, 5, 3, patient=[i // 4 for i in range(400)])
    frame = frame.with_columns(y=pl.when(pl.col("g") == "e").then(1).otherwise(pl.col("y")))
    rows = take_roles(open_source(frame), Roles(("g",), "y", "s", None, request.param))
    table = count(rows, "binary", [1], None, 0.5, {m.mean_of for m in BINARY.values() if m.mean_of})
    groups = project(table, table.groups[:, 0], 5)
    return [estimate(metric, side) for side in (groups, groups.rest()) for metric in BINARY.values()]


@pytest.mark.parametrize("c", [0.1, 1.96, 3.3])
def test_of_every_metric_and_group(estimates, c):
    for one, alone in zip(together(estimates), estimates, strict=True):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one.limits(c), alone.limits(c), strict=True))


@pytest.mark.parametrize("part", [0, 1, 2, 5])
def test_at_several_critical_values(estimates, part):
    some = GRID[GRID_PARTS[part]]
    for one, alone in zip(together(estimates), estimates, strict=True):
        found = one.limits(some[:, None])
        for i, c in enumerate(some.tolist()):
            for several, single in zip(found, alone.limits(c), strict=True):
                np.testing.assert_allclose(several[i], single, rtol=1e-14, atol=0)
            assert np.shares_memory(one.limits(c)[0], found[0])  # remembered, not found again


def test_a_plugin_is_asked_for_one_critical_value_at_a_time():
    asked = []

    def limits(evidence):
        def at(c):
            asked.append(c)
            half = c * np.sqrt(evidence.own.variance)
            return evidence.own.value - half, evidence.own.value + half

        return at

    own = GroupMetric(name="own", function=BINARY["tpr"].function, formula="TP / (TP + FN)", better="higher")
    audit(simulated(200), label="y", score="s", sensitive="g", metrics=["tpr"], extra=[replace(own, limits=limits)])
    assert len(set(asked)) > 10
    assert all(type(c) is float for c in asked)


def test_projecting_to_the_same_groups_again_gives_the_same_answer():
    table = count(take_roles(open_source(simulated(90)), Roles(("g",), "y", "s")), "binary", [1], None, 0.5, set())
    group = table.groups[:, 0]
    assert project(table, group.copy(), 3) is project(table, group, 3)
    assert project(table, 2 - group, 3) is not project(table, group, 3)
    assert replace(table, n=table.n * 2).projected == []
