"""What an export found, in numbers and sentences: export.json."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from evenhand.deploying.exporting import agreeing, judging
from evenhand.deploying.exporting.asked import CONVERTED, State
from evenhand.deploying.exporting.folder import size_of
from evenhand.files import own
from evenhand.recorded.finished import open_run


def told_of(state: State) -> dict[str, Any]:
    """What export.json holds."""
    run, asked, scorer = state.run, state.asked, state.scorer
    agreed, compared = run.read_json("agreement.json"), run.read_json("compare.json")
    about = json.loads(own(run.path, f"{asked.last}/exported.json").read_text("utf-8"))
    sizes = {
        "run": size_of(own(state.found.path, "model")),
        "converted": size_of(own(run.path, CONVERTED)),
        "exported": size_of(own(run.path, asked.last)),
    }
    reasons = why_refused(agreed, compared, asked.int8)
    metrics, told_changed = metrics_of(state), changed(state)
    promoted = not reasons
    engine = about["engine"]
    says = [
        *agreeing.sentences(agreed),
        *([_smaller(sizes, metrics, told_changed, agreed["rows"])] if asked.int8 else []),
        *judging.sentences(compared, told_changed),
        "promoted: the exported model may take the original's place" if promoted else f"REFUSED: {'; '.join(reasons)}",
    ]
    return {
        "promoted": promoted,
        "reasons": reasons,
        "format": asked.form,
        "engine": engine,
        "int8": asked.int8,
        "margin": asked.margin,
        "task": scorer.recipe.task,
        "reads": [part["reads"]["kind"] for part in about.get("parts", ())],
        "files": about["files"],
        "bytes": sizes,
        "agreement": agreed,
        "metrics": metrics,
        "counts": compared["counts"],
        "changed": told_changed,
        "says": says,
    }


def changed(state: State) -> int:
    """How many test rows are decided otherwise than in the run."""
    facts = state.found.predicted()["facts"]
    before, after = (
        pl.read_parquet(folder / "predictions.parquet").to_dict(as_series=False)
        for folder in (state.found.path, state.run.path)
    )
    told = [agreeing.decisions_of(state.scorer, facts, side) for side in (before, after)]
    return int((told[0] != told[1]).sum())


def why_refused(agreed: dict[str, Any], compared: dict[str, Any], int8: bool) -> list[str]:
    """The reasons not to promote; empty where there is none."""
    found = []
    if not agreed["agrees"]:
        found.append(
            f"the converted model is not the original: largest difference {agreed['largest']:.2g}, tolerance"
            f" {agreed['tolerance']:g}, {agreed['decisions_differ']:,} decisions differ"
        )
    if compared["compared"] and compared["counts"][judging.WORSE]:
        found.append(f"{compared['counts'][judging.WORSE]} levels or gaps are proven worse by more than the margin")
    if not compared["compared"] and int8 and not compared["same"]:
        found.append("in 8 bits the answers change, and nobody could compare them group by group")
    return found


def metrics_of(state: State) -> list[dict[str, Any]]:
    """Each metric of the adapted model before and after."""
    before = {m.name: m for m in state.found.evaluation() if m.model == "adapted"}
    after = {m.name: m for m in open_run(state.run.path).evaluation() if m.model == "adapted"}
    shared = [(before[name], after[name]) for name in before if name in after]
    return [
        {"name": one.name, "before": one.value, "after": two.value, "rows": two.n, "better": one.better}
        for one, two in shared
    ]


def _smaller(sizes: dict[str, int], metrics: list[dict[str, Any]], changed: int, rows: int) -> str:
    said = [f"in 8 bits: {sizes['converted'] / 1e6:.1f} MB become {sizes['exported'] / 1e6:.1f} MB"]
    said += [f"{m['name']} {m['before']:.4f} becomes {m['after']:.4f}" for m in metrics[:2]]
    said.append(f"{changed:,} of {rows:,} decisions differ from the run's")
    return ", ".join(said)
