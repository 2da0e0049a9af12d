"""credit-default's sections of the report: alternatives, reasons for the declined, proxies among the inputs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand import Chart, Line, Recipe, Section
from evenhand_finance.credit.comparing import Tested, tested
from evenhand_finance.credit.groups import FOUR_FIFTHS, Grouped
from evenhand_finance.credit.model import REASONS, Evidence
from evenhand_finance.credit.reading import defaulted
from evenhand_finance.credit.reasons import MOST
from evenhand_finance.credit.search import Search

EXAMPLES, COMMONEST = 3, 8
FOLDER = "model/model"  # of the run's own model


def sections(run: Any) -> list[Section]:
    """What the model's evidence and the predictions say."""
    folder = Path(run.path) / "model" / "model"
    if not (folder / "evidence.json").is_file():
        return [_not_ours()]
    evidence = Evidence.load(folder)
    rows = pl.read_parquet(Path(run.path) / "predictions.parquet")
    recipe: Recipe = run.recipe
    groups = [Grouped.of(rows[name], recipe) for name in recipe.schema.sensitive]
    told = str(run.manifest.get("command", f"evenhand run {recipe.full_name}"))
    search = evidence.told["search"]
    found = [] if search is None else _alternatives(Search.from_dict(search), evidence, rows, groups, recipe, told)
    return [*found, *_reasons(evidence, groups, recipe), _proxies(evidence, recipe)]


def _not_ours() -> Section:
    return Section(
        "Reasons for the declined",
        "This model's scores do not split exactly into shares of its inputs, so no reasons are given: those of another"
        " model would not be the reasons of this decision. --set options.model=boosting or logistic gives a model that"
        " explains itself.",
    )


def _alternatives(
    search: Search, evidence: Evidence, rows: pl.DataFrame, groups: Sequence[Grouped], recipe: Recipe, told: str
) -> list[Section]:
    """The front, selected on validation, shown on test rows, and the command of each."""
    title = "Less discriminatory alternatives"
    if not search.repairs:
        ratios = ", ".join(f"{name} {ratio:.3f}" for name, ratio in search.impacts.items() if ratio is not None)
        text = (
            "Nothing is to be repaired: in every sensitive column the lowest group's approval rate is at least four"
            f" fifths of the highest's ({ratios}; on {search.how}), so no alternative was searched for. --set"
            " options.repair=COLUMN searches all the same."
        )
        return [Section(title, text)]
    y = defaulted(rows[recipe.schema.require("label", "reporting")], recipe).astype(float)
    found = tested(search, evidence.tested, y, groups)
    header = ("candidate", "AUC, validation", "ratio, validation", "AUC, test", "ratio, test", "gain in ratio")
    commands = tuple(
        (one.name, command(told, one.name, one.threshold, f"{search.column}={search.low}")) for one in search.shown
    )
    return [
        Section(
            title,
            _verdict(search, found),
            (*header, "loss of AUC", "approved", "lowest of other columns"),
            tuple(_row(one, search) for one in found),
            charts=(_front(search), _on_test(search, found)),
        ),
        Section("To run one of the alternatives", "", ("candidate", "command"), commands),
    ]


def _verdict(search: Search, found: Sequence[Tested]) -> str:
    """What was looked for, what was found, and whether its gain is proven."""
    start = (
        f"{len(search.measured)} candidates (kinds of model, columns left out, reweighing, a pull while training,"
        f" fairlearn's reductions), each approving as many as {search.reference} does. Ratio: approval rate of"
        f" {search.column} = {search.low} over that of {search.high}. Selected on {search.how}; test rows are shown and"
        " decided nothing. No candidate is told an applicant's group when it decides."
    )
    chosen = next((one for one in found if one.name == search.chosen), None)
    if chosen is None:
        return f"{start} None has a higher ratio within {100 * search.budget:g} points of AUC; none is kept."
    ratio = f"{_limits(chosen.impact)} (gain {_limits(chosen.gain)}) for {100 * chosen.loss[0]:.1f} points of AUC"
    if not chosen.proven:
        return (
            f"{start} {chosen.name} did best within the budget, with a ratio of {ratio} on the test rows; that gain is"
            " not proven, so it is not kept."
        )
    place = "at or above four fifths" if chosen.impact[0] >= FOUR_FIFTHS else "still below four fifths"
    return (
        f"{start} Kept: {chosen.name}, with a ratio of {ratio} on the test rows, {place}. Its command is below; whether"
        " it serves as well is the lender's to judge."
    )


