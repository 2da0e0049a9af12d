"""A recipe: everything that a run depends on besides the data, typed, from TOML, with each value's origin."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_serializer, field_validator

from evenhand.asking.checks import WrongPart
from evenhand.asking.question import PARTS, Question
from evenhand.errors import BadInput, did_you_mean, of_toml, typed
from evenhand.schema import Schema
from evenhand.values import Modality, Task


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitRule(_Part):
    """How rows are divided where the source brings no official split."""

    by: Literal["random", "group_id", "site", "time", "order"] | None = Field(
        None,
        description=(
            "What decides who is in the test split; not set: `group_id`, else `time`, else `random`. `order`: stretches"
            " of rows as they stand, for documents whose sentences follow each other and that nothing names."
        ),
    )
    block: int = Field(
        0,
        ge=0,
        description=(
            'With `by = "order"`: rows of a block, about a document, which is one cluster of the audit; a stretch has'
            " three, and half a block on each side of another split is left out of training. 0: a sixtieth of the rows,"
            " 200 at most."
        ),
    )
    validation: float = Field(0.15, gt=0, lt=1, description="Share of the rows that are not test.")
    test: float = Field(0.2, gt=0, lt=1, description="Share of all rows; about that where groups or sites stay whole.")
    test_sites: tuple[str, ...] = Field((), description='With `by = "site"`: these sites are the test split.')


class WindowRule(_Part):
    """How texts longer than the backbone reads are read: in overlapping windows, or cut off, which is then said."""

    use: Literal["auto", "never"] = Field(
        "auto",
        description=(
            "`auto`: where a text is longer than `max_length` tokens (of classes with strategy `auto`, where 5 of 100"
            " are); `never`: its rest is cut off, and said."
        ),
    )
    length: int = Field(0, ge=0, description="Tokens of a window; 0: as many as the backbone reads, or `max_length`.")
    overlap: float = Field(0.25, ge=0, le=0.9, description="Share of a window that is the window's before, too.")
    pool: Literal["auto", "max", "mean"] = Field(
        "auto",
        description=(
            "How the windows' scores become the text's: `max`, the window that speaks most for a label; `mean`, all"
            " alike; `auto`: what is better on validation."
        ),
    )
    most: int = Field(64, ge=1, le=10_000, description="Windows of one text that are read; a longer rest is said.")


class FinetuneRule(_Part):
    """Which strategy adapts the backbone, and its settings."""

    strategy: Literal[
        "auto",
        "probe",
        "lp-ft",
        "full",
        "lora",
        "contrastive",
        "co-trained",
        "continued",
        "in-context",
        "trees",
        "linear",
    ] = Field(
        "auto",
        description=(
            "Text and images: `probe`, a linear head on the frozen backbone; `lp-ft`, that head, then all weights;"
            " `full`, all weights at once; `lora`, low-rank updates. The last three read `epochs` to `warmup`, and"
            " `label_smoothing`. Text with few labels: `contrastive`, the encoder tuned by pairs of a class beside"
            " look-alike classes; `co-trained`, meaning and words that teach each other on messages without a label"
            " (`options.unlabelled`); `continued`, masked tokens on those messages, then the strategy `then`. `auto`:"
            " images and numbers, `probe`; classes of text with 50 labels each or fewer, what cross-validation on the"
            " labelled rows chooses; with more, `lp-ft`. Tables: `in-context`, the backbone that reads the labelled"
            " rows as they are; `trees`; `linear`; `auto`, the best of the three and of their averages on validation."
        ),
    )
    then: Literal["probe", "contrastive"] = Field("probe", description="What follows the masked tokens of `continued`.")
    refit: Literal["whole", "onward", "never"] = Field(
        "whole",
        description=(
            "What a tuned network learns from validation rows after they measured it: all anew (`whole`, as long"
            " again), one pass more in small steps (`onward`), or nothing (`never`)."
        ),
    )
    words: Literal["never", "auto"] = Field(
        "never",
        description=(
            "Whether TF-IDF and logistic regression on the words join a network of texts: `auto`, averaged in with the"
            " weight that validation rows choose, 0 among them. The network then lies in model/member_0."
        ),
    )
    frozen_layers: int = Field(
        0,
        ge=0,
        description=(
            "Layers of a text network, counted from below, that stay as they are with `lp-ft`, `full` and"
            " `contrastive`; what they make of a text is computed once. One layer at least is trained."
        ),
    )
    epochs: int = Field(5, ge=1, description="Passes over the training rows.")
    learning_rate: float = Field(5e-5, gt=0, description="Largest step size, reached after the warm-up.")
    batch_size: int = Field(32, ge=1, description="Rows in one step, over all processes together.")
    weight_decay: float = Field(0.01, ge=0, description="Pull of the weights towards zero (AdamW).")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of all steps in which the step size grows.")
    max_length: int = Field(128, ge=8, description="Tokens of a text that are read at once; see `windows`.")
    windows: WindowRule = Field(WindowRule(), description="How longer texts are read.")
    image_size: int = Field(224, ge=16, description="Side of the square that images are brought to, in pixels.")
    layers: str = Field(
        "head",
        description=(
            "Layers of an image network whose pooled outputs are the features, joined by `+`; `auto`: validation"
            " chooses among those that the backbone offers (strategy `probe`)."
        ),
    )
    negatives: float = Field(
        0,
        ge=0,
        description=(
            "Multi-label tasks with `lp-ft`, `full`, `lora`: rows without any label to train on for each row with one,"
            " drawn at random; 0: all of them. Thresholds are chosen on all validation rows either way."
        ),
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a label that is spread over all classes.")
    positive_weight: Literal["auto", "none", "sqrt", "balanced"] = Field(
        "auto",
        description=(
            "Multi-label tasks: how much more a row that has a label counts than one that lacks it; `balanced`: as many"
            " times as there are rows without it for one with it; `sqrt`: the root of that; `auto`: what serves the"
            " probe best on validation."
        ),
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the updates with `lora`.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Number format; `auto`: bf16 where the hardware multiplies in it, else fp32."
    )
    threads: int = Field(0, ge=0, description="Processor threads; 0: all cores.")


class AbstainRule(_Part):
    """Whether rows that belong to none of the classes are left open, and how they are told."""

    keep: float | None = Field(
        None,
        gt=0,
        lt=1,
        description=(
            "Share of the validation rows that are to be decided; the others, least like any class, are left open. Not"
            " set: every row is decided. For one of several classes, of texts and images."
        ),
    )
    by: Literal["auto", "probability", "entropy", "distance", "probability+distance"] = Field(
        "auto",
        description=(
            "What tells them: the highest probability; the entropy of all; the distance to the nearest class in the"
            " backbone's features; `auto`: whichever tells whole classes that were held out best."
        ),
    )


NAME = r"^[A-Za-z0-9_][\w.-]*$"  # it is part of a path: no name leads out of the folder of runs
OF_THE_RUN = {
    "label": "it is the schema's; set schema.label",
    "labels": "they are the schema's; set schema.labels",
    "positive": "it is the schema's; set schema.positive",
    "positive_prediction": "a run's decisions are in the words of its labels",
    "task": "it is the recipe's; set task",
    "score": "a run audits the scores of its own model",
    "prediction": "a run audits the decisions of its own model",
}  # parts of a Question that its [audit] table leaves to the rest of the recipe, and why


class Recipe(_Part):
    """A job that `evenhand run DOMAIN/NAME` can do from start to report."""

    name: str = Field(pattern=NAME, description="The part after the slash in `evenhand run DOMAIN/NAME`.")
    domain: str = Field(pattern=NAME, description="The part before the slash: the name of the plugin's entry point.")
    title: str = Field(description="A few words for lists, and for the head of the report.")
    task: Task = Field(
        description=(
            "What the label is: one of two classes, one of several, any number of several, a number, or (`generate`) a"
            " text to write."
        )
    )
    modality: Modality = Field(description="What the inputs are.")
    backbone: str | None = Field(
        None,
        description=(
            "The pretrained network, as `evenhand backbones` calls it; `local:DIR`: the folder that `evenhand pretrain`"
            " left; `hf:DIR`, `hf:OWNER/NAME`: a text network in transformers' format, in a folder or on the hub, with"
            " weights in safetensors; `timm:NAME`: an image network with random weights; `package:tabicl`,"
            " `package:tabpfn`: networks for tables that their own packages bring, online."
        ),
    )
    about: str = Field("", description="A sentence or two on what the job is for.")
    intended_use: str = Field(
        "", description="What the model may decide, about whom and beside which human judgement; for the model card."
    )
    limits: tuple[str, ...] = Field(
        (), description="What the model must not be used for, and where it is known to fail; for the model card."
    )
    licence: str = Field(
        "",
        description="Under which terms the trained model may be passed on, such as `apache-2.0`; for the model card.",
    )
    seed: int = Field(0, ge=0, description="Of everything drawn: splits, training, resampling.")
    data: str | None = Field(None, description="Source where `--data` names none; not set: the plugin's own sample.")
    schema_: Schema = Field(Schema(), alias="schema", description="The role of each column.")
    split: SplitRule = Field(SplitRule(), description="How rows are divided.")
    finetune: FinetuneRule = Field(FinetuneRule(), description="How the backbone is adapted.")
    abstain: AbstainRule = Field(AbstainRule(), description="Which rows are left open, as none of the classes.")
    audit: Question = Field(
        Question(), description="What is asked of the run's predictions; empty: what schema, seed and title say."
    )
    groups: Literal["people", "things"] = Field(
        "people",
        description="What the sensitive columns divide: people, or things such as messages, signs and market days.",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="The domain's own settings, any keys.")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("backbone")
    @classmethod
    def _whole_path(cls, name: str | None) -> str | None:
        """A folder of weights is looked for from the working folder, and kept by its whole path."""
        kind, _, path = (name or "").partition(":")
        if kind == "hf" and path and Path(path).expanduser().is_dir():
            return f"hf:{Path(path).expanduser().absolute()}"
        return f"local:{Path(path).expanduser().absolute()}" if kind == "local" and path else name

    @field_validator("audit", mode="plain")
    @classmethod
    def _read_audit(cls, values: Any) -> Question:
        """The table [audit]; a policy's file is looked for from the working folder, and kept by its whole path."""
        if not isinstance(values, Question | Mapping):
            raise ValueError("it is a table of what is asked, such as [audit] confidence = 0.9")
        found = values if isinstance(values, Question) else Question.build(values)
        for key, why in OF_THE_RUN.items():
            if getattr(found, key) not in (None, ()):
                raise WrongPart(key, getattr(found, key), why)
        return found.anchored(Path.cwd())

    @field_serializer("audit")
    def _write_audit(self, asked: Question) -> dict[str, Any]:
        return {name: getattr(asked, name) for name in PARTS if name not in OF_THE_RUN}

    @property
    def schema(self) -> Schema:  # type: ignore[override]  # pydantic's own .schema is deprecated and unused
        """The role of each column of the data."""
        return self.schema_

    def with_schema(self, schema: Schema) -> Recipe:
        """The same recipe with other roles, such as those of columns that reading its data made."""
        changed = self.model_copy(update={"schema_": schema})
        changed._origins = dict(self._origins)
        return changed

    @property
    def full_name(self) -> str:
        """`domain/name`, as typed on the command line."""
        return f"{self.domain}/{self.name}"

    @classmethod
    def from_toml(cls, text: str, where: str) -> Recipe:
        """The recipe written in `text`; `where` names the file in errors and origins."""
        try:
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise BadInput(f"{where} is not valid TOML: {of_toml(error)}; mend the file") from None
        return cls.build(values, {key: where for key, _ in flatten(values)}, where)

    @classmethod
    def from_file(cls, path: str | Path) -> Recipe:
        """The recipe in the TOML file at `path`."""
        path = Path(path)
        return cls.from_toml(path.read_text("utf-8"), path.name)

    @classmethod
    def from_package(cls, package: str) -> list[Recipe]:
        """Every recipes/*.toml beside the package's __init__.py, sorted by name."""
        folder = files(package) / "recipes"
        found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
        return [cls.from_toml(f.read_text("utf-8"), f"{package}/recipes/{f.name}") for f in found]

    @classmethod
    def build(cls, values: Mapping[str, Any], origins: Mapping[str, str], where: str) -> Recipe:
        """Validate `values`; raise BadInput naming the key, its origin and what is allowed."""
        try:
            recipe = cls.model_validate(dict(values))
        except ValidationError as error:
            raise BadInput(_explain(error, origins, where)) from None
        except WrongPart as wrong:
            raise BadInput(_explain_part(wrong, origins, where)) from None
        recipe._origins.update(origins)
        return recipe

    def origin(self, key: str) -> str:
        """Where the value of `key` (dotted) was set: a file, `--set`, or `default`."""
        return self._origins.get(key, "default")

    def with_settings(self, settings: Iterable[str], origin: str = "--set") -> Recipe:
        """The recipe with each `a.b=value` of `settings` laid over it. Values are read as TOML, else as text."""
        values = self.model_dump(by_alias=True)
        origins = dict(self._origins)
        for setting in settings:
            key, equals, text = setting.partition("=")
            key = key.strip()
            if not equals:
                written = typed("--set", f"{key or 'a.b'}=value")
                raise BadInput(f"--set {setting} has no '='; write it as {written}")
            _put(values, key, _parse(text.strip()))
            origins[key] = origin
        return type(self).build(values, origins, origin)

    def to_toml(self) -> str:
        """The recipe as TOML that `from_toml` reads back; what is not set is left out."""
        import tomli_w

        values = self.model_dump(by_alias=True, exclude_none=True)
        return tomli_w.dumps({**values, "audit": self.audit.table()})

    def resolved(self) -> list[tuple[str, Any, str]]:
        """(dotted key, value, origin) of every value, in the order of the file format."""
        return [(key, value, self.origin(key)) for key, value in flatten(self.model_dump(by_alias=True))]


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys of nested tables; `tolerance` and `options` are opened like any other table."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            rows.extend(flatten(value, f"{prefix}{key}."))
        else:
            rows.append((prefix + key, value))
    return rows


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    table = values
    for depth, part in enumerate(path):
        if not isinstance(table.get(part), dict):
            raise _unknown_key(key, ".".join(path[:depth]), table)
        table = table[part]
    free = path[:1] == ["options"] or (path[:1] == ["audit"] and (len(path) == 2 or last in OF_THE_RUN))
    if last not in table and not free:
        raise _unknown_key(key, ".".join(path), table)
    if isinstance(table.get(last), dict) and not isinstance(value, dict) and key != "audit.tolerance":
        raise BadInput(
            f"--set {key}={value}: '{key}' is a table; set one of its keys, such as"
            f" {key}.{next(iter(table[last]), 'key')}"
        )
    table[last] = value


