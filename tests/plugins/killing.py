"""Kill -9 in the middle of a stage."""

import signal
import subprocess
import time


def kill_in(stage, line, out, env, delay):
    """Start `line`, wait until its log says that `stage` started, wait `delay` seconds more, kill -9. True if it was
    alive."""
    process = subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log, deadline = out / "log.jsonl", time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        text = log.read_text() if log.exists() else ""
        if f'"stage_started", "stage": "{stage}"' in text:
            break
        time.sleep(0.005)
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        process.send_signal(signal.SIGKILL)
    process.wait()
    return alive
