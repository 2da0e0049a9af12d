"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any


def json_value(value: Any) -> Any:
    """JSON has no NaN and no infinity: both become null."""
    kind = type(value)
    if kind is float:
        return value + 0.0 if math.isfinite(value) else None
    if kind is str or value is None:
        return value
    if isinstance(value, dict):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v) for v in value]
    if isinstance(value, str | int):
        return value
    number = float(value)
    return number + 0.0 if math.isfinite(number) else None
