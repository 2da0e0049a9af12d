"""What every strategy starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

    from evenhand.adapting.labels import Labels
    from evenhand.pretrained import Encoder
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.values import Splits


@dataclass(frozen=True, slots=True)
class Setting:
    """What every strategy starts from."""

    recipe: Recipe
    splits: Splits
    run: Run
    encoder: Encoder
    labels: Labels

    @property
    def validation(self) -> Dataset:
        """The validation rows whose class training has seen."""
        return self.splits.validation.select(self.labels.validation_rows)

    def of_all_validation(self, scores: np.ndarray | None) -> np.ndarray | None:
        """Scores of `validation`, where those are all validation rows there are; else None."""
        return scores if scores is not None and len(scores) == len(self.splits.validation) else None
