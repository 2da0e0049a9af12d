"""The encoder that a stored model was made with, found again by its identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evenhand.errors import BadInput
from evenhand.pretrained import Encoder, load_encoder

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone


def found_again(identity: str, recipe: Recipe, backbone: Backbone | None) -> Encoder:
    """The encoder of `backbone`, or the variant of it, that has this identity; BadInput where none has.

    A plugin's own model stores `encoder.identity`, and finds its encoder so in `load`.
    """
    from evenhand.pretrained.processor import seed_and_threads

    if backbone is None:
        raise BadInput(
            "the stored model needs its backbone, but the recipe names none; set it with --set backbone=NAME"
        )
    seed_and_threads(recipe)
    encoder = next((found for found in _as_anywhere(backbone, recipe) if found.identity == identity), None)
    if encoder is None:
        raise BadInput(
            f"the stored model was made with other weights or settings than backbone '{backbone.name}' has now; "
            "run the recipe again in a new folder"
        )
    return encoder


def _as_anywhere(backbone: Backbone, recipe: Recipe) -> Iterator[Encoder]:
    """The encoder as this machine computes, then as machines of another number format do, which is of its identity."""
    for precision in dict.fromkeys((recipe.finetune.precision, "fp32", "bf16")):
        rule = recipe.finetune.model_copy(update={"precision": precision})
        yield from load_encoder(backbone, recipe.model_copy(update={"finetune": rule})).variants()
