"""Whether any group fares worse by the exported model: changes on the same rows, paired, against a margin.

Three answers, never two: proven worse by more than the margin (refused), proven to be no worse than the margin, and
not enough evidence for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evenhand.auditing.metrics.built_in import known_metrics
from evenhand.auditing.question.policy import load_policy
from evenhand.comparing import compare
from evenhand.errors import BadInput
from evenhand.extending.discovering import Plugins
from evenhand.recipe import Recipe

WORSE, WITHIN, OPEN = "worse", "within", "not enough evidence"


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse a group may be. usual: of shares absolute, of other metrics as a share of the first value; named:
    what the policy says of a metric, in its own unit."""

    usual: float
    named: Mapping[str, float] = field(default_factory=dict)

    def of(self, metric: str, first: float | None, bounded: bool) -> float:
        """The margin of a metric, in its own unit.

        >>> Margins(0.01, {"mae": 2.0}).of("accuracy", 0.9, True), Margins(0.01).of("mae", 50.0, False)
        (0.01, 0.5)
        """
        if metric in self.named:
            return self.named[metric]
        return self.usual if bounded else self.usual * abs(first or 0.0)


def margins_of(recipe: Recipe) -> Mapping[str, float]:
    """What the policy of the recipe's audit tolerates of each metric."""
    policy = load_policy(recipe.audit.policy)
    return dict(getattr(policy, "margin", None) or {})


def judged(first: Path, second: Path, margins: Margins, plugins: Plugins, same: bool) -> dict[str, Any]:
    """What compare.json holds: every change with its answer. same: whether every decision and score is equal."""
    try:
        found = compare(first, second, plugins=plugins)
    except BadInput as error:
        return {
            "compared": False,
            "why": str(error),
            "same": same,
            "margin": margins.usual,
            "changes": [],
            "counts": {},
        }
    bounded = _bounded(first, second)
    changes = [
        {
            **asdict(change),
            "kind": kind,
            "answer": answer_on(
                asdict(change), margins.of(change.metric, change.first, bounded.get(change.metric, True))
            ),
        }
        for kind, several in (("level", found.changes), ("gap", found.gaps))
        for change in several
        if getattr(change, "better", "lower")
    ]
    answers = [change["answer"] for change in changes]
    return {
        "compared": True,
        "why": "",
        "same": same,
        "paired": found.paired,
        "how": found.how,
        "confidence": found.confidence,
        "margin": margins.usual,
        "margins": dict(margins.named),
        "counts": {name: answers.count(name) for name in (WORSE, WITHIN, OPEN)},
        "changes": changes,
        "notes": list(found.notes),
    }


def _bounded(first: Path, second: Path) -> dict[str, bool]:
    from evenhand.recorded.finished import read_audit

    question = read_audit(first)["question"]
    return {m.name: m.bounded for m in known_metrics(question["task"], question["threshold"]).values()}


def answer_on(change: Mapping[str, Any], room: float) -> str:
    """What the simultaneous limits of a change say about the margin `room`. A gap is worse where it grows.

    >>> change = {"better": "higher", "lower_simultaneous": -0.08, "upper_simultaneous": -0.03}
    >>> answer_on(change, 0.01), answer_on(change, 0.05), answer_on(change, 0.1)
    ('worse', 'not enough evidence', 'within')
    """
    lower, upper = change["lower_simultaneous"], change["upper_simultaneous"]
    if lower is None or upper is None:
        return OPEN
    if change.get("better", "lower") == "higher":
        lower, upper = -upper, -lower  # from here on above 0 is worse
    if lower > room:
        return WORSE
    return WITHIN if upper <= room else OPEN


def refusals(told: Mapping[str, Any]) -> list[str]:
    """A sentence for each group or gap that is proven worse, with its numbers."""
    said = []
    for change in told["changes"]:
        if change["answer"] == WORSE:
            limits = f"{change['lower_simultaneous']:+.4f} to {change['upper_simultaneous']:+.4f}"
            what = "the gap of" if change["kind"] == "gap" else "the"
            of = f"{change['attribute']}: {_who(change)}" if change["attribute"] else "all rows"
            said.append(
                f"{what} {change['metric']} of {of} goes from {change['first']:.4f} to {change['second']:.4f}"
                f" ({limits} allowing for all comparisons)"
            )
    return said


def _who(change: Mapping[str, Any]) -> str:
    return f"{change['group']} and {change['versus']}" if change["kind"] == "gap" else str(change["group"])


def sentences(told: Mapping[str, Any], changed: int) -> list[str]:
    """What compare.json says, for people. changed: decisions that differ from the run's."""
    if not changed and told["compared"] and not told["counts"][WORSE]:
        return ["no decision of these rows differs from the run's, so no group fares otherwise on them"]
    if not told["compared"]:
        return [f"no paired comparison was made: {told['why']}"]
    counts, room = told["counts"], f"{told['margin']:g}{' or what the policy names' if told['margins'] else ''}"
    total = sum(counts.values())
    said = [
        f"compared with the original on the same rows, {total:,} levels and gaps of groups:"
        f" {counts[WORSE]:,} proven worse by more than {room}, {counts[WITHIN]:,} proven no worse than that,"
        f" {counts[OPEN]:,} without enough evidence"
    ]
    return said + refusals(told)
