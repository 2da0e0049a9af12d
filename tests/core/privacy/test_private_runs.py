"""Runs with [finetune.privacy]: the budget is kept and told, the secret goes, guards refuse what was not trained."""

import json
import math

import numpy as np
import pytest
import toy_labels
from hypothesis import given
from hypothesis import strategies as st

import evenhand
import toy_images
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.privacy.budget import gaussian_delta, gaussian_epsilon, largest_auc, largest_mu, most_found
from evenhand.privacy.heads import clipped_sum, gradient_heads, residuals, with_constant
from evenhand.privacy.secret import Noise
from evenhand.recipe_rules import PrivacyRule

TABLE = """
name = "motors"
domain = "toy_private"
title = "Which motors fail"
task = "binary"
modality = "table"

[schema]
input = ["heat", "hours", "site"]
label = "oil"
positive = 1
sensitive = "site"

[finetune]
strategy = "linear"
"""


@given(st.floats(0.1, 20), st.floats(1e-9, 1e-2))
def test_the_accountant_gives_back_the_epsilon_that_the_noise_was_sized_for(epsilon, delta):
    assert gaussian_epsilon(largest_mu(epsilon, delta), delta) == pytest.approx(epsilon, rel=1e-6)


@given(st.floats(0.1, 10), st.floats(1.01, 3), st.floats(1e-8, 1e-3))
def test_a_larger_epsilon_needs_no_more_noise(epsilon, times, delta):
    assert largest_mu(epsilon * times, delta) >= largest_mu(epsilon, delta)
    assert gaussian_delta(1.0, epsilon * times) <= gaussian_delta(1.0, epsilon)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.floats(0.1, 5))
def test_one_row_moves_the_summed_gradient_by_no_more_than_the_clip(seed, outputs, clip):
    rng = np.random.default_rng(seed)
    rows = with_constant(rng.normal(size=(9, 4)) * rng.choice([0.1, 1, 1e6], size=(9, 1)))
    off = residuals(rng.normal(size=(9, outputs)) * 10, rng.integers(outputs, size=9))
    moved = clipped_sum(off, rows, clip) - clipped_sum(off[1:], rows[1:], clip)
    assert np.linalg.norm(moved) <= clip * (1 + 1e-6)


def test_trainings_on_neighbouring_rows_do_not_show_the_row_beyond_epsilon():
    """An audit by many trainings (Jagielski, Ullman & Oprea 2020): the worst row is in or not; one number tells."""
    rng, epsilon, delta, runs = np.random.default_rng(0), 1.0, 1e-3, 1500
    rows = with_constant(rng.normal(size=(20, 2)))
    labels = np.arange(20) % 2
    with_it, its = np.vstack([rows, [[50.0, 50.0, 1.0]]]), np.append(labels, 1)
    mu = largest_mu(epsilon, delta)

    def told(table, targets):
        return [
            gradient_heads(table, targets, 2, mu, 1.0, rng.standard_normal, 5)[-1] @ [50.0, 50.0, 1.0]
            for _ in range(runs)
        ]

    inside, outside = (np.diff(np.array(told(*each)))[:, 0] for each in ((with_it, its), (rows, labels)))
    for threshold in np.quantile(outside, [0.5, 0.8, 0.9]):
        true, false = (inside > threshold).mean(), (outside > threshold).mean()
        assert true - 4 * math.sqrt(0.25 / runs) <= most_found(epsilon, delta, false + 4 * math.sqrt(0.25 / runs))
    assert (inside > np.median(outside)).mean() > 0.52  # the attack does see something, so the test could fail


def test_no_budget_lets_an_attack_do_no_better_than_guessing():
    assert largest_auc(0.0, 0.0) == pytest.approx(0.5)
    assert 0.5 < largest_auc(1.0, 1e-5) < largest_auc(3.0, 1e-5) < 1


def test_noise_is_the_same_under_one_secret_and_normal():
    draws = Noise(b"k").normal((20_000,))
    assert np.array_equal(draws, Noise(b"k").normal((20_000,)))
    assert not np.array_equal(draws, Noise(b"l").normal((20_000,)))
    assert abs(draws.mean()) < 0.03
    assert abs(draws.std() - 1) < 0.03


@pytest.mark.parametrize("setting", ["epsilon=0", "epsilon=-1", "epsilon=nan", "delta=0", "delta=1.5", "clip=0"])
def test_a_budget_that_promises_nothing_is_refused(setting):
    recipe = evenhand.Recipe.from_toml(TABLE, "toy_private").with_settings(["finetune.privacy.epsilon=3"])
    with pytest.raises(BadInput, match=r"finetune\.privacy"):
        recipe.with_settings([f"finetune.privacy.{setting}"])


def test_a_delta_of_one_row_is_refused():
    from evenhand.privacy.budget import budget_of

    with pytest.raises(BadInput, match="not below 1 / 100"):
        budget_of(PrivacyRule(epsilon=3.0, delta=0.01), 100)
    assert budget_of(PrivacyRule(epsilon=3.0), 100).delta == pytest.approx(100**-1.1)


class Motors:
    @staticmethod
    @evenhand.hookimpl
    def recipes():
        return [evenhand.Recipe.from_toml(TABLE, "toy_private")]

    @staticmethod
    @evenhand.hookimpl
    def load_data(recipe, source):
        return evenhand.splits_from_rows(recipe, toy_labels.machines(recipe.seed, 900), "generated")


