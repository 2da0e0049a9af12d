"""Reads a log of images and steering as CSV, as driving simulators write it: center, left, right, steering, …

Udacity's simulator writes no header; its columns are then center, left, right, steering, throttle, brake, speed. Paths
of another machine are looked for by their last part beside the log, and in the folders IMG and images.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from evenhand import BadInput

USUAL = ("center", "left", "right", "steering", "throttle", "brake", "speed")
IMAGE, STEERING = ("center", "image", "file_name", "filename", "frame"), ("steering", "steering_angle", "angle")
TIMES, DRIVES = ("time", "timestamp", "seconds"), ("drive", "run", "session", "sequence")
FACTS = ("road_type", "weather", "time_of_day", "lane_offset")
UNITS = {"degrees": 1.0, "radians": 180 / math.pi, "normalised": 0.0}  # to degrees; normalised: by the full lock
WIDEST = {"degrees": 90.0, "radians": 1.6, "normalised": 1.0}  # of front wheels; what is more is another unit
STAMP = re.compile(r"(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d{1,6})")
PAUSE, BLOCK, MANY = 2.0, 100, 50  # seconds that end a drive; rows of a drive where no time is told; rows to judge by


def read_log(source: Path, unit: str, lock: float) -> tuple[dict[str, list[Any]], list[str]]:
    """(columns image, steering in degrees, drive, frame, time and what facts there are; notes). Raises BadInput."""
    file = source if source.is_file() else _csv_in(source)
    rows = _rows(file)
    image, angle = _column(rows, IMAGE, file), _column(rows, STEERING, file)
    steering = in_degrees([_number(row[angle], angle, place, file) for place, row in enumerate(rows)], unit, lock, file)
    paths = _images([row[image] for row in rows], file)
    drive, times, notes = _drives(rows, [row[image] for row in rows], file)
    table: dict[str, list[Any]] = {
        "image": [{"bytes": None, "path": str(path)} for path in paths],
        "steering": steering,
        "drive": drive,
        "frame": [f"row {place + 1}" for place in range(len(rows))],
        "time": times,
    }
    for name in FACTS:
        if name in rows[0]:
            values: list[Any] = [row[name] or None for row in rows]
            if name == "lane_offset":
                values = [v if v is None else _number(v, name, place, file) for place, v in enumerate(values)]
            table[name] = values
    return table, notes


def _csv_in(folder: Path) -> Path:
    found = sorted(folder.glob("*.csv"))
    if len(found) != 1:
        raise BadInput(
            f"{folder} holds {len(found) or 'no'} CSV files; give the folder of one drive log, or name the file itself"
        )
    return found[0]


def _rows(file: Path) -> list[dict[str, str]]:
    """The log's rows by column, whether or not it has a header."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        lines = [[cell.strip() for cell in line] for line in csv.reader(text) if any(cell.strip() for cell in line)]
    if not lines:
        raise BadInput(f"{file} is empty; write the log again")
    names = [cell.lower() for cell in lines[0]]
    headed = any(name in names for name in STEERING)
    if not headed:
        if len(names) != len(USUAL):
            raise BadInput(
                f"{file} has no column of steering; it begins with {', '.join(lines[0][:6])}. Name its columns in a"
                " first line: center (or image) and steering"
            )
        names = list(USUAL)
    body = lines[1:] if headed else lines
    if not body:
        raise BadInput(f"{file} has a header and no rows; write the log again")
    for place, line in enumerate(body):
        if len(line) != len(names):
            raise BadInput(f"row {place + 1} of {file} has {len(line)} columns, and the log {len(names)}; mend the row")
    return [dict(zip(names, line, strict=True)) for line in body]


def _column(rows: Sequence[dict[str, str]], wanted: Sequence[str], file: Path) -> str:
    found = next((name for name in wanted if name in rows[0]), None)
    if found is None:
        raise BadInput(f"{file} has none of the columns {', '.join(wanted)}; it has: {', '.join(rows[0])}")
    return found


def _number(text: str, column: str, place: int, file: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"row {place + 1} of {file} has {column} = {text!r}, which is no number; mend or drop the row")
    return value


