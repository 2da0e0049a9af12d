"""Writes texts: greedily, in batches of like length, always the same for the same network and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList

from evenhand_nlp.writing.network import Network

BATCH = 16
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How texts are written. most: tokens of a text at most. repeat: penalty on tokens that were written or read.

    no_repeat: no run of so many tokens comes twice in a text; 0: any may.
    """

    most: int
    repeat: float = 1.0
    no_repeat: int = 0


class _Sureness(LogitsProcessor):
    """Adds up the log probability of the likeliest token, which greedy decoding takes, until each text has ended."""

    def __init__(self, end: int) -> None:
        self.end, self.total, self.count, self.open = end, None, None, None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        best, token = torch.log_softmax(scores.float(), -1).max(-1)
        if self.total is None:
            self.total, self.count = torch.zeros_like(best), torch.zeros_like(best)
            self.open = torch.ones_like(best, dtype=torch.bool)
        self.total = self.total + torch.where(self.open, best, torch.zeros_like(best))
        self.count = self.count + self.open.to(best.dtype)
        self.open = self.open & (token != self.end)
        return scores


def decoded(
    network: Network, model: Any, numbers: Sequence[Sequence[int]], how: Decoding, told: Told | None = None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(the text after each prompt; the mean probability of its tokens; whether it was stopped by `how.most`)."""
    texts, sure, stopped = [""] * len(numbers), np.zeros(len(numbers)), np.zeros(len(numbers), bool)
    order = sorted(range(len(numbers)), key=lambda i: -len(numbers[i]))
    for start in range(0, len(order), BATCH):
        mine = order[start : start + BATCH]
        made, how_sure = _batch(network, model, [numbers[i] for i in mine], how)
        for place, tokens, value in zip(mine, made, how_sure, strict=True):
            ended = network.end in tokens
            kept = tokens[: tokens.index(network.end)] if ended else tokens
            texts[place] = network.tokenizer.decode(kept, skip_special_tokens=True).strip()
            sure[place], stopped[place] = value, not ended
        if told is not None:
            told(min(start + BATCH, len(order)), len(order))
    return texts, sure, stopped


def _batch(
    network: Network, model: Any, some: Sequence[Sequence[int]], how: Decoding
) -> tuple[list[list[int]], list[float]]:
    inputs, mask = padded(network, some)
    measure = _Sureness(network.end)
    device = next(model.parameters()).device
    settings: dict[str, Any] = {"repetition_penalty": how.repeat, "no_repeat_ngram_size": how.no_repeat}
    with torch.no_grad():
        found = model.generate(
            input_ids=inputs.to(device),
            attention_mask=mask.to(device),
            max_new_tokens=how.most,
            do_sample=False,
            num_beams=1,
            pad_token_id=network.pad,
            logits_processor=LogitsProcessorList([measure]),
            **{name: value for name, value in settings.items() if value not in (0, 1.0)},
        )
    made = found[:, inputs.shape[1] :] if network.causal else found[:, 1:]
    share = (measure.total / measure.count.clamp(min=1)).exp()
    return made.tolist(), share.clamp(0, 1).tolist()


def padded(network: Network, some: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """(token numbers, mask), filled on the left where the network goes on after them, else on the right."""
    longest = max(1, *(len(one) for one in some)) if len(some) > 1 else max(1, len(some[0]))
    numbers = torch.full((len(some), longest), network.pad, dtype=torch.long)
    mask = torch.zeros_like(numbers)
    for row, one in enumerate(some):
        place = slice(longest - len(one), longest) if network.causal else slice(0, len(one))
        numbers[row, place] = torch.tensor(one, dtype=torch.long)
        mask[row, place] = 1
    return numbers, mask
