"""finance/fraud on the Fraud Detection Handbook's transactions: its own split and seven prequential windows.

    python benchmarks/fraud.py FILE [--seeds 5]   the tables of benchmarks/fraud.md
    python benchmarks/fraud.py FILE --select      settings compared on windows that end before the first test week

FILE: the raw transactions as one Parquet file. Features are made once; each window sees labels as the protocol says.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

import evenhand_finance
from evenhand_finance.fraud import data as fraud
from evenhand_finance.fraud import models as fraud_models
from evenhand_finance.fraud.features import COMPUTED, HANDBOOK
from evenhand_finance.fraud.metrics import Rows, draws_of, limits, ranked
from evenhand_finance.fraud.stream import read, stream_of

WINDOWS = 7
EARLIER = (7, 9, 11)  # weeks before the last window's end; the first of the seven ends 6 weeks before it
REPLICATES = 500
SETTINGS = {
    "as shipped": {},
    "leaves of 20": {"min_samples_leaf": 20},
    "300 trees at 0.03": {"max_iter": 300, "learning_rate": 0.03},
    "7 leaves": {"max_leaf_nodes": 7},
}
NAMES = ("auc_roc", "average_precision", "card_precision_100")


def main() -> None:
    """Read, make features once, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--select", action="store_true")
    asked = parser.parse_args()
    (recipe,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "fraud"]
    whole = with_features(recipe, asked.file)
    cards = whole["(card)"].to_numpy()
    if asked.select:
        select(recipe, whole)
        return
    windows = [tested(recipe, whole, weeks, 1 if weeks else asked.seeds) for weeks in range(WINDOWS)]
    draws = draws_of(cards - cards.min(), 0, REPLICATES)
    tell(windows, draws)


def with_features(recipe: object, file: Path) -> pl.DataFrame:
    """The stream with its features, and how long they took."""
    rows, _ = read(file)
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    stream = stream_of(recipe, rows, file.name)
    whole = fraud.with_features(recipe, rows, stream, recipe.schema, file.name)
    took, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_utime - used
    print(f"features of {whole.height:,} transactions: {took:.1f} s, {used:.1f} s of processor time", flush=True)
    return whole


def window(recipe: object, whole: pl.DataFrame, weeks: int) -> dict[str, pl.DataFrame]:
    """The split that ends so many weeks before the stream."""
    end = whole["(day)"].max() - timedelta(weeks=weeks)
    return fraud.divide(recipe, whole.filter(pl.col("(day)") <= end), "the stream")[0]


def seen(part: pl.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """Columns as the models read them."""
    return part.select(pl.col(columns).cast(pl.Float64)).to_numpy()


def adapted(recipe: object, parts: dict[str, pl.DataFrame], seed: int) -> np.ndarray:
    """Scores of the recipe's own model, as `fit` makes it."""
    truth = parts["train"]["(fraud)"].to_numpy()
    learn, test = seen(parts["train"], COMPUTED), seen(parts["test"], COMPUTED)
    seeds = range(seed, seed + recipe.options["models"])
    fitted = [fraud_models.boosted(learn, truth, k) for k in seeds]
    return np.mean([model.predict_proba(test)[:, 1] for model in fitted], axis=0)


def tested(recipe: object, whole: pl.DataFrame, weeks: int, seeds: int) -> list[Rows]:
    """The test rows of one window with every model's scores, for each seed."""
    parts = window(recipe, whole, weeks)
    truth, learn = parts["train"]["(fraud)"].to_numpy(), seen(parts["train"], HANDBOOK)
    test = seen(parts["test"], HANDBOOK)
    day = parts["test"]["(day)"].rank("dense").to_numpy().astype(int)
    card = parts["test"]["(card)"].to_numpy() - whole["(card)"].min()
    found = []
    for seed in range(seeds):
        scores = {
            "finance/fraud": adapted(recipe, parts, 100 * seed),
            "random forest": fraud_models.forest(learn, truth, seed).predict_proba(test)[:, 1],
            "logistic regression": fraud_models.logistic(learn, truth).predict_proba(test)[:, 1],
        }
        found.append(Rows(parts["test"]["(fraud)"].to_numpy() == 1, card, day, scores))
        told = {model: measured(found[-1], score) for model, score in scores.items()}
        print(f"  test ends {parts['test']['(day)'].max()}, seed {seed}: {told}", flush=True)
    return found


def measured(rows: Rows, score: np.ndarray) -> str:
    """AUC / average precision / card precision as the handbook writes them."""
    ones = np.ones((1, int(rows.card.max()) + 1), np.int64)
    values = ranked(rows, score, ones)
    return " / ".join(f"{values[name][0]:.3f}" for name in NAMES)


def tell(windows: list[list[Rows]], draws: np.ndarray) -> None:
    """Tables of the split, of the seven windows, and of the gains over the random forest."""
    every = [{model: ranked(found[0], score, draws) for model, score in found[0].scores.items()} for found in windows]
    for title, some in (("the handbook's split", every[:1]), (f"mean of {len(every)} windows", every)):
        print(f"\n| {title} | AUC ROC | average precision | card precision@100 |\n|---|---|---|---|")
        mean = {m: {n: np.mean([one[m][n] for one in some], axis=0) for n in NAMES} for m in some[0]}
        for model, values in mean.items():
            print(f"| {model} | " + " | ".join(told(values[name]) for name in NAMES) + " |")
        gain = {name: mean["finance/fraud"][name] - mean["random forest"][name] for name in NAMES}
        print("| gain over the random forest | " + " | ".join(told(gain[name], "+") for name in NAMES) + " |")
    print("\nSeeds on the handbook's split (mean and standard deviation of average precision):")
    ones = draws[:1]
    for model in windows[0][0].scores:
        found = [ranked(rows, rows.scores[model], ones)["average_precision"][0] for rows in windows[0]]
        print(f"  {model}: {np.mean(found):.3f} ± {np.std(found, ddof=min(1, len(found) - 1)):.3f}, {len(found)} seeds")


def told(values: np.ndarray, sign: str = "") -> str:
    """A value with its interval, cards drawn again."""
    low, high = limits(values)
    return f"{values[0]:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def select(recipe: object, whole: pl.DataFrame) -> None:
    """Mean average precision of each setting over windows whose test weeks end before the seven begin to be tested."""
    shipped = dict(fraud_models.TREES)
    for name, changes in SETTINGS.items():
        fraud_models.TREES.clear()
        fraud_models.TREES.update(shipped | changes)
        found = []
        for weeks in EARLIER:
            parts = window(recipe, whole, weeks)
            rows = Rows(
                parts["test"]["(fraud)"].to_numpy() == 1,
                parts["test"]["(card)"].to_numpy() - whole["(card)"].min(),
                np.zeros(parts["test"].height, int),
                {},
            )
            one = recipe.with_settings(["options.models=1"])
            ones = np.ones((1, int(rows.card.max()) + 1), np.int64)
            found.append(ranked(rows, adapted(one, parts, 0), ones)["average_precision"][0])
        print(f"{name}: {np.mean(found):.4f} ({', '.join(f'{value:.3f}' for value in found)})", flush=True)


if __name__ == "__main__":
    main()
