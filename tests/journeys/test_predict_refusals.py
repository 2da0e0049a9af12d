"""A finished run and what is wrong with it, or with the rows: one sentence each, and exit code 2."""

import importlib
import json
import shutil
import types
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import evenhand as package
import toy_images
import toy_tables
from evenhand.extending.discovering import load as load_plugins

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture
def ask(evenhand, install, finished, tmp_path):
    """`evenhand predict` of rows written to new.csv: (exit code, what it said of errors)."""
    env = install("toy_tables", "toy_tables", PLUGINS)

    def run(rows, run=finished[0]):
        (tmp_path / "new.csv").write_text(rows if isinstance(rows, str) else rows.write_csv())
        done = evenhand("predict", run, "--data", "new.csv", "--out", "scored.csv", env=env)
        return done.returncode, done.stderr

    return run


def rows(n=30):
    return pl.DataFrame(toy_tables.applicants(9, n), strict=False)


@pytest.mark.slow
def test_a_missing_input_is_named_with_the_columns_that_are_there(ask):
    assert ask(rows().drop("debt")) == (
        2,
        "evenhand: column 'debt' is not in new.csv; it has: customer, income, job, sex, region, repaid."
        "  (schema.input)\n".replace("  ", " "),
    )


@pytest.mark.slow
def test_two_columns_of_one_name_are_not_chosen_between(ask, finished):
    text = rows().write_csv().replace("customer,", "debt,", 1)
    assert ask(text) == (2, "evenhand: new.csv has 2 columns called 'debt'; rename or drop one of them\n")
    frame = rows().to_pandas()
    says = "the table cannot be read as a table: Expected unique column names, got: - 'debt' 2 times"
    with pytest.raises(package.BadInput, match=says):
        package.load(*finished).predict(pd.concat([frame, frame[["debt"]]], axis=1))


@pytest.mark.slow
def test_an_unseen_category_and_rows_without_label_are_scored(ask, tmp_path):
    frame = rows().with_columns(job=pl.lit("astronaut")).drop("repaid", "sex")
    code, said = ask(frame)
    assert (code, said.count("evenhand:")) == (0, 0)
    scored = pl.read_csv(tmp_path / "scored.csv")
    assert scored.columns == ["region", "customer", "prediction", "score"]
    assert scored["score"].is_between(0, 1).all()


@pytest.mark.slow
def test_what_was_made_by_other_versions_is_read_with_a_note(ask, finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["versions"] |= {"scikit-learn": "0.1", "timm": "0.2"}
    manifest["plugins"] = ["toy_tables (evenhand-test-toy_tables 0.9)"]
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    code, said = ask(rows(), tmp_path / "run")
    assert code == 0
    assert "note: this model was made with scikit-learn 0.1, and is read with " in said
    assert "note: this model was made with timm 0.2, and is read with " in said
    says = (
        "plugin toy_tables (evenhand-test-toy_tables 0.9), and is read with toy_tables (evenhand-test-toy_tables 1.0)"
    )
    assert says in said


def test_a_run_whose_plugin_is_gone_says_what_is_left_out(finished):
    with pytest.warns(
        UserWarning, match="made with plugin toy_tables .* is not installed here; what it adds to rows is left out"
    ):
        package.load(finished[0], load_plugins({}))


def test_a_model_of_the_format_before_is_read_with_a_note(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    about = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    (tmp_path / "run" / "model" / "model.json").write_text(json.dumps({**about, "version": 2}))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    from evenhand.files import digest

    manifest["stages"]["finetune"]["artefacts"]["model"] = digest(tmp_path / "run" / "model")
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match="this model is in format 2, which evenhand alone reads"):
        scorer = package.load(tmp_path / "run", finished[1])
    assert scorer.predict(rows()).tolist() == package.load(*finished).predict(rows()).tolist()


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A run on a backbone that lies in a Python package, and how to take the package away or change what is in it."""
    import timm
    from safetensors.torch import save_file

    weights = tmp_path / "site" / "toy_weights" / "net"
    weights.mkdir(parents=True)
    (weights.parent / "__init__.py").touch()
    save_file(timm.create_model("resnet10t", pretrained=False).state_dict(), weights / "model.safetensors")
    (weights / "config.json").write_text(json.dumps({"architecture": "resnet10t"}))
    monkeypatch.syspath_prepend(tmp_path / "site")
    card = package.BackboneCard("nothing", "none", 0, 0.0)
    net = package.Backbone("toy-random", "image", "embedded:toy_weights/net", card)
    module = types.ModuleType("toy_packaged")
    vars(module).update(recipes=toy_images.recipes, load_data=toy_images.load_data)
    module.backbones = package.hookimpl(_backbones(net))
    plugins = load_plugins({"toy_images": module})
    run = package.run("toy_images/spots", plugins=plugins, out=tmp_path / "run").path
    return run, plugins, weights


def _backbones(net):
    def backbones():
        return [net]

    return backbones


def test_a_run_whose_backbones_package_was_uninstalled_says_what_to_install(packaged):
    run, plugins, weights = packaged
    package.load(run, plugins)
    shutil.rmtree(weights.parent)
    importlib.invalidate_caches()
    with pytest.raises(package.BadInput) as caught:
        package.load(run, plugins)
    assert str(caught.value) == (
        "backbone 'toy-random' lies in the Python package 'toy_weights', which is not installed; install it: "
        "pip install toy-weights"
    )


def test_a_run_whose_backbone_is_another_now_is_refused(packaged):
    import timm
    import torch
    from safetensors.torch import save_file

    run, plugins, weights = packaged
    torch.manual_seed(1)
    save_file(timm.create_model("resnet10t", pretrained=False).state_dict(), weights / "model.safetensors")
    with pytest.raises(package.BadInput) as caught:
        package.load(run, plugins)
    assert str(caught.value) == (
        "the stored model was made with other weights or settings than backbone 'toy-random' has now; run the recipe "
        "again in a new folder"
    )


def test_a_run_whose_backbone_no_plugin_brings_any_more_is_refused(packaged):
    run, _, _ = packaged
    with pytest.raises(package.BadInput, match="there is no backbone 'toy-random'"):
        package.load(run, load_plugins({}))
