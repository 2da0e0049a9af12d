"""Weights that a package brings as a torch file: checked, read without running code, kept as safetensors in the cache.

A checkpoint of another code base names its tensors otherwise, but lists them in the order in which the layers were
made, as timm does; so names are mapped by order, and every shape must agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.errors import BadInput
from evenhand.files import atomic, digest
from evenhand.pretrained.locate import WEIGHTS, check_digest, packaged_file
from evenhand.recorded.run_folder import cache_folder
from evenhand.values import Backbone

if TYPE_CHECKING:
    import torch

COUNTER = "num_batches_tracked"  # of batch norm, which inference never reads


def converted(backbone: Backbone) -> Path:
    """The cache's folder with the weights of a `torch:PACKAGE/FILE` source under timm's names; made once.

    Raises BadInput where the package is missing, the file is not the card's, or its tensors do not fit the
    architecture.
    """
    file = packaged_file(backbone, backbone.source.partition(":")[2])
    if not backbone.card.sha256:
        raise BadInput(
            f"backbone '{backbone.name}' is a torch file, which is read only where its card names the sha256; add it"
        )
    check_digest(backbone, file)
    architecture = str(backbone.options.get("architecture", ""))
    folder = cache_folder() / "backbones" / f"{architecture}-{backbone.card.sha256[:16]}"
    if not _whole(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic(folder) as temporary:
            _convert(backbone, file, architecture, temporary)
    return folder


def _whole(folder: Path) -> bool:
    """Whether the converted weights are there, as they were written."""
    try:
        about = json.loads((folder / "config.json").read_text("utf-8"))
        return bool(about["sha256"] == digest(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _convert(backbone: Backbone, file: Path, architecture: str, folder: Path) -> None:
    import timm
    import torch
    from safetensors.torch import save_file

    model: Any = timm.create_model(architecture, pretrained=False)
    tensors = matched(backbone, torch.load(file, weights_only=True, map_location="cpu"), model.state_dict())
    folder.mkdir()
    save_file(tensors, folder / WEIGHTS)
    described = {key: model.pretrained_cfg.get(key) for key in ("mean", "std", "interpolation", "input_size")}
    about = {
        "architecture": architecture,
        "pretrained_cfg": described,
        "converted_from": file.name,
        "sha256": digest(folder / WEIGHTS),
    }
    (folder / "config.json").write_text(json.dumps(about, indent=1, default=list) + "\n", "utf-8")


def matched(
    backbone: Backbone, found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors of `found` under the names of `wanted`, both in order; BadInput where number or shapes differ."""
    theirs, ours = ([name for name in side if not name.endswith(COUNTER)] for side in (found, wanted))
    if len(theirs) != len(ours):
        raise BadInput(
            f"backbone '{backbone.name}': its file has {len(theirs)} tensors, and the architecture {len(ours)}; "
            "correct the architecture in the backbone's options"
        )
    for old, new in zip(theirs, ours, strict=True):
        if found[old].shape != wanted[new].shape:
            raise BadInput(
                f"backbone '{backbone.name}': tensor {old} has shape {tuple(found[old].shape)}, and {new} of the"
                f" architecture {tuple(wanted[new].shape)}; correct the architecture in the backbone's options"
            )
    named = {new: found[old].detach().contiguous() for old, new in zip(theirs, ours, strict=True)}
    return {**named, **{name: value for name, value in wanted.items() if name.endswith(COUNTER)}}
