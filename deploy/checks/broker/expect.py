"""Expectations, and waiting for conditions, of the checks of the broker."""

import re
import threading

TIMEOUT = 300  # seconds, for any program or condition


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: {found!r} instead of {expected!r}")


def expect_match(pattern, process, code=None):
    expect(re.search(pattern, process.stdout), f"no {pattern!r} (exit code {process.returncode}) in:\n{process.stdout}")
    if code is not None:
        expect_equal(process.returncode, code, f"exit code, of:\n{process.stdout}")


def wait_for(what, condition, timeout=TIMEOUT):
    pause = threading.Event()
    for _ in range(timeout * 10):
        if condition():
            return
        pause.wait(0.1)
    raise AssertionError(f"timed out after {timeout} s waiting for {what}")


def passed(text):
    print(f"broker: {text}", flush=True)
