"""evenhand monitor: how often it alarms where nothing changed, what it finds, and how far its estimates are off.

    python benchmarks/monitoring.py alarms --data DIR       windows and histories in which nothing has changed
    python benchmarks/monitoring.py power                   planted shifts, by size, rows and place in a history
    python benchmarks/monitoring.py estimates --data DIR    accuracy guessed without labels, against the labels

DIR holds credit-taiwan. The simulated table has ten inputs (eight numbers, two of them correlated; two categories), a
score, a decision and two attributes. Everything is judged by the functions that the command uses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from evenhand.living.monitoring import labelled
from evenhand.living.monitoring.estimating import by_confidence, by_weights
from evenhand.living.monitoring.judging import Seen, judged
from evenhand.living.monitoring.reference import Reference
from evenhand.statistics.intervals import wilson

SEED, REFERENCE = 0, 1_500
POSITIVE = 1


@dataclass(frozen=True)
class Rows:
    """inputs; attributes; score: the model's probability; truth: 0 or 1."""

    inputs: pl.DataFrame
    attributes: pl.DataFrame
    score: np.ndarray
    truth: np.ndarray


def simulated(rng: np.random.Generator, n: int, moved: float = 0.0, group: float = 0.3, kind: str = "") -> Rows:
    """moved: how far the first input moves, in standard deviations. kind: "label" or "concept" shifts what is true."""
    x = rng.normal(size=(n, 8))
    x[:, 1] = 0.7 * x[:, 0] + 0.7 * x[:, 1]
    x[:, 0] += moved
    logit = 1.2 * x[:, 0] - 0.8 * x[:, 2] + 0.3 * x[:, 3]
    score = 1 / (1 + np.exp(-logit))
    truth = (rng.random(n) < (1 / (1 + np.exp(-logit + 2.0 * x[:, 2])) if kind == "concept" else score)).astype(int)
    if kind == "label":  # keep every negative, and a third of the positives
        kept = (truth == 0) | (rng.random(n) < 1 / 3)
        x, score, truth = x[kept], score[kept], truth[kept]
    names = {f"x{i}": column for i, column in enumerate(x.T)}
    names |= {"job": rng.choice(["a", "b", "c", "d"], len(x)), "town": rng.choice(list("efghijklmn"), len(x))}
    people = {"sex": rng.choice(["f", "m"], len(x), p=[group, 1 - group]), "age": rng.choice(["1", "2", "3"], len(x))}
    return Rows(pl.DataFrame(names), pl.DataFrame(people), score, truth)


def facts(rows: Rows) -> pl.DataFrame:
    yes = rows.score >= 0.5
    sure = np.where(yes, rows.score, 1 - rows.score)
    known = {"prediction": yes.astype(int), "score": rows.score, "confidence": sure, "selected": yes}
    return pl.DataFrame({**known, "cluster": np.arange(len(yes))})


def outputs(known: pl.DataFrame) -> pl.DataFrame:
    return known.select(pl.col("score").alias("the model's score"), pl.col("prediction").cast(pl.String))


def reference(rows: Rows, labels: bool) -> Reference:
    known = facts(rows)
    groups = pl.concat([rows.attributes, known.select("selected", "score")], how="horizontal")
    edges = dict.fromkeys(rows.attributes.columns)
    targets = rows.truth if labels else np.full(len(rows.truth), -1)
    return Reference(rows.inputs, outputs(known), groups, known, targets, edges, None, ())


def seen(rows: Rows) -> Seen:
    known = facts(rows)
    groups = pl.concat([rows.attributes, known.select("selected", "score")], how="horizontal")
    return Seen(rows.inputs, outputs(known), groups, known)


def judge(old: Reference, rows: Rows, number: int) -> list[dict]:
    return judged(old, seen(rows), number, None, SEED)["alarms"]


def share(hits: int, of: int) -> str:
    lower, upper = (float(end) for end in wilson(np.float64(hits), np.float64(of), 1.96))
    return f"{hits} of {of:,} ({hits / of:.1%}; {lower:.1%} to {upper:.1%})"


