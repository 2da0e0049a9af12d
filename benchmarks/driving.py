"""autonomy/obstacle and autonomy/lane-following on their simulated samples, several seeds; how fast scenes are drawn.

    python benchmarks/driving.py --speed                       scenes a second, on one core
    python benchmarks/driving.py --obstacle [--seeds 3]        who is seen, with and without the planted blindness
    python benchmarks/driving.py --lanes [--seeds 3]           from town to country, and at the wheel
    python benchmarks/driving.py --real FOLDER                 what the policy says of real road pictures, for a look

Runs are kept in --runs and resumed from there. A seed draws its own sample, so rows of all seeds are pooled; intervals
are of pictures or drives, as in the reports. --steps trains the detector for more steps than the recipe's.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

import evenhand
from evenhand_autonomy.lanes.section import by_drive, metres_between
from evenhand_autonomy.obstacles.coco_measures import average_precision
from evenhand_autonomy.obstacles.safety import half_seen, urgency, weighted_recall
from evenhand_autonomy.obstacles.seen_again import SeenAgain, seen_again
from evenhand_autonomy.obstacles.unforeseen import auroc, doubt, strangeness
from evenhand_autonomy.signs.intervals import clustered_share

CATEGORIES = ("pedestrian", "vehicle", "cone", "works")


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("speed", "obstacle", "lanes"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--controls", type=int, help="seeds without the planted blindness; not given: as many")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-driving"))
    asked = parser.parse_args()
    if asked.speed:
        speed()
    if asked.obstacle:
        obstacle(asked)
    if asked.lanes:
        lanes(asked)
    if asked.real:
        real(asked)


def finished(asked: argparse.Namespace, recipe: str, name: str, seed: int, *settings: str) -> Path:
    """The folder of a finished run, made where it is not there; one thread."""
    path = asked.runs / f"{name}-{seed}"
    begin = time.process_time()
    evenhand.run(recipe, settings=[f"seed={seed}", "finetune.threads=1", *settings], out=path)
    print(f"    {path.name}: {time.process_time() - begin:.0f} CPU s", flush=True)
    return path


def again(path: Path) -> Any:
    """As much of a run as report sections read."""
    recipe = evenhand.Recipe.from_file(path / "recipe.toml")
    return SimpleNamespace(path=path, manifest=json.loads((path / "manifest.json").read_text()), recipe=recipe)


def speed() -> None:
    """Scenes a second of both sizes."""
    from evenhand_autonomy.lanes.driving import State, route, seen_from
    from evenhand_autonomy.obstacles.samples import frame

    way = route(np.random.default_rng(0), "rural", "rain", "day")

    def scenes(k: int) -> None:
        frame(np.random.default_rng(k), str(k), "test", "plain", True)

    def drives(k: int) -> None:
        seen_from(State(along=k % 300), way, np.random.default_rng(k))

    print("| what | scenes a second, one core |\n|---|---:|")
    for name, draw in (
        ("160 x 96, people and traffic, all weathers, JPEG and ground truth", scenes),
        ("80 x 48, a drive's pictures", drives),
    ):
        rates = []
        for part in range(4):
            begin = time.process_time()
            for k in range(100):
                draw(100 * part + k)
            rates.append(100 / (time.process_time() - begin))
        print(f"| {name} | {np.median(rates[1:]):.0f} ({min(rates[1:]):.0f} to {max(rates[1:]):.0f}) |")


def obstacle(asked: argparse.Namespace) -> None:
    """With the blindness and without it: all seeds' test pictures pooled."""
    more = [f"options.steps={asked.steps}"] if asked.steps else []
    found: dict[str, list[tuple[Path, SeenAgain]]] = {}
    for name, planted in (("planted", "true"), ("not planted", "false")):
        found[name] = []
        seeds = asked.seeds if planted == "true" or asked.controls is None else asked.controls
        for seed in range(seeds):
            label = f"obstacle-{name.replace(' ', '-')}" + (f"-{asked.steps}" if asked.steps else "")
            path = finished(asked, "autonomy/obstacle", label, seed, f"options.planted={planted}", *more)
            seen = seen_again(again(path))
            assert seen is not None
            found[name].append((path, seen))
    heads = [f"{name}, {len(runs)} seeds" for name, runs in found.items()]
    print("\n| objects found (95 % interval by picture) | " + " | ".join(heads) + " |\n|---|" + "---:|" * len(found))
    for row, values in _found_rows(found).items():
        print(f"| {row} | " + " | ".join(values) + " |")
    print("\n| pedestrians | people | missed, planted | half seen at | missed, not planted | half seen at |")
    print("|---|---:|---:|---:|---:|---:|")
    for hour in ("day", "night"):
        for cloth in ("bright", "medium", "dark"):
            print(f"| {cloth} clothes, {hour} | " + " | ".join(_people(found, cloth, hour)) + " |")
    print("\n| never trained on | pictures | objects missed | AUROC, distance of features | AUROC, doubt |")
    print("|---|---:|---:|---:|---:|")
    for family in ("child running", "road works", "plain"):
        print(f"| {family} | " + " | ".join(_family(found["planted"], family)) + " |")


