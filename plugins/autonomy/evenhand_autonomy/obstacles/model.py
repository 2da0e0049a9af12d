"""The models that obstacle stores: the detector, and a baseline that knows where things usually are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.models.detection import FCOS

from evenhand_autonomy.obstacles.detector import HIGH, WIDE, detected, read, write
from evenhand_autonomy.obstacles.frames import BOX, PLACES
from evenhand_autonomy.obstacles.matching import matched
from evenhand_autonomy.obstacles.pictures import key_of, pixels_of
from evenhand_autonomy.scenes.facts import CATEGORIES


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector says of one picture: boxes in pixels [k, 4], classes and confidences [k]; features [d]."""

    boxes: np.ndarray
    classes: np.ndarray
    sure: np.ndarray
    features: np.ndarray


class ObstacleModel:
    """Confidence that each row's object is seen; on rows where nothing is, that of a false alarm."""

    _last: tuple[str, list[Found]] = ("", [])  # the report asks again for what the predictions were made of

    def __init__(self, network: FCOS, known: np.ndarray | None = None) -> None:
        self.network = network.eval()
        self.known = known if known is not None else np.zeros((0, 0))

    def scores(self, rows: Any) -> np.ndarray:
        """[rows, 2]: confidences that nothing, and that something, is there."""
        images = Images(rows)
        return images.scores(self.find(images.values))

    def find(self, values: Sequence[Any]) -> list[Found]:
        """What is found in each stored picture."""
        name = hashlib.sha256("".join(map(key_of, values)).encode() + self._digest()).hexdigest()
        if ObstacleModel._last[0] != name:
            pictures = torch.from_numpy(np.stack([pixels_of(value) for value in values]))
            ObstacleModel._last = name, [Found(*one) for one in detected(self.network, pictures)]
        return ObstacleModel._last[1]

    def _digest(self) -> bytes:
        first = next(iter(self.network.parameters()))
        return hashlib.sha256(first.detach().numpy().tobytes()).digest()

    def save(self, folder: Path) -> None:
        """Weights, and the features of training pictures, as safetensors."""
        from safetensors.numpy import save_file

        write(self.network, folder / "model.safetensors")
        save_file({"known": np.ascontiguousarray(self.known)}, folder / "known.safetensors")

    @classmethod
    def load(cls, folder: Path) -> ObstacleModel:
        """What `save` wrote."""
        from safetensors.numpy import load_file

        return cls(read(folder / "model.safetensors"), load_file(folder / "known.safetensors")["known"])


class UsualPlaces:
    """A baseline that never looks: boxes where each kind of thing often was in training, as sure as they were right."""

    def __init__(self, boxes: np.ndarray, classes: np.ndarray, sure: np.ndarray) -> None:
        self.boxes, self.classes, self.sure = boxes, classes, sure

    def scores(self, rows: Any) -> np.ndarray:
        """[rows, 2], as the detector's."""
        images = Images(rows)
        same = Found(self.boxes, self.classes, self.sure, np.zeros(0))
        return images.scores([same] * len(images.values))

    def save(self, folder: Path) -> None:
        """As JSON."""
        told = {"boxes": self.boxes.tolist(), "classes": self.classes.tolist(), "sure": self.sure.tolist()}
        (folder / "usual-places.json").write_text(json.dumps(told), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> UsualPlaces:
        """What `save` wrote."""
        told = json.loads((folder / "usual-places.json").read_text("utf-8"))
        boxes = np.array(told["boxes"], float).reshape(-1, 4)
        return cls(boxes, np.array(told["classes"], int), np.array(told["sure"], float))


class Images:
    """The rows of a table by picture: which objects are in each, and which rows are for false alarms."""

    def __init__(self, rows: Any) -> None:
        from evenhand_autonomy.obstacles.pictures import stored

        values = stored(rows, "image")
        keys: dict[str, int] = {}
        self.values: list[Any] = []
        self.members: list[list[int]] = []
        for row, value in enumerate(values):
            place = keys.setdefault(key_of(value), len(keys))
            if place == len(self.values):
                self.values.append(value)
                self.members.append([])
            self.members[place].append(row)
        kinds = {name: number for number, name in enumerate(CATEGORIES)}
        self.kinds = np.array([kinds.get(name, -1) for name in rows["category"]], int)
        shares = np.stack([np.array(rows[name], float) for name in BOX], 1) if len(values) else np.zeros((0, 4))
        size = np.array([WIDE, HIGH, WIDE, HIGH])
        self.boxes = np.concatenate([shares[:, :2], shares[:, :2] + shares[:, 2:]], 1) * size

    def truth(self, place: int) -> tuple[list[int], list[int]]:
        """(rows of the picture's objects, rows for its false alarms)."""
        mine = self.members[place]
        return [row for row in mine if self.kinds[row] >= 0], [row for row in mine if self.kinds[row] < 0]

    def scores(self, found: Sequence[Found]) -> np.ndarray:
        """[rows, 2] of what was found in each picture."""
        sure = np.zeros(len(self.kinds))
        for place, one in enumerate(found):
            objects, free = self.truth(place)
            hits, wrong = matched(one.boxes, one.classes, one.sure, self.boxes[objects], self.kinds[objects])
            sure[objects] = hits
            for row, alarm in zip(free, wrong[:PLACES], strict=False):
                sure[row] = one.sure[alarm]
        return np.stack([1 - sure, sure], 1)
