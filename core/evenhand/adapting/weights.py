"""Tensors and estimators on disk: safetensors and skops, read with every type checked. Nothing is ever unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand.errors import BadInput, PluginFault

# What scikit-learn's gradient boosting holds and skops does not trust by itself. A partial's own function is
# checked like any other, so this lets in partials of check_array and nothing else.
TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)


def save_tensors(tensors: dict[str, Any], file: Path) -> None:
    """Write tensors by name."""
    from safetensors.torch import save_file

    save_file(tensors, file)


def load_tensors(file: Path) -> dict[str, Any]:
    """The tensors by name; BadInput where the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise BadInput(f"{file} is damaged ({error}); run the recipe again") from None


def save_estimator(estimator: Any, file: Path) -> None:
    """Write a scikit-learn estimator; PluginFault where it holds a type that could not be read again."""
    import skops.io

    skops.io.dump(estimator, file)
    strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
    if strange:
        raise PluginFault(
            f"the model holds {strange[0]}, a type that is not on the list of those safe to load; "
            "return a scikit-learn estimator, or a model with save and load of its own"
        )


def load_estimator(file: Path) -> Any:
    """An estimator whose every type is scikit-learn's, numpy's or in TRUSTED; BadInput for any other."""
    import skops.io

    try:
        strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise BadInput(f"{file} holds {strange[0]}, a type that is not safe to load; do not use this file")
        return skops.io.load(file, trusted=list(TRUSTED))
    except (BadInput, FileNotFoundError, PermissionError):
        raise
    except Exception:  # a file of anybody's: no archive, one without a schema, or with any other in it
        raise BadInput(f"{file} is damaged or no skops file; run the recipe again") from None
