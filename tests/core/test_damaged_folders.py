"""A folder that was damaged anywhere is refused in one short sentence, or said to differ; nothing else happens."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

import evenhand
import toy_tables
from evenhand import BadInput
from evenhand.extending.discovering import load

DAMAGES = {
    "deep": b"[" * 100_000,
    "one": b"[1]",
    "empty": b"{}",
    "no text": b"\xff\xfe\x00",
    "odd": b'{"format": "evenhand-run", "version": 1, "identity": "x", "stages": {"predict": {"artefacts": {}}}}',
}
FRAME = pl.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20})


def plugins():
    return load({"toy_tables": toy_tables})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        evenhand.run("toy_tables/loan", plugins=plugins(), out=folder / "run")
    evenhand.audit_into(folder / "audit", FRAME, label="y", score="s", sensitive=["g"])
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copied"))


ASK = {
    "verify": lambda run: evenhand.verify(run),
    "report": lambda run: evenhand.report(run, plugins=plugins()),
    "compare": lambda run: evenhand.compare(run, run),
    "load": lambda run: evenhand.load(run, plugins=plugins()).predict(
        pl.DataFrame({"income": [1.0], "debt": [1.0], "job": ["a"]})
    ),
    "push": lambda run: evenhand.push(run, "me/mine"),
    "run": lambda run: evenhand.run("toy_tables/loan", plugins=plugins(), out=run),
}


def answer(ask, run):
    """What comes of asking; None for a refusal."""
    try:
        return ASK[ask](run)
    except BadInput:
        return None


READS = {
    "verify": ("manifest.json", "audit.json", "recipe.toml"),
    "report": ("manifest.json", "audit.json", "evaluation.json", "data.json", "recipe.toml"),
    "compare": ("manifest.json", "audit.json"),
    "load": ("manifest.json", "recipe.toml", "model/model.json"),
    "push": ("manifest.json", "model/model.json"),
    "run": ("manifest.json",),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("ask", "name"), [(ask, name) for ask, names in READS.items() for name in names])
def test_a_damaged_run(ask, name, damage, copied):
    (copied / "run" / name).write_bytes(DAMAGES[damage])
    found = answer(ask, copied / "run")
    assert found is None or (ask == "verify" and not found.equal), "what was damaged was taken"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["plan.json", "audit.json"])
@pytest.mark.parametrize("ask", ["verify", "compare"])
def test_a_damaged_audit(ask, name, damage, copied):
    (copied / "audit" / name).write_bytes(DAMAGES[damage])
    with pytest.raises(BadInput) as error:
        evenhand.verify(copied / "audit", FRAME) if ask == "verify" else evenhand.compare(
            copied / "audit", copied / "audit", data=(FRAME, FRAME)
        )
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("stage", ["load_data", "finetune", "predict", "evaluate", "audit_bias"])
@pytest.mark.parametrize("ask", ["verify", "report", "load"])
def test_a_manifest_without_a_stage(ask, stage, copied):
    file = copied / "run" / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["stages"][stage]
    file.write_text(json.dumps(manifest))
    found = answer(ask, copied / "run")
    if ask == "load":  # which needs the model alone
        assert (found is None) == (stage == "finetune")
    else:
        assert found is None or not found.equal
