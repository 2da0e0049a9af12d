"""The lane recipe's part of the report: settings side by side, the closed loop, and the drive itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput, Picture, Section
from evenhand_autonomy.lanes.closed_loop import FILM, LOG, STILL
from evenhand_autonomy.lanes.samples import bend_of

DRAWS = 1000
NO_FAILURE = 3.0  # failures that a Poisson count of none leaves possible at 95 % (the rule of three)


def sections(run: Any) -> list[Section]:
    """Steering by setting; the closed loop, where the policy drove; lane position, where the data tells it."""
    folder = Path(run.path) / "model" / "exhibits"
    log = json.loads((folder / LOG).read_text("utf-8")) if (folder / LOG).is_file() else {}
    found = [_settings(run, log)]
    if log:
        found.append(_closed_loop(log))
        found += [_film(folder, log)] if (folder / FILM).is_file() else []
    return [*found, *_lane_position(run)]


def _settings(run: Any, log: dict[str, Any]) -> Section:
    """Every setting on the same test rows, by place, with what it did at the wheel."""
    import polars as pl

    record = run.manifest["stages"]["predict"]
    told, roles = record["facts"], record["schema"]
    table = pl.read_parquet(Path(run.path) / "predictions.parquet")
    columns = {**told["baselines"], run.manifest["stages"]["finetune"]["strategy"]: told["prediction"]}
    place = next(iter(run.recipe.options.get("new_place", {})), None)
    drives = table[roles["group_id"]].to_numpy()
    groups = sorted(set(table[place].to_list())) if place in table.columns else [None]
    rows = []
    for name in sorted(columns, key=_frames):
        error = np.abs(table[columns[name]].to_numpy() - table[told["label"]].to_numpy())
        for group in groups:
            mine = np.ones(len(error), bool) if group is None else (table[place] == group).to_numpy()
            mean = by_drive(error[mine], drives[mine])
            wheel = [one for one in log.get(name, []) if group in (None, one["road_type"])]
            between = metres_between(wheel) if wheel else "did not drive"
            rows.append((name, group or "all", f"{mean[0]:.2f} [{mean[1]:.2f}, {mean[2]:.2f}]", between))
    text = (
        "Taught in one place, used in another: the same policy with no, few and more labelled frames of the new place,"
        " on the same test frames and the same simulated routes, none of which was trained on. 95 % intervals by drive."
    )
    header = ("setting", "place", "steering error, degrees", "metres between failures")
    return Section("To the new place, by labelled frames", text, header, tuple(rows))


def _frames(name: str) -> float:
    """Settings in the order of their frames; other baselines first."""
    first = name.split(" ")[0]
    return float(first) if first.isdigit() else -1.0


def by_drive(values: np.ndarray, drives: Sequence[Any] | np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """(mean, lower, upper) at 95 %: whole drives are drawn again."""
    _, place = np.unique(np.array([str(name) for name in drives]), return_inverse=True)
    sums, sizes = np.bincount(place, values), np.bincount(place)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), DRAWS)
    low, high = np.quantile((times @ sums) / (times @ sizes), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def metres_between(drives: Sequence[dict[str, Any]], seed: int = 0) -> str:
    """Metres driven per failure, with an interval over drives; a lower limit where there was none."""
    metres = np.array([len(one["offsets"]) * one["metres_per_picture"] for one in drives])
    failures = np.array([len(one["failures"]) for one in drives], float)
    if not failures.sum():
        return f"none in {metres.sum():,.0f} m (over {metres.sum() / NO_FAILURE:,.0f})"
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(metres), np.full(len(metres), 1 / len(metres)), DRAWS)
    drawn = (times @ metres) / np.maximum(times @ failures, 0.5)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{metres.sum() / failures.sum():,.0f} [{low:,.0f}, {high:,.0f}]"


def _closed_loop(log: dict[str, Any]) -> Section:
    """The kept policy at the wheel, by road, weather, hour and bend."""
    name = max(log, key=_frames)
    drives = log[name]
    cuts: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("road type", lambda one: str(one["road_type"])),
        ("weather", lambda one: str(one["weather"])),
        ("time of day", lambda one: str(one["time_of_day"])),
    ]
    rows = []
    for column, of in cuts:
        for group in sorted({of(one) for one in drives}):
            mine = [one for one in drives if of(one) == group]
            rows.append((column, group, len(mine), metres_between(mine), *_lateral(mine)))
    for group in ("straight", "wide bend", "tight bend"):
        mine = list(_parts(drives, group))
        if mine:
            rows.append(("bend", group, len(mine), metres_between(mine), *_lateral(mine)))
    text = (
        f"The policy with {name} drives {len(drives)} simulated routes of 15 seconds, five pictures a second; a"
        " kinematic bicycle moves. A failure: the vehicle's middle is beyond its lane; it is put back. Lateral error:"
        " metres from the lane's middle. 95 % intervals over drives; where there was no failure, what is over the"
        " number in brackets is what three possible ones would leave."
    )
    header = ("column", "group", "drives", "metres between failures", "lateral error, m", "95th percentile, m")
    return Section("At the wheel", text, header, tuple(rows))


def _lateral(drives: Sequence[dict[str, Any]]) -> tuple[str, str]:
    off = np.abs(np.concatenate([one["offsets"] for one in drives]))
    names = np.concatenate([np.full(len(one["offsets"]), k) for k, one in enumerate(drives)])
    mean = by_drive(off, names)
    return f"{mean[0]:.2f} [{mean[1]:.2f}, {mean[2]:.2f}]", f"{np.quantile(off, 0.95):.2f}"


def _parts(drives: Sequence[dict[str, Any]], group: str) -> Iterator[dict[str, Any]]:
    """The parts of each drive that lie in bends of this kind."""
    for one in drives:
        inside = [place for place, bend in enumerate(one["bends"]) if bend_of(abs(bend)) == group]
        if inside:
            failed = [place for place in one["failures"] if place in set(inside)]
            yield {**one, "offsets": [one["offsets"][place] for place in inside], "failures": failed}


def _film(folder: Path, log: dict[str, Any]) -> Section:
    names = sorted(log, key=_frames)
    ends = list(dict.fromkeys((names[0], names[-1])))
    says = (
        f"one simulated rural route as driven with {' and with '.join(ends)}: the camera's view, and below it the"
        " vehicle in its lane as seen from above"
    )
    return Section(
        "The drive",
        "The same road, the same start. The bar below each view is the lane from above: blue the vehicle, red where it"
        " has just left its lane and was put back.",
        pictures=(Picture((folder / FILM).read_bytes(), says, says, (folder / STILL).read_bytes()),),
    )


def _lane_position(run: Any) -> list[Section]:
    """How well lane position is told, the second thing that the network says; none where the data does not tell it."""
    from evenhand_autonomy.lanes.data import load
    from evenhand_autonomy.lanes.model import LaneModel, pictures_of

    inputs = run.manifest["inputs"]
    source = None if inputs["source"] == "the recipe's sample" else inputs["source"]
    try:
        splits = load(run.recipe, source)
    except (BadInput, OSError):
        return []
    rows = splits.test
    known = np.array([value is not None for value in rows["lane_offset"]])
    if splits.fingerprint != inputs["sha256"] or not known.any():
        return []
    rows = rows.select(np.flatnonzero(known))
    model = LaneModel.load(Path(run.path) / "model" / "model")
    error = np.abs(model.both(pictures_of(rows, model.column))[:, 1] - np.array(rows["lane_offset"], float))
    told = []
    for column in ("road_type", "weather", "time_of_day", "bend"):
        values = np.array(rows[column])
        for group in sorted(set(values.tolist())):
            mean = by_drive(error[values == group], np.array(rows["drive"])[values == group])
            told.append((column.replace("_", " "), group, f"{mean[0]:.2f} [{mean[1]:.2f}, {mean[2]:.2f}]"))
    text = "Metres between where the vehicle is in its lane and where the network says it is; 95 % intervals by drive."
    return [Section("Lane position", text, ("column", "group", "mean error, m"), tuple(told))]
