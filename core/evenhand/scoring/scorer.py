"""A finished run's model in scikit-learn's words: predict and predict_proba on the frames of pandas, Polars and
Arrow."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting import scores
from evenhand.adapting.store import VERSION, load_model
from evenhand.adapting.windows import Unread, cut_off
from evenhand.data.reading import to_rows
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.predicting.predictions import decide, free_name, label_scores, left_open
from evenhand.predicting.texts import written
from evenhand.predicting.thresholds import PATTERNS, free_pattern, given_labels, label_columns_of
from evenhand.recipe import Recipe
from evenhand.recorded.finished import open_run, read
from evenhand.recorded.provenance import versions
from evenhand.scoring.new_rows import as_given, carried, open_rows, with_flags_of
from evenhand.scoring.spark import is_spark, mapped, without_rows

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.extending.discovering import Plugins
    from evenhand.values import Adapted

BATCH = {"table": 100_000, "text": 2_048, "image": 512}  # rows that are in memory at once


@dataclass(frozen=True)
class Scorer:
    """The model of the run in `path`, ready to score rows that have the input columns of its recipe.

    `types`: the Arrow type of each column that training saw. `notes`: what differs between the evenhand and the
    libraries that wrote the model and those that read it now.
    """

    path: Path
    recipe: Recipe
    adapted: Adapted
    types: dict[str, str]
    plugins: Plugins
    notes: tuple[str, ...]

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of predict_proba's columns; empty for a regression."""
        return np.asarray(self.adapted.classes)

    def predict_proba(self, frame: Any) -> np.ndarray:
        """Probability of each class, or of each label, float64 [rows, classes]; BadInput for a regression."""
        if self.recipe.task in ("regression", "generate"):
            what = "is a regression" if self.recipe.task == "regression" else "writes texts"
            raise BadInput(f"{self.path} {what}, which has no classes; use predict")
        return np.concatenate([self._scores(rows) for rows in self.batches(frame)])

    def predict(self, frame: Any) -> np.ndarray:
        """The decision of each row at the recipe's operating point, or the value that a regression predicts; [rows].

        Of several labels, a JSON list of those that are given at their thresholds; of texts, the one that is written
        (None where the model abstains).
        """
        if self.recipe.task == "generate":
            texts = [
                text for rows in self.batches(frame) for text in written(self.adapted.model, self._inputs(rows))[0]
            ]
            return np.asarray(texts, dtype=object)
        made = [decide(self.recipe, self.adapted, self._scores(rows), rows=rows)[0] for rows in self.batches(frame)]
        return np.concatenate([np.asarray(decided) for decided in made])

    def table(self, frame: Any) -> Any:
        """score and prediction of each row, beside the columns that have a role; of the library that `frame` is of.

        A Spark frame gives a Spark frame: each worker reads the run, which must lie under the same path there, with the
        same plugins installed, and scores the rows that it holds. A value that cannot be read fails the job.
        """
        if is_spark(frame):
            work = functools.partial(_in_a_worker, str(self.path.absolute()))
            return mapped(frame, work, self.empty(without_rows(frame)))
        return as_given(pl.concat([self.scored(rows) for rows in self.batches(frame)]), frame)

    def batches(self, source: Any) -> Iterator[pl.DataFrame]:
        """The rows of a file, a folder of images or a frame, ready for the model, some at a time and in their order."""
        if is_spark(source):
            raise BadInput("a Spark frame is scored where its rows lie; use .table(frame), which gives a Spark frame")
        frame, where = open_rows(source, self.recipe, self.types, self.plugins)
        self._check_groups(frame.collect_schema().names(), where)
        size, some = BATCH[self.recipe.modality], False
        for batch in frame.collect_batches(chunk_size=size, maintain_order=True):
            for start in range(0, batch.height, size):
                some = True
                yield batch.slice(start, size)
        if not some:
            raise BadInput(f"{where} has no rows; there is nothing to score")

    def scored(self, rows: pl.DataFrame) -> pl.DataFrame:
        """score and prediction of rows that `batches` gave, beside the columns that have a role."""
        inputs = self._inputs(rows)
        if self.recipe.task == "generate":
            return self._beside_texts(rows, *written(self.adapted.model, inputs))
        found = self._scores(rows)
        kept = rows.select(carried(self.recipe.schema, rows.columns))
        return self._beside(rows, found, left_open(self.adapted, inputs, self.recipe.schema, found, kept.columns))

    def empty(self, nothing: pl.DataFrame) -> pl.DataFrame:
        """What `table` would give for a frame of these columns, without a row; BadInput where the model misses one."""
        frame, where = open_rows(nothing, self.recipe, self.types, self.plugins)
        self._check_groups(frame.collect_schema().names(), where)
        outputs = max(1, len(self.adapted.classes))
        none = np.full((1, outputs), 1 / outputs) if self.adapted.classes else np.zeros(1)
        one = pl.DataFrame({name: pl.Series([None], dtype=kind) for name, kind in frame.collect_schema().items()})
        if self.recipe.task == "generate":
            return self._beside_texts(one, [""], [0.0]).clear()
        there = carried(self.recipe.schema, one.columns)
        columns = {"none_of_these": np.zeros(1), "abstained": np.zeros(1, dtype=bool)} if self.adapted.scope else {}
        nobody = {free_name(name, there): values for name, values in columns.items()}
        return self._beside(one, none, nobody).clear()

    def _check_groups(self, names: list[str], where: str) -> None:
        """BadInput where decisions are made by group and the rows do not tell the group."""
        deciding = self.adapted.deciding
        groups = deciding.groups if deciding is not None else None
        if groups is not None and (wrong := groups.missing(names, where)) is not None:
            raise wrong

    def _beside(self, rows: pl.DataFrame, scores: np.ndarray, abstaining: Mapping[str, np.ndarray]) -> pl.DataFrame:
        kept = rows.select(carried(self.recipe.schema, rows.columns))
        if self.recipe.task == "multilabel":
            return self._labels_beside(kept, scores)
        decided, probability = decide(self.recipe, self.adapted, scores, rows=rows)
        made = [pl.Series(name, values) for name, values in abstaining.items()]
        made.append(pl.Series(free_name("prediction", kept.columns), decided))
        if probability is not None:
            made.append(pl.Series(free_name("score", kept.columns), probability))
        return kept.with_columns(made) if kept.width else pl.DataFrame(made)

    def _beside_texts(self, rows: pl.DataFrame, texts: list[str | None], sure: list[float]) -> pl.DataFrame:
        kept = rows.select(carried(self.recipe.schema, rows.columns))
        made = [
            pl.Series(free_name("prediction", kept.columns), texts, dtype=pl.String),
            pl.Series(free_name("confidence", kept.columns), sure, dtype=pl.Float64),
        ]
        return kept.with_columns(made) if kept.width else pl.DataFrame(made)

    def _labels_beside(self, kept: pl.DataFrame, scores: np.ndarray) -> pl.DataFrame:
        """For each label its decision and score; the labels as one list; lists that the rows bring become 0 and 1, as
        an audit reads them."""
        labels, truth = tuple(self.adapted.classes), self.recipe.schema.label
        if truth is not None and truth in kept.columns:
            kept = with_flags_of(kept, truth, labels)
        patterns = [free_pattern(pattern, labels, kept.columns) for pattern in PATTERNS]
        found = label_scores(self.adapted, scores)
        given = given_labels(found, self.adapted.labelled)
        made = label_columns_of(given, found, labels, (patterns[0], patterns[1]))
        listed = pl.Series(free_name("prediction", kept.columns), decide(self.recipe, self.adapted, scores)[0])
        columns = [pl.Series(name, values) for name, values in made.items()]
        return pl.DataFrame([*kept.get_columns(), *columns, listed])

    def unread(self, rows: pl.DataFrame) -> tuple[Unread, int] | None:
        """(what the model does not read of the texts of rows that `batches` gave, tokens that it reads of one); None
        where it reads no texts."""
        return cut_off(self.adapted.model, self._inputs(rows), self.recipe.schema)

    def _inputs(self, rows: pl.DataFrame) -> Dataset:
        return to_rows(rows.select(self.recipe.schema.input))

    def _scores(self, rows: pl.DataFrame) -> np.ndarray:
        if (cut := self.unread(rows)) is not None and (said := cut[0].says(cut[1])):
            warnings.warn(said, stacklevel=3)
        return np.asarray(scores(self.adapted.model, self._inputs(rows), self.recipe.schema), dtype=np.float64)


