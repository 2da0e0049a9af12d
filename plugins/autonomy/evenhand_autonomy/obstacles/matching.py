"""Which detection found which object: COCO's rule (Lin et al. 2014, ECCV), at an overlap of one half."""

from __future__ import annotations

import numpy as np

OVERLAP = 0.5  # intersection over union


def overlaps(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Intersection over union [n, m] of boxes (left, top, right, bottom)."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    sizes = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1) for boxes in (ours, theirs)]
    whole = sizes[0][:, None] + sizes[1][None, :] - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def matched(
    boxes: np.ndarray, classes: np.ndarray, sure: np.ndarray, truth: np.ndarray, kinds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(confidence with which each object was found [objects], 0 where it was not; places of detections of nothing).

    boxes, classes, sure: detections, in any order. truth, kinds: the objects' boxes and classes. The surest detection
    chooses first, the free object of its class that it overlaps most.
    """
    found = np.zeros(len(truth))
    free = np.ones(len(truth), bool)
    share = overlaps(boxes, truth)
    of_nothing = []
    for place in np.argsort(-sure, kind="stable"):
        fit = np.where(free & (kinds == classes[place]), share[place], 0.0) if len(truth) else np.zeros(0)
        best = int(fit.argmax()) if len(fit) else -1
        if best >= 0 and fit[best] >= OVERLAP:
            found[best], free[best] = sure[place], False
        else:
            of_nothing.append(int(place))
    return found, np.array(of_nothing, int)
