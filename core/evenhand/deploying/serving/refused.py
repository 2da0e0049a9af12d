"""A request that is not answered with a decision: a status of HTTP and one sentence."""

from __future__ import annotations

from evenhand.errors import in_short


class Refused(Exception):
    """status: 400 unreadable, 401 no key, 413 too large, 415 another kind, 422 wrong rows, 503 come again."""

    def __init__(self, status: int, says: str) -> None:
        super().__init__(in_short(" ".join(says.split())))
        self.status = status
