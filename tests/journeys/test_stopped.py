"""What stops a run: kills where each file takes its place, Ctrl-C, no home, another user, a hook that fails."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

import toy_tables
from evenhand import BadInput, report, run, verify
from evenhand.extending.discovering import load
from evenhand.running.pipeline import RUN

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
NUMBERS = ("evaluation.json", "audit.json", "predictions.parquet", "data.json")
STAGES = [stage.name for stage in RUN]
WRITES = {"evaluate": "evaluation.json", "audit_bias": "audit.json", "report": "report.html"}
KILLED = """
import os, sys
name, after = sys.argv[2], sys.argv[3] == "after"
replace = os.replace
def killing(source, target, **more):
    struck = os.path.basename(target) == name
    if struck and not after:
        os._exit(9)
    replace(source, target, **more)
    if struck:
        os._exit(9)
os.replace = killing
import evenhand, toy_tables
from evenhand.extending.discovering import load
evenhand.run("toy_tables/loan", plugins=load({"toy_tables": toy_tables}), out=sys.argv[1])
"""


def plugins():
    return load({"toy_tables": toy_tables})


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(folder / "cache"))
        return run("toy_tables/loan", plugins=plugins(), out=folder / "run").path


def before(stage, path):
    """The folder as it was when `stage` began."""
    manifest = json.loads((path / "manifest.json").read_text())
    for later in STAGES[STAGES.index(stage) :]:
        for name in manifest["stages"].pop(later)["artefacts"]:
            (path / name).unlink()
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


@pytest.mark.parametrize("stage", ["evaluate", "audit_bias", "report"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_where_a_file_takes_its_place_ends_as_if_it_had_not_been(stage, when, calm, tmp_path):
    path = before(stage, Path(shutil.copytree(calm, tmp_path / "run")))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")])}
    killed = subprocess.run([sys.executable, "-c", KILLED, path, WRITES[stage], when], env=env, check=False)
    assert killed.returncode == 9
    assert stage not in json.loads((path / "manifest.json").read_text())["stages"]
    assert run("toy_tables/loan", plugins=plugins(), out=path).exit_code() in (0, 1)
    for name in NUMBERS:
        assert (path / name).read_bytes() == (calm / name).read_bytes(), name
    assert not list(path.glob(".tmp-*"))


def test_ctrl_c_says_that_the_same_command_goes_on(install, tmp_path):
    env = {**os.environ, **install("toy_tables", "toy_tables", PLUGINS)}
    line = [sys.executable, "-m", "evenhand", "run", "toy_tables/loan", "--out", tmp_path / "run"]
    process = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "stopped; the same command goes on where it was"
    assert "Traceback" not in said


def test_without_a_home_there_is_an_audit_and_a_sentence_about_the_cache(evenhand, tmp_path, monkeypatch):
    (tmp_path / "p.csv").write_text("d,g\n" + "1,a\n0,b\n" * 20)
    homeless = {"HOME": "", "XDG_CACHE_HOME": "", "EVENHAND_CACHE": ""}
    done = evenhand("audit", "p.csv", "--prediction", "d", "--sensitive", "g", env=homeless)
    assert (done.returncode, done.stderr) == (0, "")
    for name in homeless:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(BadInput, match="set EVENHAND_CACHE"):
        run("toy_tables/loan", plugins=plugins(), out=tmp_path / "run")


@pytest.mark.parametrize("hook", ["evaluate", "audit_bias", "report_sections"])
def test_a_hook_that_fails_in_the_middle_is_named_and_the_rest_is_done(hook, tmp_path):
    parameters = {"report_sections": "run"}.get(hook, "recipe, predictions")
    made = {}
    exec(f"from evenhand import hookimpl\n@hookimpl\ndef {hook}({parameters}):\n    raise ValueError('gone')", made)
    failing = ModuleType("toy_tables")
    failing.__dict__.update(vars(toy_tables), **{hook: made[hook]})
    done = run("toy_tables/loan", plugins=load({"toy_tables": failing}), out=tmp_path / "run")
    manifest = json.loads((done.path / "manifest.json").read_text())
    faults = [fault for record in manifest["stages"].values() for fault in record["faults"]]
    assert faults == [f"plugin 'toy_tables' failed in {hook}: ValueError: gone"]
    assert faults[0] in done.report.read_text().replace("&#39;", "'")
    assert done.exit_code() in (0, 1)


# somebody who may only read


def without_privilege():
    """In a child: what permissions forbid is forbidden to root too, as to everybody else."""
    drop_from_bounding_set, override = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
    ctypes.CDLL(None).prctl(drop_from_bounding_set, override, 0, 0, 0)


@pytest.fixture
def reader():
    """Runs the command line as somebody who is not root."""
    if sys.platform != "linux":
        pytest.skip("root is told what to do by permissions on Linux alone")

    def act(*arguments, env):
        line = [sys.executable, "-m", "evenhand", *map(str, arguments)]
        return subprocess.run(
            line,
            env={**os.environ, **env, "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=without_privilege,
        )

    return act


def test_who_may_only_read_a_run_verifies_and_renders_it_elsewhere(reader, calm, install, tmp_path):
    path = Path(shutil.copytree(calm, tmp_path / "run"))
    env = install("toy_tables", "toy_tables", PLUGINS)
    for folder in (path, path / "model"):
        folder.chmod(0o555)
    assert "verified" in reader("verify", path, env=env).stdout
    table = ["audit", path / "predictions.parquet", "--label=label", "--score=score", "--sensitive=sex"]
    for refused in (reader("report", path, env=env), reader(*table, "--out", path / "audit", env=env)):
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1
        assert "check its permissions, or name another folder with --out" in refused.stderr
    done = reader("report", path, "--out", tmp_path / "page", env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "report.html").stat().st_size > 10_000


def test_a_report_elsewhere_changes_nothing_here(calm, tmp_path):
    path = Path(shutil.copytree(calm, tmp_path / "run"))
    (path / "report.html").write_text("old")
    found = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    page = report(path, plugins=plugins(), out=tmp_path / "page")
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == found
    assert "toy_tables" in page.read_text()
    assert {file.name for file in page.parent.iterdir()} == {"report.html", "README.md", "junit.xml", "summary.md"}
    with pytest.raises(BadInput, match="holds a run"):
        report(path, plugins=plugins(), out=calm)
    assert not verify(path).equal  # report.html is not as it was written
