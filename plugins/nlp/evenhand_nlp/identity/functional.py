"""Functional tests from a file, such as HateCheck's: short cases with the answer that is right, by what they test.

Röttger et al. 2021 (ACL): a model is judged by whether it gets each kind of case right, and for each target group. The
file is the user's; nothing is learnt from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput
from evenhand_nlp.identity.swapping import Score, share_of

COLUMNS = ("functionality", "test_case", "label_gold")
TARGET, POSITIVE = "target_ident", ("hateful", "toxic", "1", "bad")


@dataclass(frozen=True, slots=True)
class Passed:
    """Cases of one kind: how many, what is right, the share the model gets right with its limits, and by target."""

    functionality: str
    gold: str
    cases: int
    rate: tuple[float, float, float]
    by_target: dict[str, tuple[float, int]]


def table_of(file: Path, option: str) -> Any:
    """A Parquet or CSV file as a Polars frame; BadInput where it is not there or is no table."""
    import polars as pl

    if not file.is_file():
        raise BadInput(f"there is no file {file} ({option}); name a Parquet or CSV file")
    try:
        return pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{file} ({option}) is no table that can be read: {str(error)[:200]}") from None


def cases_of(file: Path) -> Any:
    """The cases as a Polars frame; BadInput where the file has not the columns or is no table."""
    import polars as pl

    rows = table_of(file, "options.functional_tests")
    lacking = [name for name in COLUMNS if name not in rows.columns]
    if lacking:
        raise BadInput(
            f"{file} has no column '{lacking[0]}'; functional tests have {', '.join(COLUMNS)}, and {TARGET} for groups"
        )
    return rows.with_columns(pl.col(name).cast(pl.String) for name in COLUMNS).drop_nulls(COLUMNS)


def passed(rows: Any, score: Score, threshold: float) -> list[Passed]:
    """The tests in the order of the file."""
    said = score(rows["test_case"].to_list()) >= threshold
    gold = np.array([value.strip().lower() in POSITIVE for value in rows["label_gold"]])
    right = said == gold
    kinds = rows["functionality"].to_list()
    targets = rows[TARGET].cast(str).to_list() if TARGET in rows.columns else [None] * len(kinds)
    return [_passed(kind, kinds, gold, right, targets) for kind in dict.fromkeys(kinds)]


def _passed(
    kind: str, kinds: Sequence[str], gold: np.ndarray, right: np.ndarray, targets: Sequence[str | None]
) -> Passed:
    rows = [i for i, one in enumerate(kinds) if one == kind]
    by_target = {}
    for target in dict.fromkeys(targets[i] for i in rows if targets[i]):
        mine = [i for i in rows if targets[i] == target]
        by_target[str(target)] = (float(right[mine].mean()), len(mine))
    answers = {bool(gold[i]) for i in rows}
    says = "both" if len(answers) > 1 else "positive" if answers == {True} else "not positive"
    return Passed(kind, says, len(rows), share_of(int(right[rows].sum()), len(rows)), by_target)


def targets_of(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, tuple[int, int]]]:
    """target -> right answer ("positive", "not positive") -> (cases that pass, cases), of what `passed` gave."""
    made: dict[str, dict[str, tuple[int, int]]] = {}
    for one in found:
        for target, (rate, cases) in one["by_target"].items():
            cells = made.setdefault(target, {"positive": (0, 0), "not positive": (0, 0)})
            if one["gold"] in cells:
                right, count = cells[one["gold"]]
                cells[one["gold"]] = right + round(rate * cases), count + cases
    return made
