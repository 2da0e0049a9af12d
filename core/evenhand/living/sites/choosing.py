"""The choice: nothing, unless a gain is proven and no group pays for it; without labels, unless every sign agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evenhand.errors import BadInput
from evenhand.living.sites.candidates import NOTHING, Candidate, possible
from evenhand.living.sites.evidence import LEAST, LEAST_OF_CLASS, Gain, enough, gains, lost, more_needed, unseen
from evenhand.living.sites.ground import Ground
from evenhand.living.sites.scorers import Scores, agreed, label_free
from evenhand.statistics.intervals import critical

NEGLIGIBLE = 0.005  # nats per row: what an upper limit below it could still gain is not worth a new model
ADAPT, LEAVE, UNDECIDED, TAKEN = "adapt", "do not adapt", "not enough evidence", "taken as asked"
SIGNS = "adapt, not proven"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the labels say. said: probabilities of the labelled rows by models that had not seen them, by candidate.

    refused: candidates whose gain is proven and that a group would pay for -> the sentence that says so.
    signs: the label-free scores of candidates that need no label, where labels prove nothing.
    """

    verdict: str
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    gains: Mapping[str, Gain]
    said: Mapping[str, np.ndarray]
    refused: Mapping[str, str]
    says: tuple[str, ...]
    signs: Scores = field(default_factory=dict)


def choose(
    ground: Ground,
    groups: Mapping[str, np.ndarray] | None = None,
    tell: Callable[[int, int, str], None] = lambda *_: None,
) -> Choice:
    """Which candidate to take, by the place's labels alone. groups: column -> the group of each row of the place."""
    rows = ground.labelled
    candidates = possible(ground)
    if not enough(ground.targets[rows], ground.clusters[rows]):
        return _by_signs(ground, candidates)
    said = unseen(ground, candidates, tell)
    loss = {name: lost(found, ground.targets[rows]) for name, found in said.items()}
    source = lost(ground.scores[rows], ground.targets[rows])
    found = gains(source, loss, ground.clusters[rows], ground.seed)
    refused: dict[str, str] = {}
    for name in sorted((n for n in found if found[n].proven), key=lambda n: -found[n].lower):
        paying = _paying(source - loss[name], {c: values[rows] for c, values in (groups or {}).items()}, ground)
        if paying:
            refused[name] = paying
            continue
        chosen = next(candidate for candidate in candidates if candidate.name == name)
        return Choice(ADAPT, chosen, tuple(candidates), found, said, refused, _gained(chosen, found[name]))
    verdict, why = _left(found, len(rows), refused)
    return Choice(verdict, NOTHING, tuple(candidates), found, said, refused, why)


def _by_signs(ground: Ground, candidates: list[Candidate]) -> Choice:
    """The choice where labels prove nothing: what every label-free score puts above the source model, or nothing."""
    free = {candidate.name: candidate for candidate in (NOTHING, *candidates) if not candidate.labels}
    none = np.empty(0, dtype=np.int64)
    signs = label_free(ground, {name: candidate.fit(ground, none) for name, candidate in free.items()})
    picked = agreed(signs, NOTHING.name)
    says = [
        f"{len(ground.labelled)} labelled rows of the place prove nothing: at least {LEAST} are needed, with"
        f" {LEAST_OF_CLASS} of each of two classes."
    ]
    if picked is None:
        says.append("No candidate has every label-free score on its side. Keep the source model as it is.")
        return Choice(UNDECIDED, NOTHING, tuple(candidates), {}, {}, {}, tuple(says), signs)
    says.append(
        f"All {len(signs[picked])} label-free scores put {picked} ({free[picked].says}) above the source model, so it"
        " is taken; that is a sign and no proof. Label some rows of the place before anybody relies on it, or keep the"
        " old model with --take nothing."
    )
    return Choice(SIGNS, free[picked], tuple(candidates), {}, {}, {}, tuple(says), signs)


