"""Fits the model of credit-default: a kind chosen on validation, reasons for the declined, and the alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from evenhand import Adapted, BadInput, Recipe, Splits
from evenhand_finance.credit.candidates import KINDS, Candidate
from evenhand_finance.credit.groups import Grouped
from evenhand_finance.credit.inputs import Inputs, as_frame
from evenhand_finance.credit.model import CreditModel, Evidence, threshold_of
from evenhand_finance.credit.models import MOST_ROUNDS, SHAPES, Fitted, Scorecard, Task, design, fit_boosting, sigmoid
from evenhand_finance.credit.proxies import Proxy, proxies
from evenhand_finance.credit.reading import defaulted, positive_of
from evenhand_finance.credit.reasons import MOST, Dictionary, as_table, overlap, reasons_of
from evenhand_finance.credit.search import Rules, Search, Table, Workshop, search

TOLD_BY, DROPPED = 0.6, 3  # an input of at least this AUC on the repaired group, and how many of them may be left out
REFITS = 5  # to see how stable reasons are
SHAPED_ON = 0.2  # of the training rows


@dataclass(frozen=True, slots=True)
class Bench:
    """The rows of one run, as frames and as tables ready to fit."""

    recipe: Recipe
    frames: dict[str, pl.DataFrame]
    tables: dict[str, Table]
    inputs: Inputs
    classes: tuple[Any, Any]
    place: int  # of the positive class

    @classmethod
    def of(cls, recipe: Recipe, splits: Splits) -> Bench:
        """Learn the inputs from the training rows."""
        parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        frames = {name: as_frame(rows) for name, rows in parts.items()}
        label = splits.schema.require("label", "training")
        inputs = Inputs.learn(frames["train"], splits.schema.input)
        values = sorted(frames["train"][label].unique().to_list(), key=str)
        positive = next(value for value in values if str(value) == str(positive_of(values, recipe)))
        place = values.index(positive)
        groups = _groups(frames, splits.schema.sensitive, recipe)
        tables = {
            name: Table(inputs.matrix(rows), defaulted(rows[label], recipe).astype(float), groups[name])
            for name, rows in frames.items()
            if name != "test"
        }
        return cls(recipe, frames, tables, inputs, (values[0], values[1]), place)


def _groups(
    frames: dict[str, pl.DataFrame], sensitive: tuple[str, ...], recipe: Recipe
) -> dict[str, tuple[Grouped, ...]]:
    """The groups of each split, bands of numbers cut alike in all."""
    whole = pl.concat([frames[name].select(sensitive) for name in ("train", "validation")]) if sensitive else None
    found: dict[str, list[Grouped]] = {"train": [], "validation": []}
    if whole is not None:
        cut = frames["train"].height
        for name in sensitive:
            group = Grouped.of(whole[name], recipe)
            for part, rows in (("train", slice(None, cut)), ("validation", slice(cut, None))):
                found[part].append(Grouped(name, group.names, group.code[rows]))
    return {**{part: tuple(groups) for part, groups in found.items()}, "test": ()}


def train(recipe: Recipe, splits: Splits, run: Any) -> Adapted:
    """Choose a kind, search for alternatives, fit the model that the recipe asks for, and write down why."""
    bench = Bench.of(recipe, splits)
    wanted = str(recipe.options.get("model", "auto"))
    shape, chosen = _shape(bench)
    workshop = Workshop(bench.inputs, recipe.options.get("monotone", {}), shape, recipe.seed)
    both, validation = {kind: workshop.make(Candidate(kind), bench.tables["train"], None) for kind in KINDS}, {}
    for kind, fitted in both.items():
        validation[f"auc of {kind}"] = _auc(bench.tables["validation"], fitted.log_odds(bench.tables["validation"].x))
    best = max(KINDS, key=lambda kind: validation[f"auc of {kind}"])
    candidate = Candidate(best) if wanted == "auto" else Candidate.read(wanted, bench.inputs.names)
    told = proxies(bench.frames["train"], bench.tables["train"].x, bench.inputs.names, bench.tables["train"].groups)
    helped = _helped(bench, candidate)
    found = None if helped else _searched(bench, workshop, candidate, told, run)
    fitted = both[candidate.kind] if not candidate.how and not candidate.without else None
    fitted = fitted or workshop.make(candidate, bench.tables["train"], helped)
    evidence = _evidence(bench, workshop, candidate, fitted, helped, told, found)
    model = CreditModel(str(candidate), bench.inputs.without(candidate.without), fitted, bench.place, evidence)
    others = {
        kind: CreditModel(kind, bench.inputs, both[kind], bench.place) for kind in KINDS if kind != str(candidate)
    }
    notes = (chosen, *_notes(recipe, bench))
    return Adapted(model, bench.classes, str(candidate), {**_majority(bench), **others}, validation, notes)


def _auc(table: Table, score: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(table.y, score)) if 0 < table.y.mean() < 1 else float("nan")


def _shape(bench: Bench) -> tuple[tuple[int, int], str]:
    """(leaves and rounds of the boosting with the least log loss on a part of train, a sentence).

    The validation rows are left alone: alternatives are compared on them with the model of this shape, and one that was
    shaped on them would look better there than it is.
    """
    every = bench.tables["train"]
    order = np.random.default_rng([bench.recipe.seed, 11]).permutation(len(every.y))
    held = order[: max(1, round(SHAPED_ON * len(order)))]
    table, judged = every.part(np.setdiff1d(order, held)), every.part(held)
    task = Task(table.x, table.y, np.ones(len(table.y)), bench.inputs, dict(bench.recipe.options.get("monotone", {})))
    tried = {}
    for shape in SHAPES:
        trees, rounds = fit_boosting(task, shape["num_leaves"], MOST_ROUNDS, (judged.x, judged.y))
        at = trees.log_odds(judged.x)
        tried[shape["num_leaves"], rounds] = float(np.mean(np.logaddexp(0, at) - judged.y * at))
    best = min(tried, key=lambda key: tried[key])
    return best, f"boosting: {best[1]} trees of {best[0]} leaves, by log loss on a fifth of the training rows"


def _majority(bench: Bench) -> dict[str, CreditModel]:
    """The baseline that gives everybody the share of defaults among the training rows."""
    rate = float(np.clip(bench.tables["train"].y.mean(), 1e-4, 1 - 1e-4))
    inputs = Inputs(bench.inputs.columns[:1])
    zeros = (0.0,) * design(np.zeros((1, 1)), inputs)[0].shape[1]
    flat = Scorecard(inputs, zeros, zeros, float(np.log(rate / (1 - rate))))
    return {"majority": CreditModel("majority", inputs, flat, bench.place)}


def _searched(bench: Bench, workshop: Workshop, reference: Candidate, told: list[Proxy], run: Any) -> Search | None:
    """The search, unless the recipe does without or there are no groups to compare."""
    options = bench.recipe.options
    if not options.get("search", True) or not bench.tables["train"].groups:
        return None
    column, group = _repair(bench)
    asked = [proxy for proxy in told if not column or proxy.column == column]
    strongest = dict.fromkeys(name for proxy in asked for name, auc in proxy.strongest if auc >= TOLD_BY)
    dropped = tuple(strongest)[: min(DROPPED, len(bench.inputs.names) - 1)]
    threshold, budget = threshold_of(bench.recipe), float(options.get("auc_loss", 0.02))
    rules = Rules(reference, threshold, budget, column, group, dropped)

    def step(done: int, total: int) -> None:
        run.progress(done, total, "candidates for a less discriminatory model")

    return search(workshop, bench.tables["train"], bench.tables["validation"], rules, step)


def _repair(bench: Bench) -> tuple[str, str]:
    """(column, group) of options.repair, each "" where the search is to find it."""
    column, _, group = str(bench.recipe.options.get("repair", "")).partition("=")
    known = {found.column: found.names for found in bench.tables["train"].groups}
    if column and column not in known:
        raise BadInput(f"options.repair names '{column}', which is no sensitive column; those are {', '.join(known)}")
    if group and group not in known[column]:
        raise BadInput(f"options.repair names the group '{group}' of '{column}'; it has {', '.join(known[column])}")
    return column, group


def _helped(bench: Bench, candidate: Candidate) -> tuple[str, str] | None:
    """(column, group) that the recipe's own mitigation draws up; None for a model without one."""
    if not candidate.how:
        return None
    column, group = _repair(bench)
    if not group:
        raise BadInput(
            f"options.model = '{candidate}' draws a group up; say which with --set options.repair=COLUMN=GROUP"
        )
    return column, group


