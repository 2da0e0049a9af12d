"""The report of a model at work: what to do first, then every window over time, and whom it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from evenhand.reporting import formatting as words
from evenhand.reporting.html import asset, environment, policy_of
from evenhand.reporting.section_charts import lines_chart

LINES, COLUMNS = 6, 12  # lines that one chart holds; columns that a table of drift shows
EVERYBODY = "everybody"


def render_monitoring(
    title: str, about: dict[str, Any], windows: list[dict[str, Any]], labels: dict[str, Any], manifest: dict[str, Any]
) -> str:
    """The page. about: what proposal.json holds; windows: each window's JSON; labels: what labelled.json holds."""
    style, script = asset("report.css"), asset("report.js")
    about, windows, labels = words.clean(about), words.clean(windows), words.clean(labels)
    windows = sorted(windows, key=lambda one: one["name"])
    proven = {one["name"]: one for one in labels["windows"]}
    return (
        environment()
        .get_template("monitoring.html.j2")
        .render(
            title=words.clean(title),
            about=about,
            proposal=about["proposal"],
            rows=[{**one, "labels": proven[one["name"]]} for one in windows],
            labels=labels,
            metrics=_metrics(labels["shares"]),
            proven=_proven(labels["shares"]),
            drifted=_columns(windows),
            drift=_drift_chart(windows),
            performance=_performance_chart(windows, proven, labels),
            attributes=_attributes(windows),
            groups=_last_groups(windows),
            command=manifest.get("command"),
            manifest=words.clean(manifest),
            audit=None,
            recipe_rows=[],
            style=Markup(style),
            script=Markup(script),
            policy=policy_of(style, script),
        )
    )


def _line(name: str, pairs: Sequence[tuple[int, float]], **more: Any) -> dict[str, Any]:
    across, up = [x for x, _ in pairs], [y for _, y in pairs]
    return {"name": name, "x": across, "y": up, "lower": [], "upper": [], "points": False, **more}


def _chart(title: str, y: str, lines: list[dict[str, Any]]) -> Markup:
    return lines_chart({"title": title, "says": title, "x": "window", "y": y, "lines": lines})


def _columns(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each column with its last comparison and how many windows it was an alarm in; the most often first."""
    found: dict[str, dict[str, Any]] = {}
    for one in windows:
        drifted = {alarm["what"] for alarm in one["alarms"] if alarm["kind"] in ("input", "score")}
        for column in one["columns"]:
            entry = found.setdefault(column["column"], {"windows": 0, "alarms": 0})
            entry.update(column, windows=entry["windows"] + 1, alarms=entry["alarms"] + (column["column"] in drifted))
    return sorted(found.values(), key=lambda entry: (-entry["alarms"], -entry["distance"]))


def _drift_chart(windows: list[dict[str, Any]]) -> Markup:
    names = [entry["column"] for entry in _columns(windows)][:LINES]
    lines = []
    for name in names:
        pairs = [
            (place, column["distance"])
            for place, one in enumerate(windows, start=1)
            for column in one["columns"]
            if column["column"] == name
        ]
        lines.append(_line(name, pairs))
    return _chart("How far each column lies from the run's, window by window", "distance", lines)


def _performance_chart(windows: list[dict[str, Any]], proven: dict[str, Any], labels: dict[str, Any]) -> Markup:
    lines = []
    for how in ("confidence", "weights"):
        found = [(i, e) for i, one in enumerate(windows, start=1) for e in one["estimated"] if e["how"] == how]
        if found:
            ends = {end: [e[end] for _, e in found] for end in ("lower", "upper")} if how == "confidence" else {}
            lines.append(_line(f"estimated by {how}, no labels", [(i, e["value"]) for i, e in found], **ends))
    shown = [(i, _accuracy(proven[one["name"]]["shares"])) for i, one in enumerate(windows, start=1)]
    counted = [(i, share) for i, share in shown if share is not None and share["rows"]]
    if counted:
        ends = {end: [share[end] for _, share in counted] for end in ("lower", "upper")}
        pairs = [(i, share["events"] / share["rows"]) for i, share in counted]
        lines.append(_line("of labels, with limits at every look", pairs, points=True, **ends))
    whole = _accuracy(labels["shares"])
    if whole is not None and whole["was"] is not None:
        lines.append(_line("the run's own", [(1, whole["was"]), (max(len(windows), 2), whole["was"])]))
    return _chart("Accuracy over windows", "accuracy", lines)


def _metrics(shares: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(share["metric"] for share in shares))


def _proven(shares: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each group, with its share of every metric; None where it has none."""
    rows: dict[str, dict[str, Any]] = {}
    for share in shares:
        name = f"{share['group']} ({share['column']})" if share["column"] else share["group"]
        value = share["events"] / share["rows"] if share["rows"] else None
        rows.setdefault(name, {})[share["metric"]] = {**share, "value": value}
    return [
        {"name": name, "shares": [found.get(metric) for metric in _metrics(shares)]} for name, found in rows.items()
    ]


def _accuracy(shares: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((s for s in shares if s["metric"] == "accuracy" and s["group"] == EVERYBODY), None)


def _attributes(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each attribute a chart of shares of the rows and one of selection rates, a line for each group."""
    found = []
    for name in dict.fromkeys(group["column"] for one in windows for group in one["groups"]):
        charts = [
            _chart(f"{says}, by {name}", says, _group_lines(windows, name, key))
            for key, says in (("share", "share of the rows"), ("rate", "selection rate"))
        ]
        found.append({"name": name, "charts": [chart for chart in charts if chart]})
    return found


def _group_lines(windows: list[dict[str, Any]], column: str, key: str) -> list[dict[str, Any]]:
    lines: dict[str, list[tuple[int, float]]] = {}
    for place, one in enumerate(windows, start=1):
        for group in one["groups"]:
            if group["column"] == column and group[key] is not None:
                lines.setdefault(group["group"], []).append((place, group[key]))
    largest = sorted(lines, key=lambda name: -len(lines[name]))[:LINES]
    return [_line(name, lines[name]) for name in lines if name in largest]


def _last_groups(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups of the last window that was judged."""
    last = next((one for one in reversed(windows) if one["groups"]), None)
    return [] if last is None else last["groups"]
