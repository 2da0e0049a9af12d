"""The command line: parses, calls the Python API, prints. Exit codes: 0 done, 1 exceeded, 2 bad input, 3 no evidence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from evenhand.plugins import Plugins

app = typer.Typer(
    name="evenhand",
    help="Adapt a pretrained model to an industry, and show with evidence whether it treats groups of people evenly.",
    epilog="Start: evenhand recipes · evenhand run nlp/support-intent · evenhand audit preds.csv --label y --score p --sensitive sex",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 where there is not enough evidence.")]


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
    loaded = _load()
    rows = [(name, about, "works") for name, about in loaded.names()]
    rows += [(name, "", f"quarantined: {reason}") for name, reason in sorted(loaded.faults.items())]
    _print_table(("plugin", "distribution", "state"), rows, as_json)


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the jobs that can be run.   evenhand recipes"""
    found = _load().recipes().items()
    _print_table(("recipe", "task", "modality", "title"), [(n, r.task, r.modality, r.title) for n, r in found], as_json)
    if not found:
        typer.echo("No recipe is installed; install a domain plugin, such as evenhand-nlp.", err=True)


@app.command()
def backbones(as_json: Json = False) -> None:
    """List the pretrained networks, with licence and size.   evenhand backbones"""
    rows = [
        (
            n,
            b.modality,
            b.source,
            b.card.licence,
            f"{b.card.parameters / 1e6:.1f} M",
            f"{b.card.size_mb:.1f} MB",
            b.card.known_bias,
        )
        for n, b in _load().backbones().items()
    ]
    _print_table(("backbone", "modality", "source", "licence", "parameters", "size", "known bias"), rows, as_json)


