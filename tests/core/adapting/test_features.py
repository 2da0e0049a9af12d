"""The feature cache: whatever is in it, the same features come out."""

from __future__ import annotations

import numpy as np
import pytest

from evenhand.adapting import features as module
from evenhand.adapting.features import FeatureCache
from evenhand.pretrained import load_encoder

from .conftest import messages, recipe


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)


@pytest.fixture
def job():
    return recipe()


def chunks(folder):
    return sorted(folder.rglob("*.bin"))


def test_an_interrupted_cache_goes_on_to_the_same_features(tmp_path, bert, job, small_chunks, monkeypatch):
    encoder, rows = load_encoder(bert, job), messages(35, 0)
    whole = FeatureCache(None).features(encoder, rows, job.schema)
    calls = 0
    compute = type(encoder).features

    def dies_at_the_third(self, rows, schema):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return compute(self, rows, schema)

    monkeypatch.setattr(type(encoder), "features", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path).features(encoder, rows, job.schema)
    assert len(chunks(tmp_path)) == 2
    resumed = FeatureCache(tmp_path).features(encoder, rows, job.schema)
    assert calls == 5  # 2 whole, 1 that died, 2 that were missing
    np.testing.assert_array_equal(resumed, whole)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-7], lambda b: b"", lambda b: b[:90] + b"\x01" + b[91:], lambda b: b"not numbers"]
)
def test_a_damaged_chunk_is_computed_again(tmp_path, bert, job, small_chunks, damage):
    encoder, rows = load_encoder(bert, job), messages(12, 0)
    first = FeatureCache(tmp_path).features(encoder, rows, job.schema)
    victim = chunks(tmp_path)[0]
    healthy = victim.read_bytes()
    victim.write_bytes(damage(healthy))
    np.testing.assert_array_equal(FeatureCache(tmp_path).features(encoder, rows, job.schema), first)
    assert victim.read_bytes() == healthy


def test_other_rows_or_another_length_do_not_hit_the_cache(tmp_path, bert, job):
    cache = FeatureCache(tmp_path)
    cache.features(load_encoder(bert, job), messages(5, 0), job.schema)
    cache.features(load_encoder(bert, job), messages(5, 1), job.schema)
    cache.features(load_encoder(bert, recipe(max_length=8)), messages(5, 0), job.schema)
    assert len(chunks(tmp_path)) == 3


def test_a_cache_that_cannot_be_written_costs_only_speed(tmp_path, bert, job):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the cache folder should be")
    made = FeatureCache(blocked).features(load_encoder(bert, job), messages(5, 0), job.schema)
    assert made.shape == (5, 32)


def test_a_row_has_the_same_features_alone_and_in_company(bert, job):
    encoder, rows = load_encoder(bert, job), messages(30, 0)
    together = encoder.features(rows, job.schema)
    alone = np.concatenate([encoder.features(rows.select([i]), job.schema) for i in range(30)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_an_empty_message_and_a_missing_one_have_features(bert, job):
    rows = messages(2, 0).add_column("other", [None, ""])
    schema = job.schema.model_copy(update={"input": ("other",)})
    assert np.isfinite(load_encoder(bert, job).features(rows, schema)).all()
