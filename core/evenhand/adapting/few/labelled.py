"""The labelled few, all of them, and what is known beside them: names of classes, messages without a label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.few.unlabelled import unlabelled_rows
from evenhand.adapting.probing import cache_of
from evenhand.pretrained.text import texts_of

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.adapting.setting import Setting
    from evenhand.pretrained import Encoder

WORD = re.compile(r"[^\W\d_]{3,}")  # three letters of any script


@dataclass(frozen=True)
class Few:
    """Rows 0 to `size` are train, then validation; behind them stands a row for the name of each class, if it has one.

    encoder: the network that is adapted; `setting.encoder` is the one as it was pretrained.
    """

    setting: Setting
    encoder: Encoder
    rows: Dataset
    targets: np.ndarray
    size: int
    unlabelled: Dataset | None = None
    notes: tuple[str, ...] = ()
    named: bool = True  # whether the names of the classes are learnt from too
    strength: float = 0.1  # of the heads, as logistic regression's C on features of unit spread
    cache: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def texts(self) -> list[str]:
        """The text of each row."""
        return texts_of(self.rows, self.setting.splits.schema)

    @cached_property
    def examples(self) -> Sequence[dict[str, Any]]:
        """Each row as the encoder takes it."""
        return self.encoder.examples(self.rows, self.setting.splits.schema)

    @property
    def features(self) -> np.ndarray:
        """The encoder's features of each row."""
        return self._features("labelled", self.rows)

    @property
    def unlabelled_features(self) -> np.ndarray:
        """The encoder's features of the messages without a label."""
        assert self.unlabelled is not None
        return self._features("unlabelled", self.unlabelled)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """These labelled rows, and behind them the names of their classes where names are learnt from."""
        if not self.named:
            return rows
        names = np.arange(self.size, len(self.targets))
        return np.concatenate([rows, names[np.isin(self.targets[names], self.targets[rows])]])

    def _features(self, name: str, rows: Dataset) -> np.ndarray:
        if name not in self.cache:
            made = cache_of(self.setting.run).features(
                self.encoder, rows, self.setting.splits.schema, f"features of {name} messages"
            )
            self.cache[name] = made
        found: np.ndarray = self.cache[name]
        return found


def labelled_few(setting: Setting) -> Few:
    """All that a strategy for few labels may look at: train, validation, names, messages without a label."""
    from datasets import Dataset, concatenate_datasets

    labels, splits = setting.labels, setting.splits
    inputs = list(splits.schema.input)
    known = [part.select_columns(inputs) for part in (splits.train, setting.validation)]
    targets = np.concatenate([labels.train, labels.validation])
    names = class_names(labels.classes)
    if names:
        extra = {column: list(names.values()) if column == inputs[0] else [""] * len(names) for column in inputs}
        known.append(Dataset.from_dict(extra, features=known[0].features))
    unlabelled, notes = unlabelled_rows(setting.recipe, splits)
    every = np.concatenate([targets, np.array(list(names), dtype=np.int64)])
    return Few(setting, setting.encoder, concatenate_datasets(known), every, len(targets), unlabelled, notes)


def class_names(classes: Sequence[Any]) -> dict[int, str]:
    """Class number -> its name as words: `card_arrival` says "card arrival". Empty where most classes are no words.

    A name is a text that its author wrote about the class, and with few labels it is one more example of it.
    """
    spoken = {
        number: re.sub(r"[\W_]+", " ", value).strip()
        for number, value in enumerate(classes)
        if isinstance(value, str) and WORD.search(value)
    }
    return spoken if 2 * len(spoken) > len(classes) else {}
