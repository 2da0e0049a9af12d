"""The search for a less discriminatory alternative: when it is made, what it chooses, and what it needs to be told."""

import types

import numpy as np
import polars as pl
import pytest

from evenhand import BadInput
from evenhand_finance.credit.groups import Grouped
from evenhand_finance.credit.reading import load
from evenhand_finance.credit.search import Measured, Search, _between, _chosen, _with_front
from evenhand_finance.credit.sections import command, sections
from evenhand_finance.credit.training import train

RUN = types.SimpleNamespace(progress=lambda *_: None)


@pytest.fixture
def adapted(small, table):
    """adapted(settings, columns…) -> what finetune makes of a small table."""

    def make(*settings, **columns):
        recipe = small("audit.threshold=0.6", *settings)
        return train(recipe, load(recipe, table(**columns)), RUN)

    return make


def told_apart(made):
    """A column that tells sex, and defaults that women are given too often: a model without sex treats them apart."""
    rng = np.random.default_rng(5)
    made["defaulted"] = [
        "yes" if one == "yes" or (sex == "f" and rng.random() < 0.5) else "no"
        for one, sex in zip(made["defaulted"], made["sex"], strict=True)
    ]
    return ["a" if sex == "f" else "b" for sex in made["sex"]]


def test_where_every_ratio_passes_four_fifths_nothing_is_searched_for(adapted):
    found = Search.from_dict(adapted().model.evidence.told["search"])
    assert not found.repairs
    assert found.measured == ()


def test_where_one_does_not_the_group_is_named_and_a_better_model_is_found(adapted):
    found = Search.from_dict(
        adapted('schema.input=["income", "club"]', club=told_apart, rows=900).model.evidence.told["search"]
    )
    assert (found.column, found.low, found.high) == ("sex", "f", "m")
    assert found.chosen
    by_name = {one.name: one for one in found.measured}
    assert by_name[found.chosen].impact > by_name[found.reference].impact + 0.1


def test_a_group_that_half_the_rows_do_not_tell_is_searched_for_among_the_others(adapted):
    adapted_half = adapted(
        'schema.input=["income", "club"]',
        club=told_apart,
        sex=lambda made: [sex if i % 2 else "" for i, sex in enumerate(made["sex"])],
        rows=900,
    )
    assert set(adapted_half.model.evidence.told["search"]["impacts"]) == {"sex"}
    assert np.isfinite(adapted_half.model.fitted.log_odds(np.array([[20_000.0, 0.0]]))).all()


@pytest.mark.parametrize(
    ("repair", "says"),
    [
        ("", r"draws a group up; say which with --set options.repair=COLUMN=GROUP"),
        ("sexx=f", r"options.repair names 'sexx', which is no sensitive column; those are sex"),
        ("sex=w", r"options.repair names the group 'w' of 'sex'; it has f, m"),
    ],
)
def test_a_mitigation_has_to_be_told_whom_it_helps(adapted, repair, says):
    with pytest.raises(BadInput, match=says):
        adapted("options.model=boosting+pull:1", f"options.repair={repair}")


def test_without_sensitive_columns_there_is_nothing_to_search_for(small, table):
    recipe = small("schema.sensitive=[]")
    assert train(recipe, load(recipe, table()), RUN).model.evidence.told["search"] is None


def measured(name, auc, impact, others=1.0):
    return Measured(name, auc, impact, 0.5, others)


def test_the_highest_ratio_within_the_budget_is_chosen_and_none_that_hurts_another_column():
    some = [
        measured("boosting", 0.80, 0.70),
        measured("cheap", 0.79, 0.78),
        measured("best", 0.785, 0.85),
        measured("unfair elsewhere", 0.79, 0.99, others=0.6),
        measured("dear", 0.75, 0.95),
    ]
    assert _chosen(some, "boosting", 0.02) == "best"
    assert _chosen(some[:1], "boosting", 0.02) == ""


def test_the_step_at_the_budget_is_halved_until_four_fifths():
    """The best within the budget is line:1, and line:1.25 is beyond it: 1.125 lies between."""
    some = [
        measured("boosting", 0.80, 0.50),
        measured("boosting+line:1", 0.79, 0.60),
        measured("boosting+line:1.25", 0.77, 0.90),
        measured("boosting+line:1.5", 0.76, 0.95),
    ]
    assert str(_between(some, "boosting", 0.02, ["income"])) == "boosting+line:1.125"
    assert str(_between([*some, measured("boosting+line:1.125", 0.782, 0.7)], "boosting", 0.02, ["income"])) == (
        "boosting+line:1.1875"
    )
    assert _between([*some, measured("boosting+line:1.1", 0.785, 0.81)], "boosting", 0.02, ["income"]) is None
    assert _between(some[:2], "boosting", 0.02, ["income"]) is None
    assert _between(some[:1], "boosting", 0.02, ["income"]) is None


def test_the_front_is_what_none_beats_in_both():
    some = [measured("a", 0.8, 0.7), measured("b", 0.79, 0.69), measured("c", 0.7, 0.9), measured("d", 0.7, 0.8)]
    assert [one.name for one in _with_front(some) if one.front] == ["a", "c"]


def test_a_command_keeps_the_runs_own_settings_and_tells_three_anew():
    told = "evenhand run finance/credit-default --data 'my file.csv' --set options.model=auto --set seed=3"
    assert command(told, "boosting+line:1", 0.25, "sex=f") == (
        "evenhand run finance/credit-default --data 'my file.csv' --set seed=3 --set options.model=boosting+line:1"
        " --set options.repair=sex=f --set audit.threshold=0.25"
    )


def test_impact_is_the_lowest_rate_over_the_highest_and_tiny_groups_decide_nothing(recipe):
    column = pl.Series("g", ["a"] * 100 + ["b"] * 100 + ["c"])
    approved = np.array([True] * 80 + [False] * 20 + [True] * 40 + [False] * 60 + [False])
    assert Grouped.of(column, recipe()).impact(approved) == 0.5


def test_a_model_that_is_not_the_plugins_own_gets_no_reasons_and_the_report_says_so(tmp_path, recipe):
    (section,) = sections(types.SimpleNamespace(path=tmp_path, recipe=recipe(), manifest={}))
    assert "would not be the reasons of this decision" in section.text
