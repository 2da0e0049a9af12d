"""The site card: what a new place's rows prove about how to adapt a finished run to it, if at all."""

from __future__ import annotations

from evenhand.living.sites.card import HEADER
from evenhand.living.sites.walk import Adaptation, adapt

__all__ = ["HEADER", "Adaptation", "adapt"]
