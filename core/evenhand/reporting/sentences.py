"""The first screen in words: what was asked, what was found, how sure that is, what to do next."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from evenhand.reporting import words
from evenhand.reporting.names import Names

LAW = "These are statistics and no legal advice: no number here says that a use of the model is lawful."
NO_TOLERANCE = (
    "Nothing was judged, because no tolerance was given. Agree on the largest acceptable gap with those responsible "
    "before you look at the numbers, then audit again with it"
)


def metric_of(audit: dict[str, Any], name: str) -> dict[str, Any]:
    """What the audit says about a metric; only its name where it says nothing."""
    return next((m for m in audit["metrics"] if m["name"] == name), {"name": name})


def question(audit: dict[str, Any], names: Names) -> Markup:
    """The question as it was fixed before any number was computed."""
    asked = audit["question"]
    groups = listed([names.label(column) for column in asked.get("sensitive") or []])
    if (asked.get("intersections") or 1) > 1:
        groups += Markup(", alone and combined,")
    limits = [
        Markup("{} in the {}").format(words.gap(limit, metric_of(audit, m).get("unit")), names.label(_label(audit, m)))
        for m, limit in (asked.get("tolerances") or {}).items()
    ]
    if not limits:
        return Markup("How does the model treat groups by {}? No tolerance was named.").format(groups)
    return Markup("Do groups by {} differ by more than {}?").format(groups, listed(limits, "or"))


def sure(audit: dict[str, Any]) -> str:
    """On how much the answer rests, and how it allows for chance."""
    confidence = round(100 * float(audit["question"].get("confidence") or 0.95), 1)
    data = audit["data"]
    basis = f"{words.count(data['rows_used'])} rows"
    if data.get("clusters"):
        basis += f" in {words.count(data['clusters'])} clusters (rows that belong together count together)"
    return (
        f"It rests on {basis}. The intervals behind the verdicts hold for all comparisons at once with "
        f"{confidence:g}{words.THIN}% confidence, so looking at many groups does not by itself produce findings."
    )


def headline(audit: dict[str, Any]) -> tuple[str, str, str]:
    """(class name, words, sign) of the whole audit."""
    style, text, sign = words.verdict(audit["verdict"])
    if audit["verdict"] is None:
        return style, "Nothing was judged", sign
    found = [v for v in audit["verdicts"] if v["verdict"] == audit["verdict"]]
    if audit["verdict"] == "within":
        return style, "Every gap is within its tolerance", sign
    return style, f"{text} in {len(found)} of {words.quantity(len(audit['verdicts']), 'comparison')}", sign


def tally(audit: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    """(class, sign, words, how many) of each verdict that was given."""
    found = []
    for key in words.SEVERITY:
        style, text, sign = words.verdict(key)
        n = sum(v["verdict"] == key for v in audit["verdicts"])
        if n:
            found.append((style, sign, text.lower(), n))
    return found


def next_step(audit: dict[str, Any], names: Names) -> Markup:
    """What to do now."""
    if audit["verdict"] is None and audit["question"].get("tolerances"):
        return Markup("A tolerance was given, but nothing that it names could be judged; the notes below say why.")
    if audit["verdict"] is None:
        metric = next((m["name"] for m in audit["metrics"] if m.get("defined")), "selection_rate")
        return Markup("{} (<code>--tolerance {}=0.05</code> allows a gap of 0.05).").format(NO_TOLERANCE, metric)
    if audit["verdict"] == "exceeded":
        return Markup(
            "Look at {} below. Find out why these groups differ (the data, the label, the threshold, the model), "
            "and decide with those responsible before the model is used or used further."
        ).format(_attributes(audit, "exceeded", names))
    if audit["verdict"] == "not enough evidence":
        return Markup(
            "The data cannot settle the question for {}. Collect more rows of the groups named below and audit again; "
            "until then do not take the absence of a finding for a finding of evenness."
        ).format(_attributes(audit, "not enough evidence", names))
    return Markup(
        "Keep this report with the model's papers. Audit again when the data, the model or the threshold changes."
    )


def finding(audit: dict[str, Any], verdict: dict[str, Any], names: Names) -> Markup:
    """One verdict in a sentence: who, compared with whom, by how much, and how sure."""
    metric = metric_of(audit, verdict["metric"])
    unit = metric.get("unit")
    if words.finite(verdict["value"]) is None:
        return names.prose(verdict.get("says") or "The gap is undefined.")
    first, second = (_with_value(audit, verdict, who, unit, names) for who in ("group", "versus"))
    return Markup("{} against {}: a gap of {}. Allowing for all comparisons it lies between {}; {} would be accepted.").format(
        first, second, words.gap(verdict["value"], unit),
        words.between(verdict, unit, kind="difference").replace(" to ", " and "), words.gap(verdict.get("tolerance"), unit),
    )  # fmt: skip


def needed(entry: dict[str, Any], names: Names) -> Markup:
    """How many more rows of which group would settle it, or nothing."""
    rows = {group: n for group, n in (entry.get("rows_needed") or {}).items() if n}
    if not rows:
        return Markup("")
    first = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    parts = [Markup("{} more rows of {}").format(words.count(n), names.label(group)) for group, n in first[:3]]
    more = Markup(" (and of {} more)").format(words.quantity(len(first) - 3, "group")) if len(first) > 3 else ""
    return Markup("About {}{} would settle it, if the rates stay as they are.").format(listed(parts), more)


def gap_in_words(gap: dict[str, Any], metric: dict[str, Any], names: Names) -> Markup:
    """A gap with its direction spelled out."""
    value, unit = words.finite(gap["value"]), metric.get("unit")
    versus = names.name(gap["versus"]) if gap.get("versus") else Markup("the others")
    if value is None:
        return Markup("undefined")
    if gap["kind"] == "ratio":
        return Markup("{} times the value of {}").format(words.gap(value, unit, "ratio"), versus)
    if gap["kind"] == "largest":
        return Markup("{} apart from {}").format(words.gap(value, unit), versus)
    if value == 0:
        return Markup("the same as {}").format(versus)
    side = "higher" if value > 0 else "lower"
    better = metric.get("better")
    judged = "" if not better else " (better)" if better == side else " (worse)"
    return Markup("{} {}{} than {}").format(words.gap(abs(value), unit), side, judged, versus)


def listed(parts: list[Any], last: str = "and") -> Markup:
    """Escaped parts as a, b and c."""
    safe = [escape(part) for part in parts]
    return Markup(words.join([str(part) for part in safe], last))


def _label(audit: dict[str, Any], metric: str) -> str:
    return words.label_of(metric_of(audit, metric))


def _attributes(audit: dict[str, Any], verdict: str, names: Names) -> Markup:
    found = dict.fromkeys(v["attribute"] for v in audit["verdicts"] if v["verdict"] == verdict)
    shown = [names.label(name) for name in list(found)[:4]]
    return listed([*shown, words.quantity(len(found) - 4, "further attribute")] if len(found) > 4 else shown)


def _with_value(audit: dict[str, Any], verdict: dict[str, Any], who: str, unit: Any, names: Names) -> Markup:
    name = verdict.get(who)
    if name is None:
        return Markup("everyone else")
    for attribute in audit["attributes"]:
        for group in attribute["groups"] if attribute["name"] == verdict["attribute"] else ():
            if group["name"] == name and verdict["metric"] in group["metrics"]:
                value = group["metrics"][verdict["metric"]]["value"]
                return Markup("{} ({})").format(names.name(name), words.show(value, unit))
    return names.name(name)
