"""What a call to the monitor prints: the proposal first, then what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 12  # alarms that are printed; the report has them all


def sentences(found: Mapping[str, Any], news: Sequence[str]) -> list[str]:
    """found: what proposal.json holds; news: what the call left out."""
    proposal = found["proposal"]
    action = proposal["action"]
    proof = "proven" if proposal["proven"] else "not proven"
    says = [f"proposal: {action} ({proof}): {proposal['why']}"]
    says += [f"  {line}" for line in (*proposal["diff"], proposal["command"]) if line]
    windows = found["windows"]
    says.append(
        f"{found['rows']:,} rows in {windows} window{'s' * (windows != 1)} of this call; {found['labelled']:,} of them"
        f" labelled; the history holds {found['history']} window{'s' * (found['history'] != 1)}"
    )
    alarms = found["alarms"]
    says += [f"alarm: {alarm['window']}: {alarm['says']}" for alarm in alarms[:SHOWN]]
    if len(alarms) > SHOWN:
        says.append(f"… and {len(alarms) - SHOWN} more alarms; the report has them")
    if not alarms:
        says.append("no alarm")
    return [*says, *(f"note: {note}" for note in (*found["notes"], *news))]
