"""What a column of texts may hold: texts. One of numbers or lists is refused, as another column was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evenhand.errors import BadInput
from evenhand.schema import Schema

NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)([.][0-9]*)?(e[-+]?[0-9]+)?", re.IGNORECASE)
MEND = "name the column of texts (--set schema.input=COLUMN)"


def check_texts(schema: Schema, columns: Mapping[str, Sequence[Any]], where: str) -> None:
    """BadInput for an input column of lists or structures, and where no input column holds a text that is no number.

    A number beside a text (an amount beside a message) is read as it is written. Empty texts are texts.
    """
    numbers = []
    for name, values in columns.items():
        odd = next((value for value in values if isinstance(value, list | dict | bytes)), None)
        if odd is not None:
            raise BadInput(
                f"the input column '{name}' of {where} holds lists or structures, such as {str(odd)[:40]}; join the"
                f" words of each row to one text, or {MEND}"
            )
        there = [value for value in values if value is not None and value != ""]
        if there and all(_is_number(value) for value in there):
            numbers.append((name, there[0]))
    if numbers and len(numbers) == len(columns):
        name, first = numbers[0]
        raise BadInput(f"the input column '{name}' of {where} holds numbers, such as {str(first)[:40]}; {MEND}")


def _is_number(value: Any) -> bool:
    """Whether the value is a number, or a text that is written as one; 007 is a code, which is a text."""
    return not isinstance(value, str) or NUMBER.fullmatch(value.strip()) is not None
