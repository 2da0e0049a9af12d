"""The site card: the choice with everything beside it, as JSON, as a section of the report, and as lines to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.adapting import scores
from evenhand.adapting.tables.choosing import losses
from evenhand.living.sites.alignment import told_apart
from evenhand.living.sites.candidates import NOTHING, Candidate, said_of
from evenhand.living.sites.choosing import Choice, fitted
from evenhand.living.sites.evidence import gains, lost
from evenhand.living.sites.ground import UNKNOWN, Ground
from evenhand.sections import Chart, Line, Section

FORMAT, VERSION = "evenhand-site-card", 1
MOST_OLD = 2_000  # old test rows on which forgetting is measured
MOST_TOLD = 3_000  # rows of each side by which old and new are told apart


def card_of(ground: Ground, choice: Choice, held: np.ndarray, place: Mapping[str, Any]) -> dict[str, Any]:
    """What card.json holds. held: targets of labels that were held back, UNKNOWN elsewhere; they only check."""
    rows = ground.labelled
    lines = []
    for candidate in (NOTHING, *choice.candidates):
        model = fitted(ground, candidate) if candidate is NOTHING or not candidate.labels or choice.said else None
        lines.append(_line(ground, choice, candidate, model, held))
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": choice.verdict,
        "chosen": choice.chosen.name,
        "says": list(choice.says),
        "place": {**place, "rows": len(ground.targets), "labelled": len(rows), "held": int((held != UNKNOWN).sum())},
        "told_apart": _difference(ground),
        "candidates": lines,
    }


def _line(ground: Ground, choice: Choice, candidate: Candidate, model: Any, held: np.ndarray) -> dict[str, Any]:
    """One candidate: what it does on unseen labels of the place, on the old hospitals' rows, and on held labels."""
    rows, name = ground.labelled, candidate.name
    said = ground.scores[rows] if candidate is NOTHING else choice.said.get(name)
    gain = choice.gains.get(name)
    check = np.flatnonzero(held != UNKNOWN)
    known = model is not None
    return {
        "name": name,
        "says": candidate.says,
        "uses": [w for w, used in (("labels", candidate.labels), ("old rows", candidate.home)) if used],
        "place": measures(said, ground.targets[rows]) if said is not None and len(rows) else {},
        "gain": None if gain is None else {"value": gain.value, "lower": gain.lower, "upper": gain.upper},
        "proven": bool(gain and gain.proven),
        "proven_worse": bool(gain and gain.upper < 0),
        "refused": choice.refused.get(name),
        "signs": choice.signs.get(name, {}),
        "old": _forgetting(ground, model) if known else {},
        "held": measures(said_of(ground, model, check), held[check]) if known and len(check) else {},
    }


