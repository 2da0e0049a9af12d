"""What the threshold slider reads: score histograms, and which numbers to make of the cells on either side of the
threshold."""

from __future__ import annotations

from typing import Any

from evenhand.reporting.formatting import is_share

LABELLED = ("tp", "fp", "fn", "tn")
USUAL: tuple[dict[str, Any], ...] = (
    {"metric": "selection_rate", "label": "Selected", "hits": ("tp", "fp"), "among": LABELLED},
    {"metric": "tpr", "label": "Positives found (TPR)", "hits": ("tp",), "among": ("tp", "fn")},
    {"metric": "fpr", "label": "Negatives selected (FPR)", "hits": ("fp",), "among": ("fp", "tn")},
    {"metric": "ppv", "label": "Selected and right (PPV)", "hits": ("tp",), "among": ("tp", "fp")},
    {"metric": "accuracy", "label": "Right (accuracy)", "hits": ("tp", "tn"), "among": LABELLED},
)


def slider_data(audit: dict[str, Any] | None) -> dict[str, Any] | None:
    """{edges, attributes, effective, threshold, rates}; only for single columns, so that the page stays small.

    rates: {metric, label, percentage} with {hits, among}, the cells of a share, or {at}, numbers by attribute and group
    for every edge. A plugin's metric takes the place of a usual one of its name.
    """
    histograms = (audit or {}).get("histograms")
    if audit is None or not histograms:
        return None
    attributes = {
        part["name"]: {group["name"]: found[group["name"]] for group in part["groups"] if group["name"] in found}
        for part in audit["attributes"]
        if (found := histograms["attributes"].get(part["name"]))
    }
    rates = {rate["metric"]: rate for rate in (*USUAL, *histograms.get("also", ()))}
    return {
        "edges": histograms["edges"],
        "attributes": attributes,
        "effective": histograms.get("effective"),
        "threshold": audit["question"]["threshold"],
        "rates": [{**rate, "percentage": "hits" in rate or is_share(audit, rate["metric"])} for rate in rates.values()],
    }
