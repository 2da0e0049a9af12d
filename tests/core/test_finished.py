"""Finished folders have one reader: what it opens is what a run or an audit wrote, and the rest it refuses by name."""

import ast
import json
from pathlib import Path

import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand.recorded.finished import FinishedAudit, FinishedRun, open_folder, open_run, read_manifest

CORE = Path(evenhand.__file__).parent
WALK = {"name": "run", "stages": ["load_data"]}
WHOLE = {"format": "evenhand-run", "version": 1, "identity": "a", "walk": WALK, "stages": {}}


def manifest_in(folder, **changes):
    (folder / "manifest.json").write_text(json.dumps({**WHOLE, **changes}))
    return folder


def stage_with(**artefacts):
    return {"load_data": {"artefacts": artefacts}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "else"}, "no manifest of a run"),
        ({"version": 2}, "has version 2, and this evenhand reads 1"),
        ({"identity": None}, "no identity"),
        ({"stages": []}, "no stages"),
        ({"stages": {"load_data": {}}}, "'load_data' is no record of a stage"),
        ({"stages": {"load_dada": {"artefacts": {}}}}, "'load_dada' is no record of a stage"),
        ({"walk": "run"}, "which walk"),
        ({"walk": {"name": "run"}}, "which walk"),
        ({"stages": {"load_data": 3}}, "'load_data' is no record of a stage"),
        ({"stages": stage_with(**{"data.json": 3})}, "'data.json' as an artefact"),
        *[
            ({"stages": stage_with(**{name: "0"})}, "as an artefact of load_data")
            for name in ("..", ".", "", "../a", "/etc/passwd", "model/../..", "a\0b", "\ud800", ".lock")
        ],
    ],
)
def test_a_manifest_that_no_run_wrote_is_refused(tmp_path, changes, says):
    with pytest.raises(BadInput, match=says):
        read_manifest(manifest_in(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_damaged_and_no_traceback(tmp_path, content):
    for name in ("manifest.json", "plan.json"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=f"{name} is damaged"):
            open_folder(tmp_path)
        (tmp_path / name).unlink()


def test_a_folder_of_neither_kind_is_named_with_what_it_lacks(tmp_path):
    with pytest.raises(BadInput, match=r"no manifest.json and no plan.json; `evenhand audit"):
        open_folder(tmp_path)
    with pytest.raises(BadInput, match=r"not the directory of a finished run \(No such file"):
        open_run(tmp_path)


def test_a_run_that_did_not_come_so_far_is_unfinished(tmp_path):
    found = open_folder(manifest_in(tmp_path))
    assert isinstance(found, FinishedRun)
    with pytest.raises(BadInput, match="not the directory of a finished run"):
        found.artefact("predict", "predictions.parquet")
    with pytest.raises(BadInput, match="has no audit.json"):
        found.audit()
    (tmp_path / "evaluation.json").write_text('[{"nome": 1}]')
    with pytest.raises(BadInput, match="evaluation.json is damaged: it holds no metrics"):
        found.evaluation()


def test_an_audit_of_another_plan_is_refused(tmp_path):
    frame = pl.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20})
    evenhand.audit_into(tmp_path, frame, label="y", score="s", sensitive=["g"])
    found = open_folder(tmp_path)
    assert isinstance(found, FinishedAudit)
    assert found.audit()["data"]["rows"] == 40
    plan = {**found.plan, "plan_sha256": "0" * 64}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(BadInput, match="the plan of one audit and the result of another"):
        open_folder(tmp_path).audit()


def test_no_other_module_names_the_files_that_make_a_folder_finished():
    """A second reader would begin by naming one of these."""
    for path in CORE.rglob("*.py"):
        if path.parent.name == "recorded":
            continue
        named = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not named & {"manifest.json", "plan.json"}, path
