"""Pretrains the driving backbone on simulated signs: python -m evenhand_autonomy.pretraining FOLDER

The weights that the plugin ships were made by this command with its defaults, on one thread. The same command on a
processor of the same kind gives the same weights; on another kind they differ in the last bits, and learn apart.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch

from evenhand_autonomy.learning import Told, logits_of, supervised, tensor
from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.simulator.banks import render
from evenhand_autonomy.simulator.classes import CLASSES
from evenhand_autonomy.weights import WEIGHTS, write

PICTURES, STEPS, PEAK = 30_000, 1000, 4e-3
TRAINING_BANK, HELD_OUT_BANK = 0, 1  # seeds of the simulator


def pretrained(pictures: int = PICTURES, steps: int = STEPS, seed: int = 0, told: Told | None = None) -> DrivingNetwork:
    """The driving network trained to name that many simulated signs."""
    bank = render(TRAINING_BANK + 1000 * seed, range(pictures))
    torch.manual_seed(seed)
    network = DrivingNetwork(CLASSES).to(memory_format=torch.channels_last)
    labels = torch.from_numpy(bank.labels)
    return supervised(network, tensor(bank.pictures), labels, steps, seed=seed, peak=PEAK, told=told)


def simulated_accuracy(network: DrivingNetwork, pictures: int = 20 * CLASSES) -> float:
    """Share of simulated signs that training did not hold which the network names right."""
    bank = render(HELD_OUT_BANK, range(pictures))
    found = logits_of(network, tensor(bank.pictures)).argmax(1)
    return float((found == torch.from_numpy(bank.labels)).double().mean())


def main(arguments: list[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m evenhand_autonomy.pretraining", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the weights go")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="simulated signs to learn from")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of 128 pictures")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)

    def told(done: int, total: int) -> None:
        if done % 50 == 0:
            print(f"{done} of {total} steps", flush=True)

    network = pretrained(asked.pictures, asked.steps, asked.seed, told)
    asked.folder.mkdir(parents=True, exist_ok=True)
    file = asked.folder / WEIGHTS
    write(network, file)
    print(f"{simulated_accuracy(network):.1%} of held-out simulated signs named right")
    print(f"{file}: sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1:])
