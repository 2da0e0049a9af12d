"""Starts a server and ends it: the port taken first, the model loaded, and nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.console import Progress
from evenhand.deploying.serving.answering import model_of
from evenhand.deploying.serving.service import Service, open_journal
from evenhand.deploying.serving.settings import Settings, read_key
from evenhand.errors import BadInput
from evenhand.files import why
from evenhand.recorded.finished import open_run
from evenhand.scoring.scorer import load

if TYPE_CHECKING:
    from evenhand.extending.discovering import Plugins

TICK = 1.0  # seconds between two looks at the log's clock
Started = Callable[[str, Callable[[], object]], None]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server did until it was stopped: requests that were answered with decisions, their rows, log files."""

    requests: int
    rows: int
    log: Path | None
    files: int

    def __str__(self) -> str:
        logged = "" if self.log is None else f"; {self.files} files of it in {self.log}"
        return f"stopped: {self.requests:,} requests answered, {self.rows:,} rows{logged}"


def serve(
    run: str | Path,
    *,
    log: str | Path | bool = True,
    key_file: str | Path | None = None,
    progress: Progress | None = None,
    plugins: Plugins | None = None,
    started: Started | None = None,
    **options: Any,
) -> Served:
    """Serve the model of the finished run in `run` over HTTP until SIGTERM, Ctrl-C, or the function that `started` got.

    options: host, port, without_key, batch, wait, rows, megabytes, threads, log_rows, log_seconds, log_sensitive, as
    `Settings` says; without any: this machine alone, port 8000. log: the folder of predictions as Parquet; True:
    RUN-served beside the run; False: none. key_file: a file with the key that clients send; None: EVENHAND_API_KEY,
    where it is set. started: called with the address and a function that stops the server, once it answers.
    Raises BadInput where the run, a setting, the key, the log or the port cannot be.
    """
    uvicorn = _uvicorn_here()
    settings, progress = Settings(**options), progress or Progress(quiet=True)
    key = read_key(key_file)
    settings.check(key)
    found = open_run(run)
    with _socket(settings) as listening, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what differs is said below
        model = model_of(load(run, plugins))
        _limit_threads(settings.threads)
        for note in model.scorer.notes:
            progress.say(f"note: {note}")
        folder = _folder(found.path, log)
        journal = open_journal(folder, found.manifest["identity"], settings)
        for note in journal.recover() if journal is not None else ():
            progress.say(f"note: {note}")
        service = Service(found, model, settings, journal)
        asyncio.run(_until_stopped(uvicorn, service, key, listening, progress, started))
        files = journal.close() if journal is not None else 0
    return Served(service.requests, service.rows, folder, files)


async def _until_stopped(
    uvicorn: Any,
    service: Service,
    key: str | None,
    listening: socket.socket,
    progress: Progress,
    started: Started | None,
) -> None:
    from evenhand.deploying.serving.web import app_of

    config = uvicorn.Config(
        app_of(service, key),
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        service.ready, server.should_exit = False, True

    server.capture_signals = lambda: _stopped_by_signals(stop)  # its own would end the process by the signal again
    service.gatherer.start()
    ticking = asyncio.create_task(_ticking(service))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    service.ready = not server.should_exit
    address = _address(listening)
    progress.say(f"serving {service.run.path} at {address} (POST /predict; GET /health, /metrics, /card); Ctrl-C stops")
    if started is not None:
        started(address, lambda: loop.call_soon_threadsafe(stop))
    await serving
    ticking.cancel()
    await service.gatherer.stop()


async def _ticking(service: Service) -> None:
    """Look at the log's clock now and then, in the thread that writes it."""
    while True:
        await asyncio.sleep(TICK)
        with contextlib.suppress(OSError):
            await service.gatherer.run(service.tick)


@contextlib.contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C ask for the end while the block runs; elsewhere than in the main thread nobody sends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _socket(settings: Settings) -> Iterator[socket.socket]:
    """The port, taken before the model is loaded; BadInput where it cannot be had."""
    where = f"port {settings.port} of {settings.host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
    except (OSError, UnicodeError):
        raise BadInput(f"there is no address '{settings.host[:60]}' on this machine; check it (--host)") from None
    taken = socket.socket(family, kind, protocol)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise BadInput(f"{where} is in use; stop what listens there, or take another (--port)") from None
            raise BadInput(f"{where} cannot be had: {why(error)}; take another (--port, --host)") from None
        taken.set_inheritable(True)
        yield taken
    finally:
        taken.close()


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _folder(run: Path, log: str | Path | bool) -> Path | None:
    if isinstance(log, bool):
        whole = run.absolute()
        return whole.with_name(f"{whole.name}-served") if log else None
    return Path(log)


def _limit_threads(threads: int | None) -> None:
    """Leave a core to the answering of requests, unless told otherwise."""
    if "torch" in sys.modules:
        import torch

        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(threads or max(1, min(cores - 1, torch.get_num_threads())))


def _uvicorn_here() -> Any:
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError:
        raise BadInput(
            "a server needs FastAPI and uvicorn, which are not installed; pip install 'evenhand[serve]', then run the"
            " same command"
        ) from None
    return uvicorn
