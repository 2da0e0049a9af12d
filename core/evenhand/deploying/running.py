"""Runs one exported file: ONNX by onnxruntime, a torch archive by torch."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evenhand.deploying.exporting.needing import onnxruntime_here
from evenhand.errors import BadInput


class Runner(Protocol):
    """The arrays that a file gives for its inputs: scores first, then features where it has them."""

    def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Scores [rows, outputs] or [rows]; then perhaps features [rows, width]."""
        ...


def runner_of(engine: str, file: Path, threads: int | None) -> Runner:
    """What runs `file`; BadInput where it cannot be read, or the engine is not known."""
    if engine == "onnx":
        return Onnx(file, threads)
    if engine == "torch-export":
        return Archive(file, threads)
    raise BadInput(
        f"{file.parent} is run by '{engine[:40]}', which this evenhand does not know; take the one of export"
    )


class Onnx:
    """A session of onnxruntime on the processor."""

    def __init__(self, file: Path, threads: int | None) -> None:
        runtime = onnxruntime_here()
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        try:
            self.session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own kinds, one for each thing that may be wrong
            raise BadInput(
                f"{file} cannot be run by onnxruntime {runtime.__version__}: {' '.join(str(error).split())[:200]};"
                " export the run again with the onnxruntime that will run it"
            ) from None

    def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """See `Runner`."""
        return list(self.session.run(None, inputs))


class Archive:
    """A program of torch.export. One that holds anything pickled is refused before torch opens it."""

    def __init__(self, file: Path, threads: int | None) -> None:
        check_unpickled(file)
        try:
            import torch
        except ImportError:
            raise BadInput(
                "a torch archive needs torch, which is not installed; pip install 'evenhand[train]', or export to onnx"
            ) from None
        if threads is not None:
            torch.set_num_threads(threads)
        self.module: Any = torch.export.load(file).module()

    def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """See `Runner`."""
        import torch

        with torch.inference_mode():
            said = self.module(**{name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in inputs.items()})
        return [one.numpy() for one in (said if isinstance(said, tuple | list) else (said,))]


def check_unpickled(file: Path) -> None:
    """BadInput for a torch archive with a pickled weight, constant or example, which reading would execute."""
    why = ""
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                content = archive.read(name)
                if name.endswith("_config.json") and any(
                    entry.get("use_pickle", True) for entry in json.loads(content)["config"].values()
                ):
                    why = f"{name} names a pickled part"
                elif "/sample_inputs/" in name and content:
                    why = f"{name} holds pickled examples"
                elif "/extra/" in name or "/aotinductor/" in name or "custom_obj" in name:
                    why = f"{name} is no weight and no graph"
                if why:
                    break
    except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile, RecursionError):
        why = "it is no archive of torch.export"
    if why:
        raise BadInput(f"{file} is not opened: {why}; export the run again")
