"""A disk that is full while something is written: one sentence, exit code 2, nothing half-written; with room, it goes
on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
MOUNTED = "mount -t tmpfs -o size={size}k tmpfs {disk} && "


def small_disk(size, disk, line, env=None, after="true"):
    """Run the shell text `line` in a namespace of its own where `disk` holds `size` kilobytes, then `after`."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare on this system to mount a small disk with")
    text = MOUNTED.format(size=size, disk=disk) + f"{line}; code=$?; {after}; exit $code"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", text],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    return done


def evenhand(*arguments):
    return " ".join([sys.executable, "-m", "evenhand", *map(str, arguments)])


def listed(disk):
    return f"find {disk} -mindepth 1 -type f -printf '%P\\n'"


@pytest.mark.parametrize("size", [4, 8, 48])
def test_an_audit(tmp_path, size):
    disk = tmp_path / "disk"
    disk.mkdir()
    frame = pl.DataFrame({"y": [0, 1] * 100, "s": [i / 200 for i in range(200)], "g": ["a", "b", "c", "d"] * 50})
    frame.write_csv(tmp_path / "p.csv")
    line = evenhand("audit", tmp_path / "p.csv", "--label=y --score=s --sensitive=g --out", disk / "report")
    done = small_disk(size, disk, line, after=listed(disk))
    assert done.returncode == 2, done.stdout
    assert "no space left" in done.stderr
    assert str(disk) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    left = {Path(name).name for name in done.stdout.split() if name.startswith("report/")}
    assert not left  # no file of the set, which takes its place as one, and no temporary one


@pytest.mark.slow
@pytest.mark.parametrize("size", [24, 260])
def test_a_run_goes_on_where_there_is_room_again(tmp_path, install, size):
    disk = tmp_path / "disk"
    disk.mkdir()
    env = install("toy_tables", "toy_tables", PLUGINS)
    line = evenhand("run toy_tables/loan --out", disk / "run")
    done = small_disk(
        size, disk, line, env, after=f"cp -r {disk}/run {tmp_path}/kept 2>/dev/null; {listed(disk)} | grep '\\.tmp' "
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr
    again = subprocess.run(
        evenhand("run toy_tables/loan --out", tmp_path / "kept").split(),
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode in (0, 1), again.stderr
    assert (tmp_path / "kept" / "report.html").exists()
