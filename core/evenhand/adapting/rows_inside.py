"""Whether a stored model holds rows that it was trained on: whoever gets such a model gets those people's records.

A model says so itself (`holds_rows = True` on its class); of scikit-learn's, the attributes that keep rows are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

KEEPS = ("_fit_X", "X_train_", "support_vectors_", "X_fit_", "X_")  # neighbours, Gaussian processes, SVMs, kernels


def holds_rows(model: Any) -> bool:
    """Whether the model, or any part of it, keeps training rows."""
    waiting, seen = [model], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if getattr(type(part), "holds_rows", False):
            return True
        if isinstance(part, Mapping):
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
        elif hasattr(part, "get_params"):
            if any(getattr(part, name, None) is not None for name in KEEPS):
                return True
            waiting.extend(vars(part).values())
        else:
            waiting.extend(_estimators_in(part))
    return False


def _estimators_in(model: Any) -> Iterable[Any]:
    """A model of the core or a plugin may wrap estimators; networks and arrays are not looked through."""
    names = getattr(type(model), "__slots__", ()) or getattr(model, "__dict__", {})
    values = [getattr(model, name, None) for name in names if isinstance(name, str)] if hasattr(model, "scores") else []
    values = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    return [v for v in values if hasattr(v, "get_params") or hasattr(v, "scores") or hasattr(type(v), "holds_rows")]
