"""Where a backbone's weights are, and whether they are the ones that its card promises."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

from evenhand.errors import BadInput
from evenhand.values import Backbone

WEIGHTS = "model.safetensors"
READ = ("*.json", "*.txt", "*.model", "*.spm", "*.jinja", WEIGHTS)  # what is fetched of a network on the hub
PICKLED = ("pytorch_model.bin", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def locate(backbone: Backbone) -> Path:
    """The folder that holds the backbone's weights, checked against its card.

    Raises BadInput where the package, folder or file is missing, where only pickled weights are there, or
    where the sha256 of model.safetensors is not the card's.
    """
    kind, _, name = backbone.source.partition(":")
    folder = {"embedded": _embedded, "local": _local, "hub": _hub}.get(kind, _unknown)(backbone, name)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise no_weights(backbone.name, folder)
    if backbone.card.sha256:
        check_digest(backbone, weights)
    return folder


def file_digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _embedded(backbone: Backbone, name: str) -> Path:
    return _existing(backbone, _in_package(backbone, name))


def packaged_file(backbone: Backbone, name: str) -> Path:
    """The file PACKAGE/PATH inside an installed package; BadInput where it is not there."""
    file = _in_package(backbone, name)
    if not file.is_file():
        raise BadInput(f"backbone '{backbone.name}': there is no file {file}; install its package again")
    return file


def _in_package(backbone: Backbone, name: str) -> Path:
    package, _, inside = name.partition("/")
    spec = importlib.util.find_spec(package)  # finds the package's folder without running its code
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            f"backbone '{backbone.name}' lies in the Python package '{package}', which is not installed; "
            f"install it: {backbone.options.get('install') or 'pip install ' + package.replace('_', '-')}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _local(backbone: Backbone, name: str) -> Path:
    return _existing(backbone, Path(name).expanduser())


def _existing(backbone: Backbone, folder: Path) -> Path:
    if not folder.is_dir():
        raise BadInput(
            f"backbone '{backbone.name}': there is no folder {folder}; correct its source '{backbone.source}'"
        )
    return folder


def _hub(backbone: Backbone, name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(READ), token=False))
    except Exception as error:  # the hub's client raises a dozen kinds: offline, unknown name, gated, full disk …
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0") else ""
        raise BadInput(
            f"backbone '{backbone.name}' is not in the local cache and '{name}' could not be fetched from the hub"
            f"{offline}: {type(error).__name__}; go online once, or choose an embedded or local backbone"
        ) from None


def _unknown(backbone: Backbone, _: str) -> Path:
    raise BadInput(
        f"backbone '{backbone.name}' has source '{backbone.source}', which cannot hold {backbone.modality} weights; "
        "use embedded:PACKAGE/FOLDER, torch:PACKAGE/FILE, gguf:PACKAGE/FILE, local:PATH or hub:OWNER/NAME"
    )


def no_weights(name: str, folder: Path) -> BadInput:
    """The error for a folder without model.safetensors, which says so where pickled weights are there instead."""
    pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
    if pickled:
        return BadInput(
            f"backbone '{name}' has only pickled weights ({pickled[0]} in {folder}), which can run any code"
            f" when loaded and are refused; convert them to {WEIGHTS}"
        )
    return BadInput(f"backbone '{name}' has no {WEIGHTS} in {folder}; put the weights there in safetensors format")


def check_digest(backbone: Backbone, weights: Path) -> None:
    """BadInput where the sha256 of the file is not the card's."""
    found = file_digest(weights)
    if found != backbone.card.sha256.lower():
        raise BadInput(
            f"the weights of backbone '{backbone.name}' are not the ones its card names: {weights} has sha256 "
            f"{found[:12]}…, the card says {backbone.card.sha256[:12]}…; install them again or correct the card"
        )
