"""Names and values as MLflow takes them: its characters, its lengths, and no two names that become one."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REFUSED = re.compile(r"[^/\w.\- ]")  # what MLflow refuses in a name, on Windows too
LONGEST_NAME, LONGEST_VALUE, LONGEST_TAG = 250, 6000, 8000
MARK = 6  # hex digits that keep changed names apart


def name_of(*parts: str) -> str:
    """A name of parts, joined by slashes. One that had to be changed ends with a mark of what it was.

    >>> name_of("gap", "sex", "tpr")
    'gap/sex/tpr'
    >>> name_of("group", "age", "≥50")[:14]
    'group/age/_50-'
    """
    return "/".join(_part(part) for part in parts)[:LONGEST_NAME] if _fits(parts) else _short(parts)


def _fits(parts: Iterable[str]) -> bool:
    return sum(len(_part(part)) + 1 for part in parts) <= LONGEST_NAME + 1


def _short(parts: Iterable[str]) -> str:
    whole = "/".join(_part(part) for part in parts)
    return f"{whole[: LONGEST_NAME - MARK - 1].rstrip('/. ')}-{_mark(whole)}"


def _part(part: str) -> str:
    """One part: no slash of its own, no part that a path would swallow."""
    changed = REFUSED.sub("_", part.replace("/", "_")).strip()
    if changed == part and changed not in ("", ".", ".."):
        return part
    return f"{changed.strip('.') or '_'}-{_mark(part)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:MARK]


def value_of(value: Any, longest: int = LONGEST_VALUE) -> str:
    """A setting as text: whole, or cut with an ellipsis where MLflow would refuse it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def params_of(rows: Iterable[tuple[str, Any, str]]) -> dict[str, str]:
    """The recipe, value by value: rows are (key, value, origin)."""
    return {name_of(key): value_of(value) for key, value, _ in rows}


def numbers(found: Mapping[str, Any]) -> dict[str, float]:
    """Those of the values that are finite numbers; MLflow takes no others everywhere."""
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def metrics_of_evaluation(metrics: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """performance/MODEL/METRIC, with /lower and /upper."""
    return numbers(dict(pair for metric in metrics for pair in _with_limits("performance", metric)))


def _with_limits(head: str, metric: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    name = name_of(head, str(metric.get("model", "")), str(metric.get("name", "")))
    yield name, metric.get("value")
    for end in ("lower", "upper"):
        yield f"{name}/{end}", metric.get(end)


def metrics_of_audit(audit: Mapping[str, Any]) -> dict[str, float]:
    """group/ATTRIBUTE/GROUP/METRIC, gap/ATTRIBUTE/GROUP/METRIC with limits, and how many verdicts of each kind."""
    return numbers(dict(_of_audit(audit)))


def _of_audit(audit: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for verdict in ("within", "exceeded", "not enough evidence"):
        yield name_of("verdicts", verdict), sum(found.get("verdict") == verdict for found in audit["verdicts"])
    for attribute in audit["attributes"]:
        for group in attribute["groups"]:
            for metric, found in group["metrics"].items():
                yield name_of("group", attribute["name"], str(group["name"]), metric), found.get("value")
        for gap in attribute["gaps"]:
            if gap["kind"] == "difference":
                name = name_of("gap", attribute["name"], str(gap["group"]), gap["metric"])
                yield name, gap["value"]
                for end in ("lower", "upper"):
                    yield f"{name}/{end}", gap.get(f"{end}_simultaneous")


def metrics_of_stage(stage: str, record: Mapping[str, Any]) -> dict[str, float]:
    """cost/STAGE/…: seconds, CPU seconds, memory, energy with its range."""
    names = (
        "seconds",
        "cpu_seconds",
        "gpu_seconds",
        "peak_memory_mb",
        "energy_joules",
        "energy_low_joules",
        "energy_high_joules",
    )
    return numbers({name_of("cost", stage, name): record.get(name) for name in names})
