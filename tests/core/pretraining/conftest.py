"""Small pictures in folders, a tiny BERT with a mask token, and a pretraining of a few steps in this process."""

from __future__ import annotations

import pytest

TINY = {"steps": 4, "batch_size": 4, "image_size": 32, "checkpoint_every": 2, "threads": 1, "precision": "fp32"}
SAID = "card lost stolen cash transfer late refund top up wrong fee charge app pin please my the is where why"
WORDS = SAID.split()


@pytest.fixture(scope="session")
def settings():
    """settings(**changed) -> --set options of a few steps on one thread."""
    return lambda **changed: [f"pretrain.{key}={value}" for key, value in {**TINY, **changed}.items()]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Twelve pictures, in one folder for each of two classes: the red ones and the blue ones."""
    import numpy as np
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for colour, channel in (("red", 0), ("blue", 2)):
        (folder / colour).mkdir()
        for number in range(6):
            pixels = rng.integers(0, 120, (40, 36, 3)).astype(np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / colour / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def loose(tmp_path_factory, pictures):
    """The same pictures without their classes."""
    folder = tmp_path_factory.mktemp("loose")
    for place, file in enumerate(sorted(pictures.rglob("*.png"))):
        (folder / f"{place}.png").write_bytes(file.read_bytes())
    return folder


@pytest.fixture(scope="session")
def messages(tmp_path_factory):
    """Thirty lines of words."""
    import random

    rng, file = random.Random(0), tmp_path_factory.mktemp("messages") / "messages.txt"
    file.write_text("\n".join(" ".join(rng.choices(WORDS, k=6)) for _ in range(30)) + "\n")
    return file


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A backbone folder with card: a random BERT of one layer, whose tokenizer can mask."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from evenhand.pretrained.folders import measured, write_card

    folder = tmp_path_factory.mktemp("bert")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    vocabulary = {word: place for place, word in enumerate([*special.values(), *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=32, **shape)).save_pretrained(folder)
    write_card(folder, "tiny-bert", measured(folder, "nothing", "Apache-2.0", "none"), "made in a test")
    return folder
