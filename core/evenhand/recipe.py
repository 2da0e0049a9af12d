"""A recipe: everything that a run depends on besides the data, typed, from TOML, with each value's origin."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_serializer, field_validator

from evenhand.asking.checks import WrongPart
from evenhand.asking.question import PARTS, Question
from evenhand.errors import BadInput, did_you_mean, of_toml, typed
from evenhand.recipe_mitigation import MitigationRule
from evenhand.recipe_rules import AbstainRule, FinetuneRule, Part, PrivacyRule, SplitRule
from evenhand.recipe_space import FREE, RESERVED, GapLimit, TuneLimits, TuneRule, ends
from evenhand.schema import Schema
from evenhand.values import Modality, Task

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


class Recipe(Part):
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
    mitigation: MitigationRule = Field(MitigationRule(), description="What makes the model more even between groups.")
    audit: Question = Field(
        Question(), description="What is asked of the run's predictions; empty: what schema, seed and title say."
    )
    tune: TuneRule = Field(TuneRule(), description="What `evenhand tune` tries, and what its winner must keep to.")
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
        if recipe.tune.space:
            _check_space(recipe, where)
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
        tune = values.pop("tune")
        if self.finetune.privacy == PrivacyRule():
            del values["finetune"]["privacy"]
        searched = {"tune": tune} if self.tune != TuneRule() else {}
        if self.mitigation == MitigationRule():
            del values["mitigation"]
        return tomli_w.dumps({**values, "audit": self.audit.table(), **searched})

    def resolved(self) -> list[tuple[str, Any, str]]:
        """(dotted key, value, origin) of every value, in the order of the file format."""
        hidden: dict[str, Any] = {"tune": True} if self.tune == TuneRule() else {}  # not searched: nothing to show
        if self.mitigation == MitigationRule():
            hidden["mitigation"] = True
        if self.finetune.privacy == PrivacyRule():
            hidden["finetune"] = {"privacy"}
        values = self.model_dump(by_alias=True, exclude=hidden)
        return [(key, value, self.origin(key)) for key, value in flatten(values)]


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
    if path[:1] == ["tune"] and (len(path) == 1 or path[1] not in RESERVED):  # a setting to try, dots and all
        values["tune"][key.removeprefix("tune.")] = value
        return
    table = values
    for depth, part in enumerate(path):
        if not isinstance(table.get(part), dict):
            raise _unknown_key(key, ".".join(path[:depth]), table)
        table = table[part]
    free = path[:1] in (["options"], ["tune"]) or (path[:1] == ["audit"] and (len(path) == 2 or last in OF_THE_RUN))
    free = free or path == ["finetune", "privacy", "bounds"]
    if last not in table and not free:
        raise _unknown_key(key, ".".join(path), table)
    if isinstance(table.get(last), dict) and not isinstance(value, dict) and key != "audit.tolerance":
        raise BadInput(
            f"--set {key}={value}: '{key}' is a table; set one of its keys, such as"
            f" {key}.{next(iter(table[last]), 'key')}"
        )
    table[last] = value


def _check_space(recipe: Recipe, where: str) -> None:
    """Raise BadInput where a setting that is to be tried is none of the recipe's, or one of its values not allowed."""
    bare = recipe.model_dump(by_alias=True, exclude={"tune"})
    for key, dimension in recipe.tune.space.items():
        if key.split(".")[0] not in FREE:
            raise BadInput(
                f"'tune.{key}' ({where}) cannot be searched: only settings of {', '.join(FREE)} are, the rest decides"
                " the data or how a trial is judged"
            )
        if key.startswith("options.") and key.split(".")[1] not in recipe.options:
            hint = did_you_mean(key.removeprefix("options."), recipe.options)
            raise BadInput(f"'tune.{key}' ({where}): the recipe sets no such option, so nothing would read it.{hint}")
        for value in ends(dimension):
            changed = deepcopy(bare)
            try:
                _put(changed, key, value)
                Recipe.build(changed, {key: f"[tune] of {where}"}, where)
            except BadInput as error:
                raise BadInput(f"[tune] of {where}: {str(error).removeprefix('--set ')}") from None


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
            "finetune": PrivacyRule if key.startswith("finetune.privacy.") else FinetuneRule,
            "abstain": AbstainRule,
            "mitigation": MitigationRule,
            "tune": GapLimit if key.startswith("tune.constraints.gap") else TuneLimits,
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