def _unknown_key(key: str, prefix: str, table: Mapping[str, Any]) -> BadInput:
    known = [f"{prefix}.{name}" if prefix else name for name in table]
    return BadInput(f"--set {key}: no such key.{did_you_mean(key, known)} `evenhand show RECIPE` lists them all")


def _explain(error: ValidationError, origins: Mapping[str, str], where: str) -> str:
    # a misspelt key is also a missing one: name the misspelling
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    origin = origins.get(key, where)
    if first["type"] == "extra_forbidden":
        parts: dict[str, type[BaseModel]] = {
            "schema": Schema,
            "split": SplitRule,
            "finetune": FinetuneRule,
            "abstain": AbstainRule,
        }
        known = parts.get(key.split(".")[0], Recipe).model_fields if "." in key else Recipe.model_fields
        return f"unknown key '{key}' in {origin}.{did_you_mean(key.rsplit('.', 1)[-1], known)}"
    if first["type"] == "missing":
        return f"{where} does not set '{key}', which every recipe needs"
    return f"'{key}' = {first['input']!r} ({origin}) is not allowed: {first['msg']}"


def _explain_part(wrong: WrongPart, origins: Mapping[str, str], where: str) -> str:
    key = f"audit.{wrong.key}"
    origin = origins.get(key, where)
    if wrong.unknown:
        return f"unknown key '{key}' in {origin}.{did_you_mean(wrong.key, PARTS)}"
    return f"'{key}' = {wrong.value!r} ({origin}) is not allowed: {wrong.says}"
