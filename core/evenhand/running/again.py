"""A finished folder's report and audit, made again from its artefacts alone: of a run, of an audit, of what went on
from a run, or the page that links several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import own
from evenhand.recipe import Recipe
from evenhand.recorded import finished
from evenhand.recorded.audit_files import PLAN
from evenhand.recorded.run_folder import ReadRun, Run
from evenhand.recorded.shown_again import show_again
from evenhand.recorded.words import NOTES, SECTIONS, words_in
from evenhand.running.indexing import index, reports_in
from evenhand.running.pipeline import RUN, Corridor, audited, predictions_in, render, result_of, stages_of
from evenhand.running.walking import Outcome, Stage, do, writes

if TYPE_CHECKING:
    from evenhand.auditing import Audit


def report(
    path: str | Path, plugins: Plugins | None = None, out: str | Path | None = None, notes: str | None = None
) -> Path:
    """Render the report and the model card of a finished run again, from its artefacts alone.

    path: a run's directory, or an audit's; or a folder that holds several, which gets a page that links their reports.
    out: another folder for what is rendered, and then nothing in the run's is changed. notes: the author's own words,
    in Markdown; they stay in the folder, and in its report until there are others.
    """
    path, other = Path(path), Path(out) if out is not None else None
    if not os.path.lexists(path / finished.MANIFEST):
        if reports_in(path) and notes is None:
            if other is not None:
                raise BadInput(f"{path} holds several reports, whose page links them where they are; leave out --out")
            return index(path)
        if os.path.lexists(path / PLAN):
            return show_again(path, other, notes)
    result_of(path)
    found = finished.open_run(path)
    if os.path.lexists(path / SECTIONS):
        return _page_again(found, other, notes)
    recipe, identity, plugins = found.recipe(), found.manifest["identity"], plugins or discovering.load()
    if other is not None:
        _check_whole(found)
        return _rendered_elsewhere(path, recipe, identity, plugins, other, notes)
    with Run(path, recipe, identity, walk="run", stages=writes(stages_of(recipe))) as folder:
        _check_whole(found)
        do(RUN[-1], folder, Corridor(folder, recipe, plugins, None, notes))
    return path / "report.html"


def _page_again(found: finished.FinishedRun, out: Path | None, notes: str | None) -> Path:
    """The report of a walk that goes on from a run, such as an update, from its artefacts alone."""
    manifest, recipe = found.manifest, found.recipe()
    if out is not None and os.path.lexists(out / finished.MANIFEST):
        raise BadInput(f"{out} holds a run, whose own report would be lost; name another folder with --out")
    about = {"walk": manifest["walk"]["name"]}
    about |= {"stages": {name: tuple(manifest["stages"][name]["artefacts"]) for name in manifest["walk"]["stages"]}}
    arguments = found.path, recipe, manifest["identity"]
    open_: Run = Run(*arguments, **about) if out is None else ReadRun(*arguments, **about, out=out)
    with open_ as folder:
        if notes is not None:
            folder.write(NOTES, notes)
        if out is None:
            do(Stage("report", ("report.html",), lambda run: _again(run, recipe, notes)), folder, folder)
        else:
            _again(folder, recipe, notes)
    return (out or found.path) / "report.html"


def _again(run: Run, recipe: Recipe, notes: str | None) -> Outcome:
    run.write("report.html", page_of(run, recipe, notes))
    return Outcome()


def page_of(run: Run, recipe: Recipe, words: str | None = None) -> str:
    """The report of a walk that goes on from a run: its own sections, then the audit."""
    from evenhand.reporting import render_run

    stages = [record for name, record in run.manifest["stages"].items() if name != "report"]
    told = [sentence for key in ("notes", "faults") for record in stages for sentence in record.get(key, ())]
    return render_run(
        audit=run.read_json("audit.json"),
        evaluation=run.read_json("evaluation.json"),
        manifest=run.manifest,
        sections=run.read_json(SECTIONS),
        recipe_rows=recipe.resolved(),
        notes=[*run.read_json("data.json")["notes"], *told],
        author=words or words_in(run.path),
    )


def _check_whole(found: finished.FinishedRun) -> None:
    """BadInput where what a report is made from is not all there."""
    for stage in stages_of(found.recipe())[:-1]:
        found.stage(stage.name)
    found.data()


def _rendered_elsewhere(
    path: Path, recipe: Recipe, identity: str, plugins: Plugins, out: Path, notes: str | None
) -> Path:
    if os.path.lexists(out / finished.MANIFEST):
        raise BadInput(f"{out} holds a run, whose own report would be lost; name another folder with --out")
    with ReadRun(path, recipe, identity, walk="run", stages=writes(stages_of(recipe)), out=out) as folder:
        render(Corridor(folder, recipe, plugins, None, notes))
    return out / "report.html"


def audit_again(path: str | Path, plugins: Plugins | None = None) -> Audit:
    """The audit of a run's predictions, made again; nothing is written."""
    found = finished.open_run(path)
    recipe, record = found.recipe(), found.predicted()
    predictions = predictions_in(recipe, record, own(found.path, "predictions.parquet"))
    return audited(recipe, predictions, plugins or discovering.load())[0]