def _evidence(
    bench: Bench,
    workshop: Workshop,
    candidate: Candidate,
    fitted: Fitted,
    helped: tuple[str, str] | None,
    told: list[Proxy],
    found: Search | None,
) -> Evidence:
    """Reasons of the declined, their stability, and what the front says of the test rows."""
    inputs, frame = bench.inputs.without(candidate.without), bench.frames["test"]
    dictionary = Dictionary.of(bench.recipe)
    x, limit = inputs.matrix(frame), threshold_of(bench.recipe)
    declined = sigmoid(fitted.log_odds(x)) >= limit
    reasons = reasons_of(fitted.shares(x[declined]), x[declined], inputs, dictionary)
    ids = [bench.recipe.schema.id] if bench.recipe.schema.id else []
    beside = frame.with_row_index("test_row").filter(pl.Series(declined)).select("test_row", *ids)
    table = as_table(reasons, inputs, beside)
    facts = {
        "reason_columns": [*ids, *(f"{word}_{rank + 1}" for word in ("reason", "input") for rank in range(MOST))],
        "reasons_version": dictionary.version,
        "without_words": dictionary.missing(inputs.names),
        "stability": _stability(bench, workshop, candidate, helped, x[declined], reasons.factor),
        "proxies": [proxy.as_dict() for proxy in told],
        "search": None if found is None else found.as_dict(),
    }
    return Evidence(facts, table, _tested(bench, workshop, found))


