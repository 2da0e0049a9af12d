"""What an author says of an audit: a safe part of Markdown, so that the page can serve as the record of a decision."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

BELOW = 2  # a heading of the author's stands below those of the page


def author_html(text: str) -> Markup:
    """Headings, lists, tables, emphasis, code, links to the web; HTML is text, and pictures are left out.

    >>> str(author_html("We **keep** it <b>now</b>."))
    '<p>We <strong>keep</strong> it &lt;b&gt;now&lt;/b&gt;.</p>\\n'
    """
    if not text.strip():
        return Markup("")
    reader = _reader()
    tokens = reader.parse(text)
    for token in tokens:
        if token.tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            token.tag = f"h{min(int(token.tag[1]) + BELOW, 6)}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.validateLink = _web  # type: ignore[method-assign, assignment]
    return reader


def _web(address: str) -> bool:
    """Whether a link leads to the web, to a letter, or inside the page; else it stays text."""
    return address.strip().lower().startswith(("https://", "http://", "mailto:", "#"))
