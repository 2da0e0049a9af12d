"""The predict stage where the model writes texts: what it wrote, how good that is beside the label, how sure it was.

A text is no class, so the audit is of its quality: a number in [0, 1] for each row, by a measure that the model names.
A row is done well where its quality reaches the recipe's audit.threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting.own_models import blamed
from evenhand.errors import PluginFault

if TYPE_CHECKING:
    from evenhand.values import Adapted, Writer

Named = Callable[[str, Any], str]  # (wanted name, the table so far) -> a name that is free in it


def written_columns(adapted: Adapted, rows: Any, table: dict[str, Any], named: Named) -> dict[str, Any]:
    """Puts texts, quality and confidence of the model, and texts and quality of each baseline, into `table`.

    Returns which columns hold them, as the manifest's facts of the predict stage. Every model is measured by the
    adapted one's own measure.
    """
    facts: dict[str, Any] = {"classes": [], "operating": None, "baselines": {}, "baseline_scores": {}}
    texts, sure = written(adapted.model, rows)
    facts["prediction"], facts["score"] = named("prediction", table), named("quality", table)
    table[facts["prediction"]] = texts
    table[facts["score"]] = quality(adapted.model, texts, rows)
    facts["confidence"] = named("confidence", table)
    table[facts["confidence"]] = sure
    for name, model in adapted.baselines.items():
        texts, _ = written(model, rows)
        column = named(f"baseline_{name}", table)
        table[column] = texts
        graded = named(f"{column}_quality", table)
        table[graded] = quality(adapted.model, texts, rows)
        facts["baselines"][name], facts["baseline_scores"][name] = column, graded
    return facts


def written(model: Any, rows: Any) -> tuple[list[str | None], list[float]]:
    """(the text of each row, None where the model abstains; how sure it is, in [0, 1])."""
    with blamed(type(model), "write"):
        texts, sure = _writer(model).write(rows)
    found = np.asarray(sure, dtype=np.float64)
    wrong = next((text for text in texts if text is not None and not isinstance(text, str)), None)
    if len(texts) != len(rows) or found.shape != (len(rows),) or wrong is not None:
        what = f"{len(texts)} texts and confidences of shape {found.shape}" if wrong is None else f"{wrong!r}"
        raise PluginFault(f"{type(model).__name__}.write gave {what} for {len(rows)} rows; give one text for each")
    return list(texts), _shares(model, "write", found)


def quality(model: Any, texts: list[str | None], rows: Any) -> list[float]:
    """How good each text is beside the row's label, in [0, 1], by the model's measure."""
    with blamed(type(model), "quality"):
        found = np.asarray(_writer(model).quality(texts, rows), dtype=np.float64)
    if found.shape != (len(rows),):
        raise PluginFault(f"{type(model).__name__}.quality gave an array of shape {found.shape} for {len(rows)} rows")
    return _shares(model, "quality", found)


def _writer(model: Any) -> Writer:
    if not callable(getattr(model, "write", None)) or not callable(getattr(model, "quality", None)):
        raise PluginFault(
            f"the task is generate, and {type(model).__name__} has no write(rows) and quality(texts, rows); a model of"
            " that task needs both (evenhand.Writer)"
        )
    found: Writer = model
    return found


def _shares(model: Any, method: str, found: np.ndarray) -> list[float]:
    if not np.isfinite(found).all() or (len(found) and (found.min() < -1e-6 or found.max() > 1 + 1e-6)):
        raise PluginFault(f"{type(model).__name__}.{method} gave numbers outside of [0, 1]")
    return [float(value) for value in np.clip(found, 0.0, 1.0)]
