"""Texts that are written, on real pairs: summaries of contracts against their first sentences, replies by retrieval.

    python benchmarks/nlp_generate.py summaries --data ../shared/data/nlp/legal-summarization --out legal
    python benchmarks/nlp_generate.py leads --data ../shared/data/nlp/legal-summarization --out legal
    python benchmarks/nlp_generate.py replies --data ../shared/data/nlp/banking77

Prints a table in Markdown. summaries: one line for each model and seed, with 95 % limits; the split, training and seed
change together. leads: beside the runs in `--out`, the first sentences and the first words of each text, as many as are
best by ROUGE-L on the rows that are no test rows, and the adapted model minus each, row by row. replies: BANKING77 has
no replies, so that the intent stands for the accepted one: a reply is right where its intent is; accuracy of all
messages, and of those answered when the model abstains.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import evenhand

LEGAL = ("schema.input=original_text", "schema.label=reference_summary", "schema.id=uid", "schema.sensitive=source")
KINDS = ("rouge1", "rouge2", "rougeL", "corpus_chrf")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("summaries", "leads", "replies"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--out", type=Path, default=None, help="where runs are kept; not given: nowhere")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        if given.what == "leads":
            leads(given.data, given.seeds, out)
        else:
            (summaries if given.what == "summaries" else replies)(given.data, given.seeds, given.settings, out)


def summaries(data: Path, seeds: int, settings: list[str], out: Path) -> None:
    """One run of nlp/summarise for each seed."""
    print("| seed | model | ROUGE-1 | ROUGE-2 | ROUGE-L | chrF | seconds | processor seconds | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in range(seeds):
        began = time.process_time()
        run = evenhand.run(
            "nlp/summarise", data=data, settings=[*LEGAL, f"seed={seed}", *settings], out=out / str(seed)
        )
        worked = time.process_time() - began
        stages = json.loads((run.path / "manifest.json").read_text("utf-8"))["stages"]
        seconds = sum(float(stage["seconds"]) for stage in stages.values())
        memory = max(float(stage.get("peak_memory_mb") or 0) for stage in stages.values())
        found = {(metric.model, metric.name): metric for metric in run.evaluation}
        for model in dict.fromkeys(name for name, _ in found):
            cells = [_limits(found.get((model, kind))) for kind in KINDS]
            cost = f"{seconds:.0f} | {worked:.0f} | {memory:,.0f}" if model == "adapted" else "– | – | –"
            print(f"| {seed} | {model} | {' | '.join(cells)} | {cost} |", flush=True)
        gain = found["adapted", "quality_gain"]
        print(f"| {seed} | gain: {gain.says} | – | – | {_limits(gain)} | – | – | – | – |", flush=True)


def leads(data: Path, seeds: int, out: Path) -> None:
    """Simple summaries of the test rows of finished runs, each as long as the other rows like best."""
    import polars as pl

    from evenhand_nlp.writing.model import lead

    print("| seed | summary | words | ROUGE-1 | ROUGE-2 | ROUGE-L | chrF of a row | adapted minus it, ROUGE-L |")
    print("|---|---|---|---|---|---|---|---|")
    whole = pl.concat([pl.read_parquet(file) for file in sorted(data.glob("*.parquet"))])
    makers = {"sentences": (lead, range(1, 6)), "words": (_first_words, range(4, 41))}
    for seed in range(seeds):
        made = pl.read_parquet(out / str(seed) / "predictions.parquet")
        test = made.join(whole.select("uid", "original_text"), on="uid", how="left", maintain_order="left")
        others = whole.filter(~pl.col("uid").is_in(made["uid"].to_list()))
        adapted = test["prediction"].to_list()
        _lead_line(seed, "adapted", adapted, adapted, test)
        for name, (maker, counts) in makers.items():
            quality = {count: _quality(maker, count, others) for count in counts}
            best = max(quality, key=lambda count: (quality[count], -count))
            texts = [maker(text, best) or None for text in test["original_text"]]
            _lead_line(seed, f"first {best} {name}", texts, adapted, test)


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def _quality(maker: Any, count: int, rows: Any) -> float:
    from evenhand_nlp.writing.measures import graded

    texts = [maker(text, count) or None for text in rows["original_text"]]
    return float(graded("rougeL", texts, rows["reference_summary"].to_list()).mean())


def _lead_line(seed: int, name: str, texts: list[str | None], adapted: list[str | None], test: Any) -> None:
    from evenhand_nlp.identity.swapping import mean_of
    from evenhand_nlp.writing.measures import graded

    asked = test["reference_summary"].to_list()
    found = {kind: graded(kind, texts, asked) for kind in ("rouge1", "rouge2", "rougeL", "chrf")}
    cells = [_interval(mean_of(values)) for values in found.values()]
    gain = "–" if texts is adapted else _interval(mean_of(graded("rougeL", adapted, asked) - found["rougeL"]))
    length = np.mean([len((text or "").split()) for text in texts])
    print(f"| {seed} | {name} | {length:.1f} | {' | '.join(cells)} | {gain} |", flush=True)


def _interval(told: Any) -> str:
    value, lower, upper, _ = told
    return f"{value:.3f} [{lower:.3f}, {upper:.3f}]"


def replies(data: Path, seeds: int, settings: list[str], out: Path) -> None:
    """nlp/support-reply with the intent as the accepted reply: accuracy, and as it abstains."""
    import polars as pl

    print(
        "| seed | model | right of all | share answered | right of those | right at 90 % | at 75 % | at 50 % answered |"
    )
    print("|---|---|---|---|---|---|---|---|")
    own = ["schema.input=text", "schema.label=category", "schema.sensitive=message_length", "options.measure=exact"]
    own += ["audit.slices=message_length", "options.identity_audit=false"]
    for seed in range(seeds):
        run = evenhand.run(
            "nlp/support-reply", data=data, settings=[*own, f"seed={seed}", *settings], out=out / str(seed)
        )
        table = pl.read_parquet(run.path / "predictions.parquet")
        facts = json.loads((run.path / "manifest.json").read_text("utf-8"))["stages"]["predict"]["facts"]
        scorer = evenhand.load(run.path)
        for name, model in {"adapted": scorer.adapted.model, **scorer.adapted.baselines}.items():
            _reply_line(seed, name, model, table, facts, run.path, data)


def _reply_line(seed: int, name: str, model: Any, table: Any, facts: dict[str, Any], path: Path, data: Path) -> None:
    """The model's own confidence orders its replies; what it would say of rows that it abstained from is asked anew."""
    import polars as pl
    from datasets import Dataset

    test = pl.read_csv(data / "test.csv")
    rows = Dataset.from_dict({"text": test["text"].to_list(), "category": test["category"].to_list()})
    if name == "adapted":
        found = model.found(rows)
        said, sure = [model.replies[place] for place in found.reply], found.sure(model.settings)
    else:
        said, sure = model.write(rows)
    right = np.array([text == label for text, label in zip(said, rows["category"], strict=True)], float)
    given = sure >= (model.settings.threshold if name == "adapted" else -1)
    order = np.argsort(-sure, kind="stable")
    at = [right[order[: round(len(order) * share)]].mean() for share in (0.9, 0.75, 0.5)]
    cells, reach = " | ".join(f"{value:.4f}" for value in at), 1.96 * right.std() / np.sqrt(len(right))
    print(
        f"| {seed} | {name} | {right.mean():.4f} ± {reach:.4f} | {given.mean():.3f} |"
        f" {right[given].mean():.4f} | {cells} |",
        flush=True,
    )


def _limits(metric: Any) -> str:
    if metric is None:
        return "–"
    return f"{metric.value:.3f} [{metric.lower:.3f}, {metric.upper:.3f}]"


if __name__ == "__main__":
    main()
