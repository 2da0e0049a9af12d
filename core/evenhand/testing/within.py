"""A test of a model's gaps: passes where they are within what is tolerated, and says the verdict where they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.auditing import Audit, audit
from evenhand.console import visible
from evenhand.errors import BadInput

WITHIN, UNSURE = "within", "not enough evidence"
LISTED = 8  # verdicts in a sentence


def assert_within(
    of: Any = None,
    *,
    tolerance: Mapping[str, float] | float | None = None,
    metrics: str | Sequence[str] | None = None,
    attribute: str | Sequence[str] | None = None,
    strict: bool = True,
    **asked: Any,
) -> Audit:
    """Raise AssertionError, with the verdict's sentence, unless every gap that is looked at is within its tolerance.

    Parameters
    ----------
    of : Audit, table or path, default None
        An audit that was done, with its own tolerances; or what `evenhand.audit` takes. None: arrays are given.
    tolerance : metric -> gap, or one gap, default None
        Largest acceptable gap; refused beside an audit that was done, whose limits rest on what was asked.
    metrics : name or names, default None
        Which metrics are looked at; None: all that were judged.
    attribute : name or names, default None
        Which attributes are looked at: "sex", "sex × age"; None: all that were judged.
    strict : bool, default True
        Whether *not enough evidence* fails. It does, because a test that so few rows cannot fail shows nothing; False
        lets it pass, as `evenhand audit` does without --strict.
    asked : all else that `evenhand.audit` takes
        Arrays (y_true, y_pred or y_score, sensitive_features), or the columns of a table.

    Returns
    -------
    Audit
        For whatever else is to be looked at.

    Examples
    --------
    >>> sex = ["female"] * 100 + ["male"] * 100
    >>> hired = [1] * 30 + [0] * 70 + [1] * 60 + [0] * 40
    >>> assert_within(y_pred=hired, sensitive_features=sex, tolerance={"selection_rate": 0.5}).verdict
    'within'
    >>> assert_within(y_pred=hired, sensitive_features={"sex": sex}, tolerance=0.1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    AssertionError: exceeded, selection_rate by sex: The selection rate is 60.0% (60 of 100) for male and 30.0% ...
    """
    __tracebackhide__ = True  # pytest shows the line of the test, not this one
    found = _audited(of, tolerance, metrics, asked)
    looked_at = _chosen(found, metrics, attribute)
    passing = (WITHIN,) if strict else (WITHIN, UNSURE)
    failing = [row for row in looked_at if row["verdict"] not in passing]
    if failing:
        raise AssertionError("\n".join(map(_told, failing)))
    return found


def _audited(of: Any, tolerance: Any, metrics: Any, asked: Mapping[str, Any]) -> Audit:
    if not isinstance(of, Audit):
        return audit(of, tolerance=tolerance, metrics=metrics, **asked)
    if tolerance is not None or asked:
        given = "tolerance" if tolerance is not None else next(iter(asked))
        raise BadInput(
            f"{given} is part of what an audit was asked, and this one was done; audit the rows again with it, or give"
            " them to assert_within"
        )
    return of


def _chosen(found: Audit, metrics: Any, attribute: Any) -> list[dict[str, Any]]:
    """The verdicts that are looked at; BadInput where there is none, which would pass whatever the gaps are."""
    wanted, of = ([names] if isinstance(names, str) else names for names in (metrics, attribute))
    rows: list[dict[str, Any]] = found.data["verdicts"]
    if not rows:
        raise BadInput("nothing was judged, so that nothing can fail; give a tolerance: tolerance={'tpr': 0.05}")
    chosen = [
        row
        for row in rows
        if (wanted is None or row["metric"] in wanted) and (of is None or _is_of(row["attribute"], of))
    ]
    for name in wanted or ():
        if name not in {row["metric"] for row in chosen}:
            raise _unjudged(f"metric '{name}'", rows)
    for name in of or ():
        if not any(_is_of(row["attribute"], [name]) for row in chosen):
            raise _unjudged(f"attribute '{name}'", rows)
    return chosen


def _is_of(attribute: str, wanted: Sequence[str]) -> bool:
    """Whether an attribute is one of these; of several labels ("late: sex") of any label."""
    return any(attribute == name or attribute.endswith(f": {name}") for name in wanted)


def _unjudged(what: str, rows: Sequence[Mapping[str, Any]]) -> BadInput:
    judged = [f"{row['metric']} by {row['attribute']}" for row in rows]
    more = f" and {len(judged) - LISTED} more" if len(judged) > LISTED else ""
    return BadInput(f"the {what} was not judged; judged are {', '.join(judged[:LISTED])}{more}")


def _told(row: Mapping[str, Any]) -> str:
    says = f"{row['verdict']}, {row['metric']} by {row['attribute']}: {row['says']}"
    return visible(says) + (" (strict=False lets this pass.)" if row["verdict"] == UNSURE else "")
