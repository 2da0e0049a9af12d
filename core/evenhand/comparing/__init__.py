"""Two audits side by side: what changed for whom, paired where the rows are the same, and what the evidence allows to
say."""

from evenhand.comparing.comparison import Change, Comparison, GapChange
from evenhand.comparing.side_by_side import compare

__all__ = ["Change", "Comparison", "GapChange", "compare"]
