"""What a choice stands on: the place's rows, labelled or not, the source model's words on them, and the old rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting.corrected import logs_of
from evenhand.adapting.tables.members import Part
from evenhand.adapting.tables.model import inputs_of
from evenhand.errors import BadInput
from evenhand.living.sites.views import Views
from evenhand.pretrained.tabular.columns import as_frame

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.schema import Schema
    from evenhand.values import Adapted, Splits

UNKNOWN = -1  # the target of a row without a label


@dataclass(frozen=True, slots=True)
class Home:
    """The rows that the source model comes from: those of train, then of validation, whose label is `known`.

    test: rows it has not seen, of the same sites; perhaps none.
    """

    frame: pl.DataFrame
    targets: np.ndarray
    test: Dataset | None
    test_targets: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Ground:
    """Everything that candidates are fitted from.

    frame: the inputs of the place's rows. scores: the source model's probabilities of them. targets: class numbers,
    UNKNOWN where the label is not known or held back. clusters: rows that belong together, as numbers.
    views: None where candidates cannot be fitted anew, as from a network whose weights were trained.
    """

    adapted: Adapted
    schema: Schema
    frame: pl.DataFrame
    scores: np.ndarray
    targets: np.ndarray
    clusters: np.ndarray
    home: Home | None
    views: Views | None
    seed: int

    @property
    def heavy(self) -> bool:
        """Whether a fit takes long, so that fewer are made."""
        return self.views is not None and "in-context" in self.views.kinds

    @property
    def labelled(self) -> np.ndarray:
        """Positions of the rows whose label is known."""
        return np.flatnonzero(self.targets != UNKNOWN)

    @property
    def logs(self) -> np.ndarray:
        """The source model's log probabilities."""
        return logs_of(self.scores)

    @property
    def outputs(self) -> int:
        """How many classes there are."""
        return int(self.scores.shape[1])

    def with_targets(self, targets: np.ndarray) -> Ground:
        """The same rows with other labels known."""
        return replace(self, targets=targets)

    def place_part(self, rows: np.ndarray) -> Part:
        """Those rows of the place."""
        assert self.views is not None
        return Part(self.frame[rows], self.views.place[rows], self.targets[rows])

    @property
    def home_part(self) -> Part:
        """All old rows."""
        assert self.views is not None
        assert self.home is not None
        return Part(self.home.frame, self.views.home, self.home.targets)


def home_of(splits: Splits, classes: Sequence[Any]) -> Home:
    """The old rows of a run; of its test rows only those of sites that training saw."""
    label, site = splits.schema.require("label", "adapting"), splits.schema.site
    both = [as_frame(inputs_of(rows, splits.schema)) for rows in (splits.train, splits.validation)]
    targets = numbered([*splits.train[label], *splits.validation[label]], classes, splits.source)
    known = np.flatnonzero(targets != UNKNOWN)
    test = splits.test
    if site:
        seen = set(splits.train[site])
        test = test.select([i for i, value in enumerate(test[site]) if value in seen])
    frame = pl.concat(both, how="vertical_relaxed")[known]
    if not len(test):
        return Home(frame, targets[known], None, np.empty(0, dtype=np.int64), known)
    return Home(frame, targets[known], test, numbered(test[label], classes, splits.source, strict=False), known)


def numbered(values: Sequence[Any], classes: Sequence[Any], where: str, strict: bool = True) -> np.ndarray:
    """Class numbers of labels; UNKNOWN where a label is empty. BadInput for a class that the model does not know."""
    known = {_plain(value): number for number, value in enumerate(classes)}
    found = np.full(len(values), UNKNOWN, dtype=np.int64)
    for row, value in enumerate(values):
        said = _plain(value)
        if said is None:
            continue
        if said in known:
            found[row] = known[said]
        elif strict:
            raise BadInput(
                f"row {row + 1:,} of {where} has the label '{said[:40]}', and the model knows"
                f" {', '.join(map(str, classes[:10]))}; mend the label, leave it empty, or name another column"
                " (--labels)"
            )
    return found


def _plain(value: Any) -> str | None:
    """A label as text: 1, 1.0 and "1" are one; None where it is empty."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    text = str(value).strip()
    if text.endswith(".0") and text[:-2].lstrip("-").isdigit():
        text = text[:-2]
    return text.lower() if isinstance(value, bool) else (text or None)
