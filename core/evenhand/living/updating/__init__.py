"""Learning goes on: newer rows, several ways to learn them, and what each does to accuracy and gaps, old and new."""

from __future__ import annotations

from evenhand.living.updating.walk import Update, update

__all__ = ["Update", "update"]
