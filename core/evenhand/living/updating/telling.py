"""What an update says: in sentences first, then every strategy in a row, then who is worse off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evenhand.sections import Chart, Line, Section

CHAMPION = "champion"
HEADER = (
    "strategy",
    "{merit} on old rows",
    "{merit} on new rows",
    "backward transfer",
    "gained on new rows",
    "gap on old rows",
    "gap on new rows",
    "backward transfer of the gap",
    "seconds",
)


def sentences(found: Mapping[str, Any]) -> list[str]:
    """The finding: what was chosen, what it gained and forgot, and whether it may be promoted."""
    chosen, merit = found["chosen"], found["merit"]
    told = found["transfers"].get(chosen)
    if chosen == CHAMPION:
        first = [
            "KEEP THE CHAMPION: on validation rows of both periods no strategy is better than the model as it is",
        ]
    else:
        first = [f"{found['verdict'].upper()}: {chosen} is the best on validation rows of both periods"]
        first.append(
            f"on new test rows its {merit} changes by {_change(told['gained']['merit'])}, on old ones by"
            f" {_change(told['backward']['merit'])} (backward transfer)"
        )
        first += _of_gap(found, told)
    forward = next(iter(found["transfers"].values()))["forward"]
    if forward["merit"] is not None:
        first.append(
            f"before it learnt the new rows the champion's {merit} on them was {forward['merit']:+.3g} from that of a"
            " model that knows nothing (forward transfer)"
            + (f", and its gap {forward['gap']:+.3g} from that on the old rows" if forward["gap"] is not None else "")
        )
    worse = found["worse"]
    if chosen != CHAMPION:
        open_ = found["unproven"]
        first.append(
            f"{len(worse)} of {found['judged']:,} figures of groups are proven worse than the champion's by more than"
            f" the margin{':' if worse else ''}"
            + (f"; {open_:,} have too little evidence to tell better from worse" if not worse and open_ else "")
        )
        first += [f"  {one}" for one in found["worse_says"][:MOST]]
        if len(worse) > MOST:
            first.append(f"  and {len(worse) - MOST} more, in the report")
    for why in sorted(set(found["left_out"].values())):
        names = [name for name, said in found["left_out"].items() if said == why]
        first.append(f"left out: {', '.join(names)}, since {why}")
    return first


MOST = 6  # groups that are named on a terminal


def _of_gap(found: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    if found["gap"] is None or told["backward"]["gap"] is None:
        return ["no two groups have enough rows to compare, so nothing is known of gaps"]
    metric, attribute = found["gap"]
    said = (
        f"the {metric} gap by {attribute} on old test rows changes by {_change(told['backward']['gap'])}"
        f" ({_forgetting(told['backward']['gap'])})"
    )
    new = told["gained"]["gap"]
    return [said + (f", on new ones by {_change(new)}" if new else "")]


def _forgetting(gap: Mapping[str, Any]) -> str:
    if gap["lower"] is not None and gap["lower"] > 0:
        return "fairness was forgotten"
    if gap["upper"] is not None and gap["upper"] < 0:
        return "more even than before"
    return "no forgetting of fairness is proven"


def _change(found: Mapping[str, Any] | None) -> str:
    if not found or found["change"] is None:
        return "not defined"
    limits = ""
    if found["lower"] is not None and found["upper"] is not None:
        limits = f" [{found['lower']:+.3g}, {found['upper']:+.3g}]"
    return f"{found['change']:+.3g}{limits}"


def rows(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Every strategy as the report shows it."""
    made = []
    for name, one in found["models"].items():
        told = found["transfers"].get(name, {})
        mark = f"{name} (chosen)" if name == found["chosen"] else name
        changes = [_change(told[word]["merit"]) if told else "–" for word in ("backward", "gained")]
        gap = _change(told["backward"]["gap"]) if told else "–"
        figures = [_number(one[key]) for key in ("old", "new")], [_number(one[key]) for key in ("gap_old", "gap_new")]
        made.append((mark, *figures[0], *changes, *figures[1], gap, _seconds(one["seconds"])))
    return made


def header(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The heads of `rows`."""
    return tuple(name.format(merit=found["merit"]) for name in HEADER)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def sections(found: Mapping[str, Any]) -> list[Section]:
    """The update in the report: the finding, the strategies, the groups that are worse off."""
    said = [one.strip().rstrip(":") for one in found["says"]]
    text = ". ".join(one[:1].upper() + one[1:] for one in said) + "."
    gap = f" The gap is that of {found['gap'][0]} by {found['gap'][1]}." if found["gap"] else ""
    how = (
        "Brackets: change from the champion on the same rows, with its interval, for one figure alone. Strategies were"
        f" chosen by the mean log loss on {found['rows']['old_validation']:,} old and"
        f" {found['rows']['new_validation']:,} new validation rows; test rows ({found['rows']['old_test']:,} old,"
        f" {found['rows']['new_test']:,} new) chose nothing. The champion has learnt from the old validation rows,"
        f" which flatters it and what starts from it there.{gap}"
    )
    made = [
        Section("What the update does", text, lead=True),
        Section("Strategies", how, header(found), tuple(rows(found)), charts=_charts(found), lead=True),
    ]
    if found["worse"]:
        worse = tuple(
            (w["period"], w["attribute"], w["group"], w["metric"], *(f"{w[k]:.4g}" for k in KEYS))
            for w in found["worse"]
        )
        says = "Limits hold for all groups and metrics of a period at once."
        names = ("period", "attribute", "group", "metric", CHAMPION, "challenger", "worse by at least", "margin")
        made.append(Section("Proven worse than the champion", says, names, worse))
    return made


KEYS = ("champion", "challenger", "by", "margin")


def _charts(found: Mapping[str, Any]) -> tuple[Chart, ...]:
    lines = [
        Line(name, (float(one["old"]),), (float(one["new"]),), points=True)
        for name, one in found["models"].items()
        if one["old"] is not None and one["new"] is not None
    ]
    merit = found["merit"]
    says = "Each dot is a model on test rows: to the right it forgot less, further up it learnt more"
    return (Chart(f"{merit} on old and on new rows", f"{merit}, old", f"{merit}, new", tuple(lines), says),)
