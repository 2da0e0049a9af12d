"""A Question: everything that is asked of an audit, the same from Python, the command line, a file or a recipe."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from evenhand.asking import checks
from evenhand.asking.checks import WrongPart
from evenhand.errors import BadInput, did_you_mean, of_toml
from evenhand.files import atomic, read_plain, why


class Part(NamedTuple):
    """How a part of the Question is read from what was given, and what the command line says of it."""

    read: checks.Read
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of an audit; `evenhand.audit` says what each part means. Empty parts are for the audit to decide.

    >>> asked = Question(label="y", score="p", sensitive="sex", tolerance={"tpr": 0.05})
    >>> Question.from_toml(asked.to_toml(), "again") == asked
    True
    >>> asked.but(confidence=0.9).confidence
    0.9
    >>> Question(confidence=95)
    Traceback (most recent call last):
    ...
    evenhand.asking.checks.WrongPart: the confidence 95 is not a number between 0.5 and 1; 0.95 is usual (--confidence)
    """

    sensitive: Annotated[
        tuple[str, ...], Part(checks.columns, "Columns to audit by, comma-separated: sex,age_group")
    ] = ()
    label: Annotated[
        str | None, Part(checks.column, "Column of what turned out to be true; none: selection rates only.")
    ] = None
    labels: Annotated[
        tuple[str, ...],
        Part(
            checks.columns,
            "Instead of --label, of a multi-label task: a column of 0 and 1 for each label, comma-separated; each is "
            "audited by itself, all as one family.",
        ),
    ] = ()
    score: Annotated[
        str | None,
        Part(checks.column, "Column of the model's score in [0, 1]; with --labels {} is the label: 'score_{}'."),
    ] = None
    prediction: Annotated[
        str | None,
        Part(
            checks.column,
            "Column of the model's decision, instead of or beside a score; with --labels {} is the label.",
        ),
    ] = None
    threshold: Annotated[
        float | None, Part(checks.threshold, "Decide positive when score >= threshold (default 0.5).")
    ] = None
    operating_point: Annotated[
        dict[str, float],
        Part(
            checks.operating_point,
            "In a recipe: what the decisions must reach on validation rows, which then choose the threshold: "
            "sensitivity=0.9, or one of specificity, selection_rate, precision.",
        ),
    ] = field(default_factory=dict)
    positive: Annotated[
        Any,
        Part(
            checks.value,
            "The label value that counts as positive, where 0/1 or yes/no does not tell; "
            "of several classes, that one against the rest.",
        ),
    ] = None
    positive_prediction: Annotated[
        Any,
        Part(
            checks.value,
            "The decision that predicts the positive label, where decisions are written in other words than labels; "
            "0/1, yes/no and true/false are the same words.",
        ),
    ] = None
    favourable: Annotated[
        Any,
        Part(
            checks.value,
            "Which decision is good for the person, for rules on selection: a value of the decision or label, "
            "or positive or negative.",
        ),
    ] = None
    cluster: Annotated[str | None, Part(checks.column, "Column naming rows that belong together: patient_id")] = None
    weight: Annotated[str | None, Part(checks.column, "Column of sampling weights.")] = None
    id: Annotated[str | None, Part(checks.column, "Column naming each row; checked for duplicates.")] = None
    task: Annotated[
        str | None,
        Part(
            checks.task,
            "What is predicted: binary, multiclass, multilabel, regression or selection; else seen from the label.",
        ),
    ] = None
    tolerance: Annotated[
        dict[str, float] | float,
        Part(
            checks.tolerance,
            "Largest acceptable gap: tpr=0.05 (again for more); 0.1 alone: selection rate, TPR and FPR, "
            "or the --metrics named.",
        ),
    ] = field(default_factory=dict)
    policy: Annotated[
        Any,
        Part(
            checks.anything,
            "Rules to judge by: equal-opportunity, equalised-odds, calibration-within-groups, us-four-fifths, "
            "credit-four-fifths, nyc-ll144, or a TOML file of your own.",
        ),
    ] = None
    metrics: Annotated[
        tuple[str, ...], Part(checks.metrics, "Metrics to show, comma-separated: tpr,auc; else the usual ones.")
    ] = ()
    reference: Annotated[
        dict[str, Any], Part(checks.reference, "Group to compare with: sex=male; else the largest.")
    ] = field(default_factory=dict)
    intersections: Annotated[int, Part(checks.depth, "Depth, 1 to 3: 2 audits every pair of columns too.")] = 1
    bins: Annotated[
        dict[str, int | str | tuple[float, ...]],
        Part(checks.bins, "Cut a column of numbers: age=4 (groups of equal size), age=30,50,65 (edges), age=each."),
    ] = field(default_factory=dict)
    names: Annotated[
        dict[str, str],
        Part(checks.names, "What a group is called: afam.yes='African American' (again for more)."),
    ] = field(default_factory=dict)
    top: Annotated[
        int | float | None,
        Part(checks.top, "Select the best by score instead of a threshold: 100 rows, or 10% of them."),
    ] = None
    within: Annotated[str | None, Part(checks.column, "Column naming the list that --top selects from: job_id")] = None
    slices: Annotated[
        tuple[str, ...], Part(checks.columns, "Look for groups that fare worse in these columns too, comma-separated.")
    ] = ()
    mitigation: Annotated[
        str, Part(checks.mitigation, "Preview of other thresholds: sweep, or fairlearn for its ThresholdOptimizer too.")
    ] = "sweep"
    confidence: Annotated[float, Part(checks.confidence, "Confidence of the intervals.")] = 0.95
    exact: Annotated[bool, Part(checks.flag, "Count every distinct score, also beyond 50,000 rows.")] = False
    replicates: Annotated[int, Part(checks.replicates, "Draws behind the simultaneous intervals.")] = 2000
    seed: Annotated[int, Part(checks.seed, "Seed of the resampling.")] = 0
    look: Annotated[
        int | None,
        Part(
            checks.look,
            "Which look at this question it is, 1, 2, …: each spends its part of the error; --ledger counts them.",
        ),
    ] = None
    title: Annotated[str | None, Part(checks.text, "Heading of the report; else the name of the data.")] = None

    def __post_init__(self) -> None:
        for name, part in PARTS.items():
            object.__setattr__(self, name, part.read(name, getattr(self, name)))

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Question:
        """The Question of these parts by name; WrongPart for one that is unknown or cannot be."""
        for key, value in values.items():
            if key not in PARTS:
                raise WrongPart(str(key), value, f"unknown key '{key}'.{did_you_mean(str(key), PARTS)}", unknown=True)
        return cls(**values)

    @classmethod
    def from_toml(cls, text: str, where: str) -> Question:
        """The Question written in `text`; `where` names the file in errors."""
        try:
            return cls.build(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise BadInput(f"{where} is not valid TOML: {of_toml(error)}; mend the file (--question)") from None
        except WrongPart as wrong:
            if wrong.unknown:
                hint = did_you_mean(wrong.key, PARTS) or f" A question has {', '.join(PARTS)}."
                raise BadInput(f"unknown key '{wrong.key}' in {where}.{hint}") from None
            raise BadInput(f"'{wrong.key}' = {wrong.value!r} ({where}) is not allowed: {wrong.says}") from None

    @classmethod
    def from_file(cls, path: str | Path) -> Question:
        """The Question in the TOML file at `path`; a policy's file is looked for from the folder of that file."""
        path = Path(path)
        try:
            text = read_plain(path).decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput(f"the question {path} is not UTF-8 text; write it as TOML (--question)") from None
        except (OSError, ValueError) as error:
            raise BadInput(f"the question {path} cannot be read: {why(error)}; check the path (--question)") from None
        return cls.from_toml(text, str(path)).anchored(path.parent)

    def but(self, **changes: Any) -> Question:
        """The same Question with these parts changed."""
        return replace(self, **changes)

    def anchored(self, folder: Path) -> Question:
        """The same Question, with the path of a policy's file taken from `folder` where it is relative."""
        file = _policy_file(self.policy)
        return self if file is None else self.but(policy=str((folder / file).absolute()))

    def columns(self) -> Iterator[tuple[str, str]]:
        """(part, column) for every part that names a column to read."""
        for name, part in PARTS.items():
            if part.read in (checks.column, checks.columns):
                found = getattr(self, name)
                for column in (found,) if isinstance(found, str) else found or ():
                    yield name, column

    def table(self) -> dict[str, Any]:
        """Every part that is not empty, by name, as JSON and TOML hold them; a policy by its name or path."""
        found = ((name, getattr(self, name)) for name in PARTS)
        return {name: _written(part) for name, part in found if part is not None and part not in ((), {})}

    def to_toml(self) -> str:
        """The Question as TOML that `from_toml` reads back."""
        import tomli_w

        if self.policy is not None and not isinstance(self.policy, str | Path):
            raise BadInput(
                "a policy that was made in Python is in no file, so the question cannot name it; save it as TOML"
            )
        text = tomli_w.dumps(self.table())
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise BadInput("the question has a name that UTF-8 cannot hold; rename that column or group")
        return text

    def to_file(self, path: str | Path) -> None:
        """Write the Question to `path`, so that `from_file` gives the same audit; whole or not at all."""
        path, file = Path(path), _policy_file(self.policy)
        saved = self if file is None else self.but(policy=Path(os.path.relpath(file, path.parent)).as_posix())
        with atomic(path) as temporary:
            temporary.write_text(saved.to_toml(), "utf-8")


HINTS: dict[str, Any] = get_type_hints(Question, include_extras=True)
PARTS: dict[str, Part] = {one.name: HINTS[one.name].__metadata__[0] for one in fields(Question)}


def _policy_file(policy: Any) -> Path | None:
    """The path of a policy that is a file; None where it is a name, or none at all."""
    return Path(policy) if isinstance(policy, str | Path) and Path(policy).suffix == ".toml" else None


def _written(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _written(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return list(part)
    return part if isinstance(part, str | int | float | bool) else str(part)
