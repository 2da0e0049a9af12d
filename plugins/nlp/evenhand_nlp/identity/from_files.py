"""Sections about the files that a recipe names: functional tests, filled templates, sentences with other pronouns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenhand import Section
from evenhand_nlp.identity.functional import targets_of
from evenhand_nlp.identity.numbers import limited, share, signed
from evenhand_nlp.identity.ranking import KINDS
from evenhand_nlp.identity.swapping import share_of

SHOWN = 20  # terms


def from_files(said: Mapping[str, Any], positive: str) -> list[Section]:
    """A section for each file that was asked about."""
    made = []
    if said.get("functional"):
        made += [_by_target(said["functional"], positive), _functional(said["functional"])]
    if said.get("templates"):
        made.append(_templates(said["templates"]))
    if said.get("pronouns"):
        made.append(_pronouns(said["pronouns"]))
    return made


def _by_target(found: Sequence[dict[str, Any]], positive: str) -> Section:
    """Pass rates of each target group, of cases that are and are not of the positive class."""
    rows = []
    for target, cells in targets_of(found).items():
        row: list[Any] = [target]
        for right, cases in (cells["not positive"], cells["positive"]):
            row += [share(share_of(right, cases)) if cases else "–", cases]
        rows.append(tuple(row))
    cases = sum(one["cases"] for one in found)
    right = sum(one["rate"][0] * one["cases"] for one in found)
    text = (
        f"{right / cases:.1%} of {cases:,} cases get the right answer. Where cases about one target that are not"
        f" {positive} pass less often than those about another, naming it is taken for an insult."
    )
    header = ("target", f"passed, not {positive}", "cases", f"passed, {positive}", "cases")
    return Section("Functional tests by target", text, header, tuple(rows))


def _functional(found: Sequence[dict[str, Any]]) -> Section:
    """Pass rates by what is tested, and by target group."""
    targets = list(dict.fromkeys(target for one in found for target in one["by_target"]))
    header = ("what is tested", "right answer", "cases", "passed", *targets)
    rows = tuple(
        (
            one["functionality"],
            one["gold"],
            one["cases"],
            f"{one['rate'][0]:.0%}",
            *(f"{one['by_target'][t][0]:.0%}" if t in one["by_target"] else "–" for t in targets),
        )
        for one in found
    )
    text = "The same cases by what they test, and of each target; below half, the model does the opposite."
    return Section("Functional tests", text, header, rows)


def _templates(found: Mapping[str, Any]) -> Section:
    """The three AUCs of every term, the worst first."""
    means, terms = found["means"], sorted(found["terms"], key=lambda one: min(one[2:]))
    if not terms:
        return Section("The same sentences about every term", "No term has enough sentences of both labels.")
    worst = terms[0]
    text = (
        f"{found['texts']:,} sentences of the file, the same about every term, so that terms alone differ. Power means"
        f" (-5) over {len(terms)} terms: subgroup AUC {limited(means['subgroup'])}, BPSN {limited(means['bpsn'])}, BNSP"
        f" {limited(means['bnsp'])}; limits draw whole sentence frames again. The worst term is '{worst[0]}'; the"
        f" {min(SHOWN, len(terms))} worst are shown."
    )
    rows = tuple((term, count, *(f"{value:.3f}" for value in values)) for term, count, *values in terms[:SHOWN])
    header = ("term", "sentences", "subgroup AUC", "BPSN AUC", "BNSP AUC")
    assert len(header) == 2 + len(KINDS)
    return Section("The same sentences about every term", text, header, rows)


def _pronouns(found: Sequence[Mapping[str, Any]]) -> Section:
    """Every two pronouns over the same sentences."""
    rows = tuple(
        (
            one["one"],
            one["other"],
            one["sentences"],
            f"{one['flips']} ({one['flips'] / max(one['sentences'], 1):.1%})",
            share(one["flipped_clusters"]),
            signed(one["shift"]),
            f"{one['p']:.2g}",
        )
        for one in found
    )
    text = (
        "The same sentences about occupations with one pronoun and the other: nothing else differs, so an even model"
        " gives both one score. Sentences about one occupation move together; it is what limits are clustered by."
    )
    header = ("with", "against", "sentences", "decisions that turn", "occupations with one", "score higher by", "p")
    return Section("The same sentence with another pronoun", text, header, rows)
