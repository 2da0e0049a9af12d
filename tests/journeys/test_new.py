"""`evenhand new DOMAIN`: a plugin that runs, conforms and is found; what cannot be is refused, and nothing written."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def begun(evenhand, install, tmp_path):
    """(the folder of a new plugin, the environment in which it is installed)."""
    done = evenhand("new", "home-care")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "evenhand-home-care"
    assert "evenhand run home-care/first" in done.stdout
    return folder, install("home-care", "evenhand_home_care", folder)


@pytest.mark.slow
def test_it_is_listed_and_runs_and_its_audit_finds_what_is_planted(evenhand, begun, tmp_path):
    folder, env = begun
    assert 'home-care = "evenhand_home_care"' in (folder / "pyproject.toml").read_text("utf-8")
    assert "home-care/first" in evenhand("recipes", env=env).stdout
    done = evenhand("run", "home-care/first", "--out", "run", env=env)
    assert done.returncode == 1, done.stderr
    assert "EXCEEDED  group: The true positive rate is" in done.stdout
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_its_own_tests_pass_which_are_the_conformance_kit(begun):
    folder, env = begun
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Loans", "cannot be a domain's name"),
        ("../loans", "cannot be a domain's name"),
        ("/tmp/loans", "cannot be a domain's name"),
        ("2nd", "cannot be a domain's name"),
        ("a--b", "cannot be a domain's name"),
        ("a_b", "cannot be a domain's name"),
        ("a\nb", "cannot be a domain's name"),
        ("", "cannot be a domain's name"),
        ("x" * 41, "cannot be a domain's name"),
        ("class", "is a word of Python"),
        ("nlp", "is installed already"),
        ("core", "is installed already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_a_sentence(evenhand, tmp_path, name, says):
    done = evenhand("new", name)
    assert (done.returncode, says in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_stays(evenhand, tmp_path):
    (tmp_path / "evenhand-loans").mkdir()
    (tmp_path / "mine").write_text("precious", "utf-8")
    for options in ((), ("--out", "mine")):
        done = evenhand("new", "loans", *options)
        assert (done.returncode, "is there already" in done.stderr) == (2, True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["evenhand-loans", "mine"]
    assert (tmp_path / "mine").read_text("utf-8") == "precious"


def test_where_it_cannot_be_written_nothing_is_left(tmp_path, monkeypatch):
    from evenhand.extending import beginning

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(beginning.Template, "substitute", full)
    with pytest.raises(OSError, match="No space"):
        beginning.new("loans", tmp_path / "loans")
    assert list(tmp_path.iterdir()) == []


def test_recipes_name_a_quarantined_plugin_in_one_line(evenhand, install, tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('first\\nsecond')\n")
    done = evenhand("recipes", env=install("broken", "broken", tmp_path))
    assert "nlp/support-intent" in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("plugin 'broken' is quarantined, without its recipes: ")
    assert "first" in line
