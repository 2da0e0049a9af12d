"""Which of two classes is the positive one."""

from __future__ import annotations

from typing import Any

from evenhand.schema import Schema


def positive_class(schema: Schema, classes: tuple[Any, ...]) -> int:
    """Which of two `classes` is the positive one: the schema's, else the later in sorted order."""
    if schema.positive is not None:
        for index, value in enumerate(classes):
            if value == schema.positive or str(value) == str(schema.positive):
                return index
    return max(range(len(classes)), key=lambda index: str(classes[index]))
