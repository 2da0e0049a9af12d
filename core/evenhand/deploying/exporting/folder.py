"""The folder of an exported model: its files, and exported.json that says all of it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evenhand.deploying.exporting.files import write_onnx, write_torch
from evenhand.deploying.exporting.parts import Parts
from evenhand.deploying.exporting.reading import TOKENIZER
from evenhand.deploying.loading import ABOUT, CENTRES, FORMAT, RUN, VERSION
from evenhand.errors import BadInput
from evenhand.files import digest
from evenhand.predicting.predictions import threshold_of
from evenhand.recorded.finished import FORMAT as RUN_FORMAT
from evenhand.recorded.finished import MANIFEST, FinishedRun, read
from evenhand.recorded.finished import VERSION as RUN_VERSION
from evenhand.scoring.scorer import Scorer

ENDING = {"onnx": "onnx", "torch-export": "pt2"}


def write_parts(parts: Parts, engine: str, folder: Path) -> list[dict[str, Any]]:
    """Write each part's file and its tokenizer into `folder`; returns what exported.json says of them."""
    write = {"onnx": write_onnx, "torch-export": write_torch}[engine]
    told: list[dict[str, Any]] = []
    for number, part in enumerate(parts.parts):
        name = f"model{'' if len(parts.parts) == 1 else f'_{number}'}.{ENDING[engine]}"
        write(part, folder / name)
        reads = dict(part.portable.reads)
        if number in parts.tokenizers:
            text = parts.tokenizers[number].to_str(pretty=True)
            if (folder / TOKENIZER).exists() and (folder / TOKENIZER).read_text("utf-8") != text:
                raise BadInput("the model's parts cut texts by different tokenizers; take --format mlflow")
            (folder / TOKENIZER).write_text(text, "utf-8")
        told.append(
            {"file": name, "weight": part.weight, "places": [list(pair) for pair in part.places], "reads": reads}
        )
    return told


def describe(scorer: Scorer, parts: Parts, engine: str, told: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Write exported.json and recipe.toml, last, with the sha256 of every file that lies there; returns its content."""
    adapted, recipe = scorer.adapted, scorer.recipe
    scope = adapted.scope
    if scope is not None:
        from safetensors.numpy import save_file

        save_file({"centres": scope.centres}, folder / CENTRES)
    (folder / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    correction = parts.correction
    about = {
        "engine": engine,
        "task": recipe.task,
        "modality": recipe.modality,
        "strategy": adapted.strategy,
        "classes": [_plain(value) for value in adapted.classes],
        "outputs": parts.outputs,
        "int8": False,
        "parts": told,
        "correction": None
        if correction is None
        else {"bias": correction.bias.tolist(), "slope": float(correction.slope)},
        "threshold": threshold_of(recipe, adapted.operating) if recipe.task == "binary" else None,
        "operating": None if adapted.operating is None else asdict(adapted.operating),
        "labelled": None if adapted.labelled is None else asdict(adapted.labelled),
        "scope": None if scope is None else {"kind": scope.kind, "threshold": scope.threshold},
        "types": dict(scorer.types),
    }
    return _written(about, folder)


def write_own(scorer: Scorer, found: FinishedRun, with_rows: bool, folder: Path) -> dict[str, Any]:
    """The run's own model files, for a model that has no conversion: what `evenhand.load` needs, and nobody's rows.

    BadInput where the model itself holds rows and nobody said that they may go along.
    """
    model = found.artefact("finetune", "model")
    stored = json.loads(read(model, "model.json"))
    if "holds_rows" in stored["model"] and not with_rows:
        raise BadInput(
            f"the model in {found.path} holds rows that it was trained on ({stored['model']['holds_rows']}), and"
            " whoever gets the export gets them; export it with --with-rows only if they may be passed on"
        )
    place = folder / RUN
    place.mkdir()
    shutil.copytree(model, place / "model", ignore=_left_out)
    told: dict[str, Any] = {**stored, "baselines": {}}
    (place / "model" / "model.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    types = json.dumps({"notes": [], "types": dict(scorer.types)}, indent=1, sort_keys=True)
    (place / "data.json").write_text(types + "\n", "utf-8")
    (place / "recipe.toml").write_text(scorer.recipe.to_toml(), "utf-8")
    kept: dict[str, Any] = {
        name: found.manifest[name] for name in ("identity", "versions", "plugins") if name in found.manifest
    }
    stages: dict[str, Any] = {"finetune": {"artefacts": {"model": digest(place / "model")}, "seconds": 0.0}}
    manifest: dict[str, Any] = {**kept, "format": RUN_FORMAT, "version": RUN_VERSION, "stages": stages}
    manifest["walk"] = {"name": "run", "stages": ["finetune"]}
    (place / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True, default=str) + "\n", "utf-8")
    about = {"engine": "evenhand", "task": scorer.recipe.task, "modality": scorer.recipe.modality, "int8": False}
    return _written({**about, "classes": [_plain(value) for value in scorer.adapted.classes]}, folder)


def _left_out(_: str, names: list[str]) -> list[str]:
    """What predicting does not need: baselines, and what reports show of people."""
    return [name for name in names if name == "exhibits" or name.startswith("baseline_")]


def _written(about: dict[str, Any], folder: Path) -> dict[str, Any]:
    files = {path.name: digest(path) for path in sorted(folder.iterdir()) if path.name not in (ABOUT, "MLmodel")}
    whole = {"format": FORMAT, "version": VERSION, **about, "files": files}
    (folder / ABOUT).write_text(json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    return whole


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def copied(source: Path, target: Path) -> None:
    """A folder once more: the same files under another name where the disk allows it, else copies of them."""

    def put(here: str, there: str) -> str:
        try:
            os.link(here, there)
        except OSError:
            shutil.copyfile(here, there)
        return there

    shutil.copytree(source, target, copy_function=put)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def requantised(source: Path, folder: Path, rows: Any) -> dict[str, Any]:
    """The folder `source` again, in 8 bits; `rows` calibrate. Returns what exported.json says."""
    from evenhand.deploying.exporting.quantising import quantise
    from evenhand.deploying.exporting.reading import reader_of

    about = json.loads((source / ABOUT).read_text("utf-8"))
    folder.mkdir()
    files = {part["file"] for part in about["parts"]}
    for name in about["files"]:
        if name not in files and name not in ("MLmodel", "requirements.txt"):
            shutil.copyfile(source / name, folder / name)
    for part in about["parts"]:
        quantise(source / part["file"], folder / part["file"], reader_of(part["reads"], source), rows)
    told = {key: value for key, value in about.items() if key not in ("format", "version", "files")}
    return _written({**told, "int8": True}, folder)
