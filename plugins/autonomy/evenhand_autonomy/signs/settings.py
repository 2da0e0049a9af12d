"""Fits the settings that are always reported together: simulation only, no real label, and k real labels per class."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits
from evenhand_autonomy.learning import logits_of, tensor
from evenhand_autonomy.network import DrivingNetwork
from evenhand_autonomy.signs.adaptation import UNKNOWN, Pace, Real, Simulated, adapted, with_statistics
from evenhand_autonomy.signs.model import SignModel
from evenhand_autonomy.signs.pictures import pictures_of
from evenhand_autonomy.simulator.banks import render
from evenhand_autonomy.simulator.classes import CLASSES
from evenhand_autonomy.weights import SHIPPED, shipped

SIMULATION, UNLABELLED = "simulation only", "no real label"
ALL_VARIATION = 1.3  # of pictures whose labels are all known: more than a name that was guessed would survive
OPTIONS = {"passes": 3, "labelled_passes": 8, "least_steps": 16, "simulated": 4000}
BANK = 5  # seed of the simulated pictures that stand beside the real ones


def setting_name(labels: int | str) -> str:
    """What a setting with real labels is called."""
    if labels == "all":
        return "all real labels"
    return f"{labels} real label{'' if labels == 1 else 's'} per class"


def asked_labels(recipe: Recipe) -> tuple[int | str, ...]:
    """options.labels_per_class, one value or several: whole numbers from 0, and "all" last. Raises BadInput."""
    said = recipe.options.get("labels_per_class", "all")
    values = said if isinstance(said, list | tuple) else [said]
    found: list[int | str] = []
    for value in values:
        if value != "all" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise BadInput(
                f'options.labels_per_class = {said!r}: give whole numbers or "all", one or a list such as'
                " '[1, 5, \"all\"]'; 0 keeps the model without a real label"
            )
        found.append(value)
    if not found:
        raise BadInput("options.labels_per_class is an empty list; 0 keeps the model without a real label")
    return tuple(sorted(set(found), key=lambda value: (value == "all", value if isinstance(value, int) else 0)))


def adapt(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any) -> Adapted:
    """Every setting's model; the run keeps the one with most labels, the others are its baselines."""
    asked = asked_labels(recipe)
    _set_threads(recipe)
    fitting = Fitting(recipe, splits, starting_network(backbone), run)
    networks = {SIMULATION: fitting.start, UNLABELLED: fitting.unlabelled()}
    for labels in asked:
        if labels != 0:
            networks[setting_name(labels)] = fitting.labelled(networks[UNLABELLED], labels)
    measured = {name: fitting.validation_accuracy(network) for name, network in networks.items()}
    *others, kept = networks
    models = {name: SignModel(network, fitting.column) for name, network in networks.items()}
    models[kept].seen, models[kept].seen_classes = fitting.sheet()
    return Adapted(
        models[kept],
        tuple(range(CLASSES)),
        kept,
        {name: models[name] for name in others},
        {f"accuracy ({name})": value for name, value in measured.items()},
        fitting.notes(kept),
    )


def starting_network(backbone: Backbone | None) -> DrivingNetwork:
    """The driving network that the backbone is. BadInput where it is another network, or not the one of its card."""
    kind, _, name = backbone.source.partition(":") if backbone is not None else ("", "", "")
    if backbone is None or (kind != "local" and backbone.source != SHIPPED):
        raise BadInput(
            "traffic-sign starts from the driving network: set backbone to autonomy/sim, or to local:DIR of a folder"
            " that `evenhand pretrain autonomy/sim` made"
        )
    return shipped(CLASSES, Path(name).expanduser() if kind == "local" else None, backbone.card.sha256)


def _set_threads(recipe: Recipe) -> None:
    if recipe.finetune.threads:
        torch.set_num_threads(recipe.finetune.threads)


def _option(recipe: Recipe, name: str, usual: float) -> float:
    value = recipe.options.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadInput(f"options.{name} = {value!r} is not a number from 0; correct it")
    return float(value)


