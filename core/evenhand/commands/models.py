"""Commands that make and use models: pretrain, predict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands import completing
from evenhand.commands.audits import Json


def predict(
    run: Path,
    data: Annotated[Path, typer.Option(help="The new rows: CSV, Parquet, JSON lines, or a folder of images.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write, .parquet or .csv; else DATA-scored.parquet here.")
    ] = None,
    in_service: Annotated[
        bool, typer.Option("--promoted", help="The model that was promoted for RUN, where one was; else RUN's own.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score new rows with the model of a finished RUN.   evenhand predict runs/demo --data new.csv --out scored.parquet

    Writes score, prediction and every column that has a role in the recipe, so that `evenhand audit` reads the file at
    once. Killed at any point, the same command goes on where it stopped.
    """
    import json
    import warnings

    from evenhand import scoring
    from evenhand.console import Progress
    from evenhand.recorded.history import HISTORY, promoted

    if in_service:
        run = promoted(run)
        typer.echo(f"model: {run}", err=True)
    elif (run / HISTORY).is_file():
        typer.echo("note: this run has a history; --promoted scores with the model that stands for it", err=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the notes are printed below
        found = scoring.predict(run, data, out, Progress(quiet=as_json))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "path": str(found.path),
                    "rows": found.rows,
                    "decisions": dict(found.decisions),
                    "columns": list(found.columns),
                    "notes": list(found.notes),
                }
            )
        )
        return
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{found.rows:,} rows scored" + "".join(f"; {value}: {n:,}" for value, n in found.decisions[:10]))
    typer.echo(f"columns: {', '.join(found.columns)}")
    typer.echo(f"scores: {found.path}")


def pretrain(
    backbone: Annotated[str, typer.Argument(autocompletion=completing.backbones)],
    data: Annotated[
        str | None, typer.Option(help="Images, a table or texts; else the plugin's simulation, or formulas.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: pretrain.steps=500 (again for more)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; else runs/pretrain/NAME/ID.")] = None,
) -> None:
    """Teach BACKBONE by your data, a simulation or formulas.   evenhand pretrain timm:resnet10t --data images --out DIR

    Leaves a folder that every recipe takes: --set backbone=local:DIR. Killed at any point, the same command goes on
    where it stopped.
    """
    from evenhand.console import Progress
    from evenhand.running import pretraining

    progress = Progress(quiet=os.environ.get("RANK", "0") != "0")
    progress.say(f"evenhand pretrain {backbone}")
    made = pretraining.pretrain(backbone, data, settings or [], out, progress=progress)
    card = made.card
    typer.echo(f"{card.parameters:,} parameters, {card.size_mb:g} MB, sha256 {card.sha256}")
    typer.echo(f"licence: {card.licence}")
    typer.echo(f"backbone: {made.source}")


def adapt(
    run: Path,
    data: Annotated[Path, typer.Option(help="Rows of the new place, labelled or not: CSV, Parquet, JSON lines.")],
    labels: Annotated[str | None, typer.Option(help="The column of labels; else the run's.")] = None,
    k: Annotated[int | None, typer.Option(help="Use so many labels; the others only check the choice.")] = None,
    source: Annotated[Path | None, typer.Option(help="The run's own data, where it has moved.")] = None,
    take: Annotated[
        str | None, typer.Option(help="Take this candidate, proven or not; else only what is proven.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; else RUN-adapted-ID beside the run.")] = None,
    as_json: Json = False,
) -> None:
    """Say how to adapt a finished RUN to a new place, if at all.   evenhand adapt runs/heart --data harbour.csv

    The answer is `nothing` unless the place's labels prove a gain or, where they are too few for that, every label-free
    score agrees on one; or --take names it. The folder's model works with `evenhand predict`. Killed at any point, the
    same command goes on where it stopped.
    """
    import json
    import warnings

    from evenhand.console import Progress, print_table
    from evenhand.living import sites

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sites.adapt(run, data, labels, k, out, source, take, progress=Progress(quiet=as_json))
    if as_json:
        typer.echo(json.dumps({"path": str(found.path), **found.card}))
        return
    print_table(sites.HEADER, found.rows(), False)
    typer.echo(f"\n{found}\n\nreport: {found.report}")
