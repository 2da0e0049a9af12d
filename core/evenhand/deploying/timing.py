"""`evenhand latency`: how long a model takes to answer for one row, as `predict` scores it, against a budget."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.console import Progress
from evenhand.deploying.loading import is_export, load_exported
from evenhand.deploying.percentile import CONFIDENCE, calls_for, milliseconds, percentile_of
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import atomic
from evenhand.living.sites.place import old_rows
from evenhand.recorded.finished import MANIFEST, open_run
from evenhand.scoring.scorer import Scorer, load

Ready = Callable[[pl.DataFrame], pl.DataFrame]
FILES = ("latency.json", "report.html")
WARM, MOST_ROWS, BARS = 20, 500, 40
SHOWN = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long single answers took: the folder and what was found. str() says it in sentences."""

    path: Path
    found: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """`within`, `exceeded` or `not enough evidence` against the budget; `none` without one."""
        return str(self.found["verdict"])

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def rows(self) -> list[tuple[Any, ...]]:
        """The percentiles, one a row."""
        return [(p["percentile"], p["ms"], p["lower_ms"], p["upper_ms"]) for p in self.found["percentiles"]]

    def exit_code(self, strict: bool = False) -> int:
        """0 within the budget; 1 over it, or above it without proof; 3 for no proof where that is strict."""
        if self.verdict == "exceeded":
            return 1
        if self.verdict == "not enough evidence":
            return 3 if strict else int(self.found["asked_ms"] > self.found["budget_ms"])
        return 0

    def __str__(self) -> str:
        return "\n".join(self.found["says"])


def latency(
    run: str | Path,
    budget: str | None = None,
    percentile: float = 99.0,
    *,
    threads: int = 1,
    calls: int | None = None,
    source: str | Path | None = None,
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Latency:
    """Time single answers of a finished run or of an export, one test row at a time, after a warm-up.

    budget: such as "20ms"; the percentile of all calls must keep to it. threads: that one answer may use. calls: None:
    enough for limits of the percentile. source: the run's data where it has moved. out: the folder for latency.json and
    report.html; None: RUN-latency beside it. Raises BadInput.
    """
    limit = None if budget is None else milliseconds(budget)
    if not 0 < percentile < 100:
        raise BadInput(f"a percentile lies between 0 and 100, and {percentile:g} does not (--percentile)")
    wanted = calls_for(percentile) if calls is None else calls
    if wanted < 2 or threads < 1:
        raise BadInput(f"{wanted} calls with {threads} threads tell nothing; ask for more (--calls, --threads)")
    folder = _folder(Path(run), out)
    every = plugins or discovering.load()
    scorer = _loaded(Path(run), threads, every)
    rows = _rows(Path(run), scorer, source)
    singles = [rows.slice(place, 1) for place in range(rows.height)]
    if not singles:
        raise BadInput(f"{run} has no test rows to time; name rows with --source")
    ready, note = _reader(scorer, singles[0])
    scorer.scored(ready(singles[0]))  # whatever is read late is there now, and can be limited
    with _threads(threads):
        times = _timed(scorer, ready, singles, wanted, progress or Progress(quiet=True))
    told = told_of(times, limit, percentile)
    told |= {
        "says": [*told["says"], *note],
        "threads": threads,
        "warm": WARM,
        "rows": rows.height,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "run": Path(run).name,
    }
    _write(folder, told, scorer.recipe.title)
    return Latency(folder, told)


def _folder(run: Path, out: str | Path | None) -> Path:
    """Where the page goes; BadInput where something else lies there."""
    folder = Path(out) if out is not None else run.absolute().parent / f"{run.absolute().name}-latency"
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in FILES) if folder.is_dir() else []
    if strangers:
        raise BadInput(f"{folder} holds other files ({strangers[0]}, …); give an empty or new folder with --out")
    return folder


def _loaded(run: Path, threads: int, plugins: Plugins) -> Scorer:
    return load_exported(run, threads, plugins) if is_export(run) else load(run, plugins)


def _rows(run: Path, scorer: Scorer, source: Any) -> pl.DataFrame:
    """Test rows of the run with every column, as new rows would come."""
    from evenhand.deploying.exporting.asked import frame_of

    if not os.path.lexists(run / MANIFEST):
        if source is None:
            raise BadInput(
                f"{run} has no record of its run's rows; name data with --source, or the folder of the export"
            )
        return next(scorer.batches(source)).head(MOST_ROWS)
    splits, why = old_rows(scorer, open_run(run), source)
    if splits is None:
        raise BadInput(f"{why.partition(';')[0]}; name the same data with --source")
    return frame_of(splits.test.select(range(min(MOST_ROWS, len(splits.test)))), list(scorer.recipe.schema.input))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """No more threads than this for what computes here: torch, BLAS, OpenMP. onnxruntime was told when it loaded."""
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else None
    with contextlib.ExitStack() as limits:
        with contextlib.suppress(ImportError):
            from threadpoolctl import threadpool_limits

            limits.enter_context(threadpool_limits(limits=count))
        if before is not None:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            if before is not None:
                torch.set_num_threads(before)


def _reader(scorer: Scorer, row: pl.DataFrame) -> tuple[Ready, list[str]]:
    """(what makes a new row ready for the model, a note). A plugin may make its inputs from raw rows, such as a stream:
    then the run's test rows are ready as they are, and what the plugin does is not timed."""
    try:
        next(scorer.batches(row))
    except BadInput:
        note = f"not in it: what plugin '{scorer.recipe.domain}' makes of raw rows before the model reads them"
        return lambda one: one, [note]
    return lambda one: next(scorer.batches(one)), []


