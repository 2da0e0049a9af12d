"""The gaps of an audit as a picture: each with its interval, beside what is tolerated. Altair draws it.

A panel for each metric, because each has a tolerance and a unit of its own; a policy's ratios have panels of their own.
Colours are those of the verdicts on light and dark, and every verdict has a shape besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput
from evenhand.figures import difference, figure, span, stated
from evenhand.reporting.formatting import by_severity, clean, is_share, label_of, short

if TYPE_CHECKING:
    import altair

VERDICTS = ("exceeded", "not enough evidence", "within", "not judged")
COLOURS = ("#d1495b", "#c98a00", "#2e9e5b", "#7a869a")
SHAPES = ("cross", "diamond", "circle", "square")
WIDTH, STEP = 420, 26
MOST_PANELS = 12


def chart(data: Mapping[str, Any]) -> altair.VConcatChart:
    """A panel below the other for every metric that was judged, or for every one where nothing was."""
    try:
        import altair
    except ImportError:
        raise BadInput(
            "a picture of the gaps needs Altair, which is not installed: pip install 'evenhand[plot]'"
        ) from None
    shown: dict[str, Any] = clean(dict(data))
    panels = [_panel(altair, title, rows) for title, rows in _panels(shown)]
    if not panels:
        raise BadInput("there is no gap to draw: no metric has a value in two groups; .groups() says why")
    drawn: altair.VConcatChart = altair.vconcat(*panels[:MOST_PANELS], title=_title(shown), spacing=18)
    drawn = drawn.resolve_scale(color="shared", shape="shared")
    return drawn


def _title(data: Mapping[str, Any]) -> str:
    return f"{short(data['title'])}: {data['verdict'] or 'nothing was judged'}"


def _panels(data: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(title, marks) of each metric."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in _judged(data) or [*_largest(data)]:
        if row["value"] is not None:
            found.setdefault((row.get("kind", "largest"), row["metric"]), []).append(row)
    for (kind, metric), rows in found.items():
        share = is_share(data, metric) and kind != "ratio"
        yield _heading(data, kind, metric, rows[0]["tolerance"], share), [_mark(row, kind, share) for row in rows]


def _judged(data: dict[str, Any]) -> list[dict[str, Any]]:
    return by_severity([*data["verdicts"]])


def _largest(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The largest gaps, with limits that hold together, as verdicts would have them."""
    for part in data["attributes"]:
        for gap in part["gaps"]:
            if gap["kind"] == "largest":
                limits = {"lower": gap["lower_simultaneous"], "upper": gap["upper_simultaneous"]}
                yield {**gap, **limits, "attribute": part["name"]}


def _heading(data: dict[str, Any], kind: str, metric: str, tolerance: float | None, share: bool) -> str:
    name = label_of(data, metric)
    if kind == "ratio":
        return f"{name}: ratio of the lowest group to the highest, at least {figure(tolerance, False)}"
    unit = ", in points" if share else ""
    return f"{name}: largest gap{unit}" + (f", tolerance {stated(tolerance, share)}" if tolerance is not None else "")


def _mark(row: Mapping[str, Any], kind: str, share: bool) -> dict[str, Any]:
    """A gap as the chart reads it: numbers in the unit of its axis, and what a pointer over it says."""
    scale = 100.0 if share else 1.0
    numbers = {
        name: None if row[name] is None else row[name] * scale for name in ("value", "lower", "upper", "tolerance")
    }
    written = figure(row["value"], False) if kind == "ratio" else difference(row["value"], share)
    return {
        **numbers,
        "attribute": short(row["attribute"]),
        "verdict": row["verdict"] or VERDICTS[-1],
        "gap": f"{written} ({span(row['lower'], row['upper'], share, '')})",
        "groups": f"{short(row['group'])} and {short(row['versus'])}",
        "says": row["says"],
    }


def _panel(altair: Any, title: str, rows: list[dict[str, Any]]) -> Any:
    """One metric: a line for each attribute's interval, its value on it, the tolerance across all of them."""
    colour = altair.Color(
        "verdict:N",
        scale=altair.Scale(domain=[*VERDICTS], range=[*COLOURS]),
        legend=altair.Legend(orient="bottom", title=None),
    )
    shape = altair.Shape("verdict:N", scale=altair.Scale(domain=[*VERDICTS], range=[*SHAPES]))
    tips = [altair.Tooltip(f"{name}:N") for name in ("attribute", "groups", "gap", "verdict", "says")]
    base = altair.Chart(altair.Data(values=rows)).encode(
        y=altair.Y("attribute:N", title=None, sort=None, axis=altair.Axis(labelLimit=240)), color=colour, tooltip=tips
    )
    reach = altair.X("value:Q", title=None, scale=altair.Scale(zero=True))
    layers = [
        base.mark_rule(strokeWidth=3).encode(x=altair.X("lower:Q", title=None), x2="upper:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=reach, shape=shape),
    ]
    if rows[0]["tolerance"] is not None:
        line = altair.Chart(altair.Data(values=[{"tolerance": rows[0]["tolerance"]}]))
        layers.insert(0, line.mark_rule(strokeDash=[5, 4], color="#7a869a").encode(x="tolerance:Q"))
    return altair.layer(*layers).properties(
        title=altair.Title(title, anchor="start", fontSize=12), width=WIDTH, height=altair.Step(STEP)
    )
