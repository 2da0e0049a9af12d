"""The author's own words in the folder of an audit or a run: notes.md, which the report shows."""

from __future__ import annotations

import os
from pathlib import Path

from evenhand.errors import BadInput
from evenhand.files import own, read_plain, why

NOTES = "notes.md"
SECTIONS = "sections.json"  # a walk's own part of its report, where it is no run
MOST = 100_000  # characters


def read_words(file: Path) -> str:
    """What an author wrote in `file`; BadInput where that is no text, nothing, or too long."""
    try:
        text = read_plain(file).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else why(error)
        raise BadInput(f"cannot read the words in {file}: {reason}; name a text in Markdown (--notes)") from None
    if not text.strip():
        raise BadInput(f"{file} says nothing; write what was decided and why (--notes)")
    if len(text) > MOST:
        raise BadInput(f"{file} has {len(text):,} characters, and a report takes {MOST:,}; say it shorter (--notes)")
    return text


def words_in(folder: Path) -> str | None:
    """The author's words that a folder holds; None where there are none."""
    return read_words(own(folder, NOTES)) if os.path.lexists(folder / NOTES) else None


def check_words(folder: Path, notes: str | None) -> None:
    """BadInput where words about one audit would stand beside the numbers of another, or be lost."""
    if notes is None and os.path.lexists(folder / NOTES):
        raise BadInput(
            f"{folder / NOTES} was written about an earlier audit; give it again with --notes, or name another folder "
            "with --out"
        )
