"""The ways to go on learning: which of them a model's kind allows, why the others are left out, and each one's fit.

finetune  new rows alone, from the champion's weights
replay    new rows and a buffer of old ones, from the champion's weights; a model without weights is fitted anew on them
l2-sp     new rows, pulled back to the champion's weights (Li et al. 2018, ICML)
ewc       the same, each weight as firmly as old rows hang on it (Kirkpatrick et al. 2017, PNAS 114(13))
retrain   every row, from the pretrained backbone: what the others are compared with
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.adapting import scores
from evenhand.adapting.features import FeatureCache
from evenhand.adapting.labels import Labels
from evenhand.adapting.models import NetworkModel, ProbeModel
from evenhand.data.reading import values_of
from evenhand.errors import BadInput
from evenhand.living.updating import heads
from evenhand.living.updating.buffer import buffer_rows, strata
from evenhand.living.updating.periods import Periods, together
from evenhand.predicting.operating import with_operating_point
from evenhand.running.pipeline import Corridor
from evenhand.values import Adapted, Splits

if TYPE_CHECKING:
    from datasets import Dataset

    from evenhand.extending.discovering import Plugins
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run

STRATEGIES = ("finetune", "replay", "l2-sp", "ewc", "retrain")
FROM_WEIGHTS = ("finetune", "l2-sp", "ewc")
NETWORK_PULLS = (0.01, 1.0)  # strengths of a network's pull; each is a training


@dataclass
class Ground:
    """What every strategy is fitted from. buffer: how many old rows `replay` may keep."""

    run: Run
    recipe: Recipe
    plugins: Plugins
    champion: Adapted
    periods: Periods
    buffer: int

    @cached_property
    def kept(self) -> Dataset:
        """The old training rows in the buffer, so many of every group and class as their share is."""
        old, schema = self.periods.old.train, self.periods.old.schema
        of = strata(old, schema.sensitive, schema.require("label", "updating"))
        return old.select(buffer_rows(of, self.buffer, self.recipe.seed))

    @cached_property
    def model(self) -> Any:
        """The champion's model; a probe keeps its features where runs keep theirs."""
        model = self.champion.model
        if isinstance(model, ProbeModel):
            return replace(model, cache=FeatureCache(self.run.cache, self.run.progress))
        return model

    @cached_property
    def headed(self) -> heads.Headed | None:
        """The champion as a head on features, where it is one."""
        return heads.headed(self.model, len(self.champion.classes))

    def targets(self, rows: Dataset) -> np.ndarray:
        """The class number of each row."""
        number = {str(value): place for place, value in enumerate(self.champion.classes)}
        label = self.periods.new.schema.require("label", "updating")
        return np.array([number[str(value)] for value in values_of(rows, label)])

    def with_old(self) -> Dataset:
        """The new training rows, then the buffer."""
        return together(self.periods.new.train, self.kept)


def left_out(champion: Adapted, recipe: Recipe) -> dict[str, str]:
    """Strategy -> why the champion's kind of model does not allow it."""
    if heads.headed(champion.model, len(champion.classes)) is not None:
        return {}
    if isinstance(champion.model, NetworkModel):
        why = "low-rank updates move no weight that a pull could hold"
        return dict.fromkeys(("l2-sp", "ewc"), why) if recipe.finetune.strategy == "lora" else {}
    kind = type(champion.model).__name__
    why = f"the model ({kind}) has no weights to go on from by gradients; it can only be fitted anew"
    return dict.fromkeys(FROM_WEIGHTS, why)


def chosen_strategies(asked: str, champion: Adapted, recipe: Recipe) -> tuple[str, ...]:
    """The strategies to try. BadInput for one that is asked for and that the champion does not allow."""
    out = left_out(champion, recipe)
    if asked == "all":
        return tuple(name for name in STRATEGIES if name not in out)
    if asked not in STRATEGIES:
        raise BadInput(f"there is no strategy '{asked}'; there are {', '.join(STRATEGIES)} and all (--strategy)")
    if asked in out:
        raise BadInput(f"the strategy {asked} cannot update this run: {out[asked]}; ask for replay, retrain or all")
    return (asked,)


def fitted(ground: Ground, name: str) -> tuple[Adapted, str]:
    """(the model that the strategy makes, what was chosen on the way). Chosen by validation rows alone."""
    if name == "retrain":
        return _anew(ground, ground.periods.both), "fitted on every row of both periods"
    if name == "replay" and ground.headed is None and not isinstance(ground.champion.model, NetworkModel):
        splits = replace(ground.periods.both, train=ground.with_old())
        return _anew(ground, splits), f"fitted anew on the new rows and {len(ground.kept):,} old ones"
    step = _of_head if ground.headed is not None else _of_network
    model, said = step(ground, name)
    adapted = replace(
        ground.champion, model=model, strategy=f"{ground.champion.strategy}, then {name}", validation={}, baselines={}
    )
    validation = ground.periods.both
    unseen = np.asarray(scores(model, validation.validation, validation.schema), dtype=np.float64)
    adapted = replace(adapted, validation_scores=unseen, operating=None)
    return with_operating_point(ground.recipe, validation, adapted), said


