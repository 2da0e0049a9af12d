"""An exported model, read again: the same words as a run's scorer, and no torch where ONNX runs it.

exported.json names every file with its sha256; a file that is not as it was written is refused before it is opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting.corrected import Correction, logs_of
from evenhand.deploying.exporting.reading import Reader, reader_of
from evenhand.deploying.running import Runner, runner_of
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.files import digest, own
from evenhand.predicting.predictions import free_name
from evenhand.recipe import Recipe
from evenhand.scoring.new_rows import carried
from evenhand.scoring.scorer import Scorer
from evenhand.scoring.spark import is_spark
from evenhand.values import Adapted, LabelThresholds, OperatingPoint

if TYPE_CHECKING:
    from evenhand.extending.discovering import Plugins

EXPORTED, ABOUT, CENTRES, RUN = "exported", "exported.json", "centres.safetensors", "run"
FORMAT, VERSION = "evenhand-exported", 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """One part: its reader and its file, ready to run. weight, places: see `exporting.parts.Part`."""

    reader: Reader
    runner: Runner
    weight: float
    places: tuple[tuple[int, int], ...]


class Engine:
    """The parts and what joins them: scores of a frame, and features where rows of no class are told by them."""

    def __init__(self, parts: tuple[Loaded, ...], outputs: int, correction: Correction | None, flat: bool) -> None:
        self.parts, self.outputs, self.correction, self.flat = parts, outputs, correction, flat

    def run(self, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """(probabilities [rows, classes], or values [rows] of a regression; features [rows, width] if there are)."""
        total, features = np.zeros((rows.height, self.outputs)), None
        for number, part in enumerate(self.parts):
            for places, inputs in part.reader.batches(rows):
                said = part.runner(inputs)
                found = np.asarray(said[0], dtype=np.float64).reshape(len(places), -1)
                for mine, whole in part.places:
                    total[places, whole] += part.weight * found[:, mine]
                if number == 0 and len(said) > 1:
                    features = np.empty((rows.height, said[1].shape[1]), np.float32) if features is None else features
                    features[places] = said[1]
        if self.correction is not None:
            total = self.correction.apply(logs_of(total))
        return (total[:, 0] if self.flat else total), features


@dataclass(frozen=True, slots=True)
class Outside:
    """None of these, of an exported model. kind, threshold, centres: as `evenhand.adapting.scope.Scope` has them."""

    kind: str
    threshold: float
    centres: np.ndarray

    def of(self, said: np.ndarray, features: np.ndarray | None) -> np.ndarray:
        """How little each row looks like any class, [rows]."""
        from evenhand.adapting.scope import strangeness

        return strangeness(self.kind, said, self.centres[:0] if features is None else features, self.centres)


@dataclass(frozen=True)
class ExportedScorer(Scorer):
    """See `Scorer`: predict, predict_proba and table, by the exported files alone."""

    def scored(self, rows: pl.DataFrame) -> pl.DataFrame:
        """score and prediction of rows that `batches` gave, beside the columns that have a role."""
        found, features = self.adapted.model.run(rows)
        outside, columns = self.adapted.scope, {}
        if outside is not None:
            strange, kept = outside.of(found, features), carried(self.recipe.schema, rows.columns)
            columns = {free_name("none_of_these", kept): strange}
            columns[free_name("abstained", kept)] = strange > outside.threshold
        return self._beside(rows, found, columns)

    def table(self, frame: Any) -> Any:
        """score and prediction of each row, beside the columns that have a role; of the library that `frame` is of."""
        if is_spark(frame):
            raise BadInput("an exported model scores rows in this process; collect the Spark frame, or load the run")
        return super().table(frame)

    def unread(self, rows: pl.DataFrame) -> None:
        """What is cut off is not counted here."""

    def _scores(self, rows: pl.DataFrame) -> np.ndarray:
        found: np.ndarray = self.adapted.model.run(rows)[0]
        return found


def load_exported(folder: str | Path, threads: int | None = None, plugins: Plugins | None = None) -> Scorer:
    """The model in a folder of `evenhand export`, or in the folder `exported` inside it.

    threads: for the runtime; None: its own choice. Raises BadInput where the export was refused, a file is missing or
    not as it was written, or what runs it is not installed.
    """
    place = model_folder(folder)
    about = described(place)
    plugins = plugins or discovering.load()
    if about["engine"] == "evenhand":
        from evenhand.scoring import load

        return load(place / RUN, plugins)
    adapted = Adapted(
        _engine(about, place, threads),
        tuple(about["classes"]),
        about["strategy"],
        operating=OperatingPoint(**about["operating"]) if about["operating"] else None,
        labelled=LabelThresholds.from_facts(about["labelled"]),
        scope=_outside(about["scope"], place),
    )
    recipe = Recipe.from_toml((place / "recipe.toml").read_text("utf-8"), "recipe.toml")
    return ExportedScorer(place, recipe, adapted, dict(about["types"]), plugins, ())


def is_export(folder: str | Path) -> bool:
    """Whether `folder` is what `evenhand export` left, or the model in it."""
    folder = Path(folder)
    return any(os.path.lexists(place / ABOUT) for place in (folder, folder / EXPORTED)) or os.path.lexists(
        folder / "export.json"
    )


def model_folder(folder: str | Path) -> Path:
    """Where exported.json lies; BadInput where there is none, or the export was refused."""
    folder = Path(folder)
    for place in (folder, folder / EXPORTED):
        if os.path.lexists(place / ABOUT):
            return place
    if os.path.lexists(folder / "export.json"):
        raise BadInput(f"the export in {folder} was refused or did not come to its end; its report.html says why")
    raise BadInput(f"{folder} holds no exported model; `evenhand export RUN` makes one")


def described(place: Path) -> dict[str, Any]:
    """What exported.json says; BadInput where it, or any file that it names, is not as it was written."""
    try:
        about = json.loads(own(place, ABOUT).read_text("utf-8"))
        known = about["format"] == FORMAT and about["version"] == VERSION
        files: Mapping[str, str] = about["files"]
        named = {str(name): str(sha) for name, sha in files.items()}
    except OSError as error:
        raise BadInput(f"{place / ABOUT} cannot be read: {error.strerror}; check its permissions") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{place / ABOUT} is damaged: it describes no exported model; export the run again") from None
    if not known:
        raise BadInput(f"{place / ABOUT} is of another version of evenhand; export the run again")
    for name, sha in named.items():
        if "/" in name or name in ("", ".", ".."):
            raise BadInput(f"{place / ABOUT} names '{name[:40]}', which is no file beside it; export the run again")
        file = own(place, name)
        if not file.exists() or digest(file) != sha:
            raise BadInput(f"{file} is not what was exported; export the run again")
    found: dict[str, Any] = about
    return found


def _engine(about: Mapping[str, Any], place: Path, threads: int | None) -> Engine:
    try:
        parts = tuple(
            Loaded(
                reader_of(part["reads"], place),
                runner_of(about["engine"], place / _named(part["file"], about, place), threads),
                float(part["weight"]),
                tuple((int(mine), int(whole)) for mine, whole in part["places"]),
            )
            for part in about["parts"]
        )
        told = about["correction"]
        correction = None if told is None else Correction(np.array(told["bias"]), float(told["slope"]))
        return Engine(parts, int(about["outputs"]), correction, about["task"] == "regression")
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{place / ABOUT} is damaged ({type(error).__name__}); export the run again") from None


def _named(name: str, about: Mapping[str, Any], place: Path) -> str:
    """A file whose digest was checked; BadInput for any other."""
    if name not in about["files"]:
        raise BadInput(f"{place / ABOUT} gives no sha256 of {str(name)[:40]}; export the run again")
    return name


def _outside(told: Mapping[str, Any] | None, place: Path) -> Outside | None:
    if told is None:
        return None
    from safetensors.numpy import load_file

    return Outside(told["kind"], float(told["threshold"]), load_file(place / CENTRES)["centres"])
