"""Where pretraining pays: random, embedded and local weights at 10, 50, 200 labels per class and all.

    python benchmarks/pretraining.py --data DIR --work DIR            measure what is not in WORK yet, print Markdown
    python benchmarks/pretraining.py --work DIR --table               print Markdown only

Local weights are made by the `evenhand pretrain` commands that the table names. A linear head is put on the frozen
network; its strength is chosen on a fifth of the labels, never on test rows. Seeds draw the labels, and all weights see
the same ones: intervals are Student's t over five seeds; all labels are one draw. Every network is a process of its
own, whose CPU seconds and largest memory are the system's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from pretraining_sets import ENCODED, READ, TABLES, Weights, prepare, ridge, weights_of

COUNTS = (10, 50, 200, 0)  # labels per class; 0: all
SEEDS = range(5)
STUDENT = 2.776  # 97.5 % quantile of t with 4 degrees of freedom
TABLE_WEIGHTS = {"random: the same network untrained": "random", "embedded: tabular-prior": "embedded"}
ASKED = 1_000  # rows of a table to predict
MOST = 1_000  # rows of a table that are "all"


def encoder_of(name: str, weights: Weights, work: Path, read: Any) -> Any:
    """The encoder of a set with some weights."""
    from evenhand.extending.discovering import load
    from evenhand.pretrained import load_encoder
    from evenhand.pretrained.processor import seed_and_threads
    from evenhand.recipe import Recipe

    local = (work / weights.backbone).is_dir()
    backbone = load().backbone(f"local:{work / weights.backbone}" if local else weights.backbone)
    shared = {"image_size": read.size, "max_length": 64, "threads": 1, "precision": "fp32", "layers": weights.layers}
    values = {"name": name, "domain": "benchmark", "title": name, "task": "multiclass", "modality": read.modality}
    recipe = Recipe.build({**values, "schema": {"input": ["input"], "label": "label"}, "finetune": shared}, {}, "here")
    seed_and_threads(recipe)
    return load_encoder(backbone, recipe), recipe.schema


def features_of(encoder: Any, schema: Any, rows: dict[str, list[Any]], file: Path) -> np.ndarray:
    """Features of all rows, kept in `file`."""
    from evenhand.adapting.features import FeatureCache
    from evenhand.data.reading import to_rows

    found: np.ndarray = FeatureCache(file).features(encoder, to_rows(rows), schema)
    return found


def drawn(targets: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows to learn from, which fifth of them is held to choose by): `count` of each class, or all there are."""
    rng = np.random.default_rng([seed, count])
    rows, held = [], []
    for one in np.unique(targets):
        found = rng.permutation(np.flatnonzero(targets == one))[: count or None]
        rows.append(found)
        held.append(np.arange(len(found)) < len(found) // 5)
    return np.concatenate(rows), np.concatenate(held)


def measure(name: str, label: str, data: Path, work: Path) -> list[dict[str, Any]]:
    """A line for each number of labels and seed."""
    from sklearn.metrics import roc_auc_score

    read = READ[name](data)
    encoder, schema = encoder_of(name, weights_of(name, work)[label], work, read)
    started = time.process_time()
    train, test = (features_of(encoder, schema, rows, work / "cache") for rows in (read.train, read.test))
    print(f"{name}, {label}: features in {time.process_time() - started:.0f} CPU s", file=sys.stderr)
    classes, targets = np.unique(read.train["label"], return_inverse=True)
    truth = np.searchsorted(classes, read.test["label"])
    lines = []
    for count in COUNTS:
        for seed in SEEDS if count else (0,):  # all rows are the same rows
            rows, held = drawn(targets, count, seed)
            weight, bias = ridge(train[rows], targets[rows], held, len(classes))
            logits = test @ weight + bias
            score = roc_auc_score(truth, logits[:, 1]) if read.measure == "AUC" else (logits.argmax(1) == truth).mean()
            lines.append({"set": name, "weights": label, "labels": count, "seed": seed, "score": float(score)})
    return lines


def measure_table(name: str, label: str, data: Path, work: Path) -> list[dict[str, Any]]:
    """The same for a table, whose rows with labels are the network's context."""
    import torch
    from sklearn.metrics import roc_auc_score
    from tabular_sets import load

    from evenhand.pretrained.tabular.classifier import TabularClassifier

    torch.set_num_threads(1)
    folder = None if TABLE_WEIGHTS[label] == "embedded" else untrained(work / "untrained")
    table, lines = load(name, data), []
    chosen, reported = np.flatnonzero(~table.reported), np.flatnonzero(table.reported)
    for count in COUNTS:
        for seed in SEEDS:
            rows, _ = drawn(table.labels[chosen], count, seed)
            rng = np.random.default_rng([seed, 1])
            rows, asked = rng.permutation(chosen[rows])[:MOST], rng.permutation(reported)[:ASKED]
            model = TabularClassifier(seed=0, weights=folder).fit(table.columns[rows], table.labels[rows])
            score = roc_auc_score(table.labels[asked], model.predict_proba(table.columns[asked])[:, 1])
            lines.append({"set": name, "weights": label, "labels": count, "seed": seed, "score": float(score)})
    return lines


def untrained(folder: Path) -> Path:
    """The tabular network before its first step, in a folder."""
    import torch
    from safetensors.torch import save_file

    from evenhand.files import digest
    from evenhand.pretrained.tabular.network import Shape, TabularNetwork
    from evenhand.pretrained.tabular.weights_file import EMBEDDED

    if not folder.exists():
        config = json.loads((EMBEDDED / "config.json").read_text())
        torch.manual_seed(0)
        folder.mkdir(parents=True)
        network = TabularNetwork(Shape(**config["shape"]))
        save_file(network.state_dict(), folder / "model.safetensors")
        told = {**config, "sha256": digest(folder / "model.safetensors")}
        (folder / "config.json").write_text(json.dumps(told))
    return folder


def child(arguments: list[str]) -> tuple[int, float, float]:
    """(exit code, CPU seconds, largest MB) of a command."""
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], dict(os.environ))
    _, status, usage = os.wait4(process, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def run(names: list[str], data: Path, work: Path) -> None:
    """Everything that WORK lacks: pretrainings first, then each network on each set."""
    work.mkdir(parents=True, exist_ok=True)
    done = {(line["set"], line["weights"]) for line in read_lines(work)}
    for name in names:
        offered = weights_of(name, work) if name in ENCODED else dict.fromkeys(TABLE_WEIGHTS, None)
        if name in ENCODED and any((name, label) not in done for label in offered):
            prepare(name, data, work)
        for label, weights in offered.items():
            if (name, label) in done:
                continue
            if weights is not None and weights.pretrain:
                pretrain(weights, work)
            one = [__file__, "--data", str(data), "--work", str(work), "--one", name, label]
            code, seconds, memory = child(one)
            if code:
                sys.exit(f"{name}, {label}: exit code {code}")
            append(work, {"set": name, "weights": label, "cost": True, "seconds": seconds, "mb": memory})


def pretrain(weights: Weights, work: Path) -> None:
    """Make local weights, and keep what they cost."""
    out = work / weights.backbone
    if (out / "backbone").exists():
        return
    code, seconds, memory = child(["-m", "evenhand", "pretrain", *weights.pretrain, "--out", str(out)])
    if code:
        sys.exit(f"pretraining of {weights.backbone}: exit code {code}")
    append(work, {"set": "pretrain", "weights": weights.backbone, "cost": True, "seconds": seconds, "mb": memory})


def append(work: Path, *lines: dict[str, Any]) -> None:
    """Put lines into the results."""
    with (work / "results.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def read_lines(work: Path) -> list[dict[str, Any]]:
    """What was measured."""
    file = work / "results.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def show(work: Path) -> None:
    """The results as Markdown."""
    scores: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    costs: dict[tuple[str, str], tuple[float, float]] = {}
    for line in read_lines(work):
        if line.get("cost"):
            costs[line["set"], line["weights"]] = line["seconds"], line["mb"]
        else:
            scores[line["set"], line["weights"]][line["labels"]].append(line["score"])
    for name in (*ENCODED, *TABLES):
        mine = {label: found for (one, label), found in scores.items() if one == name}
        if not mine:
            continue
        print(
            f"\n### {name}\n\n| weights | {' | '.join(f'{n} per class' if n else 'all' for n in COUNTS)} | CPU s | MB |"
        )
        print("|---|" + "---:|" * (len(COUNTS) + 2))
        for label, found in mine.items():
            seconds, memory = costs.get((name, label), (float("nan"), float("nan")))
            print(f"| {label} | {' | '.join(cell(found[n]) for n in COUNTS)} | {seconds:,.0f} | {memory:,.0f} |")
    print("\n### What the local weights cost\n\n| command | CPU s | MB |\n|---|---:|---:|")
    for name in ENCODED:
        for weights in weights_of(name, Path("WORK")).values():
            if weights.pretrain and ("pretrain", weights.backbone) in costs:
                seconds, memory = costs.pop(("pretrain", weights.backbone))
                print(f"| `evenhand pretrain {' '.join(weights.pretrain)}` | {seconds:,.0f} | {memory:,.0f} |")


def cell(scores: list[float]) -> str:
    """Mean and half of the 95 % interval over seeds."""
    if len(scores) < 2:
        return f"{scores[0]:.3f}" if scores else "–"
    return f"{np.mean(scores):.3f} ± {STUDENT * np.std(scores, ddof=1) / np.sqrt(len(scores)):.3f}"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--work", type=Path, default=Path("build/pretraining"), help="weights, features, results")
    parser.add_argument("--sets", nargs="*", default=[*ENCODED, *TABLES], choices=[*ENCODED, *TABLES])
    parser.add_argument("--one", nargs=2, metavar=("SET", "WEIGHTS"), help="one network on one set, in this process")
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    told = parser.parse_args()
    if told.one:
        measured = measure if told.one[0] in ENCODED else measure_table
        append(told.work, *measured(*told.one, told.data, told.work))
        return
    if not told.table:
        run(told.sets, told.data, told.work.absolute())
    show(told.work)


if __name__ == "__main__":
    main()
