"""Text backbones: transformers' encoders, with sentence-transformers' pooling where the folder describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn
from torch.nn import functional

from evenhand.errors import BadInput
from evenhand.pretrained.locate import WEIGHTS
from evenhand.pretrained.network import Network, identity_of, run_batches, with_head
from evenhand.pretrained.processor import precision, silence_transformers
from evenhand.pretrained.weights_folder import weights_folder

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.recipe import Recipe
    from evenhand.schema import Schema
    from evenhand.values import Backbone


def texts_of(rows: Dataset, schema: Schema) -> list[str]:
    """The input columns of each row as one text, a line each; a missing value is an empty line."""
    columns = [schema.require("input", "a text recipe")] if len(schema.input) < 2 else list(schema.input)
    values = [list(rows[column]) for column in columns]
    return ["\n".join("" if part is None else str(part) for part in row) for row in zip(*values, strict=True)]


class Sentence(nn.Module):
    """One vector per text: the tokens' last hidden states pooled, and scaled to length 1 where asked."""

    def __init__(self, model: nn.Module, pooling: str, normalise: bool) -> None:
        super().__init__()
        self.model, self.pooling, self.normalise = model, pooling, normalise

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.model(**inputs).last_hidden_state
        if self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return functional.normalize(pooled, dim=-1) if self.normalise else pooled


class TextEncoder:
    """See `evenhand.pretrained.Encoder`."""

    modality = "text"
    variant = ""

    def __init__(
        self, body: Sentence, tokenizer: Any, width: int, max_length: int, number_format: str, files: dict[str, str]
    ) -> None:
        self.body, self.tokenizer, self.width = body, tokenizer, width
        self.max_length, self.number_format = max_length, number_format
        description = {
            "max_length": max_length,
            "format": number_format,
            "pooling": body.pooling,
            "unit": body.normalise,
            **files,
        }
        self.identity = identity_of(body, description)

    def variants(self) -> list[TextEncoder]:
        """Itself alone."""
        return [self]

    def contents(self, rows: Dataset, schema: Schema) -> list[bytes]:
        """The text of each row, encoded."""
        return [text.encode("utf-8", "surrogatepass") for text in texts_of(rows, schema)]

    def examples(self, rows: Dataset, schema: Schema) -> list[dict[str, Any]]:
        """The token numbers of each row, cut at `max_length`."""
        tokens = self.tokenizer(
            texts_of(rows, schema), truncation=True, max_length=self.max_length, return_attention_mask=False
        )
        return [{"input_ids": numbers} for numbers in tokens["input_ids"]]

    def sizes(self, examples: Sequence[dict[str, Any]]) -> list[int]:
        """Tokens of each example."""
        return [len(example["input_ids"]) for example in examples]

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Token numbers and mask of shape [batch, longest], padded on the right."""
        shape = len(examples), max(1, *self.sizes(examples))
        numbers = np.full(shape, self.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, example in enumerate(examples):
            length = len(example["input_ids"])
            numbers[row, :length] = example["input_ids"]
            mask[row, :length] = 1
        batch = {"input_ids": torch.from_numpy(numbers), "attention_mask": torch.from_numpy(mask)}
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        return batch

    def features(self, rows: Dataset, schema: Schema) -> np.ndarray:
        """float32 of shape [rows, width]."""
        if not len(rows):
            return np.empty((0, self.width), np.float32)
        return run_batches(self.body, self, self.examples(rows, schema), self.number_format)

    def together(self, variants: Sequence[Any], rows: Dataset, schema: Schema) -> list[np.ndarray]:
        """There is one variant."""
        return [one.features(rows, schema) for one in variants]

    def module(self, n_out: int, task: str = "multiclass", label_smoothing: float = 0.0) -> Network:
        """A trainable copy with a fresh head."""
        return with_head(self.body, self.width, n_out, task, label_smoothing)


def load_text(backbone: Backbone, recipe: Recipe) -> TextEncoder:
    """The encoder in the backbone's folder; BadInput where the folder is not one that transformers reads."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    silence_transformers()
    folder = weights_folder(backbone)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **options)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model, told = AutoModel.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told, and refused below in one sentence
            **options,
        )
    except SafetensorError as error:
        raise BadInput(
            f"backbone '{backbone.name}': {folder / WEIGHTS} is cut off or damaged ({error}); put the whole file there"
        ) from None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BadInput(
            f"backbone '{backbone.name}': {folder} is not a text model in transformers' format: {reason}"
        ) from None
    _check_whole(backbone, folder, told)
    pooling, normalise = _pooling(folder)
    return TextEncoder(
        Sentence(model.eval(), pooling, normalise),
        tokenizer,
        int(config.hidden_size),
        min(recipe.finetune.max_length, _longest(config, tokenizer)),
        precision(recipe),
        {name: (folder / name).read_text("utf-8") for name in ("tokenizer_config.json",) if (folder / name).exists()},
    )


def _check_whole(backbone: Backbone, folder: Path, told: dict[str, Any]) -> None:
    """BadInput where the network has weights that the file did not bring: transformers would draw them at random.

    A pooler may be missing, as in networks that were trained on masked tokens: we pool ourselves.
    """
    lost = sorted(name for name in told["missing_keys"] if "pooler" not in name.split("."))
    lost += sorted(str(entry[0]) for entry in told["mismatched_keys"])
    if lost:
        raise BadInput(
            f"backbone '{backbone.name}': the weights in {folder / WEIGHTS} are of another architecture than its"
            f" config.json, which wants {len(lost)} tensors that are not there, such as {lost[0]}; put weights and"
            " config.json of one network there"
        )


def _longest(config: Any, tokenizer: Any) -> int:
    """Tokens that the network has positions for; RoBERTa's kind spends `pad_token_id` + 1 of them on padding."""
    positions = int(getattr(config, "max_position_embeddings", None) or 10**9)
    spent = (config.pad_token_id or 0) + 1 if "roberta" in str(config.model_type) else 0
    return min(positions - spent, int(tokenizer.model_max_length))


def _pooling(folder: Path) -> tuple[str, bool]:
    """(mean or cls, scale to length 1) as a sentence-transformers folder says; else (mean, False)."""
    file = folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return "mean", False
    described = json.loads(file.read_text("utf-8"))
    modules = folder / "modules.json"
    unit = modules.is_file() and "Normalize" in modules.read_text("utf-8")
    return ("cls" if described.get("pooling_mode_cls_token") else "mean"), unit
