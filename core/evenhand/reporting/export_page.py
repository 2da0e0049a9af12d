"""The pages of a model that leaves: what an export changed and for whom, and how long single answers take."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evenhand.reporting import formatting as words
from evenhand.reporting.html import asset, environment, policy_of
from evenhand.reporting.latency_chart import latency_charts

SHOWN = 60  # changes of groups, the worst first


def render_export(title: str, found: dict[str, Any], compared: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The page. found: what export.json holds; compared: what compare.json does."""
    compared = words.clean(compared)
    ranked = sorted(compared["changes"], key=_harm, reverse=True)
    return _page(
        "export.html.j2",
        title=words.clean(title),
        found=words.clean(found),
        compared=compared,
        changes=ranked[:SHOWN],
        left=max(0, len(ranked) - SHOWN),
        manifest=words.clean(manifest),
        command=manifest.get("command"),
    )


def render_latency(title: str, found: dict[str, Any]) -> str:
    """The page. found: what latency.json holds."""
    clean = words.clean(found)
    return _page("latency.html.j2", title=words.clean(title), found=clean, charts=latency_charts(clean), manifest=None)


def _harm(change: dict[str, Any]) -> tuple[int, float]:
    """Proven first, then by how much worse the change may be."""
    order = {"worse": 2, "not enough evidence": 1, "within": 0}[change["answer"]]
    lower, upper = change["lower_simultaneous"], change["upper_simultaneous"]
    if lower is None or upper is None:
        return order, -1.0
    return order, -lower if change.get("better", "lower") == "higher" else upper


def _page(template: str, **values: Any) -> str:
    style, script = asset("report.css"), asset("report.js")
    filled: dict[str, Any] = {"audit": None, "recipe_rows": [], "command": None, **values}
    return (
        environment()
        .get_template(template)
        .render(**filled, style=Markup(style), script=Markup(script), policy=policy_of(style, script))
    )
