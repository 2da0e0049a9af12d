"""Every weight of a network trained with privacy: Poisson-sampled steps, Opacus' per-sample gradients and noise.

What cannot be counted per row stays as it was pretrained: batch norms become the fixed shift and scale that their
pretrained statistics make (a batch's own would let rows see each other), token vectors and whatever the loss does not
reach stay frozen. Noise and the choice of rows come from the run's secret, not from the recipe's seed.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from evenhand.adapting.models import NetworkModel, SimpleModel, as_scores
from evenhand.adapting.probe import quality
from evenhand.adapting.setting import Setting
from evenhand.errors import BadInput
from evenhand.pretrained.network import Network, run_batches
from evenhand.pretrained.processor import device
from evenhand.privacy.budget import PRV, Spent, budget_of, opacus_here, sampled_noise
from evenhand.privacy.secret import Noise
from evenhand.values import Adapted

AT_ONCE = 32  # rows whose own gradients are held in memory at a time
HEAD_PACE = 10.0


def private_network(setting: Setting, noise: Noise | None, baselines: Mapping[str, SimpleModel]) -> Adapted:
    """Train on train with privacy, measure on validation. noise None: the same steps without clipping and noise."""
    labels, splits = setting.labels, setting.splits
    network, spent = trained(setting, noise)
    known = setting.encoder.examples(setting.validation, splits.schema)
    logits = run_batches(network, setting.encoder, known, "fp32").astype(np.float64)
    measured = {key: value for key, value in quality(logits, labels).items() if key != "selection"}
    model = NetworkModel(setting.encoder, network, splits.schema, labels.task, None, tuple(labels.classes))
    scores = setting.of_all_validation(as_scores(logits, labels.task))
    return Adapted(model, labels.classes, "full", baselines, measured, labels.notes, scores, privacy=spent)


def trained(setting: Setting, noise: Noise | None) -> tuple[Network, Spent]:
    """(the network, what it spent)."""
    recipe, labels, rule = setting.recipe, setting.labels, setting.recipe.finetune
    rows = len(labels.train)
    budget = budget_of(rule.privacy, rows)
    rate = min(1.0, rule.batch_size / rows)
    steps = max(1, round(rule.epochs / rate))
    multiplier, epsilon = sampled_noise(budget, rate, steps) if noise else (0.0, float("inf"))
    torch.manual_seed(recipe.seed)  # of the head's first weights, which are no secret
    network: Any = setting.encoder.module(labels.n_out, labels.task, rule.label_smoothing)
    examples = setting.encoder.examples(setting.splits.train, setting.splits.schema)
    with fixed_norms(network):
        _freeze(network.requires_grad_(True), setting)
        before = {name: value.detach().clone() for name, value in network.named_parameters() if value.requires_grad}
        _steps(setting, network, examples, noise, (multiplier, rate, steps))
        check_moved(before, dict(network.named_parameters()))
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    about = (PRV, multiplier, rate, steps, rule.privacy.clip, "DP-SGD (Opacus), Poisson sampling", rows)
    return network.to("cpu").eval(), Spent(epsilon, budget.delta, *about)


def check_moved(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor]) -> None:
    """BadInput where training left every weight as it was, or made one of them infinite."""
    if not all(bool(torch.isfinite(after[name]).all()) for name in before):
        raise BadInput("the private training diverged: a weight is not finite; set a smaller finetune.learning_rate")
    if all(torch.equal(value, after[name].detach().to(value.device)) for name, value in before.items()):
        raise BadInput(
            "the private training moved no weight, so what would be stored is the untrained network; set more"
            " finetune.epochs or a larger finetune.learning_rate"
        )


@contextlib.contextmanager
def fixed_norms(network: Any) -> Any:
    """Batch norms are fixed shifts and scales inside; after it they are batch norms of the same numbers again."""
    import timm.utils.model as fixing

    known: Any = fixing  # it does not say which of its names are public
    network.body = known.freeze_batch_norm_2d(network.body)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # what a hook saw must not change under it
    left = [
        name for name, module in network.named_modules() if isinstance(module, torch.nn.modules.batchnorm._NormBase)
    ]
    if left:
        raise BadInput(
            f"the network has a batch norm of another kind ('{left[0]}'), in which rows see each other; private"
            " training takes networks with layer or group norms, or strategy probe (--set finetune.strategy=probe)"
        )
    yield
    network.body = known.unfreeze_batch_norm_2d(network.body)


def _freeze(network: Any, setting: Setting) -> None:
    """Freeze token vectors and what the loss does not reach; a validation row tells."""
    embeddings = getattr(getattr(network.body, "model", None), "embeddings", None)
    if isinstance(embeddings, torch.nn.Module):
        embeddings.requires_grad_(False)
    examples = setting.encoder.examples(setting.validation, setting.splits.schema)
    batch = setting.encoder.collate([{**examples[i], "labels": setting.labels.validation[i].tolist()} for i in (0, 1)])
    network.eval()(**batch)["loss"].backward()
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.requires_grad_(False)
        parameter.grad = None


def _steps(
    setting: Setting,
    network: Any,
    examples: Sequence[dict[str, Any]],
    noise: Noise | None,
    plan: tuple[float, float, int],
) -> None:
    """Train `network` in place: `steps` steps, each on rows drawn by themselves with chance `rate`."""
    (multiplier, rate, steps), rule, targets = plan, setting.recipe.finetune, setting.labels.train.tolist()
    where = device()
    network.to(where).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    head = [p for n, p in network.named_parameters() if n.startswith("head.") and p.requires_grad]
    body = [p for n, p in network.named_parameters() if not n.startswith("head.") and p.requires_grad]
    groups = [{"params": body, "lr": rule.learning_rate}, {"params": head, "lr": rule.learning_rate * HEAD_PACE}]
    plain = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=rule.weight_decay)
    draw = noise.uniform if noise else np.random.default_rng(setting.recipe.seed).random
    generator = torch.Generator(where).manual_seed(noise.seed() if noise else 0)
    opacus = opacus_here()
    from opacus.optimizers import DPOptimizer

    clip = rule.privacy.clip if noise else 1e9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = opacus.GradSampleModule(network)
        optimizer = DPOptimizer(
            plain, noise_multiplier=multiplier, max_grad_norm=clip, generator=generator,
            expected_batch_size=max(1, round(rate * len(targets))),
        )  # fmt: skip
        for step in range(steps):
            chosen = np.flatnonzero(draw((len(targets),)) < rate).tolist()
            parts = [chosen[i : i + AT_ONCE] for i in range(0, len(chosen), AT_ONCE)]
            for number, part in enumerate(parts or [[]]):
                optimizer.signal_skip_step(do_skip=number < len(parts) - 1)
                if part:
                    batch = setting.encoder.collate([{**examples[i], "labels": targets[i]} for i in part])
                    wrapped(**{key: value.to(where) for key, value in batch.items()})["loss"].backward()
                else:
                    for parameter in optimizer.params:  # nobody was drawn: the step is noise alone
                        parameter.grad_sample = torch.zeros((0, *parameter.shape), device=where)
                optimizer.step()
                optimizer.zero_grad()
            setting.run.progress(step + 1, steps, "private training")
        wrapped.remove_hooks()
        if hasattr(wrapped, "_close"):
            wrapped._close()
    for parameter in network.parameters():
        for name in ("grad_sample", "summed_grad"):
            if hasattr(parameter, name):
                delattr(parameter, name)
