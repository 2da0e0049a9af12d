"""An adapted model on disk: a folder for the model and one for each baseline, each written by the model itself.

model.json    classes, strategy, validation, notes, and of which kind each model is
model/        what the model's `save` wrote; a trained network's files lie beside model.json, so that transformers or
              timm opens the folder itself; of a corrected model, the source model in base/ below it; of a mean, its
              members in member_0/ and so on
baseline_0/   the same of the first baseline, and so on
scope.safetensors   the centres of the classes, where rows of no class are left open
exhibits/     what the plugin's report sections want, if anything
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand import __version__
from evenhand.adapting.corrected import Corrected
from evenhand.adapting.features import FeatureCache
from evenhand.adapting.models import ESTIMATOR, MeanModel, NetworkModel, ProbeModel, SimpleModel
from evenhand.adapting.own_models import address_of, blamed, is_model, load_own
from evenhand.adapting.rows_inside import holds_rows
from evenhand.adapting.scope import Scope
from evenhand.adapting.tables.each_label import EachLabel
from evenhand.adapting.tables.model import TableModel
from evenhand.adapting.weights import load_estimator, load_tensors, save_estimator, save_tensors
from evenhand.adapting.windows import Windowed
from evenhand.errors import BadInput, PluginFault
from evenhand.mitigating.deciding import Deciding
from evenhand.pretrained.again import found_again
from evenhand.values import Adapted, LabelThresholds, OperatingPoint

if TYPE_CHECKING:
    from evenhand.recipe import Recipe
    from evenhand.values import Backbone

FORMAT, VERSION, READ = "evenhand-model", 3, (2, 3)
EXHIBIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NETWORK, SCOPE = "network", "scope.safetensors"
KINDS: dict[str, type[ProbeModel | NetworkModel | SimpleModel | TableModel | EachLabel | Windowed]] = {
    "probe": ProbeModel,
    NETWORK: NetworkModel,
    "simple": SimpleModel,
    "table": TableModel,
    "labels": EachLabel,
    "windows": Windowed,
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
        "operating": None if adapted.operating is None else asdict(adapted.operating),
        **({} if adapted.labelled is None else {"labelled": asdict(adapted.labelled)}),
        **({} if adapted.deciding is None else {"deciding": adapted.deciding.facts()}),
        "scope": None if adapted.scope is None else adapted.scope.facts(),
        "model": _save(adapted.model, folder / ("" if is_network(adapted) else "model"), package),
        "baselines": {name: _save(model, folder / f"baseline_{n}", package) for n, (name, model) in baselines},
    }
    if adapted.scope is not None:
        import torch

        save_tensors({"centres": torch.from_numpy(adapted.scope.centres)}, folder / SCOPE)
    for name, content in adapted.exhibits.items():
        content = content(adapted) if callable(content) else content
        if not EXHIBIT.fullmatch(name):
            raise PluginFault(f"the exhibit {name!r} is no plain file name; use letters, digits, '.', '-' and '_'")
        (folder / "exhibits").mkdir(exist_ok=True)
        (folder / "exhibits" / name).write_bytes(content)
    (folder / "model.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load_model(folder: Path, recipe: Recipe, backbone: Backbone | None, package: str | None = None) -> Adapted:
    """The model that `save_model` wrote. BadInput where files are missing, damaged, or made with another backbone."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "model.json").read_text("utf-8"))
        if about["format"] != FORMAT:
            raise BadInput(f"{folder / 'model.json'} describes no model of evenhand; run the recipe again")
        if about["version"] not in READ:
            raise BadInput(
                f"{folder} holds a model in format {str(about['version'])[:20]}, and this evenhand ({__version__}) "
                f"reads {' and '.join(map(str, READ))}; take the evenhand that wrote it, or run the recipe again"
            )
        context = recipe, backbone, package
        flat = about["model"]["kind"] == NETWORK and about["version"] > 2
        baselines = enumerate(about["baselines"].items())
        return Adapted(
            _load(about["model"], folder / ("" if flat else "model"), *context),
            tuple(about["classes"]),
            about["strategy"],
            {name: _load(kind, folder / f"baseline_{n}", *context) for n, (name, kind) in baselines},
            about["validation"],
            tuple(about["notes"]),
            operating=OperatingPoint(**about["operating"]) if about.get("operating") else None,
            labelled=LabelThresholds.from_facts(about.get("labelled")),
            deciding=Deciding.from_facts(about.get("deciding")),
            scope=_scope(about["scope"], folder, recipe, backbone) if about.get("scope") else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{folder} holds no model that can be read ({type(error).__name__}: {error}); run the recipe again"
        ) from None


def is_network(adapted: Adapted) -> bool:
    """Whether the model is a trained network, which its modality's library opens too."""
    return type(adapted.model) is NetworkModel


def _save(model: Any, folder: Path, package: str | None) -> dict[str, Any]:
    """Write one model's files; returns what model.json says of it."""
    folder.mkdir(exist_ok=True)
    kind = type(model)
    rows = {"holds_rows": kind.__name__} if holds_rows(model) else {}
    if isinstance(model, Corrected):
        model.save(folder)
        return {"kind": "corrected", "base": _save(model.base, folder / "base", package)} | rows
    if isinstance(model, MeanModel):
        members = [_save(member, folder / f"member_{n}", package) for n, member in enumerate(model.members)]
        return {"kind": "mean", "weights": list(model.weights), "members": members} | rows
    if is_model(kind):
        core = next((name for name, known in KINDS.items() if known is kind), None)
        about = {"kind": core} if core else {"kind": "own", "class": address_of(kind, package)}
        with blamed(kind, "save"):
            model.save(folder)
        return about | rows
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        save_estimator(model, folder / ESTIMATOR)
        return {"kind": "estimator"} | rows
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
    if about["kind"] == "mean":
        members = [
            _load(member, folder / f"member_{n}", recipe, backbone, package)
            for n, member in enumerate(about["members"])
        ]
        return MeanModel(tuple(members), tuple(map(float, about["weights"])))
    return KINDS[about["kind"]].load(folder, recipe, backbone)


def _scope(about: Mapping[str, Any], folder: Path, recipe: Recipe, backbone: Backbone | None) -> Scope:
    encoder = found_again(about["encoder"], recipe, backbone)
    centres = load_tensors(folder / SCOPE)["centres"].numpy()
    facts = {name: about[name] for name in ("kind", "threshold", "kept", "rows", "aucs")}
    return Scope(**facts, centres=centres, encoder=encoder, cache=FeatureCache(None))


def _plain(value: Any) -> Any:
    """A class label as JSON has it: numpy's scalars become Python's."""
    return value.item() if hasattr(value, "item") else value
