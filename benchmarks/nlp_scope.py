"""None of these: how well messages of intents that nobody taught are told from those of known intents.

    python benchmarks/nlp_scope.py --data banking77 --seeds 5

The draw: a quarter of the intents is held out, those whose sha256 of "SEED newline INTENT" is smallest. Their rows are
in no file that the run sees. `evenhand run nlp/support-intent` learns the other intents, and `evenhand predict` scores
all test messages. Measured: how often a message of a held-out intent has a higher `none_of_these` than one of a known
intent (AUROC), and what share of both kinds is left open (`abstained`) at the recipe's threshold, which decides 95 of
100 validation messages. Beside it: 1 - the highest probability of TF-IDF + logistic regression fitted to the same rows.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from nlp_few import T_95, known, measured

HELD_OUT = 0.25  # share of the intents


def held_out(intents: set[str], seed: int) -> set[str]:
    """The intents that nobody teaches."""
    order = sorted(intents, key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode()).hexdigest())
    return set(order[: round(HELD_OUT * len(order))])


def read(file: Path) -> list[dict[str, str]]:
    """The messages of one of BANKING77's files."""
    return list(csv.DictReader(file.open(encoding="utf-8", newline="")))


def write(rows: list[dict[str, str]], file: Path) -> None:
    """Messages with their intents."""
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, ["text", "category"])
        table.writeheader()
        table.writerows(rows)


def auroc(strange: np.ndarray, score: np.ndarray) -> float:
    """How often a strange row scores above another, ties by half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(strange, score))


def words(train: list[dict[str, str]], asked: list[dict[str, str]]) -> np.ndarray:
    """1 - the highest probability of TF-IDF + logistic regression, [asked]."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=300)
    )
    model.fit([row["text"] for row in train], [row["category"] for row in train])
    return np.asarray(1 - model.predict_proba([row["text"] for row in asked]).max(axis=1))


def one(options: argparse.Namespace, work: Path, seed: int) -> dict[str, float | str | int]:
    """One draw: the run, its score on all test messages, and the words beside it."""
    import polars as pl

    train, asked = read(options.data / "train.csv"), read(options.data / "test.csv")
    out = held_out({row["category"] for row in train}, seed)
    work.mkdir()
    taught = [row for row in train if row["category"] not in out]
    write(taught, work / "train.csv")
    write([row for row in asked if row["category"] not in out], work / "test.csv")
    run, told = work / "run", work / "told.parquet"
    evenhand = [sys.executable, "-m", "evenhand"]
    settings = [part for value in (f"seed={seed}", *options.set) for part in ("--set", value)]
    here = {"EVENHAND_CACHE": str(work / "cache")}
    command = [*evenhand, "run", "nlp/support-intent", "--data", str(work), "--out", str(run), *settings]
    cost = measured(command, here, work / "run.log")
    command = [*evenhand, "predict", str(run), "--data", str(options.data / "test.csv"), "--out", str(told)]
    measured(command, here, work / "predict.log")
    table = pl.read_parquet(told)
    strange = np.array([row["category"] in out for row in asked])
    left = table["abstained"].to_numpy().astype(bool)
    scope = json.loads((run / "model" / "model.json").read_text())["scope"]
    return {
        "seed": seed,
        "held_out": len(out),
        "messages": int(strange.sum()),
        "score": scope["kind"],
        "auroc": auroc(strange, table["none_of_these"].to_numpy()),
        "before": scope["aucs"][scope["kind"]],
        "left_held_out": float(left[strange].mean()),
        "left_known": float(left[~strange].mean()),
        "auroc_words": auroc(strange, words(taught, asked)),
        **cost,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with train.csv and test.csv of BANKING77")
    parser.add_argument("--seeds", type=int, default=5, help="draws, numbered from 0")
    parser.add_argument("--set", action="append", default=[], help="a setting for every run")
    parser.add_argument("--out", type=Path, default=Path("nlp_scope.jsonl"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            if seed not in {line["seed"] for line in known(options.out)}:
                line = one(options, Path(folder) / str(seed), seed)
                with options.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
    lines = known(options.out)
    print("| measure | mean of the draws, 95 % interval |\n| --- | --- |")
    for name in ("auroc", "before", "left_held_out", "left_known", "auroc_words"):
        values = np.array([line[name] for line in lines])
        half = T_95.get(len(values), 1.96) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
        print(f"| {name} | {values.mean():.3f} [{values.mean() - half:.3f}, {values.mean() + half:.3f}] |")


if __name__ == "__main__":
    main()
