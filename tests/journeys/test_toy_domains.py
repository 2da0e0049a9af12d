"""The contract fits tables and images as it fits text: two small plugins walk the whole corridor."""

import json
from pathlib import Path

import pytest

import evenhand
import toy_images
import toy_tables
from evenhand.extending.discovering import load
from evenhand.testing import CHECKS

ARTEFACTS = [
    "recipe.toml",
    "manifest.json",
    "data.json",
    "model",
    "predictions.parquet",
    "evaluation.json",
    "audit.json",
    "report.html",
    "README.md",
    "junit.xml",
    "summary.md",
    "log.jsonl",
]


@pytest.fixture(scope="module", params=[toy_tables, toy_images], ids=["tables", "images"])
def walked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        plugins = load({request.param.__name__: request.param})
        recipe = request.param.recipes()[0]
        return evenhand.run(recipe.full_name, plugins=plugins, out=folder / "run")


def test_a_run_directory_is_complete(walked):
    assert sorted(p.name for p in walked.path.iterdir() if not p.name.startswith(".")) == sorted(ARTEFACTS)


def test_the_adapted_model_beats_the_majority(walked):
    accuracy = {metric.model: metric.value for metric in walked.evaluation if metric.name == "accuracy"}
    assert accuracy["adapted"] > 0.6


def test_the_manifest_tells_what_it_cost(walked):
    stages = json.loads((walked.path / "manifest.json").read_text())["stages"]
    assert list(stages) == sorted(["load_data", "finetune", "predict", "evaluate", "audit_bias", "report"])
    for record in stages.values():
        assert record["seconds"] >= 0
        assert record["peak_memory_mb"] > 0
        assert record["energy_obtained"]


def test_the_model_card_is_one_that_the_hub_reads(walked):
    from huggingface_hub import ModelCard

    data = ModelCard.load(walked.path / "README.md").data
    results = {(result.dataset_config, result.metric_type): result.metric_value for result in data.eval_results}
    accuracy = next(metric for metric in walked.evaluation if (metric.name, metric.model) == ("accuracy", "adapted"))
    assert results[None, "accuracy"] == accuracy.value
    assert len([key for key, _ in results if key]) == len(walked.audit.data["verdicts"])
    assert data.library_name == "evenhand"


def test_the_planted_difference_is_seen(walked):
    sensitive = walked.audit.data["attributes"][0]
    accuracy = {group["name"]: group["metrics"]["accuracy"]["value"] for group in sensitive["groups"]}
    worse, better = ("f", "m") if sensitive["name"] == "sex" else ("B", "A")
    assert accuracy[worse] < accuracy[better]


def test_no_group_is_in_two_splits():
    recipe = toy_tables.recipes()[0]
    splits = toy_tables.load_data(recipe, None)
    sides = [set(rows["customer"]) for rows in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_sensitive_and_site_columns_never_reach_the_model(walked):
    recipe = evenhand.Recipe.from_file(walked.path / "recipe.toml")
    assert not set(recipe.schema.input) & {*recipe.schema.sensitive, recipe.schema.label, recipe.schema.group_id}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("plugin", [toy_tables, toy_images], ids=lambda plugin: plugin.__name__)
def test_the_toys_conform(plugin, check):
    check(plugin)


def test_a_toy_is_short_enough_to_be_an_example():
    for module in (toy_tables, toy_images):
        assert len(Path(module.__file__).read_text().splitlines()) < 100
