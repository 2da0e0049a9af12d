"""A model that leaves: exported, checked and judged again before it goes, and how long it takes to answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.deploying.exporting.walk import Export, export
    from evenhand.deploying.loading import load_exported
    from evenhand.deploying.timing import Latency, latency

__all__ = ["Export", "Latency", "export", "latency", "load_exported"]
_HOME = {
    "Export": "exporting.walk",
    "export": "exporting.walk",
    "load_exported": "loading",
    "Latency": "timing",
    "latency": "timing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:  # loaded when it is used: MLflow reads a model without any of the rest
        raise AttributeError(f"module 'evenhand.deploying' has no attribute '{name}'")
    return getattr(import_module(f"evenhand.deploying.{_HOME[name]}"), name)
