"""Slices that any sign picture has, by formulas over its pixels; and the family of its class.

None is a protected attribute. They stand in for what a vehicle meets: dusk and night (brightness), fog and glare
(contrast), speed and a dirty lens (sharpness), distance (size).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evenhand_autonomy.simulator.classes import FAMILIES

LUMA = np.float32([0.299, 0.587, 0.114])  # ITU-R BT.601
BRIGHTNESS = ((35, "under 35"), (70, "35 to 70"), (130, "70 to 130"), (np.inf, "130 and more"))
CONTRAST = ((12, "under 12"), (25, "12 to 25"), (50, "25 to 50"), (np.inf, "50 and more"))
SHARPNESS = ((0.1, "under 0.1"), (0.2, "0.1 to 0.2"), (0.4, "0.2 to 0.4"), (np.inf, "0.4 and more"))
SIZES = ((20, "under 20 px"), (32, "20 to 31 px"), (64, "32 to 63 px"), (np.inf, "64 px and more"))


def measures(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Brightness, contrast and sharpness of each picture [n, side, side, 3], over its middle three quarters.

    brightness: mean luma, 0 to 255. contrast: standard deviation of luma. sharpness: mean square of luma's Laplacian
    over its variance, so that it does not depend on contrast.
    """
    n, side = len(pictures), pictures.shape[1]
    edge = side // 8
    luma = pictures[:, edge : side - edge, edge : side - edge].astype(np.float32) @ LUMA
    bend = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:] - 4 * luma[:, 1:-1, 1:-1]
    variance = luma.reshape(n, -1).var(1)
    return {
        "brightness": luma.reshape(n, -1).mean(1),
        "contrast": np.sqrt(variance),
        "sharpness": (bend**2).reshape(n, -1).mean(1) / np.maximum(variance, 1.0),
    }


def band(values: Sequence[float], bands: tuple[tuple[float, str], ...]) -> list[str]:
    """The band that each value falls into."""
    return [next(name for top, name in bands if value < top) for value in values]


def slice_columns(pictures: np.ndarray, labels: Sequence[int], sizes: Sequence[int]) -> Mapping[str, list[str]]:
    """The computed slices of these pictures; `sizes` is the longer side of each as the camera gave it."""
    found = measures(pictures)
    return {
        "sign_family": [FAMILIES[int(label)] for label in labels],
        "brightness": band(found["brightness"].tolist(), BRIGHTNESS),
        "contrast": band(found["contrast"].tolist(), CONTRAST),
        "sharpness": band(found["sharpness"].tolist(), SHARPNESS),
        "sign_size": band(sizes, SIZES),
    }


RULES = (
    ("sign_family", "the class's family: speed limit, other prohibition, danger, mandatory, end, priority"),
    ("brightness", "mean luma (0.299 R + 0.587 G + 0.114 B) of the middle three quarters; cut at 35, 70 and 130"),
    ("contrast", "standard deviation of that luma; cut at 12, 25 and 50"),
    ("sharpness", "mean square of its Laplacian over its variance, at 48 px; cut at 0.1, 0.2 and 0.4"),
    ("sign_size", "longer side of the cut in the camera's pixels, which falls with distance; cut at 20, 32 and 64"),
    ("weather, time_of_day, road_type", "the simulator's own truth, or columns that the data brings"),
)
