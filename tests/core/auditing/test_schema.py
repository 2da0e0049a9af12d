"""docs/audit.schema.json describes every audit.json: no field is missing from it, and none is in it alone."""

import json
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from tables import ASK, counted, simulated

from evenhand.auditing import Estimate, GroupMetric, audit, rate_metric

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "audit.schema.json").read_text())


def audits():
    frame = simulated(900, age=[18 + i % 63 for i in range(900)], h=[("u", "v", None)[i % 3] for i in range(900)])
    classes = frame.with_columns(y=pl.Series(["a", "b", "c"] * 300), p=pl.Series(["a", "b", "b"] * 300))
    numbers = frame.with_columns(y=pl.col("s") * 7, p=pl.col("s") * 6)
    yield "binary", frame, {**ASK, "tolerance": {"tpr": 0.1}}
    yield (
        "everything",
        frame,
        {
            **ASK,
            "sensitive": ["g", "h", "age"],
            "weight": "w",
            "intersections": 2,
            "policy": "us-four-fifths",
            "slices": ["h"],
            "tolerance": {"tpr": 0.1},
            "extra": [Estimate("size", "a", 1.0)],
            "reference": {"g": "a"},
        },
    )
    yield "fairlearn", frame, {**ASK, "tolerance": {"tpr": 0.05}, "mitigation": "fairlearn"}
    yield "clusters", frame, {**ASK, "cluster": "age", "exact": True}
    yield "hard decisions", counted(a=(9, 2, 1, 9), b=(5, 0, 0, 5)), {"label": "y", "prediction": "d", "sensitive": "g"}
    yield "selection", frame, {"score": "s", "sensitive": "g", "policy": "nyc-ll144"}
    yield "top", frame, {**ASK, "top": 50}
    yield "classes", classes, {"label": "y", "prediction": "p", "sensitive": "g", "slices": "h"}
    yield "numbers", numbers, {"label": "y", "prediction": "p", "sensitive": ["g", "age"], "tolerance": {"mae": 0.1}}
    own = GroupMetric("f2", lambda c: 5 * c.tp / (5 * c.tp + 4 * c.fn + c.fp), "F2", needs=("label", "decision"))
    rate = rate_metric("underdiagnosis", of="fn", among=("fn", "tp"), better="lower")
    yield "a plugin's metrics", frame, {**ASK, "extra": [own, rate], "slices": ["h"]}
    several = frame.with_columns(b=(pl.col("s") > 0.7).cast(pl.Int64), p_y=pl.col("s"), p_b=1 - pl.col("s"))
    labels = {"labels": ["y", "b"], "score": "p_{}", "sensitive": ["g", "age"], "slices": "h", "tolerance": 0.1}
    yield "several labels", several, labels
    yield "one group", frame.with_columns(g=pl.lit("x")), {**ASK, "tolerance": 0.1}


@pytest.mark.parametrize(
    ("name", "frame", "ask"), list(audits()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_audit_is_as_the_schema_says(name, frame, ask):
    found = json.loads(audit(frame, **ask).to_json())
    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_is_not_an_audit():
    found = json.loads(audit(simulated(100), **ASK).to_json())
    for spoiled in ({**found, "version": 2}, {**found, "more": 1}, {k: v for k, v in found.items() if k != "notes"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoiled, SCHEMA)
