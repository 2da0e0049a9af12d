"""A plugin's own model: stored by its `save`, read by its `load`, its class looked for in its owner's package alone.

model.json says where the class is. Since that file may come from anybody, it cannot name a module outside the package
of the plugin that owns the recipe, which the user installed, nor anything in it that is not a model's class of that
module.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput, PluginFault
from evenhand.values import Model

ADDRESS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")  # module:Class
METHODS = ("scores", "save", "load")


def is_model(kind: type) -> bool:
    """Whether the class has everything that the contract asks of a model."""
    return all(callable(getattr(kind, method, None)) for method in METHODS)


def address_of(kind: type, package: str | None) -> str:
    """Where the class is found again, as "module:Class"; PluginFault where it could not be."""
    address = f"{kind.__module__}:{kind.__qualname__}"
    if package is None or _class_at(address, package) is not kind:
        raise PluginFault(
            f"the model's class {kind.__qualname__} of {kind.__module__} cannot be found again; define it at the top of"
            f" a module in the package of the plugin that brings the recipe ({package or 'there is none'})"
        )
    return address


def load_own(address: str, package: str | None, folder: Path, recipe: Any, backbone: Any) -> Any:
    """What the class at `address` reads from `folder`; BadInput where there is no such class in `package`."""
    kind = _class_at(address, package) if package is not None else None
    if kind is None:
        raise BadInput(
            f"the model in {folder} names '{address[:80]}' as its class, which is no model of the plugin that owns the "
            f"recipe (package {package}); use the plugin's version that made it, or run the recipe again"
        )
    offered = {"folder": folder, "recipe": recipe, "backbone": backbone}
    with blamed(kind, "load"):
        load: Any = kind.load  # type: ignore[attr-defined]
        wanted = inspect.signature(load).parameters
        model: Model = load(**{name: value for name, value in offered.items() if name in wanted})
        if not hasattr(model, "scores"):
            raise PluginFault(f"{address} gave no model from load, but {type(model).__name__}")
        return model


@contextlib.contextmanager
def blamed(kind: type, method: str) -> Iterator[None]:
    """What a plugin's model raises is the plugin's fault; a full disk is the user's to mend, and the core's is ours."""
    try:
        yield
    except (BadInput, PluginFault, OSError, MemoryError):
        raise
    except Exception as error:
        if kind.__module__.startswith("evenhand."):
            raise
        raise PluginFault(
            f"{kind.__qualname__}.{method} of {kind.__module__} failed: {type(error).__name__}: {error}"
        ) from error


def _class_at(address: str, package: str) -> type | None:
    """The model's class that `address` names inside `package`; None where there is none."""
    if not ADDRESS.fullmatch(address):
        return None
    module, _, name = address.partition(":")
    inside = module == package or module.startswith(f"{package}.")
    if not inside or "__main__" in module.split("."):
        return None
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
    mine = isinstance(found, type) and found.__module__ == module and is_model(found)
    return found if mine else None
