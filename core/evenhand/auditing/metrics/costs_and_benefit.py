"""What decisions cost and what they bring: expected cost and net benefit, sums of two shares of the same rows."""

from __future__ import annotations

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import GroupMetric, rate_metric
from evenhand.statistics.arrays import Floats

_ALL = ("tp", "fp", "fn", "tn")
_SHARE = {"wrong": rate_metric("error_rate", of=("fp", "fn"), among=_ALL, better="lower")}
_SHARE |= {cell: rate_metric(f"{cell}_share", of=cell, among=_ALL, better="") for cell in ("tp", "fp", "fn")}


def cost_metric(
    *, fp: float = 1.0, fn: float = 1.0, name: str = "expected_cost", source: str = "", says: str = "", label: str = ""
) -> GroupMetric:
    """The mean cost of a decision when a false positive costs `fp` and a false negative `fn`.

    >>> cost_metric(fp=1, fn=5, name="missed_sepsis_cost").formula
    '(1 FP + 5 FN) / (TP + FP + FN + TN)'
    """
    if not (np.isfinite([fp, fn]).all() and min(fp, fn) >= 0 and max(fp, fn) > 0):
        raise ValueError(f"cost_metric {name!r}: costs are finite, 0 or more, and not both 0; got fp={fp}, fn={fn}")
    terms = ((fp, "wrong"), (0.0, "fp")) if fp == fn else ((fp, "fp"), (fn, "fn"))
    return _weighed(
        name, *terms, f"({fp:g} FP + {fn:g} FN) / (TP + FP + FN + TN)", "lower", "cost per row",
        source or "Elkan 2001, IJCAI", says or f"average cost of a decision: {fp:g} per false positive, {fn:g} per false negative",
        label or name.replace("_", " "),
    )  # fmt: skip


def net_benefit_metric(threshold: float | None = None, name: str = "net_benefit") -> GroupMetric:
    """True positives per row, less the false ones at the exchange rate that the threshold implies, t / (1 - t).

    Without a threshold (decisions from elsewhere) a false positive weighs as much as a true one.
    """
    t = 0.5 if threshold is None else threshold
    odds = t / (1 - t) if t < 1 else float("nan")
    return _weighed(
        name, (1.0, "tp"), (-odds, "fp"), f"(TP - {odds:.4g} FP) / (TP + FP + FN + TN)", "higher", "true positives per row",
        "Vickers & Elkin 2006, Medical Decision Making 26(6)",
        f"true positives per row, each false positive set against them with weight {odds:.4g}, the odds of the threshold {t:g}", "net benefit",
    )  # fmt: skip


def _weighed(
    name: str, one: tuple[float, str], other: tuple[float, str], formula: str, better: str, unit: str,
    source: str, says: str, label: str,
) -> GroupMetric:  # fmt: skip
    (a, first), (b, second) = one, other

    def function(counts: Counts) -> Floats:
        return np.asarray(a * _SHARE[first].function(counts) + b * _SHARE[second].function(counts))

    return GroupMetric(
        name, function, formula, "lower" if better == "lower" else "higher", unit, source, says, label, ("label", "decision"),
        denominator=_ALL, bounded=False, terms=((a, _SHARE[first]), (b, _SHARE[second])),
    )  # fmt: skip
