"""What can be done, and what is said of it, at a place none of whose labels is known."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evenhand
import toy_images
from evenhand.adapting.probe import Head
from evenhand.extending.discovering import load
from evenhand.living.sites.alignment import shares_by_errors
from evenhand.living.sites.scorers import agreed, density, dev, entropy, mean_rank, mixing
from evenhand.living.sites.views import Projection

SOURCE = "nothing"


def said(rng, rows=60, classes=3):
    return rng.dirichlet(np.ones(classes), rows)


@given(st.integers(0, 1_000))
def test_scores_are_those_of_skada(seed):
    skada = pytest.importorskip("skada.metrics", reason="skada is not installed")
    rng = np.random.default_rng(seed)
    chances = said(rng)

    class Fixed:
        def predict_proba(self, rows, **_):
            return chances

    rows, side = rng.normal(size=(60, 2)), np.full(60, -1)
    arguments = Fixed(), rows, np.full(60, -1), side
    assert entropy(chances) == pytest.approx(-skada.PredictionEntropyScorer()._score(None, *arguments), abs=1e-6)
    # skada's exponentials are taken of the whole matrix at once, ours of each row: equal to what a float holds
    assert density(chances) == pytest.approx(skada.SoftNeighborhoodDensity()._score(None, *arguments), rel=1e-4)


@given(st.lists(st.floats(0.01, 5), min_size=3, max_size=20), st.floats(0, 3))
def test_a_loss_that_is_the_same_everywhere_is_its_weighed_self(weights, loss):
    weights = np.array(weights) / np.mean(weights)
    found = dev(np.full(len(weights), loss), weights)
    assert found == pytest.approx(loss, abs=1e-6)


def test_mixtures_of_one_class_and_of_two_count_half_each():
    own, pairs = np.array([0, 0, 1, 1]), np.array([1, 2, 3, 0])  # same, other, same, other
    assert mixing(own, np.array([0, 1, 1, 1]), pairs) == pytest.approx((1.0 + 0.5) / 2)


def test_one_dissenting_score_is_enough_to_leave_the_model_as_it_is():
    found = {SOURCE: {"a": 0.0, "b": 0.0, "c": 0.0}, "x": {"a": 1.0, "b": 1.0, "c": -1.0}}
    assert agreed(found, SOURCE) is None
    found["x"]["c"] = 1.0
    assert agreed(found, SOURCE) == "x"
    found["y"] = {"a": 2.0, "b": 2.0, "c": 0.5}
    assert agreed(found, SOURCE) == "y"
    assert mean_rank(found)[SOURCE] == 0
    assert agreed({SOURCE: {"a": 0.0}, "x": {"a": 1.0}}, SOURCE) is None  # one score alone is no agreement


@given(st.integers(0, 500))
def test_a_head_through_a_projection_says_the_same_of_the_rows_themselves(seed):
    rng = np.random.default_rng(seed)
    through = Projection(rng.normal(size=5), rng.normal(size=(5, 2)))
    head = Head(rng.normal(size=(3, 2)).astype(np.float32), rng.normal(size=3).astype(np.float32))
    rows = rng.normal(size=(7, 5))
    folded = through.unfold(head)
    np.testing.assert_allclose(
        folded.logits(rows.astype(np.float32)),
        head.logits(((rows - through.centre) @ through.matrix).astype(np.float32)),
        atol=1e-4,
    )


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_shares_are_found_from_how_a_model_confuses_classes(share):
    rng = np.random.default_rng(1)

    def says(targets):
        return np.where(rng.random(len(targets))[:, None] < 0.85, np.eye(2)[targets], np.eye(2)[1 - targets])

    old, new = rng.integers(0, 2, 4_000), (rng.random(4_000) < share).astype(int)
    before = np.bincount(old) / len(old)
    assert shares_by_errors(says(old), old, says(new), before)[1] == pytest.approx(share, abs=0.04)
    assert shares_by_errors(says(old), old, says(old), before) == pytest.approx(before, abs=0.04)


@pytest.fixture(scope="module")
def dusk(tmp_path_factory):
    """Pictures of a darker place, without their labels."""
    folder = toy_images.photograph(tmp_path_factory.mktemp("dusk"), seed=9, images=60)
    rows = pl.read_csv(folder / "metadata.csv").drop("spot")
    rows.write_csv(folder / "metadata.csv")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["probe", "full"])
def test_pictures_of_a_place_without_labels_are_scored_by_signs(tmp_path, dusk, strategy, run_apart):
    plugins = load({"toy_images": toy_images})
    run = run_apart("toy_images/spots", f"finetune.strategy={strategy}", "finetune.epochs=1", plugins=plugins)
    found = evenhand.adapt(run.path, dusk, out=tmp_path / "dusk", plugins=plugins)
    lines = {line["name"]: line for line in found.card["candidates"]}
    wanted = {"probe": {"align", "centre", "transport", "subspace"}, "full": {"statistics"}}[strategy]
    assert wanted <= set(lines)
    for name in wanted:
        assert {"entropy", "density"} <= set(lines[name]["signs"])
    if strategy == "probe":
        assert {"importance", "dev", "mixing"} <= set(lines["centre"]["signs"])
    assert "prove nothing" in str(found)
    assert "Label-free scores" in found.report.read_text("utf-8")
    taken = evenhand.adapt(run.path, dusk, out=tmp_path / "taken", take=sorted(wanted)[0], plugins=plugins)
    before, after = (evenhand.load(one, plugins).predict_proba(dusk) for one in (run.path, taken.path))
    assert not np.allclose(before, after)


def test_batch_statistics_become_those_of_the_place_and_no_weight_moves():
    torch = pytest.importorskip("torch")
    from evenhand.living.sites.normalising import BEFORE, _counting

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5))
    weights = [p.clone() for p in network.parameters()]
    pictures = torch.randn(64, 1, 4, 4) * 3 + 5
    with torch.no_grad():
        inside = network[0](pictures)
        with _counting(network, 64):
            network(pictures[:32])
            network(pictures[32:])
    mean = inside.mean(dim=(0, 2, 3))
    share = BEFORE / (BEFORE + 64)
    torch.testing.assert_close(network[1].running_mean, (1 - share) * mean, atol=1e-4, rtol=1e-4)
    assert not network[1].training
    assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))
