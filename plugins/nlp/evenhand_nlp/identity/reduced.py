"""Heads on the frozen backbone whose mixture is even between groups: fairlearn's exponentiated gradient."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Adapted, Backbone, BadInput, Encoder, Recipe, Schema, Splits, found_again, load_encoder

PARITIES = ("selection", "errors")
BOUND = 0.02  # difference that the constraint allows on the training texts
ROUNDS = 25
STRENGTHS = (0.001, 0.003, 0.01, 0.1, 1.0)  # logistic regression's C on features of unit spread
FOLDS = 5
REST = "no group alone"


@dataclass(frozen=True, slots=True)
class ReducedModel:
    """heads: float64 [heads, width + 1], the bias last; share: [heads], how often each decides; sum 1."""

    encoder: Encoder
    heads: np.ndarray
    share: np.ndarray
    schema: Schema
    positive: int

    def scores(self, rows: Any) -> np.ndarray:
        """Probabilities [rows, 2]: the heads' decisions, and within them their order, by their share.

        The mixture's chance to say yes is what fairlearn's constraint speaks of; a hundredth of the heads' own
        probability tells rows apart that every head decides alike.
        """
        seen = np.asarray(self.encoder.features(rows, self.schema), dtype=np.float64)
        logits = seen @ self.heads[:, :-1].T + self.heads[:, -1]
        soft = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
        yes = (0.99 * (logits >= 0) + 0.01 * soft) @ self.share
        found = np.empty((len(yes), 2))
        found[:, self.positive], found[:, 1 - self.positive] = yes, 1 - yes
        return found

    def save(self, folder: Path) -> None:
        """All of it as JSON, but for the backbone's weights, which stay with it."""
        about = {
            "encoder": self.encoder.identity,
            "heads": self.heads.tolist(),
            "share": self.share.tolist(),
            "schema": self.schema.model_dump(),
            "positive": self.positive,
        }
        (folder / "reduced.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> ReducedModel:
        """What `save` wrote; BadInput where the backbone is another than it was fitted on."""
        about = json.loads((folder / "reduced.json").read_text("utf-8"))
        return cls(
            found_again(about["encoder"], recipe, backbone),
            np.asarray(about["heads"]),
            np.asarray(about["share"]),
            Schema.model_validate(about["schema"]),
            about["positive"],
        )


def reduced(recipe: Recipe, splits: Splits, backbone: Any, axes: list[str]) -> Adapted:
    """The mixture fitted on train; validation only says how well it does."""
    parity = recipe.options.get("parity", "selection")
    if parity not in PARITIES:
        raise BadInput(f"options.parity is {parity!r}; it is one of {', '.join(PARITIES)}")
    encoder, label = load_encoder(backbone, recipe), splits.schema.require("label", "training")
    classes = tuple(sorted({str(value) for value in splits.train[label]}))
    positive = classes.index(str(splits.schema.positive))
    truth = np.array([str(value) == classes[positive] for value in splits.train[label]], dtype=int)
    seen = np.asarray(encoder.features(splits.train, splits.schema), dtype=np.float64)
    heads, share = _mixture(seen, truth, named(splits.train, axes), str(parity), recipe.seed)
    model = ReducedModel(encoder, heads, share, splits.schema, positive)
    held = model.scores(splits.validation)
    right = [classes[i] == str(value) for i, value in zip(held.argmax(1), splits.validation[label], strict=True)]
    note = f"mitigation reductions: {len(share)} heads, even in {parity} between groups up to {BOUND} on train"
    measured = {"accuracy": float(np.mean(right))} if right else {}
    return Adapted(model, classes, "reductions", {}, measured, (note,), held if len(held) else None)


def named(rows: Any, axes: list[str]) -> list[str]:
    """What each text names, as one group: the axes joined."""
    return [" / ".join(map(str, groups)) for groups in zip(*(rows[name] for name in axes), strict=True)]


def _mixture(
    seen: np.ndarray, truth: np.ndarray, groups: list[str], parity: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
    from sklearn.linear_model import LogisticRegression

    centre, spread = seen.mean(axis=0), float(seen.std()) or 1.0
    rule: Any = DemographicParity if parity == "selection" else EqualizedOdds
    count = {group: groups.count(group) for group in set(groups)}
    gathered = [group if count[group] >= 20 else REST for group in groups]
    search: Any = ExponentiatedGradient(
        LogisticRegression(C=_strength((seen - centre) / spread, truth, seed), max_iter=200, random_state=seed),
        rule(difference_bound=BOUND),
        max_iter=ROUNDS,
    )
    search.fit((seen - centre) / spread, truth, sensitive_features=gathered)
    kept = [(model, share) for model, share in zip(search.predictors_, search.weights_, strict=False) if share > 0]
    heads = []
    for model, _ in kept:
        weight, bias = _linear(model, seen.shape[1])
        heads.append(np.append(weight / spread, bias - weight @ centre / spread))
    share = np.array([share for _, share in kept])
    return np.stack(heads), share / share.sum()


def _strength(seen: np.ndarray, truth: np.ndarray, seed: int) -> float:
    """The strength whose heads tell held-out training texts best, before any constraint."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    folds = min(FOLDS, *np.bincount(truth, minlength=2))
    if folds < 2:
        return STRENGTHS[-1]
    divided = StratifiedKFold(folds, shuffle=True, random_state=seed)
    told = [
        cross_val_score(LogisticRegression(C=c, max_iter=200), seen, truth, cv=divided, scoring="neg_log_loss").mean()
        for c in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(told))]


def _linear(model: Any, width: int) -> tuple[np.ndarray, float]:
    """(weight, bias) of a head; fairlearn puts a constant where a reweighted problem has one class alone."""
    if hasattr(model, "coef_"):
        return model.coef_[0], float(model.intercept_[0])
    return np.zeros(width), 1.0 if int(np.ravel(model.predict(np.zeros((1, width))))[0]) == 1 else -1.0
