"""Exports of three recipes' samples beside their runs: size, latency of single answers, what changes, and for whom.

    python benchmarks/exporting.py --out DIR --results exporting.jsonl    measure what is not there yet
    python benchmarks/exporting.py --results exporting.jsonl --table      print Markdown

Each recipe is run on its own simulated sample (seed 0) into DIR, exported to ONNX and, where it has weights, to ONNX in
8 bits. Of the run and of each export CALLS single test rows are timed with one thread, by what `evenhand latency` does.
Largest difference: of a test row's score from the run's own model in fp32. Decisions: of the run's own test rows. Gap:
how the largest gap between groups that moves most moves (every metric and attribute that `compare` pairs).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import evenhand

RECIPES = ("nlp/support-intent", "finance/credit-default", "autonomy/traffic-sign")
WITHOUT_WEIGHTS = {"finance/credit-default"}
CALLS = 4000  # p99.9 has an upper limit from 3,688 on


def measure(recipe: str, out: Path, calls: int) -> dict[str, Any]:
    """One recipe: its run, its exports, and their times."""
    name = recipe.replace("/", "-")
    run = evenhand.run(recipe, out=out / name)
    found: dict[str, Any] = {"recipe": recipe, "run": timed(run.path, out / f"{name}-times", calls)}
    for kind, int8 in (("onnx", False), ("int8", True)):
        if int8 and recipe in WITHOUT_WEIGHTS:
            continue
        made = evenhand.export(run.path, "onnx", int8, margin=0.01, out=out / f"{name}-{kind}")
        told = {key: made.found[key] for key in ("promoted", "bytes", "agreement", "counts", "changed", "metrics")}
        found[kind] = told | timed(made.path, out / f"{name}-{kind}-times", calls) | {"moved": moved(made.path)}
    return found


def timed(path: Path, out: Path, calls: int) -> dict[str, Any]:
    """Percentiles of single answers, in milliseconds with their limits."""
    told = evenhand.latency(path, percentile=99.9, threads=1, calls=calls, out=out).found
    times = {f"p{p['percentile']:g}": [p["ms"], p["lower_ms"], p["upper_ms"]] for p in told["percentiles"]}
    return {"times": times, "machine": told["machine"]}


def moved(path: Path) -> dict[str, Any] | None:
    """The largest gap that moves most, with its simultaneous limits; None where none has limits."""
    changes = json.loads((path / "compare.json").read_text())["changes"]
    gaps = [c for c in changes if c["kind"] == "gap" and c.get("lower_simultaneous") is not None]
    return max(gaps, key=lambda gap: abs(gap["change"]), default=None)


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown: a row for each recipe and form."""
    rows = [
        "| recipe | form | MB | p50 ms | p99.9 ms [95 %] | largest difference | decisions changed | accuracy"
        " | proven worse / open | gap that moves most |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for one in lines:
        for form in ("run", "onnx", "int8"):
            if form not in one:
                continue
            told = one[form]
            middle, (late, low, high) = told["times"]["p50"][0], told["times"]["p99.9"]
            times = f"{middle:.2f} | {late:.2f} [{low:.2f}, {'–' if high is None else f'{high:.2f}'}]"
            if form == "run":
                rows.append(f"| {one['recipe']} | run | – | {times} | – | – | {_accuracy(one, 'before')} | – | – |")
                continue
            counts, gap = told["counts"], told["moved"]
            apart = f"{told['agreement']['largest']:.1e}" if form == "onnx" else "–"
            most = (
                "none"
                if gap is None or not told["changed"]
                else f"{gap['metric']} by {gap['attribute']}: {gap['change']:+.3f}"
                f" [{gap['lower_simultaneous']:+.3f}, {gap['upper_simultaneous']:+.3f}]"
            )
            rows.append(
                f"| {one['recipe']} | {form} | {told['bytes']['exported'] / 1e6:.2f} | {times} | {apart} |"
                f" {told['changed']} of {told['agreement']['rows']} | {_accuracy(one, 'after', form)} |"
                f" {counts['worse']} / {counts['not enough evidence']} | {most} |"
            )
    return "\n".join(rows)


def _accuracy(one: dict[str, Any], when: str, form: str = "onnx") -> str:
    return next(f"{metric[when]:.4f}" for metric in one[form]["metrics"] if metric["name"] == "accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.results.read_text().splitlines()] if asked.results.exists() else []
    if asked.table:
        print(table(lines))
        return
    for recipe in RECIPES:
        if recipe not in {line["recipe"] for line in lines}:
            with asked.results.open("a") as file:
                file.write(json.dumps(measure(recipe, asked.out, asked.calls)) + "\n")


if __name__ == "__main__":
    main()
