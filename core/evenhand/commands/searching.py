"""The command that searches for settings: tune."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands import completing
from evenhand.commands.audits import Json


def tune(
    recipe: Annotated[str, typer.Argument(autocompletion=completing.recipes)],
    trials: Annotated[int, typer.Option(help="How many trials in all; more than before: it goes on.")] = 20,
    data: Annotated[
        str | None, typer.Option(help="A file, a folder, or a hub data set's name; else the recipe's sample.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="A database that many machines share; else a file in the folder.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that share the trials here.")] = 1,
    out: Annotated[Path | None, typer.Option(help="The folder; else runs/RECIPE/tune-ID.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: tune.constraints.gap.most=0.1")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search the settings of RECIPE's table [tune] and run the best.   evenhand tune finance/credit-default --trials 20

    By accuracy and group gap together, within limits; judged on validation rows alone. Exits with 1 where no trial
    keeps to the limits, or the winner's audit exceeds a tolerance. Killed at any point, the same command goes on.
    """
    import json

    from evenhand.console import Progress, visible, visible_lines
    from evenhand.living import tuning

    progress = Progress(quiet=as_json)
    progress.say(f"evenhand tune {recipe}")
    found = tuning.tune(recipe, data, trials, storage, jobs, settings or [], out, progress=progress)
    if as_json:
        typer.echo(json.dumps({"path": str(found.path), "report": str(found.report), **found.found}))
    else:
        typer.echo(visible_lines(str(found)))
        if found.best is not None:
            typer.echo(visible(f"run: {found.best.path}"))
        typer.echo(visible(f"report: {found.report}"))
    raise typer.Exit(found.exit_code())
