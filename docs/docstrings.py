"""What docstrings say of parameters and fields, as lists: `source: path of … label: column …` reads badly as one
paragraph.

A griffe extension that the site is built with (zensical.toml).
"""

import re
from typing import Any

from griffe import Class, Docstring, Extension, Function


class ParametersAsLists(Extension):
    """Puts each `name: …` of a known parameter or field on a line of its own."""

    def on_function_instance(self, *, func: Function, **_: Any) -> None:
        """A function's docstring, by its parameters."""
        if func.docstring:
            func.docstring.value = as_list(func.docstring, [parameter.name for parameter in func.parameters])

    def on_class_members(self, *, cls: Class, **_: Any) -> None:
        """A class's docstring, by its fields."""
        if cls.docstring:
            cls.docstring.value = as_list(cls.docstring, list(cls.members))


def as_list(docstring: Docstring, names: list[str]) -> str:
    """The docstring with a list item where a paragraph after the first tells of `names`; doctests as code."""
    first, *others = docstring.value.split("\n\n")
    return "\n\n".join([first, *(_paragraph(other, names) for other in others)])


def _paragraph(text: str, names: list[str]) -> str:
    if text.lstrip().startswith(">>>"):
        return f"```python\n{text}\n```"
    if not names or text.startswith(" "):
        return text
    one = rf"`?(?:{'|'.join(map(re.escape, names))})`?"
    opening = rf"{one}(?:(?:, | / ){one})*: "
    if not re.match(opening, text):
        return text
    line = " ".join(text.split())
    items = re.sub(rf"(?:^|(?<=[.;]) )(?={opening})", "\n- ", line)
    return re.sub(r"(?<=\.) (?=Raises |Called again|Returns )", "\n\n", items).strip() + "\n"