def _timed(scorer: Scorer, ready: Ready, singles: list[pl.DataFrame], calls: int, progress: Progress) -> np.ndarray:
    """Milliseconds [calls, 2]: to read and check a row, and to score it."""
    for place in range(WARM):
        scorer.scored(ready(singles[place % len(singles)]))
    found = np.empty((calls, 2))
    for call in range(calls):
        row = singles[call % len(singles)]
        began = time.perf_counter_ns()
        read = ready(row)
        between = time.perf_counter_ns()
        scorer.scored(read)
        found[call] = between - began, time.perf_counter_ns() - between
        if call % 500 == 499:
            progress.step(call + 1, calls, "calls")
    return found / 1e6


def told_of(times: np.ndarray, budget_ms: float | None, percentile: float) -> dict[str, Any]:
    """What latency.json holds of times [calls, 2] in milliseconds."""
    whole = times.sum(axis=1)
    asked = percentile_of(whole, percentile)
    shown = sorted({*SHOWN, percentile})
    each = [percentile_of(whole, one) for one in shown]
    verdict = verdict_on(asked.lower, asked.upper, budget_ms)
    return {
        "calls": len(whole),
        "confidence": CONFIDENCE,
        "budget_ms": budget_ms,
        "percentile": percentile,
        "asked_ms": asked.value,
        "verdict": verdict,
        "mean_ms": float(whole.mean()),
        "longest_ms": float(whole.max()),
        "percentiles": [
            {"percentile": p.percentile, "ms": p.value, "lower_ms": p.lower, "upper_ms": p.upper} for p in each
        ],
        "split": [
            {"name": name, "median_ms": float(np.median(part)), "share": float(part.sum() / whole.sum())}
            for name, part in zip(("read and check the row", "model and decision"), times.T, strict=True)
        ],
        "histogram": _histogram(whole),
        "tail": _tail(whole),
        "says": _says(asked, budget_ms, verdict, len(whole)),
    }


def verdict_on(lower: float | None, upper: float | None, budget: float | None) -> str:
    """Three values, never two, of limits and a budget in one unit.

    >>> [verdict_on(1.0, 2.0, budget) for budget in (3.0, 1.5, 0.5)], verdict_on(1.0, None, 3.0)
    (['within', 'not enough evidence', 'exceeded'], 'not enough evidence')
    """
    if budget is None:
        return "none"
    if lower is not None and lower > budget:
        return "exceeded"
    return "within" if upper is not None and upper <= budget else "not enough evidence"


def _says(asked: Any, budget: float | None, verdict: str, calls: int) -> list[str]:
    ends = [plain(end) if end is not None else "?" for end in (asked.lower, asked.upper)]
    said = [
        f"p{asked.percentile:g} of {calls:,} single answers is {plain(asked.value)} ms (between {ends[0]} and"
        f" {ends[1]} ms at {CONFIDENCE:.0%} confidence)"
    ]
    if asked.upper is None:
        said.append(
            f"{calls:,} calls are too few for an upper limit of p{asked.percentile:g}; about"
            f" {calls_for(asked.percentile):,} give one (--calls)"
        )
    if budget is not None:
        side = "above" if asked.value > budget else "below"
        said.append(
            {
                "within": f"WITHIN the budget of {budget:g} ms",
                "exceeded": f"EXCEEDED: over the budget of {budget:g} ms",
                "not enough evidence": f"NOT ENOUGH EVIDENCE: it lies {side} the budget of {budget:g} ms, and these"
                " calls do not prove it",
            }[verdict]
        )
    return said


def plain(milliseconds: float) -> str:
    """Three digits, never an exponent.

    >>> plain(0.01234), plain(1149.49)
    ('0.0123', '1150')
    """
    digits = max(0, 2 - math.floor(math.log10(milliseconds))) if milliseconds > 0 else 0
    return f"{float(f'{milliseconds:.3g}'):.{digits}f}"


def _histogram(times: np.ndarray) -> dict[str, Any]:
    """Counts between edges; the last bar has all beyond the 99.5th percentile."""
    low, high = float(times.min()), float(np.quantile(times, 0.995))
    edges = np.linspace(low, high if high > low else low + 1e-6, BARS + 1)
    counts = np.histogram(np.minimum(times, edges[-1]), edges)[0]
    return {"edges_ms": edges.tolist(), "counts": counts.tolist()}


def _tail(times: np.ndarray) -> list[tuple[float, float]]:
    """(-log10 of the share that took longer, milliseconds), from the median to the longest."""
    ordered = np.sort(times)
    n = len(ordered)
    places = np.unique(np.round(n * (1 - np.logspace(np.log10(0.5), np.log10(1 / n), 120))).astype(int).clip(0, n - 1))
    return [(float(-np.log10(1 - place / n)), float(ordered[place])) for place in places]


def _write(folder: Path, told: dict[str, Any], title: str) -> None:
    from evenhand.reporting import render_latency

    folder.mkdir(parents=True, exist_ok=True)
    pages = {"latency.json": json.dumps(told, indent=1) + "\n", "report.html": render_latency(title, told)}
    for name, text in pages.items():
        with atomic(folder / name) as temporary:
            temporary.write_text(text, "utf-8")