def pooled(runs: list[tuple[Path, SeenAgain]], *names: str) -> dict[str, np.ndarray]:
    """Columns of the objects of all seeds, with `hit`, and pictures named apart by seed."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("hit", "image_id", *names)}
    for seed, (_, seen) in enumerate(runs):
        mine = seen.object
        parts["hit"].append(seen.hit[mine])
        parts["image_id"].append(np.array([f"{seed} {name}" for name in seen.column("image_id")[mine]]))
        for name in names:
            parts[name].append(seen.column(name)[mine])
    return {name: np.concatenate(values) for name, values in parts.items()}


def told(value: tuple[float, ...], spread: list[float]) -> str:
    """A share with its interval, and the range over seeds."""
    low, high = (f"{bound:.0%}" for bound in value[1:])
    return f"{value[0]:.0%} [{low}, {high}], seeds {min(spread):.0%} to {max(spread):.0%}"


def _found_rows(found: dict[str, list[tuple[Path, SeenAgain]]]) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for runs in found.values():
        table = pooled(runs, "category", "ttc_s")
        for category in ("all", *CATEGORIES):
            mine = np.ones(len(table["hit"]), bool) if category == "all" else table["category"] == category
            value = clustered_share(table["hit"][mine], table["image_id"][mine].tolist())
            spread = []
            for _, seen in runs:
                part = seen.object if category == "all" else seen.column("category") == category
                spread.append(float(seen.hit[part].mean()))
            rows.setdefault(f"recall, {category}", []).append(told(value, spread))
        weight = urgency(table["ttc_s"].astype(float))
        soon = weighted_recall(table["hit"].astype(float), weight, table["image_id"].tolist())
        rows.setdefault("recall, weighted by urgency", []).append(f"{soon[0]:.0%} [{soon[1]:.0%}, {soon[2]:.0%}]")
        alarms = [int((seen.hit & ~seen.object).sum()) for _, seen in runs]
        hits = [int((seen.hit & seen.object).sum()) for _, seen in runs]
        pictures = [len(seen.found) for _, seen in runs]
        rows.setdefault("precision", []).append(f"{sum(hits) / (sum(hits) + sum(alarms)):.0%}")
        rows.setdefault("false alarms a picture", []).append(f"{sum(alarms) / sum(pictures):.2f}")
        measures = [average_precision(seen) for _, seen in runs]
        for category in ("all", *CATEGORIES):
            values = [one[category][1] for one in measures if one is not None]
            said = f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else "no pycocotools"
            rows.setdefault(f"COCO's AP50, {category}", []).append(said)
        rows.setdefault("audits that list dark clothes at night", []).append(
            f"{sum(map(_listed, runs))} of {len(runs)}"
        )
    return rows


def _listed(run: tuple[Path, SeenAgain]) -> bool:
    """Whether the run's audit lists dark clothes at night among the slices that fare worse."""
    slices = json.loads((run[0] / "audit.json").read_text())["slices"]["found"]
    return any(one["name"] == "clothing dark and time_of_day night" for one in slices)


def _people(found: dict[str, list[tuple[Path, SeenAgain]]], cloth: str, hour: str) -> list[str]:
    cells: list[str] = []
    for runs in found.values():
        table = pooled(runs, "clothing", "time_of_day", "distance_m")
        mine = (table["clothing"] == cloth) & (table["time_of_day"] == hour)
        hit, names = table["hit"][mine], table["image_id"][mine].tolist()
        spread = []
        for _, seen in runs:
            part = seen.object & (seen.column("clothing") == cloth) & (seen.column("time_of_day") == hour)
            spread.append(float((~seen.hit[part]).mean()))
        half = half_seen(table["distance_m"][mine].astype(float), hit.astype(float), names)
        cells += [str(len(hit))] if not cells else []
        cells += [told(clustered_share(~hit, names), spread), f"{half[0]:.1f} m [{half[1]:.1f}, {half[2]:.1f}]"]
    return cells


def _family(runs: list[tuple[Path, SeenAgain]], family: str) -> list[str]:
    table = pooled(runs, "family")
    mine = table["family"] == family
    missed = clustered_share(~table["hit"][mine], table["image_id"][mine].tolist())
    pictures, scores = 0, {"distance": [], "doubt": []}
    for _, seen in runs:
        kind = seen.of_picture("family")
        pictures += int((kind == family).sum())
        if family != "plain":
            far = strangeness(np.stack([one.features for one in seen.found]), seen.model.known)
            unsure = np.array([doubt(one) for one in seen.found])
            for name, score in (("distance", far), ("doubt", unsure)):
                scores[name].append(auroc(score[kind == family], score[kind == "plain"]))
    said = [f"{np.mean(v):.2f} ({min(v):.2f} to {max(v):.2f})" if v else "" for v in scores.values()]
    return [str(pictures), f"{missed[0]:.0%} [{missed[1]:.0%}, {missed[2]:.0%}]", *said]


