"""The driving network's weights, as safetensors: reading and writing them, and the ones that the plugin ships."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evenhand import BadInput
from evenhand_autonomy.network import DrivingNetwork

WEIGHTS = "model.safetensors"
SHIPPED = "embedded:evenhand_autonomy/weights"


def write(network: DrivingNetwork, file: Path) -> None:
    """Weights and statistics, each as it is."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous().clone() for name, value in network.state_dict().items()}, file)


def read(file: Path, classes: int) -> DrivingNetwork:
    """The network that `write` wrote; BadInput where the file holds another one."""
    import torch
    from safetensors.torch import load_file

    network = DrivingNetwork(classes)
    try:
        network.load_state_dict(load_file(file))
    except (RuntimeError, OSError, ValueError) as error:
        raise BadInput(f"{file} holds no driving network of {classes} classes ({str(error)[:120]})") from None
    return network.to(memory_format=torch.channels_last).eval()


def shipped(classes: int, folder: Path | None = None, sha256: str = "") -> DrivingNetwork:
    """The pretrained network in `folder`; not given: the one in this package. BadInput where its sha256 is another."""
    file = (folder or Path(__file__).parent) / WEIGHTS
    if sha256:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != sha256.lower():
            raise BadInput(
                f"{file} has sha256 {found[:12]}…, its card says {sha256[:12]}…; install it again or correct the card"
            )
    return read(file, classes)
