"""What obstacle answers to the core's hooks; each answer is one call into the module that knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenhand import Adapted, GroupMetric, Metric, Predictions, Recipe, Section, Splits, rate_metric


def load_data(recipe: Recipe, source: Path | str | None) -> Splits:
    """Simulated scenes, or COCO's format."""
    from evenhand_autonomy.obstacles.data import load

    return load(recipe, source)


def finetune(recipe: Recipe, splits: Splits, backbone: Any, run: Any) -> Adapted:
    """FCOS on the driving backbone."""
    from evenhand_autonomy.obstacles.fitting import fit

    return fit(recipe, splits, backbone, run)


def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """Recall, precision, and recall weighted by how soon each object would be reached."""
    from evenhand_autonomy.obstacles.safety import performance

    return performance(predictions)


def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric]:
    """Who is missed, and where alarms are false."""
    return [
        rate_metric(
            "miss_rate",
            of="fn",
            among=("fn", "tp"),
            better="lower",
            source="Dollar et al. 2012, IEEE TPAMI 34(4)",
            says="objects that no detection of their class overlaps by half",
            event="are missed",
        ),
        rate_metric(
            "false_alarm_rate",
            of="fp",
            among=("fp", "tn"),
            better="lower",
            source="ours: times six, false alarms per picture",
            says="places for false alarms, six to a picture, on which one stands",
            event="are false alarms",
        ),
    ]


def report_sections(run: Any) -> list[Section]:
    """Distances, the unforeseen, COCO's measures, and the gallery."""
    from evenhand_autonomy.obstacles.section import sections

    return sections(run)