def load(run: str | Path, plugins: Plugins | None = None) -> Scorer:
    """The model of a finished run. Warns of versions that differ from those it was made with.

    Raises BadInput where `run` is no finished run, its model was changed, or its backbone is not installed any more.
    """
    found = open_run(run)
    folder = found.artefact("finetune", "model")
    plugins = plugins or discovering.load()
    recipe = found.recipe()
    backbone = plugins.backbone(recipe.backbone) if recipe.backbone else None
    notes = (*_differing(found.manifest, plugins, recipe, folder), *_refused(found.manifest))
    for note in notes:
        warnings.warn(note, stacklevel=2)
    types = json.loads(read(found.path, "data.json")).get("types", {})
    adapted = load_model(folder, recipe, backbone, plugins.package(recipe))
    return Scorer(found.path, recipe, adapted, types, plugins, notes)


def _in_a_worker(path: str, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    scorer = _loaded(path)
    for part in scorer.batches(rows):
        yield scorer.scored(part)


@functools.cache
def _loaded(path: str) -> Scorer:
    """The model of the run, read once in each worker's process."""
    return load(path)


def _refused(manifest: dict[str, Any]) -> Iterator[str]:
    """Why the model's mitigation was refused, if it was."""
    yield from map(str, manifest["stages"].get("mitigation", {}).get("refused", ()))


def _differing(manifest: dict[str, Any], plugins: Plugins, recipe: Recipe, folder: Path) -> Iterator[str]:
    """One sentence for each version that is not that of the run: of a library, the recipe's plugin, the format."""
    now = versions()
    for name, version in manifest.get("versions", {}).items():
        if name not in now:
            yield f"this model was made with {name} {version}, which is not installed here; its scores may differ"
        elif now[name] != version:
            yield f"this model was made with {name} {version}, and is read with {now[name]}; its scores may differ"
    then = next((about for about in manifest.get("plugins", ()) if about.split(" ")[0] == recipe.domain), None)
    here = next(
        (f"{name} ({about})" if about else name for name, about in plugins.names() if name == recipe.domain), None
    )
    if then and not here:
        yield f"this model was made with plugin {then}, which is not installed here; what it adds to rows is left out"
    elif then != here:
        yield f"this model was made with plugin {then}, and is read with {here}; its scores may differ"
    written = json.loads(read(folder, "model.json")).get("version")
    if written != VERSION:
        yield f"this model is in format {written}, which evenhand alone reads; a new run writes format {VERSION}"
