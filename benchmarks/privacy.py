"""Accuracy, the group that pays most, and a membership attack at epsilon 1, 3, 8, beside the twin without privacy.

    python benchmarks/privacy.py --data DIR --results privacy.jsonl    measure what is not there yet
    python benchmarks/privacy.py --results privacy.jsonl --table       print Markdown

DIR holds credit-taiwan and nlp's banking77. Rows of credit-taiwan are divided anew for each seed; banking77 has a test
split. A value is the mean over the seeds; of the group, the one whose mean change is lowest, of 30 test rows and more.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from finance import recipe_of

import evenhand

SEEDS, EPSILONS, LEAST = range(3), (1, 3, 8), 30
LINEAR = ("options.model=backbone", "finetune.strategy=linear", "options.search=false", "audit.replicates=200")


def measure(what: str, seed: int, epsilon: int, data: Path) -> dict[str, Any]:
    """One run, and what its manifest says."""
    asked = [f"finetune.privacy.epsilon={epsilon}", f"seed={seed}"]
    if what == "credit-taiwan":
        recipe: Any = recipe_of("credit-taiwan", seed).with_settings(LINEAR)
        source = data / "finance" / "credit-taiwan" / "credit_taiwan.parquet"
    else:
        recipe, source = "nlp/support-intent", data / "nlp" / "banking77"
    with tempfile.TemporaryDirectory() as folder:
        run = evenhand.run(recipe, source, asked, Path(folder) / "run")
        stages = json.loads((run.path / "manifest.json").read_text())["stages"]
    return {"what": what, "seed": seed, "epsilon": epsilon, **stages["predict"]["privacy"]}


def table(lines: list[dict[str, Any]]) -> None:
    """Print a row for each data set and epsilon."""
    print("| data | epsilon | accuracy | without | pays most | its change | AUC of the attack | without | bound |")
    print("|---|---|---|---|---|---|---|---|---|")
    for what, epsilon in sorted({(line["what"], line["epsilon"]) for line in lines}):
        some = [line for line in lines if (line["what"], line["epsilon"]) == (what, epsilon)]
        overall = [line["groups"][0] for line in some]
        changes: dict[str, list[float]] = {}
        for line in some:
            for row in line["groups"][1:]:
                if row["rows"] >= LEAST:
                    changes.setdefault(f"{row['attribute']} {row['group']}", []).append(row["change"])
        whole = {name: float(np.mean(each)) for name, each in changes.items() if len(each) == len(some)}
        name = min(whole, key=lambda each: whole[each])
        areas = [[line["attacks"][kind]["auc"] for line in some] for kind in ("private", "without privacy")]
        accuracy = [np.mean([row[key] for row in overall]) for key in ("private", "without")]
        ends = f"{whole[name]:+.3f} ({min(changes[name]):+.3f} to {max(changes[name]):+.3f})"
        print(
            f"| {what} | {epsilon} | {accuracy[0]:.3f} | {accuracy[1]:.3f} | {name} | {ends} |"
            f" {np.mean(areas[0]):.3f} | {np.mean(areas[1]):.3f} | {some[0]['bound']['auc']:.3f} |"
        )


def main() -> None:
    """Measure or print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    lines = [json.loads(line) for line in options.results.read_text().splitlines()] if options.results.exists() else []
    if options.table:
        return table(lines)
    done = {(line["what"], line["seed"], line["epsilon"]) for line in lines}
    for what in ("credit-taiwan", "banking77"):
        for seed in SEEDS:
            for epsilon in EPSILONS:
                if (what, seed, epsilon) not in done:
                    line = json.dumps(measure(what, seed, epsilon, options.data))
                    with options.results.open("a") as file:
                        file.write(line + "\n")
    return None


if __name__ == "__main__":
    main()
