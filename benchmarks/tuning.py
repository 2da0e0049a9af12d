"""evenhand tune against a recipe's defaults on real credit data: test AUC, largest gap, seconds.

    python benchmarks/tuning.py --data DIR --results tuning.jsonl --trials 10    measure what is not there yet
    python benchmarks/tuning.py --results tuning.jsonl --table                   print Markdown

DIR holds credit-taiwan. For each seed the rows are divided anew, the recipe is run as it is, and one search is made
over options.model: kinds of model, and how strongly training draws one group up. From its trials two winners are taken
on validation rows: the best AUC, and the best AUC whose gap is at most four fifths of the gap of the recipe's own
settings. Test rows are only shown. The gap is that of the selection rate (declined) by education, groups of 30 rows and
more.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from finance import recipe_of

import evenhand
from evenhand.living.tuning.gap import gap_of

SEEDS = range(3)
SHARE = 0.8  # of the gap of the recipe's own settings, on validation rows
MODELS = [
    "auto",
    "logistic",
    *(f"{kind}+pull:{strength}" for kind in ("boosting", "logistic") for strength in (0.25, 0.5, 1, 1.5)),
    *(f"boosting+line:{strength}" for strength in (0.5, 1, 2)),
]
SETTINGS = (
    'schema.sensitive=["SEX", "EDUCATION", "MARRIAGE"]',
    "options.repair=EDUCATION=3",
    "options.search=false",
    "audit.intersections=1",
    "audit.replicates=500",
    "audit.threshold=0.5",
    f"tune.options.model={json.dumps(MODELS)}",
    "tune.constraints.gap.metric=selection_rate",
    "tune.constraints.gap.attribute=EDUCATION",
)


def measure(seed: int, data: Path, trials: int) -> dict[str, Any]:
    """One seed: the recipe as it is, and the two winners of a search."""
    recipe = recipe_of("credit-taiwan", seed).with_settings(SETTINGS)
    file = data / "credit-taiwan" / "credit_taiwan.parquet"
    with tempfile.TemporaryDirectory() as folder:
        out, began = Path(folder), time.perf_counter()
        found: dict[str, Any] = {
            "seed": seed,
            "trials": trials,
            "default": shown(evenhand.run(recipe, file, (), out / "default")),
        }
        found["default"]["seconds"], began = time.perf_counter() - began, time.perf_counter()
        search = evenhand.tune(recipe, file, trials, out=out / "tune")
        found["best auc"] = shown(search.best) | {"seconds": time.perf_counter() - began}
        rows = search.trials()
        found["states"] = rows["state"].value_counts().to_dicts()
        kept = rows.filter((rows["state"] == "done") & (rows["gap"] <= SHARE * rows["gap"][0])).sort("objective")
        best = json.loads((out / "tune" / "best.json").read_text())
        found["best auc"]["model"] = best["settings"][0]
        found["validation"] = {
            "default": [rows["objective"][0], rows["gap"][0]],
            "best auc": [rows["objective"][best["trial"] - 1], rows["gap"][best["trial"] - 1]],
        }
        if kept.height:
            model = kept["options.model"][-1]
            found["best within"] = shown(evenhand.run(recipe, file, [f"options.model={model}"], out / "within"))
            found["best within"]["model"] = model
            found["validation"]["best within"] = [kept["objective"][-1], kept["gap"][-1]]
    return found


def shown(run: Any) -> dict[str, Any]:
    """What the test rows of a run say."""
    (auc,) = (m for m in run.evaluation if m.model == "adapted" and m.name == "auc")
    recipe = evenhand.Recipe.from_file(run.path / "recipe.toml")
    gap = gap_of(run.audit.data, recipe.tune.constraints.gap)
    return {"auc": [auc.value, auc.lower, auc.upper], "gap": [gap.value, gap.lower, gap.upper]}


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown: a row for each seed and choice."""
    rows = [
        "| seed | choice | model | validation AUC | validation gap | test AUC | test gap | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in sorted(lines, key=lambda line: line["seed"]):
        for name in ("default", "best auc", "best within"):
            if name in one:
                validation, test = one["validation"][name], one[name]
                auc, gap = (f"{v:.3f} [{low:.3f}, {high:.3f}]" for v, low, high in (test["auc"], test["gap"]))
                model = test.get("model", "auto").removeprefix("options.model=").strip('"')
                seconds = f"{test['seconds']:.0f}" if "seconds" in test else ""
                chosen = f"{validation[0]:.3f} | {validation[1]:.3f}"
                rows.append(f"| {one['seed']} | {name} | {model} | {chosen} | {auc} | {gap} | {seconds} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.results.read_text().splitlines()] if asked.results.exists() else []
    if asked.table:
        print(table(lines))
        return
    for seed in SEEDS:
        if seed not in {line["seed"] for line in lines}:
            with asked.results.open("a") as file:
                file.write(json.dumps(measure(seed, asked.data, asked.trials)) + "\n")


if __name__ == "__main__":
    main()
