"""The values that flow through the corridor: each stage takes the one before and returns the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from evenhand.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

Task = Literal["binary", "multiclass", "multilabel", "regression", "generate"]
Modality = Literal["text", "image", "table"]


@dataclass(frozen=True, slots=True)
class Splits:
    """Train, validation and test rows of one source, with the role of each column.

    No `group_id` of the schema is on two sides. `fingerprint` is the sha256 of the source's content.
    `unlabelled`: rows of the source without a label that belong to no test or validation split, None where every row
    has one; strategies that learn from texts without labels read their inputs.
    `importance`: a column of train and validation that says how much each row counts in learning, where the recipe's
    [mitigation] reweighs; a `finetune` that heeds it says so with `Adapted.weighted`.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    schema: Schema
    source: str
    fingerprint: str
    notes: tuple[str, ...] = ()
    unlabelled: Dataset | None = None
    importance: str | None = None

    def map_columns(self, columns: Callable[[Dataset], Mapping[str, list[Any]]]) -> Splits:
        """The same splits with the columns that `columns(rows)` computes added (or replaced)."""

        def add(rows: Dataset) -> Dataset:
            for name, values in columns(rows).items():
                if name in rows.column_names:
                    rows = rows.remove_columns(name)
                rows = rows.add_column(name, values)
            return rows

        return replace(self, train=add(self.train), validation=add(self.validation), test=add(self.test))

    def with_schema(self, schema: Schema) -> Splits:
        """The same rows with other roles; BadInput where a role names a column that is not there."""
        schema.check(self.train.column_names, self.source)
        return replace(self, schema=schema)


class Model(Protocol):
    """What `finetune` leaves behind: something that scores rows it has not seen, and that can be stored and read again.

    A scikit-learn classifier over the schema's input columns will do as it is (the core stores and wraps it). Another
    model's class stands at the top of a module in the package of the plugin that brings the recipe: it is looked for
    there and nowhere else. A model that was stored and read again must give the same scores to the last bit. One that
    keeps rows it was trained on says so with `holds_rows = True` on its class, so that it is not passed on unasked.
    """

    def scores(self, rows: Dataset) -> np.ndarray:
        """Probabilities of shape [rows, classes], or predicted values of shape [rows] for regression.

        Of several labels, each row's classes have a probability of their own, and need not sum to 1.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write all that `load` needs into `folder`, which is there and empty: JSON, safetensors, skops; no pickle."""
        ...

    @classmethod
    def load(cls, folder: Path, recipe: Any, backbone: Backbone | None) -> Model:
        """The model that `save` wrote into `folder`. A class leaves out `recipe` and `backbone` where it needs none."""
        ...


class Writer(Model, Protocol):
    """A model of the task `generate`: it writes a text for each row, and can tell how good a text is beside the label.

    `scores(rows)` gives the confidences alone. `quality` is asked of the adapted model, for its own texts and those of
    the baselines; rows of new data, which have no label, are only written for.
    """

    def write(self, rows: Dataset) -> tuple[list[str | None], np.ndarray]:
        """(the text of each row, None where the model abstains; how sure it is of each, in [0, 1])."""
        ...

    def quality(self, texts: list[str | None], rows: Dataset) -> np.ndarray:
        """[rows] in [0, 1]: how good each text is beside the row's label; 0 where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The decision threshold that validation rows say reaches what was asked, and what it reaches there.

    `target`: sensitivity, specificity, selection_rate or precision; `wanted`: the figure asked for; `rows`: how many
    validation rows it was chosen on. `baselines`: the threshold of each baseline, by the same rule.
    """

    target: str
    wanted: float
    threshold: float
    reached: float
    rows: int
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelThresholds:
    """From which score on each label of a multi-label task is given, as validation rows say it is best.

    `rule`: by which figure, in words; `labels`: their names; `thresholds` and `reached` (that figure on validation) in
    their order, `positives`: how many of the `rows` validation rows have the label; `shared`: labels with too few of
    those for a threshold of their own. `baselines`: the thresholds of each baseline, by the same rule.
    """

    rule: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    reached: tuple[float, ...]
    positives: tuple[int, ...]
    rows: int
    shared: tuple[str, ...] = ()
    baselines: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any] | None) -> LabelThresholds | None:
        """What JSON holds of them, where lists stand for tuples; None of nothing."""
        if not facts:
            return None
        lists = {key: tuple(value) for key, value in facts.items() if isinstance(value, list)}
        return cls(**{**facts, **lists, "baselines": {name: tuple(v) for name, v in facts["baselines"].items()}})


