"""Networks that write, opened from a folder: causal ones (small instruct models) and sequence to sequence (T5, Marian).

Only safetensors are read, no code of the folder is run, and a folder whose weights lack a tensor is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evenhand import Backbone, BadInput, Recipe, weights_folder
from evenhand_nlp.writing.measures import needed
from evenhand_nlp.writing.needs import needs_backbone

SHORTEST = 8  # tokens of a source that are always read
UNLIMITED = 10**6


@dataclass(frozen=True)
class Network:
    """A loaded network. causal: it goes on where the prompt ends; else it reads the source and writes the target.

    identity: sha256 of weights and configuration. positions: tokens that it can read (and, if causal, write) at once.
    """

    model: Any
    tokenizer: Any
    causal: bool
    identity: str
    positions: int
    name: str

    @property
    def end(self) -> int:
        """The token after which nothing follows."""
        told = self.model.generation_config.eos_token_id
        last = told[0] if isinstance(told, list) else told
        return int(self.tokenizer.eos_token_id if last is None else last)

    @property
    def pad(self) -> int:
        """The token that fills batches."""
        return int(self.end if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id)


def open_network(backbone: Backbone | None, recipe: Recipe) -> Network:
    """The backbone's network. BadInput where there is none, or its folder is not one that transformers can write with.

    The last one that was opened is kept, since a run's model and its untuned baseline share it.
    """
    import torch

    needed("peft")
    if backbone is None:
        raise BadInput(needs_backbone(recipe))
    torch.set_num_threads(recipe.finetune.threads or torch.get_num_threads())
    if backbone.modality != "text":
        raise BadInput(f"backbone '{backbone.name}' reads {backbone.modality}, and cannot write; choose another one")
    folder = weights_folder(backbone)
    return _opened(folder, identity_of(folder), backbone.name)


def identity_of(folder: Path) -> str:
    """sha256 of the weights and of what says how they are read."""
    found = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


@lru_cache(maxsize=1)
def _opened(folder: Path, identity: str, name: str) -> Network:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **safe)
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        causal = not config.is_encoder_decoder
        kind: Any = AutoModelForCausalLM if causal else AutoModelForSeq2SeqLM
        loading = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        model, told = kind.from_pretrained(folder, config=config, **loading, **safe)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise BadInput(f"backbone '{name}': {folder} holds no network that can write: {reason}") from None
    lost = sorted(told["missing_keys"]) + sorted(str(entry[0]) for entry in told["mismatched_keys"])
    if lost:
        raise BadInput(
            f"backbone '{name}': the weights in {folder} are no whole network that writes: {len(lost)} tensors are not"
            f" there, such as {lost[0]}; put weights and config.json of one such network there"
        )
    positions = min(int(getattr(config, "max_position_embeddings", None) or UNLIMITED), _longest(tokenizer))
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()  # copies of it stay there
    return Network(model, tokenizer, causal, identity, positions, name)


def _longest(tokenizer: Any) -> int:
    return min(int(tokenizer.model_max_length), UNLIMITED)


@dataclass(frozen=True, slots=True)
class Prompts:
    """Token numbers of each prompt, and how many tokens of its source were read and were not."""

    numbers: list[list[int]]
    read: list[int]
    lost: list[int]

    def note(self, what: str, limit: int) -> str:
        """How much was cut, in one sentence."""
        cut = sum(lost > 0 for lost in self.lost)
        if not cut:
            return f"no {what} is longer than the {limit} tokens that are read"
        share = sum(self.lost) / max(1, sum(self.lost) + sum(self.read))
        return f"cut after {limit} tokens: {cut} of {len(self.lost)} {what}s ({share:.1%} of all tokens are not read)"


def prompts(network: Network, sources: Sequence[str], instruction: str, limit: int) -> Prompts:
    """The prompt of each source, which is cut after `limit` tokens.

    A causal network with a chat template gets the instruction as the system's message; others get it before the source,
    a line of its own. One that reads and writes gets it as a prefix.
    """
    numbers, read, lost = [], [], []
    for source in sources:
        kept, count, gone = shortened(network.tokenizer, source, max(SHORTEST, limit))
        numbers.append(_prompt(network, kept, instruction) or [network.end])
        read.append(count)
        lost.append(gone)
    return Prompts(numbers, read, lost)


def _prompt(network: Network, source: str, instruction: str) -> list[int]:
    tokenizer = network.tokenizer
    if not network.causal:
        return list(tokenizer(f"{instruction}{source}", truncation=True, max_length=network.positions)["input_ids"])
    if not tokenizer.chat_template:
        return list(tokenizer(f"{instruction}\n{source}\n")["input_ids"])
    said = [{"role": "system", "content": instruction}, {"role": "user", "content": source}]
    if "system" not in tokenizer.chat_template:
        said = [{"role": "user", "content": f"{instruction}\n{source}"}]
    text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def shortened(tokenizer: Any, text: str, limit: int) -> tuple[str, int, int]:
    """(the text up to its `limit`th token, tokens of it, tokens that were left out)."""
    if tokenizer.is_fast:
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        count = len(found["input_ids"])
        if count <= limit:
            return text, count, 0
        return text[: found["offset_mapping"][limit - 1][1]], limit, count - limit
    found = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(found) <= limit:
        return text, len(found), 0
    return str(tokenizer.decode(found[:limit], skip_special_tokens=True)), limit, len(found) - limit
