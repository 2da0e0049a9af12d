"""The score histograms that travel with an audit: what the threshold slider reads."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ASK, simulated

from evenhand.auditing import audit


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 100).map(lambda k: k / 100), st.floats(0, 1)), min_size=2, max_size=40))
def test_the_bins_from_an_edge_on_hold_the_rows_that_its_threshold_selects(scores):
    frame = pl.DataFrame({"y": [i % 2 for i in range(len(scores))], "s": scores, "g": ["a"] * len(scores)})
    check_bins(frame, audit(frame, **ASK, replicates=200))


def test_the_bins_of_many_rows_hold_what_each_edge_selects():
    frame = simulated(51_000)
    check_bins(frame, audit(frame, **ASK, replicates=200))


def check_bins(frame, found):
    """Sum of the bins from edge k on = rows with score >= edge k, for every k."""
    edges, groups = found.data["histograms"]["edges"], found.data["histograms"]["attributes"]["g"]
    for y, side in ((1, "positive"), (0, "negative")):
        for name, bins in groups.items():
            scores = frame.filter((pl.col("y") == y) & (pl.col("g") == name))["s"].to_numpy()
            above = [int((scores >= edge).sum()) for edge in edges[:-1]]
            assert np.cumsum(bins[side][::-1])[::-1].tolist() == above


@pytest.mark.parametrize("threshold", [0.3, 0.31234, 0.5])
@pytest.mark.parametrize("rows", [900, 60_000])
def test_the_slider_holds_the_audited_cells_at_the_audited_threshold(rows, threshold):
    frame = simulated(rows)
    found = audit(frame, **ASK, threshold=threshold).data
    edges, bins = found["histograms"]["edges"], found["histograms"]["attributes"]["g"]
    cut = edges.index(threshold)
    for group in found["attributes"][0]["groups"]:
        assert sum(bins[group["name"]]["positive"][cut:]) == group["cells"]["tp"]
        assert sum(bins[group["name"]]["negative"][cut:]) == group["cells"]["fp"]
    assert found["histograms"]["effective"] is None


def test_the_slider_knows_what_weights_and_clusters_take_from_the_evidence():
    frame = simulated(800)
    tenfold = pl.concat([frame.with_columns(c=pl.int_range(800))] * 10)
    worth = audit(tenfold, **ASK, cluster="c").data["histograms"]["effective"]["g"]["a"]
    assert all(value == pytest.approx(0.1, rel=0.05) for value in worth.values())
    heavy = audit(frame.with_columns(w=pl.lit(4.0)), **ASK, weight="w").data["histograms"]["effective"]["g"]["a"]
    assert all(value == pytest.approx(0.25, rel=1e-6) for value in heavy.values())
