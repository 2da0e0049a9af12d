"""Which trial wins: the best objective among those that keep to every limit; else how far the nearest is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from evenhand.living.tuning.working import excesses

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SAID = {
    "latency_p99_ms": ("p99 latency", "ms"),
    "energy_wh": ("energy", "Wh"),
    "epsilon": ("epsilon", ""),
    "gap": ("largest gap", ""),
}
Row = dict[str, Any]


def rows_of(slots: Mapping[int, FrozenTrial], limits: Mapping[str, float]) -> list[Row]:
    """One row for each trial that ended: its slot, state, settings, figures, and whether it keeps to the limits."""
    rows: list[Row] = []
    for slot, trial in slots.items():
        if not trial.state.is_finished():
            continue
        tried = trial.user_attrs.get("tried")
        beyond = excesses(tried, dict(limits)) if tried else {}
        keeps = tried is not None and all(excess <= 0 for excess in beyond.values())
        state = {"COMPLETE": "done", "PRUNED": "given up", "FAIL": "failed"}[trial.state.name]
        about = {"trial": slot + 1, "state": state, "keeps": keeps, "why": trial.user_attrs.get("why", "")}
        rows.append({**about, "settings": trial.user_attrs.get("settings", {}), **(tried or {}), "beyond": beyond})
    mark_front(rows)
    return rows


def done(rows: Sequence[Row]) -> list[Row]:
    """The rows that have figures."""
    return [row for row in rows if row["state"] == "done"]


def up(row: Row) -> float:
    """A row's objective, turned so that more is better."""
    return float(row["objective"] if row["better"] != "lower" else -row["objective"])


def mark_front(rows: Sequence[Row]) -> None:
    """Put `front` on each row: whether no other that keeps to the limits is better in one and no worse in the other.

    >>> table = [{"state": "done", "keeps": True, "better": "higher", "objective": o, "gap": g}
    ...          for o, g in [(0.9, 0.2), (0.8, 0.1), (0.8, 0.2)]]
    >>> mark_front(table)
    >>> [row["front"] for row in table]
    [True, True, False]
    """
    kept = [row for row in done(rows) if row["keeps"]]
    for row in rows:
        row["front"] = any(row is one for one in kept) and not any(_beats(other, row) for other in kept)


def _beats(other: Row, row: Row) -> bool:
    mine, theirs = (up(row), -row["gap"]), (up(other), -other["gap"])
    return theirs != mine and all(b >= a for a, b in zip(mine, theirs, strict=True))


def best_of(rows: Sequence[Row]) -> Row | None:
    """The best objective of those that keep to all limits; of equals the smaller gap, then the earlier trial."""
    kept = [row for row in done(rows) if row["keeps"]]
    return min(kept, key=lambda row: (-up(row), row["gap"], row["trial"])) if kept else None


def nearest_of(rows: Sequence[Row]) -> Row:
    """The trial that is least beyond the limits, summed as shares of each."""
    return min(done(rows), key=lambda row: (sum(max(0.0, e) for e in row["beyond"].values()), row["trial"]))


def misses(row: Row, limits: Mapping[str, float]) -> str:
    """By how much a trial misses each limit that it misses."""
    parts = []
    for name, excess in row["beyond"].items():
        if excess > 0:
            says, unit = SAID[name]
            value = f"{row[name]:.4g}{unit and ' ' + unit}"
            parts.append(
                f"{says} {value} is {row[name] - limits[name]:.3g}{unit and ' ' + unit} above {limits[name]:g}"
            )
    return "; ".join(parts)


def after_choosing(row: Row, tried: int) -> tuple[float, float] | None:
    """Limits of the winner's objective that hold although it is the best of `tried`: Bonferroni, normal approximation.

    >>> low, high = after_choosing({"objective": 0.8, "lower": 0.76, "upper": 0.84}, 20)
    >>> round(low, 3), round(high, 3)
    (0.738, 0.862)
    """
    if row.get("lower") is None or row.get("upper") is None:
        return None
    normal = NormalDist()
    wider = normal.inv_cdf(1 - 0.025 / max(tried, 1)) / normal.inv_cdf(0.975)
    value = row["objective"]
    return value - (value - row["lower"]) * wider, value + (row["upper"] - value) * wider
