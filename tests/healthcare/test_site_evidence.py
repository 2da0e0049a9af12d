"""What the site card's proofs rest on: gains with limits, and what inputs without labels can do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.living.sites.alignment import coral, shares_by_em, told_apart
from evenhand.living.sites.evidence import Gain, enough, gains, more_needed

RNG = np.random.default_rng(20261126)


def test_a_candidate_that_says_the_same_gains_nothing_and_its_limits_say_so():
    loss = RNG.exponential(size=60)
    found = gains(loss, {"same": loss.copy(), "worse": loss + RNG.uniform(0.1, 0.3, 60)}, np.arange(60), seed=0)
    assert found["same"] == Gain(0.0, 0.0, 0.0, 0.0)
    assert found["worse"].upper < 0


def test_one_cluster_proves_nothing():
    found = gains(np.full(30, 2.0), {"one": np.full(30, 1.0)}, np.zeros(30, int), seed=0)["one"]
    assert not found.proven
    assert found.lower == -math.inf


def test_of_eight_useless_candidates_rarely_any_is_proven():
    wrong = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        source, shared = rng.exponential(size=80), rng.normal(size=80)
        others = {str(n): source + 0.5 * shared + 0.5 * rng.normal(size=80) for n in range(8)}
        wrong += any(one.proven for one in gains(source, others, np.arange(80), seed).values())
    assert wrong <= 20  # 5 % are meant; 20 of 200 has a chance of less than 1 in 500 there


def test_rows_of_one_patient_move_together():
    loss, other = RNG.exponential(size=40), RNG.exponential(size=40)
    alone = gains(loss, {"": other}, np.arange(40), seed=0)[""]
    thrice = gains(np.repeat(loss, 3), {"": np.repeat(other, 3)}, np.repeat(np.arange(40), 3), seed=0)[""]
    assert thrice.value == pytest.approx(alone.value)
    assert thrice.error == pytest.approx(alone.error)


@pytest.mark.parametrize(
    ("targets", "clusters", "proves"),
    [
        ([0, 1] * 20, range(40), True),
        ([0, 1] * 15, range(30), False),
        ([0] * 56 + [1] * 4, range(60), False),
        ([0, 1] * 40, [n // 4 for n in range(80)], False),
        ([], [], False),
    ],
    ids=["forty", "thirty", "four of one class", "twenty patients", "none"],
)
def test_a_proof_needs_forty_patients_and_five_of_each_class(targets, clusters, proves):
    assert enough(np.array(targets, dtype=int), np.array(list(clusters), dtype=int)) is proves


@given(st.floats(0.001, 1), st.floats(0.001, 1), st.integers(20, 500))
def test_more_labels_are_asked_for_until_the_lower_limit_would_be_zero(value, margin, labelled):
    asked = more_needed(Gain(value, value - margin, value + margin, margin / 2), labelled)
    shrunk = margin / math.sqrt((labelled + asked) / labelled)
    assert value - shrunk >= -1e-9
    assert asked == 0 or value - margin / math.sqrt((labelled + asked - 1) / labelled) <= 1e-6 * value


def test_old_rows_are_brought_to_the_places_means_and_covariances():
    source = RNG.normal(size=(4000, 3)) @ RNG.normal(size=(3, 3))
    target = 4 + RNG.normal(size=(4000, 3)) @ RNG.normal(size=(3, 3))
    brought = coral(source, target, ridge=1e-6)
    assert np.allclose(brought.mean(0), target.mean(0))
    assert np.allclose(np.cov(brought.T), np.cov(target.T), atol=0.05)
    assert np.allclose(coral(source, source), source)


def test_places_that_are_alike_are_not_told_apart():
    same = told_apart(RNG.normal(size=(400, 4)), RNG.normal(size=(400, 4)))
    other = told_apart(RNG.normal(size=(400, 4)), RNG.normal(1, 1, size=(400, 4)))
    assert same[1] < 0.6 < 0.8 < other[1]
    for weights, _ in (same, other):
        assert weights.mean() == pytest.approx(1)
        assert weights.min() >= 0


def test_shares_are_found_where_only_shares_changed():
    sick = RNG.random(20_000) < 0.7
    signs = RNG.normal(2.0 * sick, 1.0)
    before = np.array([0.8, 0.2])
    likelihood = np.stack([np.exp(-(signs**2) / 2), np.exp(-((signs - 2) ** 2) / 2)], axis=1)
    said = likelihood * before / (likelihood @ before)[:, None]
    assert shares_by_em(said, before)[1] == pytest.approx(0.7, abs=0.02)
