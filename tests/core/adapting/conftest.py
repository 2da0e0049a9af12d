"""Tiny networks and tiny data: a random BERT in a folder, a few dozen messages, a few dozen pictures, a mixed table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from tiny_bert import tiny_bert

from evenhand.recipe import Recipe
from evenhand.values import Backbone, BackboneCard, Splits

WORDS = [
    "card",
    "lost",
    "stolen",
    "cash",
    "transfer",
    "late",
    "refund",
    "top",
    "up",
    "wrong",
    "fee",
    "charge",
    "app",
    "pin",
    "please",
    "my",
    "the",
    "is",
    "where",
    "why",
    "money",
    "bank",
    "account",
]
TOPICS = {"card": "card lost stolen pin", "cash": "cash wrong fee charge", "transfer": "transfer late refund money"}


@dataclass
class FakeRun:
    """What a strategy sees of a run."""

    cache: Path
    scratch: Path
    rank: int = 0
    world_size: int = 1
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    steps: list[tuple[int, int, str]] = field(default_factory=list)

    def log(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    def progress(self, done: int, total: int, what: str) -> None:
        self.steps.append((done, total, what))


@pytest.fixture
def run(tmp_path):
    return FakeRun(tmp_path / "cache", tmp_path / "scratch")


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A randomly initialised BERT of 2 layers with a word tokenizer, in transformers' format."""
    return tiny_bert(tmp_path_factory.mktemp("bert"), WORDS)


@pytest.fixture
def bert(bert_folder):
    return Backbone("tiny-bert", "text", f"local:{bert_folder}", BackboneCard("nothing", "none", 0, 0.0))


@pytest.fixture
def timm_folder(tmp_path):
    """A randomly initialised timm network in a folder, as `local:` reads it."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path / "net"
    folder.mkdir()
    model = timm.create_model("resnet10t", pretrained=False, num_classes=3)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"architecture": "resnet10t", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5]}})
    )
    return folder


def recipe(modality="text", task="multiclass", inputs=("text",), **finetune) -> Recipe:
    values = {
        "name": "tiny",
        "domain": "test",
        "title": "Tiny",
        "task": task,
        "modality": modality,
        "seed": 3,
        "schema": {"input": list(inputs), "label": "label"},
        "finetune": {"threads": 1, "image_size": 32, "max_length": 16, "epochs": 2, "batch_size": 8, **finetune},
    }
    return Recipe.build(values, {}, "test")


def messages(n: int, seed: int, label=lambda topic, rng: topic) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(n):
        topic = list(TOPICS)[index % 3]
        words = [*rng.choice(TOPICS[topic].split(), 2), *rng.choice(WORDS[16:], rng.integers(1, 5))]
        rows.append({"text": " ".join(words), "label": label(topic, rng)})
    return Dataset.from_list(rows)


def split(make, job: Recipe, sizes=(60, 21, 30)) -> Splits:
    return Splits(*(make(n, seed) for seed, n in enumerate(sizes)), job.schema, "made here", "0")
