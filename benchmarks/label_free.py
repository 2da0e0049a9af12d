"""Choosing what to do at a place without one of its labels: what each rule costs beside the best choice in hindsight.

    python benchmarks/label_free.py --results label_free.jsonl [--draws 10]      simulate, and print Markdown
    python benchmarks/label_free.py --results label_free.jsonl --table           print Markdown alone

The places are skada's simulated shifts (covariate, target, conditional, subspace; two classes), drawn anew with each
seed. A model is made at home, every candidate that needs no label is fitted, and each rule names one. regret: accuracy
of the best candidate of that draw less that of the named one, by labels that nobody saw.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand import Recipe, hookimpl

SHIFTS = ("covariate_shift", "target_shift", "conditional_shift", "subspace")
MODELS = ("linear", "trees")
SOURCE = "nothing"
RECIPE = """
name = "shift"
domain = "shifts"
title = "Simulated shifts"
task = "binary"
modality = "table"
schema = { input = ["a", "b"], label = "y", positive = 1, sensitive = "half" }
"""


@hookimpl
def recipes() -> list[Recipe]:
    """One table of two numbers."""
    return [Recipe.from_toml(RECIPE, "benchmarks/label_free.py")]


def drawn(shift: str, seed: int, folder: Path) -> tuple[Path, Path]:
    """(home, place) as files."""
    from skada.datasets import make_shifted_datasets

    values, labels, domain = make_shifted_datasets(100, 100, shift=shift, noise=0.3, random_state=seed)
    frame = pl.DataFrame({"a": values[:, 0], "b": values[:, 1], "y": (labels > 0).astype(int)})
    frame = frame.with_columns(half=pl.col("a") > pl.col("a").median())  # a run audits groups; nothing reads them here
    files = folder / "home.csv", folder / "place.csv"
    for file, side in zip(files, (domain > 0, domain < 0), strict=True):
        frame.filter(pl.Series(side)).write_csv(file)
    return files


def simulated(shift: str, model: str, seed: int, work: Path) -> dict[str, Any]:
    """Accuracy and log loss of every candidate at one place, and its label-free scores."""
    import evenhand
    from evenhand.extending.discovering import load
    from evenhand.living.sites.candidates import NOTHING, possible, said_of
    from evenhand.living.sites.card import measures
    from evenhand.living.sites.ground import UNKNOWN
    from evenhand.living.sites.place import ground_of, old_rows, read_place
    from evenhand.living.sites.scorers import label_free
    from evenhand.recorded.finished import open_run
    from evenhand.scoring.scorer import load as load_run

    plugins = load({"shifts": sys.modules[__name__]})
    here, there = drawn(shift, seed, work)
    settings = [f"seed={seed}", f"finetune.strategy={model}", "split.test=0.3"]
    evenhand.run("shifts/shift", data=here, settings=settings, out=work / "run", plugins=plugins)
    scorer = load_run(work / "run", plugins)
    place = read_place(scorer, there, None, None)
    old, _ = old_rows(scorer, open_run(work / "run"), here)
    ground = ground_of(scorer, place, old)
    blind = ground.with_targets(np.full(len(ground.targets), UNKNOWN))
    models = {one.name: one.fit(blind, np.empty(0, dtype=int)) for one in (NOTHING, *possible(blind))}
    every = np.arange(len(ground.targets))
    true = {name: measures(said_of(ground, fitted, every), ground.targets) for name, fitted in models.items()}
    return {"true": true, "scores": label_free(blind, models)}


def best_by(key: str) -> Callable[[dict[str, Any]], str]:
    """The candidate that one scorer puts first."""
    return lambda line: max(line["scores"], key=lambda name: (line["scores"][name].get(key, -np.inf), name == SOURCE))


def by_rank(line: dict[str, Any]) -> str:
    """The candidate with the best mean rank over scorers."""
    from evenhand.living.sites.scorers import mean_rank

    ranks = mean_rank(line["scores"])
    return max(ranks, key=lambda name: (ranks[name], name == SOURCE))


def unanimous(line: dict[str, Any]) -> str:
    """What every scorer puts above the source model, else nothing: the card's rule."""
    from evenhand.living.sites.scorers import agreed

    return agreed(line["scores"], SOURCE) or SOURCE


RULES: dict[str, Callable[[dict[str, Any]], str]] = {
    "nothing, always": lambda line: SOURCE,
    "all scorers agree": unanimous,
    "best mean rank": by_rank,
    **{f"best by {key}": best_by(key) for key in ("importance", "dev", "entropy", "density")},
}


def table(told: list[dict[str, Any]]) -> str:
    """For each model and shift: the source model's accuracy, the best in hindsight, and each rule's gain and regret."""
    rows = [
        "| model | shift | source only | oracle | " + " | ".join(RULES) + " |",
        "|---|---|---:|---:|" + "---:|" * len(RULES),
    ]
    for model, shift in [*((m, s) for m in MODELS for s in SHIFTS), ("all", "all")]:
        lines = [x for x in told if model in (x["model"], "all") and shift in (x["shift"], "all")]
        if lines:
            rows.append(_row(model, shift, lines))
    return "\n".join(rows)


def _row(model: str, shift: str, lines: list[dict[str, Any]]) -> str:
    source = [x["true"][SOURCE]["accuracy"] for x in lines]
    oracle = [max(one["accuracy"] for one in x["true"].values()) for x in lines]
    cells = [model, shift.replace("_", " "), f"{np.mean(source):.3f}", f"{np.mean(oracle):.3f}"]
    for rule in RULES.values():
        taken = [x["true"][rule(x)]["accuracy"] for x in lines]
        gain = np.subtract(taken, source)
        half = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else float("nan")
        cells.append(f"{gain.mean():+.3f} ± {half:.3f}, {np.mean(np.subtract(oracle, taken)):.3f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    told = [json.loads(x) for x in asked.results.read_text("utf-8").splitlines()] if asked.results.exists() else []
    for seed in range(0 if asked.table else asked.draws):
        for shift in SHIFTS:
            for model in MODELS:
                if any((x["shift"], x["model"], x["seed"]) == (shift, model, seed) for x in told):
                    continue
                start = time.perf_counter()
                with tempfile.TemporaryDirectory() as work:
                    line = {"shift": shift, "model": model, "seed": seed, **simulated(shift, model, seed, Path(work))}
                told.append(line)
                with asked.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                print(shift, model, seed, f"{time.perf_counter() - start:.0f} s", flush=True)
    print(table(told))


if __name__ == "__main__":
    main()
