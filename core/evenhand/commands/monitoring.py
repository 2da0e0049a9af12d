"""The command that watches a model at work: monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands.audits import Json, Strict


def monitor(
    run: Annotated[Path, typer.Argument(help="A finished run.")],
    data: Annotated[
        Path, typer.Option(help="New rows: a file, or a folder of Parquet files such as `evenhand serve` writes.")
    ],
    labels: Annotated[str | None, typer.Option(help="Their column of labels, where it is not the run's.")] = None,
    labels_late: Annotated[
        Path | None, typer.Option(help="A file of labels that came later, by request and row, or the schema's id.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="1d, 6h, '500 rows'; else a day where rows have a time, or 500 rows.")
    ] = None,
    source: Annotated[Path | None, typer.Option(help="The run's data, where it has moved.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the history; else RUN-monitored.")] = None,
    as_json: Json = False,
    strict: Strict = False,
) -> None:
    """Watch RUN's model at work: what changed, for whom, and what to do.   evenhand monitor runs/x --data log

    Windows that the history has not seen are judged and added to it. Exits with 1 where there is an alarm, and with
    --strict with 3 where there was too little to judge. Killed at any point, the same command goes on.
    """
    import json

    from evenhand.console import Progress, visible, visible_lines
    from evenhand.living import monitoring

    progress = Progress(quiet=as_json)
    progress.say(f"evenhand monitor {run}")
    found = monitoring.monitor(run, data, labels, labels_late, window, out, source, progress=progress)
    if as_json:
        told = {"path": str(found.path), "report": str(found.report), **found.found, "news": list(found.news)}
        typer.echo(json.dumps(told))
    else:
        typer.echo(visible_lines(str(found)))
        typer.echo(visible(f"report: {found.report}"))
    raise typer.Exit(found.exit_code(strict))
