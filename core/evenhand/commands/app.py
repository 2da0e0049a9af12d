"""The command line: parses, calls the Python API, prints. Exit codes: 0 done, 1 exceeded, 2 bad input, 3 no
evidence."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.commands import (
    audits,
    completing,
    costing,
    exporting,
    models,
    monitoring,
    publishing,
    searching,
    serving,
    updating,
)
from evenhand.commands.audits import FailOn, Json, Strict, Summary
from evenhand.console import print_records, print_table, visible
from evenhand.errors import BadInput, PluginFault, in_short, typed

if TYPE_CHECKING:
    from evenhand.values import Backbone

OneRecipe = Annotated[str, typer.Argument(autocompletion=completing.recipes)]
STOPPED = 130  # exit code of what Ctrl-C ended

app = typer.Typer(
    name="evenhand",
    help="Adapt a pretrained model to an industry, and show with evidence whether it treats groups of people evenly.",
    epilog=(
        "Start: evenhand recipes · evenhand run nlp/support-intent · evenhand audit preds.csv --label y --score p"
        " --sensitive sex"
    ),
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from evenhand import __version__

        typer.echo(f"evenhand {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (may stand anywhere).")
    ] = False,
) -> None:
    pass


@app.command()
def plugins(as_json: Json = False) -> None:
    """List the installed domain plugins, and any that is broken with the reason.   evenhand plugins"""
    from evenhand.extending import listing

    print_records(("plugin", "distribution", "state"), listing.plugins(), as_json)


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the jobs that can be run.   evenhand recipes"""
    from evenhand.extending.discovering import load

    loaded = load()
    found = loaded.recipes().items()
    print_table(("recipe", "task", "modality", "title"), [(n, r.task, r.modality, r.title) for n, r in found], as_json)
    if not found:
        typer.echo("No recipe is installed; install a domain plugin, such as evenhand-nlp.", err=True)
    for name, why in sorted(loaded.faults.items()):
        typer.echo(visible(f"plugin '{name}' is quarantined, without its recipes: {' '.join(why.split())}"), err=True)


@app.command()
def new(
    domain: str,
    out: Annotated[Path | None, typer.Option(help="The plugin's folder; else evenhand-DOMAIN.")] = None,
) -> None:
    """Begin a domain plugin: a folder with a recipe, a simulated sample and tests that pass.   evenhand new loans"""
    from evenhand.extending.beginning import new

    folder = new(domain, out)
    typer.echo(visible(f"plugin: {folder}"))
    typer.echo(visible(f"{typed('pip install -e', folder)}; then: evenhand run {domain}/first"))


@app.command()
def backbones(as_json: Json = False) -> None:
    """List the pretrained networks, with licence and size.   evenhand backbones"""
    from evenhand.extending import listing

    header = ("backbone", "modality", "source", "licence", "parameters", "size", "known bias")
    print_table(header, [_card(name, found) for name, found in listing.backbones().items()], as_json)


def _card(name: str, backbone: Backbone) -> tuple[str, ...]:
    card = backbone.card
    size = f"{card.parameters / 1e6:.1f} M", f"{card.size_mb:.1f} MB"
    return name, backbone.modality, backbone.source, card.licence, *size, card.known_bias


@app.command()
def show(
    recipe: OneRecipe,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a value: a.b=c")] = None,
) -> None:
    """Show a recipe's values, each with its origin.   evenhand show nlp/support-intent"""
    from evenhand.extending import listing

    rows = [{k: "" if v is None else v for k, v in row.items()} for row in listing.show(recipe, settings or [])]
    print_records(("key", "value", "origin"), rows, False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: Python, packages, threads, accelerators, plugins, cache.   evenhand doctor"""
    from evenhand.extending import listing

    rows = listing.doctor()
    print_records(("check", "state", "found"), rows, as_json)
    if any(row["state"] == "broken" for row in rows):
        raise typer.Exit(2)


@app.command()
def run(
    recipe: OneRecipe,
    data: Annotated[
        str | None, typer.Option(help="A file, a folder, or a hub data set's name; else the recipe's sample.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: a.b=c (again for more)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; else runs/RECIPE/ID.")] = None,
    fail_on: FailOn = "exceeded",
    as_json: Json = False,
    summary: Summary = False,
    strict: Strict = False,
) -> None:
    """Adapt, evaluate and audit: run RECIPE from data to report.   evenhand run nlp/support-intent --data messages.csv

    Killed at any point, the same command goes on where it stopped.
    """
    from evenhand.console import Progress
    from evenhand.running import pipeline

    failing = audits.failing_verdicts(fail_on, strict)
    progress = Progress(quiet=as_json or os.environ.get("RANK", "0") != "0")
    progress.say(f"evenhand run {recipe}")
    result = pipeline.run(recipe, data=data, settings=settings or [], out=out, progress=progress)
    if not (as_json or summary):
        _print_metrics(result.evaluation)
        typer.echo("".join(f"\n{says}" for says in result.refused) + f"\nreport: {result.report}\n")
    audits.print_audit(result.audit, failing, as_json, summary, report=str(result.report))
    raise typer.Exit(result.exit_code(fail_on=failing))


app.command()(models.pretrain)
app.command()(models.predict)
app.command()(publishing.push)
app.command()(models.adapt)
app.command()(searching.tune)
app.command()(costing.costs)
app.command()(serving.serve)
app.command()(exporting.export)
app.command()(exporting.latency)
app.command()(updating.update)
app.command()(updating.rollback)
app.command()(monitoring.monitor)
app.command()(audits.audit)
app.command()(audits.verify)
app.command()(audits.compare)
app.command()(audits.report)


def main() -> None:
    """Run the command line; an error is one sentence on standard error and exit code 2."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = app(arguments, prog_name="evenhand", standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except (Exception, KeyboardInterrupt) as error:
        if debug and not isinstance(error, KeyboardInterrupt):
            raise
        code = _told(error)
    if code == STOPPED:
        typer.echo("stopped; the same command goes on where it was", err=True)
    sys.exit(code)


def _told(error: BaseException) -> int:
    """The exit code, when the error has been told."""
    if isinstance(error, KeyboardInterrupt):
        return STOPPED
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return 2
    typer.echo(f"evenhand: {in_short(visible(_sentence(error)))}", err=True)
    return 2


def _sentence(error: BaseException) -> str:
    """What, where and how to mend, in one line."""
    if isinstance(error, (BadInput, PluginFault)):
        return " ".join(str(error).split())
    if hasattr(error, "format_message"):  # an option or argument that is wrong
        context = getattr(error, "ctx", None)
        help_of = f"{context.command_path} --help" if context is not None else "evenhand --help"
        return in_short(f"{' '.join(error.format_message().split()).rstrip('.')}; {help_of} shows what there is")
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return in_short(f"{(error.strerror or str(error)).lower()}{where}; {_mend(error.errno)}")
    if isinstance(error, MemoryError):
        return "not enough memory; audit a Parquet file, or fewer sensitive columns at once"
    text = " ".join(str(error).split())[:200]
    return f"a fault of evenhand itself, please report it: {type(error).__name__}: {text} (--debug shows where)"


def _mend(number: int | None) -> str:
    """What to do about an error of the system."""
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free some space, or name another folder with --out"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "check its permissions, or name another folder with --out"
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG):
        return "check the path"
    return "check the disk and the path"


def _print_metrics(metrics: tuple[Any, ...]) -> None:
    rows = [(m.model, m.name, m.value, m.lower, m.upper, m.n) for m in metrics]
    print_table(("model", "metric", "value", "lower", "upper", "rows"), rows, False)


if __name__ == "__main__":
    main()