@dataclass(frozen=True, slots=True)
class Adapted:
    """A model fitted to the train split, with the simple baselines that it has to beat.

    `classes` are the label values in the order of the score columns (empty for regression and texts); of a multi-label
    task, the columns of `schema.labels`.
    `validation` holds what model selection looked at; the test split is never in it.
    `model` and each of `baselines`: a `Model`, or a scikit-learn estimator over the schema's input columns.
    `validation_scores`: what a model that did not see the validation rows says of them, like `Model.scores` and in
    their order; needed by an operating point or thresholds per label where `model` was fitted on them too. It is not
    stored. `operating` and `labelled`: the core's, where the recipe asks for an operating point or has several labels;
    `scope`: the core's, where the recipe's table [abstain] asks for rows of no class to be left open.
    `exhibits`: file name -> bytes that `report_sections` will want, stored as model/exhibits/NAME and not read back;
    or what makes those bytes of the `Adapted` in the end, mitigated where the recipe asks for it.
    `weighted`: the model was fitted with the rows' `Splits.importance`. `deciding`: the core's, where the recipe's
    [mitigation] chose who is selected by another rule than one usual threshold.
    `privacy`: what a fit under [finetune.privacy] spent, with its accountant's parameters; the manifest holds it.
    """

    model: Any
    classes: tuple[Any, ...]
    strategy: str
    baselines: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    validation_scores: np.ndarray | None = None
    operating: OperatingPoint | None = None
    scope: Any = None
    exhibits: Mapping[str, bytes | Callable[[Adapted], bytes]] = field(default_factory=dict)
    labelled: LabelThresholds | None = None
    weighted: bool = False
    deciding: Any = None
    privacy: Any = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model said about rows it was not trained on: the one table every audit starts from.

    `table`: a Parquet file or any frame narwhals knows, one row per example, holding the columns that
    `schema` names (label, score, prediction, sensitive, group_id, weight, id).
    `task` decides which metrics are defined. `score` is the probability of the positive class (binary)
    or of the predicted class (multiclass).
    `threshold`: prediction = score >= threshold; None when predictions are given.
    `baselines`: name of a baseline -> the column of `table` that holds its predictions; `baseline_scores`: the same
    for its scores (binary). `operating`: how the threshold was chosen, where the recipe asks for an operating point.

    A multi-label task has a column of 0 and 1 for each label (`schema.labels`, and `classes` are the same), and `{}` in
    `schema.score`, `schema.prediction` and the baselines' columns stands for the label. `labelled`: the thresholds.
    Where texts are written (task `generate`), `prediction` is the text, and `score` how good it is beside the label;
    so for `baselines` and `baseline_scores`.
    """

    table: Path | Any
    schema: Schema
    task: Task
    threshold: float | None = None
    classes: tuple[Any, ...] = ()
    baselines: Mapping[str, str] = field(default_factory=dict)
    baseline_scores: Mapping[str, str] = field(default_factory=dict)
    operating: OperatingPoint | None = None
    labelled: LabelThresholds | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One performance number of one model, with its 95 % interval where one is known."""

    name: str
    value: float
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    unit: str = ""
    better: Literal["higher", "lower", ""] = "higher"
    model: str = "adapted"
    says: str = ""


@dataclass(frozen=True, slots=True)
class BackboneCard:
    """What a pretrained network is and where it comes from: shown by `evenhand backbones` and in the model card."""

    pretrained_on: str
    licence: str
    parameters: int
    size_mb: float
    sha256: str = ""
    known_bias: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a backbone is pretrained on: examples by number, from data, a simulator or formulas.

    `draw(number)` gives the example (a picture: PIL's, or uint8 of shape [height, width, 3]; or a text) and its class,
    a place in `classes`, or None where there are none. It must be a function of the number alone, from 0 to before
    `size`: order, augmentation, checkpoints and exact resume follow from that and the seed. Examples with classes are
    learnt from by classification, pictures without by VICReg, texts by filling masked tokens in.
    `pretrained_on`, `licence` and `known_bias` go into the card of what was learnt.
    `start`: the source whose weights training starts from, such as "timm:mobilenetv3_small_100" (random ones);
    None: the backbone's own.
    `make(folder)`: writes model.safetensors and config.json into the empty `folder` itself, in place of the core's
    training, and goes on by a checkpoint of its own in the folder `run.path / "checkpoint"`; `draw` is then not asked.
    """

    draw: Callable[[int], tuple[Any, int | None]] | None
    size: int
    pretrained_on: str
    licence: str
    known_bias: str = ""
    classes: tuple[str, ...] = ()
    start: str | None = None
    fingerprint: str = ""
    notes: tuple[str, ...] = ()
    make: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained network by name: how to find it, not the network itself (nothing heavy is imported).

    `source` is one of
      "embedded:PACKAGE/FOLDER"   weights inside an installed Python package, sha256 checked against the card
      "torch:PACKAGE/FILE"        a torch file inside an installed package, sha256 checked, converted to safetensors in
                                  the cache once (image)
      "gguf:PACKAGE/FILE"         a GGUF file inside an installed package, sha256 checked, converted likewise (text);
                                  its options may say how to `install` the package
      "local:PATH"                a folder in the format of the modality's library
      "hub:OWNER/NAME"            the Hugging Face hub, when online (or in its local cache)
      "timm:ARCHITECTURE"         a timm architecture with random weights (image)
      "package:tabicl"            a network that its own Python package brings and fetches (table); also "tabpfn"
    """

    name: str
    modality: Modality
    source: str
    card: BackboneCard
    options: Mapping[str, Any] = field(default_factory=dict)
