"""The site card on real hospitals: how much its choice costs beside the best choice, which nobody could have known.

    python benchmarks/sites.py heart --data DIR --results sites.jsonl          100 resamplings of each size
    python benchmarks/sites.py readmission --data DIR --results sites.jsonl    admission source 7, as in TableShift
    python benchmarks/sites.py table --results sites.jsonl                     print Markdown

heart: DIR/heart_cleveland_hungarian.parquet. A model is made at one hospital; k random rows of the other are labelled,
its other rows are there without their labels, and the card chooses. All labels that were held back then tell what each
candidate would have brought. regret: what the best candidate of that draw brings above the chosen one, so that a card
which always names the best has none; it is never below zero, even where the best is luck.

readmission: DIR/diabetes130_shared.parquet, five seeds. Patients of source 7 are halved, one half is the place; of its
rows k are labelled (or all: pooled), and the accuracy on the other half is told.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SIZES, DRAWS = (10, 30, 100, 200), 100
STAYS = (200, 1_000, 0)  # labelled stays of the new source; 0: all of the half
SEEDS = range(5)
STUDENT = 2.776  # 97.5 % quantile of t with 4 degrees of freedom


def ground_at(run: Path, place: Path, source: Path) -> tuple[Any, Any]:
    """(what candidates are fitted from, the place) with every label of the place known."""
    from evenhand.extending import discovering
    from evenhand.living.sites.place import ground_of, old_rows, read_place
    from evenhand.recorded.finished import open_run
    from evenhand.scoring.scorer import load

    scorer = load(run, discovering.load())
    rows = read_place(scorer, place, None, None)
    old, why = old_rows(scorer, open_run(run), source)
    if why:
        raise SystemExit(why)
    return ground_of(scorer, rows, old), rows


def chosen_at(ground: Any, groups: Any, known: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """The card's choice by the rows `known`, and log loss, AUC and accuracy of every candidate on the rows `held`."""
    from evenhand.living.sites.candidates import NOTHING, learnable, possible, said_of
    from evenhand.living.sites.card import measures
    from evenhand.living.sites.choosing import choose
    from evenhand.living.sites.ground import UNKNOWN

    targets = np.full(len(ground.targets), UNKNOWN)
    targets[known] = ground.targets[known]
    given = ground.with_targets(targets)
    choice = choose(given, groups)
    found = {}
    for candidate in (NOTHING, *possible(given)):
        if candidate.labels and not learnable(given, known):
            continue
        model = candidate.fit(given, known if candidate.labels else known[:0])
        found[candidate.name] = measures(said_of(given, model, held), ground.targets[held])
    return {"chosen": choice.chosen.name, "verdict": choice.verdict, "held": found}


def heart(data: Path, results: Path) -> None:
    """Both directions, every size, DRAWS draws each."""
    import evenhand

    rows = pl.read_parquet(data / "heart_cleveland_hungarian.parquet")
    hospitals = sorted(rows["hospital"].unique().to_list())
    for source, target in (hospitals, hospitals[::-1]):
        with tempfile.TemporaryDirectory() as folder:
            here, there = Path(folder) / "home.csv", Path(folder) / "place.csv"
            rows.filter(pl.col("hospital") == source).write_csv(here)
            rows.filter(pl.col("hospital") == target).write_csv(there)
            evenhand.run("healthcare/heart", data=here, out=Path(folder) / "run")
            ground, place = ground_at(Path(folder) / "run", there, here)
            for size in SIZES:
                _draws(ground, place, f"{source} to {target}", size, results)


def _draws(ground: Any, place: Any, what: str, size: int, results: Path) -> None:
    done = {line["draw"] for line in lines(results) if (line["what"], line["k"]) == (what, size)}
    for draw in sorted(set(range(DRAWS)) - done):
        start = time.perf_counter()
        order = np.random.default_rng([draw, size]).permutation(len(ground.targets))
        found = chosen_at(ground, place.groups, np.sort(order[:size]), np.sort(order[size:]))
        add(results, {"what": what, "k": size, "draw": draw, **found, "seconds": time.perf_counter() - start})


def readmission(data: Path, results: Path) -> None:
    """Five seeds; the place is a random half of the patients of source 7."""
    import evenhand

    rows = pl.read_parquet(data / "diabetes130_shared.parquet")
    done = {(line["seed"], line["k"]) for line in lines(results) if line["what"] == "readmission"}
    new = pl.col("admission_source_id") == 7
    for seed in SEEDS:
        if all((seed, size) in done for size in STAYS):
            continue
        with tempfile.TemporaryDirectory() as folder:
            here, there = Path(folder) / "home.parquet", Path(folder) / "place.parquet"
            rows.filter(~new).write_parquet(here)
            rows.filter(new).write_parquet(there)
            settings = [f"seed={seed}", "split.test=0.2"]
            evenhand.run("healthcare/readmission", data=here, settings=settings, out=Path(folder) / "run")
            home = json.loads((Path(folder) / "run" / "evaluation.json").read_text("utf-8"))
            inside = {m["model"]: m["value"] for m in home if m["name"] == "accuracy"}
            ground, place = ground_at(Path(folder) / "run", there, here)
            halves = np.random.default_rng(seed).random(int(place.clusters.max()) + 1) < 0.5
            mine = halves[place.clusters]
            order = np.random.default_rng(seed).permutation(np.flatnonzero(mine))
            for size in STAYS:
                if (seed, size) not in done:
                    start = time.perf_counter()
                    known = np.sort(order[:size] if size else order)
                    found = chosen_at(ground, place.groups, known, np.flatnonzero(~mine))
                    seconds = time.perf_counter() - start
                    facts = {"what": "readmission", "k": size, "seed": seed, "labelled": len(known), "inside": inside}
                    add(results, facts | found | {"seconds": seconds})