def measures(said: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """log_loss, accuracy and, of two classes, auc. said: probabilities, perhaps of several rounds."""
    from sklearn.metrics import roc_auc_score

    mean = said.mean(0) if said.ndim == 3 else said
    found = {
        "log_loss": float(lost(said, targets).mean()),
        "accuracy": float((mean.argmax(1) == targets).mean()),
    }
    if mean.shape[1] == 2 and 0 < targets.sum() < len(targets):
        found["auc"] = float(roc_auc_score(targets, mean[:, 1]))
    return found


def _forgetting(ground: Ground, model: Any) -> dict[str, Any]:
    """The same of old rows that the source model has not seen, and the gain over it there: below 0 is forgetting."""
    home = ground.home
    if home is None or home.test is None:
        return {}
    some = np.flatnonzero(home.test_targets != UNKNOWN)
    some = np.sort(np.random.default_rng(ground.seed).permutation(some)[:MOST_OLD])
    if ground.heavy:
        some = some[:300]
    test, targets = home.test.select(some), home.test_targets[some]
    before = np.asarray(scores(ground.adapted.model, test, ground.schema), dtype=np.float64)
    after = np.asarray(scores(model, test, ground.schema), dtype=np.float64)
    column = ground.schema.group_id
    clusters = np.unique([str(v) for v in test[column]], return_inverse=True)[1] if column else np.arange(len(targets))
    gain = gains(losses(before, targets, ""), {"": losses(after, targets, "")}, clusters, ground.seed)[""]
    return {
        **measures(after, targets),
        "rows": len(targets),
        "gain": {"value": gain.value, "lower": gain.lower, "upper": gain.upper},
    }


def _difference(ground: Ground) -> float | None:
    """The AUC by which a linear model tells old and new rows apart; None where there are no old rows."""
    if ground.home is None or ground.views is None or len(ground.views.place) < 20:
        return None
    rng = np.random.default_rng(ground.seed)
    home, place = (part[rng.permutation(len(part))[:MOST_TOLD]] for part in (ground.views.home, ground.views.place))
    return told_apart(ground.views.linear(home), ground.views.linear(place))[1]


HEADER = (
    "candidate",
    "what it is",
    "log loss here",
    "gain",
    "at least",
    "at most",
    "accuracy here",
    "AUC here",
    "gain at the old places",
    "proven",
)


def table(card: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The card's candidates as rows of HEADER."""
    return [_row(line, card["chosen"]) for line in card["candidates"]]


def _row(line: Mapping[str, Any], chosen: str) -> tuple[Any, ...]:
    gain, here, old = line["gain"] or {}, line["place"], line["old"].get("gain", {})
    proven = "refused" if line["refused"] else "better" if line["proven"] else "worse" if line["proven_worse"] else "–"
    name = f"{line['name']} (chosen)" if line["name"] == chosen else line["name"]
    numbers = (
        here.get("log_loss"),
        gain.get("value"),
        gain.get("lower"),
        gain.get("upper"),
        here.get("accuracy"),
        here.get("auc"),
        old.get("value"),
    )
    return name, line["says"], *(_number(value) for value in numbers), proven


def _number(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 3) + 0.0:.3f}"  # no -0.000


def section(card: Mapping[str, Any]) -> Section:
    """The card in the report."""
    place, apart = card["place"], card["told_apart"]
    text = [
        *card["says"],
        f"The place: {place['rows']:,} rows of {place['source']}, {place['labelled']:,} with a label that was used.",
        "Candidates were compared on labelled rows that each had not seen, by turns; no other label of the place took"
        " part in the choice. Gains are in log loss, nats per row, over the source model; limits allow for all.",
    ]
    if apart is not None:
        text.append(f"A linear model tells old rows from the place's with an AUC of {apart:.2f} (0.5: they are alike).")
    if not any(line["old"] for line in card["candidates"]):
        text.append("What is forgotten at the old places is not known: none of their unseen rows are at hand.")
    return Section("Site card", " ".join(text), HEADER, tuple(table(card)), charts=_charts(card))


def signs(card: Mapping[str, Any]) -> list[Section]:
    """The label-free scores in the report; none where labels decided."""
    lines = [line for line in card["candidates"] if line["signs"]]
    if not lines:
        return []
    names = list(dict.fromkeys(name for line in lines for name in line["signs"]))
    rows = [(line["name"], *(_number(line["signs"].get(name)) for name in names)) for line in lines]
    text = (
        "What each candidate seems worth without a label of the place; larger is better in every column. importance and"
        " dev: log loss on old rows, weighed as if they were of the place. entropy: how sure it is. density: how firmly"
        " rows said alike stand together. mixing: whether mixtures of two rows are said as the nearer one is. A model"
        " that is wrong and sure of it has good figures here: they are signs."
    )
    return [Section("Label-free scores", text, ("candidate", *names), tuple(rows))]


def _charts(card: Mapping[str, Any]) -> tuple[Chart, ...]:
    judged = [line for line in card["candidates"] if line["gain"]]
    if not judged:
        return ()
    lines = [
        Line(
            f"{place} {line['name']}",  # colours come again where there are many
            (float(place),),
            (line["gain"]["value"],),
            (line["gain"]["lower"],),
            (line["gain"]["upper"],),
            points=True,
        )
        for place, line in enumerate(judged, start=1)
    ]
    zero = Line("the source model", (0.5, len(judged) + 0.5), (0.0, 0.0))
    says = "Gain of each candidate over the source model at the new place, with limits that allow for all of them"
    return (Chart("Gain in log loss", "candidate, by its number", "nats per row", (zero, *lines), says),)


def sentences(card: Mapping[str, Any]) -> Sequence[str]:
    """What the command prints above the table."""
    return [f"{card['verdict'].upper()}: {card['chosen']}", *card["says"]]
