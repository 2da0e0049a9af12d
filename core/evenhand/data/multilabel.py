"""Labels of a multi-label task: a column of lists, or columns of 0 and 1, become one column of 0 and 1 per label."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.data.reading import values_of
from evenhand.errors import BadInput
from evenhand.schema import Schema

if TYPE_CHECKING:
    from datasets import Dataset

MOST_LABELS = 1_000
FLAGS = {"1": 1, "true": 1, "yes": 1, "0": 0, "false": 0, "no": 0, "1.0": 1, "0.0": 0}
NONE = "(none)"  # the stratum of rows without a label


def label_columns(schema: Schema, why: str = "training") -> tuple[str, ...]:
    """The columns of the labels: those of 0 and 1, or the one that holds lists."""
    if schema.labels and schema.label:
        raise BadInput(
            f"the schema names both label '{schema.label}' and labels {', '.join(schema.labels[:3])}; keep one of them:"
            " label is a column of lists, labels are columns of 0 and 1"
        )
    return schema.labels or (schema.require("label", why),)


def with_flags(schema: Schema, rows: Dataset, where: str, notes: list[str]) -> tuple[Dataset, Schema]:
    """(the rows with a column of 0 and 1 for each label, the schema whose `labels` they are)."""
    columns = label_columns(schema)
    if schema.labels:
        flags = {name: flags_of(values_of(rows, name), name, where) for name in columns}
        return _beside(rows.remove_columns(list(columns)), flags), schema
    column = columns[0]
    each = [labels_of(value, row, column, where) for row, value in enumerate(values_of(rows, column), start=1)]
    names = sorted({name for row in each for name in row})
    if not names:
        raise BadInput(f"no row of {where} has a label in column '{column}': every list is empty; name another column")
    if len(names) > MOST_LABELS:
        raise BadInput(
            f"column '{column}' of {where} has {len(names):,} different labels, and {MOST_LABELS:,} can be learnt and"
            " audited one by one; leave out the rare ones, or write groups of them"
        )
    notes += alike(Counter(name for row in each for name in row), column)
    taken = set(rows.column_names)
    called = {name: name if name not in taken else f"{column}: {name}" for name in names}
    return _beside(rows, flags_among(each, names, list(called.values()))), schema.model_copy(
        update={"label": None, "labels": tuple(called.values())}
    )


def flags_among(each: Sequence[Iterable[str]], names: Sequence[str], columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Column -> int8 [rows]: whether the row has that one of `names`; a name that is not among them is passed over."""
    place = {name: number for number, name in enumerate(names)}
    found = np.zeros((len(names), len(each)), dtype=np.int8)
    for row, labels in enumerate(each):
        for name in labels:
            if name in place:
                found[place[name], row] = 1
    return dict(zip(columns, found, strict=True))


def labels_of(value: Any, row: int, column: str, where: str) -> list[str]:
    """The labels in one cell: a list, or a list written as JSON. BadInput where it is neither."""
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
    if not isinstance(found, list) or not all(isinstance(name, str | int | float) for name in found):
        raise BadInput(
            f"column '{column}' of {where} holds {str(value)[:60]!r} in row {row:,}, which is no list of labels; write"
            ' ["a", "b"] (or [] for none), or give columns of 0 and 1 with --set \'schema.labels=["a","b"]\''
        )
    return [str(name) for name in found]


def flags_of(values: Sequence[Any], column: str, where: str) -> np.ndarray:
    """int8 [rows] of a column of 0 and 1; BadInput for any other value."""
    found = np.zeros(len(values), dtype=np.int8)
    for row, value in enumerate(values):
        flag = FLAGS.get(str(value).strip().lower())
        if flag is None:
            raise BadInput(
                f"the label column '{column}' of {where} holds {str(value)[:60]!r} in row {row + 1:,}; each of"
                " schema.labels is a column of 0 and 1"
            )
        found[row] = flag
    return found


def strata(schema: Schema, rows: Dataset, among: np.ndarray) -> list[str]:
    """The rarest label of each row in `among`, or that it has none: what a split keeps alike.

    A set of labels often occurs once, and could then be on one side only; the rarest label is what a side lacks first.
    """
    names = list(schema.labels)
    flags = np.array([values_of(rows, name) for name in names], dtype=bool)[:, among]
    rarest = np.argsort(flags.sum(axis=1), kind="stable")
    first = [names[place] for place in rarest[flags[rarest].argmax(axis=0)]]
    return [name if some else NONE for name, some in zip(first, flags.sum(axis=0), strict=True)]


def without_unlearnable(
    schema: Schema, rows: Dataset, train: np.ndarray, where: str, notes: list[str]
) -> tuple[Dataset, Schema]:
    """The rows and schema without labels that no training row has, or every one; what was left out is noted."""
    shares = {name: np.asarray(values_of(rows, name))[train].mean() for name in schema.labels}
    lost = [name for name, share in shares.items() if share in (0.0, 1.0)]
    if not lost:
        return rows, schema
    if len(lost) == len(shares):
        raise BadInput(
            f"no label of {where} divides the training rows: {', '.join(lost[:5])} is on none of them, or on all; name"
            " other labels"
        )
    for share, says in ((0.0, "no training row has"), (1.0, "every training row has")):
        some = [name for name in lost if shares[name] == share]
        if some:
            notes.append(f"labels left out, as {says} them: {', '.join(some[:10])}{', …' if len(some) > 10 else ''}")
    kept = tuple(name for name in schema.labels if name not in lost)
    return rows.remove_columns(lost), schema.model_copy(update={"labels": kept})


def alike(counts: Counter[Any], column: str) -> list[str]:
    """A sentence on labels that differ in spaces or case alone, and are told apart; none where there are none."""
    forms: defaultdict[str, list[str]] = defaultdict(list)
    for name in counts:
        if isinstance(name, str):
            forms[" ".join(name.split()).casefold()].append(name)
    same = [sorted(names) for names in forms.values() if len(names) > 1]
    if not same:
        return []
    shown = "; ".join(" and ".join(repr(name[:40]) for name in names[:3]) for names in same[:3])
    return [
        f"labels of '{column}' that differ in spaces or capitals alone are taken as different classes: {shown}"
        f"{'; …' if len(same) > 3 else ''}; write them alike where they mean the same"
    ]


def _beside(rows: Dataset, flags: dict[str, np.ndarray]) -> Dataset:
    import pyarrow as pa
    from datasets import Dataset, concatenate_datasets

    return concatenate_datasets([rows, Dataset(pa.table(flags))], axis=1)
