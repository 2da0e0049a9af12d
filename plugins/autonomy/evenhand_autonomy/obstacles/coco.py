"""Reads COCO's format: one JSON file, or one per split, beside a folder of images; and says what is wrong with it.

    FOLDER/annotations/instances_train.json   or  FOLDER/annotations.json, or any *.json with images and annotations
    FOLDER/images/…                           where each image's file_name is looked for; FOLDER itself, too

Beyond COCO's keys, an image may tell weather, time_of_day, road_type, family and speed (m/s); an annotation, itself or
in "attributes", who, clothing, skin_tone, stature, distance_m and occluded (a share).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evenhand import BadInput
from evenhand_autonomy.obstacles.frames import OF_PEDESTRIAN, OF_PICTURE, Frame, Object
from evenhand_autonomy.obstacles.pictures import opened
from evenhand_autonomy.scenes.facts import CATEGORIES, CONE, PEDESTRIAN, VEHICLE, WORKS

CALLED = {
    **dict.fromkeys(("pedestrian", "person", "people", "rider", "child", "wheelchair user"), PEDESTRIAN),
    **dict.fromkeys(("vehicle", "car", "truck", "bus", "van", "motorcycle", "trailer"), VEHICLE),
    **dict.fromkeys(("cone", "traffic cone", "trafficcone"), CONE),
    **dict.fromkeys(("works", "road works", "barrier", "construction", "digger"), WORKS),
}
SPLITS = (("train", "train"), ("val", "validation"), ("test", "test"))


def read_coco(source: Path, called: Mapping[str, str]) -> list[Frame]:
    """Every annotated picture. called: names of categories beyond the usual ones -> ours, or "" to leave them out."""
    folder, files = (source.parent, [source]) if source.is_file() else (source, annotation_files(source))
    frames = [frame for file in files for frame in _read(folder, file, {**CALLED, **called}, len(files) > 1)]
    names = [frame.name for frame in frames]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the image '{twice}' stands twice in the annotations of {source}; keep one of them")
    return frames


def annotation_files(folder: Path) -> list[Path]:
    """COCO's files in the folder or its folder `annotations`; BadInput where there is none."""
    found = sorted([*folder.glob("*.json"), *folder.glob("annotations/*.json")])
    if not found:
        raise BadInput(f"{folder} holds no annotations; give a folder with COCO's annotations/*.json and images/")
    return found


def _read(folder: Path, file: Path, called: Mapping[str, str], divided: bool) -> list[Frame]:
    content = _content(file)
    kinds = _categories(content, file, called)
    split = next((ours for word, ours in SPLITS if word in file.stem.lower()), "") if divided else ""
    images = {image.get("id"): image for image in content["images"] if isinstance(image, dict)}
    objects: dict[Any, list[tuple[int, dict[str, Any]]]] = {number: [] for number in images}
    for place, one in enumerate(content["annotations"]):
        if not isinstance(one, dict) or one.get("image_id") not in images:
            raise BadInput(f"annotation {place + 1} of {file} is of no image of that file (image_id); mend or drop it")
        objects[one["image_id"]].append((place, one))
    return [_frame(folder, file, image, objects[number], kinds, split) for number, image in images.items()]


def _content(file: Path) -> dict[str, Any]:
    """The file's images, annotations and categories; BadInput where it holds none."""
    text = file.read_text("utf-8", errors="replace")
    if not text.strip():
        raise BadInput(f"{file} is empty; write COCO's images, annotations and categories into it, or remove it")
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"{file} is no JSON ({str(error)[:80]}); write it again") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise BadInput(f"{file} has no list '{key}', which COCO's format has; write it again")
    if not content["images"]:
        raise BadInput(f"{file} lists no images; fill it in, or remove it")
    if not content["annotations"]:
        raise BadInput(f"{file} annotates nothing in its {len(content['images'])} images; fill it in, or remove it")
    found: dict[str, Any] = content
    return found


