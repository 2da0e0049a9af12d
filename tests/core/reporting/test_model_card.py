"""The model card is one that Hugging Face's client reads back, with the evaluation and the verdicts as results."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_audits import HOSTILE, audit_of

from evenhand.reporting import model_card

hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub comes with evenhand[train]")

ACCURACY = {"name": "accuracy", "value": 0.8125, "lower": 0.7, "upper": 0.9, "n": 160, "model": "adapted"}
EVALUATION = [
    ACCURACY,
    {**ACCURACY, "name": "auc", "value": 0.9, "lower": None, "upper": None},
    {**ACCURACY, "name": "brier", "value": float("nan")},
    {**ACCURACY, "model": "majority", "value": 0.5},
]
BACKBONE = {
    "name": "all-minilm-l6-v2",
    "source": "embedded:package/model",
    "licence": "Apache-2.0",
    "url": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    "pretrained_on": "pairs of sentences",
    "known_bias": "English only",
}
SETTINGS = {
    "domain": "nlp",
    "task": "multiclass",
    "modality": "text",
    "licence": "Apache-2.0",
    "intended_use": "Sorting messages.",
    "limits": ("No decision about a person.",),
}


def card_of(audit=None, evaluation=EVALUATION, manifest=None, backbone=BACKBONE, network=False, **changed):
    rows = [(key, value, "recipe.toml") for key, value in {**SETTINGS, **changed}.items()]
    manifest = manifest or {
        "recipe": "nlp/x",
        "command": "evenhand run nlp/x",
        "inputs": {"source": "/home/me/new.csv"},
    }
    return hub.ModelCard(model_card(audit, evaluation, manifest, [], rows, (), backbone, network))


def test_the_head_says_what_the_hub_asks():
    data = card_of(manifest={"inputs": {"source": "owner/messages", "hub": "owner/messages"}}, network=True).data
    assert (data.license, data.base_model) == ("apache-2.0", "sentence-transformers/all-MiniLM-L6-v2")
    assert (data.pipeline_tag, data.library_name) == ("text-classification", "transformers")
    assert data.datasets == ["owner/messages"]
    assert data.tags == ["evenhand", "fairness", "nlp", "multiclass"]


@pytest.mark.parametrize(
    ("modality", "task", "network", "tag", "library"),
    [
        ("text", "binary", False, "text-classification", "evenhand"),
        ("image", "multiclass", True, "image-classification", "timm"),
        ("table", "binary", False, "tabular-classification", "evenhand"),
        ("table", "regression", False, "tabular-regression", "evenhand"),
    ],
)
def test_task_and_library_are_in_the_hubs_words(modality, task, network, tag, library):
    data = card_of(modality=modality, task=task, network=network).data
    assert (data.pipeline_tag, data.library_name) == (tag, library)


def test_results_hold_the_evaluation_and_the_audits_verdicts():
    audit = audit_of(["a", "b", "c"], n=400)
    results = card_of(audit).data.eval_results
    performance = {result.metric_type: result for result in results if result.dataset_config is None}
    assert {name: result.metric_value for name, result in performance.items()} == {"accuracy": 0.8125, "roc_auc": 0.9}
    assert performance["accuracy"].metric_args == {"lower": 0.7, "upper": 0.9, "n": 160}
    assert performance["accuracy"].dataset_name == "new.csv"
    judged = {result.dataset_config: result for result in results if result.dataset_config}
    assert audit["verdicts"]
    for verdict in audit["verdicts"]:
        result = judged[f"by {verdict['attribute']}"]
        assert result.metric_type == "tpr_gap"
        assert result.metric_args["verdict"] == verdict["verdict"]
        assert result.metric_args["tolerance"] == 0.1
        assert result.metric_value == pytest.approx(verdict["value"])


def test_a_verdict_without_a_gap_is_a_result_all_the_same():
    audit = audit_of(["f", "m"])
    bare = {"value": None, "lower": None, "upper": None, "group": None, "versus": None}
    audit["verdicts"] = [{**audit["verdicts"][0], **bare, "verdict": "not enough evidence"}]
    (result,) = [result for result in card_of(audit).data.eval_results if result.dataset_config]
    assert result.metric_value == "not enough evidence"


@pytest.mark.parametrize(
    ("said", "licence", "name"), [("MIT", "mit", None), ("Our own terms, 2026", "other", "our-own-terms-2026")]
)
def test_a_licence_is_one_of_the_hubs_or_another_by_name(said, licence, name):
    data = card_of(licence=said).data
    assert (data.license, data.get("license_name")) == (licence, name)


@pytest.mark.parametrize(
    ("backbone", "base"),
    [
        ({**BACKBONE, "source": "hub:owner/net", "url": ""}, "owner/net"),
        ({**BACKBONE, "source": "local:/home/me/net", "url": "https://example.org/net"}, None),
        (None, None),
    ],
)
def test_a_base_model_is_named_only_where_the_hub_has_it(backbone, base):
    card = card_of(backbone=backbone)
    assert card.data.base_model == base
    assert "/home/me/net" not in card.content


def test_a_file_of_the_users_is_no_data_set_of_the_hub():
    assert card_of().data.datasets is None
    assert "/home/me" not in card_of().content


def test_use_and_limits_are_the_recipes():
    text = card_of().text
    assert "## Intended use\n\nSorting messages.\n" in text
    assert "- No decision about a person.\n- Known of the backbone all-minilm-l6-v2: English only\n" in text
    bare = card_of(intended_use="", limits=(), licence="", backbone=None)
    assert "The recipe states none (its key intended\\_use)." in bare.text
    assert "does not mean that there are none" in bare.text
    assert bare.data.license is None


def test_a_trained_network_says_how_it_opens_without_evenhand():
    assert 'AutoModel.from_pretrained("RUN/model")' in card_of(network=True).text
    assert 'timm.create_model("local-dir:RUN/model"' in card_of(network=True, modality="image").text
    assert "the network alone" not in card_of().text


@settings(max_examples=50, deadline=None)
@given(name=st.one_of(st.text(max_size=40), st.sampled_from([*HOSTILE, "a: b\n---\n# x", "---", "- x", "null", "1"])))
def test_no_name_breaks_the_head(name):
    verdict = {"attribute": name, "metric": name, "verdict": "within", "value": 0.01, "says": name, "group": name}
    audit = {**PLAIN, "title": name, "verdicts": [verdict]}
    rows = {"domain": name, "licence": name, "limits": (name,), "intended_use": name}
    manifest = {"command": name, "inputs": {"source": name, "hub": name}}
    card = card_of(audit, manifest=manifest, backbone=dict.fromkeys(BACKBONE, name), **rows)
    assert card.data.eval_results[-1].metric_args["verdict"] == "within"
    assert len(card.data.eval_results) == 3
    assert card.data.tags[0] == "evenhand"


PLAIN = audit_of(["f", "m"])
