"""What `evenhand doctor` finds out about a machine."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from evenhand.errors import BadInput
from evenhand.extending.discovering import Plugins, reason_of
from evenhand.recorded.provenance import PACKAGES
from evenhand.recorded.run_folder import cache_folder
from evenhand.values import Backbone

Finding = tuple[str, str, str]  # check, state ("fine", "absent", "broken"), what was found

NEEDED = ("numpy", "polars", "narwhals", "pluggy")  # also by an audit; the other packages come with evenhand[train]


def examine(plugins: Plugins) -> list[Finding]:
    """One finding per part of the installation; "broken" where a run would fail."""
    findings = [
        _python(),
        *map(_package, PACKAGES),
        _vision_matches(),
        _with_torch("processor", _processor),
        _with_torch("accelerator", _accelerator),
        _cache(),
        _hub(),
    ]
    findings += [_weights(one) for one in plugins.backbones().values() if one.options.get("install")]
    findings += [(f"plugin {name}", "fine", about) for name, about in plugins.names()]
    findings += [(f"plugin {name}", "broken", reason) for name, reason in plugins.faults.items()]
    return findings


def _python() -> Finding:
    state = "fine" if sys.version_info >= (3, 11) else "broken"
    return "python", state, f"{platform.python_version()} ({platform.system()} {platform.machine()})"


def _package(name: str) -> Finding:
    try:
        return name, "fine", version(name)
    except PackageNotFoundError:
        if name in NEEDED:
            return name, "broken", "evenhand does not work without it: install evenhand again"
        return name, "absent", "needed to run recipes, not to audit: install evenhand[train]"


def _vision_matches() -> Finding:
    """torch and torchvision must come from one build: a mixed pair fails when timm is imported."""
    if find_spec("torch") is None or find_spec("torchvision") is None:
        return "torch with torchvision", "absent", "not both installed"
    try:
        import torchvision  # noqa: F401
    except Exception as error:
        return "torch with torchvision", "broken", f"{reason_of(error)}; reinstall both from the same place"
    return "torch with torchvision", "fine", "one matching set"


def _with_torch(check: str, ask: Callable[[], Finding]) -> Finding:
    """What `ask` finds; a torch that is installed and cannot be imported is broken, whatever it raises."""
    try:
        return ask()
    except Exception as error:
        return check, "broken", f"torch cannot be used: {reason_of(error)}; install it again"


def _processor() -> Finding:
    found = f"{os.cpu_count()} cores"
    if find_spec("torch") is not None:
        from evenhand.pretrained.processor import precision

        found += ", computes in bf16" if precision() == "bf16" else ", computes in fp32 (bf16 would be emulated)"
    return "processor", "fine", found


def _accelerator() -> Finding:
    if find_spec("torch") is None:
        return "accelerator", "absent", "torch is not installed"
    import torch

    if torch.cuda.is_available():
        return "accelerator", "fine", torch.cuda.get_device_name()
    return "accelerator", "absent", "none; everything runs on the processor"


def _weights(backbone: Backbone) -> Finding:
    """A backbone whose weights are a package that has to be installed by hand."""
    package = backbone.source.partition(":")[2].partition("/")[0]
    check = f"backbone {backbone.name}"
    if find_spec(package) is None:
        return check, "absent", f"needed by recipes that name it: {backbone.options['install']}"
    return check, "fine", f"weights in the package {package}"


def _cache() -> Finding:
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:  # a folder may be there and take no file
            file.write(b"evenhand")
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return "cache", "broken", f"{folder}: {error.strerror}; set EVENHAND_CACHE to a writable folder"
    except BadInput as error:
        return "cache", "broken", str(error)
    return "cache", "fine", f"{folder}, {free:.0f} GB free"


def _hub() -> Finding:
    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
    return (
        "model hub",
        "fine",
        "offline (HF_HUB_OFFLINE): embedded and local backbones only"
        if offline
        else "asked only for hub: backbones and data",
    )