def _anew(ground: Ground, splits: Splits) -> Adapted:
    """The recipe's own fit on other rows, as a run makes it."""
    corridor = Corridor(ground.run, ground.recipe, ground.plugins, None)
    corridor.splits = splits
    adapted = corridor.fit()
    if list(map(str, adapted.classes)) != list(map(str, ground.champion.classes)):
        raise BadInput("the rows to learn from lack a class that the run knows; give more rows, or a larger --buffer")
    return adapted


def _best(ground: Ground, pulls: tuple[float, ...], make: Callable[[float], Any]) -> tuple[Any, float]:
    """(the model of the strength with the least loss on validation rows of both periods, that strength)."""
    tried = [(make(strength), strength) for strength in pulls]
    return min(tried, key=lambda one: merit(ground, said_of(ground, one[0])))


def said_of(ground: Ground, model: Any) -> np.ndarray:
    """Probabilities of the validation rows, the old first, [rows, classes]."""
    splits = ground.periods.both
    return np.asarray(scores(model, splits.validation, splits.schema), dtype=np.float64)


def merit(ground: Ground, said: np.ndarray) -> float:
    """The log loss on validation rows, of each period alike: the mean of the old rows' and of the new ones'."""
    old, new = losses_of(ground, said)
    return (old + new) / 2


def losses_of(ground: Ground, said: np.ndarray) -> tuple[float, float]:
    """(the log loss on old validation rows, on new ones)."""
    targets = ground.targets(ground.periods.both.validation)
    loss = -np.log(np.clip(said[np.arange(len(targets)), targets], 1e-12, 1))
    cut = len(ground.periods.old.validation)
    return float(loss[:cut].mean()), float(loss[cut:].mean())


def _of_head(ground: Ground, name: str) -> tuple[Any, str]:
    found = ground.headed
    assert found is not None
    rows = ground.with_old() if name == "replay" else ground.periods.new.train
    seen, targets = found.features(rows), ground.targets(rows)
    if name in ("finetune", "replay"):
        kept = f" and {len(ground.kept):,} old ones" if name == "replay" else ""
        return found.with_head(heads.refitted(found.head, seen, targets)), f"the head, on the new rows{kept}"
    if name == "l2-sp":
        importance = heads.evenly(found.head)
    else:
        importance = heads.fisher(found.head, found.features(ground.periods.old.train), seen)

    def make(strength: float) -> Any:
        return found.with_head(heads.pulled(found.head, seen, targets, strength, importance))

    model, strength = _best(ground, heads.PULLS, make)
    return model, f"the head, pulled back with strength {strength:g}, which validation rows chose"


def _of_network(ground: Ground, name: str) -> tuple[Any, str]:
    from evenhand.adapting.setting import Setting
    from evenhand.adapting.training import Joined, Labelled
    from evenhand.living.updating.networks import trained_on
    from evenhand.pretrained.processor import seed_and_threads

    model, schema = ground.champion.model, ground.periods.new.schema
    seed_and_threads(ground.recipe)
    new = ground.periods.new.train
    none = np.empty(0, dtype=np.int64)
    labels = Labels(ground.recipe.task, tuple(ground.champion.classes), ground.targets(new), none, none)
    setting = Setting(ground.recipe, ground.periods.new, ground.run, model.encoder, labels)

    def examples(rows: Dataset) -> Any:
        return Labelled(model.encoder.examples(rows, schema), ground.targets(rows))

    def joined(network: Any) -> Any:
        return replace(model, network=network, partner=_partner(ground, model.partner, name))

    if name in ("finetune", "replay"):
        data = examples(new) if name == "finetune" else Joined(examples(new), examples(ground.kept))
        kept = f" and {len(ground.kept):,} old ones" if name == "replay" else ""
        return joined(trained_on(setting, model, data)), f"all weights, on the new rows{kept}"
    old = examples(ground.periods.old.train) if name == "ewc" else None
    tried = {}

    def make(strength: float) -> Any:
        tried[strength] = joined(trained_on(setting, model, examples(new), strength, old))
        return tried[strength]

    found, strength = _best(ground, NETWORK_PULLS, make)
    return found, f"all weights, pulled back with strength {strength:g}, which validation rows chose"


def _partner(ground: Ground, partner: ProbeModel | None, name: str) -> Any:
    """The probe whose probabilities join the network's, updated by the same strategy."""
    if partner is None:
        return None
    cached = replace(partner, cache=FeatureCache(ground.run.cache, ground.run.progress))
    beside = replace(ground.champion, model=cached)
    return _of_head(Ground(ground.run, ground.recipe, ground.plugins, beside, ground.periods, ground.buffer), name)[0]
