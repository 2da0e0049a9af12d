"""The commands of the audit: audit, verify, compare, report. They parse, call the Python API and print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenhand.asking.question import Question
from evenhand.commands.question_options import asks_a_question, question_of
from evenhand.console import print_table, visible, visible_json, visible_lines

if TYPE_CHECKING:
    from evenhand.auditing import Audit

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
Summary = Annotated[
    bool, typer.Option("--summary", help="The verdicts alone: Markdown, or with --json one short object.")
]
FailOn = Annotated[
    str, typer.Option(help="Verdicts that make the exit code 1 or 3: exceeded, not-enough-evidence, or nothing.")
]
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
        Path | None, typer.Option(help="Folder for report.html, audit.json, junit.xml, summary.md and plan.json.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="Your own words for the report, in Markdown: what was decided, and why.")
    ] = None,
    fail_on: FailOn = "exceeded",
    ledger: Annotated[
        Path | None,
        typer.Option(help="Count this as one look at the question in this file, so that looking again stays honest."),
    ] = None,
    as_json: Json = False,
    summary: Summary = False,
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

    failing = failing_verdicts(fail_on, strict)
    said = _words(notes, out)
    whole = question_of(asked, Question.from_file(question) if question is not None else None)
    if save_question is not None:
        whole.to_file(save_question)
    if ledger is not None:
        whole = take_look(ledger, whole, file)
    if out is None:
        result = auditing.conduct(file, whole)
    else:
        command = "evenhand " + _shell_words(sys.argv[1:])
        result = audit_into(out, file, command=command, question=whole, notes=said)
        if not (as_json or summary):
            typer.echo(f"report: {out / 'report.html'}")
    print_audit(result, failing, as_json, summary)
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
        typer.echo(visible_lines(str(found)))
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
    typer.echo(visible_json(result.to_json()) if as_json else visible_lines(str(result)))
    raise typer.Exit(1 if fail_on_worse and result.worse else 0)


def report(
    run: Path,
    notes: Annotated[
        Path | None, typer.Option(help="Your own words for it, in Markdown: what was decided, and why.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Another folder for it; the run's is then only read.")] = None,
) -> None:
    """Render a run's report again from its artefacts, or an audit's.   evenhand report runs/nlp/support-intent/3f2a…

    \b
    With what you say of it, so that it is the record of a decision:
      evenhand report runs/nlp/support-intent/3f2a… --notes decision.md
    Of a folder that holds several runs, a page that links their reports:
      evenhand report runs
    """
    from evenhand.recorded.words import read_words
    from evenhand.running import again

    said = read_words(notes) if notes is not None else None
    typer.echo(visible(f"report: {again.report(run, out=out, notes=said)}"))


def _words(notes: Path | None, out: Path | None) -> str | None:
    """The author's words; BadInput where there is no report to hold them."""
    from evenhand.errors import BadInput
    from evenhand.recorded.words import read_words

    if notes is None:
        return None
    if out is None:
        raise BadInput("--notes are words for a report; name a folder for it with --out")
    return read_words(notes)


def print_audit(audit: Audit, failing: list[str], as_json: bool, summary: bool, **more: Any) -> None:
    """The audit as it was asked for; `more` belongs into the short object. failing: verdicts that fail."""
    if summary:
        from evenhand import reporting

        code = {"exit_code": audit.exit_code(fail_on=failing)}
        short = {**reporting.summary(audit.data), **code, **more}
        text = json.dumps(short) if as_json else visible_lines(reporting.markdown_summary(audit.data))
        typer.echo(text.rstrip())
    elif as_json:
        typer.echo(visible_json(audit.to_json()), nl=False)
    else:
        if sys.stdout.isatty():
            from evenhand.reporting.terminal import print_coloured

            print_coloured(audit.data)
        else:
            typer.echo(visible_lines(str(audit)))
        if (said := _of_exit_code(audit, failing)) is not None:
            typer.echo(said)


def _of_exit_code(audit: Audit, failing: list[str]) -> str | None:
    """What the exit code hides: verdicts without enough evidence that do not fail."""
    unsure = "not enough evidence" in {verdict["verdict"] for verdict in audit.data["verdicts"]}
    if not unsure or "not enough evidence" in failing:
        return None
    code = audit.exit_code(fail_on=failing)
    return f"Exit code {code}: not enough evidence does not fail here; with --strict it does" + (
        "." if code else " (3)."
    )


def failing_verdicts(fail_on: str, strict: bool) -> list[str]:
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