def add(results: Path, line: dict[str, Any]) -> None:
    """Append a line."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print({k: v for k, v in line.items() if k != "held"}, flush=True)


def lines(results: Path) -> list[dict[str, Any]]:
    """What a results file holds."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def table(results: Path) -> None:
    """Print both tables."""
    told = lines(results)
    cards = [line for line in told if line["what"] != "readmission"]
    print(
        "| from, to | labels | card says nothing | it takes | gain of its choice, AUC (95 %) | in log loss (95 %) |"
        " proven worse | regret, AUC | in log loss | best single candidate in hindsight |"
    )
    print("|---|---:|---:|---|---:|---:|---|---:|---:|---|")
    for what, size in dict.fromkeys((line["what"], line["k"]) for line in cards):
        print(_heart_row(what, size, [line for line in cards if (line["what"], line["k"]) == (what, size)]))
    stays = [line for line in told if line["what"] == "readmission"]
    print(
        "\n| labels of source 7 | chosen (seeds) | accuracy, nothing | accuracy, chosen | best label-free |"
        " its accuracy | every candidate |\n|---:|---|---:|---:|---|---:|---|"
    )
    for size in dict.fromkeys(line["k"] for line in stays):
        print(_stay_row([line for line in stays if line["k"] == size]))


def gain(line: dict[str, Any], name: str, measure: str) -> float:
    """What a candidate brings over the source model on held-back labels; above zero is better."""
    sign = -1 if measure == "log_loss" else 1
    return float(sign * (line["held"][name][measure] - line["held"]["nothing"][measure]))


def _heart_row(what: str, size: int, drawn: list[dict[str, Any]]) -> str:
    cells = [what, str(size)]
    names = [line["chosen"] for line in drawn]
    taken = ", ".join(f"{n} {names.count(n)}" for n in sorted(set(names) - {"nothing"}, key=lambda n: -names.count(n)))
    cells += [f"{names.count('nothing')} of {len(names)}", taken or "–"]
    worse = []
    for measure in ("auc", "log_loss"):
        values = np.array([gain(line, line["chosen"], measure) for line in drawn])
        cells.append(mean(values))
        if values.std() and values.mean() + 1.96 * values.std(ddof=1) / len(values) ** 0.5 < 0:
            worse.append(measure)
    cells.append(", ".join(worse) or "no")
    for measure in ("auc", "log_loss"):
        regret = [max(gain(x, n, measure) for n in x["held"]) - gain(x, x["chosen"], measure) for x in drawn]
        cells.append(f"{np.mean(regret):.3f}")
    every = set.intersection(*(set(line["held"]) for line in drawn))
    best = max(every, key=lambda n: float(np.mean([gain(x, n, "log_loss") for x in drawn])))
    values = np.array([gain(line, best, "auc") for line in drawn])
    cells.append(f"{best}, AUC {mean(values)}")
    return f"| {' | '.join(cells)} |"


def mean(values: np.ndarray) -> str:
    """+0.012 (+0.008 to +0.016)."""
    half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.3f} ({values.mean() - half:+.3f} to {values.mean() + half:+.3f})"


def _stay_row(seeds: list[dict[str, Any]]) -> str:
    names = [line["chosen"] for line in seeds]
    taken = ", ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))

    def over(pick: Any) -> str:
        values = [line["held"][pick(line)]["accuracy"] for line in seeds]
        half = STUDENT * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        return f"{np.mean(values):.4f} ({np.mean(values) - half:.4f} to {np.mean(values) + half:.4f})"

    free = [n for n in ("label-shift", "reweight", "align") if all(n in line["held"] for line in seeds)]
    best = max(free, key=lambda n: float(np.mean([line["held"][n]["accuracy"] for line in seeds])))
    every = ", ".join(f"{n} {np.mean([line['held'][n]['accuracy'] for line in seeds]):.4f}" for n in seeds[0]["held"])
    labels = f"{seeds[0]['labelled']:,}"
    chosen = over(lambda x: x["chosen"])
    return (
        f"| {labels} | {taken} | {over(lambda x: 'nothing')} | {chosen} | {best} | {over(lambda x: best)} | {every} |"
    )


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("heart", "readmission", "table"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    asked = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if asked.what == "table":
        table(asked.results)
    else:
        {"heart": heart, "readmission": readmission}[asked.what](asked.data, asked.results)


if __name__ == "__main__":
    main()
