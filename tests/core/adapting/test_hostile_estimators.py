"""A model.skops from anybody: what it names is not imported, called or unpickled; what is no model is one sentence."""

import functools
import json
import os
import zipfile

import pytest

from evenhand.adapting.weights import load_estimator
from evenhand.errors import BadInput

skops_io = pytest.importorskip("skops.io")
preprocessing = pytest.importorskip("sklearn.preprocessing")


@pytest.mark.parametrize(
    "function", [os.system, functools.partial(os.system, "touch struck"), functools.partial(eval, "1")], ids=str
)
def test_a_function_that_is_not_ours_is_not_loaded(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    skops_io.dump(preprocessing.FunctionTransformer(function), tmp_path / "model.skops")
    with pytest.raises(BadInput, match="not safe to load"):
        load_estimator(tmp_path / "model.skops")
    assert not (tmp_path / "struck").exists()


def with_schema(file, text):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", text)


@pytest.mark.parametrize(
    "schema",
    [
        "{}",
        "[1]",
        "[" * 100_000,
        "\xff",
        json.dumps({"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": {}}),
        json.dumps({"__class__": "x", "__module__": "evil", "__loader__": "ObjectNode", "__id__": 1}),
        json.dumps({"__class__": "ndarray", "__module__": "numpy", "__loader__": "NoNode", "__id__": 1}),
    ],
)
def test_a_schema_that_means_no_good_is_one_sentence(schema, tmp_path):
    with_schema(tmp_path / "model.skops", schema)
    with pytest.raises(BadInput):
        load_estimator(tmp_path / "model.skops")


def test_an_archive_without_a_schema_is_one_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(BadInput, match="damaged"):
        load_estimator(tmp_path / "model.skops")
