"""Pretrains the driving backbone on simulated signs: what `evenhand pretrain autonomy/sim` does.

The weights that the plugin ships were made by it with its defaults, on one thread. The same on a processor of the same
kind gives the same weights; on another kind they differ in the last bits, and from there on more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from evenhand import BadInput, Lesson
from evenhand_autonomy.learning import Told, logits_of, supervised, tensor
from evenhand_autonomy.network import SIDE, DrivingNetwork
from evenhand_autonomy.simulator.banks import render
from evenhand_autonomy.simulator.classes import CLASSES, NAMES
from evenhand_autonomy.weights import WEIGHTS, write

PICTURES, STEPS, BATCH, PEAK = 30_000, 1000, 128, 4e-3
TRAINING_BANK, HELD_OUT_BANK = 0, 1  # seeds of the simulator
SAID = "{pictures:,} simulated photographs of the 43 GTSRB signs, drawn and rendered by evenhand-autonomy"
BIAS = (
    "knows the signs of one country, in the weather and light that its simulator draws; no photograph of a real road"
    " was in it"
)


def lesson(data: Any, run: Any) -> Lesson:
    """What `evenhand pretrain autonomy/sim` teaches; options.pictures says from how many simulated signs."""
    if data is not None:
        raise BadInput("autonomy/sim is pretrained on its own simulator; leave --data out")
    recipe = run.recipe
    pictures = recipe.options.get("pictures", PICTURES)
    if isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < CLASSES:
        raise BadInput(f"options.pictures = {pictures!r} is not a whole number from {CLASSES}; correct it")
    asked = {name: _asked(recipe, name, usual) for name, usual in OURS.items()}

    def make(folder: Path) -> None:
        torch.set_num_threads(recipe.pretrain.threads or 1)  # one, so that the weights are the shipped ones again

        def told(done: int, total: int) -> None:
            run.progress(done, total, "learning signs")

        network = pretrained(pictures, recipe.seed, told=told, **asked)
        write(network, folder / WEIGHTS)
        about = {"architecture": "driving-network", "side": SIDE, "classes": list(NAMES)}
        (folder / "config.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        run.log("pretrained", held_out_simulated_accuracy=simulated_accuracy(network))

    note = "a pretraining that was stopped begins again from its start, which gives the same weights"
    return Lesson(
        None,
        asked["steps"],
        SAID.format(pictures=pictures),
        "Apache-2.0",
        BIAS,
        tuple(NAMES),
        start="timm:driving-network",  # the contract's way to say: random weights, of this architecture
        notes=(note,),
        make=make,
    )


OURS = {"steps": STEPS, "batch_size": BATCH, "learning_rate": PEAK}


def _asked(recipe: Any, name: str, usual: Any) -> Any:
    """A setting as the user gave it, else as the shipped weights were made with."""
    return usual if recipe.origin(f"pretrain.{name}") == "default" else getattr(recipe.pretrain, name)


def pretrained(
    pictures: int = PICTURES,
    seed: int = 0,
    *,
    steps: int = STEPS,
    batch_size: int = BATCH,
    learning_rate: float = PEAK,
    told: Told | None = None,
) -> DrivingNetwork:
    """The driving network trained to name that many simulated signs."""
    bank = render(TRAINING_BANK + 1000 * seed, range(pictures))
    torch.manual_seed(seed)
    network = DrivingNetwork(CLASSES).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(bank.labels)
    return supervised(
        network, tensor(bank.pictures), labels, steps, seed=seed, peak=learning_rate, size=batch_size, told=told
    )


def simulated_accuracy(network: DrivingNetwork, pictures: int = 20 * CLASSES) -> float:
    """Share of simulated signs that training did not hold which the network names right."""
    bank = render(HELD_OUT_BANK, range(pictures))
    found = logits_of(network, tensor(bank.pictures)).argmax(1)
    return float((found == torch.from_numpy(bank.labels)).double().mean())
