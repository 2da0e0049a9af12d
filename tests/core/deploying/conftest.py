"""Finished runs of every kind of model, each made once."""

import pytest
import toy_export
from tiny_bert import tiny_bert

import evenhand
import toy_images
from evenhand.extending.discovering import load


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    toy_export.FOLDER = str(tiny_bert(tmp_path_factory.mktemp("bert"), toy_export.ALL_WORDS))
    return load({"toy_export": toy_export, "toy_images": toy_images})


@pytest.fixture(scope="session")
def made(run_apart, plugins):
    """made("toy_export/line") -> the folder of a finished run."""
    known = {}

    def make(recipe, *settings):
        key = (recipe, settings)
        if key not in known:
            known[key] = run_apart(recipe, *settings, plugins=plugins).path
        return known[key]

    return make


@pytest.fixture(scope="session")
def exported(made, plugins, tmp_path_factory):
    """exported("toy_export/line", "onnx") -> (the run's folder, its export), each made once."""
    known = {}

    def make(recipe, form="onnx", int8=False):
        if (recipe, form, int8) not in known:
            run = made(recipe)
            out = tmp_path_factory.mktemp("export") / "out"
            known[recipe, form, int8] = run, evenhand.export(run, form, int8, out=out, plugins=plugins)
        return known[recipe, form, int8]

    return make