def taiwan(folder: Path, seed: int) -> tuple[Rows, Rows]:
    """(rows that nobody learned from, the same again): of a boosting that was fitted on a third of the clients."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = pl.read_parquet(folder / "credit-taiwan" / "credit_taiwan.parquet")
    people = ["SEX", "EDUCATION", "MARRIAGE"]
    label = next(name for name in frame.columns if name.startswith("default"))
    order = np.random.default_rng(seed).permutation(frame.height)
    frame = frame[order]
    inputs = frame.drop("ID", "AGE", label, *people).cast(pl.Float64)
    third = frame.height // 3
    model = HistGradientBoostingClassifier(max_depth=4, random_state=seed)
    model.fit(inputs[:third].to_numpy(), frame[label][:third].to_numpy())
    score, truth = model.predict_proba(inputs.to_numpy())[:, 1], frame[label].to_numpy()
    attributes = frame.select(pl.col(name).cast(pl.String) for name in people)

    def part(start: int, end: int) -> Rows:
        return Rows(inputs[start:end], attributes[start:end], score[start:end], truth[start:end])

    return part(third, 2 * third), part(2 * third, frame.height)


def chosen(rows: Rows, at: np.ndarray) -> Rows:
    return Rows(rows.inputs[at], rows.attributes[at], rows.score[at], rows.truth[at])


def alarms(data: Path | None) -> Iterator[str]:
    rng = np.random.default_rng(SEED)
    yield "| nothing has changed | alarms |\n|---|---|"
    hits = 0
    for _ in range(1_000):
        old = reference(simulated(rng, REFERENCE), False)
        hits += bool(judge(old, simulated(rng, 300), 1))
    yield f"| single windows of 300 rows, each with a run of its own ({REFERENCE:,} rows) | {share(hits, 1_000)} |"
    for histories, windows in ((100, 50), (20, 1_000)):
        hits = 0
        for _ in range(histories):
            old = reference(simulated(rng, REFERENCE), False)
            hits += any(judge(old, simulated(rng, 300), k) for k in range(1, windows + 1))
        yield f"| histories of {windows:,} windows | {share(hits, histories)} |"
    yield f"| the same, of labels: histories of 50 windows, at every look | {share(*labels_alone(rng))} |"
    if data is not None:
        hits = 0
        for repeat in range(10):
            one, other = taiwan(data, repeat)
            old = reference(chosen(one, rng.permutation(len(one.truth))[:REFERENCE]), False)
            for _ in range(100):
                hits += bool(judge(old, chosen(other, rng.choice(len(other.truth), 300, replace=False)), 1))
        yield f"| credit-taiwan: windows of 300 clients, 100 of each of 10 divisions | {share(hits, 1_000)} |"


def labels_alone(rng: np.random.Generator, histories: int = 100, windows: int = 50) -> tuple[int, int]:
    """Histories in which labels alone prove anything, though nothing changed."""
    hits = 0
    for _ in range(histories):
        was = labelled.of_reference(reference(simulated(rng, REFERENCE), True), POSITIVE)
        parts: list[pl.DataFrame] = []
        for number in range(1, windows + 1):
            parts.append(labelled_rows(simulated(rng, 200), number))
            alone = labelled.of_window(parts[-1], was, POSITIVE, (), number, "")["alarms"]
            together = labelled.together(pl.concat(parts), was, POSITIVE, ())["alarms"] if number % 5 == 0 else ()
            if alone or together:
                hits += 1
                break
    return hits, histories


def labelled_rows(rows: Rows, number: int) -> pl.DataFrame:
    groups = rows.attributes.rename(lambda name: f"group:{name}")
    cluster = pl.Series("cluster", np.arange(len(rows.truth)) + number * 1_000_000)
    known = facts(rows).with_columns(cluster)
    late = pl.DataFrame({"label": rows.truth, "known": [None] * len(rows.truth)})
    return pl.concat([known, groups, late], how="horizontal")


def power() -> Iterator[str]:
    rng = np.random.default_rng(SEED)
    shifts: list[tuple[str, Callable[[int], Rows]]] = [
        *((f"one input by {m} standard deviations", lambda n, m=m: simulated(rng, n, m)) for m in (0.1, 0.2, 0.3, 0.5)),
        *((f"a group's share 30 % → {g:.0%}", lambda n, g=g: simulated(rng, n, 0, g)) for g in (0.25, 0.2, 0.1)),
    ]
    yield "| shift | rows | 1st window | 10th | 100th |\n|---|---:|---:|---:|---:|"
    for says, make in shifts:
        for n in (300, 1_000):
            found = [0, 0, 0]
            for _ in range(100):
                old, rows = reference(simulated(rng, REFERENCE), False), make(n)
                for place, number in enumerate((1, 10, 100)):
                    found[place] += bool(judge(old, rows, number))
            yield f"| {says} | {n:,} | {found[0]} % | {found[1]} % | {found[2]} % |"


def estimates(data: Path | None) -> Iterator[str]:
    rng = np.random.default_rng(SEED)
    yield "| data | shift | the run's own | by confidence | by weights | limits hold: confidence | weights |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    kinds = ("none", "covariate", "label", "concept")
    for kind in kinds:
        cases = []
        for _ in range(50):
            moved, shift = (1.0 if kind == "covariate" else 0.0), kind if kind in ("label", "concept") else ""
            cases.append((simulated(rng, REFERENCE), simulated(rng, 1_000, moved, kind=shift)))
        yield f"| simulated | {kind} | {off_by(cases)} |"
    if data is not None:
        parts = [taiwan(data, repeat) for repeat in range(5)]
        for kind in kinds:
            cases = [
                (chosen(one, rng.permutation(len(one.truth))[: 2 * REFERENCE]), shifted(other, rng, kind))
                for one, other in parts
                for _ in range(10)
            ]
            yield f"| credit-taiwan | {kind} | {off_by(cases)} |"


def shifted(rows: Rows, rng: np.random.Generator, kind: str) -> Rows:
    """1,000 clients drawn so that the shift holds: late payers three times as often; a third of those who default; the
    labels of the latest payers turned around."""
    late = rows.inputs["PAY_0"].to_numpy() > 0
    weights = np.ones(len(late))
    if kind == "covariate":
        weights = np.where(late, 3.0, 1.0)
    if kind == "label":
        weights = np.where(rows.truth == 1, 1 / 3, 1.0)
    found = chosen(rows, rng.choice(len(late), 1_000, replace=False, p=weights / weights.sum()))
    late_here = found.inputs["PAY_0"].to_numpy() > 0
    return replace(found, truth=np.where(late_here, 1 - found.truth, found.truth)) if kind == "concept" else found


def off_by(cases: list[tuple[Rows, Rows]]) -> str:
    """Mean absolute errors of the accuracy of each way, and how often limits of 95 % hold it."""
    errors: dict[str, list[float]] = {"run": [], "confidence": [], "weights": []}
    held: dict[str, int] = {"confidence": 0, "weights": 0}
    for before, now in cases:
        old, here = reference(before, True), seen(now)
        truth = float(((now.score >= 0.5) == now.truth).mean())
        errors["run"].append(abs(float(np.nanmean(old.right)) - truth))
        sides = [pl.concat([side.inputs, side.outputs], how="horizontal") for side in (old, here)]
        for found in (
            by_confidence(old.calibrated(), here.known["confidence"].to_numpy()),
            by_weights(sides[0], old.right, sides[1], SEED),
        ):
            assert found is not None
            errors[found.how].append(abs(found.value - truth))
            held[found.how] += found.lower <= truth <= found.upper
    told = [f"{np.mean(values):.3f}" for values in errors.values()]
    return " | ".join([*told, *(f"{hits / len(cases):.0%}" for hits in held.values())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=("alarms", "power", "estimates"))
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    lines = {"alarms": lambda: alarms(asked.data), "power": power, "estimates": lambda: estimates(asked.data)}
    for line in lines[asked.section]():
        print(line, flush=True)


if __name__ == "__main__":
    main()
