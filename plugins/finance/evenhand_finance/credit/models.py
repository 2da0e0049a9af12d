"""Two models of the log-odds of default whose every score splits exactly into one share per input.

`boosting`: LightGBM's trees, split by its own TreeSHAP (Lundberg & Lee 2017). `logistic`: a scorecard, whose Shapley
values are its terms less their means. Both keep to declared directions (monotone), and both can be made to pull two
groups' decisions together while they are trained; the groups are never asked for afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from evenhand_finance.credit.inputs import NAME, Inputs

RIDGE = 10.0  # prior rows per weight of the scorecard, as scikit-learn's 1 / C
SHAPES = ({"num_leaves": 4}, {"num_leaves": 15}, {"num_leaves": 31})
BOOSTING = {"learning_rate": 0.07, "min_data_in_leaf": 20, "lambda_l2": 1.0, "max_bin": 127}
MOST_ROUNDS, PATIENCE = 400, 30
WIDTH = 0.2  # of the region around the line, in log-odds, where that pull acts: the narrower, the less order is lost


@dataclass(frozen=True, slots=True)
class Pull:
    """Draws a group's decisions nearer to the others' while training: `cost` per row is added to the loss.

    cost: [rows], its sum 0; positive where the score should fall. share: of rows above the line (the declined).
    at_the_line: the pull acts near the decision only, so that the order elsewhere stays the best one.
    """

    cost: np.ndarray
    share: float
    at_the_line: bool = False

    def slope(self, score: np.ndarray) -> np.ndarray:
        """What the pull adds to the gradient of each row's score."""
        if not self.at_the_line:
            return self.cost
        nearness = sigmoid((score - np.quantile(score, 1 - self.share)) / WIDTH)
        return np.asarray(self.cost * 4 * nearness * (1 - nearness))


@dataclass(frozen=True, slots=True)
class Task:
    """What is fitted: the matrix, which rows defaulted, their weights, declared directions, and a pull if any."""

    x: np.ndarray
    y: np.ndarray  # 0 or 1
    weight: np.ndarray
    inputs: Inputs
    monotone: dict[str, int] = field(default_factory=dict)
    pull: Pull | None = None
    seed: int = 0

    @property
    def directions(self) -> list[int]:
        """-1, 0 or 1 of each column: how the risk may move as it grows."""
        return [int(self.monotone.get(name, 0)) for name in self.inputs.names]


class Fitted(Protocol):
    """A model of the log-odds of default."""

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """[rows]."""
        ...

    def shares(self, x: np.ndarray) -> np.ndarray:
        """[rows, columns]: what each column adds to the log-odds over the average applicant; rows sum to the rest."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Boosting:
    """LightGBM's trees, as text."""

    text: str
    base: float  # log-odds that the trees start from

    def _trees(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """[rows]."""
        return np.asarray(self._trees().predict(x, raw_score=True, num_threads=1)) + self.base

    def shares(self, x: np.ndarray) -> np.ndarray:
        """TreeSHAP, exact for these trees."""
        return np.asarray(self._trees().predict(x, pred_contrib=True, num_threads=1))[:, :-1]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"kind": "boosting", "text": self.text, "base": self.base}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A sum of terms, several for a column; `means` are those of the training rows."""

    inputs: Inputs
    weights: tuple[float, ...]
    means: tuple[float, ...]
    base: float

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """[rows]."""
        return np.asarray(design(x, self.inputs)[0] @ np.array(self.weights) + self.base)

    def shares(self, x: np.ndarray) -> np.ndarray:
        """Shapley values of a sum, exact: each column's terms less their means."""
        terms, owner, _ = design(x, self.inputs)
        own = (terms - np.array(self.means)) * np.array(self.weights)
        return np.column_stack([own[:, owner == place].sum(1) for place in range(len(self.inputs.columns))])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {"weights": list(self.weights), "means": list(self.means), "base": self.base}
        return {"kind": "logistic", "inputs": self.inputs.as_dict(), **told}


def from_dict(told: dict[str, Any]) -> Fitted:
    """What `as_dict` gave."""
    if told["kind"] == "boosting":
        return Boosting(told["text"], told["base"])
    weights, means = tuple(told["weights"]), tuple(told["means"])
    return Scorecard(Inputs.from_dict(told["inputs"]), weights, means, told["base"])


