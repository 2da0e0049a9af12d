"""A trained network as its modality's own library reads it: transformers' folder for text, timm's for images.

config.json, model.safetensors    the network; an image network with its head, where timm has that head's place
tokenizer*, modules.json, …       text: also what sentence-transformers reads, so that it pools as we do
head.safetensors                  the head, for evenhand; transformers' classifiers pool otherwise than we do
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evenhand.adapting.weights import load_tensors, save_tensors
from evenhand.errors import BadInput

BODY, HEAD_TENSORS, CONFIG = "model.safetensors", "head.safetensors", "config.json"
MODULES = "sentence_transformers.models."


def write_network(network: Any, encoder: Any, folder: Path, classes: Sequence[Any]) -> None:
    """Write the body, and what the library needs beside it, into `folder`."""
    names = [str(value) for value in classes] or ["value"]
    write = {"text": _write_text, "image": _write_image}[encoder.modality]
    write(network, encoder, folder, names)


def fill_network(network: Any, encoder: Any, folder: Path) -> None:
    """Put the stored body into `network`, to the last bit; BadInput where it is damaged or of another architecture."""
    {"text": _fill_text, "image": _fill_image}[encoder.modality](network, folder)


def _write_text(network: Any, encoder: Any, folder: Path, names: list[str]) -> None:
    body = network.body
    body.model.config.id2label = dict(enumerate(names))
    body.model.config.label2id = {name: number for number, name in enumerate(names)}
    body.model.save_pretrained(folder)
    tokenizer = copy.deepcopy(encoder.tokenizer)
    tokenizer.model_max_length = encoder.max_length  # where texts were cut in training
    tokenizer.save_pretrained(folder)
    parts = [("Transformer", ""), ("Pooling", "1_Pooling"), *([("Normalize", "2_Normalize")] if body.normalise else [])]
    listed = [{"idx": n, "name": str(n), "path": at, "type": MODULES + part} for n, (part, at) in enumerate(parts)]
    _write_json(folder / "modules.json", listed)
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": encoder.max_length, "do_lower_case": False})
    (folder / "1_Pooling").mkdir()
    cls = body.pooling == "cls"
    pooling = {"pooling_mode_cls_token": cls, "pooling_mode_mean_tokens": not cls}
    _write_json(folder / "1_Pooling" / CONFIG, {"word_embedding_dimension": encoder.width, **pooling})


def _fill_text(network: Any, folder: Path) -> None:
    import torch
    from safetensors import SafetensorError

    model = network.body.model
    try:
        found, told = type(model).from_pretrained(
            folder,
            config=model.config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except SafetensorError as error:
        raise BadInput(f"{folder / BODY} is damaged ({error}); run the recipe again") from None
    except RuntimeError as error:
        raise _misfit(folder, str(error).strip().split("\n")[-1].strip()) from None
    if told["missing_keys"]:
        raise _misfit(folder, f"it has no {min(told['missing_keys'])}")
    network.body.model = found


def _write_image(network: Any, encoder: Any, folder: Path, names: list[str]) -> None:
    whole, model = _with_classifier(network, encoder), network.body.model
    described = {
        "input_size": [3, encoder.size, encoder.size],
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "mean": list(encoder.mean),
        "std": list(encoder.deviation),
        "num_classes": len(names) if whole else 0,
        **{
            key: model.pretrained_cfg[key]
            for key in ("first_conv", "classifier", "fixed_input_size")
            if key in model.pretrained_cfg
        },
    }
    about: dict[str, Any] = {
        "architecture": model.pretrained_cfg["architecture"],
        "num_classes": described["num_classes"],
        "num_features": model.num_features,
        "pretrained_cfg": described,
    }
    if whole:
        about["label_names"] = names
    if encoder.arguments:
        about["model_args"] = dict(encoder.arguments)
    save_tensors(_on_disk(whole or model), folder / BODY)
    _write_json(folder / CONFIG, about)


def _with_classifier(network: Any, encoder: Any) -> Any | None:
    """timm's network with our head as its classifier; None where its own head is made otherwise, or ours sits on
    middle layers. That both give the same is tried, not assumed."""
    import timm
    import torch

    model, head = network.body.model, network.head
    architecture = model.pretrained_cfg["architecture"]
    whole: Any = timm.create_model(
        architecture, pretrained=False, num_classes=head.out_features, **encoder.arguments
    ).eval()
    classifier = whole.get_classifier()
    place = next((name for name, part in whole.named_modules() if part is classifier), None)
    shape = getattr(classifier, "in_features", None), getattr(classifier, "out_features", None)
    if not isinstance(classifier, torch.nn.Linear) or shape != (head.in_features, head.out_features):
        return None
    mine = {f"{place}.weight": head.weight, f"{place}.bias": head.bias}
    tensors = {name: value.detach().cpu() for name, value in (model.state_dict() | mine).items()}
    if set(tensors) != set(whole.state_dict()):
        return None
    whole.load_state_dict(tensors)
    picture = torch.randn((2, 3, encoder.size, encoder.size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = copy.deepcopy(network).cpu().eval()(pixels=picture)["logits"]
        return whole if torch.allclose(whole(picture), ours, rtol=1e-4, atol=1e-5) else None


def _fill_image(network: Any, folder: Path) -> None:
    model = network.body.model
    wanted = model.state_dict()
    tensors = {name: value for name, value in load_tensors(folder / BODY).items() if name in wanted}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise _misfit(folder, str(error).strip().split("\n")[-1].strip()) from None


def _on_disk(module: Any) -> dict[str, Any]:
    return {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}


def _misfit(folder: Path, reason: str) -> BadInput:
    return BadInput(
        f"the weights in {folder / BODY} do not fit the backbone's architecture: {reason}; run the recipe again"
    )


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
