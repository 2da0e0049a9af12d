"""The one reader of finished folders, a run's and an audit's. It opens nothing for writing and follows no link."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import digest, own
from evenhand.recipe import Recipe
from evenhand.recorded.audit_files import PLAN
from evenhand.values import Metric

MANIFEST, AUDIT = "manifest.json", "audit.json"
FORMAT, VERSION = "evenhand-run", 1
QUESTION = ("task", "label", "positive", "score", "prediction", "threshold", "sensitive", "confidence", "metrics")
ARTEFACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a name with a folder in it could lead out of the run
PARTS = ("question", "data", "overall", "attributes", "verdicts", "metrics")


@dataclass(frozen=True, slots=True)
class FinishedAudit:
    """The folder of an `evenhand audit --out`. plan: what plan.json holds, fixed before any number."""

    path: Path
    plan: dict[str, Any]

    def audit(self) -> dict[str, Any]:
        """What audit.json holds; BadInput where it is missing, damaged, or of another plan's audit."""
        found = read_audit(self.path)
        if self.plan.get("plan_sha256") != found.get("plan_sha256"):
            raise BadInput(f"{self.path} holds the plan of one audit and the result of another; make the audit again")
        return found


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The folder of a walk. manifest: its versions, seeds and stages, each with the digests of what it wrote."""

    path: Path
    manifest: dict[str, Any]

    def stage(self, name: str) -> dict[str, Any]:
        """The manifest's record of a stage; BadInput where the walk did not come so far."""
        record = self.manifest["stages"].get(name)
        if record is None:
            raise self._unfinished()
        found: dict[str, Any] = record
        return found

    def artefact(self, stage: str, name: str) -> Path:
        """A file or folder that `stage` wrote; BadInput where it is not there any more, or not as it was written."""
        recorded, file = self.stage(stage)["artefacts"].get(name), own(self.path, name)
        if recorded is None or not file.exists():
            raise self._unfinished()
        if digest(file) != recorded:
            raise BadInput(f"{file} is not what the run wrote; run the recipe again in another folder")
        return file

    def audit(self) -> dict[str, Any]:
        """What audit.json holds; BadInput where it is missing or damaged."""
        return read_audit(self.path)

    def evaluation(self) -> tuple[Metric, ...]:
        """The performance metrics of evaluation.json; BadInput where it is missing or damaged."""
        found = _json(self.path, "evaluation.json")
        try:
            if isinstance(found, list):
                return tuple(Metric(**metric) for metric in found)
        except TypeError:
            pass
        raise _damaged(self.path / "evaluation.json", "it holds no metrics")

    def data(self) -> dict[str, Any]:
        """What data.json tells; BadInput where it is missing or damaged."""
        found = _json(self.path, "data.json")
        if not isinstance(found, dict) or not isinstance(found.get("notes"), list):
            raise _damaged(self.path / "data.json", "it tells nothing of data")
        return found

    def predicted(self) -> dict[str, Any]:
        """The record of the predict stage, with what the columns of the predictions are."""
        record = self.stage("predict")
        if not all(isinstance(record.get(part), dict) for part in ("schema", "facts")):
            raise _damaged(self.path / MANIFEST, "its stage 'predict' does not tell what the predictions are")
        return record

    def recipe(self) -> Recipe:
        """The recipe that ran, with its settings in place."""
        try:
            return Recipe.from_toml(read(self.path, "recipe.toml").decode(), "recipe.toml")
        except UnicodeDecodeError:
            raise _damaged(self.path / "recipe.toml", "it is not text") from None

    def _unfinished(self) -> BadInput:
        return BadInput(f"{self.path} is not the directory of a finished run; `evenhand run` makes one")


