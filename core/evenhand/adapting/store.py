"""An adapted model on disk: safetensors, skops and JSON. Nothing is ever unpickled.

model.json           kind, classes, strategy, validation, notes, baselines
model.safetensors    a probe's head, or a trained network (LoRA merged)
model.skops          an estimator that a plugin returned
baseline_NAME.skops  each baseline
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.adapting.features import FeatureCache
from evenhand.adapting.models import NetworkModel, ProbeModel, SimpleModel
from evenhand.adapting.probe import Head
from evenhand.errors import BadInput, PluginFault
from evenhand.schema import Schema
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.pretrained import Encoder
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone

# What scikit-learn's gradient boosting holds and skops does not trust by itself. A partial's own function is
# checked like any other, so this lets in partials of check_array and nothing else.
TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)


def save_model(adapted: Adapted, folder: Path) -> None:
    """Write `adapted` into `folder`, which is made. PluginFault where its model is of a kind that cannot be stored."""
    folder.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {
        "format": "evenhand-model",
        "version": 1,
        "classes": [_plain(value) for value in adapted.classes],
        "strategy": adapted.strategy,
        "validation": dict(adapted.validation),
        "notes": list(adapted.notes),
        "model": _save(adapted.model, folder, "model"),
        "baselines": {name: _save(model, folder, f"baseline_{name}") for name, model in adapted.baselines.items()},
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load_model(folder: Path, recipe: Recipe, backbone: Backbone | None) -> Adapted:
    """The model that `save_model` wrote. BadInput where files are missing, damaged, or made with another backbone."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "model.json").read_text("utf-8"))
        return Adapted(
            _load(about["model"], folder, "model", recipe, backbone),
            tuple(about["classes"]),
            about["strategy"],
            {
                name: _load(kind, folder, f"baseline_{name}", recipe, backbone)
                for name, kind in about["baselines"].items()
            },
            about["validation"],
            tuple(about["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder} holds no model that can be read ({type(error).__name__}: {error}); run the recipe again"
        ) from None


def _save(model: Any, folder: Path, name: str) -> dict[str, Any]:
    """Write one model's files; returns what model.json says of it."""
    if isinstance(model, ProbeModel):
        _save_tensors(_head_tensors(model.head), folder / f"{name}.safetensors")
        return {
            "kind": "probe",
            "task": model.task,
            "schema": model.schema.model_dump(),
            "encoder": model.encoder.identity,
        }
    if isinstance(model, NetworkModel):
        return _save_network(model, folder / f"{name}.safetensors")
    if isinstance(model, SimpleModel):
        _save_estimator(model.estimator, folder / f"{name}.skops")
        return {"kind": "simple", "view": model.view, "schema": model.schema.model_dump()}
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        _save_estimator(model, folder / f"{name}.skops")
        return {"kind": "estimator"}
    raise PluginFault(
        f"finetune returned a {type(model).__name__}, which cannot be stored without pickle; "
        "return a scikit-learn estimator or a model of the core's strategies"
    )


def _load(about: Mapping[str, Any], folder: Path, name: str, recipe: Recipe, backbone: Backbone | None) -> Any:
    kind = about["kind"]
    if kind == "estimator":
        return _load_estimator(folder / f"{name}.skops")
    schema = Schema.model_validate(about["schema"])
    if kind == "simple":
        return SimpleModel(_load_estimator(folder / f"{name}.skops"), about["view"], schema)
    encoder = _encoder(about, recipe, backbone)
    tensors = _load_tensors(folder / f"{name}.safetensors")
    probe = None
    if "probe.weight" in tensors:
        head = Head(tensors.pop("probe.weight").numpy(), tensors.pop("probe.bias").numpy())
        probe = ProbeModel(encoder, head, schema, about["task"], FeatureCache(None))
    if kind == "probe" and probe is not None:
        return probe
    network = encoder.module(int(about["outputs"]), about["task"])
    network.load_state_dict(tensors)
    return NetworkModel(encoder, network.eval(), schema, about["task"], probe)


def _encoder(about: Mapping[str, Any], recipe: Recipe, backbone: Backbone | None) -> Encoder:
    from evenhand.pretrained import load_encoder
    from evenhand.pretrained.processor import seed_and_threads

    if backbone is None:
        raise BadInput(
            "the stored model needs its backbone, but the recipe names none; set it with --set backbone=NAME"
        )
    seed_and_threads(recipe)
    encoders = load_encoder(backbone, recipe).variants()
    encoder = next((found for found in encoders if found.identity == about["encoder"]), None)
    if encoder is None:
        raise BadInput(
            f"the stored model was made with other weights or settings than backbone '{backbone.name}' has now; "
            "run the recipe again in a new folder"
        )
    return encoder


def _save_network(model: NetworkModel, file: Path) -> dict[str, Any]:
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.network.state_dict().items()}
    if model.partner is not None:
        tensors.update(_head_tensors(model.partner.head))
    _save_tensors(tensors, file)
    described = {"task": model.task, "schema": model.schema.model_dump(), "encoder": model.encoder.identity}
    return {"kind": "network", "outputs": model.network.head.out_features, **described}


def _head_tensors(head: Head) -> dict[str, Any]:
    import torch

    return {"probe.weight": torch.from_numpy(head.weight.copy("C")), "probe.bias": torch.from_numpy(head.bias.copy())}


def _save_tensors(tensors: dict[str, Any], file: Path) -> None:
    from safetensors.torch import save_file

    save_file(tensors, file)


def _load_tensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise BadInput(f"{file} is damaged ({error}); run the recipe again") from None


def _save_estimator(estimator: Any, file: Path) -> None:
    import skops.io

    skops.io.dump(estimator, file)
    strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
    if strange:
        raise PluginFault(
            f"the model holds {strange[0]}, a type that is not on the list of those safe to load; return a scikit-learn estimator"
        )


def _load_estimator(file: Path) -> Any:
    """An estimator whose every type is scikit-learn's, numpy's or in TRUSTED; BadInput for any other."""
    import zipfile

    import skops.io

    try:
        strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise BadInput(f"{file} holds {strange[0]}, a type that is not safe to load; do not use this file")
        return skops.io.load(file, trusted=list(TRUSTED))
    except zipfile.BadZipFile:
        raise BadInput(f"{file} is damaged or no skops file; run the recipe again") from None


def _plain(value: Any) -> Any:
    """A class label as JSON has it: numpy's scalars become Python's."""
    return value.item() if hasattr(value, "item") else value
