"""Measures whole commands, as a user types them, and prints a Markdown table: `make bench`.

Wall time and peak memory are the operating system's own accounting of the finished process. The median of
`--runs` runs counts (at most three of the probe, one of lp-ft). Needs BANKING77 (train.csv, test.csv) for the training
rows.
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

EVENHAND = [sys.executable, "-m", "evenhand"]


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float, int]:
    """(wall seconds, peak MB, exit code) of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1", **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), process.returncode


def measure(name: str, command: list[str], runs: int) -> None:
    """Print one row: the median of `runs` runs after one that warms the file cache."""
    timed(command, {})
    show(name, command, [timed(command, {}) for _ in range(runs)])


def show(name: str, command: list[str], found: list[tuple[float, float, int]]) -> None:
    """One row of the table: median, least and most wall time, most memory, exit codes."""
    walls = [seconds for seconds, _, _ in found]
    memory, codes = max(mb for _, mb, _ in found), sorted({code for _, _, code in found})
    shown = " ".join(["evenhand", *command[3:]])
    print(
        f"| {name} | {statistics.median(walls):.2f} ({min(walls):.2f} to {max(walls):.2f}, {len(walls)} runs) |"
        f" {memory:.0f} | {codes} | `{shown}` |",
        flush=True,
    )


def predictions(folder: Path, rows: int) -> Path:
    """A CSV of simulated predictions with two sensitive columns."""
    import random

    rng = random.Random(0)
    lines = ["y,s,sex,age_group"]
    for _ in range(rows):
        score = rng.random()
        lines.append(
            f"{int(rng.random() < score)},{score:.6f},{rng.choice('fm')},"
            f"{rng.choice(['18-29', '30-49', '50-64', '65+'])}"
        )
    file = folder / f"predictions-{rows}.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def adapt(folder: Path, data: Path, strategy: str, runs: int) -> None:
    """Runs on BANKING77, each from a cold feature cache; prints the test accuracy too."""
    found, command = [], []
    for number in range(runs):
        out = folder / f"{strategy}-{number}"
        command = [*EVENHAND, "run", "nlp/support-intent", "--data", str(data), "--out", str(out)]
        command += ["--set", f"finetune.strategy={strategy}"]
        found.append(timed(command, {"EVENHAND_CACHE": str(folder / f"cache-{strategy}-{number}")}))
    show(f"{strategy} on BANKING77", command, found)
    for metric in json.loads((out / "evaluation.json").read_text()):
        if metric["name"] == "accuracy":
            print(
                f"|   accuracy, {metric['model']} | {metric['value']:.4f} ({metric['lower']:.4f} to"
                f" {metric['upper']:.4f}, {metric['n']} rows) | | | |"
            )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/nlp/banking77"), help="folder of BANKING77")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lp-ft", action="store_true", help="also fine-tune all weights (tens of minutes)")
    options = parser.parse_args()
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {load}, Python {sys.version.split()[0]}\n\n| what | wall s | peak MB | exit |"
        " command |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("help", [*EVENHAND, "--help"], options.runs)
        audit = [
            *EVENHAND,
            "audit",
            str(predictions(folder, 10_000)),
            "--label",
            "y",
            "--score",
            "s",
            "--sensitive",
            "sex,age_group",
        ]
        measure(
            "audit, 10,000-row CSV, with HTML",
            [*audit, "--tolerance", "tpr=0.05", "--out", str(folder / "report")],
            options.runs,
        )
        if options.data.exists():
            adapt(folder, options.data, "probe", min(options.runs, 3))
            if options.lp_ft:
                adapt(folder, options.data, "lp-ft", 1)
        else:
            print(f"| BANKING77 is not at {options.data}; give --data | | | | |")


if __name__ == "__main__":
    main()
