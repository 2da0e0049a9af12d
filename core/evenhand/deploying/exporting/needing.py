"""The libraries that exporting and running exports need; a missing one is named with how to install it."""

from __future__ import annotations

from typing import Any

from evenhand.errors import BadInput


def onnx_here() -> Any:
    """onnx, with onnxscript beside it; BadInput where either is not installed."""
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise BadInput(_missing("exporting to ONNX", error)) from None
    return onnx


def onnxruntime_here() -> Any:
    """onnxruntime; BadInput where it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise BadInput(_missing("running ONNX", error)) from None
    return onnxruntime


def _missing(what: str, error: ImportError) -> str:
    name = (error.name or "onnx").split(".")[0]
    return f"{what} needs {name}, which is not installed; pip install 'evenhand[export]', then run the same command"
