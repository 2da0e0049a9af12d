"""A pretraining that is stopped at any step and started again ends with the same weights."""

import hashlib
import json
import multiprocessing
import os
import signal
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.network import Shape
from evenhand.pretrained.tabular.weights_file import load_network
from evenhand.pretraining.batches import Sizes, draw_batch
from evenhand.pretraining.tabular import fall_begins, pretrain_tabular, rate_at

TINY = Shape(cell=8, cell_heads=1, inducing=2, summaries=1, row=16, layers=1, row_heads=2)
SMALL = Sizes(24, 40, 8, 3, 5, 800, 400, 4)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(out, steps=6, **more):
    return pretrain_tabular(out, steps, seed=3, shape=TINY, sizes=SMALL, workers=0, checkpoint_every=1, **more)


class Killed(Exception):
    pass


def killed_at(stop):
    def report(step, loss):
        if step == stop:
            raise Killed

    return report


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_a_run_stopped_at_any_step_ends_with_the_same_weights(tmp_path, stop):
    whole = train(tmp_path / "whole").read_bytes()
    with pytest.raises(Killed):
        train(tmp_path / "cut", report=killed_at(stop))
    assert train(tmp_path / "cut").read_bytes() == whole


def test_a_run_killed_by_the_system_ends_with_the_same_weights(tmp_path):
    child = multiprocessing.get_context("fork").Process(target=train, args=(tmp_path / "cut", 500))
    child.start()
    while not (tmp_path / "cut" / "checkpoint.safetensors").exists():
        time.sleep(0.01)
    time.sleep(0.3)  # wherever it is then: between steps, in one, or writing
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with safe_open(tmp_path / "cut" / "checkpoint.safetensors", "pt") as file:
        reached = int(file.metadata()["step"])
    assert reached < 300
    steps = reached + 5 + reached // 2
    assert train(tmp_path / "cut", steps).read_bytes() == train(tmp_path / "whole", steps).read_bytes()


def test_more_steps_may_be_asked_for_until_the_rate_falls(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path / "run", steps=8, report=killed_at(5))
    longer = train(tmp_path / "run", steps=12).read_bytes()
    assert longer == train(tmp_path / "other", steps=12).read_bytes()


def test_a_checkpoint_of_another_plan_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(BadInput, match="another plan"):
        pretrain_tabular(tmp_path, 6, seed=4, shape=TINY, sizes=SMALL, workers=0)
    with pytest.raises(BadInput, match="another plan"):
        train(tmp_path, steps=60)


def test_what_is_written_is_a_folder_of_weights(tmp_path):
    weights = train(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert Shape(**config["shape"]) == TINY
    network, digest = load_network(tmp_path)
    assert digest == config["sha256"]
    assert set(load_file(weights)) == set(network.state_dict())


def test_a_finished_run_started_again_changes_nothing(tmp_path):
    first = train(tmp_path).read_bytes()
    assert train(tmp_path, report=killed_at(1)).read_bytes() == first


def test_a_batch_is_a_function_of_seed_and_step():
    one, again, other = (draw_batch(seed, 7, SMALL) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])


def test_the_rate_rises_stays_and_falls():
    rates = [rate_at(step, 1_000) for step in range(1_000)]
    top = max(rates)
    assert rates[0] < 0.01 * top
    assert rates[400] == rates[700] == top
    assert fall_begins(1_000) == 750
    assert rates[-1] < 0.02 * top
