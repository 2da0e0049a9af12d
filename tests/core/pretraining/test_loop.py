"""The training loop: its rate, its checkpoint, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evenhand.errors import BadInput
from evenhand.pretraining.loop import Plan, learn, rate_at


@pytest.fixture
def plan(tmp_path):
    return Plan(8, 0, 0.1, 0.01, 0.25, "fp32", tmp_path / "checkpoint.safetensors", 3, "mine")


class Square(torch.nn.Module):
    """Loss: how far a weight is from the number that it is shown."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3, 2))

    def forward(self, shown):
        return ((self.weight - shown) ** 2).mean()


def batch(step):
    return {"shown": torch.full((3, 2), 1.0 + step % 2)}


@given(steps=st.integers(1, 300), warmup=st.floats(0, 0.9), step=st.integers(0, 299))
def test_the_rate_rises_in_the_warm_up_and_falls_after_and_is_never_above_the_largest(steps, warmup, step):
    from pathlib import Path

    plan = Plan(steps, 0, 1.0, 0.0, warmup, "fp32", Path("none"), 1, "")
    here, there = rate_at(step % steps, plan), rate_at(min(step % steps + 1, steps), plan)
    assert 0 < here <= 1
    warm = int(warmup * steps)
    assert here <= there if step % steps + 1 < warm else there <= here or step % steps + 1 == warm


def test_it_learns_and_tells_every_step(plan):
    told = []
    learn(Square(), batch, replace(plan, steps=60), lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == list(range(1, 61))
    assert told[-1][1] < told[0][1] / 3


def test_it_goes_on_from_the_checkpoint_with_the_optimisers_moments(plan):
    whole = learn(Square(), batch, plan, lambda *_: None).weight
    plan.checkpoint.unlink()
    seen = []

    def until_five(step):
        if step == 5 and not seen:
            raise KeyboardInterrupt
        return batch(step)

    with pytest.raises(KeyboardInterrupt):
        learn(Square(), until_five, plan, lambda *_: None)
    again = learn(Square(), batch, plan, lambda step, _: seen.append(step)).weight
    assert seen == [4, 5, 6, 7, 8]
    assert torch.equal(whole, again)


def test_processes_that_make_batches_ahead_change_nothing(plan):
    here = learn(Square(), batch, plan, lambda *_: None).weight
    plan.checkpoint.unlink()
    assert torch.equal(here, learn(Square(), batch, replace(plan, workers=1), lambda *_: None).weight)


def test_the_checkpoint_of_another_pretraining_is_refused(plan):
    learn(Square(), batch, plan, lambda *_: None)
    with pytest.raises(BadInput, match="belongs to another pretraining"):
        learn(Square(), batch, replace(plan, identity="yours"), lambda *_: None)


@pytest.mark.parametrize("damage", [lambda content: content[:-8], lambda content: b"nothing", lambda content: b""])
def test_a_damaged_checkpoint_is_one_sentence(plan, damage):
    learn(Square(), batch, plan, lambda *_: None)
    plan.checkpoint.write_bytes(damage(plan.checkpoint.read_bytes()))
    with pytest.raises(BadInput, match="cannot be gone on from") as error:
        learn(Square(), batch, plan, lambda *_: None)
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_network_is_one_sentence(plan):
    learn(Square(), batch, plan, lambda *_: None)
    other = Square()
    other.weight = torch.nn.Parameter(torch.zeros(4, 4))
    with pytest.raises(BadInput, match="cannot be gone on from"):
        learn(other, batch, plan, lambda *_: None)
