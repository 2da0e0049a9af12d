"""Networks that write: T5, Marian and causal ones from folders of safetensors; tuning, writing, reading again."""

import json
from itertools import pairwise

import numpy as np
import pytest
import tiny_networks
import torch
from hypothesis import given
from hypothesis import strategies as st

import evenhand
import evenhand_nlp
from evenhand import BadInput
from evenhand_nlp.writing.decoding import Decoding, decoded, padded
from evenhand_nlp.writing.model import CopiedSource, Generated, LeadSentences, Manner, lead
from evenhand_nlp.writing.network import open_network, prompts, shortened
from evenhand_nlp.writing.tuning import (
    IGNORED,
    Course,
    Pair,
    Shape,
    batch_of,
    bucketed,
    loss_of,
    measured,
    merged,
    pairs_of,
    targets_of,
    tuned,
)

KINDS = ("t5", "marian", "llama")


@pytest.fixture(scope="session")
def recipe():
    return next(r for r in evenhand_nlp.recipes() if r.name == "summarise").with_settings(["finetune.threads=1"])


@pytest.fixture
def opened(networks, recipe):
    return lambda kind: open_network(evenhand.backbone(f"hf:{networks[kind]}"), recipe)


def told(network, count=48):
    rows = tiny_networks.pairs(count)
    found = prompts(network, rows["english"], "", 32)
    return rows, found, pairs_of(network, found.numbers, rows["german"], 16)


@pytest.mark.parametrize(("kind", "peak"), [("t5", 3e-2), ("marian", 5e-3), ("llama", 3e-2)])
def test_tuning_reduces_the_loss_of_targets_alone(opened, kind, peak):
    network = opened(kind)
    _, _, pairs = told(network)
    before = [p.clone() for p in network.model.parameters()]
    found = tuned(network, pairs[24:], pairs[:24], Course(5, peak, 8, Shape(8), patience=9))
    assert min(found.losses[1:]) < 0.8 * found.losses[0]
    assert all(torch.equal(a, b) for a, b in zip(before, network.model.parameters(), strict=True))
    model = merged(network, found.tensors, found.shape)
    assert measured(network, model, pairs[:24], 8) == pytest.approx(min(found.losses[1:]), rel=1e-2)


def test_a_tuned_network_writes_the_target(opened):
    network = opened("llama")
    rows, found, pairs = told(network, 72)
    learnt = tuned(network, pairs[24:], pairs[:24], Course(20, 3e-2, 16, Shape(16), patience=9))
    texts, sure, stopped = decoded(
        network, merged(network, learnt.tensors, learnt.shape), found.numbers[:24], Decoding(16)
    )
    right = np.mean([text == label for text, label in zip(texts, rows["german"], strict=False)])
    assert right > 0.7
    assert sure.mean() > 0.6
    assert not stopped.any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(opened, kind):
    network = opened(kind)
    _, found, pairs = told(network, 4)
    longer = [*found.numbers, found.numbers[0] * 2]
    alone = decoded(network, network.model, longer[:1], Decoding(6))
    together = decoded(network, network.model, longer, Decoding(6))
    assert alone[0][0] == together[0][0]
    assert alone[1][0] == pytest.approx(together[1][0], rel=1e-4)
    some = [Pair(pairs[0].prompt * 2, pairs[0].target), pairs[1]]
    with torch.no_grad():
        total, count = loss_of(network, network.model, batch_of(network, some))
        parts = [loss_of(network, network.model, batch_of(network, [one])) for one in some]
    assert float(total) == pytest.approx(sum(float(loss) for loss, _ in parts), rel=1e-4)
    assert count == sum(n for _, n in parts) == sum(len(one.target) for one in some)


def test_the_loss_is_of_the_target_alone(opened):
    network = opened("llama")
    batch = batch_of(network, [Pair([3, 4, 5], [6, 1]), Pair([3], [7, 8, 9, 1])])
    assert batch["labels"].tolist() == [[IGNORED] * 3 + [6, 1], [IGNORED, 7, 8, 9, 1]]
    assert batch["attention_mask"].tolist() == [[1] * 5, [1] * 5]
    with torch.no_grad():
        logits = network.model(input_ids=batch["input_ids"]).logits
    by_hand = sum(
        -torch.log_softmax(logits[row, place - 1], -1)[token]
        for row, line in enumerate(batch["labels"].tolist())
        for place, token in enumerate(line)
        if token != IGNORED
    )
    with torch.no_grad():
        total, _ = loss_of(network, network.model, batch)
    assert float(total) == pytest.approx(float(by_hand), rel=1e-4)


