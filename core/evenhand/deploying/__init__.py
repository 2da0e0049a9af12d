"""A model that leaves: exported, checked and judged again before it goes, and how long it takes to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.deploying.exporting.walk import Export, export
    from evenhand.deploying.latency import Latency, latency
    from evenhand.deploying.loading import load_exported

__all__ = ["Export", "Latency", "export", "latency", "load_exported"]
_HOME = {"Export": "exporting.walk", "export": "exporting.walk", "load_exported": "loading"}
_HOME |= {"Latency": "latency", "latency": "latency"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'evenhand.deploying' has no attribute '{name}'")
    return getattr(import_module(f"evenhand.deploying.{_HOME[name]}"), name)
