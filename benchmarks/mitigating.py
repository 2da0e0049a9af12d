"""What each mitigation does on real data, beside fairlearn used by hand on the same features: gap and accuracy.

    python benchmarks/mitigating.py --data DIR --results mitigating.jsonl    measure what is not there yet
    python benchmarks/mitigating.py --results mitigating.jsonl --table       print Markdown

DIR holds finance/adult-income, finance/credit-taiwan and nlp/hatexplain-val. For each of three seeds rows are drawn and
divided anew; every method is one run of evenhand on the strategy linear (tables) or probe (posts). By hand: fairlearn's
ExponentiatedGradient and ThresholdOptimizer on the very matrix that the run's model reads (tables), with logistic
regression of the same strength, no bound chosen on validation, and its chance between models kept (figures are those
that it expects). Test rows are only shown.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import evenhand
from evenhand import Recipe, hookimpl, splits_from_rows
from evenhand.extending import discovering

SEEDS, ROWS = range(3), 6_000
METHODS = ("reweight", "dfr", "reductions", "thresholds", "one threshold", "postprocess")
TABLE = """
name = "{name}"
domain = "bench"
title = "{name}"
task = "binary"
modality = "table"
finetune = {{ strategy = "linear", threads = 1 }}
split = {{ validation = 0.3, test = 0.4 }}
mitigation = {{ constraint = "{constraint}", most = 0.02, columns = ["{group}"] }}
audit = {{ metrics = ["selection_rate", "tpr", "fpr", "accuracy"] }}