def _categories(content: dict[str, Any], file: Path, called: Mapping[str, str]) -> dict[Any, str]:
    """COCO's class id -> our category."""
    kinds = {}
    for one in content["categories"]:
        name = str(one.get("name", "")).strip()
        ours = called.get(name, called.get(name.lower().replace("_", " ")))
        if ours is None or (ours and ours not in CATEGORIES):
            raise BadInput(
                f"the category '{name}' of {file} is none that is known; say which of {', '.join(CATEGORIES)} it is,"
                f' or leave it out: --set \'options.categories={{"{name}"=""}}\''
            )
        kinds[one.get("id")] = ours
    return kinds


def _frame(
    folder: Path, file: Path, image: dict[str, Any], objects: list[tuple[int, dict[str, Any]]], kinds: Any, split: str
) -> Frame:
    name = str(image.get("file_name", ""))
    places = [base / name for base in (folder / "images", folder, folder / "images" / file.stem)]
    path = next((place for place in places if name and place.is_file()), None)
    if path is None or not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"the image '{name}' of {file} is not in {folder / 'images'}; put it there, or drop its entry")
    value = {"bytes": None, "path": str(path)}
    size = opened(value).size
    kept = [found for place, one in objects if (found := _object(file, place, one, kinds, size)) is not None]
    facts = {key: image[key] for key in (*OF_PICTURE, "speed") if image.get(key) not in (None, "")}
    _number(facts, "speed", f"the image '{name}' of {file}", 0.0)
    return Frame(name, value, size, tuple(kept), str(image.get("split") or split), facts)


def _object(file: Path, place: int, one: dict[str, Any], kinds: Any, size: tuple[int, int]) -> Object | None:
    """The annotation as an object; None where its category is left out. BadInput for a box that cannot be."""
    where = f"annotation {place + 1} of {file}"
    if one.get("category_id") not in kinds:
        raise BadInput(
            f"{where} has the class id {one.get('category_id')!r}, which is not among the file's categories"
            f" ({', '.join(map(str, list(kinds)[:8]))}); mend or drop it"
        )
    category = kinds[one["category_id"]]
    if not category:
        return None
    left, top, wide, high = _box(one, where, size)
    told = {**(one["attributes"] if isinstance(one.get("attributes"), dict) else {}), **one}
    facts = {key: told[key] for key in (*OF_PEDESTRIAN, "distance_m", "occluded") if told.get(key) not in (None, "")}
    _number(facts, "distance_m", where, 0.1)
    _number(facts, "occluded", where, 0.0)
    shares = (left / size[0], top / size[1], wide / size[0], high / size[1])
    return Object(str(one.get("id", place + 1)), category, shares, facts)


def _box(one: dict[str, Any], where: str, size: tuple[int, int]) -> tuple[float, float, float, float]:
    try:
        left, top, wide, high = (float(value) for value in one["bbox"])
        if not math.isfinite(left + top + wide + high):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise BadInput(f"{where} has no bbox of four numbers (left, top, width, height); mend or drop it") from None
    box = f"the box [{left:g}, {top:g}, {wide:g}, {high:g}] (left, top, width, height)"
    if not (wide > 0 and high > 0):
        raise BadInput(f"{where} has {box}, whose size is not positive; mend or drop it")
    if left < -1 or top < -1 or left + wide > size[0] + 1 or top + high > size[1] + 1:  # a pixel of rounding is let be
        raise BadInput(f"{where} has {box}, which lies outside the picture of {size[0]} x {size[1]} pixels; mend it")
    return left, top, wide, high


def _number(facts: dict[str, Any], key: str, where: str, least: float) -> None:
    """Bring a fact to a number; BadInput where it is none, or below what it can be."""
    if key not in facts:
        return
    try:
        value = float(facts[key])
    except (TypeError, ValueError):
        value = float("nan")
    if not least <= value < float("inf"):
        raise BadInput(f"{where} has {key} = {facts[key]!r}; give a number of {least:g} or more, or leave it out")
    facts[key] = value
