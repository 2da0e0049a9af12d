"""A finished folder may come from anybody: no link leads out of it, and what is only read is not opened for writing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import evenhand
import toy_tables
from evenhand import BadInput
from evenhand.extending.discovering import load
from evenhand.files import atomic
from evenhand.running.again import audit_again

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
READ_BY_ALL = ("manifest.json", "recipe.toml", "predictions.parquet", "audit.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        return evenhand.run("toy_tables/loan", plugins=load({"toy_tables": toy_tables}), out=folder / "run").path


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def outside(tmp_path):
    """Files of the user's that a hostile folder would like to reach."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "diary.txt").write_text("dear diary")
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def link_instead(file, target):
    shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    file.symlink_to(target)


def plugins():
    return load({"toy_tables": toy_tables})


ASK = {
    "verify": lambda run: evenhand.verify(run),
    "report": lambda run: evenhand.report(run, plugins=plugins()),
    "compare": lambda run: evenhand.compare(run, run),
    "audit again": lambda run: audit_again(run, plugins()),
    "run": lambda run: evenhand.run("toy_tables/loan", plugins=plugins(), out=run),
}
READS = {
    "verify": (*READ_BY_ALL, "model", "report.html", "README.md", "data.json", "evaluation.json"),
    "report": ("manifest.json", "recipe.toml", "audit.json", "evaluation.json", "data.json"),
    "compare": ("manifest.json", "predictions.parquet", "audit.json"),
    "audit again": ("manifest.json", "recipe.toml", "predictions.parquet"),
    "run": ("manifest.json", "recipe.toml", "model", "predictions.parquet", "report.html", "evaluation.json"),
}


@pytest.mark.parametrize(("ask", "name"), [(ask, name) for ask, names in READS.items() for name in names])
def test_an_artefact_that_is_a_link_is_refused_though_it_leads_to_the_same(ask, name, run, outside):
    shutil.move(run / name, outside / name)
    (run / name).symlink_to(outside / name)
    before = contents(outside)
    with pytest.raises(BadInput, match=f"{name} is a link"):
        ASK[ask](run)
    assert contents(outside) == before


@pytest.mark.parametrize("ask", ["verify", "run"])
def test_a_link_deep_in_the_model_is_refused(ask, run, outside):
    (run / "model" / "more").mkdir()
    (run / "model" / "more" / "x").symlink_to(outside / "diary.txt")
    with pytest.raises(BadInput, match="more/x is a link"):
        ASK[ask](run)


@pytest.mark.parametrize("ask", ASK)
def test_a_lock_that_is_a_link_truncates_nothing(ask, run, outside):
    link_instead(run / ".lock", outside / "diary.txt")
    if ask in ("report", "run"):
        with pytest.raises(BadInput, match=r"\.lock is a link"):
            ASK[ask](run)
    else:
        ASK[ask](run)  # what only reads takes no lock
    assert (outside / "diary.txt").read_text() == "dear diary"


@pytest.mark.parametrize("name", [".lock", "manifest.json", "audit.json"])
@pytest.mark.parametrize("ask", ["report", "run"])
def test_a_pipe_does_not_hang(ask, name, run):
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(BadInput, match="no plain file"):
        ASK[ask](run)


def test_a_log_that_is_a_link_is_not_written_through(run, outside):
    link_instead(run / "log.jsonl", outside / "diary.txt")
    shutil.rmtree(run / "model")
    for command in ("run", "report"):
        with pytest.raises(BadInput, match=r"log\.jsonl is a link"):
            ASK[command](run)
    assert (outside / "diary.txt").read_text() == "dear diary"


def test_a_report_replaces_a_link_and_leaves_what_it_leads_to(run, outside):
    for name in ("report.html", "README.md"):
        link_instead(run / name, outside / "diary.txt")
    ASK["report"](run)
    assert (outside / "diary.txt").read_text() == "dear diary"
    assert not (run / "report.html").is_symlink()
    assert (run / "report.html").stat().st_size > 10_000


def test_what_is_swept_is_the_link(run, outside):
    (run / ".tmp-1-file").symlink_to(outside / "diary.txt")
    (run / ".tmp-1-folder").symlink_to(outside)
    (run / ".tmp-1-broken").symlink_to(outside / "nothing")
    (run / ".tmp-1-model").mkdir()
    (run / ".tmp-1-model" / "inner").symlink_to(outside)
    ASK["report"](run)
    assert not [path for path in run.iterdir() if path.name.startswith(".tmp-")]
    assert (outside / "diary.txt").read_text() == "dear diary"


def test_a_link_that_waits_at_the_temporary_name_is_not_written_through(tmp_path, outside):
    folder = tmp_path / "report"
    folder.mkdir()
    for name in ("plan.json", "audit.json", "junit.xml", "report.html"):
        (folder / f".tmp-{os.getpid()}-{name}").symlink_to(outside / "diary.txt")
        (folder / name).symlink_to(outside / "diary.txt")
    frame = pl.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20})
    evenhand.audit_into(folder, frame, label="y", score="s", sensitive=["g"])
    assert evenhand.verify(folder, frame).equal
    assert (outside / "diary.txt").read_text() == "dear diary"


@pytest.mark.parametrize("name", ["plan.json", "audit.json", "junit.xml", "report.html"])
def test_an_audit_whose_parts_are_links_is_refused(name, tmp_path, outside):
    frame = pl.DataFrame({"y": [0, 1] * 20, "s": [i / 40 for i in range(40)], "g": ["a", "b"] * 20})
    evenhand.audit_into(tmp_path / "report", frame, label="y", score="s", sensitive=["g"])
    shutil.move(tmp_path / "report" / name, outside / name)
    (tmp_path / "report" / name).symlink_to(outside / name)
    with pytest.raises(BadInput, match=f"{name} is a link"):
        evenhand.verify(tmp_path / "report", frame)


def test_a_folder_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path, outside):
    (tmp_path / "model").symlink_to(outside)
    with atomic(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("1")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["weights"]
    assert (outside / "diary.txt").exists()


WATCHED = """
import os, sys
CHANGES = {"os." + name for name in "mkdir remove rename rmdir symlink link truncate chmod".split()}
folder, seen = os.path.realpath(sys.argv[1]), []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        changes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    else:
        changes = event in CHANGES
    if changes and os.path.realpath(os.fsdecode(arguments[0])).startswith(folder):
        seen.append((event, arguments))
sys.addaudithook(watch)
import evenhand
found = evenhand.verify(sys.argv[1])
assert found.equal, str(found)
assert not seen, seen
"""


def test_verify_opens_nothing_for_writing(run, install):
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in (run, *run.rglob("*"))}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(run)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in (run, *run.rglob("*"))} == before


def test_a_run_on_a_read_only_disk_is_verified(run, install):
    if not shutil.which("unshare"):
        pytest.skip("no unshare on this system to mount a folder read-only with")
    line = f"mount --bind {run} {run} && mount -o remount,ro,bind {run} && ! touch {run}/x 2>/dev/null && "
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    line += f"{sys.executable} -m evenhand verify {run}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", line], env=env, capture_output=True, text=True, check=False)
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout
