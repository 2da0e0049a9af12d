"""Charts as inline SVG: drawn here because the page's content-security policy lets no charting script in.

Only numbers and escaped names enter the markup; presentation is by class, so colours follow the reader's theme.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evenhand.figures import figure, number, span, stated
from evenhand.reporting.axes import BANDS, along, opened, range_of, ticks, value_ticks
from evenhand.reporting.formatting import short

WIDTH, ROW, PAD = 510, 26, 18
LETTER = 7.2  # pixels


def intervals(
    attribute: dict[str, Any],
    metric: dict[str, Any],
    overall: dict[str, Any] | None,
    tolerance: float | None = None,
    groups: list[dict[str, Any]] | None = None,
) -> Markup:
    """A dot and its intervals for each group: thick is pointwise, thin is simultaneous; the line is all rows together.

    The band is where a group may lie without being further than the tolerance from the reference group. groups: those
    that are drawn, in their order; else all of them.
    """
    entries = [
        (group["name"], group["metrics"][metric["name"]])
        for group in (attribute["groups"] if groups is None else groups)
        if metric["name"] in group["metrics"]
    ]
    drawn = [entry for _, entry in entries if entry["value"] is not None]
    if not drawn:
        return Markup("")
    low, high = range_of(drawn)
    label = 16 + LETTER * max(9, *(len(_brief(name)) for name, _ in entries))  # room for "undefined" too
    height = ROW * len(entries) + PAD + 22
    parts = [
        opened(
            WIDTH, height, f"{metric['label']} by {short(attribute['name'])}, with intervals; the table has the numbers"
        )
    ]

    def x(value: float) -> float:
        return round(label + along(value, low, high) * (WIDTH - label - PAD), 1)

    share, place = bool(metric.get("percentage")), {g["name"]: g["metrics"] for g in attribute["groups"]}
    middle = place.get(attribute["reference"], {}).get(metric["name"], {}).get("value")
    if tolerance is not None and middle is not None:
        left, right = x(middle - tolerance), x(middle + tolerance)
        parts.append(
            Markup('<rect class="zone" x="{0}" y="8" width="{1}" height="{2}"/>').format(
                left, round(right - left, 1), height - 30
            )
        )
    for tick, mark in value_ticks(low, high, bool(metric.get("percentage"))):
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{0}" y1="8" y2="{1}"/><text class="tick" x="{0}" y="{2}">{3}</text>'
            ).format(x(tick), height - 22, height - 6, mark)
        )
    if overall and overall.get("value") is not None:
        parts.append(
            Markup('<line class="overall" x1="{0}" x2="{0}" y1="8" y2="{1}"/>').format(x(overall["value"]), height - 22)
        )
    for i, (name, entry) in enumerate(entries):
        y = PAD + ROW * i + 4
        parts.append(
            Markup('<text class="name" x="{0}" y="{1}">{2}</text>').format(round(label - 10, 1), y + 4, _brief(name))
        )
        parts.append(_dot(entry, x, y, name, share) if entry["value"] is not None else _undefined(label, y))
    return Markup("").join([*parts, Markup("</svg>")])


def _brief(name: str) -> str:
    text = short(name)
    return text if len(text) <= 24 else text[:23] + "…"


def _undefined(left: float, y: float) -> Markup:
    return Markup('<text class="undefined" x="{0}" y="{1}">undefined</text>').format(round(left + 6, 1), y + 4)


def _dot(entry: dict[str, Any], x: Any, y: float, name: str, share: bool) -> Markup:
    said = f"{figure(entry['value'], share)} ({span(entry.get('lower'), entry.get('upper'), share, '')})"
    parts = [Markup("<g><title>{0}: {1}</title>").format(short(name), said)]
    for kind, tail in (("wide", "_simultaneous"), ("narrow", "")):
        lower, upper = entry.get(f"lower{tail}"), entry.get(f"upper{tail}")
        if lower is not None and upper is not None:
            parts.append(
                Markup('<line class="{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>').format(kind, x(lower), x(upper), y)
            )
    parts.append(Markup('<circle class="dot" cx="{0}" cy="{1}" r="4.5"/></g>').format(x(entry["value"]), y))
    return Markup("").join(parts)


def gap(verdict: dict[str, Any], share: bool = False) -> Markup:
    """The interval of one gap beside its tolerance: the band is what is tolerated.

    A difference is tolerated from 0 up to its tolerance, a ratio from its least value up to 1.
    """
    shown = verdict.get("told") or verdict  # of a largest gap the pair that its sentence is about
    value, lower, upper = (shown[key] for key in ("value", "lower", "upper"))
    tolerance = verdict["tolerance"]
    if value is None or lower is None or tolerance is None:
        return Markup("")
    ratio = verdict.get("kind") == "ratio"
    far = min(upper if upper is not None else value * 2, value + 6 * tolerance)
    most: float = 1.0 if ratio else max(tolerance * 1.5, value * 1.1, far) or 1e-9
    width, left = 270, 8

    def x(number: float) -> float:
        return round(left + min(max(number / most, 0), 1) * (width - 2 * left), 1)

    end = upper if upper is not None else most
    share = share and not ratio
    word = f"at least {number(tolerance)}" if ratio else f"tolerance {stated(tolerance, share)}"
    zone = (tolerance, 1.0) if ratio else (0.0, tolerance)
    title = f"{'ratio' if ratio else 'gap'} {figure(value, share)}, {span(lower, upper, share)}, {word}"
    return Markup(
        '{0}<rect class="zone" x="{1}" y="6" width="{2}" height="22"/><line class="limit" x1="{3}" x2="{3}" y1="3"'
        ' y2="31"/><line class="axis" x1="{10}" x2="{4}" y1="28" y2="28"/><line class="narrow" x1="{5}" x2="{6}"'
        ' y1="17" y2="17"/><circle class="dot" cx="{7}" cy="17" r="5"/><text class="tick first" x="{10}"'
        ' y="44">0</text><text class="tick first" x="{9}" y="44">{8}</text></svg>'
    ).format(
        opened(width, 48, title),
        x(zone[0]),
        round(x(zone[1]) - x(zone[0]), 1),
        x(tolerance),
        width - left,
        x(lower),
        x(end),
        x(value),
        word,
        max(26, min(x(tolerance) - 20, width - 120)),
        x(0),
    )


def trend(found: dict[str, Any], metric: dict[str, Any]) -> Markup:
    """A metric along a column of numbers: the curve, its pointwise band, and the band that holds all along it."""
    curve, across = found["metrics"].get(metric["name"]), found["points"]
    if curve is None or len(across) < 2 or across[-1] <= across[0]:
        return Markup("")
    low, high = range_of([{key: end(curve[key]) for key in BANDS} for end in (min, max)])
    width, height, left, bottom = WIDTH, 230, 56, 40
    title = f"{metric['label']} along {short(found['column'])}, with bands"

    def x(value: float) -> float:
        return round(left + along(value, across[0], across[-1]) * (width - left - PAD), 1)

    def y(value: float) -> float:
        return round(8 + (1 - along(value, low, high)) * (height - 8 - bottom), 1)

    parts = [opened(width, height, title)]
    for tick, mark in value_ticks(low, high, bool(metric.get("percentage"))):
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text class="name" x="{3}" y="{4}">{5}</text>'
            ).format(left, width - PAD, y(tick), left - 8, y(tick) + 4, mark)
        )
    for tick, mark in ticks(across[0], across[-1]):
        parts.append(
            Markup('<text class="tick" x="{0}" y="{1}">{2}</text>').format(x(tick), height - bottom + 18, mark)
        )
    for kind, tail in (("broad", "_simultaneous"), ("close", "")):
        edge = [
            *zip(across, curve[f"lower{tail}"], strict=True),
            *reversed(list(zip(across, curve[f"upper{tail}"], strict=True))),
        ]
        parts.append(Markup('<polygon class="{0}" points="{1}"/>').format(kind, _path(edge, x, y)))
    line = _path(list(zip(across, curve["value"], strict=True)), x, y)
    parts.append(Markup('<polyline class="curve s0" points="{0}"/>').format(line))
    name = Markup('<text class="tick" x="{0}" y="{1}">{2}</text></svg>')
    return Markup("").join([*parts, name.format((left + width) / 2, height - 4, _brief(found["column"]))])


def _path(points: list[tuple[float, float]], x: Any, y: Any) -> str:
    return " ".join(f"{x(across)},{y(up)}" for across, up in points)


def heat(value: float | None, low: float, high: float) -> str:
    """The class of a heat map's cell, h0 to h6: its place between the lowest and the highest value."""
    if value is None or high <= low:
        return "h3" if value is not None else "hx"
    return f"h{round((value - low) / (high - low) * 6)}"
