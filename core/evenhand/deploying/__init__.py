"""A model that leaves: exported, checked and judged again before it goes, and how long it takes to answer."""

from __future__ import annotations