def open_folder(path: str | Path) -> FinishedRun | FinishedAudit:
    """The run or the audit that left the folder `path`; BadInput where neither did."""
    path = Path(path)
    if os.path.lexists(path / MANIFEST):
        return open_run(path)
    if not os.path.lexists(path / PLAN):
        raise BadInput(
            f"{path} is not the directory of a finished run, nor the folder of an audit: it has no {MANIFEST} and "
            f"no {PLAN}; `evenhand audit … --out FOLDER` makes one"
        )
    plan = _json(path, PLAN)
    if not isinstance(plan, dict):
        raise _damaged(path / PLAN, "it holds no plan")
    return FinishedAudit(path, plan)


def open_run(path: str | Path) -> FinishedRun:
    """The run that left the folder `path`; BadInput where none did."""
    path = Path(path)
    return FinishedRun(path, read_manifest(path))


def read_audit(folder: Path) -> dict[str, Any]:
    """What audit.json in `folder` holds; BadInput where it is missing, damaged or of another version."""
    audit, file = _json(folder, AUDIT), folder / AUDIT
    question = audit.get("question") if isinstance(audit, dict) else None
    if not isinstance(question, dict) or audit.get("format") != "evenhand-audit":
        raise _damaged(file, "it holds no audit")
    if not (all(part in audit for part in PARTS) and all(key in question for key in QUESTION)):
        raise _damaged(file, "it holds no audit")
    if audit.get("version") != 1:
        raise BadInput(
            f"{file} has version {str(audit.get('version'))[:20]}, and this evenhand reads 1; make the audit again"
        )
    found: dict[str, Any] = audit
    return found


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the walk in `folder`; BadInput where there is none, or one that cannot be what a walk wrote."""
    file = folder / MANIFEST
    try:
        manifest = json.loads(own(folder, MANIFEST).read_bytes())
    except OSError as error:
        raise BadInput(
            f"{folder} is not the directory of a finished run ({error.strerror}: {MANIFEST}); `evenhand run` makes one"
        ) from None
    except (ValueError, RecursionError):
        raise _damaged(file, "it is not JSON") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged(file, "it is no manifest of a run")
    if manifest.get("version") != VERSION:
        raise BadInput(
            f"{file} has version {str(manifest.get('version'))[:20]}, and this evenhand reads {VERSION}; "
            "take the evenhand that wrote it, or run the recipe again in another folder"
        )
    if not isinstance(manifest.get("identity"), str) or not isinstance(manifest.get("stages"), dict):
        raise _damaged(file, "it tells no identity or no stages")
    manifest.setdefault("walk", {"name": "run", "stages": list(manifest["stages"])})  # there was no other walk before
    _check_stages(file, manifest)
    return manifest


def _check_stages(file: Path, manifest: dict[str, Any]) -> None:
    walk = manifest["walk"]
    if not (isinstance(walk, dict) and isinstance(walk.get("name"), str) and isinstance(walk.get("stages"), list)):
        raise _damaged(file, "it does not tell which walk it is of")
    for stage, record in manifest["stages"].items():
        artefacts = record.get("artefacts") if isinstance(record, dict) else None
        if stage not in walk["stages"] or not isinstance(artefacts, dict):
            raise _damaged(file, f"its stage '{stage[:40]}' is no record of a stage")
        for name, sha in artefacts.items():
            if not isinstance(sha, str) or not ARTEFACT.fullmatch(name):
                raise _damaged(file, f"it names '{name[:40]}' as an artefact of {stage}")


def read(folder: Path, name: str) -> bytes:
    """The content of a file of a finished folder; BadInput where it is not there or cannot be read."""
    try:
        return own(folder, name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(
            f"{folder} is not the directory of a finished run or audit: it has no {name}; make it again"
        ) from None
    except OSError as error:
        raise BadInput(f"{folder / name} cannot be read: {error.strerror}; check its permissions") from None


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads(read(folder, name))
    except (ValueError, RecursionError):
        raise _damaged(folder / name, "it is not JSON") from None


def _damaged(file: Path, why: str) -> BadInput:
    again = "make the audit again" if file.name in (AUDIT, PLAN) else "run the recipe again in another folder"
    return BadInput(f"{file} is damaged: {why}; {again}")
