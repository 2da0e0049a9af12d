"""Opens a side of the comparison: an audit's folder, or a run's, with the question it answered and where its rows
are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.asking.question import Question
from evenhand.auditing.metrics.built_in import known_metrics
from evenhand.auditing.metrics.metric import GroupMetric
from evenhand.auditing.metrics.of_plugins import checked
from evenhand.auditing.question.plan import asked_again
from evenhand.errors import BadInput
from evenhand.recorded.finished import MANIFEST, FinishedRun, open_folder


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two audits. source: where its rows are, a path or a frame; None where they are not at hand.

    sha256: that of the audited file; None for a frame. positive: the decision's positive value, where no label tells
    it.
    own: metrics that are not built in, with which it may have been audited.
    """

    path: Path
    audit: Mapping[str, Any]
    source: Any
    sha256: str | None
    positive: Any = None
    own: tuple[GroupMetric, ...] = ()

    @property
    def question(self) -> Mapping[str, Any]:
        """What the audit asked, as audit.json says it."""
        found: Mapping[str, Any] = self.audit["question"]
        return found

    @property
    def is_run(self) -> bool:
        """Whether the audit is a run's, of which plugins know more."""
        return (self.path / MANIFEST).is_file()

    def recorded(self) -> dict[str, Mapping[str, Any]]:
        """What audit.json says of the metrics that the audit found defined, in its order."""
        return {about["name"]: about for about in self.audit["metrics"] if about["defined"]}

    def metrics(self) -> dict[str, GroupMetric]:
        """Those of them whose definition is at hand, under the recorded name and with the recorded formula."""
        known = known_metrics(self.question["task"], self.question["threshold"])
        found = {(m.name, m.formula): m for m in known.values()}
        found |= {(m.name, m.formula): checked(m) for m in reversed(self.own)}
        keys = {name: (name, about["formula"]) for name, about in self.recorded().items()}
        return {name: found[key] for name, key in keys.items() if key in found}

    def foreign(self) -> frozenset[str]:
        """Names of those that are not built in."""
        own = {(m.name, m.formula) for m in self.own}
        return frozenset(m.name for m in self.metrics().values() if (m.name, m.formula) in own)

    def undefined(self) -> set[str]:
        """Names of the metrics that nobody defines so far."""
        return set(self.recorded()) - set(self.metrics())

    def asked(self, bins: Mapping[str, Any]) -> Question:
        """The question of these rows, decisions and metrics, to be compared; `bins`: how numbers are cut."""
        again = asked_again({**self.question, "bins": bins})
        positive = self.positive if again.positive is None else again.positive
        return again.but(metrics=tuple(self.metrics()), positive=positive)


def open_side(path: str | Path, data: Any) -> Side:
    """The audit in the folder `path`. data: its rows, where they are not where they were; None: look there.

    Raises BadInput where the folder holds no finished audit, or one that is damaged.
    """
    found = open_folder(path)
    if isinstance(found, FinishedRun):
        if data is not None:
            raise BadInput(f"{path} is a run, whose rows are its own predictions; give data for audits only")
        file = found.artefact("predict", "predictions.parquet")
        return Side(found.path, found.audit(), file, found.stage("predict")["artefacts"][file.name])
    source = data if data is not None else found.plan.get("source")
    if isinstance(source, str | Path) and not Path(source).exists():
        if data is not None:
            raise BadInput(f"the data {source} of {path} is not there; check the path")
        source = None
    arguments = found.plan.get("arguments")
    positive = arguments.get("positive") if isinstance(arguments, dict) else None
    return Side(found.path, found.audit(), source, found.plan.get("data_sha256"), positive)


def check_same_question(one: Side, two: Side) -> None:
    """Raise BadInput unless both audits ask the same of the same label."""
    for side in (one, two):
        if side.question["task"] == "multilabel":
            raise BadInput(
                f"{side.path} audits several labels, and two audits are compared by one; audit the predictions of one"
                " label on both sides (evenhand audit predictions.parquet --label LABEL --prediction prediction_LABEL)"
            )
    label = [(side.question["task"], side.question["label"]) for side in (one, two)]
    positive = {_positive(side) for side in (one, two)} - {None}  # where all labels were alike, none was named
    if label[0] != label[1] or len(positive) > 1:
        raise BadInput(
            f"{one.path} {_in_words(one)}, and {two.path} {_in_words(two)}; only audits of one question can be compared"
        )


def _positive(side: Side) -> str | None:
    """The positive label, as people write it; None where every label was of one kind and it was not named."""
    values = side.question["positive"] or ([side.positive] if side.positive is not None else [])
    return str(values[0]).strip().lower() if values else None


def _in_words(side: Side) -> str:
    task, label = side.question["task"], side.question["label"]
    if task == "regression":
        return f"predicts the number '{label}'"
    if task == "multiclass":
        return f"predicts the class '{label}' among several"
    chosen = _positive(side)
    of = f"decides whether '{label}' is" if label is not None else "audits who gets the decision"
    return f"{of} '{chosen}'" if chosen is not None else of + (" positive" if label is not None else "")
