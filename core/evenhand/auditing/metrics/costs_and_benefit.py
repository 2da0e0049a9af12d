"""What decisions cost and what they bring: expected cost and net benefit, sums of two shares of the same rows."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import Better, GroupMetric, rate_metric
from evenhand.auditing.metrics.rates import ERROR_RATE, LABELLED
from evenhand.statistics.arrays import Floats

_TP, _FP, _FN = (rate_metric(f"{cell}_share", of=cell, among=LABELLED, better="") for cell in ("tp", "fp", "fn"))


def cost_metric(
    *, fp: float = 1.0, fn: float = 1.0, name: str = "expected_cost", source: str = "", says: str = "", label: str = ""
) -> GroupMetric:
    """The mean cost of a decision when a false positive costs `fp` and a false negative `fn`.

    >>> cost_metric(fp=1, fn=5, name="missed_sepsis_cost").formula
    '(1 FP + 5 FN) / (TP + FP + FN + TN)'
    """
    if not (np.isfinite([fp, fn]).all() and min(fp, fn) >= 0 and max(fp, fn) > 0):
        raise ValueError(f"cost_metric {name!r}: costs are finite, 0 or more, and not both 0; got fp={fp}, fn={fn}")
    return _weighed(
        ((fp, ERROR_RATE), (0.0, _FP)) if fp == fn else ((fp, _FP), (fn, _FN)),
        name=name,
        formula=f"({fp:g} FP + {fn:g} FN) / (TP + FP + FN + TN)",
        better="lower",
        unit="cost per row",
        source=source or "Elkan 2001, IJCAI",
        says=says or f"average cost of a decision: {fp:g} per false positive, {fn:g} per false negative",
        label=label or name.replace("_", " "),
    )


def net_benefit_metric(threshold: float | None = None, name: str = "net_benefit") -> GroupMetric:
    """True positives per row, less the false ones at the exchange rate that the threshold implies, t / (1 - t).

    Without a threshold (decisions from elsewhere) a false positive weighs as much as a true one.
    """
    t = 0.5 if threshold is None else threshold
    odds = t / (1 - t) if t < 1 else float("nan")
    return _weighed(
        ((1.0, _TP), (-odds, _FP)),
        name=name,
        formula=f"(TP - {odds:.4g} FP) / (TP + FP + FN + TN)",
        better="higher",
        unit="true positives per row",
        source="Vickers & Elkin 2006, Medical Decision Making 26(6)",
        says=(
            f"true positives per row, each false positive set against them with weight {odds:.4g}, "
            f"the odds of the threshold {t:g}"
        ),
        label="net benefit",
    )


def _weighed(
    terms: tuple[tuple[float, GroupMetric], tuple[float, GroupMetric]],
    *,
    name: str,
    formula: str,
    better: Better,
    unit: str,
    source: str,
    says: str,
    label: str,
) -> GroupMetric:
    (a, first), (b, second) = terms

    def function(counts: Counts) -> Floats:
        return np.asarray(a * first.function(counts) + b * second.function(counts))

    return GroupMetric(
        name=name,
        function=function,
        formula=formula,
        better=better,
        unit=unit,
        source=source,
        says=says,
        label=label,
        needs=("label", "decision"),
        bounded=False,
        denominator=LABELLED,
        terms=terms,
    )
