"""Goes on pretraining a text encoder on the user's own messages, by masked tokens, before labels are looked at.

Gururangan et al. 2020, ACL: Don't Stop Pretraining (arXiv 2004.10964). The loop and the objective are those of
`evenhand pretrain`; here it is short, since a sentence encoder that goes on for long forgets what it was trained for.
"""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from evenhand.errors import BadInput
from evenhand.pretrained.text import TextEncoder
from evenhand.pretraining.loop import Plan, Tensors, learn
from evenhand.pretraining.objectives import Masked

if TYPE_CHECKING:
    from evenhand.adapting.few.labelled import Few

BATCH = 64  # messages
MASKED = 0.15  # share of the tokens that are to be guessed
RATE = 2e-5  # largest step size
MOST_STEPS = 75


def continued(few: Few) -> TextEncoder:
    """The encoder after masked tokens on the messages without a label and the labelled ones, their labels unread."""
    from transformers import DataCollatorForLanguageModeling

    setting = few.setting
    first: Any = few.encoder
    if first.tokenizer.mask_token is None:
        raise BadInput(
            f"the tokenizer of backbone '{setting.recipe.backbone}' has no mask token, which strategy 'continued'"
            " guesses; take another backbone or another strategy"
        )
    assert few.unlabelled is not None
    unread = first.examples(few.unlabelled, setting.splits.schema)
    every = [example["input_ids"] for example in [*list(few.examples)[: few.size], *unread]]
    order = _by_length(every, setting.recipe.seed)
    mask = DataCollatorForLanguageModeling(first.tokenizer, mlm=True, mlm_probability=MASKED)
    steps = min(MOST_STEPS, len(order))

    def batch(step: int) -> Tensors:
        torch.manual_seed((setting.recipe.seed * 1_000_003 + step) % 2**63)
        some = [every[i] for i in order[step]]
        special = [first.tokenizer.get_special_tokens_mask(one, already_has_special_tokens=True) for one in some]
        return dict(mask([{"input_ids": i, "special_tokens_mask": s} for i, s in zip(some, special, strict=True)]))

    body = copy.deepcopy(first.body)
    network = Masked(body.model)
    identity = hashlib.sha256(f"{first.identity} {steps}".encode()).hexdigest()
    place = setting.run.scratch / "continued"
    place.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(steps, setting.recipe.seed, RATE, 0.01, 0.1, first.number_format, place, steps + 1, identity)
    learn(network, batch, plan, lambda done, loss: setting.run.progress(done, steps, "masked tokens"))
    place.unlink(missing_ok=True)
    body.model = network.encoder
    return TextEncoder(
        body.eval(), first.tokenizer, first.width, first.max_length, first.number_format, {"from": first.identity}
    )


def _by_length(every: list[list[int]], seed: int) -> list[np.ndarray]:
    """Batches of messages of about one length, in an order by chance: little is padded."""
    rng = np.random.default_rng([seed, 13])
    rows = rng.permutation(len(every))
    rows = rows[np.argsort([len(every[i]) for i in rows], kind="stable")]
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]
