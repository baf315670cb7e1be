"""The command line of the Python programs of the matrix and the lines they print (see ../README.md)."""

import json
import sys
import time
import traceback

PREFIX = sys.argv[3] if len(sys.argv) > 3 else ""
SERVERS = sys.argv[1] if len(sys.argv) > 1 else ""
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# Long enough for a rebalance on a busy machine; a client that waits longer fails its step.
PATIENCE = 20.0
# Steps after which Apache Kafka answers before every request sees the change, and the time that it gets for it.
SLOW_STEPS, SETTLE = ("create", "alter", "partitions"), 0.5


class Unsupported(Exception):
    """The client has no such operation."""


class Unexpected(Exception):
    """The operation went on, but not as it should."""


_operation = None


def _print(**line):
    if isinstance(line.get("text"), str):
        line["text"] = line["text"][:300]
    print(json.dumps({"operation": _operation, **line}, ensure_ascii=False, default=lambda _: None), flush=True)


def name(error):
    """Returns a name of an error that does not depend on the server's text."""
    return type(error).__name__


def step(what, function, *, error_name=None):
    """Runs one step and prints what it returned or raised. A step whose name ends with `!` has to fail."""
    try:
        value = function()
    except Unsupported as error:
        _print(step=what, unsupported=str(error))
    except Exception as error:
        _print(step=what, error=(error_name or name)(error), text=str(error))
    else:
        _print(step=what, value=value)
        if what in SLOW_STEPS:
            time.sleep(SETTLE)
        return value
    return None


def run(operations, *, error_name=None):
    """Runs the operations that the command line names, separated by commas."""
    global _operation, name
    if error_name:
        name = error_name
    for _operation in sys.argv[2].split(","):
        function = operations.get(_operation)
        if function is None:
            _print(end="unsupported")
            continue
        began = time.monotonic()
        try:
            function()
        except Unsupported as error:
            _print(end="unsupported", text=str(error))
            continue
        except Exception as error:
            traceback.print_exc()
            _print(step="run", error=name(error), text=str(error))
        _print(end="done", seconds=round(time.monotonic() - began, 2))


def until(condition, what, poll):
    """Polls until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Unexpected(f"{what} not within {PATIENCE:.0f} s")
        poll()


def records(codec):
    """Returns keys, values and headers of the records that `produce` sends with one codec."""
    return [(f"{codec}-{index}".encode(), f"{codec} {index} ".encode() * 20, [("codec", codec.encode()), ("empty", b"")])
            for index in range(5)]
