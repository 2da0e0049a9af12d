"""Whose a name is: a plugin's that several distributions claim is ours, or the one's that was installed first."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import ModuleType

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


def package_of(module: ModuleType) -> str:
    """The package that is a plugin's own: the module where it is one, else the one it lies in, if that has a file."""
    if hasattr(module, "__path__"):
        return module.__name__
    above = module.__name__.rpartition(".")[0]
    shared = getattr(sys.modules.get(above), "__file__", None) is None  # a namespace that others put packages into
    return module.__name__ if shared else above