def _row(one: Tested, search: Search) -> tuple[Any, ...]:
    chosen = next(found for found in search.measured if found.name == one.name)
    mark = " (reference)" if one.name == search.reference else " (chosen)" if one.name == search.chosen else ""
    own = one.name == search.reference
    return (
        one.name + mark,
        f"{chosen.auc:.3f}",
        f"{chosen.impact:.3f}",
        _limits(one.auc),
        _limits(one.impact),
        "" if own else _limits(one.gain) + (", proven" if one.proven else ""),
        "" if own else _limits(one.loss),
        f"{one.approved:.1%}",
        f"{one.others:.3f}" if np.isfinite(one.others) else "none",
    )


def command(told: str, name: str, threshold: float, repair: str) -> str:
    """What runs a candidate: the command that this run was made with, told otherwise in three settings."""
    words = shlex.split(told)
    settings = {"options.model": name, "options.repair": repair, "audit.threshold": f"{threshold:.6g}"}
    pairs = list(zip(words, [*words[1:], ""], strict=True))
    dropped = {
        place for place, (word, after) in enumerate(pairs) if word == "--set" and after.split("=")[0] in settings
    }
    kept = [word for place, word in enumerate(words) if place not in dropped and place - 1 not in dropped]
    return shlex.join([*kept, *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))])


def _limits(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]"


def _front(search: Search) -> Chart:
    """The candidates on the rows to choose by; the line joins those that none beats in both."""
    front = [one for one in search.shown if one.front]
    lowest = min(one.auc for one in front) - 0.02
    rest = [one for one in search.measured if not one.front and one.name != search.reference]
    seen = [one for one in rest if one.auc >= lowest]
    named = [one for one in search.measured if one.name == search.reference]
    chosen = [one for one in search.measured if one.name == search.chosen]
    lines = [Line("front", tuple(one.auc for one in front), tuple(one.impact for one in front))]
    for name, some in (("other candidates", seen), ("reference", named), ("chosen", chosen)):
        if some:
            lines.append(Line(name, tuple(o.auc for o in some), tuple(o.impact for o in some), points=True))
    beyond = f" {len(rest) - len(seen)} more order applicants worse than the picture shows." if rest != seen else ""
    says = f"On {search.how}. Upwards: more even; to the right: a better order.{beyond}"
    return Chart("AUC and impact, where it was chosen", "AUC", f"{search.column}: lowest ratio", tuple(lines), says)


def _on_test(search: Search, found: Sequence[Tested]) -> Chart:
    """The same of the test rows, with limits of the ratio."""
    lines = []
    kinds = {search.reference: "reference", search.chosen: "chosen"}
    for name in ("front", "reference", "chosen"):
        some = [one for one in found if kinds.get(one.name, "front") == name]
        if some:
            value, lower, upper = (tuple(one.impact[i] for one in some) for i in range(3))
            lines.append(Line(name, tuple(one.auc[0] for one in some), value, lower, upper, points=True))
    ends = min(one.auc[0] for one in found), max(one.auc[0] for one in found)
    lines.append(Line("four fifths", ends, (FOUR_FIFTHS, FOUR_FIFTHS)))
    says = "With 95 % limits of the ratio. What was chosen before stays chosen, however it fares here."
    name = f"{search.column}: {search.low} to {search.high}"
    return Chart("AUC and ratio on the test rows", "AUC", name, tuple(lines), says)