def design(x: np.ndarray, inputs: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(terms [rows, terms], the column of each, how each may move: 1 up with its column, 0 not in order)."""
    terms, owner, ordered = [], [], []
    for place, column in enumerate(inputs.columns):
        value = x[:, place]
        if column.kind == NAME:
            made = [(value == code).astype(float) for code in range(len(column.values))]
            order = 0
        else:
            known = np.nan_to_num(value, nan=column.middle)
            width = (column.high - column.low) or 1.0
            straight = (np.clip(known, column.low, column.high) - column.middle) / width
            made = [3 * straight, *((known > step).astype(float) for step in column.steps)]
            order = 1
        unknown = [np.isnan(value).astype(float)] if column.kind != NAME else []
        terms += [*made, *unknown]
        owner += [place] * (len(made) + len(unknown))
        ordered += [order] * len(made) + [0] * len(unknown)
    return np.column_stack(terms), np.array(owner), np.array(ordered)


def fit_scorecard(task: Task) -> Scorecard:
    """Ridge-penalised logistic regression; declared directions are bounds on the weights, so they hold exactly."""
    from scipy.optimize import minimize

    terms, owner, ordered = design(task.x, task.inputs)
    weight = task.weight / task.weight.mean()
    n, signs = len(task.y), np.array(task.directions)[owner] * ordered
    bounds = [*({-1: (None, 0), 0: (None, None), 1: (0, None)}[int(sign)] for sign in signs), (None, None)]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        score = terms @ w[:-1] + w[-1]
        value = (weight * (np.logaddexp(0, score) - task.y * score)).sum() + RIDGE / 2 * w[:-1] @ w[:-1]
        slope = weight * (sigmoid(score) - task.y)
        if task.pull is not None:
            value += task.pull.cost @ score
            slope = slope + task.pull.cost
        return value / n, np.append(slope @ terms + RIDGE * w[:-1], slope.sum()) / n

    found = minimize(loss, np.zeros(terms.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    means = np.average(terms, axis=0, weights=weight)
    return Scorecard(task.inputs, tuple(found.x[:-1].tolist()), tuple(means.tolist()), float(found.x[-1]))


def fit_boosting(task: Task, leaves: int, rounds: int, held: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """(the trees, the best number of rounds by the rows `held`: their matrix and labels); without them all rounds."""
    import lightgbm

    rate = float(np.clip(np.average(task.y, weights=task.weight), 1e-4, 1 - 1e-4))
    base = float(np.log(rate / (1 - rate)))
    names = [place for place, column in enumerate(task.inputs.columns) if column.kind == NAME]
    data = lightgbm.Dataset(task.x, task.y, weight=task.weight, categorical_feature=names, free_raw_data=False)

    def slopes(score: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
        """Log loss with the pull; scores and weights as LightGBM hands them to an objective of one's own."""
        chance = sigmoid(score + base)
        slope, bend = task.weight * (chance - task.y), task.weight * chance * (1 - chance)
        return (slope, bend) if task.pull is None else (slope + task.pull.slope(score), np.maximum(bend, 0.02))

    settings = {**BOOSTING, "num_leaves": leaves, "objective": slopes, "seed": task.seed, "verbosity": -1}
    settings |= {"deterministic": True, "force_row_wise": True, "num_threads": 1, "metric": "None"}
    if any(task.directions):
        settings |= {"monotone_constraints": task.directions, "monotone_constraints_method": "advanced"}
    if held is None:
        return Boosting(lightgbm.train(settings, data, rounds).model_to_string(), base), rounds
    judged = lightgbm.Dataset(held[0], held[1], reference=data, free_raw_data=False)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)

    def log_loss(score: np.ndarray, asked: Any) -> tuple[str, float, bool]:
        at = score + base
        return "log loss", float(np.mean(np.logaddexp(0, at) - asked.get_label() * at)), False

    trees = lightgbm.train(settings, data, rounds, valid_sets=[judged], feval=log_loss, callbacks=[stop])
    best = max(1, trees.best_iteration)
    return Boosting(trees.model_to_string(num_iteration=best), base), best


def sigmoid(score: np.ndarray) -> np.ndarray:
    """Log-odds as probability, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(score / 2)))
