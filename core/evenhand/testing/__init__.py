"""For tests: `assert_within` holds a model's gaps to a tolerance; the conformance kit holds a plugin to the contract.

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conforms(check):
        check("mydomain")

The kit is a check for each thing that a domain plugin must keep to. A check takes the name of an installed plugin or a
module, and raises AssertionError with a sentence that says what is wrong and what the contract asks.
"""

from __future__ import annotations

from evenhand.testing.checks import (
    OF_RUNS,
    backbones_have_cards,
    deterministic_under_a_seed,
    hooks_follow_the_contract,
    recipes_are_complete,
    sample_data_loads,
    sample_run_works_offline,
    stored_model_scores_alike,
)
from evenhand.testing.lessons import lessons_repeat_themselves
from evenhand.testing.looking_ahead import past_ignores_the_future, scores_ignore_the_future
from evenhand.testing.within import assert_within

CHECKS = (*OF_RUNS, lessons_repeat_themselves, scores_ignore_the_future)

__all__ = [
    "CHECKS",
    "assert_within",
    "backbones_have_cards",
    "deterministic_under_a_seed",
    "hooks_follow_the_contract",
    "lessons_repeat_themselves",
    "past_ignores_the_future",
    "recipes_are_complete",
    "sample_data_loads",
    "sample_run_works_offline",
    "scores_ignore_the_future",
    "stored_model_scores_alike",
]
