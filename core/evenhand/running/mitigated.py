"""The stage of a run that says what its mitigation did, and the sections of the report that show it."""

from __future__ import annotations

import json
from typing import Any

from evenhand.recorded.run_folder import Run
from evenhand.sections import Section

FILE = "mitigation.json"
WORDS = {
    "reweight": "rows weighed so that group and label are independent",
    "reductions": "fairlearn's reductions",
    "thresholds": "thresholds chosen for even groups",
    "postprocess": "fairlearn's threshold optimizer",
    "dfr": "the last layer fitted again on balanced rows",
    "augment": "rows learnt again as if about other groups",
}
MOST_GROUPS = 60


def sections(run: Run) -> list[Section]:
    """What the report and the model card say of it; nothing where the run has no mitigation."""
    if not (run.path / FILE).is_file():
        return []
    facts = run.read_json(FILE)
    return [_lead(facts), _groups(facts)]


def as_text(facts: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _lead(facts: dict[str, Any]) -> Section:
    mine = [gap for gap in facts["gaps"] if gap["attribute"] in facts["columns"]]
    rows = [_gap_row(gap) for gap in (mine or facts["gaps"])]
    rows += [_cost_row(change) for change in facts["changes"] if change["attribute"] is None]
    said = [f"The same test rows by the model without mitigation and with it: {WORDS[facts['method']]}, by"]
    said.append(f"{' and '.join(facts['columns'])}.")
    smaller, larger = ([g for g in facts["gaps"] if g["verdict"] == word] for word in ("better", "worse"))
    said.append(f"Of {len(facts['gaps'])} gaps {len(smaller)} are proven smaller, {len(larger)} proven larger.")
    if facts["refused"]:
        said.append(f"Refused: {'; '.join(facts['refused'])}.")
    said += [f"{says[:1].upper()}{says[1:]}." for says in facts["levelling_down"]]
    return Section("Before and after mitigation", " ".join(said), HEADER, tuple(rows), lead=True)


HEADER = ("what", "metric", "before", "after", "change", "verdict")


def _gap_row(gap: dict[str, Any]) -> tuple[Any, ...]:
    what = f"largest gap by {gap['attribute']}" + (f", {gap['label']}" if gap["label"] else "")
    return what, gap["metric"], _figure(gap["first"]), _figure(gap["second"]), _change(gap), gap["verdict"]


def _cost_row(change: dict[str, Any]) -> tuple[Any, ...]:
    what = "all rows" + (f", {change['label']}" if change["label"] else "")
    return (
        what,
        change["metric"],
        _figure(change["first"]),
        _figure(change["second"]),
        _change(change),
        change["verdict"],
    )


def _groups(facts: dict[str, Any]) -> Section:
    """Every group: who gains, who loses."""
    of_groups = [change for change in facts["changes"] if change["attribute"] is not None]
    mine = [c for c in of_groups if c["attribute"] in facts["columns"]]
    others = [c for c in of_groups if c["attribute"] not in facts["columns"] and c["verdict"] in ("better", "worse")]
    shown = [*mine, *others][:MOST_GROUPS]
    rows = tuple(
        (
            f"{c['group']} ({c['attribute']})" + (f", {c['label']}" if c["label"] else ""),
            c["metric"],
            _figure(c["first"]),
            _figure(c["second"]),
            _change(c),
            c["verdict"],
        )
        for c in shown
    )
    gains, loses = (sorted({f"{c['group']} ({c['metric']})" for c in of_groups if c["verdict"] == w}) for w in GAINS)
    text = (
        f"Proven to fare better: {', '.join(gains) or 'nobody'}. Proven to fare worse: {', '.join(loses) or 'nobody'}."
        f" {facts['how'][:1].upper()}{facts['how'][1:]}; intervals are for one comparison at {facts['confidence']:.0%},"
        " verdicts allow for all. Of other columns only proven changes are shown; all stand in mitigation.json."
    )
    return Section("Who gains and who loses by the mitigation", text, ("group", *HEADER[1:]), rows)


GAINS = ("better", "worse")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _change(found: dict[str, Any]) -> str:
    if found["change"] is None:
        return "–"
    if found["lower"] is None or found["upper"] is None:
        return f"{found['change']:+.3f}"
    return f"{found['change']:+.3f} [{found['lower']:+.3f}, {found['upper']:+.3f}]"