class Fitting:
    """The pictures of one run, and the models made from them."""

    def __init__(self, recipe: Recipe, splits: Splits, start: DrivingNetwork, run: Any) -> None:
        self.recipe, self.start, self.run = recipe, start, run
        self.options = {name: _option(recipe, name, usual) for name, usual in OPTIONS.items()}
        self.column, self.label = splits.schema.input[0], str(splits.schema.label)
        self.pictures = tensor(pictures_of(splits.train, self.column))
        self.truth = torch.tensor([int(value) for value in splits.train[self.label]])
        column = splits.schema.group_id
        names = splits.train[column] if column else list(range(len(splits.train)))
        self.tracked = column is not None and bool(recipe.options.get("tracks", True))
        self.signs = np.unique(np.array(names, str), return_inverse=True)[1] if column else np.arange(len(names))
        self.validation = splits.validation
        most = max(len(self.pictures), 8 * CLASSES)  # more beside few real pictures is time, not accuracy
        self.bank_size = max(min(int(self.options["simulated"]), most), CLASSES)
        bank = render(BANK + 1000 * recipe.seed, range(self.bank_size), self._rendering)
        self.simulated = Simulated(tensor(bank.pictures), torch.from_numpy(bank.labels))

    def _rendering(self, done: int) -> None:
        self.run.progress(done, self.bank_size, "rendering simulated signs")

    def unlabelled(self) -> DrivingNetwork:
        """Simulation and the real pictures, without a label of theirs."""
        known = torch.full((len(self.pictures),), UNKNOWN)
        start = with_statistics(deepcopy(self.start), self.pictures)
        return self._adapted(start, known, self.options["passes"], UNLABELLED)

    def labelled(self, start: DrivingNetwork, labels: int | str) -> DrivingNetwork:
        """With `labels` of each class, going on from the model without any; with all, on real pictures alone."""
        name = setting_name(labels)
        if labels == "all":
            return self._adapted(deepcopy(start), self.truth, self.options["labelled_passes"], name)
        return self._adapted(deepcopy(start), self.few(int(labels)), self.options["passes"] / 6, name)

    def few(self, labels: int) -> torch.Tensor:
        """So many labels of each class, of as many different signs as there are; the rest UNKNOWN."""
        rng = np.random.default_rng([self.recipe.seed, labels])
        known = torch.full((len(self.pictures),), UNKNOWN)
        truth = self.truth.numpy()
        for number in np.unique(truth):
            rows = rng.permutation(np.flatnonzero(truth == number))
            turn = _turn_of_each(self.signs[rows])
            chosen = rows[np.argsort(turn, kind="stable")[:labels]]
            known[torch.from_numpy(chosen)] = int(number)
        return known

    def _adapted(self, start: DrivingNetwork, known: torch.Tensor, passes: float, what: str) -> DrivingNetwork:
        rule, least = self.recipe.finetune, self.options["least_steps"]
        simulated = 0 if bool((known >= 0).all()) else max(rule.batch_size // 4, 2)
        real = max(rule.batch_size - simulated, 2)
        few = simulated > 0 and bool((known >= 0).any())  # it goes on from a model that has seen the pictures
        steps = max(round(least / 2 if few else least), round(passes * len(self.pictures) / real), 1)
        pace = Pace(steps, self.recipe.seed, rule.learning_rate, real, simulated, 1.0 if simulated else ALL_VARIATION)
        signs = self.signs if self.tracked else np.arange(len(self.pictures))
        for weight in start.parameters():
            weight.requires_grad_(True)

        def told(done: int, total: int) -> None:
            self.run.progress(done, total, f"adapting: {what}")

        began = time.process_time()
        found = adapted(start, self.simulated, Real(self.pictures, signs, known), pace, told)
        self.run.log("adapted", setting=what, steps=steps, cpu_seconds=round(time.process_time() - began, 1))
        return found

    def validation_accuracy(self, network: DrivingNetwork) -> float:
        """Share of the validation pictures that are named right; nothing is chosen by it."""
        pictures = tensor(pictures_of(self.validation, self.column))
        truth = torch.tensor([int(value) for value in self.validation[self.label]])
        return float((logits_of(network, pictures).argmax(1) == truth).double().mean())

    def sheet(self) -> tuple[bytes, tuple[int, ...]]:
        """(simulated beside real pictures of the same classes as a JPEG, the class of each row)."""
        from evenhand_autonomy.signs.sheets import shown_classes, side_by_side

        return side_by_side(self.simulated, self.pictures, self.truth), tuple(shown_classes(self.truth.numpy()))

    def notes(self, kept: str) -> tuple[str, ...]:
        """What a reader must know of how this was done."""
        pooled = "named together, by the track column that a tracker gives" if self.tracked else "named one by one"
        return (
            f"the model that is audited and kept: {kept}; the other settings stand beside it as baselines",
            f"without labels, photographs of one physical sign were {pooled}; nothing was selected on real labels",
        )


def _turn_of_each(signs: Sequence[int] | np.ndarray) -> np.ndarray:
    """How often each row's sign came before it, so that sorting by it takes one row of every sign first."""
    seen: dict[int, int] = {}
    turns = []
    for sign in np.asarray(signs).tolist():
        turns.append(seen.get(sign, 0))
        seen[sign] = turns[-1] + 1
    return np.array(turns)
