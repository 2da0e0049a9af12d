"""A walk of two stages as a command would have it: draw numbers, add them up. `python toy_walk.py FOLDER [SECONDS]`."""

import json
import random
import sys
import time
from pathlib import Path

from evenhand.recorded.run_folder import Run
from evenhand.running.walking import Outcome, Stage, walk, writes


def draw(state):
    rng = random.Random(state["seed"])
    state["numbers"] = [rng.random() for _ in range(100)]
    state["run"].write("numbers.json", json.dumps(state["numbers"]))
    return Outcome(notes=("100 numbers",))


def add(state):
    time.sleep(state["seconds"])
    numbers = state.get("numbers") or state["run"].read_json("numbers.json")  # there where `draw` was done before

    def write(folder):
        folder.mkdir()
        (folder / "sum.txt").write_text(repr(sum(numbers)))

    state["run"].write_with("total", write)
    return Outcome(facts={"rows": len(numbers)})


ADD_UP = (Stage("draw", ("numbers.json",), draw), Stage("add", ("total",), add, together=True))


def add_up(path, seed=1, seconds=0.0, stages=ADD_UP, plugins=None):
    """What a command of this walk is: a folder opened with the walk's layout, and the walk."""
    with Run(Path(path), None, f"seed {seed}", walk="add_up", stages=writes(stages)) as run:
        walk(stages, run, {"run": run, "seed": seed, "seconds": seconds}, plugins)


if __name__ == "__main__":
    add_up(sys.argv[1], seconds=float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
