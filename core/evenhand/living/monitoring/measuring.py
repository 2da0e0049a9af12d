"""What is compared of each row: the inputs of a table, and of texts and images what can be counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.models import ProbeModel
from evenhand.data.reading import values_of
from evenhand.living.sites.ground import UNKNOWN, numbered
from evenhand.predicting.classes import positive_class
from evenhand.predicting.thresholds import PATTERNS
from evenhand.recorded.run_folder import cache_folder
from evenhand.scoring.scorer import Scorer

if TYPE_CHECKING:
    from datasets import Dataset

AXES = 4  # directions of the encoder's features, those along which the reference spreads most
SMALL = 64  # pixels to a side that brightness is read from
CLASSES = ("binary", "multiclass")
# what is kept of each row beside its groups: class numbers, the probability of the positive class (of the class that
# was chosen, where there are several), that of the decision, and whether it was for the positive class
FACTS = {"prediction": pl.Int64, "score": pl.Float64, "confidence": pl.Float64, "selected": pl.Boolean}


@dataclass(frozen=True)
class Axes:
    """Directions in the encoder's features: mean [width], directions [AXES, width]."""

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Axes:
        """The principal ones."""
        mean = features.mean(0)
        _, _, directions = np.linalg.svd(features - mean, full_matrices=False)
        return cls(mean, directions[:AXES])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"mean": self.mean.tolist(), "directions": self.directions.tolist()}


def features_of(scorer: Scorer, rows: Dataset) -> np.ndarray | None:
    """What a probe's encoder makes of each row [rows, width]; None of other models."""
    model = scorer.adapted.model
    if not isinstance(model, ProbeModel):
        return None
    return model.cache.features(model.encoder, rows, model.schema, "features of the rows to watch").astype(np.float64)


def caching(scorer: Scorer) -> Scorer:
    """The scorer, with a probe that keeps its features where runs keep theirs: they are asked for twice."""
    adapted = scorer.adapted
    if not isinstance(adapted.model, ProbeModel):
        return scorer
    return replace(scorer, adapted=replace(adapted, model=replace(adapted.model, cache=FeatureCache(cache_folder()))))


def measures(scorer: Scorer, rows: Dataset, axes: Axes | None) -> pl.DataFrame:
    """The columns that are compared, a row each."""
    schema = scorer.recipe.schema
    if scorer.recipe.modality == "table":
        return pl.DataFrame({name: _column(values_of(rows, name)) for name in schema.input})
    found: dict[str, Any] = {}
    if scorer.recipe.modality == "text":
        for name in schema.input:
            texts = ["" if value is None else str(value) for value in values_of(rows, name)]
            found[f"{name}: characters"] = [float(len(text)) for text in texts]
            found[f"{name}: words"] = [float(len(text.split())) for text in texts]
    else:
        found |= _seen(rows, scorer)
    features = features_of(scorer, rows) if axes is not None else None
    if axes is not None and features is not None:
        along = (features - axes.mean) @ axes.directions.T
        found |= {f"features: direction {i + 1}": values for i, values in enumerate(along.T)}
    return pl.DataFrame(found)


def _column(values: list[Any]) -> pl.Series:
    """Values as one column: text where they are of several kinds."""
    try:
        return pl.Series(values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)


def _seen(rows: Dataset, scorer: Scorer) -> dict[str, list[float]]:
    """Brightness (mean of grey, 0 to 1) and contrast (its standard deviation) of each image."""
    from evenhand.pretrained.pictures import pictures

    bright, contrast = [], []
    for picture in pictures(rows, scorer.recipe.schema):
        grey = np.asarray(picture.convert("L").resize((SMALL, SMALL)), dtype=np.float64) / 255
        bright.append(float(grey.mean()))
        contrast.append(float(grey.std()))
    return {"image: brightness": bright, "image: contrast": contrast}


def facts(scorer: Scorer, said: pl.DataFrame, where: str, names: Mapping[str, str] | None = None) -> pl.DataFrame:
    """FACTS of rows that bring what the model said of them; null in the columns that its task does not have.

    names: what prediction and score are called in `said`, where it is otherwise.
    """
    names = names or {}
    task, classes = scorer.recipe.task, tuple(scorer.adapted.classes)
    if task not in CLASSES:
        wanted = {"regression": "prediction", "generate": "confidence"}.get(task)
        score = said[names.get(wanted, wanted)].cast(pl.Float64) if wanted else None
        return _filled(said.height, score=score)
    prediction = said[names.get("prediction", "prediction")]
    chosen = numbered(prediction.to_list(), classes, f"the column of predictions of {where}")
    score = said[names.get("score", "score")].cast(pl.Float64)
    values = score.fill_null(float("nan")).to_numpy()
    if not np.isfinite(values).all() or values.min(initial=0) < 0 or values.max(initial=0) > 1 or UNKNOWN in chosen:
        from evenhand.errors import BadInput

        raise BadInput(
            f"{where} has the columns 'prediction' and 'score', and they are not what this model says (a class, and a"
            " probability from 0 to 1, in each row); drop or rename them, and the rows are scored"
        )
    if task == "multiclass":
        return _filled(said.height, prediction=pl.Series(chosen), score=score, confidence=score)
    positive = positive_class(scorer.recipe.schema, classes)
    yes = chosen == positive
    sure = pl.Series(np.where(yes, values, 1 - values))
    return _filled(said.height, prediction=pl.Series(chosen), score=score, confidence=sure, selected=pl.Series(yes))


def _filled(height: int, **known: pl.Series | None) -> pl.DataFrame:
    empty = {name: pl.Series(name, [None] * height, dtype=kind) for name, kind in FACTS.items()}
    return pl.DataFrame(empty | {name: values.alias(name) for name, values in known.items() if values is not None})


def outputs(scorer: Scorer, said: pl.DataFrame, known: pl.DataFrame, pattern: str | None = None) -> pl.DataFrame:
    """What is compared of the model's words: the score, and what was predicted; of several labels each score.

    pattern: what the columns of scores of several labels are called in `said`, with {} for the label.
    """
    task = scorer.recipe.task
    if task == "multilabel":
        labels = [(str(name), (pattern or PATTERNS[1]).format(name)) for name in scorer.adapted.classes]
        return pl.DataFrame({f"the score of {name}": said[column].cast(pl.Float64) for name, column in labels})
    found = {"the model's score": known["score"]}
    if task in CLASSES:
        found["the prediction"] = known["prediction"].cast(pl.String)
    return pl.DataFrame(found)
