"""The core's own lessons: pictures with or without classes, formulas, texts, synthetic tables."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput
from evenhand.pretraining.settings import PretrainRecipe, kind_of
from evenhand.values import Backbone, Lesson

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recorded.run_folder import Run

LEAST = 10  # examples; below it a batch is one picture over and over
YOURS = "not stated: made from data whose owner must state it (--set pretrain.licence=…)"


def lesson_for(backbone: Backbone, data: Path | str | None, run: Run) -> Lesson:
    """What the core teaches: the kind in the settings, or what the data allow. Raises BadInput."""
    recipe = run.recipe
    if not isinstance(recipe, PretrainRecipe):
        raise BadInput("a pretraining is started by `evenhand pretrain` or evenhand.pretrain, not by a recipe")
    if data is None:
        kind = kind_of(recipe, has_data=False, has_classes=False)
        return _prior(recipe, run) if kind == "prior" else _formulas(recipe)
    if recipe.modality == "text":
        kind_of(recipe, has_data=True, has_classes=False)
        return _texts(recipe, data)
    if recipe.modality == "image":
        return _pictures(recipe, data)
    kind_of(recipe, has_data=True, has_classes=False)  # raises: tables are drawn
    raise AssertionError


def _formulas(recipe: PretrainRecipe) -> Lesson:
    from evenhand.pretraining.formulas import Formulas

    rule = recipe.pretrain
    formulas = Formulas(rule.classes, rule.formula, rule.image_size, recipe.seed)
    return Lesson(
        formulas.draw,
        rule.classes * rule.examples,
        f"{rule.classes} formulas ({rule.formula}), {rule.examples} rendered pictures of each; no photograph",
        rule.licence or "Apache-2.0",
        rule.known_bias or "none of people: nothing but formulas was seen",
        formulas.names,
    )


def _pictures(recipe: PretrainRecipe, data: Path | str) -> Lesson:
    """Pictures of a folder or a table; the classes are left out where the kind needs none."""
    from evenhand.pretrained.pictures import decode

    stored, labels, content, notes = _read_pictures(recipe, data)
    known = sorted({str(label) for label in labels if label is not None}) if labels else []
    kind = kind_of(recipe, has_data=True, has_classes=len(known) > 1)
    _check_number(len(stored), data, "image")
    if kind != "supervised":
        known, labels = [], []
    elif len(known) > len(stored) / 2:
        raise BadInput(f"{data} has {len(known)} classes for {len(stored)} images; name a label with fewer values")
    places = {name: place for place, name in enumerate(known)}
    keep = [row for row in range(len(stored)) if not labels or labels[row] is not None]

    def draw(number: int) -> tuple[Any, int | None]:
        row = keep[number]
        return decode(stored[row], row), places[str(labels[row])] if labels else None

    said = f"{len(keep)} images" + (f" in {len(known)} classes, supervised" if known else ", without labels (VICReg)")
    return _of_data(recipe, Lesson(draw, len(keep), f"{said}, of {Path(data).name}", YOURS), known, content, notes)


def _read_pictures(recipe: PretrainRecipe, data: Path | str) -> tuple[Sequence[Any], list[Any], str, tuple[str, ...]]:
    """(the stored images, the label of each or [], sha256 of the source, notes)."""
    from evenhand.data.image_folders import IMAGES, inside
    from evenhand.data.reading import TABLES, values_of
    from evenhand.files import digest
    from evenhand.pretrained.pictures import stored_images

    folder = Path(data)
    files = [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
    ends = {file.suffix.lower() for file in files}
    if ends & set(IMAGES) and not ends & set(TABLES):  # images themselves, not in a folder for each class
        loose = sorted(
            str(file.resolve()) for file in folder.rglob("*") if file.suffix.lower() in IMAGES and inside(file, folder)
        )
        return loose, [], digest(folder), ()
    rows, content, notes = _training_rows(recipe, data)
    column = _image_column(recipe, rows, data)
    schema = recipe.schema.model_copy(update={"input": (column,)})
    label = recipe.schema.label or ("label" if "label" in rows.column_names else None)
    if recipe.schema.label:
        recipe.schema.check(rows.column_names, str(data))
    return stored_images(rows, schema), values_of(rows, label) if label else [], content, notes


def _image_column(recipe: PretrainRecipe, rows: Dataset, data: Path | str) -> str:
    from datasets import Image

    pictures = [name for name, kind in rows.features.items() if isinstance(kind, Image)]
    named = [*recipe.schema.input, *pictures]
    if not named:
        raise BadInput(f"{data} holds no images; name the column of their files with --set schema.input=COLUMN")
    return str(named[0])


def _texts(recipe: PretrainRecipe, data: Path | str) -> Lesson:
    """Texts of a table's column, or the lines of a .txt file."""
    from evenhand.files import digest
    from evenhand.pretrained.text import texts_of

    file = Path(data)
    notes: tuple[str, ...] = ()
    if file.suffix.lower() == ".txt" and file.is_file():
        texts, content = file.read_text("utf-8", "replace").splitlines(), digest(file)
    else:
        rows, content, notes = _training_rows(recipe, data)
        columns = recipe.schema.input or tuple(name for name in ("text",) if name in rows.column_names)
        schema = recipe.schema.model_copy(update={"input": columns})
        schema.check(rows.column_names, str(data))
        texts = texts_of(rows, schema)
    kept = [text for text in texts if text.strip()]
    _check_number(len(kept), data, "text")
    said = f"{len(kept)} texts of {file.name}, masked tokens"
    lesson = Lesson(lambda number: (kept[number], None), len(kept), said, YOURS)
    return _of_data(recipe, lesson, [], content, notes)


