"""From a lesson to a backbone folder: the network with its objective, the batch of every step, what is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from evenhand.errors import BadInput
from evenhand.pretrained import load_encoder
from evenhand.pretrained.locate import WEIGHTS, locate
from evenhand.pretrained.processor import seed_and_threads
from evenhand.pretraining.loop import Plan, Tensors, learn
from evenhand.pretraining.objectives import Classified, Masked, TwoViews
from evenhand.pretraining.settings import RATES, PretrainRecipe, encoder_recipe
from evenhand.pretraining.views import Views

if TYPE_CHECKING:
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Backbone, Lesson

BESIDE = ("*.json", "*.txt", "*.model")  # what lies beside a text network's weights: tokenizer, pooling
Write = Callable[[Path], None]


def teach(backbone: Backbone, lesson: Lesson, recipe: PretrainRecipe, run: Run, checkpoint: Path) -> Write:
    """Train `backbone` on `lesson`; returns what writes the network into an empty folder, for any library to open."""
    shared = encoder_recipe(recipe)
    seed_and_threads(shared)
    encoder: Any = load_encoder(backbone, shared)
    torch.manual_seed(recipe.seed)  # of the head
    make = _of_texts if recipe.modality == "text" else _of_pictures
    network, batch, write = make(encoder, backbone, lesson, recipe, Places(lesson.size, recipe, run))
    plan = _plan(recipe, run, checkpoint, encoder.number_format)
    learn(network, batch, plan, told(run, recipe.pretrain.steps))
    return write


def _plan(recipe: PretrainRecipe, run: Run, checkpoint: Path, number_format: str) -> Plan:
    rule = recipe.pretrain
    return Plan(
        rule.steps,
        recipe.seed,
        rule.learning_rate or RATES[recipe.modality],
        rule.weight_decay,
        rule.warmup,
        number_format,
        checkpoint,
        rule.checkpoint_every,
        run.identity,
        run.rank,
        run.world_size,
        rule.workers,
    )


def told(run: Run, steps: int) -> Callable[[int, float], None]:
    """Shows steps, and puts the mean loss of every twentieth part of the way into the log."""
    losses: list[float] = []
    every = max(1, steps // 20)

    def report(step: int, loss: float) -> None:
        losses.append(loss)
        if step % every == 0 or step == steps:
            run.progress(step, steps, "pretraining")
            run.log("pretraining", step=step, loss=round(float(np.mean(losses)), 5))
            losses.clear()

    return report


class Places:
    """Which examples a process sees in a step: every example once in each pass, in an order of the seed."""

    def __init__(self, size: int, recipe: PretrainRecipe, run: Run) -> None:
        self.size, self.seed = size, recipe.seed
        self.share = max(2, recipe.pretrain.batch_size // run.world_size)
        self.rank, self.world_size = run.rank, run.world_size
        self.order = lru_cache(maxsize=2)(self._order)

    def _order(self, turn: int) -> np.ndarray:
        return np.random.default_rng([self.seed, turn]).permutation(self.size)

    def of(self, step: int) -> list[tuple[int, np.random.Generator]]:
        """(number of the example, the generator of its variation) for each in this process's share."""
        first = (step * self.world_size + self.rank) * self.share
        places = range(first, first + self.share)
        return [
            (int(self.order(place // self.size)[place % self.size]), np.random.default_rng([self.seed, 1, place]))
            for place in places
        ]


def _of_pictures(
    encoder: Any, backbone: Backbone, lesson: Lesson, recipe: PretrainRecipe, places: Places
) -> tuple[nn.Module, Callable[[int], Tensors], Write]:
    rule, labelled, body = recipe.pretrain, bool(lesson.classes), encoder.body.model
    views = Views(rule.image_size, rule.least_crop, rule.mirror, not labelled, encoder.mean, encoder.deviation)
    draw = _drawing(lesson)

    def batch(step: int) -> Tensors:
        seen = [(*draw(number), rng) for number, rng in places.of(step)]
        pixels = torch.from_numpy(np.stack([views(picture, rng) for picture, _, rng in seen]))
        if labelled:
            return {"pixels": pixels, "labels": torch.tensor([label for _, label, _ in seen])}
        return {
            "pixels": pixels,
            "others": torch.from_numpy(np.stack([views(picture, rng) for picture, _, rng in seen])),
        }

    network = Classified(body, encoder.width, len(lesson.classes)) if labelled else TwoViews(body, encoder.width)
    return network, batch, lambda folder: _write_image(body, encoder, backbone, folder)


def _write_image(body: Any, encoder: Any, backbone: Backbone, folder: Path) -> None:
    """The weights and timm's description of them."""
    from safetensors.torch import save_file

    save_file({name: value.detach().contiguous() for name, value in body.state_dict().items()}, folder / WEIGHTS)
    arguments = {key: value for key, value in backbone.options.items() if key not in ("architecture", "layers")}
    about = {
        "architecture": body.pretrained_cfg["architecture"],
        "model_args": arguments,
        "layers": list(backbone.options.get("layers", ())),
        "pretrained_cfg": {"mean": encoder.mean, "std": encoder.deviation, "interpolation": "bicubic"},
    }
    (folder / "config.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _of_texts(
    encoder: Any, backbone: Backbone, lesson: Lesson, recipe: PretrainRecipe, places: Places
) -> tuple[nn.Module, Callable[[int], Tensors], Write]:
    from transformers import DataCollatorForLanguageModeling

    tokenizer, draw = encoder.tokenizer, _drawing(lesson)
    if tokenizer.mask_token is None:
        raise BadInput(f"the tokenizer of backbone '{backbone.name}' has no mask token; take another backbone")
    mask = DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=recipe.pretrain.masked)

    def batch(step: int) -> Tensors:
        texts = [draw(number)[0] for number, _ in places.of(step)]
        tokens = tokenizer(texts, truncation=True, max_length=encoder.max_length, return_special_tokens_mask=True)
        examples = [{key: tokens[key][row] for key in tokens} for row in range(len(texts))]
        torch.manual_seed((recipe.seed * 1_000_003 + step * places.world_size + places.rank) % 2**63)
        return dict(mask(examples))

    network = Masked(encoder.body.model)
    return network, batch, lambda folder: _write_text(network.encoder, locate(backbone), folder)


def _write_text(model: Any, start: Path, folder: Path) -> None:
    """The weights, and beside them what lay beside those that training started from."""
    model.save_pretrained(folder)
    for pattern in BESIDE:
        for file in sorted(start.rglob(pattern)):
            place = folder / file.relative_to(start)
            if not place.exists() and file.name != "card.json":
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)


def _drawing(lesson: Lesson) -> Callable[[int], tuple[Any, int | None]]:
    if lesson.draw is None:
        raise BadInput("a lesson needs draw or make, and this one has neither")
    return lesson.draw
