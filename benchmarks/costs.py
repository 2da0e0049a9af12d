"""How far the account of costs can be trusted: beside /usr/bin/time on three recipes, and what measuring itself takes.

    python benchmarks/costs.py --out costs.jsonl       # minutes; then prints the tables
    python benchmarks/costs.py --out costs.jsonl --tables

Each recipe runs in a process of its own under `/usr/bin/time -v`, as one measured block. The kernel counts the
interpreter's start and end too, the block its imports and the run, the stages what is theirs: each is a part of the one
before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

RECIPES = ("finance/credit-default", "healthcare/heart", "nlp/support-intent")
TIMES = 3
WHOLE = """
import json, sys
from evenhand.running.costing.measuring import measured
with measured() as cost:
    import evenhand
    evenhand.run(sys.argv[1], settings=sys.argv[3:], out=sys.argv[2])
print(json.dumps(cost))
"""
CHILDREN = """
import json, subprocess, sys
from evenhand.running.costing.measuring import measured
burn = "import time\\nend = time.process_time() + 2\\nwhile time.process_time() < end: pass"
with measured() as cost:
    for _ in range(2):
        subprocess.run([sys.executable, "-c", burn], check=True)
print(json.dumps(cost))
"""


def timed(command: list[str], cache: str) -> tuple[dict[str, float], str]:
    """(what /usr/bin/time -v says: cpu, wall, mb; what the command printed)."""
    with tempfile.NamedTemporaryFile("r") as told:
        line = ["/usr/bin/time", "-v", "-o", told.name, *command]
        env = {**os.environ, "EVENHAND_CACHE": cache}
        began = time.perf_counter()
        done = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
        wall, text = time.perf_counter() - began, told.read()
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    user, system = (float(found) for found in re.findall(r"(?:User|System) time \(seconds\): ([\d.]+)", text))
    peak = int(re.findall(r"Maximum resident set size \(kbytes\): (\d+)", text)[0])
    return {"cpu": user + system, "wall": wall, "mb": peak * 1024 / 1e6}, done.stdout


def measure() -> Iterator[dict[str, Any]]:
    """Every recipe, several times; children; the overhead."""
    for recipe in RECIPES:
        for seed in range(TIMES):
            with tempfile.TemporaryDirectory() as folder:
                line = [sys.executable, "-c", WHOLE, recipe, f"{folder}/run", f"seed={seed}"]
                kernel, printed = timed(line, f"{folder}/cache")
                stages = json.loads(Path(folder, "run", "manifest.json").read_text("utf-8"))["stages"]
                block = json.loads(printed.splitlines()[-1])
                yield {
                    "recipe": recipe,
                    "seed": seed,
                    "kernel": kernel,
                    "block": block,
                    "stages": list(stages.values()),
                }
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as folder:
            kernel, printed = timed([sys.executable, "-c", CHILDREN], folder)
        yield {"children": json.loads(printed), "kernel": kernel}
    yield {"overhead": overhead()}


def overhead() -> dict[str, float]:
    """Milliseconds that an empty block takes, and processor seconds a second of a block that only waits."""
    from evenhand.running.costing.measuring import cpu_seconds, measured

    began = time.perf_counter()
    for _ in range(200):
        with measured():
            pass
    each = (time.perf_counter() - began) / 200 * 1e3
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept.json")
        before = cpu_seconds()
        with measured(lambda found: kept.write_text(json.dumps(found))):
            time.sleep(20)
        return {"block_ms": each, "cpu_a_second": (cpu_seconds() - before) / 20}


def tables(lines: list[dict[str, Any]]) -> Iterator[str]:
    """What is in costs.md."""
    header = ("CPU s, kernel", "block", "block off by", "stages", "peak MB, kernel", "block", "largest stage")
    yield f"| recipe | {' | '.join(header)} |"
    yield "|---" * (len(header) + 1) + "|"
    for recipe in RECIPES:
        mine = [line for line in lines if line.get("recipe") == recipe]
        if not mine:
            continue
        kernel, block = (
            mean(line["kernel"]["cpu"] for line in mine),
            mean(line["block"]["cpu_seconds"] for line in mine),
        )
        off = max(abs(line["block"]["cpu_seconds"] / line["kernel"]["cpu"] - 1) for line in mine)
        stages = mean(sum(stage["cpu_seconds"] for stage in line["stages"]) for line in mine)
        told = mean(line["kernel"]["mb"] for line in mine)
        peak = mean(line["block"]["peak_memory_mb"] for line in mine)
        largest = mean(max(stage["peak_memory_mb"] for stage in line["stages"]) for line in mine)
        yield (
            f"| {recipe} | {kernel:.2f} | {block:.2f} | at most {off:.1%} | {stages:.2f} | {told:,.0f} | {peak:,.0f} |"
            f" {largest:,.0f} |"
        )
    yield ""
    for line in lines:
        if "children" in line:
            mine, kernel = line["children"]["cpu_seconds"], line["kernel"]["cpu"]
            yield f"two children of 2 s each: {mine:.2f} s, the kernel {kernel:.2f}"
        if "overhead" in line:
            found = line["overhead"]
            share = found["cpu_a_second"]
            yield f"an empty block: {found['block_ms']:.2f} ms; a waiting one: {share:.3%} of a processor"


def main() -> None:
    """Measure, unless only the tables are asked for; print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables", action="store_true")
    asked = parser.parse_args()
    if not asked.tables:
        with asked.out.open("w", encoding="utf-8") as out:
            for line in measure():
                out.write(json.dumps(line) + "\n")
                out.flush()
    lines = [json.loads(line) for line in asked.out.read_text("utf-8").splitlines()]
    print("\n".join(tables(lines)))


if __name__ == "__main__":
    main()
