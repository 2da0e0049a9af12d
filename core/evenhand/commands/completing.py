"""What a shell offers where one presses the tab key: recipes, backbones, policies, metrics; nothing where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Offer = tuple[str, str]  # a word, and what it is


def _quietly(find: Callable[[], Iterable[Offer]]) -> Callable[[str], list[Offer]]:
    """The words that begin as typed; a shell that completes has no place for an error."""

    def offered(incomplete: str) -> list[Offer]:
        try:
            return [(word, says) for word, says in find() if word.startswith(incomplete)]
        except Exception:
            return []

    offered.__doc__ = find.__doc__
    return offered


@_quietly
def recipes() -> Iterable[Offer]:
    """Recipes by full name."""
    from evenhand.extending import listing

    return [(name, recipe.title) for name, recipe in listing.recipes().items()]


@_quietly
def backbones() -> Iterable[Offer]:
    """Pretrained networks by name."""
    from evenhand.extending import listing

    return [(name, found.card.licence) for name, found in listing.backbones().items()]


@_quietly
def policies() -> Iterable[Offer]:
    """The policies that evenhand ships."""
    from evenhand.auditing.question.policy import shipped

    return [(name, "") for name in shipped()]


def metrics(incomplete: str) -> list[Offer]:
    """Metrics by name, after the last comma of a list."""
    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{name}", says) for name, says in _metrics(last)]


@_quietly
def _metrics() -> Iterable[Offer]:
    from typing import get_args

    from evenhand.auditing.metrics.built_in import known_metrics
    from evenhand.auditing.table.rows import AuditTask

    return {name: (name, m.title) for task in get_args(AuditTask) for name, m in known_metrics(task).items()}.values()
