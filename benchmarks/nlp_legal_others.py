"""Other ways to give texts several labels, for nlp_legal.py: TF-IDF + logistic regression, SetFit one-vs-rest.

    python benchmarks/nlp_legal_others.py tfidf|setfit ASKED.json SAID.json

ASKED.json: train, validation and test, each with texts and (but for test) truth, rows of 0 and 1. SAID.json: the score
of every label of the validation and test rows, and the process's peak memory. It imports nothing of evenhand, so that
an environment with SetFit alone runs it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from nlp_beside import peak


def tfidf(asked: dict[str, Any]) -> dict[str, Any]:
    """Words and pairs of words, one logistic regression a label; its strength and weights by validation.

    As evenhand does, it is fitted again on training and validation rows for the test, with thresholds from before.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score

    def fitted(texts: list[str], truth: np.ndarray, strength: float, weight: str | None) -> Any:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        found = words.fit_transform(texts)
        heads = [
            LogisticRegression(C=strength, class_weight=weight, solver="liblinear").fit(found, truth[:, j])
            if truth[:, j].any()
            else None
            for j in range(truth.shape[1])
        ]

        def scores(some: list[str]) -> np.ndarray:
            read = words.transform(some)
            none = np.zeros(len(some))
            return np.stack([none if head is None else head.predict_proba(read)[:, 1] for head in heads], axis=1)

        return scores

    (texts, truth), (held, known) = (
        (asked[name]["texts"], np.array(asked[name]["truth"])) for name in ("train", "validation")
    )
    best: tuple[float, Any] = (-1.0, None)
    for strength in (1.0, 10.0, 100.0):
        for weight in (None, "balanced"):
            scores = fitted(texts, truth, strength, weight)(held)
            there = known.any(axis=0)
            merit = float(average_precision_score(known[:, there], scores[:, there]))
            if merit > best[0]:
                best = merit, (strength, weight, scores)
    strength, weight, scores = best[1]
    final = fitted([*texts, *held], np.concatenate([truth, known]), strength, weight)
    return {"validation": scores.tolist(), "test": final(asked["test"]["texts"]).tolist()}


def setfit(asked: dict[str, Any], backbone: str, steps: int) -> dict[str, Any]:
    """SetFit's own trainer, one head a label (one-vs-rest); its defaults but for the steps, which bound its time."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    truth = np.array(asked["train"]["truth"])
    there = np.flatnonzero(truth.any(axis=0))
    rows = Dataset.from_dict({"text": asked["train"]["texts"], "label": truth[:, there].tolist()})
    model = SetFitModel.from_pretrained(backbone, multi_target_strategy="one-vs-rest")
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place, batch_size=16, max_steps=steps, seed=asked["seed"], save_strategy="no", report_to="none"
        )
        Trainer(model=model, args=arguments, train_dataset=rows).train()
    made = {}
    for name in ("validation", "test"):
        scores = np.zeros((len(asked[name]["texts"]), truth.shape[1]))
        scores[:, there] = np.asarray(model.predict_proba(asked[name]["texts"], as_numpy=True))
        made[name] = scores.tolist()
    return made


def main(method: str, file: Path, out: Path) -> None:
    """Score as the method does, and say with how much memory."""
    asked = json.loads(file.read_text("utf-8"))
    if method == "tfidf":
        made = tfidf(asked)
    else:
        made = setfit(asked, os.environ["SETFIT_BACKBONE"], int(os.environ.get("SETFIT_STEPS", "200")))
    out.write_text(json.dumps({**made, "mb": peak()}), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
