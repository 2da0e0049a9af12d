"""What cannot be compared is refused in a sentence; what only one audit has is left out and named."""

import json
import shutil

import polars as pl
import pytest
from compared import people

from evenhand import BadInput, compare


def test_data_that_changed_since_is_refused(audited, tmp_path):
    folders = [audited("a", people()), audited("b", people(), "new")]
    people(seed=9).write_csv(tmp_path / "a.csv")
    with pytest.raises(BadInput, match=r"a\.csv has changed since it was audited into .*audit it again"):
        compare(*folders)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"label": "z"}, "decides whether 'y' is '1', and .* decides whether 'z' is '1'"),
        ({"positive": "0"}, "is '0'"),
        ({"label": "old", "score": None, "prediction": "new", "task": "regression"}, "predicts the number 'old'"),
    ],
)
def test_different_questions_are_refused(audited, choices, says):
    frame = people(z=[0, 1] * 150)
    with pytest.raises(BadInput, match=says) as raised:
        compare(audited("a", frame), audited("b", frame, **choices))
    assert "only audits of one question" in str(raised.value)


def test_what_is_no_audit_is_refused(audited, tmp_path):
    folder = audited("a", people())
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="not the directory of a finished run"):
        compare(folder, tmp_path / "empty")
    for content, says in (
        ("{", "not JSON"),
        ("[]", "holds no audit"),
        ('{"format": "evenhand-audit"}', "no audit|another"),
    ):
        broken = shutil.copytree(folder, tmp_path / f"broken {says}")
        (broken / "audit.json").write_text(content)
        with pytest.raises(BadInput, match=says):
            compare(folder, broken)
    with pytest.raises(BadInput, match="both sides"):
        compare(folder, folder, data="rows.csv")


def test_other_columns_and_metrics_are_left_out_and_named(audited):
    frame = people(age=["young", "old", "old"] * 100)
    found = compare(
        audited("a", frame, sensitive=["sex", "age"], metrics=["tpr", "calibration_slope"]),
        audited("b", frame, "new", metrics=["tpr", "fpr", "calibration_slope"]),
    )
    assert {c.metric for c in found.changes} == {"tpr"}
    notes = " ".join(found.notes)
    assert "left out: age" in notes
    assert "fpr" in notes
    assert "calibration_slope" in notes


def test_hostile_names_repaint_nothing(audited):
    frame = people().with_columns(sex=pl.col("sex").replace({"f": "\x1b[2Jf\u202e\n| a", "m": "m × m"}))
    found = compare(audited("a", frame), audited("b", frame, "new"))
    text = str(found)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert any("\x1b" in c["group"] for c in json.loads(found.to_json())["changes"])
