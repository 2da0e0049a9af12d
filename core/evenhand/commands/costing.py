"""The command that adds up costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands.audits import Json


def costs(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, searches, adaptations; or ones that hold some.")],
    grid: Annotated[
        str | None, typer.Option(help="The grid's intensity in g CO2e/kWh: 350, or a range, 300..400.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="The grid of a country, by codecarbon's offline table: FRA.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A page to write, with a chart: costs.html.")] = None,
    as_json: Json = False,
) -> None:
    """Say what RUNS have cost: time, memory, energy and its range, CO2 by a stated grid.   evenhand costs runs/heart

    Stage by stage, attempts that were killed included, and the sum.
    """
    import json

    from evenhand.console import visible, visible_lines
    from evenhand.running.costing import accounts

    found = accounts.costs(*runs, grid=grid, country=country)
    if out is not None:
        found.write(out)
    if as_json:
        typer.echo(json.dumps(found.facts()))
        return
    typer.echo(visible_lines(str(found)))
    if out is not None:
        typer.echo(visible(f"report: {out}"))
