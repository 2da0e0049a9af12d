"""A plugin that stops, hangs, leaves or prints harms nobody but itself, and is named with the reason."""

import contextlib
import io
import json
import os
import signal
import sys
import threading
import time

import pytest

import toy_tables
from evenhand import Recipe, hookimpl
from evenhand.errors import PluginFault
from evenhand.extending import discovering
from evenhand.extending.apart import apart
from evenhand.extending.discovering import Plugins


def with_recipes(does):
    class Bad:
        @hookimpl
        def recipes(self):
            return does()

    return Bad()


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (interrupt, "recipes() raised KeyboardInterrupt, and nobody pressed Ctrl-C"),
        (lambda: time.sleep(30), "recipes() took longer than 0.2 seconds"),
        (lambda: os._exit(7), "recipes() called os._exit(7)"),
        (lambda: sys.exit(7), "it called sys.exit(7)"),
    ],
)
def test_it_is_quarantined_with_the_reason_and_the_others_work(does, says, monkeypatch):
    monkeypatch.setattr(discovering, "SECONDS", 0.2)
    found = Plugins()
    found.add("bad", with_recipes(does))
    found.add("toy_tables", toy_tables)
    assert found.faults == {"bad": says}
    assert "toy_tables/loan" in found.recipes()


def test_what_it_prints_is_not_on_standard_output(capsys):
    found = Plugins()
    found.add("loud", with_recipes(lambda: print("hello") or []))
    out, err = capsys.readouterr()
    assert (out, err.strip(), found.faults) == ("", "hello", {})


def test_ctrl_c_in_a_plugin_is_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test's process may ignore it
    try:
        with pytest.raises(KeyboardInterrupt), apart("it"):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("does", [interrupt, lambda: os._exit(7)])
def test_a_hook_in_the_middle_of_a_run_is_named(does):
    class Bad:
        @hookimpl
        def recipes(self):
            values = {"name": "n", "domain": "bad", "title": "t", "task": "binary", "modality": "table"}
            return [Recipe.build(values, {}, "here")]

        @hookimpl
        def load_data(self, recipe):
            does()

    found = Plugins()
    found.add("bad", Bad())
    with pytest.raises(PluginFault, match="plugin 'bad' failed in load_data: it "):
        found.first(found.recipe("bad/n"), "load_data", recipe=found.recipe("bad/n"), source=None)


def test_everything_is_as_it_was_afterwards():
    before = os._exit, signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.stdout
    with contextlib.suppress(PluginFault), apart("it", 5):
        interrupt()
    assert (os._exit, signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.stdout) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_limit_of_whoever_calls_us_still_holds():
    struck = []
    before = signal.signal(signal.SIGALRM, lambda *_: struck.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with apart("it", 5):
            time.sleep(0.01)
        deadline = time.monotonic() + 5
        while not struck and time.monotonic() < deadline:
            time.sleep(0.02)
        assert struck
    finally:
        signal.signal(signal.SIGALRM, before)


def test_in_another_thread_nothing_is_changed_but_where_it_prints():
    said, answers = io.StringIO(), []

    def elsewhere():
        with contextlib.redirect_stderr(said), apart("it", 0.01):
            print("hello")
            time.sleep(0.05)
            answers.append(1)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert (said.getvalue(), answers) == ("hello\n", [1])


def test_json_stays_json_beside_a_plugin_that_prints(evenhand, install, tmp_path):
    (tmp_path / "loud.py").write_text(
        "import evenhand\nprint('importing')\n@evenhand.hookimpl\ndef recipes():\n    print('asked')\n    return []\n"
    )
    done = evenhand("plugins", "--json", env=install("loud", "loud", tmp_path))
    assert {row["plugin"]: row["state"] for row in json.loads(done.stdout)}["loud"] == "works"
    assert done.stderr.split() == ["importing", "asked"]