def _training_rows(recipe: PretrainRecipe, data: Path | str) -> tuple[Dataset, str, tuple[str, ...]]:
    """(rows, sha256 of the source, notes); where the source has official splits, those to train on alone."""
    from evenhand.data.reading import read, values_of

    parts, content = read(data, recipe.schema, recipe.modality)
    rows = parts.get("train", parts.get("all"))
    if rows is None:
        raise BadInput(f"{data} has no rows to train on; call its splits train and test")
    split = recipe.schema.split
    if "all" in parts and split and split in rows.column_names:
        said = Counter(map(str, values_of(rows, split)))
        rows = rows.select([i for i, value in enumerate(values_of(rows, split)) if str(value).lower() == "train"])
        return rows, content, (f"only rows whose {split} is train: {len(rows)} of {sum(said.values())}",)
    notes = ("only the training split was seen",) if "train" in parts else ()
    return rows, content, notes


def _of_data(
    recipe: PretrainRecipe, lesson: Lesson, classes: list[str], content: str, notes: tuple[str, ...]
) -> Lesson:
    """The lesson with what the settings say of the data."""
    rule = recipe.pretrain
    bias = rule.known_bias or "unknown: that of its data, which nobody described (--set pretrain.known_bias=…)"
    licence = rule.licence or lesson.licence
    return replace(lesson, classes=tuple(classes), fingerprint=content, notes=notes, licence=licence, known_bias=bias)


def _check_number(found: int, data: Path | str, what: str) -> None:
    if found < LEAST:
        raise BadInput(
            f"{data} has {found} {what}{'' if found == 1 else 's'} to learn from; at least {LEAST} are needed, and some"
            " thousands to be worth it"
        )


def _prior(recipe: PretrainRecipe, run: Run) -> Lesson:
    """Synthetic tables, on which the tabular network is trained by its own loop."""
    rule = recipe.pretrain

    def make(folder: Path) -> None:
        from evenhand.pretrained.processor import seed_and_threads
        from evenhand.pretraining.settings import encoder_recipe
        from evenhand.pretraining.tabular import pretrain_tabular
        from evenhand.pretraining.teaching import told

        seed_and_threads(encoder_recipe(recipe))
        place = run.path / "checkpoint"
        pretrain_tabular(
            place,
            rule.steps,
            recipe.seed,
            workers=rule.workers,
            checkpoint_every=rule.checkpoint_every,
            report=told(run, rule.steps),
        )
        for name in ("model.safetensors", "config.json"):
            shutil.copyfile(place / name, folder / name)

    said = f"{rule.steps} batches of synthetic tables of evenhand's own prior; no person's record"
    licence, bias = rule.licence or "Apache-2.0", rule.known_bias or "none of people: only formulas were seen"
    return Lesson(None, rule.steps, said, licence, bias, make=make)
