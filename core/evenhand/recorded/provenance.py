"""Where a run's numbers come from: its identity, the versions and seeds in the manifest, the data it saw."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evenhand import __version__
from evenhand.data import fingerprint
from evenhand.errors import BadInput
from evenhand.files import backbone_folder, digest
from evenhand.recipe import Recipe
from evenhand.values import Splits

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "accelerate",
    "peft",
    "datasets",
    "scikit-learn",
    "fairlearn",
    "numpy",
    "polars",
    "narwhals",
    "pluggy",
)


def identity(recipe: Recipe, source: str | Path | None, plugins: Sequence[tuple[str, str]]) -> str:
    """sha256 over everything that decides a run's numbers: the recipe, the data's content, the plugins' versions."""
    path = Path(source) if source else None  # Path("") would be the working folder
    try:
        content = digest(path) if path is not None and path.exists() else str(source)
    except OSError as error:
        raise BadInput(f"{str(source)[:200]} cannot be read: {error.strerror}; check the path (--data)") from None
    parts = [__version__, recipe.model_dump_json(by_alias=True), content, sorted(plugins), *_local(recipe)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _local(recipe: Recipe) -> list[str]:
    """The digest of the card of a backbone that is a folder; the card has that of the weights. Of the weights
    themselves where the folder is transformers' own."""
    kind, _, path = (recipe.backbone or "").partition(":")
    if kind == "hf":
        return [digest(file) for name in ("config.json", "model.safetensors") if (file := Path(path) / name).is_file()]
    card = backbone_folder(Path(path)) / "card.json"
    return [digest(card)] if kind == "local" and card.is_file() else []


def head(
    recipe: Recipe, source: str | Path | None, splits: Splits, plugins: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The manifest's facts that are known once the data was read."""
    return {
        "recipe": recipe.full_name,
        "seed": recipe.seed,
        "command": command("run", recipe.full_name, recipe, source),
        "inputs": {
            "source": str(source) if source is not None else "the recipe's sample",
            "sha256": splits.fingerprint,
            **({"hub": str(source)} if _is_hub_name(source) else {}),
        },
        "versions": versions(),
        "plugins": [f"{name} ({about})" if about else name for name, about in plugins],
        "platform": f"{platform.system()} {platform.machine()}",
    }


def command(verb: str, name: str, recipe: Recipe, source: str | Path | None) -> str:
    """The command line that does the same again: `evenhand VERB NAME`, with data and settings."""
    words = ["evenhand", verb, name, *(["--data", str(source)] if source is not None else [])]
    for key, value, origin in recipe.resolved():
        if origin == "--set":
            words += ["--set", f"{key}={_toml(value)}"]
    return shlex.join(words)


def _is_hub_name(source: str | Path | None) -> bool:
    """Whether the data came from a hub: `data/reading.py` asks it where no such file is there."""
    return isinstance(source, str) and "/" in source and not Path(source).exists()


def data(splits: Splits) -> dict[str, Any]:
    """What data.json tells: rows, columns, roles, labels and what was done to the rows."""
    label, several = splits.schema.label, splits.schema.labels
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "source": Path(splits.source).name,
        "sha256": splits.fingerprint,
        "test_sha256": _test_digest(splits),
        "rows": {name: len(rows) for name, rows in parts.items()},
        "columns": list(splits.train.column_names),
        "types": {field.name: str(field.type) for field in splits.train.features.arrow_schema},
        "schema": splits.schema.model_dump(exclude_none=True),
        "labels": (
            {name: {one: int(sum(rows[one])) for one in several} for name, rows in parts.items()}
            if several
            else {name: _shares(rows[label]) for name, rows in parts.items()}
            if label
            else {}
        ),
        "notes": list(splits.notes),
    }


def _test_digest(splits: Splits) -> str:
    """sha256 over inputs and labels of the test rows in order: two runs with the same one can be compared row by
    row."""
    columns = [column for column in (*splits.schema.input, splits.schema.label, *splits.schema.labels) if column]
    return hashlib.sha256(b"".join(fingerprint.inputs(splits.test, columns))).hexdigest()


def _shares(values: Sequence[Any]) -> dict[str, int]:
    """Rows per label value; empty where there are too many values to be classes."""
    counts = Counter(map(str, values))
    return dict(counts.most_common()) if len(counts) <= 1000 else {}


def versions() -> dict[str, str]:
    """The versions of everything that decides numbers, as they are now."""
    found = {"evenhand": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _toml(value: Any) -> str:
    """The value as --set takes it: a text as it is, where it would not be read as a number, a date or the like."""
    if isinstance(value, str):
        try:
            tomllib.loads(f"v = {value}")
        except (tomllib.TOMLDecodeError, RecursionError):
            return value
    return json.dumps(value, ensure_ascii=False)
