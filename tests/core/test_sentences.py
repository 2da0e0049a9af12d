"""What reaches a terminal: one sentence with the right advice, and no name that steers the terminal."""

import errno
import os
import sys

import polars as pl
import pytest

from evenhand.commands.app import main

ESCAPE = "\x1b[2J\x1b]0;title\x07red\u202e"


def said(capsys, monkeypatch, *words):
    """(exit code, standard output, standard error) of a command line in this process."""
    monkeypatch.setattr(sys, "argv", ["evenhand", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return (end.value.code or 0, *capsys.readouterr())


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space, or name another folder with --out"),
        (errno.ENOENT, "check the path"),
        (errno.EACCES, "check its permissions, or name another folder with --out"),
        (errno.EIO, "check the disk and the path"),
    ],
)
def test_the_advice_fits_what_the_system_said(number, advice, capsys, monkeypatch):
    def fails(*_, **__):
        raise OSError(number, os.strerror(number), "report/audit.json")

    monkeypatch.setattr("evenhand.commands.app.app", fails)
    code, out, err = said(capsys, monkeypatch, "audit", "p.csv")
    assert (code, out) == (2, "")
    assert err == f"evenhand: {os.strerror(number).lower()} (report/audit.json); {advice}\n"


def test_a_name_of_escape_codes_steers_no_terminal(tmp_path, capsys, monkeypatch):
    pl.DataFrame({"y": [0, 1] * 40, "d": [0, 1, 1, 0] * 20, ESCAPE: [ESCAPE, "b"] * 40}).write_parquet(
        tmp_path / "p.pq"
    )
    ask = ("audit", tmp_path / "p.pq", "--label=y", "--prediction=d", "--tolerance=tpr=0.1")
    code, out, err = said(capsys, monkeypatch, *ask, "--sensitive", ESCAPE)
    assert (code, err) == (0, "")
    assert "\\x1b[2J" in out
    refused = said(capsys, monkeypatch, *ask, "--sensitive", f"not {ESCAPE}")
    assert refused[0] == 2
    for text in (out, refused[2]):
        assert not any(sign in text for sign in ("\x1b", "\x07", "\u202e"))


@pytest.mark.parametrize("name", ["../../evil", "/etc/x", "a/b", ".hidden", ""])
def test_a_name_that_leads_out_of_the_folder_of_runs_is_refused(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = said(capsys, monkeypatch, "run", "finance/credit-default", "--set", f"name={name}")
    assert code == 2
    assert err.splitlines()[-1].startswith(f"evenhand: 'name' = '{name}' (--set) is not allowed")
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_is_not_there_is_one_short_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, _, close = said(capsys, monkeypatch, "run", "finance/credit-defalt")
    assert close.splitlines()[-1].endswith("Did you mean 'finance/credit-default'?")
    _, _, far = said(capsys, monkeypatch, "run", "../zzzzzzzz")
    assert far.splitlines()[-1].startswith("evenhand: there is no recipe '../zzzzzzzz'. `evenhand recipes` lists the ")
