"""Using a finished run: its model scores new rows, from Python and from files of any length."""

from __future__ import annotations

from evenhand.scoring.scorer import Scorer, load
from evenhand.scoring.writing import predict

__all__ = ["Scorer", "load", "predict"]
