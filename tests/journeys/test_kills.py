"""Kill -9 at random moments in every stage; run again: the numbers are those of a run that was never killed."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from killing import kill_in

from evenhand.running.pipeline import RUN

STAGES = [stage.name for stage in RUN]
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
NUMBERS = ("evaluation.json", "audit.json", "predictions.parquet", "data.json")


def command(recipe, out, *settings):
    return [sys.executable, "-m", "evenhand", "run", recipe, "--out", str(out), *settings]


def walk_killed(recipe, env, tmp_path, rng, *settings):
    """Run once undisturbed, once killed in every stage; returns both directories and where kills struck."""
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    env = {**os.environ, **env}
    done = subprocess.run(
        command(recipe, calm, *settings),
        env={**env, "EVENHAND_CACHE": str(tmp_path / "calm-cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    seconds = {
        name: record["seconds"] for name, record in json.loads((calm / "manifest.json").read_text())["stages"].items()
    }
    struck = [
        stage
        for stage in STAGES
        if kill_in(stage, command(recipe, killed, *settings), killed, env, rng.random() * seconds[stage])
    ]
    done = subprocess.run(command(recipe, killed, *settings), env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return calm, killed, struck


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_a_run_killed_in_every_stage_ends_as_if_it_had_not_been(install, tmp_path, seed):
    calm, killed, struck = walk_killed(
        "toy_tables/loan", install("toy_tables", "toy_tables", PLUGINS), tmp_path, random.Random(seed)
    )
    assert len(struck) >= 4, f"too few kills struck a living process: {struck}"
    for name in NUMBERS:
        assert (killed / name).read_bytes() == (calm / name).read_bytes(), name
    assert not list(killed.glob(".tmp-*"))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["probe", "full"])
def test_a_killed_text_run_ends_as_if_it_had_not_been(tmp_path, strategy):
    from evenhand_nlp.samples import support_messages

    pl.DataFrame(support_messages(rows=900)).write_csv(tmp_path / "messages.csv")
    settings = (
        "--data",
        str(tmp_path / "messages.csv"),
        "--set",
        f"finetune.strategy={strategy}",
        "--set",
        "finetune.epochs=1",
        "--set",
        "finetune.max_length=16",
    )
    calm, killed, struck = walk_killed("nlp/support-intent", {}, tmp_path, random.Random(7), *settings)
    assert "finetune" in struck
    for name in NUMBERS:
        assert (killed / name).read_bytes() == (calm / name).read_bytes(), name


@pytest.mark.slow
def test_a_finished_run_is_not_computed_again(install, tmp_path):
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    for _ in range(2):
        done = subprocess.run(
            command("toy_tables/loan", tmp_path / "run"), env=env, capture_output=True, text=True, check=False
        )
    assert done.stderr.count("done before") == len(STAGES)
    assert str(tmp_path / "run" / "report.html") in done.stdout


def test_a_second_run_in_the_same_directory_is_refused_while_the_first_lives(install, tmp_path):
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    first = subprocess.Popen(
        command("toy_tables/loan", tmp_path / "run"), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "run" / "log.jsonl").exists() and first.poll() is None:
        time.sleep(0.01)
    second = subprocess.run(
        command("toy_tables/loan", tmp_path / "run"), env=env, capture_output=True, text=True, check=False
    )
    assert first.wait() in (0, 1)
    assert second.returncode == 2
    assert "another evenhand run is writing" in second.stderr
