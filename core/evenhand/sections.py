"""What a plugin puts into a report: a section's text, table, charts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evenhand.errors import PluginFault

PICTURE_KINDS = (  # first bytes, what stands at the eighth -> media type
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"RIFF", b"WEBP", "image/webp"),
)
MOVING = (b"ANIM", b"acTL")  # chunks by which a WebP or PNG file moves
LARGEST_PICTURE = 1_000_000  # bytes: a report stays a page that can be mailed


def media_type(content: bytes) -> str:
    """The kind of picture that a report takes; nothing where it is none."""
    found = (kind for start, then, kind in PICTURE_KINDS if content.startswith(start) and content[8:].startswith(then))
    return next(found, "")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a report: a PNG, JPEG or WebP file of at most 1 MB, and what it shows, for who cannot see it.

    One that moves brings `still`, which stands in its place on paper and for readers who want no motion.
    Raises PluginFault for other kinds (an SVG could hold a script) and for a picture without words.
    """

    content: bytes
    says: str
    caption: str = ""
    still: bytes = b""

    def __post_init__(self) -> None:
        if not self.says.strip():
            raise PluginFault("a Picture needs `says`: what it shows, for readers who cannot see it")
        for content in (self.content, *([self.still] if self.still else [])):
            if not media_type(content):
                raise PluginFault(f"the Picture '{self.says}' is no PNG, JPEG or WebP; a report takes no other kind")
            if len(content) > LARGEST_PICTURE:
                raise PluginFault(
                    f"the Picture '{self.says}' has {len(content):,} bytes; a report takes {LARGEST_PICTURE:,} of each"
                )
        if _moves(self.content) and (not self.still or _moves(self.still)):
            raise PluginFault(f"the Picture '{self.says}' moves; give `still`, one that does not, for paper")

    @property
    def media_type(self) -> str:
        """`image/png`, `image/jpeg`, `image/webp`, or nothing where it is none of them."""
        return media_type(self.content)


def _moves(content: bytes) -> bool:
    """Whether the file is an animation: its chunk stands before the first frame."""
    return media_type(content) != "image/jpeg" and any(chunk in content[:200] for chunk in MOVING)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a `Chart`: points (x, y), with limits of y where both are given. `points`: dots, not joined."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    points: bool = False

    def __post_init__(self) -> None:
        limits = {len(self.lower), len(self.upper)} - {0}
        if len(self.x) != len(self.y) or (limits and limits != {len(self.x)}) or bool(self.lower) != bool(self.upper):
            raise PluginFault(
                f"the Line '{self.name}' has {len(self.x)} x, {len(self.y)} y, {len(self.lower)} lower and"
                f" {len(self.upper)} upper values; give as many of each, or no limits"
            )


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over two labelled axes, drawn by the core as inline SVG. A point that is not finite is left out."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A plugin's own part of the report: plain text, one table, charts and pictures; every text in it is escaped.

    lead: it stands before everything else, for the finding that a reader must not miss; keep it to a few sentences.
    """

    title: str
    text: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Picture, ...] = ()
    lead: bool = False
