"""The commands of the audit: audit, verify, compare, report. They parse, call the Python API and print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evenhand.asking.question import Question
from evenhand.commands.question_options import asks_a_question, question_of
from evenhand.console import print_table

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 where there is not enough evidence.")]


@asks_a_question
def audit(
    file: Annotated[
        Path, typer.Argument(help="Predictions of any model: CSV, Parquet or JSON lines, one row per example.")
    ],
    question: Annotated[
        Path | None, typer.Option(help="A TOML file that asks the question; options beside it stand in for its parts.")
    ] = None,
    save_question: Annotated[
        Path | None, typer.Option(help="Write the question to this TOML file, for --question.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, audit.json, junit.xml and plan.json.")
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Verdicts that make the exit code 1 or 3: exceeded, not-enough-evidence, or nothing.")
    ] = "exceeded",
    ledger: Annotated[
        Path | None,
        typer.Option(help="Count this as one look at the question in this file, so that looking again stays honest."),
    ] = None,
    as_json: Json = False,
    strict: Strict = False,
    **asked: Any,
) -> None:
    """Audit the predictions in FILE, from any model.   evenhand audit preds.csv --label y --score p --sensitive sex,age

    \b
    Show every group's rates, with intervals:
      evenhand audit preds.csv --label y --score p --sensitive sex,age
    Judge the gaps, and write a report:
      evenhand audit preds.csv --label y --score p --sensitive sex --tolerance tpr=0.05 --out report
    Decisions without labels (hired or not), by a rule:
      evenhand audit hired.csv --prediction hired --sensitive sex,race --policy us-four-fifths
    Ask the same again, of other predictions, and count how often:
      evenhand audit preds.csv --label y --score p --sensitive sex --save-question audit.toml
      evenhand audit next.csv --question audit.toml --ledger looks.json

    Every verdict is one of three: within, exceeded, not enough evidence (and how many more rows would settle it).

    Exit code: 0 within every tolerance (or none given), 1 one is exceeded, 2 bad input, 3 not enough evidence
    (--strict).
    """
    from evenhand import auditing
    from evenhand.recorded.audit_folder import audit_into
    from evenhand.recorded.ledger import take_look

    failing = _failing(fail_on, strict)
    whole = question_of(asked, Question.from_file(question) if question is not None else None)
    if save_question is not None:
        whole.to_file(save_question)
    if ledger is not None:
        whole = take_look(ledger, whole, file)
    if out is None:
        result = auditing.conduct(file, whole)
    else:
        result = audit_into(out, file, command="evenhand " + _shell_words(sys.argv[1:]), question=whole)
        typer.echo(f"report: {out / 'report.html'}", err=as_json)
    if as_json or not sys.stdout.isatty():
        typer.echo(result.to_json() if as_json else str(result))
    else:
        from evenhand.reporting.terminal import print_coloured

        print_coloured(result.data)
    raise typer.Exit(result.exit_code(fail_on=failing))


def verify(
    folder: Path,
    data: Annotated[Path | None, typer.Option(help="The audited file, where it is at another place now.")] = None,
    as_json: Json = False,
) -> None:
    """Replay the audit in FOLDER from the same data and compare it byte for byte.   evenhand verify report/

    Exit code: 0 it comes out equal, 1 something differs, 2 it cannot be replayed.
    """
    from evenhand.running import verifying

    found = verifying.verify(folder, data)
    if as_json:
        print_table(("check", "holds", "says"), list(found.checks), True)
    else:
        typer.echo(str(found))
    raise typer.Exit(0 if found.equal else 1)


def compare(
    first: Path,
    second: Path,
    data_first: Annotated[Path | None, typer.Option(help="The first audit's file, where it is elsewhere now.")] = None,
    data_second: Annotated[Path | None, typer.Option(help="The second audit's file, likewise.")] = None,
    paired: Annotated[
        bool | None, typer.Option("--paired/--independent", help="Insist on the same rows, or take them as different.")
    ] = None,
    fail_on_worse: Annotated[
        bool, typer.Option("--fail-on-worse", help="Exit with 1 where anything is worse.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two audits or runs group by group, paired where the rows are the same.   evenhand compare before/ after/

    FIRST and SECOND are folders of `evenhand audit --out` or of `evenhand run`.
    """
    from evenhand import comparing

    result = comparing.compare(first, second, data=(data_first, data_second), paired=paired)
    typer.echo(result.to_json() if as_json else str(result))
    raise typer.Exit(1 if fail_on_worse and result.worse else 0)


def report(run: Path) -> None:
    """Render a run's report again from its artefacts.   evenhand report runs/nlp/support-intent/3f2a…

    Of a folder that holds several runs, a page that links their reports: evenhand report runs
    """
    from evenhand.running import pipeline

    typer.echo(f"report: {pipeline.report(run)}")


def _failing(fail_on: str, strict: bool) -> list[str]:
    """The verdicts that --fail-on and --strict name."""
    from evenhand.errors import BadInput, did_you_mean

    known = {"exceeded": "exceeded", "not-enough-evidence": "not enough evidence", "nothing": ""}
    names = [
        *(name.strip() for name in fail_on.split(",") if name.strip()),
        *(["not-enough-evidence"] if strict else []),
    ]
    for name in names:
        if name not in known:
            raise BadInput(f"--fail-on {name} is no verdict; name {', '.join(known)}.{did_you_mean(name, known)}")
    return [known[name] for name in names]


def _shell_words(words: list[str]) -> str:
    import shlex

    return shlex.join(words)
