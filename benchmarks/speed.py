"""What a user types, timed: audits of many rows in memory, beside fairlearn's MetricFrame, and of Parquet; Markdown.

    python benchmarks/speed.py                        1,000,000 rows in memory
    python benchmarks/speed.py --fairlearn            beside MetricFrame, in the same run (a minute)
    python benchmarks/speed.py --fairlearn --boot     and what one more bootstrap replicate costs (minutes)
    python benchmarks/speed.py --rows 100000000       as many rows from Parquet too (1 GB of disk, deleted again)

Each line is the least of several runs: on a shared machine whatever is longer is somebody else's. CPU seconds count all
threads, and depend less on who else is there. Memory is the system's own figure for a process of its own (Linux).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

METRICS = ["selection_rate", "tpr", "fpr", "accuracy"]
SENSITIVE = ["race", "age"]  # 8 × 5 = 40 groups, and the two columns alone
ASKED = {"label": "y", "score": "s", "sensitive": SENSITIVE, "intersections": 2}
CLUSTERS = 250_000
BATCH = 5_000_000
WHOLE = f"""
import sys, evenhand
from pathlib import Path
from evenhand.auditing.metrics.built_in import BINARY
evenhand.audit(sys.argv[1], **{ASKED}, metrics=list(BINARY))
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1])
"""


def rows(n: int, seed: int = 0) -> pl.DataFrame:
    """Labels, scores and two columns of 8 and 5 groups."""
    rng = np.random.default_rng(seed)
    score = rng.random(n, dtype=np.float32)
    return pl.DataFrame(
        {
            "y": (rng.random(n, dtype=np.float32) < score).astype(np.int8),
            "s": score,
            "race": pl.Series(rng.integers(0, 8, n, dtype=np.uint8)).cast(pl.String).cast(pl.Categorical),
            "age": pl.Series(rng.integers(0, 5, n, dtype=np.uint8)).cast(pl.String).cast(pl.Categorical),
        }
    )


def least(run: Callable[[], Any], times: int) -> tuple[float, float]:
    """(wall, CPU) seconds of the fastest of `times` runs, after one that is not counted where there are several."""
    found = []
    for _ in range(times + (times > 1)):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    kept = found[1:] if times > 1 else found
    return min(wall for wall, _ in kept), min(cpu for _, cpu in kept)


def in_memory(n: int, times: int = 5) -> None:
    """The same audit from three kinds of table, their groups as text, and with rows that belong together."""
    import evenhand

    plain = rows(n).with_columns(pl.col(SENSITIVE).cast(pl.String))
    cluster = pl.Series(np.random.default_rng(1).integers(0, n * CLUSTERS // 1_000_000, n))
    frames = {"Polars": plain, "pandas": plain.to_pandas(), "Arrow": plain.to_arrow()}
    print(f"\n| {n:,} rows in memory, 40 groups and their two margins | wall s | CPU s |\n|---|---:|---:|")
    asked = [(name, frame, {}, times) for name, frame in frames.items()]
    clustered = plain.with_columns(patient=cluster)
    asked.append((f"Polars, rows in {cluster.n_unique():,} clusters", clustered, {"cluster": "patient"}, 3))
    for name, frame, more, runs in asked:
        for what, metrics in (("every default metric", None), ("4 metrics", METRICS)):
            wall, cpu = least(partial(evenhand.audit, frame, **ASKED, **more, metrics=metrics), runs)
            print(f"| {name}, {what} | {wall:.2f} | {cpu:.2f} |", flush=True)


def fairlearn(n: int, boot: bool) -> None:
    """MetricFrame: four rates by group without an interval, and with a bootstrap if asked."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    frame = rows(n)
    y, p = frame["y"].to_numpy(), (frame["s"] >= 0.5).cast(pl.Int8).to_numpy()
    groups = frame.select(SENSITIVE).to_pandas()
    functions = (selection_rate, true_positive_rate, false_positive_rate, accuracy_score)
    theirs = dict(zip(METRICS, functions, strict=True))

    def metric_frame(**more: Any) -> Any:
        return MetricFrame(metrics=theirs, y_true=y, y_pred=p, sensitive_features=groups, **more).by_group

    wall, cpu = least(metric_frame, 1)
    print(f"| fairlearn's MetricFrame, 4 metrics, no interval | {wall:.2f} | {cpu:.2f} |", flush=True)
    if boot:
        more = least(lambda: metric_frame(n_boot=5, ci_quantiles=[0.025, 0.975], random_state=0), 1)
        print(f"| of it one more bootstrap replicate | {(more[0] - wall) / 5:.2f} | {(more[1] - cpu) / 5:.2f} |")


def from_parquet(n: int) -> None:
    """Every binary metric on a Parquet file, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name) / "rows"
        folder.mkdir()
        for part in range(-(-n // BATCH)):
            rows(min(BATCH, n - part * BATCH), part).write_parquet(folder / f"{part:03}.parquet")
        file = Path(name) / "rows.parquet"
        pl.scan_parquet(folder / "*.parquet").sink_parquet(file)
        for part_file in folder.iterdir():
            part_file.unlink()
        start, before = time.perf_counter(), os.times()
        ran = subprocess.run([sys.executable, "-c", WHOLE, str(file)], capture_output=True, text=True, check=True)
        wall, after = time.perf_counter() - start, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        size = file.stat().st_size / 1e9
    print(f"\n| {n:,} rows from Parquet ({size:.2f} GB), 40 groups and their two margins | wall s | CPU s | peak MB |")
    print("|---|---:|---:|---:|")
    peak = int(ran.stdout) / 1e3
    print(f"| every binary metric, 2,000 replicates, whole process | {wall:.1f} | {cpu:.1f} | {peak:,.0f} |")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=0, help="also from Parquet, so many rows")
    parser.add_argument("--fairlearn", action="store_true", help="beside MetricFrame")
    parser.add_argument("--boot", action="store_true", help="with a bootstrap of MetricFrame")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    in_memory(1_000_000)
    if asked.fairlearn:
        fairlearn(1_000_000, asked.boot)
    if asked.rows:
        from_parquet(asked.rows)


if __name__ == "__main__":
    main()
