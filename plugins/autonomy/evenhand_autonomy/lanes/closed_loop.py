"""The policies at the wheel: each drives the same simulated routes, and what happened is kept for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from evenhand_autonomy.lanes.driving import SECONDS, Drive, Policy, Route, driven, route
from evenhand_autonomy.lanes.film import film, strip
from evenhand_autonomy.scenes.facts import CLEAR, DAY, FOG, NIGHT, RAIN, RURAL, SNOW, URBAN

CONDITIONS = ((CLEAR, DAY), (RAIN, DAY), (FOG, DAY), (SNOW, DAY), (CLEAR, NIGHT), (RAIN, NIGHT))
EACH, STEPS = 2, 75  # routes of each road type and condition; pictures of a drive, 15 seconds
LOG, FILM, STILL = "closed-loop.json", "drive.webp", "drive.jpg"


def routes_of(seed: int, each: int, steps: int) -> list[Route]:
    """Routes that no training drive was on."""
    found = []
    for place, kind in enumerate((URBAN, RURAL)):
        for number, (weather, time) in enumerate(CONDITIONS):
            for k in range(each):
                rng = np.random.default_rng([seed, 431, place, number, k])
                found.append(route(rng, kind, weather, time, metres=steps * SECONDS * 14 + 40))
    return found


def exhibits(policies: Mapping[str, Policy], seed: int, run: Any = None) -> dict[str, bytes]:
    """The log of every policy's drives, and a film of the first and last policy on one rural route by day."""
    routes = routes_of(seed, EACH, STEPS)
    shown = len(routes) // 2  # the first rural route, clear and by day
    log, kept = {}, {}
    for number, (name, policy) in enumerate(policies.items()):
        if run is not None:
            run.progress(number, len(policies), "driving the simulator")
        drives = driven(policy, routes, STEPS, seed, keep=(shown,))
        log[name] = [told(drive) for drive in drives]
        kept[name] = drives[shown]
    ends = {name: kept[name] for name in dict.fromkeys((next(iter(kept)), next(reversed(kept))))}
    return {LOG: json.dumps(log).encode(), FILM: film(ends), STILL: strip(ends)}


def told(drive: Drive) -> dict[str, Any]:
    """A drive as JSON has it."""
    way = drive.route
    return {
        "road_type": way.road.kind,
        "weather": way.weather,
        "time_of_day": way.time,
        "metres_per_picture": SECONDS * way.speed,
        "offsets": [round(value, 3) for value in drive.offsets],
        "bends": [round(value, 5) for value in drive.bends],
        "failures": drive.failures,
    }
