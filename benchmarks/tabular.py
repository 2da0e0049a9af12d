"""AUC of the tabular backbone beside usual methods at 50, 200 and 1,000 labels on five real tables.

    python benchmarks/tabular.py --data DIR --results results.jsonl            measure what is not in the file yet
    python benchmarks/tabular.py --results results.jsonl --table               print Markdown

LightGBM and CatBoost are no dependencies of evenhand: `uv pip install --target DIR lightgbm catboost`, DIR on
PYTHONPATH. Every seed draws its context from the half that may be chosen by, and its 2,000 rows to predict from the
other, which nothing was chosen by. Methods share rows by seed, so differences are paired; intervals are Student's t
over seeds.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from tabular_methods import METHODS
from tabular_sets import SETS, RealTable, load

LABELS = (50, 200, 1_000)
SEEDS = range(10)
ASKED = 2_000
AVERAGES = {
    "four": ("logistic regression", "LightGBM", "random forest", "CatBoost"),
    "two": ("logistic regression", "random forest"),
}
STUDENT = 2.262  # 97.5 % quantile of t with 9 degrees of freedom

Key = tuple[str, int, int, str]  # set, labels, seed, method


def draw(table: RealTable, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of context and of rows to predict; drawn again until the context has two of either class."""
    rng = np.random.default_rng([seed, labels])
    while True:
        context = rng.permutation(np.flatnonzero(~table.reported))[:labels]
        if 2 <= table.labels[context].sum() <= len(context) - 2:
            return context, rng.permutation(np.flatnonzero(table.reported))[:ASKED]


def measure(table: RealTable, labels: int, seed: int, method: str) -> dict[str, object]:
    """AUC and seconds of one fit and prediction."""
    context, asked = draw(table, labels, seed)
    started = time.perf_counter()
    chance = METHODS[method](table.columns[context], table.labels[context], table.columns[asked])
    seconds = time.perf_counter() - started
    auc = float(roc_auc_score(table.labels[asked], chance))
    return {"set": table.name, "labels": labels, "seed": seed, "method": method, "auc": auc, "seconds": seconds}


def read(results: Path) -> dict[Key, dict[str, float]]:
    """What a results file holds, by key."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    told = [json.loads(line) for line in lines]
    return {(t["set"], t["labels"], t["seed"], t["method"]): t for t in told}


def run(data: Path, results: Path, methods: Iterable[str]) -> None:
    """Measure everything that `results` lacks, a line each as it comes."""
    done = read(results)
    with results.open("a", encoding="utf-8") as file:
        for name in SETS:
            table = load(name, data)
            for method, labels, seed in ((m, n, s) for m in methods for n in LABELS for s in SEEDS):
                if (name, labels, seed, method) not in done:
                    file.write(json.dumps(measure(table, labels, seed, method)) + "\n")
                    file.flush()


def interval(differences: np.ndarray) -> str:
    """Mean of paired differences with its 95 % interval, in thousandths of AUC."""
    half = STUDENT * differences.std(ddof=1) / np.sqrt(len(differences))
    return (
        f"{1e3 * differences.mean():+.0f} [{1e3 * (differences.mean() - half):+.0f},"
        f" {1e3 * (differences.mean() + half):+.0f}]"
    )


def table(found: dict[Key, dict[str, float]]) -> str:
    """AUC by set, labels and method, and the backbone's paired differences from the averages and from the best."""
    shown = [m for m in METHODS if any(key[3] == m for key in found)]
    head = ["set", "labels", *shown, *(f"less the {name}" for name in AVERAGES)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name in SETS:
        for labels in LABELS:
            auc = {m: np.array([found[name, labels, s, m]["auc"] for s in SEEDS]) for m in shown}
            cells = [f"{auc[m].mean():.3f}" for m in shown]
            less = [interval(auc["backbone"] - np.mean([auc[m] for m in those], 0)) for those in AVERAGES.values()]
            lines.append("| " + " | ".join([name, f"{labels:,}", *cells, *less]) + " |")
    lines += ["", "| seconds, median | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for labels in LABELS:
        spent = [
            np.median([t["seconds"] for key, t in found.items() if key[1] == labels and key[3] == m]) for m in shown
        ]
        lines.append(f"| {labels:,} labels | " + " | ".join(f"{s:.2f}" for s in spent) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds finance/ and healthcare/")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--table", action="store_true", help="print what was measured")
    told = parser.parse_args()
    warnings.filterwarnings("ignore")
    if told.data is not None:
        run(told.data, told.results, told.methods)
    if told.table:
        print(table(read(told.results)))


if __name__ == "__main__":
    main()