def _stability(
    bench: Bench,
    workshop: Workshop,
    candidate: Candidate,
    helped: tuple[str, str] | None,
    x: np.ndarray,
    factor: np.ndarray,
) -> dict[str, Any]:
    """How much of the reasons stays when the model is fitted again to training rows drawn with replacement."""
    table, inputs = bench.tables["train"], bench.inputs.without(candidate.without)
    rng, overlaps, first = np.random.default_rng([bench.recipe.seed, 9]), [], []
    for _ in range(REFITS if len(x) else 0):
        rows = rng.integers(0, len(table.y), len(table.y))
        again = workshop.make(candidate, table.part(rows), helped)
        other = reasons_of(again.shares(x), x, inputs, Dictionary.of(bench.recipe)).factor
        overlaps.append(overlap(factor, other))
        named = factor[:, 0] >= 0
        first.append(float((other[named] == factor[named, :1]).any(1).mean()))
    return {"refits": len(overlaps), "overlap": overlaps, "first_kept": first}


def _tested(bench: Bench, workshop: Workshop, found: Search | None) -> pl.DataFrame:
    """Probabilities of default that the candidates to be shown give the test rows."""
    if found is None or not found.repairs:
        return pl.DataFrame()
    x, helped, made = bench.inputs.matrix(bench.frames["test"]), (found.column, found.low), {}
    for one in found.shown:
        candidate = Candidate.read(one.name, bench.inputs.names)
        fitted = workshop.make(candidate, bench.tables["train"], helped)
        made[one.name] = sigmoid(workshop.log_odds(candidate, fitted, x))
    return pl.DataFrame(made)


def _notes(recipe: Recipe, bench: Bench) -> list[str]:
    """What a reader of the report has to know of the inputs."""
    both = [name for name in recipe.schema.sensitive if name in recipe.schema.input]
    notes = [f"the recipe makes the sensitive column '{name}' an input; no reason names it" for name in both]
    missing = Dictionary.of(recipe).missing(bench.inputs.names)
    if missing:
        notes.append(f"options.reasons has no words for {', '.join(missing)}; reasons call them by name")
    return notes
