"""The stages of `evenhand pretrain`: from a backbone and data, a simulation or formulas to a folder of weights.

The folder `backbone` that it leaves is what a recipe takes: `--set backbone=local:DIR`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.console import Progress
from evenhand.errors import PluginFault
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import own, remove
from evenhand.pretrained.folders import CONFIG, open_backbone
from evenhand.pretrained.locate import WEIGHTS
from evenhand.recorded import provenance
from evenhand.recorded.run_folder import Run
from evenhand.running.walking import Outcome, Stage, walk, writes
from evenhand.values import Backbone, Lesson

if TYPE_CHECKING:
    from evenhand.pretraining.settings import PretrainRecipe

NAME = "pretrain"
CHECKPOINTS = ("checkpoint.safetensors", "checkpoint")  # the core's, and a lesson's own


def pretrain(
    backbone: str,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """Teach `backbone` by data, a plugin's simulation or formulas; leave a folder that recipes take as a backbone.

    backbone: a name of `evenhand backbones`, DOMAIN/NAME of a plugin, `local:DIR` or `timm:ARCHITECTURE` (random
    weights). data: images, a table or texts; None: the plugin's own, or formulas. settings: `pretrain.steps=500` and
    the like. out: the folder; None: runs/pretrain/<name>/<id> below the working folder. Called again with the same
    arguments it resumes, to the same bytes, or returns at once when all is done. Returns the new backbone.
    Raises BadInput (the user can mend it) and PluginFault (the plugin's author can).
    """
    from evenhand.pretraining.settings import recipe_for

    plugins = plugins or discovering.load()
    start, owner = plugins.backbone(backbone), plugins.backbone_owner(backbone)
    recipe = recipe_for(start, backbone, owner, settings)
    identity = provenance.identity(recipe, data, plugins.names())
    path = Path(out) if out is not None else Path("runs") / NAME / recipe.name / identity[:12]
    with Run(path, recipe, identity, progress, walk=NAME, stages=writes(PRETRAIN)) as run:
        walk(PRETRAIN, run, Classroom(run, recipe, plugins, start, owner, backbone, data), plugins)
        for left in CHECKPOINTS:
            remove(run.path / left)
    return open_backbone(path)


@dataclass(frozen=True)
class Classroom:
    """What the stages of one pretraining share."""

    run: Run
    recipe: PretrainRecipe
    plugins: Plugins
    backbone: Backbone
    owner: str
    asked: str
    data: str | Path | None

    @cached_property
    def lesson(self) -> Lesson:
        """What the plugin of the backbone teaches, or the core."""
        source = Path(self.data) if self.data is not None and Path(self.data).exists() else self.data
        found = self.plugins.first_of(self.owner, NAME, backbone=self.backbone, data=source, run=self.run)
        if not isinstance(found, Lesson):
            raise PluginFault(f"{NAME} of plugin '{self.owner}' returned {type(found).__name__}, not Lesson")
        if not found.make and (found.draw is None or found.size < 1):
            raise PluginFault(f"the Lesson of plugin '{self.owner}' has no examples; give draw and size, or make")
        return found

    @property
    def start(self) -> Backbone:
        """The weights that training starts from."""
        named = self.lesson.start
        return replace(self.plugins.backbone(named), name=self.backbone.name) if named else self.backbone

    @property
    def command(self) -> str:
        """The command line that made the weights."""
        return provenance.command(NAME, self.asked, self.recipe, self.data)


def load_data(room: Classroom) -> Outcome:
    """Say what is learnt from; every wrong setting and source is refused here."""
    lesson, run = room.lesson, room.run
    run.record(
        recipe=room.asked,
        seed=room.recipe.seed,
        command=room.command,
        inputs={"source": str(room.data) if room.data is not None else lesson.pretrained_on},
        versions=provenance.versions(),
        plugins=[f"{name} ({about})" if about else name for name, about in room.plugins.names()],
        platform=f"{platform.system()} {platform.machine()}",
    )
    told = {
        "pretrained_on": lesson.pretrained_on,
        "examples": lesson.size,
        "classes": list(lesson.classes),
        "sha256": lesson.fingerprint,
        "start": room.start.source,
        "settings": {key: value for key, value, _ in room.recipe.resolved() if key.startswith(f"{NAME}.")},
        "notes": list(lesson.notes),
    }
    run.write("data.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    run.say(f"    {lesson.pretrained_on}")
    for note in lesson.notes:
        run.say(f"    {note}")
    return Outcome(lesson.notes)


def learn(room: Classroom) -> Outcome:
    """Train, and write weights, config and card."""
    from evenhand.pretrained.folders import measured, write_card

    lesson, run = room.lesson, room.run
    write = _taught(room)
    licence, bias = _of_both(lesson.licence, lesson.known_bias, room.start)

    def whole(folder: Path) -> None:
        folder.mkdir()
        write(folder)
        missing = [name for name in (WEIGHTS, CONFIG) if not (folder / name).is_file()]
        if missing:
            raise PluginFault(f"the Lesson of plugin '{room.owner}' wrote no {missing[0]}")
        said = f"{lesson.pretrained_on}; started from {room.start.source} ({room.start.card.pretrained_on})"
        write_card(folder, room.recipe.name, measured(folder, said, licence, bias), room.command)

    run.write_with("backbone", whole)
    return Outcome(facts={"steps": room.recipe.pretrain.steps})


def _taught(room: Classroom) -> Callable[[Path], None]:
    """What writes the weights once they are trained; a lesson that makes them itself does so in one process."""
    make = room.lesson.make
    if make is not None:
        return make
    from evenhand.pretraining.teaching import teach

    return teach(room.start, room.lesson, room.recipe, room.run, own(room.run.path, CHECKPOINTS[0]))


def _of_both(licence: str, bias: str, start: Backbone) -> tuple[str, str]:
    """Licence and known bias of the weights: the lesson's, and those of what it started from."""
    if start.source.startswith("timm:"):
        return licence, bias
    licences = dict.fromkeys([licence, f"started from weights under {start.card.licence}"])
    biases = dict.fromkeys([bias, f"of what it started from: {start.card.known_bias}" if start.card.known_bias else ""])
    return "; ".join(licences), "; ".join(one for one in biases if one)


PRETRAIN: tuple[Stage[Any], ...] = (
    Stage("load_data", ("data.json",), load_data),
    Stage("pretrain", ("backbone",), learn, together=True),
)
