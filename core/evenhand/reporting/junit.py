"""The verdicts as JUnit XML, which every CI system shows: exceeded fails, not enough evidence is skipped."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from evenhand.reporting import formatting as words


def junit_xml(audit: dict[str, Any]) -> str:
    """One test case for each verdict of the audit."""
    verdicts = audit["verdicts"]
    numbers = {
        "tests": len(verdicts),
        "failures": sum(v["verdict"] == "exceeded" for v in verdicts),
        "skipped": sum(v["verdict"] == "not enough evidence" for v in verdicts),
        "errors": 0,
    }
    suite = ElementTree.Element(
        "testsuite", {"name": _clean(audit.get("title") or "audit"), **{key: str(n) for key, n in numbers.items()}}
    )
    selected = words.selected_means(audit)
    if selected:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", {"name": "selected", "value": _clean(selected)})
    for verdict in verdicts:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _clean(verdict["attribute"]), "name": _clean(verdict["metric"]), "time": "0"},
        )
        found = None
        if verdict["verdict"] == "exceeded":
            found = ElementTree.SubElement(case, "failure", {"message": _clean(verdict["says"]), "type": "exceeded"})
        elif verdict["verdict"] == "not enough evidence":
            found = ElementTree.SubElement(case, "skipped", {"message": _clean(verdict["says"])})
        if found is not None and selected and verdict.get("kind") == "ratio":
            found.text = _clean(selected)  # which CI systems show below the message
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _clean(text: Any) -> str:
    return str(words.clean(str(text)))
