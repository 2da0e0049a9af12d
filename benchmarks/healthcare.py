"""chest-xray on real radiographs: five seeds, intervals, every shortcut and baseline beside, and what it costs.

    python benchmarks/healthcare.py --data DIR --results results.jsonl            measure what is not in the file yet
    python benchmarks/healthcare.py --data DIR --results results.jsonl --costs    time and memory at 224 pixels, too
    python benchmarks/healthcare.py --results results.jsonl --table               print Markdown

DIR is an image folder with metadata.csv: file_name, patientid, sex, age, view and the label. Each seed splits patients
anew, chooses everything on its validation patients, and is tested on the patients it held out; test sets of different
seeds overlap, so the interval over seeds (Student's t) is of the recipe's luck, and the one inside a run (clustered by
patient) is of its test set.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SEEDS = range(5)
STUDENT = 2.776  # 97.5 % quantile of t with 4 degrees of freedom
NIH = ("schema.label=folder_class", "schema.positive=Pneumonia")
COSTS = {
    "probe, one layer": ("finetune.layers=blocks.4",),
    "probe, validation chooses among three layers": (),
    "lp-ft, one epoch, not refitted": (
        "finetune.strategy=lp-ft",
        "finetune.layers=head",
        "finetune.epochs=1",
        "finetune.refit=never",
    ),
}


def command(data: Path, out: Path, settings: tuple[str, ...]) -> list[str]:
    """`evenhand run healthcare/chest-xray` with these settings."""
    options = [part for setting in (*NIH, *settings) for part in ("--set", setting)]
    return [
        sys.executable,
        "-m",
        "evenhand",
        "run",
        "healthcare/chest-xray",
        "--data",
        str(data),
        "--out",
        str(out),
        *options,
    ]


def run(data: Path, out: Path, settings: tuple[str, ...]) -> dict[str, Any]:
    """Wall seconds, processor seconds and peak MB of one finished run; its folder is left in `out`."""
    start = time.perf_counter()
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "EVENHAND_CACHE": str(out.parent / "cache")}
    process = subprocess.Popen(command(data, out, settings), env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"evenhand run ended with {process.returncode}")
    wall = time.perf_counter() - start
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1e3}


def figures(folder: Path) -> dict[str, Any]:
    """Every metric by "model metric", the worst gap of each attribute, and what the operating point did."""
    read = lambda name: json.loads((folder / name).read_text("utf-8"))  # noqa: E731
    evaluation = {f"{m['model']} {m['name']}": (m["value"], m["lower"], m["upper"]) for m in read("evaluation.json")}
    verdicts = [(v["attribute"], v["metric"], v["verdict"]) for v in read("audit.json")["verdicts"]]
    point = read("model/model.json")["operating"]
    notes = read("manifest.json")["stages"]["finetune"]["notes"]
    return {"metrics": evaluation, "verdicts": verdicts, "point": point, "notes": notes}


def measure(data: Path, results: Path, costs: bool) -> None:
    """Append to `results` what it does not hold yet."""
    done = {(line["what"], line["seed"]) for line in lines(results)}
    wanted: list[tuple[str, int, tuple[str, ...]]] = [("recipe", seed, (f"seed={seed}",)) for seed in SEEDS]
    if costs:
        wanted += [(what, 0, ("finetune.image_size=224", *settings)) for what, settings in COSTS.items()]
    for what, seed, settings in wanted:
        if (what, seed) in done:
            continue
        with tempfile.TemporaryDirectory() as place:
            cost = run(data, Path(place) / "run", settings)
            found = {"what": what, "seed": seed, **cost, **figures(Path(place) / "run")}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(what, seed, f"{cost['wall']:.0f} s", flush=True)


def lines(results: Path) -> list[dict[str, Any]]:
    """What a results file holds."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def table(results: Path) -> None:
    """Print AUC and gains over seeds, the operating point, verdicts and costs."""
    told = [line for line in lines(results) if line["what"] == "recipe"]
    models = list(dict.fromkeys(key.split()[0] for line in told for key in line["metrics"] if key.endswith(" auc")))
    print("| model | AUC, mean of 5 seeds (95 % over seeds) | inside one run (seed 0, by patient) | adapted above it |")
    print("|---|---:|---:|---:|")
    for model in models:
        alone = told[0]["metrics"].get(f"{model} auc")
        inside = f"{alone[1]:.3f} to {alone[2]:.3f}" if alone else "–"
        gains = over(told, f"{model} auc_gain") if model != "adapted" else ""
        print(f"| {model} | {over(told, f'{model} auc')} | {inside} | {gains} |")
    reached, shown = (
        [line["point"]["reached"] for line in told],
        [line["metrics"]["adapted sensitivity"] for line in told],
    )
    value, lower, upper = shown[0]
    print(
        f"\nSensitivity asked for: {told[0]['point']['wanted']:g}. On validation rows {spread(reached)}, on test rows"
    )
    print(f"{spread([one[0] for one in shown])}; in the run of seed 0 {value:.3f} [{lower:.3f}, {upper:.3f}].\n")
    print("| attribute | metric | verdicts over the seeds |\n|---|---|---|")
    for attribute, metric in dict.fromkeys((a, m) for line in told for a, m, _ in line["verdicts"]):
        found = [v for line in told for a, m, v in line["verdicts"] if (a, m) == (attribute, metric)]
        counts = ", ".join(f"{found.count(v)} {v}" for v in dict.fromkeys(found))
        print(f"| {attribute} | {metric} | {counts} |")
    print("\n| what | pixels | wall s | processor s | peak MB | AUC |\n|---|---:|---:|---:|---:|---:|")
    for line in lines(results):
        if line["what"] == "recipe" and line["seed"]:
            continue
        pixels = 128 if line["what"] == "recipe" else 224
        auc = line["metrics"]["adapted auc"][0]
        cost = " | ".join(f"{line[name]:.0f}" for name in ("wall", "cpu", "peak_mb"))
        print(f"| {line['what']} | {pixels} | {cost} | {auc:.3f} |")


def over(told: list[dict[str, Any]], key: str) -> str:
    """The mean over the seeds that measured it, with Student's interval."""
    return spread([line["metrics"][key][0] for line in told if key in line["metrics"]])


def spread(values: list[float]) -> str:
    """0.912 (0.900 to 0.924)."""
    if len(values) < 2:
        return "–"
    mean, half = statistics.mean(values), STUDENT * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.3f} ({mean - half:.3f} to {mean + half:.3f})"


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    if asked.data:
        measure(asked.data, asked.results, asked.costs)
    if asked.table:
        table(asked.results)


if __name__ == "__main__":
    main()
