"""What a model says of itself so that it can leave evenhand: how a row becomes numbers, and what is done to them.

A plugin's own model may have a method `portable()` that returns a `Portable`; then `evenhand export` can make a file of
it that runs without the plugin's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of an ensemble, as arrays [nodes]; node 0 is the root.

    feature: the number that is asked, -1 at a leaf. A row goes left where its number is at most `threshold`, and where
    it is missing (NaN) as `missing_left` says. Of a node in `codes` it goes left where its number is one of these codes
    (or right, as `codes_left` of the node says), and the other way for any other and a missing one.
    value: what a leaf adds to the tree's `output`.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    codes: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    codes_left: Mapping[int, bool] = field(default_factory=dict)
    output: int = 0


@dataclass(frozen=True, slots=True)
class Portable:
    """A model as data: `reads`, then either `network` or `trees`.

    reads: JSON that says how rows become numbers, by its "kind": "text", "image", "columns" or "numbers"
    (docs/deploy.md lists the keys of each). network: a torch module from these numbers to probabilities [rows,
    classes], or to values [rows] of a regression. trees: their sum, with `base` [outputs], is turned into probabilities
    by `link`; of "logit" it is the log-odds of the class at `place`.
    """

    reads: Mapping[str, Any]
    network: Any = None
    trees: tuple[Tree, ...] = ()
    base: tuple[float, ...] = (0.0,)
    link: Literal["logit", "softmax", "none"] = "logit"
    place: int = 1
