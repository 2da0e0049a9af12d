"""A search for settings: by accuracy and group gap together, within limits, judged on validation rows alone."""

from __future__ import annotations

from evenhand.living.tuning.walk import Tuning, tune

__all__ = ["Tuning", "tune"]