def taken(choice: Choice, name: str, ground: Ground) -> Choice:
    """The choice with the candidate that its user asks for, proven or not.

    Raises BadInput for a name that is no candidate here, and where the labels prove that it makes things worse.
    """
    rows, known = ground.labelled, {candidate.name: candidate for candidate in (NOTHING, *choice.candidates)}
    if name not in known:
        raise BadInput(f"--take {name} is no candidate for these rows; they allow {', '.join(known)}")
    found, gain = known[name], choice.gains.get(name)
    if name in choice.refused or (gain is not None and gain.upper < 0):
        why = choice.refused.get(name) or (
            f"its log loss is proven higher than the source model's, by {-gain.value if gain else 0:.4f}"
        )
        raise BadInput(f"--take {name} is refused by the place's own labels: {why}; leave --take out")
    said = choice.said if name in choice.said or not len(rows) else unseen(ground, [found])
    if len(rows) and name not in said:
        raise BadInput(f"--take {name} needs labels of two classes, some of each; the place has {len(rows)} labels")
    if gain is None:
        proof = f"{len(rows)} labelled rows cannot say whether it is better than the source model"
    elif gain.proven:
        proof = f"its gain in log loss is proven: {gain.value:.4f}, at least {gain.lower:.4f}"
    else:
        proof = f"its gain in log loss is not proven: {gain.value:.4f}, between {gain.lower:.4f} and {gain.upper:.4f}"
    says = f"{found.name} ({found.says}) is taken because it was asked for; {proof}."
    return replace(choice, verdict=TAKEN, chosen=found, said=said, says=(says,))


def _gained(chosen: Candidate, gain: Gain) -> tuple[str, ...]:
    return (
        f"Take {chosen.name} ({chosen.says}): its log loss on rows of the place that it had not seen is proven lower"
        f" than the source model's, by {gain.value:.4f} (at least {gain.lower:.4f}, allowing for all candidates).",
    )


def _left(found: Mapping[str, Gain], labelled: int, refused: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """(verdict, sentences) where nothing is taken."""
    if refused:
        return LEAVE, ("Do not adapt: a gain is proven, and a group would pay for it.", *refused.values())
    if not found:
        return UNDECIDED, ("No candidate could be fitted from these rows. Keep the source model as it is.",)
    best = max(found, key=lambda name: found[name].value)
    gain = found[best]
    if gain.value <= 0 or max(g.upper for g in found.values()) < NEGLIGIBLE:
        return LEAVE, (
            f"Do not adapt: nothing is better than the source model; {best} comes nearest, with a gain in log loss of"
            f" {gain.value:.4f} (between {gain.lower:.4f} and {gain.upper:.4f}).",
        )
    more = more_needed(gain, labelled)
    told = f" About {more:,} more labels would settle it, if the gain is what it seems." if more else ""
    return UNDECIDED, (
        f"Not enough evidence: {best} seems best, with a gain in log loss of {gain.value:.4f}, but between"
        f" {gain.lower:.4f} and {gain.upper:.4f}; keep the source model as it is.{told}",
    )


def _paying(apart: np.ndarray, groups: Mapping[str, np.ndarray], ground: Ground) -> str:
    """The sentence about a group whose log loss is proven higher than before; empty where there is none.

    Limits allow for all groups that have rows enough to tell (Bonferroni).
    """
    clusters = ground.clusters[ground.labelled]
    asked: list[tuple[str, Any, np.ndarray]] = []
    for column, values in groups.items():
        for group in dict.fromkeys(values.tolist()):
            inside = np.flatnonzero(values == group)
            if len(np.unique(clusters[inside])) >= 20:
                asked.append((column, group, inside))
    c = critical(1 - 0.05 / max(len(asked), 1))
    for column, group, inside in asked:
        found = gains(apart[inside], {"": np.zeros(len(inside))}, clusters[inside], ground.seed)[""]
        if found.value + c * found.error < 0:
            return (
                f"It is refused as {group} ({column}) would be proven worse off: its log loss rises by"
                f" {-found.value:.4f} (at least {-(found.value + c * found.error):.4f}, allowing for all groups)."
            )
    return ""


def fitted(ground: Ground, candidate: Candidate) -> Any:
    """The candidate fitted from all labelled rows."""
    return candidate.fit(ground, ground.labelled)
