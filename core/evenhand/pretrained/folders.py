"""A backbone as a folder that anybody may hand on: model.safetensors, config.json, card.json with its sha256.

config.json is the library's: timm's ("architecture"), transformers' ("model_type"), or evenhand's own for tables.
card.json says what the weights were pretrained on, their licence, size, known bias, and the command that made them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from evenhand.errors import BadInput
from evenhand.files import backbone_folder, digest
from evenhand.pretrained.locate import WEIGHTS, no_weights
from evenhand.values import Backbone, BackboneCard, Modality

CARD, CONFIG = "card.json", "config.json"
FORMAT = "evenhand-backbone"
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
COUNTED = ("running_mean", "running_var", "num_batches_tracked")  # batch norm's statistics are no parameters
RANDOM = BackboneCard("nothing: random weights", "none needed", 0, 0.0)


def unlisted(name: str) -> Backbone | None:
    """The backbone that `local:DIR`, `hf:DIR`, `hf:OWNER/NAME`, `timm:ARCHITECTURE` or `package:NAME` is; None for any
    other name."""
    kind, _, rest = name.partition(":")
    if kind == "package":
        from evenhand.pretrained.tabular.packaged import packaged_backbone  # brings Polars, which lists do not need

        return packaged_backbone(rest)
    if kind == "local":
        return open_backbone(rest)
    if kind == "hf":
        return _of_transformers(name, rest)
    return Backbone(name, "image", name, RANDOM) if kind == "timm" else None


def _of_transformers(name: str, rest: str) -> Backbone:
    """A text network in transformers' format, in a folder or on the hub, of which evenhand knows no more than that."""
    folder = Path(rest).expanduser()
    here = folder.is_dir() or folder.is_absolute()
    url = "" if here else f"https://huggingface.co/{rest}"
    card = BackboneCard("not told; see its own model card", "not told; see its own model card", 0, 0.0, url=url)
    return Backbone(name, "text", f"local:{folder.absolute()}" if here else f"hub:{rest}", card)


def open_backbone(path: str | Path) -> Backbone:
    """The backbone in a folder, described by its card and config; nothing of the weights is read.

    Raises BadInput where the folder, the card, the config or the weights are missing or say nothing that can be used.
    """
    folder = backbone_folder(Path(path).expanduser())
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder} with a backbone; `evenhand pretrain BACKBONE --out DIR` makes one")
    if not (folder / WEIGHTS).is_file():
        raise no_weights("local", folder)
    told, config = _read(folder, CARD), _read(folder, CONFIG)
    known = {field.name for field in fields(BackboneCard)}
    try:
        card = BackboneCard(**{key: value for key, value in told.items() if key in known})
    except TypeError as error:
        lacking = str(error).rpartition(": ")[2]
        raise BadInput(f"{folder / CARD} does not say {lacking}, which every card must; add it") from None
    if not isinstance(card.sha256, str) or not SHA256.fullmatch(card.sha256):
        raise BadInput(f"{folder / CARD} has no sha256 of {WEIGHTS}, which every local backbone needs; add it")
    name = str(told.get("name") or folder.name)
    return Backbone(name, _modality(folder, config), f"local:{folder.absolute()}", card, _options(folder, config))


def _options(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """timm's arguments and the layers to choose from. Only numbers: an argument may also name a file to be read."""
    arguments, layers = config.get("model_args") or {}, config.get("layers") or []
    if not isinstance(arguments, Mapping) or not all(isinstance(value, int | float) for value in arguments.values()):
        raise BadInput(f"model_args in {folder / CONFIG} may hold numbers, true and false alone; take the others out")
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        raise BadInput(f"layers in {folder / CONFIG} must be a list of names of the network's layers")
    return {**arguments, **({"layers": tuple(layers)} if layers else {})}


def write_card(folder: Path, name: str, card: BackboneCard, command: str) -> None:
    """Put card.json beside the weights that lie in `folder`."""
    about = {"format": FORMAT, "name": name, **asdict(card), "command": command}
    (folder / CARD).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")


def measured(folder: Path, pretrained_on: str, licence: str, known_bias: str) -> BackboneCard:
    """A card whose parameters, size and sha256 are those of the weights in `folder`."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="np") as file:
        names = [name for name in file.keys() if not name.endswith(COUNTED)]  # noqa: SIM118
        parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    size = round((folder / WEIGHTS).stat().st_size / 1e6, 3)
    return BackboneCard(pretrained_on, licence, parameters, size, digest(folder / WEIGHTS), known_bias)


def _modality(folder: Path, config: Mapping[str, Any]) -> Modality:
    """What kind of network the config describes."""
    if isinstance(config.get("architecture"), str):
        return "image"
    if isinstance(config.get("model_type"), str):
        return "text"
    if isinstance(config.get("shape"), Mapping):
        return "table"
    raise BadInput(
        f'{folder / CONFIG} describes no network: it needs timm\'s "architecture", transformers\' "model_type", or the '
        '"shape" of the tabular network'
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        needs = (
            f"what it was pretrained on, licence, parameters, size_mb and sha256 of {WEIGHTS}"
            if name == CARD
            else "the network's architecture"
        )
        raise BadInput(f"the backbone folder {folder} has no {name}; it must say {needs}") from None
    except (OSError, ValueError, RecursionError):
        raise BadInput(f"{folder / name} cannot be read as JSON; write it again") from None
    if not isinstance(found, dict):
        raise BadInput(f"{folder / name} holds no JSON object; write it again")
    return found
