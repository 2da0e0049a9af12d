"""The command that puts a model behind HTTP: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    run: Path,
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Where to listen; beyond this machine a key is needed.")] = "127.0.0.1",
    key_file: Annotated[
        Path | None, typer.Option(help="A file with the key that clients send; else EVENHAND_API_KEY, where it is set.")
    ] = None,
    without_key: Annotated[bool, typer.Option("--without-key", help="Let others ask without a key.")] = False,
    log: Annotated[Path | None, typer.Option(help="The folder of logged predictions; else RUN-served.")] = None,
    no_log: Annotated[bool, typer.Option("--no-log", help="Log nothing.")] = False,
    log_sensitive: Annotated[
        bool, typer.Option("--log-sensitive", help="Also log sensitive columns and those that name a person.")
    ] = False,
    log_rows: Annotated[int, typer.Option(help="Rows of one file of the log.")] = 50_000,
    log_seconds: Annotated[float, typer.Option(help="Seconds after which the next file is begun.")] = 600.0,
    batch: Annotated[int, typer.Option(help="Rows that are scored at once; 1: each request alone.")] = 64,
    wait: Annotated[float, typer.Option(help="Milliseconds that the first of a batch waits for others.")] = 0.0,
    rows: Annotated[int, typer.Option(help="Most rows of one request.")] = 1_000,
    limit: Annotated[float, typer.Option(help="Most megabytes of one request.")] = 16.0,
    threads: Annotated[int | None, typer.Option(help="Threads of the model; else all cores but one.")] = None,
) -> None:
    """Answer requests with the model of a finished RUN over HTTP.   evenhand serve runs/demo --port 8000

    POST /predict, GET /health, /metrics, /card. Every answer is logged for `evenhand monitor` before it leaves. SIGTERM
    and Ctrl-C let it finish what it accepted.
    """
    from evenhand.console import Progress, visible
    from evenhand.deploying import serving
    from evenhand.errors import BadInput

    if no_log and (log is not None or log_sensitive):
        raise BadInput("--no-log logs nothing, and --log and --log-sensitive say what to log; leave one of them out")
    found = serving.serve(
        run,
        log=log or not no_log,
        key_file=key_file,
        progress=Progress(),
        host=host,
        port=port,
        without_key=without_key,
        batch=batch,
        wait=wait,
        rows=rows,
        megabytes=limit,
        threads=threads,
        log_rows=log_rows,
        log_seconds=log_seconds,
        log_sensitive=log_sensitive,
    )
    typer.echo(visible(str(found)))
