"""Policies: which gaps are judged, against what, by whose rule; each a small, dated, versioned TOML profile.

A policy says what is computed and where the rule stands written. It never says that anything is lawful.
"""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenhand.errors import BadInput, did_you_mean, of_toml
from evenhand.files import is_there, read_plain, why

RATIO_METRICS = ("selection_rate", "scoring_rate")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RatioRule(_Part):
    """Each group's rate as a ratio of the highest group's."""

    metric: str = Field(
        "selection_rate", description="`selection_rate`, or `scoring_rate`: the share with a score above the median."
    )
    least: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Smallest ratio that is tolerated; not set: ratios are shown and nothing is judged.",
    )
    exclude_below: float = Field(
        0.0, ge=0, lt=0.5, description="Groups with a smaller share of the rows are shown, not compared."
    )
    flip_flop: bool = Field(
        False,
        description=(
            "No evidence is enough where one person more selected in the group and one fewer in the highest"
            " would turn the order of the two around."
        ),
    )


class Policy(_Part):
    """A profile: its rules, its source, and from when to when it is in force."""

    name: str = Field(description="How reports call it; shipped profiles go by it in `--policy`.")
    version: str = Field(description="Yours to count; a report says which one it was computed under.")
    title: str = Field(description="A few words for the head of the report and the sentences of verdicts.")
    source: str = Field(description="Where the rule stands written.")
    says: str = Field("", description="The rule in a sentence or two, shown in the report.")
    jurisdiction: str = Field("", description="Where it holds, and for what.")
    in_force_from: datetime.date | None = Field(None, description="First day it is in force.")
    in_force_until: datetime.date | None = Field(None, description="Last day it is in force.")
    metrics: tuple[str, ...] = Field((), description="Metrics shown beside the usual ones.")
    tolerance: dict[str, float] = Field(
        default_factory=dict, description="Metric and the largest difference between two groups that is acceptable."
    )
    margin: dict[str, float] = Field(
        default_factory=dict,
        description=(
            "Metric and how much worse a group may be proven under a new model than under the one it replaces"
            " (`evenhand update --promote`); metrics not named: 0."
        ),
    )
    ratio: tuple[RatioRule, ...] = Field((), description="Ratio tables, each a `[[ratio]]` with the keys below.")
    reference: dict[str, str] = Field(
        default_factory=dict, description="Column and the group to compare with; columns not named: the largest group."
    )
    intersections: int = Field(1, ge=1, le=3, description="Depth: 2 audits every pair of sensitive columns too.")
    favourable: str | int | float | bool | None = Field(
        None,
        description="The decision that is good for the person; not set: rules call it positive, whatever it is here.",
    )
    sha256: str = Field("", description="Of the file; set when the file is read.")

    def described(self) -> dict[str, Any]:
        """What audit.json says of it."""
        return {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "jurisdiction": self.jurisdiction,
            "in_force_from": None if self.in_force_from is None else self.in_force_from.isoformat(),
            "in_force_until": None if self.in_force_until is None else self.in_force_until.isoformat(),
            "source": self.source,
            "says": self.says,
            "sha256": self.sha256,
            "ratio": [rule.model_dump() for rule in self.ratio],
        }


def shipped() -> dict[str, Policy]:
    """The profiles that come with evenhand, by name."""
    found = sorted((f for f in _folder().iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {policy.name: policy for f in found if (policy := _parsed(f.read_bytes(), f.name))}


def load_policy(policy: str | Path | Policy | None) -> Policy | None:
    """A shipped profile by its name, or one of the user's by the path of its file. Raises BadInput."""
    if policy is None or isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str | Path):
        raise BadInput(f"the policy {policy!r} is neither the name of a profile nor a path (--policy)")
    path = Path(policy)
    if path.suffix != ".toml" and not is_there(path):
        known = shipped()
        if str(policy) not in known:
            raise BadInput(
                f"there is no policy '{policy}'; evenhand ships {', '.join(known)}, and a file of your own ends with"
                f" .toml.{did_you_mean(str(policy), known)} (--policy)"
            )
        return known[str(policy)]
    try:
        return _parsed(read_plain(path), str(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"the policy {path} cannot be read: {why(error)}; check the path (--policy)") from None


def _folder() -> Any:
    return files("evenhand.auditing.question") / "policies"


def _parsed(content: bytes, where: str) -> Policy:
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the policy {where} is not TOML: {of_toml(error)}; mend that line (--policy)") from None
    try:
        policy = Policy.model_validate({**values, "sha256": hashlib.sha256(content).hexdigest()})
    except ValidationError as error:
        raise BadInput(f"the policy {where}: {_first(error, values)} (--policy)") from None
    for rule in policy.ratio:
        if rule.metric not in RATIO_METRICS:
            raise BadInput(
                f"the policy {where} asks for ratios of '{rule.metric}'; ratios are made of"
                f" {' or '.join(RATIO_METRICS)}.{did_you_mean(rule.metric, RATIO_METRICS)} (--policy)"
            )
    return policy


def _first(error: ValidationError, values: Mapping[str, Any]) -> str:
    found = error.errors()[0]
    key = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"there is no key '{key}'.{did_you_mean(str(found['loc'][-1]), Policy.model_fields)}"
    if found["type"] == "missing":
        return f"the key '{key}' is missing; it has {', '.join(map(repr, values)) or 'none'}"
    return f"{key}: {found['msg'].lower()}"
