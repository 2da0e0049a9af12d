"""An adapted model on disk: a folder for the model and one for each baseline, each written by the model itself.

model.json    classes, strategy, validation, notes, and of which kind each model is
model/        what the model's `save` wrote; of a corrected model, the source model in base/ below it
baseline_0/   the same of the first baseline, and so on
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.adapting.corrected import Corrected
from evenhand.adapting.models import ESTIMATOR, NetworkModel, ProbeModel, SimpleModel
from evenhand.adapting.own_models import address_of, blamed, is_model, load_own
from evenhand.adapting.tables.model import TableModel
from evenhand.adapting.weights import load_estimator, save_estimator
from evenhand.errors import BadInput, PluginFault
from evenhand.values import Adapted

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone

FORMAT, VERSION = "evenhand-model", 2
KINDS: dict[str, type[ProbeModel | NetworkModel | SimpleModel | TableModel]] = {
    "probe": ProbeModel,
    "network": NetworkModel,
    "simple": SimpleModel,
    "table": TableModel,
}


def save_model(adapted: Adapted, folder: Path, package: str | None = None) -> None:
    """Write `adapted` into `folder`, which is made. package: that of the plugin that owns the recipe.

    Raises PluginFault where a model is of a kind that cannot be stored, or not found again in `package`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    baselines = enumerate(adapted.baselines.items())
    about: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "classes": [_plain(value) for value in adapted.classes],
        "strategy": adapted.strategy,
        "validation": dict(adapted.validation),
        "notes": list(adapted.notes),
        "model": _save(adapted.model, folder / "model", package),
        "baselines": {name: _save(model, folder / f"baseline_{n}", package) for n, (name, model) in baselines},
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load_model(folder: Path, recipe: Recipe, backbone: Backbone | None, package: str | None = None) -> Adapted:
    """The model that `save_model` wrote. BadInput where files are missing, damaged, or made with another backbone."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "model.json").read_text("utf-8"))
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise BadInput(f"{folder} holds a model of another version of evenhand; run the recipe again")
        context = recipe, backbone, package
        baselines = enumerate(about["baselines"].items())
        return Adapted(
            _load(about["model"], folder / "model", *context),
            tuple(about["classes"]),
            about["strategy"],
            {name: _load(kind, folder / f"baseline_{n}", *context) for n, (name, kind) in baselines},
            about["validation"],
            tuple(about["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder} holds no model that can be read ({type(error).__name__}: {error}); run the recipe again"
        ) from None


def _save(model: Any, folder: Path, package: str | None) -> dict[str, Any]:
    """Write one model's files; returns what model.json says of it."""
    folder.mkdir()
    kind = type(model)
    if isinstance(model, Corrected):
        model.save(folder)
        return {"kind": "corrected", "base": _save(model.base, folder / "base", package)}
    if is_model(kind):
        core = next((name for name, known in KINDS.items() if known is kind), None)
        about = {"kind": core} if core else {"kind": "own", "class": address_of(kind, package)}
        with blamed(kind, "save"):
            model.save(folder)
        return about
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        save_estimator(model, folder / ESTIMATOR)
        return {"kind": "estimator"}
    raise PluginFault(
        f"finetune returned a {kind.__name__}, which cannot be stored without pickle; give its class "
        "save(self, folder) and a classmethod load(cls, folder), or return a scikit-learn estimator"
    )


def _load(
    about: Mapping[str, Any], folder: Path, recipe: Recipe, backbone: Backbone | None, package: str | None
) -> Any:
    if about["kind"] == "estimator":
        return load_estimator(folder / ESTIMATOR)
    if about["kind"] == "own":
        return load_own(about["class"], package, folder, recipe, backbone)
    if about["kind"] == "corrected":
        return Corrected.load(
            folder, recipe, backbone, lambda inside: _load(about["base"], inside, recipe, backbone, package)
        )
    return KINDS[about["kind"]].load(folder, recipe, backbone)


def _plain(value: Any) -> Any:
    """A class label as JSON has it: numpy's scalars become Python's."""
    return value.item() if hasattr(value, "item") else value
