"""The training loop: transformers' Trainer, made quiet, deterministic and equal on one or several processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from evenhand.pretrained.network import Network
from evenhand.pretrained.processor import precision, silence_transformers

if TYPE_CHECKING:
    from evenhand.adapting.setting import Setting

HEAD_PACE = 10.0  # the head's learning rate, in multiples of the body's


class Told(TrainerCallback):
    """Passes steps to `run.progress` and losses to `run.log`."""

    def __init__(self, run: Any, what: str) -> None:
        self.run, self.what = run, what

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Every hundredth of the way is news enough."""
        if state.global_step % max(1, state.max_steps // 100) == 0 or state.global_step == state.max_steps:
            self.run.progress(state.global_step, state.max_steps, self.what)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """The epoch's mean loss."""
        if logs and "loss" in logs:
            self.run.log(self.what, **logs)


class Bucketed(Trainer):
    """A Trainer whose batches hold rows of about one size, whatever the rows are made of."""

    def __init__(self, sizes: Sequence[int] | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.sizes = None if sizes is None else list(sizes)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.sizes is None:
            return super()._get_train_sampler(train_dataset)
        return LengthGroupedSampler(self.args.train_batch_size, lengths=self.sizes)


def run_trainer(
    setting: Setting, network: Network, data: Sequence[dict[str, Any]], what: str, collate: Any = None
) -> None:
    """Train `network` on `data` as the recipe says, in place. The recipe's batch is divided among processes.

    collate: what makes a batch of rows, where that is not the encoder's.
    """
    recipe, run = setting.recipe, setting.run
    rule = recipe.finetune
    silence_transformers()
    share = max(1, math.ceil(rule.batch_size / run.world_size))
    steps = rule.epochs * math.ceil(len(data) / (share * run.world_size))
    arguments = TrainingArguments(
        output_dir=str(run.scratch / "trainer"),
        per_device_train_batch_size=share,
        num_train_epochs=rule.epochs,
        learning_rate=rule.learning_rate,
        weight_decay=rule.weight_decay,
        warmup_steps=int(rule.warmup * steps),
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        bf16=precision(recipe) == "bf16",
        seed=recipe.seed,
        data_seed=recipe.seed,
        logging_strategy="epoch",
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=True,  # such as BERT's pooler, which a mean over tokens never asks
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = Bucketed(
        _sizes(data) if recipe.modality == "text" else None,
        model=network,
        args=arguments,
        train_dataset=data,
        data_collator=collate or setting.encoder.collate,
        optimizers=(_optimizer(network, rule.learning_rate, rule.weight_decay), None),
        callbacks=[Told(run, what)],
    )
    trainer.model_accepts_loss_kwargs = False  # our loss is a mean over the batch: Trainer must not rescale it
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.accelerator.unwrap_model(
        network, keep_fp32_wrapper=False
    )  # or bf16 training leaves autocast in its forward
    network.to("cpu")


def _sizes(data: Sequence[dict[str, Any]]) -> list[int]:
    """Tokens of each row, whether it holds their numbers or what lower layers made of them."""
    rows = (data[i] for i in range(len(data)))
    return [len(row["input_ids"] if "input_ids" in row else row["inputs_embeds"]) for row in rows]


def _optimizer(network: Network, rate: float, decay: float) -> torch.optim.Optimizer:
    """AdamW; the head moves faster than the body, and biases and norms are not decayed."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("head."), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": some, "lr": rate * (HEAD_PACE if head else 1.0), "weight_decay": decay if matrix else 0.0}
            for (head, matrix), some in groups.items()
        ]
    )
