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
    """With Marian's own tokenizer: two sentencepiece models, trained here, and a shared vocabulary."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(0)
    folder.mkdir()
    rows, pieces = pairs(24), ["</s>", "<unk>"]
    for name, language in (("source.spm", "english"), ("target.spm", "german")):
        pieces += [piece for piece in pieces_of(rows[language], folder / name) if piece not in pieces]
    pieces.append("<pad>")
    (folder / "vocab.json").write_text(json.dumps({piece: place for place, piece in enumerate(pieces)}))
    about = {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "de", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    config = MarianConfig(
        vocab_size=len(pieces),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        pad_token_id=len(pieces) - 1,
        eos_token_id=0,
        decoder_start_token_id=len(pieces) - 1,
        forced_eos_token_id=None,
        dropout=0.0,
        init_std=0.3,
    )
    MarianMTModel(config).save_pretrained(folder)
    return folder


def pieces_of(texts, file):
    """The pieces of a sentencepiece model that is trained on the texts and written to `file`."""
    import io

    import sentencepiece

    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 5), model_writer=made, vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    file.write_bytes(made.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    return [model.id_to_piece(place) for place in range(model.get_piece_size()) if model.id_to_piece(place) != "<s>"]


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
