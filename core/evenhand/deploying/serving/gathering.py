"""Requests that come together are scored together: gathered for some milliseconds, in one thread that has the model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenhand.deploying.serving.refused import Refused

Score = Callable[[Sequence["Waiting"]], list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A request that was accepted: its id, its rows, and where its answer goes."""

    request: str
    frame: pl.DataFrame
    answer: asyncio.Future[Any]


class Gatherer:
    """Whoever asks gets the answer to its own rows.

    score: called in the model's thread with the requests of a batch; one answer, or one exception, for each of them.
    rows: at which a batch is full; wait: seconds that its first request waits for others. most: rows that may wait.
    """

    def __init__(self, score: Score, rows: int, wait: float, most: int) -> None:
        self._score, self._rows, self._wait, self._most = score, rows, wait, most
        self._queue: deque[Waiting] = deque()
        self._queued = 0  # rows
        self._came = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "model")
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    def start(self) -> None:
        """Begin to score; inside a running loop."""
        self._task = asyncio.create_task(self._go())

    async def ask(self, request: str, frame: pl.DataFrame) -> Any:
        """The answer to these rows. Refused, 503, where too many wait already; else what `score` raised for them."""
        if self._queued and self._queued + frame.height > self._most:
            raise Refused(503, f"{self._queued:,} rows are waiting already; come again in a second")
        waiting = Waiting(request, frame, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += frame.height
        self._came.set()
        return await asyncio.shield(waiting.answer)  # who goes away meanwhile does not take it from the log

    async def run(self, work: Callable[[], None]) -> None:
        """Do something between two batches, in the model's thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def stop(self) -> None:
        """Answer whoever waits, and end."""
        while self._queue:
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    async def _go(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            await self._others()
            batch = self._taken()
            try:
                answers = await loop.run_in_executor(self._thread, self._score, batch)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # each of them is told; the next batch may fare better
                answers = [error] * len(batch)
            for waiting, answer in zip(batch, answers, strict=True):
                _give(waiting.answer, answer)

    async def _others(self) -> None:
        """Wait for other requests until the batch is full or the time is over."""
        end = asyncio.get_running_loop().time() + self._wait
        while self._rows > 1 and self._queued < self._rows:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except TimeoutError:
                return

    def _taken(self) -> list[Waiting]:
        """The requests of one batch, in their order; at least one, however many rows it has."""
        batch: list[Waiting] = []
        taken = 0
        while self._queue and (not batch or taken + self._queue[0].frame.height <= self._rows):
            batch.append(self._queue.popleft())
            taken += batch[-1].frame.height
        self._queued -= taken
        if self._queue:
            self._came.set()
        else:
            self._came.clear()
        return batch


def _give(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
        future.exception()  # whoever asked may have gone; then nobody else looks
    else:
        future.set_result(answer)
