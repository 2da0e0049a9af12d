"""What a call to the monitor prints: the proposal first, then what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 12  # alarms that are printed; the report has them all


def sentences(found: Mapping[str, Any], news: Sequence[str]) -> list[str]:
    """found: what proposal.json holds; news: what the call left out."""
    proposal = found["proposal"]
    action = proposal["action"]
    proof = "" if action == "nothing" else " (proven)" if proposal["proven"] else " (not proven)"
    says = [f"proposal: {action}{proof}: {proposal['why']}"]
    says += [f"  {line}" for line in (*proposal["diff"], proposal["command"]) if line]
    windows = found["windows"]
    says.append(
        f"{found['rows']:,} rows in {windows} window{'s' * (windows != 1)} of this call; {found['labelled']:,} of them"
        f" labelled; the history holds {found['history']} window{'s' * (found['history'] != 1)}"
    )
    says += _accuracy(found["accuracy"])
    alarms = found["alarms"]
    says += [f"alarm: {alarm['window']}: {alarm['says']}" for alarm in alarms[:SHOWN]]
    if len(alarms) > SHOWN:
        says.append(f"… and {len(alarms) - SHOWN} more alarms; the report has them")
    if not alarms:
        says.append("no alarm")
    return [*says, *(f"note: {note}" for note in (*found["notes"], *news))]


def _accuracy(found: Mapping[str, Any]) -> list[str]:
    """The accuracy that the run had, that is guessed, and that labels show; nothing where none is known."""
    parts = [] if found["run"] is None else [f"{found['run']:.3f} in the run"]
    for one in found["estimated"]:
        parts.append(
            f"{one['value']:.3f} ({one['lower']:.3f} to {one['upper']:.3f}) by {one['how']} in {found['window']}"
        )
    if (share := found["labels"]) is not None:
        parts.append(f"{share['events'] / share['rows']:.3f} ({share['lower']:.3f} to {share['upper']:.3f}) by labels")
    return ["accuracy: " + ", ".join(parts)] if parts else []
