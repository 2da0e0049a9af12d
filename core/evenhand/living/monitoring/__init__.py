"""Watching a model at work: what changed since its run, for whom, what labels prove, and what to do about it."""

from __future__ import annotations

from evenhand.living.monitoring.walk import Monitored, monitor

__all__ = ["Monitored", "monitor"]
