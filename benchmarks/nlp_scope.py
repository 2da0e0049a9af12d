"""None of these: how well messages of intents that nobody taught are told from those of known intents.

    python benchmarks/nlp_scope.py --data banking77 --seeds 5            # whole commands
    python benchmarks/nlp_scope.py --data banking77 --seeds 5 --heads    # the scores alone, in a minute or two

The draw: a quarter of the intents is held out, those whose sha256 of "SEED newline INTENT" is smallest. Their rows are
in no file that the run sees. `evenhand run nlp/support-intent` learns the other intents, and `evenhand predict` scores
all test messages. Measured: how often a message of a held-out intent has a higher `none_of_these` than one of a known
intent (AUROC), and what share of both kinds is left open (`abstained`) at the recipe's threshold, which decides 95 of
100 validation messages. Beside it: 1 - the highest probability of TF-IDF + logistic regression fitted to the same rows.

--heads asks the probe's head on the frozen features, without a run, on train.csv alone: three quarters of the rows of
the known intents are fitted on, and the others stand beside all rows of the held-out intents. Every score that the
recipe chooses between is measured, and what share of both kinds lies above the value that decides 95 of 100 known ones.
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


def features(data: Path, cache: Path) -> np.ndarray:
    """What the recipe's frozen backbone makes of train.csv, [rows, width]."""
    from datasets import Dataset

    from evenhand.adapting.features import FeatureCache
    from evenhand.extending.discovering import load
    from evenhand.pretrained import load_encoder

    recipe = load().recipe("nlp/support-intent")
    encoder = load_encoder(load().backbone(recipe.backbone), recipe)
    texts = Dataset.from_dict({"text": [row["text"] for row in read(data / "train.csv")]})
    return np.asarray(FeatureCache(cache).features(encoder, texts, recipe.schema))


def heads(rows: list[dict[str, str]], vectors: np.ndarray, seed: int) -> dict[str, float | int]:
    """One draw by the probe's head: each score's AUROC, and what it leaves open of intents that nobody taught."""
    from evenhand.adapting.labels import Labels
    from evenhand.adapting.probe import fit_head, softmax
    from evenhand.adapting.scope import KINDS, STRENGTH, centres_of, strangeness

    names = np.array([row["category"] for row in rows])
    strange = np.isin(names, list(held_out(set(names.tolist()), seed)))
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~strange))
    fitted, others = np.split(order, [round(0.75 * len(order))])
    asked = np.concatenate([others, np.flatnonzero(strange)])
    classes, targets = np.unique(names[fitted], return_inverse=True)
    labels = Labels("multiclass", tuple(classes.tolist()), targets, targets[:0], targets[:0])
    head = fit_head(vectors[fitted], targets, STRENGTH, labels)
    chances, centres = softmax(head.logits(vectors[asked])), centres_of(vectors[fitted], targets)
    scores = {kind: strangeness(kind, chances, vectors[asked], centres) for kind in KINDS}
    scores["words"] = words([rows[i] for i in fitted], [rows[i] for i in asked])
    line: dict[str, float | int] = {"seed": seed, "held_out": int(strange.sum()), "known": len(others)}
    for kind, score in scores.items():
        line[kind] = auroc(strange[asked], score)
        line[f"{kind}, left open"] = float((score[len(others) :] > np.quantile(score[: len(others)], 0.95)).mean())
    return line


def table(lines: list[dict]) -> str:
    """The mean of every measure over the draws, with the 95 % interval of the mean."""
    rows = ["| measure | mean of the draws, 95 % interval |", "| --- | --- |"]
    for name in (key for key, value in lines[0].items() if isinstance(value, float) and value <= 1):
        values = np.array([line[name] for line in lines])
        half = T_95.get(len(values), 1.96) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
        rows.append(f"| {name} | {values.mean():.3f} [{values.mean() - half:.3f}, {values.mean() + half:.3f}] |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with train.csv and test.csv of BANKING77")
    parser.add_argument("--seeds", type=int, default=5, help="draws, numbered from 0")
    parser.add_argument("--set", action="append", default=[], help="a setting for every run")
    parser.add_argument("--out", type=Path, default=Path("nlp_scope.jsonl"))
    parser.add_argument("--heads", action="store_true", help="the scores alone, on train.csv, without runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.heads:
            rows, vectors = read(options.data / "train.csv"), features(options.data, Path(folder))
            lines = [heads(rows, vectors, seed) for seed in range(options.seeds)]
            print("\n".join([*map(json.dumps, lines), table(lines)]))
            return
        for seed in range(options.seeds):
            if seed not in {line["seed"] for line in known(options.out)}:
                line = one(options, Path(folder) / str(seed), seed)
                with options.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
    print(table(known(options.out)))


if __name__ == "__main__":
    main()
