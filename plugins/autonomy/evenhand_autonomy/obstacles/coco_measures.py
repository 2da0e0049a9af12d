"""COCO's average precision, by pycocotools, where it is installed (evenhand-autonomy[detect])."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from evenhand import Section
from evenhand_autonomy.obstacles.detector import HIGH, WIDE
from evenhand_autonomy.obstacles.seen_again import SeenAgain
from evenhand_autonomy.scenes.facts import CATEGORIES

ABOUT = (
    "Average precision as COCO counts it, at 160 x 96 pixels: over overlaps from 0.50 to 0.95, and at 0.50 and 0.75."
)


def coco_measures(seen: SeenAgain) -> Section:
    """Average precision by category; how to get it where pycocotools is not there."""
    title = "COCO's measures"
    found = average_precision(seen)
    if found is None:
        return Section(title, "Install evenhand-autonomy[detect] (pycocotools) for average precision by category.")
    rows = tuple((name, *(f"{value:.3f}" if value >= 0 else "none there" for value in found[name])) for name in found)
    return Section(title, ABOUT, ("category", "AP", "AP50", "AP75"), rows)


def average_precision(seen: SeenAgain) -> dict[str, tuple[float, float, float]] | None:
    """category -> (AP, AP50, AP75), "all" first; None without pycocotools."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _truth(seen)
        truth.createIndex()
        detections = _detections(seen)
        if not detections:
            return dict.fromkeys(("all", *CATEGORIES), (0.0, 0.0, 0.0))
        judged = COCOeval(truth, truth.loadRes(detections), "bbox")
        judged.evaluate()
        judged.accumulate()
    precision = judged.eval["precision"][:, :, :, 0, -1]  # overlaps x recalls x categories
    found = {"all": _means(precision)}
    for number, name in enumerate(CATEGORIES):
        found[name] = _means(precision[:, :, number : number + 1])
    return found


def _means(precision: np.ndarray) -> tuple[float, float, float]:
    def mean(values: np.ndarray) -> float:
        return float(values[values > -1].mean()) if (values > -1).any() else -1.0

    return mean(precision), mean(precision[0]), mean(precision[5])


def _truth(seen: SeenAgain) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for place in range(len(seen.found)):
        for row in seen.images.truth(place)[0]:
            left, top, right, bottom = seen.images.boxes[row].tolist()
            box = [left, top, right - left, bottom - top]
            about = {
                "image_id": place,
                "category_id": int(seen.images.kinds[row]),
                "bbox": box,
                "area": box[2] * box[3],
            }
            annotations.append({"id": len(annotations) + 1, "iscrowd": 0, **about})
    return {
        "info": {},
        "images": [{"id": place, "width": WIDE, "height": HIGH} for place in range(len(seen.found))],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(CATEGORIES)],
    }


def _detections(seen: SeenAgain) -> list[dict[str, Any]]:
    return [
        {
            "image_id": place,
            "category_id": int(kind),
            "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
            "score": float(sure),
        }
        for place, one in enumerate(seen.found)
        for box, kind, sure in zip(one.boxes, one.classes, one.sure, strict=True)
    ]
