"""credit-default on three real tables: order, impact, and what a less discriminatory alternative gains and costs.

    python benchmarks/finance.py --data DIR --results results.jsonl            measure what is not in the file yet
    python benchmarks/finance.py --data DIR --results results.jsonl --backbone the tabular backbone (options.model)
    python benchmarks/finance.py --results results.jsonl --table               print Markdown

DIR holds hmda-boston, adult-income and credit-taiwan. Every seed divides the rows anew: a fifth to test, of the rest
15 % to choose by. The reference is the plugin's own model, chosen on validation; as many applicants are approved as
have the favourable label among the training rows. The search chooses as the recipe does, on rows that no candidate was
fitted to; test rows are only shown. Intervals are Student's t over seeds, whose test rows overlap in part.
"""

from __future__ import annotations

import argparse
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import evenhand
import evenhand_finance
from evenhand import Recipe
from evenhand_finance.credit.candidates import KINDS, Candidate
from evenhand_finance.credit.comparing import tested
from evenhand_finance.credit.groups import Grouped
from evenhand_finance.credit.models import sigmoid
from evenhand_finance.credit.proxies import proxies
from evenhand_finance.credit.reading import defaulted, load
from evenhand_finance.credit.search import Workshop
from evenhand_finance.credit.training import Bench, _searched, _shape, _tested

SEEDS = range(5)
TOLD = ("set", "seed", "auc backbone", "reference", "chosen", "ratio", "loss")
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % quantiles of t, by number of seeds
HMDA = "pirat hirat lvrat chist mhist phist unemp selfemp insurance condomin"
ADULT = (
    "age workclass education education_num marital_status occupation relationship capital_gain capital_loss"
    " hours_per_week native_country"
)
TAIWAN = " ".join(
    ["LIMIT_BAL", "PAY_0"]
    + [f"PAY_{month}" for month in range(2, 7)]
    + [f"{kind}{month}" for kind in ("BILL_AMT", "PAY_AMT") for month in range(1, 7)]
)
# name: (file, inputs, label, the label that is declined, sensitive columns, the one to repair, AUC that it may cost)
SETS = {
    "hmda-boston": ("hmda_boston.parquet", HMDA, "deny", "yes", "afam single hschool", "afam", 0.02),
    "adult-income": ("adult.parquet", ADULT, "income", "<=50K", "sex race", "sex", 0.01),
    "credit-taiwan": (
        "credit_taiwan.parquet",
        TAIWAN,
        "default_payment_next_month",
        "1",
        "SEX AGE EDUCATION MARRIAGE",
        "",
        0.02,
    ),
}


def recipe_of(name: str, seed: int) -> Recipe:
    """credit-default for one of the tables."""
    _, inputs, label, declined, sensitive, repair, budget = SETS[name]
    (found,) = (recipe for recipe in evenhand_finance.recipes() if recipe.name == "credit-default")
    settings = {
        "schema.input": json.dumps(inputs.split()),
        "schema.label": label,
        "schema.positive": declined,
        "schema.sensitive": json.dumps(sensitive.split()),
        "schema.id": "",
        "schema.time": "",
        "split.test": 0.2,
        "seed": seed,
        "audit.favourable": "negative",
        "audit.bins": "{}",
        "options.monotone": "{}",
        "options.repair": repair,
        "options.auc_loss": budget,
    }
    return found.with_settings(f"{key}={value}" for key, value in settings.items())


def measure(name: str, seed: int, data: Path) -> dict[str, Any]:
    """One seed of one table."""
    recipe = recipe_of(name, seed)
    splits = load(recipe, data / name / SETS[name][0])
    recipe = recipe.model_copy(update={"schema_": splits.schema})
    bench = Bench.of(recipe, splits)
    shape, _ = _shape(bench)
    workshop = Workshop(bench.inputs, {}, shape, seed)
    train, held, test = bench.tables["train"], bench.tables["validation"], bench.frames["test"]
    x, y = bench.inputs.matrix(test), defaulted(test[splits.schema.label], recipe).astype(float)
    made = {kind: workshop.make(Candidate(kind), train, None) for kind in KINDS}
    found = {f"auc {kind}": roc_auc_score(y, fitted.log_odds(x)) for kind, fitted in made.items()}
    found["auc LightGBM, default"] = roc_auc_score(y, _default_lightgbm(train.x, train.y, x))
    best = max(KINDS, key=lambda kind: roc_auc_score(held.y, made[kind].log_odds(held.x)))
    line = float(np.quantile(made[best].log_odds(held.x), 1 - train.y.mean()))
    recipe = recipe.with_settings([f"audit.threshold={float(sigmoid(np.array(line)))}"])
    bench = Bench.of(recipe, splits)
    told = proxies(bench.frames["train"], train.x, bench.inputs.names, train.groups)
    run = types.SimpleNamespace(progress=lambda *_: None)
    search = _searched(bench, workshop, Candidate(best), told, run)
    groups = [Grouped.of(test[column], recipe) for column in splits.schema.sensitive]
    approved = made[best].log_odds(x) < line
    ratios = {group.column: group.impact(approved) for group in groups}
    shown = tested(search, _tested(bench, workshop, search), y, groups) if search.repairs else []
    chosen = next((one for one in shown if one.name == search.chosen), None)
    return {
        "set": name,
        "seed": seed,
        **found,
        "reference": best,
        "repairs": search.repairs,
        "ratios": ratios,
        "approved": float(approved.mean()),
        "proxies": {f"{one.column} = {one.group}": one.auc for one in told},
        "chosen": None if chosen is None else chosen.name,
        "reference ratio": next((one.impact[0] for one in shown if one.name == search.reference), None),
        "ratio": None if chosen is None else chosen.impact,
        "gain": None if chosen is None else chosen.gain,
        "loss": None if chosen is None else chosen.loss,
        "front": [[one.name, one.auc[0], one.impact[0]] for one in shown],
    }


