"""Under torchrun every process ends with the same model, and it is as good as one process's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import os, sys
from pathlib import Path
import numpy as np
sys.path[:0] = sys.argv[1].split(os.pathsep)
from conftest import FakeRun, messages, recipe, split
from evenhand.adapting import finetune, scores
from evenhand.values import Backbone, BackboneCard
rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
out = Path(sys.argv[3])
run = FakeRun(out / "cache", out / f"scratch{rank}", rank, world)
job = recipe(strategy="lp-ft", learning_rate=1e-3, epochs=4)
splits = split(messages, job)
adapted = finetune(job, splits, Backbone("bert", "text", "local:" + sys.argv[2], BackboneCard("", "", 0, 0.0)), run)
np.save(out / f"scores{world}{rank}.npy", scores(adapted.model, splits.test, job.schema))
np.save(out / f"validation{world}{rank}.npy", adapted.validation["accuracy"])
"""


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path, bert_folder):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1] / "plugins")])
    arguments = [str(program), paths, str(bert_folder), str(tmp_path)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for command in ([sys.executable], torchrun):
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[:6000]
    alone, first, second = (np.load(tmp_path / f"scores{name}.npy") for name in ("10", "20", "21"))
    np.testing.assert_array_equal(first, second)
    assert np.mean(alone.argmax(1) == first.argmax(1)) > 0.9
    assert abs(np.load(tmp_path / "validation10.npy") - np.load(tmp_path / "validation20.npy")) < 0.15
