"""Synthetic tables are varied, dirty in the ways said, and a function of their seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.pretraining.prior import draw_table
from evenhand.pretraining.prior.causes import draw_causes
from evenhand.pretraining.prior.dirt import draw_codes, level_values, lose_cells, shift
from evenhand.pretraining.prior.labels import draw_labels, draw_scores

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


@given(seeds, st.integers(24, 120), st.integers(1, 30))
@few
def test_every_table_can_be_learned_from(seed, n_context, columns):
    table = draw_table(np.random.default_rng(seed), n_context, 16, columns)
    assert table.values.shape == (n_context + 16, columns)
    assert set(np.unique(table.labels)) <= {0, 1}
    assert 2 <= table.labels[:n_context].sum() <= n_context - 2
    assert not np.isinf(table.values).any()
    codes = table.values[:, table.categorical]
    assert np.array_equal(codes[~np.isnan(codes)], np.round(codes[~np.isnan(codes)]))
    assert ((table.chance >= 0) & (table.chance <= 1)).all()


@given(seeds)
@few
def test_a_seed_draws_the_same_table_again(seed):
    one, other = (draw_table(np.random.default_rng(seed), 40, 10, 6) for _ in range(2))
    assert np.array_equal(one.values, other.values, equal_nan=True)
    assert np.array_equal(one.labels, other.labels)


@given(seeds, st.integers(1, 12))
@few
def test_causes_are_standardised(seed, nodes):
    x = draw_causes(np.random.default_rng(seed), 400, nodes)
    assert x.shape == (400, nodes)
    assert np.isfinite(x).all()
    assert (np.abs(x.mean(0)) < 0.5).all()
    assert (x.std(0) < 3).all()


@given(seeds)
@few
def test_scores_are_finite_and_standardised(seed):
    rng = np.random.default_rng(seed)
    scores = draw_scores(rng, draw_causes(rng, 100, 5))
    assert np.isfinite(scores).all()
    assert abs(scores.mean()) < 1e-6


def test_labels_come_as_often_as_their_chances_say():
    rng = np.random.default_rng(5)
    pairs = [draw_labels(rng, rng.standard_normal(500)) for _ in range(200)]
    labels, chances = (np.concatenate(part) for part in zip(*pairs, strict=True))
    for low in np.arange(0, 1, 0.1):
        inside = (chances >= low) & (chances < low + 0.1)
        error = 4 * 0.5 / np.sqrt(inside.sum())
        assert abs(labels[inside].mean() - chances[inside].mean()) < error


def test_tables_differ_in_balance_width_of_codes_and_missing_cells():
    rng = np.random.default_rng(1)
    tables = [draw_table(rng, 100, 20, 8) for _ in range(150)]
    positive = np.array([t.labels.mean() for t in tables])
    assert positive.min() < 0.1
    assert positive.max() > 0.6
    missing = np.array([np.isnan(t.values).mean() for t in tables])
    assert 0.2 < (missing > 0).mean() < 0.6
    assert missing.max() > 0.2
    assert {bool(t.categorical.any()) for t in tables} == {True, False}
    assert max(np.nanmax(t.values[:, t.categorical], initial=0) for t in tables) > 8


@given(seeds, st.integers(10, 200))
@few
def test_codes_are_ranks_cut_in_pieces_and_named_at_random(seed, rows):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(rows)
    codes = draw_codes(rng, x)
    runs = 1 + np.count_nonzero(np.diff(codes[np.argsort(x)]))
    assert runs == len(np.unique(codes))


@given(seeds)
@few
def test_rows_of_one_level_share_their_value(seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, 50)
    values = level_values(rng, rng.standard_normal(50), codes)
    for code in np.unique(codes):
        assert np.ptp(values[codes == code]) < 1e-9


def test_cells_can_be_missing_for_the_reason_that_decides_the_label():
    rng = np.random.default_rng(3)
    told = []
    for _ in range(60):
        clean = rng.standard_normal((400, 3))
        scores = rng.standard_normal(400)
        values = clean.copy()
        lose_cells(rng, values, clean, scores)
        lost = np.isnan(values)
        told += [abs(np.corrcoef(lost[:, c], scores)[0, 1]) for c in range(3) if lost[:, c].any()]
    assert max(told) > 0.3  # some
    assert np.median(told) < 0.15  # most not


@given(seeds, st.integers(1, 39))
@few
def test_a_shift_reorders_rows_and_loses_none(seed, n_context):
    rng = np.random.default_rng(seed)
    order = shift(rng, rng.standard_normal((40, 3)), n_context)
    assert sorted(order) == list(range(40))


def test_the_module_names_its_sources():
    from evenhand.pretraining import prior

    assert "arXiv" in prior.causes.__doc__
    assert "arXiv" in prior.labels.__doc__


@pytest.mark.parametrize("columns", [1, 2])
def test_the_smallest_tables_can_be_drawn(columns):
    assert draw_table(np.random.default_rng(0), 6, 1, columns).values.shape == (7, columns)