def measure_backbone(name: str, seed: int, data: Path) -> dict[str, Any]:
    """AUC of the tabular backbone, which reads labelled rows as they are, on the same rows."""
    recipe = recipe_of(name, seed).with_settings(["options.model=backbone", "finetune.strategy=in-context"])
    splits = load(recipe, data / name / SETS[name][0])
    recipe = recipe.model_copy(update={"schema_": splits.schema})
    run = types.SimpleNamespace(progress=lambda *_: None, log=lambda *_, **__: None)
    adapted = evenhand.finetune(recipe, splits, None, run)
    test = Bench.of(recipe, splits).frames["test"]
    place = [str(value) for value in adapted.classes].index(str(recipe.schema.positive))
    score = adapted.model.scores(splits.test)[:, place]
    label = defaulted(test[splits.schema.label], recipe)
    return {"set": name, "seed": seed, "auc backbone": roc_auc_score(label, score)}


def _default_lightgbm(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    import lightgbm

    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    return np.asarray(lightgbm.train(settings, lightgbm.Dataset(x, y), 100).predict(asked))


def read(results: Path) -> list[dict[str, Any]]:
    """What a results file holds."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def mean(values: list[float]) -> str:
    """Mean over seeds with its 95 % interval."""
    reach = STUDENT[len(values)] * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.3f} [{np.mean(values) - reach:.3f}, {np.mean(values) + reach:.3f}]"


def tables(told: list[dict[str, Any]]) -> Iterator[str]:
    """Markdown: the order of applicants, then what the alternative does."""
    backbone = {
        name: [one["auc backbone"] for one in told if one["set"] == name and "ratios" not in one] for name in SETS
    }
    by_set = {name: [one for one in told if one["set"] == name and "ratios" in one] for name in SETS}
    by_set = {name: some for name, some in by_set.items() if some}
    yield "| AUC, mean of seeds [95 %] | boosting | logistic | LightGBM, default settings | tabular backbone |"
    yield "|---" * 5 + "|"
    for name, some in by_set.items():
        cells = [mean([one[f"auc {kind}"] for one in some]) for kind in ("boosting", "logistic", "LightGBM, default")]
        cells.append(mean(backbone[name]) + f" ({len(backbone[name])} seeds)" if backbone[name] else "not measured")
        yield f"| {name} ({len(some)} seeds) | " + " | ".join(cells) + " |"
    yield "\n| lowest ratio of approvals, by column | reference | alternative | points of AUC it costs | proven in |"
    yield "|---|---|---|---|---|"
    for name, some in by_set.items():
        kept = [one for one in some if one["chosen"]]
        if kept:
            cells = [mean([one["reference ratio"] for one in kept]), mean([one["ratio"][0] for one in kept])]
            cost = mean([100 * one["loss"][0] for one in kept])
            proven = sum(one["gain"][1] > 0 for one in kept)
            yield f"| {name}, {SETS[name][5]} | {cells[0]} | {cells[1]} | {cost} | {proven} of {len(some)} seeds |"
        for column in some[0]["ratios"]:
            if column != SETS[name][5]:
                yield f"| {name}, {column} | {mean([one['ratios'][column] for one in some])} | | | |"
    chosen = {name: ", ".join(sorted({str(one["chosen"]) for one in some})) for name, some in by_set.items()}
    yield "\n" + "; ".join(f"{name}: {names}" for name, names in chosen.items())


def main() -> None:
    """Measure or print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--backbone", action="store_true")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    asked = parser.parse_args()
    told = read(asked.results)
    if asked.table:
        print("\n".join(tables(told)))
        return
    done = {(one["set"], one["seed"]) for one in told if ("ratios" in one) != asked.backbone}
    for name in asked.sets:
        for seed in asked.seeds:
            if (name, seed) not in done:
                found = (measure_backbone if asked.backbone else measure)(name, seed, asked.data)
                with asked.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
                print({key: found[key] for key in TOLD if key in found}, flush=True)


if __name__ == "__main__":
    main()
