"""Metrics and estimates that a plugin brings: checked as they come in, and as they answer."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.metric import Estimate, GroupMetric
from evenhand.errors import BadInput
from evenhand.statistics.arrays import Floats

ROUNDING = 1e-9  # how far beyond 0 and 1 a share may lie


def read_extra(extra: Any) -> tuple[list[GroupMetric], list[Estimate]]:
    """(the metrics, the estimates) of what was given beside the built-in ones."""
    given = [] if extra is None else [extra] if isinstance(extra, GroupMetric | Estimate) else list(extra)
    for one in given:
        if not isinstance(one, GroupMetric | Estimate):
            raise BadInput(f"extra holds a {type(one).__name__}; give GroupMetric (see rate_metric) or Estimate values")
    return [m for m in given if isinstance(m, GroupMetric)], [e for e in given if isinstance(e, Estimate)]


def checked(metric: GroupMetric) -> GroupMetric:
    """The metric, whose function now raises for an answer that is no number per group, and can change no counts."""

    def function(counts: Counts) -> Floats:
        with np.errstate(all="ignore"):
            found = np.asarray(metric.function(_unchangeable(counts)))
        if found.dtype.kind not in "biuf":
            raise TypeError(f"it returned {found.dtype} values, not numbers")
        if found.shape != counts.tp.shape:
            raise ValueError(f"it returned shape {found.shape} for counts of shape {counts.tp.shape}, [..., group]")
        found = np.where(np.isfinite(found), found, np.nan)
        beyond = (found < -ROUNDING) | (found > 1 + ROUNDING)
        if metric.bounded and beyond.any():
            raise ValueError(f"it returned {found[beyond][0]:g}, not a share in [0, 1]; say bounded=False")
        return np.clip(found, 0, 1) if metric.bounded else found

    return replace(metric, function=function)


def _unchangeable(counts: Counts) -> Counts:
    """The same counts for reading only: they are the audit's own."""
    return Counts(**{field.name: _locked(getattr(counts, field.name)) for field in fields(counts)})


def _locked(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    return {name: _locked(part) for name, part in value.items()} if isinstance(value, dict) else value
