"""A plugin's code is called apart: what it prints goes to standard error, and it ends or hangs nothing but itself."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from evenhand.errors import PluginFault

SECONDS = 30.0  # that importing a plugin, or asking what it brings, may take


class _TooLong(BaseException):
    """No Exception, which a plugin may catch."""


@contextlib.contextmanager
def apart(what: str, seconds: float | None = None) -> Iterator[None]:
    """Call a plugin's code inside: KeyboardInterrupt that nobody's Ctrl-C caused, `os._exit` and more than `seconds`
    become PluginFault.

    what: names the code in the fault. Signals are the main thread's: elsewhere nothing but what is printed is caught.
    """
    with contextlib.redirect_stdout(sys.stderr):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with _told_exits(what), _told_interrupts(what), _limited(what, seconds):
            yield


@contextlib.contextmanager
def _told_exits(what: str) -> Iterator[None]:
    leave, here = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        if os.getpid() == here and threading.current_thread() is threading.main_thread():
            raise PluginFault(f"{what} called os._exit({status!r})")
        leave(status)  # a process that the plugin forked ends as it likes

    os._exit = told
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def _told_interrupts(what: str) -> Iterator[None]:
    before, pressed = signal.getsignal(signal.SIGINT), False

    def noted(number: int, frame: Any) -> Any:
        nonlocal pressed
        pressed = True
        return before(number, frame) if callable(before) else None

    if callable(before):
        signal.signal(signal.SIGINT, noted)
    try:
        yield
    except KeyboardInterrupt:
        if pressed:
            raise
        raise PluginFault(f"{what} raised KeyboardInterrupt, and nobody pressed Ctrl-C") from None
    finally:
        if signal.getsignal(signal.SIGINT) is noted:
            signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _limited(what: str, seconds: float | None) -> Iterator[None]:
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> NoReturn:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLong:
        raise PluginFault(f"{what} took longer than {seconds:g} seconds") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, interval)
