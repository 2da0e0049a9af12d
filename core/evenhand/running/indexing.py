"""One page for a folder of finished runs and audits: index.html, which links their reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from evenhand.errors import BadInput, typed
from evenhand.files import atomic
from evenhand.recorded import finished
from evenhand.recorded.audit_files import PLAN
from evenhand.recorded.finished import MANIFEST, FinishedRun
from evenhand.reporting import formatting, render_index

REPORT, INDEX = "report.html", "index.html"
SAMPLE = "the recipe's sample"
SIMULATED = "simulated by the recipe: no evidence about people"


def index(folder: Path) -> Path:
    """Write index.html into `folder`, which links the report of every run and audit in it, in the order of names.

    BadInput where there is none. A folder that is damaged or not finished is named on the page.
    """
    found = reports_in(folder)
    if not found:
        raise BadInput(f"{folder} is not the directory of a finished run, and holds none; `evenhand run` makes one")
    entries, damaged = [], []
    for path in found:
        try:
            entries.append(_entry(folder, path))
        except BadInput as error:
            damaged.append(str(error))
    with atomic(folder / INDEX) as temporary:
        temporary.write_text(render_index(folder.resolve().name, entries, damaged), "utf-8")
    return folder / INDEX


def reports_in(folder: Path) -> list[Path]:
    """The finished folders below `folder`, at most three levels down (runs/DOMAIN/RECIPE/ID), in the order of names."""
    levels = ("*", "*/*", "*/*/*")
    places = {file.parent for level in levels for name in (MANIFEST, PLAN) for file in folder.glob(f"{level}/{name}")}
    return sorted(place for place in places if not place.is_symlink())


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    """What the page tells of one report; BadInput where it is not there or damaged."""
    opened, report = finished.open_folder(path), path / REPORT
    audit = opened.audit()
    if not report.is_file():
        raise BadInput(f"{path} has no {REPORT}; make it with: {typed('evenhand report', path)}")
    told: dict[str, Any] = {"recipe": "", "people": True, "measured": "", "source": audit["data"].get("source", "")}
    if isinstance(opened, FinishedRun):
        source = str(opened.manifest.get("inputs", {}).get("source", ""))
        recipe = opened.recipe()
        told = {
            "recipe": recipe.full_name,
            "people": recipe.groups == "people",
            "measured": _measured(opened),
            "source": SIMULATED if source == SAMPLE else source,
        }
    ranked = formatting.by_severity(audit["verdicts"])
    return {
        **told,
        "title": audit["title"],
        "link": quote(report.relative_to(folder).as_posix()),
        "verdict": audit["verdict"],
        "sensitive": audit["question"]["sensitive"],
        "rows": audit["data"]["rows_used"],
        "says": ranked[0]["says"] if ranked else "",
    }


def _measured(run: FinishedRun) -> str:
    """The first performance metric of the adapted model, beside the baselines'."""
    metrics = run.evaluation()
    first = next((m for m in metrics if m.model == "adapted"), None)
    if first is None:
        return ""
    others = [f"{m.model} {formatting.number(m.value)}" for m in metrics if m.name == first.name and m is not first]
    beside = f" ({', '.join(others)})" if others else ""
    return f"{first.name} {formatting.number(first.value)}{beside}"
