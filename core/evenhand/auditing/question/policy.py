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

from evenhand.errors import BadInput, did_you_mean

RATIO_METRICS = ("selection_rate", "scoring_rate")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RatioRule(_Part):
    """Each group's rate as a ratio of the highest group's.

    least: the smallest ratio that is tolerated; None shows the ratios and judges nothing. exclude_below: groups with a
    smaller share of the rows are shown, not compared. flip_flop: no evidence is enough where one person more selected
    in the group and one fewer in the highest would turn the order of the two around.
    """

    metric: str = "selection_rate"
    least: float | None = Field(None, gt=0, le=1)
    exclude_below: float = Field(0.0, ge=0, lt=0.5)
    flip_flop: bool = False


class Policy(_Part):
    """A profile: its rules, its source, and from when to when it is in force."""

    name: str
    version: str
    title: str
    source: str
    says: str = ""
    jurisdiction: str = ""
    in_force_from: datetime.date | None = None
    in_force_until: datetime.date | None = None
    metrics: tuple[str, ...] = ()  # shown beside the defaults
    tolerance: dict[str, float] = Field(default_factory=dict)  # metric -> largest difference between two groups
    ratio: tuple[RatioRule, ...] = ()
    reference: dict[str, str] = Field(default_factory=dict)
    intersections: int = Field(1, ge=1, le=3)
    favourable: str | int | float | bool | None = (
        None  # the decision; None: rules call it positive, whatever it is here
    )
    sha256: str = ""  # of the file it came from

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
    if path.suffix != ".toml" and not path.exists():
        known = shipped()
        if str(policy) not in known:
            raise BadInput(
                f"there is no policy '{policy}'; evenhand ships {', '.join(known)}, and a file of your own ends with .toml.{did_you_mean(str(policy), known)} (--policy)"
            )
        return known[str(policy)]
    try:
        return _parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInput(f"the policy {path} cannot be read: {error.strerror}; check the path (--policy)") from None


def _folder() -> Any:
    return files("evenhand.auditing.question") / "policies"


def _parsed(content: bytes, where: str) -> Policy:
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the policy {where} is not TOML: {error}; mend that line (--policy)") from None
    try:
        policy = Policy.model_validate({**values, "sha256": hashlib.sha256(content).hexdigest()})
    except ValidationError as error:
        raise BadInput(f"the policy {where}: {_first(error, values)} (--policy)") from None
    for rule in policy.ratio:
        if rule.metric not in RATIO_METRICS:
            raise BadInput(
                f"the policy {where} asks for ratios of '{rule.metric}'; ratios are made of {' or '.join(RATIO_METRICS)}.{did_you_mean(rule.metric, RATIO_METRICS)} (--policy)"
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
