"""Which distribution has a plugin's name where several claim it: ours, else the one that was installed first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

FIRST_PARTY = ("healthcare", "finance", "autonomy", "nlp", "mlflow")  # each is brought by evenhand-NAME
Rank = tuple[float, ...]  # the lower is the elder
CORE: Rank = (0,)
GIVEN: Rank = (3,)  # by hand, in Python


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry point. distribution: its name; about: with the version; both "" where they are not known."""

    point: EntryPoint
    distribution: str
    about: str
    rank: Rank


def claims(points: Iterable[EntryPoint]) -> list[Claim]:
    """Every claim, by name; of those to one name the eldest first."""
    return sorted(map(_claim, points), key=lambda claim: (claim.point.name, claim.rank, claim.distribution))


def _claim(point: EntryPoint) -> Claim:
    if point.dist is None:
        return Claim(point, "", "", (2, float("inf")))
    name = point.dist.name
    ours = point.name in FIRST_PARTY and name.lower().replace("_", "-") == f"evenhand-{point.name}"
    return Claim(point, name, f"{name} {point.dist.version}", (1 if ours else 2, _installed(point.dist)))


def _installed(distribution: Distribution) -> float:
    """When the distribution's metadata was put where it is."""
    folder = getattr(distribution, "_path", None)
    try:
        return Path(str(folder)).stat().st_mtime if folder is not None else float("inf")
    except OSError:  # metadata in an archive
        return float("inf")
