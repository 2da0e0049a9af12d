"""Fits the policy where it is taught, then to the new place with few labelled frames; each drives the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from evenhand import Adapted, BadInput, Recipe, Splits
from evenhand_autonomy.lanes.closed_loop import exhibits
from evenhand_autonomy.lanes.data import counts, positive
from evenhand_autonomy.lanes.model import LaneModel, StraightOn, pictures_of
from evenhand_autonomy.lanes.network import OFFSET, STEERING, LaneNetwork, contrast_of
from evenhand_autonomy.lanes.training import trained

STEPS_MORE, PEAK_MORE = 0.25, 0.6  # of the first training's steps and step size, for each number of labelled frames


def fit(recipe: Recipe, splits: Splits, run: Any) -> Adapted:
    """The policy with the most labelled frames; those with fewer, and one that drives straight on, as baselines."""
    torch.set_num_threads(recipe.finetune.threads or torch.get_num_threads())
    column = splits.schema.require("input", "lane-following")
    contrast, targets = contrast_of(pictures_of(splits.train, column)), targets_of(splits.train)
    new = new_place(recipe, splits.train)
    steps = int(positive(recipe, "steps"))
    models = settings(recipe, contrast, targets, new, steps, run)
    named = {setting_of(k): LaneModel(network, column) for k, network in models.items()}
    *fewer, last = named
    notes = [f"{int((~new).sum())} frames to be taught by, {int(new.sum())} of the new place whose labels may be used"]
    if not new.any():
        notes = [f"no row is of the new place that options.new_place names, so all {len(new)} frames teach one policy"]
    shown = {}
    if recipe.options.get("closed_loop") is not False:
        shown = exhibits({name: model.angles for name, model in named.items()}, recipe.seed, run)
    straight = StraightOn(float(np.mean(splits.train["steering"])))
    baselines = {**{name: named[name] for name in fewer}, "straight on": straight}
    return Adapted(named[last], (), last, baselines, notes=tuple(notes), exhibits=shown)


def setting_of(k: int) -> str:
    """What the setting with k labelled frames is called."""
    return f"{k} labelled frames"


def settings(
    recipe: Recipe, contrast: torch.Tensor, targets: torch.Tensor, new: np.ndarray, steps: int, run: Any
) -> dict[int, LaneNetwork]:
    """The network of each setting: k labelled frames of the new place, evenly drawn from all of its rows."""
    peak, seed = recipe.finetune.learning_rate, recipe.seed

    def told(done: int, total: int) -> None:
        if run is not None:
            run.progress(done, total, "learning to steer")

    torch.manual_seed(seed)
    old = torch.from_numpy(np.flatnonzero(~new))
    first = trained(LaneNetwork(), contrast[old], targets[old], steps, seed=seed, peak=peak, told=told)
    if not new.any():
        return {0: first}
    found, places = {}, np.flatnonzero(new)
    for k in counts(recipe):
        if k > len(places):
            raise BadInput(
                f"options.labelled_frames asks for {k} frames, and the training rows of the new place are"
                f" {len(places)}; ask for fewer"
            )
        if k == 0:
            found[0] = first
            continue
        few = torch.from_numpy(places[np.linspace(0, len(places) - 1, k).round().astype(int)])
        extra = contrast[few], targets[few]
        more = max(1, int(steps * STEPS_MORE))
        found[k] = trained(
            first, contrast[old], targets[old], more, seed=seed, peak=peak * PEAK_MORE, extra=extra, told=told
        )
    return found


def targets_of(rows: Any) -> torch.Tensor:
    """[rows, 2] steering and lane position in the network's units; NaN where a log does not tell it."""
    offset = [np.nan if value is None else value for value in rows["lane_offset"]]
    both = np.stack([np.array(rows["steering"], float) / STEERING, np.array(offset, float) / OFFSET], 1)
    return torch.from_numpy(both.astype(np.float32))


def new_place(recipe: Recipe, rows: Any) -> np.ndarray:
    """Which rows are of the place that the policy is adapted to."""
    told = recipe.options.get("new_place", {})
    if not isinstance(told, dict) or len(told) > 1:
        raise BadInput(f'options.new_place = {told!r}; name one column and its value, such as {{road_type = "rural"}}')
    for column, value in told.items():
        if column not in rows.column_names:
            raise BadInput(f"options.new_place names the column '{column}', which is not there")
        return np.array([one == value for one in rows[column]])
    return np.zeros(len(rows), bool)
