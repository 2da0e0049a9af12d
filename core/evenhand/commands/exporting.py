"""Commands of a model that leaves: export, latency."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands.audits import Json, Strict


def export(
    run: Path,
    form: Annotated[str, typer.Option("--format", help="onnx, torch-export or mlflow.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="In 8 bits; refused where a group is proven worse.")] = False,
    margin: Annotated[float, typer.Option(help="How much worse is tolerated where the policy does not say.")] = 0.0,
    source: Annotated[Path | None, typer.Option(help="The run's own data, where it has moved.")] = None,
    with_rows: Annotated[
        bool, typer.Option("--with-rows", help="Also a model that holds rows it was trained on.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="The folder; else RUN-exported-FORMAT-ID beside the run.")] = None,
    as_json: Json = False,
) -> None:
    """Export the model of a finished RUN, checked on its test rows.   evenhand export runs/heart --format onnx --int8

    Exits with 1 where the export does not agree with the original, or a group is proven worse by more than the margin:
    nothing is promoted then. Killed at any point, the same command goes on.
    """
    import json
    import warnings

    from evenhand.console import Progress, visible, visible_lines
    from evenhand.deploying.exporting import walk

    progress = Progress(quiet=as_json)
    progress.say(f"evenhand export {run}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = walk.export(
            run, form, int8, margin=margin, source=source, with_rows=with_rows, out=out, progress=progress
        )
    if as_json:
        model = str(found.model) if found.promoted else None
        typer.echo(json.dumps({"path": str(found.path), "model": model, **found.found}))
    else:
        typer.echo(visible_lines(str(found)))
        if found.promoted:
            typer.echo(visible(f"model: {found.model}"))
        typer.echo(visible(f"report: {found.report}"))
    raise typer.Exit(found.exit_code())


def latency(
    run: Annotated[Path, typer.Argument(help="A finished run, or a folder of evenhand export.")],
    budget: Annotated[str | None, typer.Option(help="How long an answer may take: 20ms, 0.5 s, 800us.")] = None,
    percentile: Annotated[float, typer.Option(help="Of so many calls in a hundred.")] = 99.0,
    threads: Annotated[int, typer.Option(help="Threads that one answer may use.")] = 1,
    calls: Annotated[int | None, typer.Option(help="How many calls; else enough for the percentile.")] = None,
    source: Annotated[Path | None, typer.Option(help="The run's own data, where it has moved.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder; else RUN-latency beside the run.")] = None,
    as_json: Json = False,
    strict: Strict = False,
) -> None:
    """Time single answers of a RUN or an export.   evenhand latency runs/heart --budget 20ms --percentile 99.9

    One row at a time, after a warm-up, as `predict` scores it. Exits with 1 over budget, with --strict with 3 where the
    calls prove neither.
    """
    import json
    import warnings

    from evenhand.console import Progress, print_table, visible, visible_lines
    from evenhand.deploying import timing

    progress = Progress(quiet=as_json)
    progress.say(f"evenhand latency {run}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = timing.latency(
            run, budget, percentile, threads=threads, calls=calls, source=source, out=out, progress=progress
        )
    if as_json:
        typer.echo(json.dumps({"path": str(found.path), **found.found}))
    else:
        print_table(("percentile", "ms", "lower", "upper"), found.rows(), False)
        typer.echo(visible_lines(f"\n{found}"))
        typer.echo(visible(f"report: {found.report}"))
    raise typer.Exit(found.exit_code(strict))
