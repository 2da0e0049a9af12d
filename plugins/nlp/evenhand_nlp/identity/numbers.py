"""How the audit's numbers are written: a value with its 95 % limits."""

from __future__ import annotations

from collections.abc import Sequence


def share(three: Sequence[float]) -> str:
    """A share in percent."""
    return f"{three[0]:.0%} [{three[1]:.0%}, {three[2]:.0%}]"


def signed(three: Sequence[float]) -> str:
    """A difference."""
    return f"{three[0]:+.3f} [{three[1]:+.3f}, {three[2]:+.3f}]"


def limited(three: Sequence[float]) -> str:
    """A value such as an AUC."""
    return f"{three[0]:.3f} [{three[1]:.3f}, {three[2]:.3f}]"
