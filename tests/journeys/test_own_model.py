"""A plugin's own model is stored without pickle: its run is killed, resumed, verified and reported like any other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import evenhand
import toy_own
from evenhand import BadInput
from evenhand.extending.discovering import load

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
NUMBERS = ("evaluation.json", "audit.json", "predictions.parquet", "data.json")
KILLER = """
import os, signal
from evenhand import hookimpl

@hookimpl
def stage_started(stage):
    if stage == os.environ.get("KILL_IN"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def env(install, tmp_path):
    (tmp_path / "killer.py").write_text(KILLER)
    first, second = install("toy_own", "toy_own", PLUGINS), install("killer", "killer", tmp_path)
    return {"PYTHONPATH": os.pathsep.join([first["PYTHONPATH"], second["PYTHONPATH"]])}


@pytest.mark.slow
def test_it_is_killed_resumed_verified_and_reported(evenhand, env, tmp_path):
    assert evenhand("run", "toy_own/leak", "--out", "calm", env=env).returncode in (0, 1)
    for stage in ("finetune", "predict"):  # before the model is there, and before the stored one is first used
        assert evenhand("run", "toy_own/leak", "--out", "run", env={**env, "KILL_IN": stage}).returncode == -9
    done = evenhand("run", "toy_own/leak", "--out", "run", env=env)
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr.count("done before") == 2
    for name in NUMBERS:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes(), name
    verified = evenhand("verify", "run", env=env)
    assert verified.returncode == 0, verified.stdout
    assert "holds   model of finetune" in verified.stdout
    assert evenhand("report", "run", env=env).returncode == 0
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    accuracy = {metric["model"]: metric["value"] for metric in found if metric["name"] == "accuracy"}
    assert accuracy["adapted"] > 0.7
    assert "flow / alone" in accuracy


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return evenhand.run("toy_own/leak", plugins=load({"toy_own": toy_own}), out=folder / "run").path


def model_of(walked, tmp_path, **changes):
    """A copy of the stored model, with other words about its own part in model.json."""
    folder = Path(shutil.copytree(walked / "model", tmp_path / "model"))
    about = json.loads((folder / "model.json").read_text())
    about["model"].update(changes)
    (folder / "model.json").write_text(json.dumps(about))
    return folder


def read(folder):
    from evenhand.adapting.store import load_model

    plugins = load({"toy_own": toy_own})
    recipe = plugins.recipe("toy_own/leak")
    return load_model(folder, recipe, None, plugins.package(recipe))


def test_what_is_stored_names_the_class_and_holds_no_pickle(walked, tmp_path):
    about = json.loads((walked / "model" / "model.json").read_text())
    assert about["model"] == {"kind": "own", "class": "toy_own:NearestCentre"}
    assert {path.suffix for path in (walked / "model").rglob("*") if path.is_file()} == {".json"}
    assert type(read(model_of(walked, tmp_path)).model).__name__ == "NearestCentre"


@pytest.mark.parametrize(
    "address",
    [
        "os:system",
        "subprocess:Popen",
        "evenhand.adapting.models:ProbeModel",
        "evenhand_nlp:Section",
        "toy_own_evil:NearestCentre",
        "toy_own:json",
        "toy_own:Adapted",
        "toy_own:finetune",
        "toy_own:NearestCentre.load",
        "toy_own:__builtins__",
        "toy_own.__main__:NearestCentre",
        "toy_own.nowhere:NearestCentre",
        "toy_own:",
        ":NearestCentre",
        "../toy_own:NearestCentre",
        "toy_own:NearestCentre\n",
        "",
    ],
)
def test_a_class_that_is_not_the_owners_model_is_not_loaded(address, walked, tmp_path):
    with pytest.raises(BadInput, match="no model of the plugin that owns the recipe"):
        read(model_of(walked, tmp_path, **{"class": address}))


def test_a_module_outside_the_owners_package_is_not_even_imported(walked, tmp_path, monkeypatch):
    (tmp_path / "toy_own_evil.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for address in ("toy_own_evil:Evil", "toy_own.evil:Evil"):
        with pytest.raises(BadInput, match="no model of the plugin"):
            read(model_of(walked, tmp_path / address[:10], **{"class": address}))
    assert not (tmp_path / "touched").exists()
    assert "toy_own_evil" not in sys.modules


def test_a_model_is_not_read_for_the_recipe_of_another_plugin(walked, tmp_path):
    from evenhand.adapting.store import load_model

    plugins = load()
    recipe = plugins.recipe("nlp/support-intent")
    with pytest.raises(BadInput, match="package evenhand_nlp"):
        load_model(walked / "model", recipe, None, plugins.package(recipe))


def test_a_damaged_model_is_one_sentence(walked, tmp_path):
    folder = model_of(walked, tmp_path)
    (folder / "model" / "centres.json").unlink()
    with pytest.raises(BadInput, match="holds no model that can be read"):
        read(folder)
    (folder / "model" / "centres.json").write_text("{}")
    with pytest.raises(evenhand.PluginFault, match=r"NearestCentre\.load of toy_own failed: TypeError"):
        read(folder)


@pytest.mark.slow
def test_the_kit_passes_for_it(env):
    line = "from evenhand.testing import CHECKS\nfor check in CHECKS: check('toy_own')"
    done = subprocess.run(
        [sys.executable, "-c", line], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
