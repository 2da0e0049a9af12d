"""Weights that a package brings as a GGUF file: checked, dequantised, kept as safetensors in the cache.

The numbers of the file are four bits with a scale per block; they are written as half precision, whose own rounding
(2^-11) is far below theirs. transformers reads the file and its tokenizer; no code of the package is run.
"""

from __future__ import annotations

import contextlib
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import atomic, digest
from evenhand.pretrained.locate import WEIGHTS, check_digest, packaged_file
from evenhand.recorded.run_folder import cache_folder
from evenhand.values import Backbone

RECORD = "converted.json"


def unpacked(backbone: Backbone) -> Path:
    """The cache's folder, in transformers' format, of a `gguf:PACKAGE/FILE` source; made once.

    Raises BadInput where the package or the reader of its format is missing, or the file is not the card's.
    """
    file = packaged_file(backbone, backbone.source.partition(":")[2])
    if not backbone.card.sha256:
        raise BadInput(f"backbone '{backbone.name}' is a GGUF file, which needs the sha256 on its card; add it")
    check_digest(backbone, file)
    folder = cache_folder() / "backbones" / f"{backbone.name}-{backbone.card.sha256[:16]}"
    if not _whole(folder):
        if find_spec("gguf") is None:
            raise BadInput(
                f"backbone '{backbone.name}' is a GGUF file, and the Python package gguf, which reads it, is not"
                f" installed; {backbone.options.get('install') or 'pip install gguf'}"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic(folder) as temporary:
            _convert(file, temporary)
    return folder


def _whole(folder: Path) -> bool:
    """Whether the converted weights are there, as they were written."""
    try:
        about = json.loads((folder / RECORD).read_text("utf-8"))
        return bool(about["sha256"] == digest(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from evenhand.pretrained.processor import silence_transformers

    silence_transformers()
    given: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own, which no setting takes away
        read: Any = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **given)
    tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, **given)
    config = read.config
    for key in ("quantization_config", "_name_or_path"):
        if hasattr(config, key):
            delattr(config, key)
    kind: Any = AutoModelForCausalLM
    plain = kind.from_config(config)  # the one that was read believes itself quantised
    plain.load_state_dict(read.state_dict())
    plain.tie_weights()
    folder.mkdir()
    plain.half().save_pretrained(folder, max_shard_size="100GB")
    tokenizer.save_pretrained(folder)
    about = {"converted_from": file.name, "sha256": digest(folder / WEIGHTS)}
    (folder / RECORD).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
