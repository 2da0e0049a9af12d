"""Rows as an exported model takes them: by what stands in exported.json alone, without torch.

text     {"column": [..], "max_length": n}          tokenizer.json beside; input_ids and attention_mask [rows, tokens]
image    {"column", "size", "mean", "deviation"}    RGB, resized (bicubic), (value / 255 - mean) / deviation
columns  {"features": [..]}                         the matrix of evenhand.pretrained.tabular.columns
numbers  {"columns": [{"name", "kind", "values"}]}  float64: numbers and days as they are, names as places in values
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from evenhand.errors import BadInput

TOKENIZER = "tokenizer.json"
BATCH = 128  # rows of one pass
DAYS = 86_400e6  # microseconds


class Reader(Protocol):
    """Makes the network's inputs of rows."""

    def batches(self, frame: pl.DataFrame) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """(positions of some rows, the inputs of those), until all rows were given."""
        ...


def reader_of(reads: Mapping[str, Any], folder: Path) -> Reader:
    """The reader that exported.json describes; `folder` holds its files. BadInput for a kind that is not known."""
    kinds: dict[str, Any] = {"text": Texts, "image": Images, "columns": Matrix, "numbers": Numbers}
    if reads.get("kind") not in kinds:
        raise BadInput(
            f"{folder} reads rows as '{str(reads.get('kind'))[:40]}', which this evenhand does not know; take the one"
            " that exported it"
        )
    reader: Reader = kinds[reads["kind"]](reads, folder)
    return reader


class Texts:
    """Token numbers by the stored tokenizer; rows of equal length share a pass, so nothing is padded."""

    def __init__(self, reads: Mapping[str, Any], folder: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise BadInput(
                "an exported text model needs tokenizers, which is not installed; pip install tokenizers"
            ) from None
        self.columns = list(reads["column"])
        self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(int(reads["max_length"]))

    def batches(self, frame: pl.DataFrame) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """See `Reader`."""
        parts = [frame[column].to_list() for column in self.columns]
        texts = ["\n".join("" if part is None else str(part) for part in row) for row in zip(*parts, strict=True)]
        numbers = [found.ids for found in self.tokenizer.encode_batch(texts)]
        for places in by_size([len(row) for row in numbers]):
            ids = np.array([numbers[place] for place in places], dtype=np.int64).reshape(len(places), -1)
            mask = np.ones_like(ids)
            if not ids.shape[1]:  # a text without a single token is read as one that is padding alone
                ids, mask = np.zeros((len(places), 1), np.int64), np.zeros((len(places), 1), np.int64)
            yield np.array(places), {"input_ids": ids, "attention_mask": mask}


class Images:
    """Pixels, float32 [rows, 3, size, size]; decoded and scaled as evenhand does."""

    def __init__(self, reads: Mapping[str, Any], folder: Path) -> None:
        self.reads = dict(reads)

    def batches(self, frame: pl.DataFrame) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """See `Reader`."""
        from evenhand.pretrained.pictures import Pictures

        stored = frame[self.reads["column"]].to_list()
        seen = Pictures(stored, self.reads["size"], self.reads["mean"], self.reads["deviation"])
        for start in range(0, len(stored), BATCH):
            places = np.arange(start, min(start + BATCH, len(stored)))
            yield places, {"pixels": np.stack([seen[int(place)]["pixels"] for place in places])}


class Matrix:
    """The matrix of the core's models for tables, float32 [rows, features]."""

    def __init__(self, reads: Mapping[str, Any], folder: Path) -> None:
        from evenhand.pretrained.tabular.columns import Columns

        self.columns = Columns.from_dict({"features": reads["features"]})
        self.type = np.float64 if reads.get("double") else np.float32

    def batches(self, frame: pl.DataFrame) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """See `Reader`."""
        yield np.arange(frame.height), {"matrix": self.columns.matrix(frame).astype(self.type)}


class Numbers:
    """Columns as they are, float64 [rows, columns]; NaN where missing, and for a name that is not in `values`."""

    def __init__(self, reads: Mapping[str, Any], folder: Path) -> None:
        self.columns = list(reads["columns"])

    def batches(self, frame: pl.DataFrame) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """See `Reader`."""
        made = [as_number(frame[one["name"]], one["kind"], one.get("values", ())) for one in self.columns]
        yield np.arange(frame.height), {"matrix": np.column_stack(made)}


def as_number(column: pl.Series, kind: str, values: Sequence[str]) -> np.ndarray:
    """One column as float64 [rows]. kind: number, name (its place in `values`) or day (days since 1970).

    >>> as_number(pl.Series(["b", None, "z"]), "name", ("a", "b")).tolist()
    [1.0, nan, nan]
    """
    if kind == "name":
        code = {value: float(place) for place, value in enumerate(values)}
        return np.array([code.get(str(value), np.nan) for value in column.cast(pl.String)], dtype=float)
    if kind == "day" and column.dtype == pl.String:
        column = column.str.to_datetime(strict=False)
    if kind == "day":
        column = column.cast(pl.Datetime("us"), strict=False).dt.timestamp("us").cast(pl.Float64) / DAYS
    found = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(found), found, np.nan)


def by_size(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Positions of equal size together, at most BATCH of them, the smallest first.

    >>> list(by_size([3, 1, 3]))
    [[1], [0, 2]]
    """
    groups: dict[int, list[int]] = {}
    for place, size in enumerate(sizes):
        groups.setdefault(size, []).append(place)
    for _, group in sorted(groups.items()):
        for start in range(0, len(group), BATCH):
            yield group[start : start + BATCH]
