"""MLflow's model format around an exported model: an MLmodel file whose loader is evenhand's, without a pickle."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evenhand.scoring.scorer import Scorer

MLMODEL, REQUIREMENTS, LOADER = "MLmodel", "requirements.txt", "evenhand.deploying.mlflow_model"
NEEDED = {"onnx": ("evenhand", "onnxruntime", "numpy", "polars"), "evenhand": ("evenhand", "torch", "numpy", "polars")}


def write_mlmodel(scorer: Scorer, about: dict[str, Any], identity: str, folder: Path) -> None:
    """Write MLmodel and requirements.txt beside exported.json.

    MLmodel is YAML, of which JSON is a part: it is written as JSON, which every reader of YAML takes.
    """
    needed = [*NEEDED[about["engine"]], *(["tokenizers"] if about["modality"] == "text" else [])]
    lines = [line for name in needed if (line := _pinned(name))]
    (folder / REQUIREMENTS).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    inputs = [{"type": _type(scorer, name), "name": name, "required": False} for name in scorer.recipe.schema.input]
    told = {
        "flavors": {
            "python_function": {
                "loader_module": LOADER,
                "python_version": platform.python_version(),
                "env": {"virtualenv": REQUIREMENTS},
            },
            "evenhand": {"engine": about["engine"], "run": identity, "recipe": scorer.recipe.full_name},
        },
        "model_uuid": identity[:32],
        "utc_time_created": "1970-01-01 00:00:00.000000",  # the same model gives the same bytes
        "signature": {"inputs": json.dumps(inputs, ensure_ascii=False), "outputs": None, "params": None},
    }
    (folder / MLMODEL).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _type(scorer: Scorer, name: str) -> str:
    """MLflow's type of an input column. Numbers are double, for whole ones may be missing."""
    if scorer.recipe.modality != "table":
        return "string" if scorer.recipe.modality == "text" else "any"
    kind = scorer.types.get(name, "")
    if kind.startswith(("int", "uint", "float", "double", "halffloat", "decimal")):
        return "double"
    return "boolean" if kind.startswith("bool") else "string"


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return ""
