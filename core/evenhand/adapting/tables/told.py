"""What a table's strategy starts from: the rows as its members read them, and which members there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evenhand.adapting.labels import Labels
from evenhand.adapting.tables.members import Member, Network, Part
from evenhand.adapting.tables.model import aligned, inputs_of, weights_of
from evenhand.errors import BadInput
from evenhand.pretrained.tabular.columns import Columns, as_frame

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone, Splits

STRATEGIES = ("auto", "in-context", "trees", "linear")
FEW = 1_000  # rows up to which the network stands alone where nothing is proven better: what it was made for


@dataclass(frozen=True, slots=True)
class Told:
    """Rows of train and validation. weights: the tabular backbone; None where a network cannot help.

    all_validation: whether every validation row must be scored by models that have not seen it, for an operating point.
    """

    strategy: str
    seed: int
    labels: Labels
    columns: Columns
    train: Part
    validation: Part
    weights: Network | None
    all_validation: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The members that are tried."""
        if self.strategy != "auto":
            return (self.strategy,)
        return STRATEGIES[1:] if self.weights is not None else STRATEGIES[2:]

    @property
    def preferred(self) -> tuple[str, ...]:
        """The members whose average is kept where nothing is proven better."""
        few = len(self.train) + len(self.validation) <= FEW
        return self.kinds[:1] if few and self.kinds[0] == "in-context" else self.kinds

    @property
    def network(self) -> Network:
        """The tabular backbone."""
        if self.weights is None:
            raise BadInput("strategy 'in-context' tells classes apart, and the task is regression; use trees or linear")
        return self.weights

    @property
    def both(self) -> Part:
        """Train and validation together."""
        return self.train.joined(self.validation)

    def aligned(self, member: Member, part: Part) -> np.ndarray:
        """What the member says of a part, in the recipe's classes."""
        return aligned(member, part.frame, part.matrix, self.labels.n_out)


def read(recipe: Recipe, splits: Splits, backbone: Backbone | None, labels: Labels) -> Told:
    """The rows as the members read them; BadInput where the strategy is none of tables or cannot do the task."""
    strategy, regression = recipe.finetune.strategy, labels.task == "regression"
    if strategy not in STRATEGIES:
        raise BadInput(
            f"strategy '{strategy}' works on a network's features, and recipe '{recipe.full_name}' is about a table;"
            f" use --set finetune.strategy= with one of {', '.join(STRATEGIES)}"
        )
    if backbone is not None and backbone.modality != "table":
        raise BadInput(
            f"backbone '{backbone.name}' reads {backbone.modality}, but recipe '{recipe.full_name}' is about a table;"
            " choose another with --set backbone=NAME (`evenhand backbones` lists them)"
        )
    frames = [as_frame(inputs_of(rows, splits.schema)) for rows in (splits.train, splits.validation)]
    frames[1] = frames[1][labels.validation_rows]
    columns = Columns.fit(frames[0].vstack(frames[1]))
    targets = labels.train, labels.validation
    weights_of_rows = labels.weights or (None, None)
    parts = [
        Part(frame, columns.matrix(frame), values, counts)
        for frame, values, counts in zip(frames, targets, weights_of_rows, strict=True)
    ]
    weights = None if regression else weights_of(backbone)
    scored = bool(recipe.audit.operating_point) or recipe.task == "multilabel"
    return Told(strategy, recipe.seed, labels, columns, parts[0], parts[1], weights, scored)