@app.command()
def show(
    recipe: str, settings: Annotated[list[str] | None, typer.Option("--set", help="Override a value: a.b=c")] = None
) -> None:
    """Show a recipe's values, each with its origin.   evenhand show nlp/support-intent"""
    resolved = _load().recipe(recipe).with_settings(settings or [])
    _print_table(("key", "value", "origin"), [(k, "" if v is None else v, o) for k, v, o in resolved.resolved()], False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: Python, packages, threads, accelerators, plugins, cache.   evenhand doctor"""
    from evenhand.doctor import examine

    rows = examine(_load())
    _print_table(("check", "state", "found"), rows, as_json)
    if any(state == "broken" for _, state, _ in rows):
        raise typer.Exit(2)


@app.command()
def run(
    recipe: str,
    data: Annotated[
        str | None, typer.Option(help="A file, a folder, or a hub data set's name; else the recipe's sample.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: a.b=c (again for more)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; else runs/RECIPE/ID.")] = None,
    strict: Strict = False,
) -> None:
    """Adapt, evaluate and audit: run RECIPE from data to report.   evenhand run nlp/support-intent --data messages.csv

    Killed at any point, the same command goes on where it stopped.
    """
    from evenhand import pipeline
    from evenhand.console import Progress

    progress = Progress(quiet=os.environ.get("RANK", "0") != "0")
    progress.say(f"evenhand run {recipe}")
    result = pipeline.run(recipe, data=data, settings=settings or [], out=out, progress=progress)
    _print_metrics(result.evaluation)
    typer.echo(f"\n{result.audit}")
    typer.echo(f"\nreport: {result.report}")
    raise typer.Exit(result.exit_code(strict=strict))


@app.command()
def audit(
    file: Annotated[
        Path, typer.Argument(help="Predictions of any model: CSV, Parquet or JSON lines, one row per example.")
    ],
    sensitive: Annotated[str, typer.Option(help="Columns to audit by, comma-separated: sex,age_group")],
    label: Annotated[
        str | None, typer.Option(help="Column of what turned out to be true; none: selection rates only.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="Column of the model's score in [0, 1].")] = None,
    prediction: Annotated[
        str | None, typer.Option(help="Column of the model's decision, instead of or beside a score.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Decide positive when score >= threshold (default 0.5).")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="The label value that counts as positive, where 0/1 or yes/no does not tell.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Column naming rows that belong together: patient_id")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of sampling weights.")] = None,
    id: Annotated[str | None, typer.Option(help="Column naming each row; checked for duplicates.")] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(help="Largest acceptable gap: tpr=0.05 (again for more), or 0.1 for all.")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Rules to judge by: equal-opportunity, equalised-odds, calibration-within-groups, us-four-fifths, nyc-ll144, or a TOML file of your own."
        ),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Metrics to show, comma-separated: tpr,auc; else the usual ones.")
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option(help="Group to compare with: sex=male; else the largest.")
    ] = None,
    intersections: Annotated[int, typer.Option(min=1, max=3, help="Depth: 2 audits every pair of columns too.")] = 1,
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, audit.json, junit.xml and plan.json.")
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Verdicts that make the exit code 1 or 3: exceeded, not-enough-evidence, or nothing.")
    ] = "exceeded",
    as_json: Json = False,
    strict: Strict = False,
) -> None:
    """Audit the predictions in FILE, from any model.   evenhand audit preds.csv --label y --score p --sensitive sex,age

    Exit code: 0 within every tolerance (or none given), 1 one is exceeded, 2 bad input, 3 not enough evidence (--strict).
    """
    from evenhand.auditdir import audit_into
    from evenhand.auditing import audit as examine

    failing = _failing(fail_on, strict)
    choices: dict[str, Any] = {
        "label": label, "score": score, "prediction": prediction, "sensitive": _list(sensitive), "threshold": threshold, "positive": positive,
        "cluster": cluster, "weight": weight, "id": id, "tolerance": _tolerances(tolerance), "policy": policy,
        "metrics": _list(metrics) if metrics else None, "reference": _pairs(reference, "--reference", "sex=male"),
        "intersections": intersections, "confidence": confidence, "seed": seed,
    }  # fmt: skip
    if out is None:
        result = examine(file, **choices)
    else:
        result = audit_into(out, file, command="evenhand " + _shell_words(sys.argv[1:]), **choices)
        typer.echo(f"report: {out / 'report.html'}", err=as_json)
    typer.echo(result.to_json() if as_json else str(result))
    raise typer.Exit(result.exit_code(fail_on=failing))


@app.command()
def verify(
    folder: Path,
    data: Annotated[Path | None, typer.Option(help="The audited file, where it is at another place now.")] = None,
    as_json: Json = False,
) -> None:
    """Replay the audit in FOLDER from the same data and compare it byte for byte.   evenhand verify report/

    Exit code: 0 it comes out equal, 1 something differs, 2 it cannot be replayed.
    """
    from evenhand.verifying import verify as replay

    found = replay(folder, data)
    if as_json:
        _print_table(("check", "holds", "says"), list(found.checks), True)
    else:
        typer.echo(str(found))
    raise typer.Exit(0 if found.equal else 1)


@app.command()
def compare(first: Path, second: Path, as_json: Json = False) -> None:
    """Compare two runs group by group, paired where the rows are the same.   evenhand compare runs/…/a runs/…/b"""
    from evenhand.comparing import compare as examine

    result = examine(first, second)
    typer.echo(result.to_json() if as_json else str(result))


@app.command()
def report(run: Path) -> None:
    """Render a run's report again from its artefacts.   evenhand report runs/nlp/support-intent/3f2a…"""
    from evenhand import pipeline

    typer.echo(f"report: {pipeline.report(run)}")


def main() -> None:
    """Run the command line; an error is one sentence on standard error and exit code 2."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="evenhand")
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on where it was", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        typer.echo(f"evenhand: {_sentence(error)}", err=True)
        sys.exit(2)


def _sentence(error: Exception) -> str:
    """What, where and how to mend, in one line."""
    from evenhand.errors import BadInput, PluginFault

    if isinstance(error, (BadInput, PluginFault)):
        return " ".join(str(error).split())
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{(error.strerror or str(error)).lower()}{where}; free some space, or name another folder with --out"
    if isinstance(error, MemoryError):
        return "not enough memory; audit a Parquet file, or fewer sensitive columns at once"
    text = " ".join(str(error).split())[:300]
    return f"a fault of evenhand itself, please report it: {type(error).__name__}: {text} (--debug shows where)"


def _load() -> Plugins:
    from evenhand.plugins import load

    return load()


def _print_table(header: tuple[str, ...], rows: list[tuple[Any, ...]], as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=1, default=str))
    elif rows:
        from evenhand.console import table

        typer.echo(table(header, rows))


def _print_metrics(metrics: tuple[Any, ...]) -> None:
    rows = [(m.model, m.name, m.value, m.lower, m.upper, m.n) for m in metrics]
    _print_table(("model", "metric", "value", "lower", "upper", "rows"), rows, False)


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _failing(fail_on: str, strict: bool) -> list[str]:
    """The verdicts that --fail-on and --strict name."""
    from evenhand.errors import BadInput, did_you_mean

    known = {"exceeded": "exceeded", "not-enough-evidence": "not enough evidence", "nothing": ""}
    names = [*_list(fail_on), *(["not-enough-evidence"] if strict else [])]
    for name in names:
        if name not in known:
            raise BadInput(f"--fail-on {name} is no verdict; name {', '.join(known)}.{did_you_mean(name, known)}")
    return [known[name] for name in names]


def _pairs(texts: list[str] | None, option: str, example: str) -> dict[str, str] | None:
    from evenhand.errors import BadInput

    pairs = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"{option} {text} has no '='; write it as {option} {example}")
        pairs[key.strip()] = value.strip()
    return pairs or None


def _tolerances(texts: list[str] | None) -> dict[str, float] | float | None:
    from evenhand.errors import BadInput

    try:
        if texts and len(texts) == 1 and "=" not in texts[0]:
            return float(texts[0])
        pairs = _pairs(texts, "--tolerance", "tpr=0.05")
        return {key: float(value) for key, value in pairs.items()} if pairs else None
    except ValueError:
        raise BadInput(
            f"--tolerance {' '.join(texts or [])} is not a number; write it as --tolerance tpr=0.05"
        ) from None


def _shell_words(words: list[str]) -> str:
    import shlex

    return shlex.join(words)


if __name__ == "__main__":
    main()