[schema]
input = {inputs}
label = "label"
positive = "yes"
sensitive = ["{group}"]
"""
SETS = {
    "adult": ("selection_rate", "sex", ("sex", "race", "income", "split", "fnlwgt", "label")),
    "credit-taiwan": ("tpr", "EDUCATION", ("ID", "SEX", "EDUCATION", "MARRIAGE", "AGE", "label")),
    "hatexplain": ("fpr", "community", ()),
}


def rows_of(data: Path, name: str) -> pl.DataFrame:
    """The rows of a set, with a label of yes and no."""
    if name == "adult":
        found = pl.read_parquet(data / "finance" / "adult-income" / "adult.parquet")
        return found.with_columns(label=pl.when(pl.col("income") == ">50K").then(pl.lit("yes")).otherwise(pl.lit("no")))
    if name == "credit-taiwan":
        found = pl.read_parquet(data / "finance" / "credit-taiwan" / "credit_taiwan.parquet")
        paid = pl.col("default_payment_next_month").cast(pl.Int64) == 0
        found = found.filter(pl.col("EDUCATION").is_between(1, 3)).with_columns(
            pl.col("EDUCATION").cast(pl.String),
            label=pl.when(paid).then(pl.lit("no")).otherwise(pl.lit("yes")),
        )
        return found.drop("default_payment_next_month")
    found = pl.read_parquet(data / "nlp" / "hatexplain-val" / "hatexplain_val.parquet")
    found = found.filter(pl.col("label") != "undecided")
    named = [json.loads(value) if value else [] for value in found["target_majority"]]
    people = ["somebody" if {*some} - {"None", "Other"} else "nobody" for some in named]
    toxic = pl.when(pl.col("label") == "normal").then(pl.lit("not toxic")).otherwise(pl.lit("toxic"))
    return found.select("text", label=toxic, community=pl.Series(people))


class Bench:
    """The tables as a domain."""

    @hookimpl
    def recipes(self) -> list[Recipe]:
        return [recipe_of(name) for name in ("adult", "credit-taiwan")]

    @hookimpl
    def load_data(self, recipe: Recipe, source: Path | str | None) -> Any:
        rows = pl.read_parquet(source).sample(ROWS, shuffle=True, seed=recipe.seed)
        return splits_from_rows(recipe, rows.to_dict(as_series=False), recipe.name)


def recipe_of(name: str) -> Recipe:
    """The recipe of a table."""
    constraint, group, left_out = SETS[name]
    columns = [c for c in COLUMNS[name] if c not in left_out]
    text = TABLE.format(name=name, constraint=constraint, group=group, inputs=json.dumps(columns))
    return Recipe.from_toml(text, "bench")


COLUMNS: dict[str, list[str]] = {}


def measure(data: Path, results: Path) -> None:
    """Every set, seed and method that is not in `results`."""
    done = {(one["set"], one["seed"], one["method"]) for one in lines(results)}
    with tempfile.TemporaryDirectory() as work:
        os.environ["EVENHAND_CACHE"] = str(Path(work) / "cache")
        for name in SETS:
            rows = rows_of(data, name)
            COLUMNS[name] = rows.columns
            rows.write_parquet(Path(work) / f"{name}.parquet")
        plugins = discovering.load({"bench": Bench()})
        for seed in SEEDS:
            for name in SETS:
                for method in METHODS:
                    if (name, seed, method) not in done:
                        folder = Path(work) / f"{name}-{seed}-{method}"
                        for found in _one(name, seed, method, folder, Path(work) / f"{name}.parquet", plugins):
                            add(results, {"set": name, "seed": seed, **found})


def _one(name: str, seed: int, method: str, out: Path, file: Path, plugins: Any) -> list[dict[str, Any]]:
    constraint, group, _ = SETS[name]
    settings = [f"seed={seed}", f"mitigation.method={'thresholds' if method == 'one threshold' else method}"]
    settings += ["mitigation.per_group=false"] if method == "one threshold" else []
    recipe = f"bench/{name}"
    if name == "hatexplain":
        recipe = "nlp/toxicity"
        settings += ['schema.sensitive=["community"]', 'mitigation.columns=["community"]', 'options.toxic=["toxic"]']
        settings += [
            "options.identity_audit=false",
            "audit.slices=[]",
            "split.by=random",
            f"mitigation.constraint={constraint}",
        ]
        settings += ["split.validation=0.3", "finetune.threads=1", "mitigation.most=0.02", "mitigation.least_rows=15"]
    try:
        run = evenhand.run(recipe, data=file, settings=settings, out=out, plugins=plugins)
    except evenhand.BadInput as error:
        return [{"method": method, "why": str(error)}]
    facts = json.loads((run.path / "mitigation.json").read_text("utf-8"))
    shown = {"selection_rate": "selection_rate", "tpr": "tpr", "fpr": "fpr"}[constraint]
    gap = next(g for g in facts["gaps"] if g["metric"] == shown and g["attribute"] == group)
    whole = next(c for c in facts["changes"] if c["metric"] == "accuracy" and c["attribute"] is None)
    found = [
        {
            "method": method,
            "before": [gap["first"], whole["first"]],
            "after": [gap["second"], whole["second"]],
            "change": [[gap["change"], gap["lower"], gap["upper"]], [whole["change"], whole["lower"], whole["upper"]]],
            "verdict": gap["verdict"],
            "refused": len(facts["refused"]),
            "levelled": len(facts["levelling_down"]),
        }
    ]
    if name != "hatexplain" and method in ("reductions", "postprocess"):
        found.append({"method": f"{method}, by hand", **by_hand(name, seed, method, file, plugins)})
    return found


def by_hand(name: str, seed: int, method: str, file: Path, plugins: Any) -> dict[str, Any]:
    """fairlearn alone on the matrix that the strategy linear reads; the figures that its chance is expected to give."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient, TruePositiveRateParity
    from sklearn.linear_model import LogisticRegression

    constraint, group, _ = SETS[name]
    recipe = plugins.recipe(f"bench/{name}").with_settings([f"seed={seed}"])
    splits = Bench().load_data(recipe, file)
    x, y, g = matrices(splits, group)
    plain = LogisticRegression(max_iter=300).fit(x[0], y[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "reductions":
            kind = DemographicParity if constraint == "selection_rate" else TruePositiveRateParity
            search = ExponentiatedGradient(LogisticRegression(max_iter=300), kind(difference_bound=0.02), eps=0.02)
            search.fit(x[0], y[0], sensitive_features=g[0])
            chance = search._pmf_predict(x[2])[:, 1]
        else:
            word = "demographic_parity" if constraint == "selection_rate" else "true_positive_rate_parity"
            made = ThresholdOptimizer(estimator=plain, constraints=word, prefit=True, predict_method="predict_proba")
            made.fit(x[1], y[1], sensitive_features=g[1])
            chance = made._pmf_predict(x[2], sensitive_features=g[2])[:, 1]
    before = plain.predict(x[2]).astype(float)
    return {"before": figures(before, y[2], g[2], constraint), "after": figures(chance, y[2], g[2], constraint)}


def figures(chance: np.ndarray, y: np.ndarray, g: np.ndarray, constraint: str) -> list[float]:
    """(gap, accuracy) that decisions with these chances are expected to have."""
    among = y == 1 if constraint == "tpr" else np.ones(len(y), dtype=bool)
    rates = [float(chance[among & (g == one)].mean()) for one in np.unique(g)]
    return [max(rates) - min(rates), float(np.where(y == 1, chance, 1 - chance).mean())]


def matrices(splits: Any, group: str) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Inputs, labels and groups of train, validation and test, as evenhand's linear model reads them."""
    from evenhand.adapting.labels import Labels
    from evenhand.adapting.tables.members import Linear, Part, design
    from evenhand.adapting.tables.model import inputs_of
    from evenhand.pretrained.tabular.columns import Columns, as_frame

    parts = splits.train, splits.validation, splits.test
    frames = [as_frame(inputs_of(rows, splits.schema)) for rows in parts]
    columns = Columns.fit(frames[0].vstack(frames[1]))
    y = [np.array([value == "yes" for value in rows["label"]]).astype(int) for rows in parts]
    labels = Labels("binary", ("no", "yes"), y[0], y[1], np.arange(len(y[1])))
    read = Linear.fit(Part(frames[0], columns.matrix(frames[0]), y[0]), columns, labels, 1.0)
    x = [(design(columns.matrix(frame), read.levels) / read.spread).astype(float) for frame in frames]
    return x, y, [np.array([str(value) for value in rows[group]], dtype=object) for rows in parts]


def lines(results: Path) -> list[dict[str, Any]]:
    """What was measured so far."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.is_file() else []


def add(results: Path, found: dict[str, Any]) -> None:
    """One more line."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
    print(found["set"], found["seed"], found["method"], found.get("after", found.get("why")))


def table(results: Path) -> None:
    """Means over seeds, with the range of the seeds; how often the smaller gap was proven."""
    found = lines(results)
    for name, (constraint, group, _) in SETS.items():
        print(f"\n{name}: gap in {constraint} by {group}\n")
        header = ("method", "gap before", "gap after", "accuracy before", "accuracy after", "gap proven smaller")
        print(f"| {' | '.join((*header, 'refused', 'levelled down'))} |")
        print("|---|---|---|---|---|---|---|---|")
        names = dict.fromkeys(one["method"] for one in found if one["set"] == name)
        for method in names:
            some = [one for one in found if (one["set"], one["method"]) == (name, method)]
            if any("why" in one for one in some):
                print(f"| {method} | not run: {some[0].get('why', '')[:90]} | | | | | | |")
                continue
            cells = [_spread([one[when][what] for one in some]) for what in (0, 1) for when in ("before", "after")]
            told = ("–",) * 3
            if "verdict" in some[0]:
                proven = sum(one["verdict"] == "better" for one in some)
                told = (
                    f"{proven} of {len(some)}",
                    str(sum(one["refused"] > 0 for one in some)),
                    str(sum(one["levelled"] > 0 for one in some)),
                )
            print(f"| {method} | {' | '.join((*cells, *told))} |")


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def main() -> None:
    """See the head of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        table(asked.results)
    else:
        measure(asked.data, asked.results)


if __name__ == "__main__":
    main()
