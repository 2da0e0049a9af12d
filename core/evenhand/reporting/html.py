"""The report: one self-contained page, from the content of audit.json and a run's other artefacts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from evenhand.reporting import charts, curves, ranking
from evenhand.reporting import formatting as words
from evenhand.reporting.author import author_html
from evenhand.reporting.helping import helps
from evenhand.reporting.section_charts import data_address, lines_chart
from evenhand.reporting.slider import slider_data


def render_audit(data: dict[str, Any], command: str | None = None, author: str | None = None) -> str:
    """The report of an audit. `data` is what audit.json holds; everything in it is escaped.

    author: what its author says, in Markdown.
    """
    return _page(audit=data, title=str(data.get("title") or "Audit"), command=command, author=author)


def render_run(
    audit: dict[str, Any] | None,
    evaluation: Sequence[dict[str, Any]],
    manifest: dict[str, Any],
    sections: Sequence[dict[str, Any]],
    recipe_rows: Sequence[tuple[str, Any, str]],
    notes: Sequence[str] = (),
    author: str | None = None,
) -> str:
    """The report of a run: its audit, whether adapting helped, the plugin's sections, where everything comes from.

    author: what its author says, in Markdown.
    """
    title = str((audit or {}).get("title") or manifest.get("recipe") or "Run")
    return _page(
        audit=audit,
        title=title,
        command=manifest.get("command"),
        evaluation=list(evaluation),
        manifest=manifest,
        sections=list(sections),
        recipe_rows=list(recipe_rows),
        run_notes=list(notes),
        author=author,
    )


def _page(**values: Any) -> str:
    style, script = asset("report.css"), asset("report.js")
    values = words.clean(values)
    filled: dict[str, Any] = {
        "evaluation": [],
        "manifest": None,
        "sections": [],
        "recipe_rows": [],
        "run_notes": [],
        "author": None,
        **values,
    }
    histograms = json.dumps(slider_data(filled["audit"]), separators=(",", ":")).replace("<", "\\u003c")
    page = environment().get_template("report.html.j2")
    return page.render(
        **filled,
        style=Markup(style),
        script=Markup(script),
        names=words.long_names(filled["audit"]),
        author_says=author_html(filled["author"] or ""),
        histograms=Markup(histograms) if histograms != "null" else None,
        policy=policy_of(style, script),
    )


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Where the templates are, and what they may call."""
    loader = jinja2.FunctionLoader(asset)
    made = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # templates are compiled for one page; folding their constants takes longer than it saves
    )
    made.filters.update(
        number=words.number,
        percent=words.percent,
        count=words.count,
        interval=words.interval,
        short=words.short,
        readable=words.readable,
        whole=words.whole,
        value=words.plain,
    )
    made.globals.update(
        intervals_chart=charts.intervals,
        gap_chart=charts.gap,
        roc_chart=curves.roc,
        calibration_chart=curves.calibration,
        ranked=ranking.ranked,
        crowded=ranking.crowded,
        shown_gaps=ranking.shown_gaps,
        words=words,
        helps=helps,
        heat=charts.heat,
        lines_chart=lines_chart,
        data_address=data_address,
        trend_chart=charts.trend,
    )
    return made


@cache
def asset(name: str) -> str:
    """The text of a file beside the templates."""
    return (files("evenhand.reporting") / "templates" / name).read_text("utf-8")


def policy_of(style: str, script: str) -> str:
    """The content-security policy of a page with this style and script, which loads nothing."""
    return (
        f"default-src 'none'; style-src '{hash_of(style)}'; script-src '{hash_of(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def hash_of(text: str) -> str:
    """What a content-security policy calls a style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
