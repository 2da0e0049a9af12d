"""evenhand pretrain as a user has it: killed with -9 and given again it ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from evenhand import pretrain
from evenhand.files import digest

SETTINGS = {"steps": 40, "batch_size": 4, "image_size": 32, "classes": 4, "examples": 5, "checkpoint_every": 4}


def command(out, net="timm:test_resnet", **changed):
    options = [f"--set=pretrain.{key}={value}" for key, value in {**SETTINGS, **changed, "threads": 1}.items()]
    return ["pretrain", net, "--out", str(out), *options]


def kill_when(line, there, cwd):
    """Start the command, kill -9 as soon as the file `there` is there; True if it was alive then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "evenhand", *line], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 240
    while process.poll() is None and not there.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


@pytest.mark.slow
def test_killed_and_given_again_it_ends_with_the_same_bytes(evenhand, tmp_path):
    killed = tmp_path / "killed"
    assert kill_when(command(killed), killed / "checkpoint.safetensors", tmp_path), "it had ended before"
    assert (killed / "checkpoint.safetensors").exists()
    assert not (killed / "backbone").exists()
    done = evenhand(*command(killed))
    assert done.returncode == 0, done.stderr
    assert "load_data: done before" in done.stderr
    settings = [f"pretrain.{key}={value}" for key, value in {**SETTINGS, "threads": 1}.items()]
    calm = pretrain("timm:test_resnet", settings=settings, out=tmp_path / "calm")  # in this process, never killed
    assert calm.card.sha256 == digest(killed / "backbone" / "model.safetensors")
    assert not [path for path in killed.iterdir() if path.name.startswith((".tmp-", "checkpoint"))]
    assert json.loads((killed / "manifest.json").read_text())["stages"]["pretrain"]["seconds"] > 0


@pytest.mark.slow
def test_two_processes_make_one_backbone(tmp_path):
    line = command(tmp_path / "out", steps=6)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "evenhand", *line], env=os.environ, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    card = json.loads((tmp_path / "out" / "backbone" / "card.json").read_text())
    assert card["sha256"] == digest(tmp_path / "out" / "backbone" / "model.safetensors")
    assert done.stdout.count("backbone: local:") == 1
