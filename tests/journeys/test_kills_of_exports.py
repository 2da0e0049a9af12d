"""Kill -9 in every stage of an export; the same command goes on, and ends with the bytes of one that was left alone."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from killing import kill_in

from evenhand.deploying.exporting.walk import EXPORT_INT8

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
EQUAL = ("exported", "agreement.json", "predictions.parquet", "evaluation.json", "audit.json", "compare.json")


def command(run, out):
    return [sys.executable, "-m", "evenhand", "export", str(run), "--int8", "--out", str(out)]


@pytest.mark.slow
def test_an_export_killed_in_every_stage_ends_as_if_it_had_not_been(install, tmp_path):
    from evenhand.files import digest

    env = {**os.environ, **install("toy_export", "toy_export", PLUGINS)}
    run = [sys.executable, "-m", "evenhand", "run", "toy_export/line", "--out", str(tmp_path / "run")]
    assert subprocess.run(run, env=env, capture_output=True, check=False).returncode in (0, 1)
    calm, killed, rng = tmp_path / "calm", tmp_path / "killed", random.Random(3)
    done = subprocess.run(command(tmp_path / "run", calm), env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stages = json.loads((calm / "manifest.json").read_text())["stages"]
    struck = [
        stage.name
        for stage in EXPORT_INT8
        if kill_in(
            stage.name, command(tmp_path / "run", killed), killed, env, rng.random() * stages[stage.name]["seconds"]
        )
    ]
    assert len(struck) >= 4, f"too few kills struck a living process: {struck}"
    done = subprocess.run(command(tmp_path / "run", killed), env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in EQUAL:
        assert digest(killed / name) == digest(calm / name), name
    assert not list(killed.glob(".tmp-*"))


@pytest.mark.slow
def test_two_exports_into_one_folder_are_refused_while_the_first_lives(install, tmp_path):
    import time

    env = {**os.environ, **install("toy_export", "toy_export", PLUGINS)}
    run = [sys.executable, "-m", "evenhand", "run", "toy_export/line", "--out", str(tmp_path / "run")]
    assert subprocess.run(run, env=env, capture_output=True, check=False).returncode in (0, 1)
    line = command(tmp_path / "run", tmp_path / "out")
    first = subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "out" / "log.jsonl").exists() and first.poll() is None:
        time.sleep(0.01)
    second = subprocess.run(line, env=env, capture_output=True, text=True, check=False)
    assert first.wait() == 0
    assert second.returncode == 2
    assert "is writing" in second.stderr
