"""The commands by which a model goes on learning: update, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands.audits import Json


def update(
    run: Path,
    data: Annotated[str, typer.Option(help="Newer rows with labels: a file, a folder, or a hub data set's name.")],
    strategy: Annotated[
        str, typer.Option(help="finetune, replay, l2-sp, ewc or retrain; all: the best on validation rows.")
    ] = "all",
    buffer: Annotated[int | None, typer.Option(help="Old rows that replay keeps; else a quarter of them.")] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Let it stand for RUN, where no group is worse.")] = False,
    margin: Annotated[float, typer.Option(help="How much worse is tolerated where the policy does not say.")] = 0.0,
    source: Annotated[Path | None, typer.Option(help="The run's own data, where it has moved.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; else RUN-updated-ID beside the run.")] = None,
    as_json: Json = False,
) -> None:
    """Let a finished RUN go on learning on newer rows.   evenhand update runs/fraud --data august.csv --promote

    Says what that does to accuracy and gaps on old and new rows. Exits with 1 where a group is proven worse than under
    the model it would replace, or nothing was promoted though that was asked. Killed, the same command goes on.
    """
    import json
    import warnings

    from evenhand.console import Progress, print_table, visible_lines
    from evenhand.living import updating
    from evenhand.living.updating import telling

    progress = Progress(quiet=as_json)
    progress.say(f"evenhand update {run}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = updating.update(run, data, strategy, buffer, promote, margin, out, source, progress=progress)
    if as_json:
        about = {"path": str(found.path), "promoted": found.promoted, "report": str(found.report)}
        typer.echo(json.dumps({**about, **found.found}))
    else:
        typer.echo(visible_lines(str(found)) + "\n")
        print_table(telling.header(found.found), telling.rows(found.found), False)
        typer.echo(visible_lines(f"\nreport: {found.report}"))
    raise typer.Exit(found.exit_code())


def rollback(run: Path, as_json: Json = False) -> None:
    """Return to the model that stood for RUN before the last promotion.   evenhand rollback runs/fraud

    Adds a signed line to the run's history.json; nothing is deleted.
    """
    import json

    from evenhand.console import visible
    from evenhand.living import promoting

    done = promoting.rollback(run)
    if as_json:
        typer.echo(json.dumps({"run": str(done.run), "before": str(done.before), "now": str(done.now)}))
    else:
        typer.echo(visible(f"rolled back: {done}"))