def in_degrees(values: Sequence[float], unit: str, lock: float, where: Any) -> list[float]:
    """Angles of the front wheels in degrees; BadInput where they cannot be in the unit that was declared."""
    if unit not in UNITS:
        raise BadInput(f"options.steering_unit = {unit!r} is none of {', '.join(UNITS)}; declare how the log tells it")
    most = max(map(abs, values))
    option = "--set options.steering_unit="
    if most > WIDEST[unit]:
        other = "degrees" if most > WIDEST["radians"] or unit == "radians" else "radians"
        raise BadInput(
            f"the steering of {where} goes to {most:g}, which front wheels do not in {unit}; declare its unit, perhaps"
            f" {option}{other}"
        )
    if unit == "degrees" and len(values) >= MANY and 0 < most <= 1.0:
        raise BadInput(
            f"all {len(values)} steering angles of {where} lie within 1, which no drive does in degrees; declare its"
            f" unit: {option}normalised (-1 to 1, as simulators write it) or {option}radians"
        )
    factor = lock if unit == "normalised" else UNITS[unit]
    return [value * factor for value in values]


def _images(names: Sequence[str], file: Path) -> list[Path]:
    """Where each image is; BadInput with how many are not there."""
    folders = [file.parent, file.parent / "IMG", file.parent / "images"]
    found: list[Path | None] = []
    for name in names:
        last = name.replace("\\", "/").rsplit("/", 1)[-1]
        places = [file.parent / name, *(folder / last for folder in folders)] if last else []
        found.append(next((place for place in places if place.is_file()), None))
    absent = [place for place, path in enumerate(found) if path is None]
    if absent:
        raise BadInput(
            f"{len(absent)} of {len(names)} images of {file} are missing, first '{names[absent[0]]}' of row"
            f" {absent[0] + 1}; put them beside the log or into its folder IMG, or drop their rows"
        )
    return [path for path in found if path is not None]


def _drives(
    rows: Sequence[dict[str, str]], names: Sequence[str], file: Path
) -> tuple[list[str], list[float | None], list[str]]:
    """(drive and time of each row, notes). BadInput where a drive's time jumps back."""
    told = next((name for name in DRIVES if name in rows[0]), None)
    column = next((name for name in TIMES if name in rows[0]), None)
    if column is not None:
        times: list[float | None] = [_number(row[column], column, place, file) for place, row in enumerate(rows)]
    else:
        times = [_stamp(name) for name in names]
    if any(time is None for time in times):
        times = [None] * len(rows)
    if told is not None:
        drives = [row[told] for row in rows]
        _check_time(drives, times, file)
        return drives, times, []
    if times[0] is None:
        blocks = [f"rows {place // BLOCK * BLOCK + 1} on" for place in range(len(rows))]
        return (
            blocks,
            times,
            [f"{file} tells neither drive nor time: each {BLOCK} rows in turn are taken for one drive"],
        )
    _check_time(["the log"] * len(rows), times, file)
    drives, begin = [], 0
    for place, time in enumerate(times):
        if (place and float(time or 0) - float(times[place - 1] or 0) > PAUSE) or place - begin >= BLOCK:
            begin = place
        drives.append(f"rows {begin + 1} on")
    note = f"a drive of {file} ends where {PAUSE:g} s pass without a picture, or after {BLOCK} rows"
    return drives, times, [note]


def _check_time(drives: Sequence[str], times: Sequence[float | None], file: Path) -> None:
    last: dict[str, float] = {}
    for place, (drive, time) in enumerate(zip(drives, times, strict=True)):
        if time is None:
            return
        if time < last.get(drive, -math.inf):
            raise BadInput(
                f"time jumps back at row {place + 1} of {file}, from {last[drive]:g} to {time:g} s; sort the rows, or"
                " tell drives apart by a column 'drive'"
            )
        last[drive] = time


def _stamp(name: str) -> float | None:
    """Seconds from a name such as center_2016_12_01_13_30_48_287.jpg."""
    found = STAMP.search(name)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second).timestamp() + float(f"0.{found.group(7)}")
    except ValueError:
        return None
