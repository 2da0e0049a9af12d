"""The settings of a pretraining: a recipe's, of which seed, schema and options count, and the table [pretrain]."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.errors import BadInput
from evenhand.recipe import Recipe
from evenhand.values import Backbone

Kind = Literal["supervised", "formula", "self-supervised", "masked", "prior"]
KINDS: dict[str, tuple[Kind, ...]] = {
    "image": ("supervised", "formula", "self-supervised"),
    "text": ("masked",),
    "table": ("prior",),
}
RATES = {"image": 1e-3, "text": 5e-5}  # largest step sizes: a fresh network, and one that is to forget little
NEEDS_NO_DATA = ("formula", "prior")


class PretrainRule(BaseModel):
    """What the backbone is taught, and for how long: `evenhand pretrain BACKBONE --set pretrain.steps=500`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["auto", "supervised", "formula", "self-supervised", "masked", "prior"] = Field(
        "auto",
        description=(
            "Images: `supervised` (classes of `--data`), `formula` (rendered fractals and contours), `self-supervised`"
            " (`--data` without labels). Text: `masked` tokens. Tables: `prior` (synthetic tables). `auto`: what the"
            " data allow."
        ),
    )
    steps: int = Field(2000, ge=1, description="Steps of training.")
    batch_size: int = Field(64, ge=2, description="Examples in one step, over all processes together.")
    learning_rate: float | None = Field(
        None, gt=0, description="Largest step size; not set: 0.001 for images, 0.00005 for texts."
    )
    weight_decay: float = Field(0.05, ge=0, description="Pull of the weight matrices towards zero (AdamW).")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the step size grows.")
    image_size: int = Field(96, ge=16, description="Side of the square that images are cut to, in pixels.")
    least_crop: float = Field(0.4, gt=0, le=1, description="Smallest share of a picture's area that a view shows.")
    mirror: bool = Field(False, description="Whether left and right may change places; not for signs or letters.")
    max_length: int = Field(128, ge=8, description="Tokens of a text that are read; the rest is cut off.")
    masked: float = Field(0.15, gt=0, lt=1, description="Share of a text's tokens that are to be guessed.")
    formula: Literal["both", "fractals", "contours"] = Field(
        "both",
        description="Fractals: iterated function systems (arXiv 2101.08515); contours: waves (arXiv 2303.01112).",
    )
    classes: int = Field(200, ge=2, description="Formulas to tell apart, each a class.")
    examples: int = Field(200, ge=1, description="Pictures of each formula.")
    licence: str | None = Field(None, description="Of the weights, for their card; not set: what is known of it.")
    known_bias: str | None = Field(None, description="For the card: whom the data know little of; not set: unknown.")
    checkpoint_every: int = Field(100, ge=1, description="Steps after which the state is kept, to go on from.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Number format; `auto`: bf16 where the hardware multiplies in it, else fp32."
    )
    threads: int = Field(0, ge=0, description="Processor threads; 0: all cores.")
    workers: int = Field(0, ge=0, description="Processes beside each that make batches ahead; 0: none.")


class PretrainRecipe(Recipe):
    """What `run.recipe` is in the hook `pretrain`: a recipe with the table [pretrain]."""

    pretrain: PretrainRule = Field(PretrainRule(), description="What the backbone is taught, and for how long.")


def recipe_for(backbone: Backbone, asked: str, owner: str, settings: Iterable[str]) -> PretrainRecipe:
    """The settings for pretraining `backbone`, which the user called `asked`; BadInput for one that is not allowed."""
    name = Path(backbone.name.partition(":")[2] or backbone.name).name
    values = {
        "name": name,
        "domain": owner,
        "title": f"Pretraining of {name}",
        "task": "multiclass",
        "modality": backbone.modality,
        "backbone": asked,
        "pretrain": {},
    }
    start = PretrainRecipe.build(values, {}, "evenhand pretrain")
    recipe = start.with_settings(settings)
    if (recipe.modality, recipe.backbone) != (start.modality, start.backbone):
        raise BadInput("modality and backbone of a pretraining are those of the BACKBONE that is named, not to be set")
    return PretrainRecipe.model_validate(recipe) if not isinstance(recipe, PretrainRecipe) else recipe


def encoder_recipe(recipe: PretrainRecipe) -> Recipe:
    """The same for `load_encoder`, whose size, length, format and threads a pretraining has in its own table."""
    rule = recipe.pretrain
    shared = {name: getattr(rule, name) for name in ("image_size", "max_length", "precision", "threads")}
    return recipe.model_copy(update={"finetune": recipe.finetune.model_copy(update=shared)})


def kind_of(recipe: PretrainRecipe, has_data: bool, has_classes: bool) -> Kind:
    """The kind of pretraining that was asked for, or that the data allow; BadInput where it cannot be."""
    allowed, asked = KINDS[recipe.modality], recipe.pretrain.kind
    if asked == "auto":
        if recipe.modality != "image":
            kind = allowed[0]
        elif not has_data:
            kind = "formula"
        else:
            kind = "supervised" if has_classes else "self-supervised"
    elif asked in allowed:
        kind = asked
    else:
        raise BadInput(
            f"pretrain.kind = {asked} is not for {recipe.modality}; choose {' or '.join(allowed)}, or leave it at auto"
        )
    if kind in NEEDS_NO_DATA and has_data:
        raise BadInput(f"pretraining of kind {kind} makes its own examples; leave --data out, or set pretrain.kind")
    if kind not in NEEDS_NO_DATA and not has_data:
        raise BadInput(f"pretraining of kind {kind} learns from your data; name them with --data PATH")
    if kind == "supervised" and not has_classes:
        raise BadInput(
            "supervised pretraining needs classes: one folder of images for each, or a table with --set"
            " schema.label=COLUMN; or take pretrain.kind=self-supervised"
        )
    return kind