@pytest.fixture(scope="module")
def private(run_apart):
    return run_apart("toy_private/motors", "finetune.privacy.epsilon=3", plugins=plugins(toy_private=Motors))


def plugins(**modules):
    return discovering.load(modules)


def test_the_manifest_the_report_and_the_card_tell_the_budget(private):
    manifest = json.loads((private.path / "manifest.json").read_text())
    spent = manifest["stages"]["finetune"]["privacy"]
    assert spent["epsilon"] == pytest.approx(3, abs=1e-6)
    assert spent["accountant"].startswith("gaussian")
    assert "What privacy costs whom" in private.report.read_text()
    assert "differential privacy" in (private.path / "README.md").read_text()
    attacks = manifest["stages"]["predict"]["privacy"]
    overall = attacks["groups"][0]
    assert overall["without"] > 0.9  # the twin learnt: what is compared with is no wreck
    assert overall["limits"][0] < overall["change"] < overall["limits"][1]
    assert attacks["attacks"]["private"]["auc_limits"][0] <= attacks["bound"]["auc"]


def test_a_network_is_trained_by_opacus_and_its_batch_norms_stay(run_apart):
    settings = ["finetune.strategy=full", "finetune.epochs=1", "finetune.privacy.epsilon=8", "finetune.threads=1"]
    run = run_apart("toy_images/spots", *settings, plugins=plugins(toy_images=toy_images))
    spent = json.loads((run.path / "manifest.json").read_text())["stages"]["finetune"]["privacy"]
    assert spent["epsilon"] <= 8
    assert spent["accountant"] == "prv"
    assert spent["sample_rate"] < 1
    names = [path.name for path in (run.path / "model").rglob("*.safetensors")]
    from safetensors.numpy import load_file

    held = {name for path in (run.path / "model").rglob("*.safetensors") for name in load_file(path)}
    assert names
    assert not [name for name in held if "_module." in name]


def test_a_probe_on_texts_keeps_the_budget(run_apart, tmp_path_factory):
    import tiny_bert

    toy_labels.FOLDER = str(tiny_bert.tiny_bert(tmp_path_factory.mktemp("bert"), toy_labels.ALL_WORDS))
    run = run_apart("toy_labels/tickets", "finetune.strategy=probe", "finetune.privacy.epsilon=3",
                    plugins=plugins(toy_labels=toy_labels))  # fmt: skip
    spent = json.loads((run.path / "manifest.json").read_text())["stages"]["finetune"]["privacy"]
    assert spent["steps"] == 100
    assert spent["sample_rate"] == 1.0


def test_the_same_secret_gives_the_same_model_and_the_secret_goes(private, tmp_path, monkeypatch):
    from evenhand.privacy import secret

    monkeypatch.setattr(secret.os, "urandom", lambda count: b"s" * count)
    asked = {"settings": ["finetune.privacy.epsilon=3"], "plugins": plugins(toy_private=Motors)}
    runs = [evenhand.run("toy_private/motors", out=tmp_path / name, **asked) for name in "ab"]
    one, two = ((run.path / "predictions.parquet").read_bytes() for run in runs)
    assert one == two
    assert (private.path / "predictions.parquet").read_bytes() != one  # another secret
    assert not list((tmp_path / "cache").rglob("*.key"))


def test_a_stored_model_that_is_not_the_trained_one_fails_the_run(tmp_path, monkeypatch):
    from evenhand.adapting import models
    from evenhand.adapting.tables.members import Linear

    right = Linear.save

    def wrong(self, folder):
        from dataclasses import replace

        right(replace(self, head=models.Head(self.head.weight * 0, self.head.bias)), folder)

    monkeypatch.setattr(Linear, "save", wrong)
    with pytest.raises(BadInput, match="not those that were trained"):
        evenhand.run("toy_private/motors", settings=["finetune.privacy.epsilon=3"], out=tmp_path / "run",
                     plugins=plugins(toy_private=Motors))  # fmt: skip


def test_training_that_moved_nothing_or_diverged_is_refused():
    import torch

    from evenhand.adapting.private.network import check_moved

    same = {"w": torch.ones(2)}
    with pytest.raises(BadInput, match="moved no weight"):
        check_moved(same, {"w": torch.ones(2)})
    with pytest.raises(BadInput, match="diverged"):
        check_moved(same, {"w": torch.tensor([1.0, float("nan")])})
    check_moved(same, {"w": torch.tensor([1.0, 2.0])})


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("finetune.strategy=trees", "strategy 'trees'"),
        ("finetune.strategy=auto", "finetune.strategy=linear"),
        ("finetune.words=auto", "finetune.words=never"),
        ("finetune.privacy.bounds={speed=[0, 1]}", "no input"),
        ("finetune.privacy.bounds={heat=[1, 0]}", "ends before it starts"),
        ("finetune.privacy.delta=0.5", "not below 1 /"),
    ],
)
def test_what_cannot_keep_the_promise_is_refused_in_a_sentence(setting, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        evenhand.run("toy_private/motors", settings=["finetune.privacy.epsilon=3", setting], out=tmp_path / "run",
                     plugins=plugins(toy_private=Motors))  # fmt: skip
