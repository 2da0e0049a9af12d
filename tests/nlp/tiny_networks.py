"""Tiny networks that write, with random weights: a T5, a Marian and a Llama, as folders of safetensors."""

import json

WORDS = (
    *("<pad>", "</s>", "<unk>", "the", "a", "cat", "dog", "bird", "sees", "runs", "to", "house", "tree"),
    *("red", "blue", "small", "big", "katze", "hund", "vogel", "sieht", "läuft", "zum", "haus", "baum"),
    *("rot", "blau", "klein", "gross", "die", "der", "das"),
)


def tokenizer_into(folder, bos=False):
    """A tokenizer that knows WORDS, as transformers' fast ones are stored."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {word: place for place, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if not bos:
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **names).save_pretrained(folder)


def t5(folder):
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(WORDS),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer_into(folder)
    return folder


def marian(folder):
    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(WORDS),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        dropout=0.0,
        init_std=0.3,
    )
    MarianMTModel(config).save_pretrained(folder)
    tokenizer_into(folder)
    return folder


def llama(folder):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer_into(folder, bos=True)
    return folder


def pairs(count=120):
    """Columns english and german of small sentences, word by word."""
    import itertools

    nouns = {"cat": "katze", "dog": "hund", "bird": "vogel"}
    colours = {"red": "rot", "blue": "blau", "small": "klein", "big": "gross"}
    verbs = {"sees the house": "sieht das haus", "runs to the tree": "läuft zum baum"}
    made = [
        (f"the {colour} {noun} {verb}", f"die {colours[colour]} {nouns[noun]} {verbs[verb]}")
        for colour, noun, verb in itertools.product(colours, nouns, verbs)
    ]
    rows = [made[i % len(made)] for i in range(count)]
    return {"english": [a for a, _ in rows], "german": [b for _, b in rows]}


def described(folder):
    """What config.json says."""
    return json.loads((folder / "config.json").read_text())
