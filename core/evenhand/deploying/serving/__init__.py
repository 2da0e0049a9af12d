"""A finished run behind HTTP: rows, a text or an image in, decisions out, each logged for `evenhand monitor`."""

from __future__ import annotations

from evenhand.deploying.serving.running import Served, serve
from evenhand.deploying.serving.settings import Settings

__all__ = ["Served", "Settings", "serve"]
