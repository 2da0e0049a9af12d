"""Numbers and verdicts as a reader wants them: rounded, with words for what is undefined, and never cut in silence."""

from __future__ import annotations

import re
from typing import Any

from evenhand.figures import count, difference, figure, number, p_value, percent, points, span, stated
from evenhand.reporting.ranking import FEW, SMALL, Ranked

SHOWN = 60  # characters of a name before it is shortened; the whole one is in the list of names at the end
KEPT = 800  # characters of a sentence before it is shortened
WHOLE = 20_000  # characters of a name in the list of names
CURVES = 5  # of many groups
ROOM = 400_000  # characters of that list, so that the page stays below 2 MB
FORBIDDEN = re.compile("[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML or YAML

VERDICTS = {
    "within": ("within", "Within tolerance", "✓"),
    "exceeded": ("exceeded", "Tolerance exceeded", "✕"),
    "not enough evidence": ("unsure", "Not enough evidence", "?"),
    None: ("unjudged", "Nothing was judged", "–"),
}
DIRECTION = {"higher": "higher is better", "lower": "lower is better", "": "neither direction is better in itself"}
KIND = {
    "difference": "against the reference group",
    "rest": "against everyone else",
    "largest": "largest gap",
    "ratio": "lowest group as a ratio of the highest",
}
UNLISTED = {
    "fnr": "false negative rate",
    "fpr": "false positive rate",
    "mae": "mean absolute error",
}  # searched unasked
__all__ = ["FEW", "SMALL", "count", "difference", "figure", "number", "p_value", "percent", "points", "span", "stated"]
SEVERITY = ("exceeded", "not enough evidence", "within")


def interval(entry: dict[str, Any], simultaneous: bool = False, share: bool = False, unit: str = "%") -> str:
    """ "0.71 to 0.79", or why there is none; of a gap that is judged, where all comparisons count, what decides."""
    tail = "_simultaneous" if simultaneous else ""
    tail = "_deciding" if simultaneous and entry.get("verdict") else tail
    return span(entry.get(f"lower{tail}"), entry.get(f"upper{tail}"), share, unit)


def is_share(audit: dict[str, Any], metric: str) -> bool:
    """Whether values of the metric are percentages."""
    return any(m["name"] == metric and m.get("percentage") for m in audit["metrics"])


def clean(value: Any) -> Any:
    """The same value with every text such that HTML, XML, YAML and UTF-8 can hold it."""
    if isinstance(value, str):
        return FORBIDDEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    return [clean(part) for part in value] if isinstance(value, (list, tuple)) else value


def short(name: Any) -> str:
    """A name at the length that a table can take."""
    text = " ".join(str(name).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def readable(name: Any) -> str:
    """A name whole, up to a length that no honest name has."""
    text = str(name)
    return text if len(text) <= KEPT else f"{text[:KEPT]}… ({len(text):,} characters)"


def long_names(audit: dict[str, Any] | None) -> list[str]:
    """The names that tables show shortened, whole, as far as the page has room for them."""
    found: dict[str, None] = {}
    for attribute in (audit or {}).get("attributes", []):
        for name in (attribute["name"], *(group["name"] for group in attribute["groups"])):
            if len(" ".join(name.split())) > SHOWN:
                found[name] = None
    room, kept = ROOM, []
    for name in found:
        text = name if len(name) <= WHOLE else f"{name[:WHOLE]}… ({len(name):,} characters; audit.json has all of them)"
        if len(text) <= room:
            room -= len(text)
            kept.append(text)
    return kept


def whole(text: Any) -> str:
    """A text that must be there whole, such as a command: up to a length that no honest one has."""
    return str(text) if len(str(text)) <= WHOLE else f"{str(text)[:WHOLE]}…"


def by_ratio(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups of an impact table; where there are many, the surely lowest ratio first, what is not compared last."""
    rows: list[dict[str, Any]] = block["groups"]
    if len(rows) <= FEW:
        return rows
    return sorted(rows, key=lambda row: (row["ratio"] is None, row["upper"] if row["upper"] is not None else 2.0))


def curves_of(audit: dict[str, Any], attribute: dict[str, Any], order: Ranked) -> dict[str, Any]:
    """The score histograms of the groups whose curves are drawn: all of few, else the first and the reference."""
    found = in_order(audit, attribute["name"], audit["histograms"]["attributes"][attribute["name"]])
    if not order.sorted:
        return found
    names = [*(group["name"] for group in order.large[:CURVES]), attribute["reference"]]
    return {name: found[name] for name in dict.fromkeys(names) if name in found}


def by_severity(verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is exceeded first, then what is unsure; inside each, in the order of the audit."""
    return sorted(verdicts, key=lambda v: SEVERITY.index(v["verdict"]))


def tally(verdicts: list[dict[str, Any]]) -> str:
    """ "1 exceeded, 2 not enough evidence, 3 within"."""
    counts = ((sum(v["verdict"] == key for v in verdicts), key) for key in SEVERITY)
    return ", ".join(f"{n} {key}" for n, key in counts if n)


def plain(value: Any) -> str:
    """A setting or fact as text: lists with commas, tables as key = value."""
    if isinstance(value, dict):
        return readable(", ".join(f"{key} = {plain(part)}" for key, part in value.items()) or "–")
    if isinstance(value, (list, tuple)):
        return readable(", ".join(plain(part) for part in value) or "–")
    return "–" if value is None else readable(value)


def verdict(value: Any) -> tuple[str, str, str]:
    """(class name, words, sign) of a verdict."""
    return VERDICTS.get(value, VERDICTS[None])


def asked(audit: dict[str, Any]) -> str:
    """What was asked, and of how many rows, in a sentence or two."""
    q, data = audit["question"], audit["data"]
    groups = listed([short(name) for name in q["sensitive"]])
    limits = [f"{stated(gap, is_share(audit, m))} in {short(label_of(audit, m))}" for m, gap in q["tolerances"].items()]
    text = f"do groups by {groups} differ by more than {listed(limits, 'or')}?" if limits else ""
    for rule in q["policy"]["ratio"] if q["policy"] else []:
        if rule["least"] is not None:
            rate, least = judged_rate(audit, rule["metric"]), number(rule["least"])
            text += f" Is every {rate} at least {least} of the highest group's, by {groups}?"
    clusters = f" in {count(data['clusters'])} clusters" if data.get("clusters") else ""
    return f"{text.strip() or f'how do groups by {groups} differ?'} {count(data['rows_used'])} rows{clusters}."


def listed(parts: list[str], word: str = "and") -> str:
    """ "a, b and c"."""
    return " ".join([*([", ".join(parts[:-1]), word] if len(parts) > 1 else []), parts[-1]])


def how_sure(audit: dict[str, Any]) -> str:
    """The error budget in a line: how often an audit like this is wrong, what shares that out, and which look it is."""
    budget = audit["question"].get("error_budget")
    if not budget or not budget["split"]:
        return f"{audit['question']['confidence']:.0%} over all comparisons together"
    made = ", ".join(f"{kind} {_percent(level)}" for kind, level in budget["split"].items())
    shared = f" (shared by {made})" if len(budget["split"]) > 1 else ""
    return (
        f"at most {_percent(budget['exceeded'])} of such audits call anything exceeded that is not, at most"
        f" {_percent(budget['within'])} anything within that is not{shared}; {_which_look(budget)}"
    )


def _which_look(budget: dict[str, Any]) -> str:
    if budget["look"] is None:
        return "this is one look, and another spends as much again (--ledger counts looks)"
    return f"this is look {budget['look']}, and all looks together spend at most {_percent(budget['whole'])}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def next_step(audit: dict[str, Any]) -> str:
    """What to do now, in one sentence."""
    if audit["verdict"] is None and audit["question"].get("policy"):
        return (
            "The policy asks for these tables and sets no limit, so nothing was judged: publish or file them as it"
            " says."
        )
    if audit["verdict"] is None:
        return (
            "No tolerance was given, so nothing was judged: state the largest acceptable gap (--tolerance tpr=0.05)"
            " before you look at the numbers."
        )
    exceeded = [v for v in audit["verdicts"] if v["verdict"] == "exceeded"]
    unsure = [v for v in audit["verdicts"] if v["verdict"] == "not enough evidence"]
    if exceeded:
        names = ", ".join(dict.fromkeys(short(v["attribute"]) for v in exceeded))
        return (
            f"Look at {names} below: find out why the groups differ, and decide with those responsible before the model"
            " is used."
        )
    if unsure and not any(v["rows_needed"] for v in unsure):
        return (
            "No number of rows promises an answer: groups are too small, or the gap is too near the tolerance. Ask"
            " about fewer and larger groups, or decide with those responsible what to do without an answer."
        )
    if unsure:
        return (
            "Collect more labelled rows of the groups named below, then audit again; until then the data cannot settle"
            " the question."
        )
    return "Keep this report with the model's papers, and audit again when the data or the model changes."


def label_of(audit: dict[str, Any], metric: str) -> str:
    """The metric's readable name."""
    labels = {m["name"]: str(m.get("label") or m["name"]) for m in audit["metrics"]}
    return labels.get(metric) or UNLISTED.get(metric) or metric.replace("_", " ")


def defined_in(audit: dict[str, Any], attribute: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that this part of the audit has, those that are judged first; of several labels, one may lack what
    another has."""
    lost = attribute.get("undefined") or {}
    found = [metric for metric in audit["metrics"] if metric["defined"] and metric["name"] not in lost]
    return sorted(found, key=lambda metric: metric["name"] not in audit["question"]["tolerances"])


def undefined_in(groups: list[dict[str, Any]], metrics: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Why -> the metrics that some of the groups lack for that reason."""
    found: dict[str, list[str]] = {}
    for metric in metrics:
        why = {group["metrics"][metric["name"]]["why"] for group in groups} - {None}
        for reason in sorted(why):
            found.setdefault(reason, []).append(str(metric.get("label") or metric["name"]))
    return found


def overall_of(audit: dict[str, Any], attribute: dict[str, Any]) -> dict[str, Any]:
    """Each metric over all rows; of several labels, that of the label which this part of the audit is about."""
    found: dict[str, Any] = attribute.get("overall") or audit["overall"]
    return found


def judged_rate(audit: dict[str, Any], metric: str) -> str:
    """What a policy's ratio compares, in words; not the selection rate where being selected is unfavourable."""
    favourable = audit["question"].get("favourable") or {}
    return "favourable rate" if favourable.get("decision") == "negative" else label_of(audit, metric)


def selected_means(audit: dict[str, Any]) -> str:
    """What being selected means, and whether that is favourable: one sentence; "" where nobody is selected."""
    return str((audit["question"].get("favourable") or {}).get("says", ""))


def in_order(audit: dict[str, Any], attribute: str, found: dict[str, Any]) -> dict[str, Any]:
    """What is found by group, in the order of the attribute's table: audit.json sorts its keys."""
    groups: list[dict[str, Any]] = next((p["groups"] for p in audit["attributes"] if p["name"] == attribute), [])
    return {group["name"]: found[group["name"]] for group in groups if group["name"] in found}


def slice_metric(audit: dict[str, Any], found: dict[str, Any]) -> str:
    """What is worse in a slice, in words."""
    return f"{found['direction']} {label_of(audit, found['metric'])}"


def slice_share(audit: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether what is worse in a slice is a share."""
    listed = any(m["name"] == found["metric"] for m in audit["metrics"])
    return is_share(audit, found["metric"]) if listed else found["metric"] != "mae"
