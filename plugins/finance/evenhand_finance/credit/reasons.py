"""Adverse-action reasons: why an applicant was declined, in the words of the recipe's versioned dictionary.

    python -m evenhand_finance.credit.reasons RUN --data new.csv --out reasons.csv

Regulation B (12 CFR 1002.9(b)(2)) asks for the specific principal reasons of the decision that was taken, so they are
read from the model that took it: each input's exact share of the applicant's log-odds over the average applicant. No
reason names a protected attribute or a declared proxy; where such an input weighed most, that is counted and shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand import BadInput, Recipe
from evenhand_finance.credit.inputs import NAME, Inputs

MOST = 4  # more than four are not likely to help the applicant (official comment 9(b)(2)-1)
CASES = ("low", "high", "missing")
NEAREST = 0.02  # log-odds; a smaller share is no reason


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What may be said of each input. words: input -> text, or its texts for low, high and missing values."""

    version: str
    words: Mapping[str, Mapping[str, str]]
    withheld: frozenset[str]  # inputs that may not be named: protected, or declared as proxies

    @classmethod
    def of(cls, recipe: Recipe) -> Dictionary:
        """That of `options.reasons`; BadInput where it has no version, or its words name what they may not."""
        told = dict(recipe.options.get("reasons", {}))
        version = str(told.pop("version", "") or "unversioned")
        protected = set(recipe.schema.sensitive)
        withheld = frozenset(protected | set(recipe.options.get("proxies", [])))
        words = {name: _cases(name, said) for name, said in told.items() if name not in withheld}
        for name, cases in words.items():
            for said in cases.values():
                _check_words(name, said, withheld)
        return cls(version, words, withheld)

    def missing(self, inputs: Sequence[str]) -> list[str]:
        """Inputs without words, which are then called by their column's name."""
        return [name for name in inputs if name not in self.words and name not in self.withheld]

    def say(self, name: str, case: str) -> str:
        """The words for an input; `case` is low, high or missing."""
        cases = self.words.get(name, {})
        return cases.get(case) or cases.get("any") or f"Value of {name.replace('_', ' ')}"


def _cases(name: str, said: Any) -> dict[str, str]:
    if isinstance(said, str):
        return {"any": said}
    if isinstance(said, Mapping) and said and set(said) <= {*CASES, "any"}:
        return {case: str(text) for case, text in said.items()}
    raise BadInput(
        f"options.reasons.{name} is {said!r}; write one sentence, or a table with some of {', '.join(CASES)} and any"
    )


def _check_words(name: str, said: str, withheld: frozenset[str]) -> None:
    words = set(re.findall(r"[a-z]+", said.lower()))
    for column in withheld:
        named = set(re.findall(r"[a-z]+", column.lower()))
        if named and named <= words:
            raise BadInput(
                f"options.reasons.{name} says '{said}', which names '{column}', a protected attribute or declared"
                " proxy; say what in the application weighed instead"
            )


@dataclass(frozen=True, slots=True)
class Reasons:
    """Of declined applicants: [rows, MOST] numbers of inputs, -1 where there are fewer, their shares and words.

    withheld: [rows] whether an input that may not be named weighed more than some of those named.
    """

    factor: np.ndarray
    share: np.ndarray
    words: list[list[str]]
    withheld: np.ndarray


def reasons_of(shares: np.ndarray, x: np.ndarray, inputs: Inputs, dictionary: Dictionary) -> Reasons:
    """The inputs that raised the risk most, the weightiest first; inputs of the same words are one reason."""
    hidden = np.array([name in dictionary.withheld for name in inputs.names])
    factor = np.full((len(x), MOST), -1)
    weight, words, withheld = np.zeros((len(x), MOST)), [], np.zeros(len(x), dtype=bool)
    for row, own in enumerate(shares):
        said: dict[str, int] = {}
        for place in np.argsort(-own, kind="stable"):
            if own[place] < NEAREST or len(said) == MOST:
                break
            if hidden[place]:
                withheld[row] = True
                continue
            said.setdefault(dictionary.say(inputs.names[place], _case(x[row, place], inputs, int(place))), int(place))
        for rank, place in enumerate(said.values()):
            factor[row, rank], weight[row, rank] = place, own[place]
        words.append(list(said))
    return Reasons(factor, weight, words, withheld)


def _case(value: float, inputs: Inputs, place: int) -> str:
    column = inputs.columns[place]
    if np.isnan(value):
        return "missing"
    if column.kind == NAME:
        return "any"
    return "low" if value < column.middle else "high"


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Mean share, over applicants, of inputs named by both of all named by either (Jaccard)."""
    both = []
    for mine, theirs in zip(one.tolist(), other.tolist(), strict=True):
        a, b = {*mine} - {-1}, {*theirs} - {-1}
        if a | b:
            both.append(len(a & b) / len(a | b))
    return float(np.mean(both)) if both else float("nan")


def as_table(reasons: Reasons, inputs: Inputs, beside: pl.DataFrame) -> pl.DataFrame:
    """One row per declined applicant: what stands beside, reason_1 to reason_4, the input and share behind each."""
    columns = {}
    for rank in range(MOST):
        columns[f"reason_{rank + 1}"] = [said[rank] if rank < len(said) else None for said in reasons.words]
        named = [inputs.names[place] if place >= 0 else None for place in reasons.factor[:, rank].tolist()]
        columns[f"input_{rank + 1}"] = named
        shares = reasons.share[:, rank].round(4).tolist()
        columns[f"share_{rank + 1}"] = [s if n else None for s, n in zip(shares, named, strict=True)]
    made = pl.DataFrame(columns, schema_overrides={name: pl.String for name in columns if "share" not in name})
    return pl.concat([beside, made, pl.DataFrame({"withheld": reasons.withheld})], how="horizontal")


def explain(run: str, source: Any) -> pl.DataFrame:
    """Score, decision and reasons of new rows by a finished run's model; approved rows have none."""
    from evenhand import load
    from evenhand_finance.credit.model import CreditModel

    scorer = load(run)
    model = scorer.adapted.model
    if not isinstance(model, CreditModel):
        raise BadInput(
            f"the model of {run} is a {type(model).__name__}, whose scores do not split exactly into shares of its"
            " inputs; no other model is explained in its place. Run credit-default with --set options.model=boosting"
        )
    parts = [model.told(rows, scorer.scored(rows), scorer.recipe) for rows in scorer.batches(source)]
    return pl.concat(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(prog="python -m evenhand_finance.credit.reasons", description=__doc__)
    parser.add_argument("run", help="folder of a finished run of finance/credit-default")
    parser.add_argument("--data", required=True, help="new applications, as a file")
    parser.add_argument("--out", default="reasons.csv", help="where the reasons are written (CSV)")
    asked = parser.parse_args(arguments)
    try:
        table = explain(asked.run, asked.data)
    except BadInput as wrong:
        print(wrong, file=sys.stderr)
        return 2
    table.write_csv(asked.out)
    print(f"{table.height:,} applications, {table['declined'].sum():,} declined with reasons: {asked.out}")
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(main())
