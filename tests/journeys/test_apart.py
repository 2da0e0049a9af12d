"""Journeys that need an environment or several processes of their own: the core alone, and torchrun."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


@pytest.mark.slow
@pytest.mark.skipif(UV is None, reason="uv is not at hand to make an environment")
def test_an_environment_with_the_core_alone_can_audit(tmp_path):
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [UV, "pip", "install", "-q", "--python", str(python), "-c", str(ROOT / "constraints.txt"), str(ROOT / "core")],
        check=True,
    )
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode != 0
    (tmp_path / "p.csv").write_text(
        "y,s,sex\n" + "".join(f"{i % 2},0.{i % 10},{'fm'[i % 3 == 0]}\n" for i in range(200))
    )
    command = [
        str(tmp_path / "venv" / "bin" / "evenhand"),
        "audit",
        "p.csv",
        "--label",
        "y",
        "--score",
        "s",
        "--sensitive",
        "sex",
        "--out",
        "report",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["probe", "full"])
def test_two_processes_give_the_same_kind_of_result(tmp_path, strategy):
    settings = [f"finetune.strategy={strategy}", "finetune.epochs=1", "finetune.max_length=16"]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "evenhand",
        "run",
        "nlp/support-intent",
    ]
    command += ["--out", "run", *(word for setting in settings for word in ("--set", setting))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    evaluation = (
        json.loads((tmp_path / "run" / "evaluation.json").read_text())
        if (tmp_path / "run" / "evaluation.json").exists()
        else None
    )
    assert evaluation, done.stderr[-3000:]
    accuracy = {metric["model"]: metric["value"] for metric in evaluation if metric["name"] == "accuracy"}
    assert accuracy["adapted"] > 0.6 > accuracy["majority"]
    assert (tmp_path / "run" / "report.html").exists()
