"""The command that shares a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenhand.commands.audits import Json


def push(
    run: Path,
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; made where it is not there.")],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; else it is private.")] = False,
    with_predictions: Annotated[
        bool, typer.Option("--with-predictions", help="Also predictions.parquet: a row per person of the test split.")
    ] = False,
    with_rows: Annotated[
        bool, typer.Option("--with-rows", help="Also a model that holds rows it was trained on; refused else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Push a finished RUN to Hugging Face's hub.   evenhand push runs/demo my-team/support-intent

    Model, card, evaluation, audit and report go, in one commit; nobody's rows do unless you ask for it. Needs a token:
    `hf auth login`, or HF_TOKEN.
    """
    import json

    from evenhand import publishing

    done = publishing.push(run, name, public=public, with_predictions=with_predictions, with_rows=with_rows)
    if as_json:
        typer.echo(json.dumps({"url": done.url, "files": done.files, "left_out": done.left_out}))
        return
    typer.echo(f"{len(done.files)} files: {', '.join(done.files)}")
    for file in done.left_out:
        typer.echo(f"left out: {file} (--with-predictions)")
    typer.echo(f"pushed: {done.url}")
