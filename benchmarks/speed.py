"""The audit's speed beside fairlearn's MetricFrame, in one run, and on many rows from Parquet; prints Markdown.

    python benchmarks/speed.py                        1,000,000 rows in memory, beside fairlearn
    python benchmarks/speed.py --rows 100000000 that many rows from Parquet too (about 1 GB of disk, deleted again)

Times are medians of several runs in this process; memory is the system's own figure for a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

METRICS = ["selection_rate", "tpr", "fpr", "accuracy"]
SENSITIVE = ["race", "age"]  # 8 × 5 = 40 groups
BATCH = 5_000_000


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


def median(run: Callable[[], Any], times: int) -> float:
    """Median wall time in seconds of `times` runs, after one that is not counted where there are several."""
    found = []
    for _ in range(times + (times > 1)):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found[1:] if times > 1 else found)


def beside_fairlearn(n: int) -> None:
    """Point estimates, and the cost of one more replicate, of both."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    import evenhand

    frame = rows(n)
    decided = frame.select("y", *SENSITIVE, p=(pl.col("s") >= 0.5).cast(pl.Int8))
    y, p, groups = decided["y"].to_numpy(), decided["p"].to_numpy(), decided.select(SENSITIVE).to_pandas()
    theirs = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "accuracy": accuracy_score,
    }

    def metric_frame(**more: Any) -> Any:
        return MetricFrame(metrics=theirs, y_true=y, y_pred=p, sensitive_features=groups, **more).by_group

    def ours(replicates: int = 2_000) -> Any:
        return evenhand.audit(
            decided,
            label="y",
            prediction="p",
            sensitive=SENSITIVE,
            metrics=METRICS,
            intersections=2,
            replicates=replicates,
        )

    plain = median(metric_frame, 3)
    booted = median(lambda: metric_frame(n_boot=5, ci_quantiles=[0.025, 0.975], random_state=0), 1)
    few, many = median(lambda: ours(200), 5), median(lambda: ours(20_000), 5)
    whole, counted = median(ours, 7), median(lambda: counts(decided), 7)
    per_theirs, per_ours = (booted - plain) / 5, max(many - few, 1e-9) / 19_800
    print(f"\n## {n:,} rows, 40 groups (and their two margins), 4 metrics\n")
    print("| what | fairlearn MetricFrame | evenhand | ratio |\n|---|---:|---:|---:|")
    print(
        f"| rates by group, no bootstrap (evenhand: counted and computed, no intervals) | {plain:.3f} s | {counted:.4f}"
        f" s | {plain / counted:,.0f} × |"
    )
    print(
        "| the same with everything an audit gives (intervals, bands over 2,000 draws, gaps, verdicts) | – |"
        f" {whole:.3f} s | {plain / whole:,.1f} × |"
    )
    print(
        f"| one more bootstrap replicate | {1e3 * per_theirs:,.0f} ms | {1e3 * per_ours:.4f} ms |"
        f" {per_theirs / per_ours:,.0f} × |"
    )


def counts(frame: pl.DataFrame) -> Any:
    """The engine's own part of an audit: one aggregation, then four metrics for every group."""
    from evenhand.auditing.counting.aggregation import count
    from evenhand.auditing.counting.projection import project
    from evenhand.auditing.metrics.built_in import BINARY
    from evenhand.auditing.table.checks import take_roles
    from evenhand.auditing.table.rows import Roles
    from evenhand.auditing.table.source import open_source

    taken = take_roles(open_source(frame), Roles(tuple(SENSITIVE), "y", None, "p"))
    table = count(taken, "binary", [1], [1], None, set())
    _, group = np.unique(table.groups[:, 0] * 5 + table.groups[:, 1], return_inverse=True)
    seen = project(table, group, 40).counts()
    return [BINARY[name].function(seen) for name in METRICS]


def in_memory(n: int) -> None:
    """The issue's other yardstick: 50 groups, six metrics, 2,000 replicates, through the Python API."""
    import evenhand

    frame = rows(n).with_columns(g=pl.int_range(n) % 50)
    names = [*METRICS, "ppv", "auc"]
    seconds = median(lambda: evenhand.audit(frame, label="y", score="s", sensitive="g", metrics=names), 5)
    print(f"\n{n:,} rows in memory, 50 groups, 6 metrics (AUC among them), 2,000 replicates: {seconds:.2f} s")


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
        code = (
            "import sys, time, evenhand\nfrom evenhand.auditing.metrics.built_in import BINARY\nstart ="
            f" time.perf_counter()\nevenhand.audit(sys.argv[1], label='y', score='s', sensitive={SENSITIVE},"
            " metrics=list(BINARY), intersections=2)\nprint(time.perf_counter() - start)\n"
        )
        start = time.perf_counter()
        process = os.posix_spawn(sys.executable, [sys.executable, "-c", code, str(file)], os.environ)
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - start
        size = file.stat().st_size / 1e9
    print(
        f"\n{n:,} rows from Parquet ({size:.2f} GB), 40 groups, every binary metric, 2,000 replicates: {wall:.1f} s"
        f" whole process, peak {usage.ru_maxrss / 1e3:,.0f} MB, exit {os.waitstatus_to_exitcode(status)}"
    )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=0, help="also from Parquet, so many rows")
    asked = parser.parse_args().rows
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    beside_fairlearn(1_000_000)
    in_memory(1_000_000)
    if asked:
        from_parquet(asked)


if __name__ == "__main__":
    main()
