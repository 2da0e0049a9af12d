"""The commands of the audit: audit, verify, compare, report. They parse, call the Python API and print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evenhand.console import print_table

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on standard output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 where there is not enough evidence.")]


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
        str | None,
        typer.Option(
            help="The label value that counts as positive, where 0/1 or yes/no does not tell; of several classes, that one against the rest."
        ),
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Column naming rows that belong together: patient_id")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of sampling weights.")] = None,
    id: Annotated[str | None, typer.Option(help="Column naming each row; checked for duplicates.")] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            help="Largest acceptable gap: tpr=0.05 (again for more); 0.1 alone: selection rate, TPR and FPR, or the --metrics named."
        ),
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
    bins: Annotated[
        list[str] | None,
        typer.Option(help="Cut a column of numbers: age=4 (groups of equal size), age=30,50,65 (edges), age=each."),
    ] = None,
    top: Annotated[
        str | None, typer.Option(help="Select the best by score instead of a threshold: 100 rows, or 10% of them.")
    ] = None,
    within: Annotated[str | None, typer.Option(help="Column naming the list that --top selects from: job_id")] = None,
    slices: Annotated[
        str | None, typer.Option(help="Look for groups that fare worse in these columns too, comma-separated.")
    ] = None,
    mitigation: Annotated[
        str, typer.Option(help="Preview of other thresholds: sweep, or fairlearn for its ThresholdOptimizer too.")
    ] = "sweep",
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    exact: Annotated[
        bool, typer.Option("--exact", help="Count every distinct score, also beyond 50,000 rows.")
    ] = False,
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

    \b
    Show every group's rates, with intervals:
      evenhand audit preds.csv --label y --score p --sensitive sex,age
    Judge the gaps, and write a report:
      evenhand audit preds.csv --label y --score p --sensitive sex --tolerance tpr=0.05 --out report
    Decisions without labels (hired or not), by a rule:
      evenhand audit hired.csv --prediction hired --sensitive sex,race --policy us-four-fifths

    Every verdict is one of three: within, exceeded, not enough evidence (and how many more rows would settle it).

    Exit code: 0 within every tolerance (or none given), 1 one is exceeded, 2 bad input, 3 not enough evidence (--strict).
    """
    from evenhand import auditing
    from evenhand.recorded.audit_folder import audit_into

    failing = _failing(fail_on, strict)
    choices: dict[str, Any] = {
        "label": label, "score": score, "prediction": prediction, "sensitive": _list(sensitive), "threshold": threshold, "positive": positive,
        "cluster": cluster, "weight": weight, "id": id, "tolerance": _tolerances(tolerance), "policy": policy,
        "metrics": _list(metrics) if metrics else None, "reference": _pairs(reference, "--reference", "sex=male"),
        "intersections": intersections, "confidence": confidence, "seed": seed, "exact": exact, "mitigation": mitigation,
        "bins": _bins(bins), "top": _top(top), "within": within, "slices": _list(slices) if slices else (),
    }  # fmt: skip
    if out is None:
        result = auditing.audit(file, **choices)
    else:
        result = audit_into(out, file, command="evenhand " + _shell_words(sys.argv[1:]), **choices)
        typer.echo(f"report: {out / 'report.html'}", err=as_json)
    typer.echo(result.to_json() if as_json else str(result))
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
    """Render a run's report again from its artefacts.   evenhand report runs/nlp/support-intent/3f2a…"""
    from evenhand.running import pipeline

    typer.echo(f"report: {pipeline.report(run)}")


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


def _bins(texts: list[str] | None) -> dict[str, Any] | None:
    """age=4 is a number of groups, age=30,50 and age=30, are edges, age=each a group per value."""
    pairs = _pairs(texts, "--bins", "age=4 or age=30,50,65")
    return {column: _cut(column, text) for column, text in pairs.items()} if pairs else None


def _cut(column: str, text: str) -> int | str | list[float]:
    from evenhand.errors import BadInput

    try:
        if text == "each":
            return text
        return [float(edge) for edge in _list(text)] if "," in text else int(text)
    except ValueError:
        raise BadInput(
            f"--bins {column}={text} is neither a number of groups nor edges; write it as {column}=4 or {column}=30,50,65"
        ) from None


def _top(text: str | None) -> int | float | None:
    """100 rows, or a share of them: 10% or 0.1."""
    from evenhand.errors import BadInput

    try:
        if text is None:
            return None
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise BadInput(f"--top {text} is neither a number of rows nor a share; write it as 100 or as 10%") from None


def _shell_words(words: list[str]) -> str:
    import shlex

    return shlex.join(words)