def lanes(asked: argparse.Namespace) -> None:
    """Steering error and metres between failures of every setting, all seeds pooled."""
    paths = [finished(asked, "autonomy/lane-following", "lanes", seed) for seed in range(asked.seeds)]
    tables, logs = [], []
    for seed, path in enumerate(paths):
        table = pl.read_parquet(path / "predictions.parquet")
        tables.append(table.with_columns(pl.format("{} {}", pl.lit(seed), pl.col("drive")).alias("drive")))
        logs.append(json.loads((path / "model" / "exhibits" / "closed-loop.json").read_text()))
    whole = pl.concat(tables)
    names = list(logs[0])
    columns = {"straight on": "baseline_straight on", **{name: f"baseline_{name}" for name in names[:-1]}}
    columns[names[-1]] = "prediction"
    print("\n| setting | place | steering error, degrees | seeds | metres between failures |\n|---|---|---:|---:|---:|")
    for name, column in columns.items():
        for place in ("urban", "rural"):
            mine = whole.filter(pl.col("road_type") == place)
            mean = by_drive((mine[column] - mine["steering"]).abs().to_numpy(), mine["drive"].to_list())
            each = [_error(table, column, place) for table in tables]
            drives = [one for log in logs for one in log.get(name, []) if one["road_type"] == place]
            between = metres_between(drives) if drives else ""
            value = f"{mean[0]:.2f} [{mean[1]:.2f}, {mean[2]:.2f}]"
            print(f"| {name} | {place} | {value} | {min(each):.2f} to {max(each):.2f} | {between} |")
    kept = [one for log in logs for one in log[names[-1]]]
    print(f"\n| at the wheel with {names[-1]} | drives | metres between failures | lateral error, m |")
    print("|---|---:|---:|---:|")
    for column in ("road_type", "weather", "time_of_day"):
        for group in sorted({one[column] for one in kept}):
            mine = [one for one in kept if one[column] == group]
            off = np.abs(np.concatenate([one["offsets"] for one in mine]))
            drive = np.concatenate([np.full(len(one["offsets"]), k) for k, one in enumerate(mine)])
            lateral = by_drive(off, drive)
            said = f"{lateral[0]:.2f} [{lateral[1]:.2f}, {lateral[2]:.2f}]"
            print(f"| {column.replace('_', ' ')}: {group} | {len(mine)} | {metres_between(mine)} | {said} |")


def _error(table: pl.DataFrame, column: str, place: str) -> float:
    mine = table.filter(pl.col("road_type") == place)
    return float((mine[column] - mine["steering"]).abs().to_numpy().mean())


def real(asked: argparse.Namespace) -> None:
    """A sheet of real pictures with what the first run's policy says of each; there is no truth to compare it with."""
    from PIL import Image, ImageDraw

    from evenhand_autonomy.lanes.model import LaneModel
    from evenhand_autonomy.lanes.network import HIGH, WIDE

    path = finished(asked, "autonomy/lane-following", "lanes", 0)
    model = LaneModel.load(path / "model" / "model")
    files = sorted((asked.real / "images").glob("*.jpg"))
    paper = Image.new("RGB", (5 * 260, -(-len(files) // 5) * 170), "white")
    print("\n| real picture | steering, degrees | metres right of the lane's middle |\n|---|---:|---:|")
    for k, file in enumerate(files):
        picture = Image.open(file).convert("RGB")
        steer, offset = model.both(np.array(picture.resize((WIDE, HIGH), Image.Resampling.BOX))[None])[0]
        print(f"| {file.stem} | {steer:+.1f} | {offset:+.2f} |")
        tile = picture.resize((256, 144))
        pen, middle = ImageDraw.Draw(tile), 128
        angle = np.radians(90 - 4 * steer)  # drawn four times as large as it is
        pen.line((middle, 140, middle + 50 * np.cos(angle), 140 - 50 * np.sin(angle)), fill=(255, 220, 0), width=3)
        paper.paste(tile, (k % 5 * 260, k // 5 * 170))
        ImageDraw.Draw(paper).text(
            (k % 5 * 260, k // 5 * 170 + 146), f"{steer:+.1f} deg, {offset:+.2f} m", fill="black"
        )
    paper.save(asked.runs / "real-roads.jpg", quality=85)
    print(f"\n{asked.runs / 'real-roads.jpg'}")


if __name__ == "__main__":
    main()
