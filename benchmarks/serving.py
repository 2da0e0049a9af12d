"""evenhand serve under load by real clients: requests a second, median and 99th percentile of the time to an answer.

    python benchmarks/serving.py --run finance/credit-default=DIR --run … --results serving.jsonl     measure
    python benchmarks/serving.py --results serving.jsonl --table                                     print Markdown

DIR holds a finished run; rows are those of the recipe's own sample, one a request, for an image run pictures of its
test split. Each server is a process of its own, with its log; clients are threads of this process, each with one open
connection, which ask again as soon as they have their answer. The first requests (20 of each client) are not counted.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.extending.discovering import load
from evenhand.recipe import Recipe

CLIENTS = (1, 8, 32)
BATCHES = (64, 1)
WARM = 20


def bodies_of(run: Path) -> list[bytes]:
    """Requests of one row each, from the test rows of the recipe's sample."""
    recipe = Recipe.from_file(run / "recipe.toml")
    plugins = load()
    splits = plugins.first(recipe, "load_data", recipe=recipe, source=None)
    rows = splits.test.select(range(min(200, len(splits.test)))).select_columns(list(recipe.schema.input))
    if recipe.modality == "image":
        rows = rows.cast_column(recipe.schema.input[0], image_bytes())
    return [json.dumps({name: plain(value) for name, value in row.items()}).encode() for row in rows]


def image_bytes() -> Any:
    from datasets import Image

    return Image(decode=False)


def plain(value: Any) -> Any:
    """A value as JSON has it; an image as base64."""
    if isinstance(value, dict):
        content = value["bytes"] or Path(value["path"]).read_bytes()
        return base64.b64encode(content).decode()
    return value.isoformat() if hasattr(value, "isoformat") else value


def client(address: str, bodies: list[bytes], turns: int, offset: int) -> list[float]:
    """Seconds to each answer of one client."""
    connection = http.client.HTTPConnection(address.partition("//")[2], timeout=120)
    seconds = []
    for turn in range(turns):
        began = time.perf_counter()
        connection.request(
            "POST", "/predict", bodies[(offset + turn) % len(bodies)], {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        content = response.read()
        seconds.append(time.perf_counter() - began)
        assert response.status == 200, content
    return seconds


def measure(run: Path, bodies: list[bytes], batch: int, clients: int, requests: int) -> dict[str, Any]:
    """One server, and so many clients at once."""
    with tempfile.TemporaryDirectory() as log:
        words = [sys.executable, "-m", "evenhand", "serve", str(run), "--port=0", "--log", log, "--batch", str(batch)]
        server = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert server.stderr is not None
        address = next(line for line in server.stderr if line.startswith("serving ")).split(" at ")[1].split(" ")[0]
        turns = max(10, requests // clients)
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda number: client(address, bodies, WARM, number * 7), range(clients)))
            began = time.perf_counter()
            found = list(pool.map(lambda number: client(address, bodies, turns, number * 7), range(clients)))
            wall = time.perf_counter() - began
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        import polars as pl

        logged = pl.scan_parquet(f"{log}/*.parquet").select(pl.len()).collect().item()
    milliseconds = np.concatenate(found) * 1000
    asked = clients * (turns + WARM)
    return {
        "batch": batch,
        "clients": clients,
        "requests": len(milliseconds),
        "a second": len(milliseconds) / wall,
        "p50": float(np.quantile(milliseconds, 0.5)),
        "p99": float(np.quantile(milliseconds, 0.99)),
        "lost": asked - logged,
    }


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "| recipe | clients | batching | requests | requests a second | p50 ms | p99 ms | lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        batching = "on" if row["batch"] > 1 else "off"
        figures = f"{row['requests']:,} | {row['a second']:.0f} | {row['p50']:.1f} | {row['p99']:.1f} | {row['lost']}"
        lines.append(f"| {row['recipe']} | {row['clients']} | {batching} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", default=[], help="RECIPE=DIR of a finished run")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    for pair in asked.run:
        name, _, folder = pair.partition("=")
        bodies = bodies_of(Path(folder))
        for clients in CLIENTS:
            for batch in BATCHES:
                found = {"recipe": name, **measure(Path(folder), bodies, batch, clients, asked.requests)}
                print(json.dumps(found), flush=True)
                with asked.results.open("a") as file:
                    file.write(json.dumps(found) + "\n")
    if asked.table:
        print(table([json.loads(line) for line in asked.results.read_text().splitlines()]))


if __name__ == "__main__":
    main()
