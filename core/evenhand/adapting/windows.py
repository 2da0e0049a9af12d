"""Texts longer than a backbone reads: overlapping windows of its own tokens, each scored, and one decision from all.

Windows of a training text have its label. Where that is wrong for most of them (one sentence in a contract decides), a
label is kept on the windows that speak most for it and taken from the others of that text, by a first model's scores
(multiple-instance learning as MI-SVM: Andrews, Tsochantaridis & Hofmann 2002). Which of the ways serves best is chosen
on validation texts.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.models import MeanModel, NetworkModel, ProbeModel
from evenhand.schema import Schema

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe, WindowRule
    from evenhand.values import Backbone

ABOUT = "windows.json"
LONGEST_WORD = 40  # characters; of a text that no window will reach, no more than this for each token is looked at


@dataclass(frozen=True, slots=True)
class Cutter:
    """Cuts texts into windows of at most `length` tokens, `overlap` of which are the window's before; at most `most`.

    tokenizer: the backbone's own, which tells where in the text each token stands.
    """

    tokenizer: Any
    length: int
    overlap: int
    most: int

    @classmethod
    def of(cls, encoder: Any, rule: WindowRule) -> Cutter:
        """That of a text encoder: windows as long as it reads, or as long as the rule says."""
        special = encoder.tokenizer.num_special_tokens_to_add()
        longest = max(1, encoder.max_length - special)
        length = min(longest, rule.length) if rule.length else longest
        return cls(encoder.tokenizer, length, min(int(rule.overlap * length), length - 1), rule.most)

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where in each text its windows begin and end; one window, the whole text, where it is not longer than one."""
        return [[(0, len(text))] if places is None else self._cut(places) for text, places in self._long(texts)]

    def windows(self, text: str) -> list[str]:
        """The windows of one text."""
        return [text[start:end] for start, end in self.spans([text])[0]]

    def unread(self, texts: Sequence[str], windowed: bool) -> Unread:
        """How many of the texts are longer than a window, and how much of all tokens is not read."""
        reach = self.length + (self.most - 1) * (self.length - self.overlap) if windowed else self.length
        long, lost, tokens = 0, 0.0, 0.0
        for text, places in self._long(texts):
            if places is None:
                tokens += max(1, len(text) / 4)  # short ones are not counted token by token
                continue
            whole = len(places) * (len(text) / max(places[-1][1], 1))  # of a very long text, by its beginning
            tokens += whole
            long += 1
            lost += whole - min(reach, len(places)) if whole > reach else 0
        return Unread(len(texts), long, lost, tokens)

    def _long(self, texts: Sequence[str]) -> list[tuple[str, list[tuple[int, int]] | None]]:
        """Each text with the places of its tokens; None where it is no longer than a window.

        No token is shorter than a byte, so a text of few bytes need not be looked at.
        """
        asked = [i for i, text in enumerate(texts) if len(text.encode("utf-8", "replace")) > self.length]
        found: dict[int, list[tuple[int, int]]] = {}
        if asked and getattr(self.tokenizer, "is_fast", False):
            most = (self.most + 1) * self.length * LONGEST_WORD
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the text is longer than the network reads: that is what is asked
                told = self.tokenizer(
                    [texts[i][:most] for i in asked],
                    add_special_tokens=False,
                    return_offsets_mapping=True,
                    return_attention_mask=False,
                    verbose=False,
                )
            found = {
                i: [(a, b) for a, b in places if b > a]
                for i, places in zip(asked, told["offset_mapping"], strict=True)
                if len(places) > self.length
            }
        return [(text, found.get(i) or None) for i, text in enumerate(texts)]

    def _cut(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        step = self.length - self.overlap
        starts = range(0, max(len(places) - self.overlap, 1), step)[: self.most]
        return [(places[s][0], places[min(s + self.length, len(places)) - 1][1]) for s in starts]


@dataclass(frozen=True, slots=True)
class Unread:
    """Of `texts`, those that are longer than a window, and the tokens that are not read, of all."""

    texts: int
    long: int
    lost: float
    tokens: float

    def says(self, length: int) -> str:
        """One sentence; "" where every text is read whole."""
        if not self.lost:
            return ""
        share = self.lost / max(self.tokens, 1)
        return (
            f"{self.long:,} of {self.texts:,} texts ({self.long / self.texts:.1%}) are longer than the {length} tokens"
            f" that are read; {share:.1%} of all tokens are cut off and not read"
        )

    def and_of(self, other: Unread) -> Unread:
        """Both together."""
        return Unread(
            self.texts + other.texts, self.long + other.long, self.lost + other.lost, self.tokens + other.tokens
        )


@dataclass(frozen=True, slots=True)
class Windowed:
    """A model of windows, whose scores of a text's windows become that of the text.

    pool: "max", the window that speaks most for a label (of two classes: for the positive one, whose place is
    `positive`); "mean", the average of all.
    """

    base: ProbeModel | NetworkModel
    cutter: Cutter
    pool: str
    schema: Schema
    positive: int = 1

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities [rows, classes], or values [rows] for regression."""
        wide, owner = expanded(self.cutter, rows, self.schema)
        return pooled(self.base.scores(wide), owner, len(rows), self.pool, self.base.task, self.positive)

    def of_windows(self, text: str) -> tuple[list[str], np.ndarray]:
        """(the windows of one text, the scores of each)."""
        from datasets import Dataset

        windows = self.cutter.windows(text)
        return windows, np.asarray(self.base.scores(Dataset.from_dict({self.base.schema.input[0]: windows})))

    def save(self, folder: Path) -> None:
        """The model of windows in base/, and how windows are cut and pooled."""
        cutter = self.cutter
        about = {
            "kind": "network" if isinstance(self.base, NetworkModel) else "probe",
            "length": cutter.length,
            "overlap": cutter.overlap,
            "most": cutter.most,
            "pool": self.pool,
            "positive": self.positive,
            "schema": self.schema.model_dump(),
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (folder / "base").mkdir()
        self.base.save(folder / "base")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> Windowed:
        """What `save` wrote; BadInput where the backbone is another than the stored one."""
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        kind = NetworkModel if about["kind"] == "network" else ProbeModel
        base: Any = kind.load(folder / "base", recipe, backbone)
        cutter = Cutter(base.encoder.tokenizer, about["length"], about["overlap"], about["most"])
        return cls(base, cutter, about["pool"], Schema.model_validate(about["schema"]), about["positive"])


def expanded(cutter: Cutter, rows: Dataset, schema: Schema, keep: Sequence[str] = ()) -> tuple[Dataset, np.ndarray]:
    """(a row for each window, with the columns `keep` of its text's row; which row each window is of)."""
    from datasets import Dataset

    from evenhand.pretrained.text import texts_of

    texts = texts_of(rows, schema)
    spans = cutter.spans(texts)
    owner = np.repeat(np.arange(len(texts)), [len(places) for places in spans])
    parts = [text[start:end] for text, places in zip(texts, spans, strict=True) for start, end in places]
    columns: dict[str, Any] = {windows_schema(schema).input[0]: parts}
    for name in keep:
        values = list(rows[name])
        columns[name] = [values[i] for i in owner]
    return Dataset.from_dict(columns), owner


def windows_schema(schema: Schema) -> Schema:
    """The roles of the windows' columns: all inputs of a text are one there."""
    return schema.model_copy(update={"input": (schema.require("input", "a text recipe"),)})


def pooled(scores: np.ndarray, owner: np.ndarray, rows: int, pool: str, task: str, positive: int = 1) -> np.ndarray:
    """Scores of windows, [windows, classes] or [windows], as those of the texts that own them."""
    if pool == "mean" or task == "regression":
        counts = np.bincount(owner, minlength=rows)
        if scores.ndim == 1:
            return np.asarray(np.bincount(owner, scores, rows) / counts)
        return np.stack([np.bincount(owner, column, rows) / counts for column in scores.T], axis=1)
    highest = np.full((rows, scores.shape[1]), -np.inf)
    np.maximum.at(highest, owner, scores)
    if task == "multilabel":
        return highest
    if task == "binary":
        both = np.empty((rows, 2))
        both[:, positive], both[:, 1 - positive] = highest[:, positive], 1 - highest[:, positive]
        return both
    return np.asarray(highest / highest.sum(axis=1, keepdims=True))


def speaking(scores: np.ndarray, owner: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Bool [windows, labels]: of a text that has a label, the window that speaks most for it, and others that score
    at least half as high. given: whether the window's text has the label, [windows, labels]."""
    highest = np.full((int(owner.max()) + 1, scores.shape[1]), -np.inf)
    np.maximum.at(highest, owner, scores)
    top = scores >= highest[owner]
    return np.asarray(given.astype(bool) & (top | (scores >= 0.5)))


def cut_off(model: Any, rows: Dataset, schema: Schema) -> tuple[Unread, int] | None:
    """(what the model does not read of these texts, the tokens it reads of one); None where it is none of texts."""
    from evenhand.pretrained.text import texts_of

    model = model.members[0] if isinstance(model, MeanModel) else model
    inner = model.base if isinstance(model, Windowed) else model
    if not isinstance(inner, ProbeModel | NetworkModel) or inner.encoder.modality != "text":
        return None
    cutter = model.cutter if isinstance(model, Windowed) else whole_of(inner.encoder)
    reach = cutter.length + (cutter.most - 1) * (cutter.length - cutter.overlap)
    return cutter.unread(texts_of(rows, schema), isinstance(model, Windowed)), reach


def whole_of(encoder: Any) -> Cutter:
    """A cutter of windows as long as the encoder reads, for counting."""
    special = encoder.tokenizer.num_special_tokens_to_add()
    return Cutter(encoder.tokenizer, max(1, encoder.max_length - special), 0, 1)


def positive_place(classes: Sequence[Any], schema: Schema) -> int:
    """The place of the positive class among two."""
    named = [str(value) for value in classes]
    return named.index(str(schema.positive)) if str(schema.positive) in named else len(named) - 1