def test_confidence_is_the_mean_probability_of_the_tokens(opened):
    network = opened("llama")
    numbers = [[3, 4, 5]]
    texts, sure, _ = decoded(network, network.model, numbers, Decoding(4))
    row, logs = list(numbers[0]), []
    for _ in range(4):
        with torch.no_grad():
            values = torch.log_softmax(network.model(input_ids=torch.tensor([row])).logits[0, -1], -1)
        row.append(int(values.argmax()))
        logs.append(float(values.max()))
        if row[-1] == network.end:
            break
    assert texts[0] == network.tokenizer.decode([n for n in row[3:] if n != network.end], skip_special_tokens=True)
    assert sure[0] == pytest.approx(np.exp(np.mean(logs)), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_is_stored_and_read_again_writes_the_same(opened, networks, recipe, kind, tmp_path):
    from datasets import Dataset

    network = opened(kind)
    rows, _, pairs = told(network, 24)
    found = tuned(network, pairs[8:], pairs[:8], Course(1, 1e-2, 8, Shape(4, 0.5)))
    schema = recipe.schema.model_copy(update={"input": ("english",), "label": "german"})
    model = Generated(network, schema, Manner("", 32, Decoding(8), "f1"), (found.tensors, found.shape))
    table = Dataset.from_dict(rows)
    model.save(tmp_path)
    again = Generated.load(tmp_path, recipe, evenhand.backbone(f"hf:{networks[kind]}"))
    assert again.write(table)[0] == model.write(table)[0]
    assert np.array_equal(again.scores(table), model.scores(table))
    assert "tmp" not in (tmp_path / "generated.json").read_text()
    other = next(name for name in KINDS if name != kind)
    with pytest.raises(BadInput, match="other weights than backbone"):
        Generated.load(tmp_path, recipe, evenhand.backbone(f"hf:{networks[other]}"))


def test_only_the_last_layers_get_updates_where_that_is_asked(opened):
    network = opened("llama")
    whole, half = targets_of(network, 1.0), targets_of(network, 0.5)
    assert half
    assert set(half) < set(whole)
    assert all(".1." in name for name in half)
    assert not any("lm_head" in name for name in whole)


def test_a_folder_with_pickled_weights_alone_is_refused(networks, recipe, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((networks["t5"] / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(BadInput, match="only pickled weights"):
        open_network(evenhand.backbone(f"hf:{tmp_path}"), recipe)


def test_weights_of_another_network_are_refused(networks, recipe, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((networks["t5"] / name).read_bytes())
    config = tiny_networks.described(networks["t5"]) | {"num_layers": 3, "num_decoder_layers": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="no whole network.*block.2"):
        open_network(evenhand.backbone(f"hf:{tmp_path}"), recipe)


def test_an_encoder_cannot_write(recipe):
    with pytest.raises(BadInput, match="are no whole network that writes"):
        open_network(evenhand.backbone("all-minilm-l6-v2"), recipe)


def test_a_long_text_is_cut_and_the_share_is_said(opened):
    network = opened("llama")
    text, read, lost = shortened(network.tokenizer, "the red cat sees the house " * 4, 10)
    assert text == "the red cat sees the house the red cat sees"
    assert (read, lost) == (10, 14)
    found = prompts(network, ["the cat", "the red cat sees the house " * 4], "", 10)
    assert found.lost == [0, 14]
    assert "cut after 10 tokens: 1 of 2 texts" in found.note("text", 10)
    assert prompts(network, ["the cat"], "", 10).note("text", 10).startswith("no text is longer")


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_are_written_for(opened, kind):
    network = opened(kind)
    sources = ["", "\x00\x07\u200f", "a" * 200_000, "日本語 mixed العربية 🙂", "the\ud800cat"[:3]]
    found = prompts(network, sources, "", 16)
    assert all(found.numbers)
    assert max(map(len, found.numbers)) < network.positions
    texts, sure, _ = decoded(network, network.model, found.numbers, Decoding(3))
    assert len(texts) == len(sources)
    assert np.isfinite(sure).all()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9))
def test_batches_hold_every_row_once_and_like_sizes(sizes, batch):
    made = bucketed(sizes, batch, np.random.default_rng(0))
    assert sorted(place for mine in made for place in mine) == list(range(len(sizes)))
    spans = sorted((min(sizes[i] for i in mine), max(sizes[i] for i in mine)) for mine in made)
    assert all(one[1] <= two[0] or one == two for one, two in pairwise(spans))


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_the_side_that_is_filled_is_the_one_that_is_not_gone_on_from(opened, kind):
    numbers, mask = padded(opened(kind), [[5, 6, 7], [8]])
    filled = [[0, 0, 8]] if kind == "llama" else [[8, 0, 0]]
    assert numbers.tolist()[1:] == filled
    assert mask.sum().item() == 4


@pytest.mark.parametrize(
    ("text", "count", "first"),
    [
        ("It rains, Dr. who? Yes! No.", 2, "It rains, Dr. who?"),
        ("今天很好。明天呢？好", 2, "今天很好。 明天呢？"),
        ("no mark at all", 3, "no mark at all"),
        ("a line\nanother", 1, "a line"),
        ("version 2.5 is out. Take it.", 1, "version 2.5 is out."),
        ("", 1, ""),
    ],
)
def test_first_sentences(text, count, first):
    assert lead(text, count) == first


def test_plain_baselines_are_read_again(tmp_path):
    from datasets import Dataset

    rows = Dataset.from_dict({"text": ["One. Two. Three.", ""]})
    for model in (LeadSentences(2, ["text"]), CopiedSource(["text"])):
        model.save(tmp_path)
        assert type(model).load(tmp_path).write(rows)[0] == model.write(rows)[0]
    assert LeadSentences(2, ["text"]).write(rows)[0] == ["One. Two.", None]
