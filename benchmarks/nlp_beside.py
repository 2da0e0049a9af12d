"""Other ways to classify texts beside evenhand, each in a process of its own: accuracy, wall time, peak memory.

A folder holds train.csv and test.csv, and perhaps other.csv (columns text, label). Each method is started cold, learns
from train and says the probability of the positive label for every row of the others. SetFit needs an environment of
its own (`--setfit PYTHON`).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

STUDENT = 2.776  # 97.5 % quantile of t with 4 degrees of freedom
PARTS = ("test", "other")


def measured(command: list[str], env: dict[str, str]) -> dict[str, float]:
    """Wall and processor seconds of a process that must succeed; its peak memory it must tell itself.

    What the system says of a child's peak counts the parent's memory at the moment of starting it.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)[:300]} ended with {status}")
    seconds = usage.ru_utime + usage.ru_stime
    return {"wall": time.perf_counter() - start, "cpu": seconds}


def beside(method: str, folder: Path, positive: str, python: str, backbone: str) -> dict[str, Any]:
    """What `method` (tfidf or setfit) reaches on the folder's parts, and what it costs."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "said.json"
        command = [python, __file__, method, str(folder), positive, str(out), backbone]
        cost = measured(command, {**os.environ, "TOKENIZERS_PARALLELISM": "false"})
        return {**json.loads(out.read_text("utf-8")), **cost}


def whole_command(recipe: str, source: Path, out: Path, *settings: str) -> dict[str, float]:
    """`evenhand run` in a process of its own with a cold cache, and what it costs; the run is left in `out`."""
    command = [sys.executable, "-m", "evenhand", "run", recipe, "--data", str(source), "--out", str(out)]
    for setting in settings:
        command += ["--set", setting]
    return {**measured(command, {**os.environ, "EVENHAND_CACHE": f"{out}.cache"}), "mb": peak_of(out)}


def peak() -> float:
    """MB that this process has had in memory at most (Linux)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def peak_of(run: Path) -> float:
    """MB that a run of evenhand says it has had at most."""
    told = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return max(float(one["peak_memory_mb"]) for one in told if "peak_memory_mb" in one)


def _read(file: Path) -> tuple[list[str], list[str]]:
    import csv

    csv.field_size_limit(1 << 24)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def tfidf(texts: list[str], labels: list[str], positive: str) -> Any:
    """Words and pairs of words, logistic regression, its strength by cross-validation of the training rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    head = LogisticRegressionCV(Cs=[0.1, 1.0, 10.0, 100.0], cv=5, max_iter=500)
    model = make_pipeline(words, head).fit(texts, labels)
    column = list(model.classes_).index(positive)
    return lambda some: model.predict_proba(some)[:, column].tolist()


def setfit(texts: list[str], labels: list[str], positive: str, backbone: str) -> Any:
    """SetFit's own trainer, its defaults but for the number of steps, which bounds its time on two cores."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(backbone)
    steps = int(os.environ.get("SETFIT_STEPS", "200"))
    arguments = TrainingArguments(batch_size=16, max_steps=steps, seed=0, report_to="none")
    numbers = [int(label == positive) for label in labels]
    trainer = Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict({"text": texts, "label": numbers}))
    trainer.train()
    return lambda some: [float(row[1]) for row in model.predict_proba(some)]


def main(method: str, folder: Path, positive: str, out: Path, backbone: str) -> None:
    """Fit on train and write what is said of the other parts."""
    texts, labels = _read(folder / "train.csv")
    score = tfidf(texts, labels, positive) if method == "tfidf" else setfit(texts, labels, positive, backbone)
    said = {part: score(_read(folder / f"{part}.csv")[0]) for part in PARTS if (folder / f"{part}.csv").is_file()}
    out.write_text(json.dumps({"said": said, "mb": peak()}), "utf-8")


def quality(said: Iterable[float], labels: Iterable[str], positive: str) -> dict[str, float]:
    """Accuracy at one half, and AUC."""
    from sklearn.metrics import roc_auc_score

    score, truth = list(said), [str(label) == positive for label in labels]
    right = sum((s >= 0.5) == t for s, t in zip(score, truth, strict=True))
    return {"accuracy": right / len(truth), "auc": float(roc_auc_score(truth, score))}


def mean(values: list[float], points: bool = True) -> str:
    """The mean of seeds with its 95 % interval by Student's t; in percent points where asked."""
    scale = 100 if points else 1
    middle = sum(values) / len(values) * scale
    if len(values) != 5:
        seeds = f"{len(values)} seed{'s' if len(values) > 1 else ''}"
        return f"{middle:.1f} ({seeds})" if points else f"{middle:.3f} ({seeds})"
    spread = math.sqrt(sum((v * scale - middle) ** 2 for v in values) / 4)
    reach = STUDENT * spread / math.sqrt(5)
    form = ".1f" if points else ".3f"
    return f"{middle:{form}} ({middle - reach:{form}} to {middle + reach:{form}})"


@contextmanager
def remembered(file: Path) -> Iterator[None]:
    """What the frozen text backbone makes of a text is asked once, and kept in `file`."""
    from evenhand.pretrained import text

    plain = text.TextEncoder.features
    known: dict[str, np.ndarray] = {}
    if file.is_file():
        with np.load(file) as held:
            known = dict(zip(json.loads(bytes(held["texts"]).decode()), held["features"], strict=True))

    def features(self: Any, rows: Any, schema: Any) -> np.ndarray:
        texts = text.texts_of(rows, schema)
        new = {one: place for place, one in enumerate(texts) if one not in known}
        if new:
            known.update(zip(new, plain(self, rows.select(list(new.values())), schema), strict=True))
        return np.stack([known[one] for one in texts]) if texts else plain(self, rows, schema)

    text.TextEncoder.features = features  # type: ignore[method-assign]
    try:
        yield
    finally:
        text.TextEncoder.features = plain  # type: ignore[method-assign]
        if known:
            texts = np.frombuffer(json.dumps(list(known)).encode(), np.uint8)
            np.savez(file, features=np.stack(list(known.values())), texts=texts)


def add(results: Path, line: dict[str, Any]) -> None:
    """Append a line."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print({key: value for key, value in line.items() if key not in ("said", "facts")}, flush=True)


def lines(results: Path) -> list[dict[str, Any]]:
    """What a results file holds."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5])
