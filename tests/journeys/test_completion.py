"""The tab key in bash, zsh and fish: commands, options, recipes, policies, metrics."""

import os
import subprocess
import sys

import pytest


def offered(shell, line):
    """What `evenhand` answers a shell that completes `line`."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    asked = {**os.environ, **words, "_TYPER_COMPLETE_ARGS": line, "_EVENHAND_COMPLETE": f"complete_{shell}"}
    asked["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run([sys.executable, "-m", "evenhand"], env=asked, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("evenhand ver", "verify"),
        ("evenhand audit p.csv --sens", "--sensitive"),
        ("evenhand audit p.csv --policy us-", "us-four-fifths"),
        ("evenhand audit p.csv --metrics tpr,fp", "tpr,fpr"),
        ("evenhand run nlp/support", "nlp/support-intent"),
    ],
)
def test_a_shell_offers_what_there_is(shell, line, word):
    assert word in offered(shell, line)


def test_bash_completes_a_command_for_real(tmp_path):
    program = tmp_path / "evenhand"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evenhand "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_EVENHAND_COMPLETE=source_bash evenhand)"; COMP_WORDS=(evenhand audit p.csv --pol); COMP_CWORD=3;'
        ' _evenhand_completion evenhand; echo "${COMPREPLY[@]}"'
    )
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--policy"]
