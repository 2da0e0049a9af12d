"""Messages without a label: the source's rows whose label is empty, and a file that the recipe's options name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput, missing_column
from evenhand.pretrained.text import texts_of

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.values import Splits

OPTION = "options.unlabelled"
LEAST = 10  # messages; below it there is nothing to learn from them


def unlabelled_rows(recipe: Recipe, splits: Splits) -> tuple[Dataset | None, tuple[str, ...]]:
    """(the rows to learn from without labels, None where there are none; notes). Raises BadInput.

    A message that is also a test row's, or a labelled one's, is left out: test messages teach nothing, not even unread.
    """
    from datasets import Dataset

    named = str(recipe.options.get("unlabelled", "") or "")
    texts = [] if splits.unlabelled is None else texts_of(splits.unlabelled, splits.schema)
    if named:
        texts = [*texts, *_of_file(recipe, named)]
    if not texts:
        return None, ()
    known = {*texts_of(splits.train, splits.schema), *texts_of(splits.validation, splits.schema)}
    test = set(texts_of(splits.test, splits.schema))
    kept = [text for text in dict.fromkeys(texts) if text.strip() and text not in test and text not in known]
    if len(kept) < LEAST:
        where = named or splits.source
        raise BadInput(
            f"{where} has {len(kept)} messages without a label to learn from, besides empty ones, copies and those of"
            f" other splits; at least {LEAST} are needed, and some thousands to be worth it ({OPTION})"
        )
    seen = sum(text in test for text in dict.fromkeys(texts))
    notes = [f"{len(kept):,} messages without a label were learnt from"]
    if seen:
        notes.append(f"{seen} of the messages without a label are test messages too, and were left out")
    return Dataset.from_dict({splits.schema.input[0]: kept}), tuple(notes)


def _of_file(recipe: Recipe, named: str) -> list[str]:
    """The texts in a file: a table's input columns, or the lines of a .txt file."""
    from evenhand.data.reading import read

    file = Path(named).expanduser()
    if not file.exists():
        raise BadInput(f"'{named}' does not exist; {OPTION} names a table, or a .txt file with a message on each line")
    if file.suffix.lower() == ".txt" and file.is_file():
        texts = file.read_text("utf-8", "replace").splitlines()
    else:
        parts, _ = read(file, recipe.schema, recipe.modality)
        texts = [text for rows in parts.values() for text in _texts(recipe, rows, named)]
    if not any(text.strip() for text in texts):
        raise BadInput(f"{named} holds no message ({OPTION}); give a file with some thousands")
    return texts


def _texts(recipe: Recipe, rows: Dataset, named: str) -> list[str]:
    for column in recipe.schema.input:
        if column not in rows.column_names:
            raise missing_column(column, named, rows.column_names, option="schema.input")
        _check_text(rows, column, named)
    return texts_of(rows, recipe.schema)


def _check_text(rows: Dataset, column: str, named: str) -> None:
    """BadInput where the column holds numbers, lists or anything else that is no text."""
    kind: Any = rows.features[column]
    if str(getattr(kind, "dtype", "")) not in ("string", "large_string", "null"):
        told = getattr(kind, "dtype", type(kind).__name__.lower())
        raise BadInput(
            f"column '{column}' of {named} holds {told}, not text; {OPTION} needs messages: name their column with"
            " --set schema.input=COLUMN, as in --data"
        )
