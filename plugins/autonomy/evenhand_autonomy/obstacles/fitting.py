"""Fits the detector to the training scenes, beside a baseline that knows where things usually are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from evenhand import Adapted, Backbone, BadInput, Recipe, Splits
from evenhand_autonomy.obstacles.detector import HIGH, WIDE, detector
from evenhand_autonomy.obstacles.matching import OVERLAP, overlaps
from evenhand_autonomy.obstacles.model import Images, ObstacleModel, UsualPlaces
from evenhand_autonomy.obstacles.pictures import pixels_of
from evenhand_autonomy.obstacles.training import Boxes, trained
from evenhand_autonomy.scenes.facts import CATEGORIES
from evenhand_autonomy.simulator.classes import CLASSES
from evenhand_autonomy.weights import shipped

PLACES_OF_A_CLASS = 6
KNOWN = 320  # training pictures that others are held against, evenly drawn


def fit(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Any) -> Adapted:
    """The detector after options.steps steps on the training scenes."""
    torch.set_num_threads(recipe.finetune.threads or torch.get_num_threads())
    images = Images(splits.train)
    pictures = torch.from_numpy(np.stack([pixels_of(value) for value in images.values]))
    boxes = [_boxes(images, place) for place in range(len(images.values))]
    if not sum(len(one) for one, _ in boxes):
        raise BadInput(f"{splits.source} annotates nothing in the scenes to train on; annotate some, or split anew")

    def told(done: int, total: int) -> None:
        run.progress(done, total, "learning to see")

    network = trained(
        detector(shipped(CLASSES, _folder(backbone)), recipe.seed),
        pictures,
        boxes,
        steps(recipe),
        seed=recipe.seed,
        peak=recipe.finetune.learning_rate,
        told=told,
    )
    model = ObstacleModel(network)
    some = [
        images.values[int(place)] for place in np.linspace(0, len(images.values) - 1, min(KNOWN, len(images.values)))
    ]
    model.known = np.stack([one.features for one in model.find(some)])
    baseline = usual_places(boxes)
    notes = (f"{len(images.values)} scenes with {sum(len(one) for one, _ in boxes)} objects to train on",)
    return Adapted(model, (0, 1), "detector", {"usual_places": baseline}, notes=notes)


def steps(recipe: Recipe) -> int:
    """How many steps training takes."""
    value = recipe.options.get("steps")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"options.steps = {value!r}; give a whole number of 1 or more (--set options.steps=300)")
    return value


def _folder(backbone: Backbone | None) -> Any:
    """Where another backbone's weights lie; None: the shipped ones."""
    from pathlib import Path

    kind, _, path = (backbone.source if backbone else "").partition(":")
    return Path(path) if kind == "local" else None


def _boxes(images: Images, place: int) -> Boxes:
    rows, _ = images.truth(place)
    return torch.from_numpy(images.boxes[rows].astype(np.float32)), torch.from_numpy(images.kinds[rows])


def usual_places(boxes: list[Boxes]) -> UsualPlaces:
    """Boxes of each class around which most training boxes lie, as sure as the share of scenes they are right in."""
    from sklearn.cluster import KMeans

    found: list[tuple[np.ndarray, int, float]] = []
    for kind in range(len(CATEGORIES)):
        mine = [box[classes == kind].numpy() for box, classes in boxes]
        all_of_it = np.concatenate(mine)
        count = min(PLACES_OF_A_CLASS, len(np.unique(all_of_it, axis=0)))
        if not count:
            continue
        middles = KMeans(count, n_init=2, random_state=0).fit(all_of_it).cluster_centers_
        for middle in middles:
            hits = [bool((overlaps(middle[None], one) >= OVERLAP).any()) for one in mine]
            found.append((np.clip(middle, 0, [WIDE, HIGH, WIDE, HIGH]), kind, float(np.mean(hits))))
    return UsualPlaces(
        np.array([box for box, _, _ in found]).reshape(-1, 4),
        np.array([kind for _, kind, _ in found], int),
        np.array([sure for _, _, sure in found]),
    )
