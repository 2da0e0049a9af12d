"""How fast a search for slices is, how often it cries wolf when nothing is wrong, and what it finds; prints Markdown.

python benchmarks/slices.py speed            a million rows, 15 columns, to depth 3
python benchmarks/slices.py alarms           200 simulations a line where nothing is wrong
python benchmarks/slices.py planted          a bad conjunction of 2 % of 20,000 rows
python benchmarks/slices.py memory           peak memory of an audit of a Parquet file with --slices, and without
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.asking.question import Question
from evenhand.auditing.question.plan import make_plan
from evenhand.auditing.slices.search import find_slices
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source


def search(frame: Any, columns: list[str], depth: int = 3, top: int = 20, **roles: str) -> dict[str, Any]:
    """find_slices of a frame, as an audit calls it."""
    named = Roles(sensitive=(columns[0],), slices=tuple(columns), **roles)
    rows = take_roles(open_source(frame), named)
    plan = make_plan(rows, Question(replicates=200))
    return find_slices(rows, plan, columns, depth, top)


def columns_of(rng: np.random.Generator, rows: int, width: int, shared: np.ndarray | None = None) -> dict[str, Any]:
    """Slicing columns of 2 to 6 levels of unequal size, and numbers in every third; `shared`: one value per cluster."""
    size = rows if shared is None else int(shared.max()) + 1
    found: dict[str, Any] = {}
    for i in range(width):
        if i % 3 == 2:
            values: Any = np.round(rng.gamma(2.0, 20.0, size), 1)
        else:
            levels = 2 + i % 5
            values = np.array([f"v{k}" for k in range(levels)])[
                rng.choice(levels, size, p=rng.dirichlet(np.full(levels, 3.0)))
            ]
        found[f"c{i}"] = values if shared is None or i % 2 else values[shared]
    return (
        found
        if shared is None
        else {k: v if len(v) == rows else v[rng.integers(0, size, rows)] for k, v in found.items()}
    )


def binary(rng: np.random.Generator, rows: int, error: np.ndarray | float, base: float = 0.3) -> dict[str, np.ndarray]:
    """Labels, and decisions that are wrong with the given probability."""
    label = (rng.random(rows) < base).astype(int)
    return {"y": label, "d": np.where(rng.random(rows) < error, 1 - label, label)}


def clustered_error(rng: np.random.Generator, cluster: np.ndarray, error: float, rho: float) -> np.ndarray:
    """A probability of error per cluster (beta), for its rows."""
    a, b = error * (1 / rho - 1), (1 - error) * (1 / rho - 1)
    return rng.beta(a, b, int(cluster.max()) + 1)[cluster]


def case(kind: str, rng: np.random.Generator, rows: int, width: int) -> tuple[pl.DataFrame, dict[str, str]]:
    """A table in which nothing is wrong, and its roles."""
    roles = {"label": "y", "prediction": "d"}
    if kind.startswith("clusters"):
        size, error, rho = {
            "clusters of 5": (5, 0.2, 0.3),
            "clusters of 30": (30, 0.2, 0.2),
            "clusters of 5, error 2 %": (5, 0.02, 0.3),
        }[kind]
        cluster = np.sort(rng.integers(0, rows // size, rows))
        cluster = np.unique(cluster, return_inverse=True)[1]
        data = {**columns_of(rng, rows, width, cluster), **binary(rng, rows, clustered_error(rng, cluster, error, rho))}
        return pl.DataFrame({**data, "k": cluster}), {**roles, "cluster": "k"}
    data = columns_of(rng, rows, width)
    if kind == "weights":
        return pl.DataFrame({**data, **binary(rng, rows, 0.1), "w": rng.lognormal(0, 1, rows)}), {
            **roles,
            "weight": "w",
        }
    if kind == "weights, error 1 %":
        return pl.DataFrame({**data, **binary(rng, rows, 0.01), "w": rng.lognormal(0, 1, rows)}), {
            **roles,
            "weight": "w",
        }
    if kind == "selection 3 %":
        return pl.DataFrame({**data, "d": (rng.random(rows) < 0.03).astype(int)}), {"prediction": "d"}
    if kind.startswith("regression"):
        truth = rng.normal(0, 1, rows)
        noise = (
            rng.standard_t(3, rows)
            if "heavy" in kind
            else rng.lognormal(0, 1.5, rows)
            if "lognormal" in kind
            else rng.normal(0, 1, rows)
        )
        return pl.DataFrame({**data, "y": truth, "d": truth + noise}), roles
    error = {"error 1 %": 0.01, "error 10 %": 0.1, "error 50 %": 0.5}[kind]
    return pl.DataFrame({**data, **binary(rng, rows, error)}), roles


KINDS = (
    "error 10 %",
    "error 1 %",
    "error 50 %",
    "selection 3 %",
    "weights",
    "weights, error 1 %",
    "clusters of 5",
    "clusters of 30",
    "clusters of 5, error 2 %",
    "regression",
    "regression heavy tails",
    "regression lognormal",
)


def alarms(runs: int, rows: int, width: int, kinds: tuple[str, ...]) -> None:
    """How often anything is said to be worse in tables where nothing is, at most 5 %."""
    print("| nothing wrong in | tests | p_holm < 0.05, % | listed, % | seconds a search |\n|---|---:|---:|---:|---:|")
    for place, kind in enumerate(kinds):
        start, said, listed, tests = time.perf_counter(), 0, 0, 0
        for run in range(runs):
            frame, roles = case(kind, np.random.default_rng((place, run)), rows, width)
            found = search(frame, [c for c in frame.columns if c.startswith("c")], **roles)
            least = found["found"] or [entry for entry in [found["strongest"]] if entry]
            said += min((entry["p_holm"] for entry in least), default=1.0) < 0.05
            listed += bool(found["found"])
            tests += found["tests"]
        seconds = (time.perf_counter() - start) / runs
        print(
            f"| {kind} | {tests // runs:,} | {100 * said / runs:.1f} | {100 * listed / runs:.1f} | {seconds:.2f} |",
            flush=True,
        )


def planted(runs: int) -> None:
    """A higher error in a conjunction of two values that holds 2 % of 20,000 rows."""
    print(
        "| planted | tests | on top, % | listed anywhere, % | entries of other slices, mean"
        " |\n|---|---:|---:|---:|---:|"
    )
    wanted = {("sex", "f"), ("site", "s3")}
    for error, rest, clusters in (
        (0.3, 0.1, False),
        (0.2, 0.1, False),
        (0.05, 0.01, False),
        (0.3, 0.1, True),
        (0.2, 0.1, True),
    ):
        top, listed, others, tests = 0, 0, 0, 0
        for run in range(runs):
            found = _planted(np.random.default_rng((99, run)), error, rest, clusters)
            entries = [{(c["column"], c["value"]) for c in e["slice"]} for e in found["found"]]
            top, listed = top + (entries[:1] == [wanted]), listed + (wanted in entries)
            others, tests = others + sum(e != wanted for e in entries), tests + found["tests"]
        name = f"{error:.0%} against {rest:.0%}" + (", clusters of 5, correlation 0.1" if clusters else "")
        print(
            f"| {name} | {tests // runs:,} | {100 * top / runs:.0f} | {100 * listed / runs:.0f} |"
            f" {others / runs:.2f} |",
            flush=True,
        )


def _planted(rng: np.random.Generator, error: float, rest: float, clusters: bool) -> dict[str, Any]:
    """The search of one table; sites belong to clusters."""
    rows = 20_000
    cluster = np.arange(rows) // (5 if clusters else 1)
    data = columns_of(rng, rows, 8)
    data["sex"] = rng.choice(["f", "m"], rows, p=[0.2, 0.8])
    data["site"] = rng.choice([f"s{i}" for i in range(10)], rows)[cluster]
    bad = (data["sex"] == "f") & (data["site"] == "s3")
    mean = np.where(bad, error, rest)
    chance = (
        mean * rng.beta(0.9, 8.1, rows)[cluster] / 0.1 if clusters else mean
    )  # what a cluster's rows have in common
    frame = pl.DataFrame({**data, **binary(rng, rows, chance)})
    if not clusters:
        return search(frame, list(data), label="y", prediction="d")
    return search(frame.with_columns(k=pl.Series(cluster)), list(data), label="y", prediction="d", cluster="k")


def speed(rows: int, width: int) -> None:
    """Seconds to search a million rows, everything included."""
    print("| rows | columns | with | tests | listed | seconds | CPU seconds |\n|---:|---:|---|---:|---:|---:|---:|")
    rng = np.random.default_rng(1)
    data = columns_of(rng, rows, width)
    bad = (data["c0"] == "v1") & (data["c4"] == "v2")
    roles = {"label": "y", "prediction": "d"}
    frame = pl.DataFrame({**data, **binary(rng, rows, np.where(bad, 0.2, 0.1))})
    cluster = np.arange(rows) // 5
    kinds = {
        "nothing else": (frame, {}),
        "weights": (frame.with_columns(w=pl.Series(rng.lognormal(0, 1, rows))), {"weight": "w"}),
        "clusters of 5": (
            pl.DataFrame({**data, **binary(rng, rows, clustered_error(rng, cluster, 0.1, 0.2)), "k": cluster}),
            {"cluster": "k"},
        ),
    }
    for name, (table, more) in kinds.items():
        start, busy = time.perf_counter(), time.process_time()
        found = search(table, list(data), **roles, **more)
        took, used = time.perf_counter() - start, time.process_time() - busy
        print(
            f"| {rows:,} | {width} | {name} | {found['tests']:,} | {len(found['found'])} | {took:.1f} | {used:.1f} |",
            flush=True,
        )


def memory(rows: int) -> None:
    """Peak memory of `evenhand audit` in a process of its own, over a Parquet file that is written row group by row
    group."""
    print("| rows | --slices | seconds | peak MB |\n|---:|---|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "p.parquet")
        write_people(file, rows)
        for more in ([], ["--slices", "age,income,debt,region,job"]):
            command = [
                sys.executable,
                "-m",
                "evenhand",
                "audit",
                str(file),
                "--label=y",
                "--score=s",
                "--sensitive=sex",
            ]
            start = time.perf_counter()
            process = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, command
            seconds = time.perf_counter() - start
            print(f"| {rows:,} | {'5 columns' if more else 'no'} | {seconds:.0f} | {usage.ru_maxrss / 1024:,.0f} |")


def write_people(file: Path, rows: int, at_once: int = 1_000_000) -> None:
    """Two columns of few values, whole numbers, two of numbers that are all distinct, labels and scores."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(0), None
    for start in range(0, rows, at_once):
        n = min(at_once, rows - start)
        label = rng.integers(0, 2, n)
        part = pa.table(
            {
                "y": label.astype("int8"),
                "s": np.clip(0.3 * label + 0.7 * rng.random(n), 0, 1),
                "sex": np.array(["f", "m"])[rng.integers(0, 2, n)],
                "age": rng.integers(18, 90, n).astype("int16"),
                "income": rng.lognormal(10, 1, n),
                "debt": rng.normal(0, 1, n),
                "region": np.array([f"r{i}" for i in range(8)])[rng.integers(0, 8, n)],
                "job": np.array([f"j{i}" for i in range(30)])[rng.integers(0, 30, n)],
            }
        )
        writer = writer or pq.ParquetWriter(file, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "alarms", "planted", "memory"))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int)
    parser.add_argument("--only", choices=KINDS, action="append")
    asked = parser.parse_args()
    if asked.what == "speed":
        speed(asked.rows or 1_000_000, asked.columns or 15)
    elif asked.what == "alarms":
        alarms(asked.runs, asked.rows or 3_000, asked.columns or 8, tuple(asked.only or KINDS))
    elif asked.what == "memory":
        memory(asked.rows or 10_000_000)
    else:
        planted(asked.runs)


if __name__ == "__main__":
    main()