def _reasons(evidence: Evidence, groups: Sequence[Grouped], recipe: Recipe) -> list[Section]:
    table, told = evidence.reasons, evidence.told
    if not table.height:
        return [Section("Reasons for the declined", "No applicant of the test rows was declined.")]
    stable = told["stability"]
    text = (
        f"{table.height} of the test rows were declined. Each is told up to {MOST} reasons in the words of the recipe"
        f"'s dictionary (version {told['reasons_version']}), by the model's own exact shares of the log-odds over the"
        f" average applicant (TreeSHAP for trees, terms less their means for a scorecard). All: {FOLDER}/{REASONS};"
        f" for new applications: python -m evenhand_finance.credit.reasons RUN --data FILE."
        f" Fitted again to {stable['refits']} draws of the training rows, {np.mean(stable['overlap']):.0%} of the named"
        f" inputs stay (Jaccard; {min(stable['overlap']):.0%} to {max(stable['overlap']):.0%}), and the first reason is"
        f" among the reasons again for {np.mean(stable['first_kept']):.0%}."
        f" No protected attribute or declared proxy is named; one would have been for {table['withheld'].sum()}."
    )
    return [_examples(table, text, recipe), _frequency(table, groups)]


def _examples(table: pl.DataFrame, text: str, recipe: Recipe) -> Section:
    names = [f"reason_{rank + 1}" for rank in range(MOST)]
    called = recipe.schema.id or "test_row"
    rows = table.head(EXAMPLES).select(called, *names).rows()
    return Section(
        "Reasons for the declined",
        text,
        ("applicant", "first reason", "second", "third", "fourth"),
        tuple(tuple("" if cell is None else cell for cell in row) for row in rows),
    )


def _frequency(table: pl.DataFrame, groups: Sequence[Grouped]) -> Section:
    """How often each first or further reason is given, by group: share of the group's declined."""
    names = [f"reason_{rank + 1}" for rank in range(MOST)]
    said = [{*row} - {None} for row in table.select(names).rows()]
    counts: dict[str, int] = {}
    for row in said:
        for reason in row:
            counts[reason] = counts.get(reason, 0) + 1
    commonest = sorted(counts, key=lambda reason: -counts[reason])[:COMMONEST]
    place = table["test_row"].to_numpy()
    inside = {"all": np.ones(len(said), dtype=bool)}
    for group in groups:
        code = group.code[place]
        inside |= {f"{group.column}: {name}": code == i for i, name in enumerate(group.names)}
    given = {reason: np.array([reason in row for row in said]) for reason in commonest}
    rows = [
        (name, int(rows.sum()), *(f"{given[reason][rows].mean():.0%}" for reason in commonest))
        for name, rows in inside.items()
        if rows.any()
    ]
    text = "Share of a group's declined who are given a reason, among their up to four."
    return Section("Reasons by group", text, ("group", "declined", *commonest), tuple(rows))


def _proxies(evidence: Evidence, recipe: Recipe) -> Section:
    told = evidence.told["proxies"]
    declared = recipe.options.get("proxies", [])
    text = (
        "How well the inputs together tell who belongs to a group (AUC of gradient boosting, out of fold, with 95 %"
        " limits): .5 is not at all, and a model whose inputs tell much can treat groups apart without being told."
        " Beside it, the inputs that tell most by themselves. Declared proxies, which are no inputs: "
        + (", ".join(declared) or "none")
        + "."
    )
    rows = tuple(
        (
            f"{one['column']} = {one['group']}",
            one["rows"],
            _limits((one["auc"], one["lower"], one["upper"])),
            ", ".join(f"{name} {auc:.2f}" for name, auc in one["strongest"]),
        )
        for one in told
    )
    return Section("Proxies among the inputs", text, ("group", "rows", "AUC of all inputs", "of one input alone"), rows)
