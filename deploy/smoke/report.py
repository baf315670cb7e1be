"""Prints the steps of deploy/smoke/run, and polls until a condition holds."""

import subprocess
import sys
import time


class Failed(Exception):
    """A failed step: what was observed, and the remedy."""

    def __init__(self, observed, remedy):
        super().__init__(f"{' '.join(str(observed).split())}; {remedy}")


class Pending(str):
    """The state that a poll observed while the awaited condition does not hold yet."""


def grouped(count):
    """Formats a count with thousands separators."""
    return f"{count:,}"


def counted(count, noun):
    """Formats a count with its noun, which takes an `s` in the plural."""
    return f"{grouped(count)} {noun}{'' if count == 1 else 's'}"


def last_line(text, default="no output"):
    """Returns the last line that is not blank."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else default


class Report:
    """Runs named steps and prints a line for each. Waits at most `limit` seconds, and polls every `pause` seconds."""

    def __init__(self, limit, pause):
        self.limit, self.pause = limit, pause
        self.results = {}
        self.last_progress = ""

    def step(self, name, run, needs=(), only_if=True):
        """Runs a step unless a step that it needs has failed.

        `only_if` is True, or the reason why the stack does not have the part that the step tests.
        """
        if only_if is not True:
            self._print("none", name, only_if)
            return
        missing = [need for need in needs if not self.results.get(need)]
        if missing:
            self.failed(name, f"not tried, because it needs: {', '.join(missing)}; fix that first")
            return
        try:
            figure = run()
        except Failed as failed:
            self.failed(name, failed)
        except subprocess.TimeoutExpired as timeout:
            self.failed(name, f"{timeout.cmd[0]} did not end within {timeout.timeout:.0f} s; try again")
        except OSError as error:
            self.failed(name, f"{error}; check that the repository is complete and its programs are built")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # A response with an unexpected structure fails this step only, not the others.
            self.failed(name, f"unexpected response ({type(error).__name__}: {error}); report it with the output of "
                        "`aws --version`")
        else:
            self.results[name] = True
            self._print("ok ", name, figure)

    def failed(self, name, reason):
        self.results[name] = False
        self._print("FAILED", name, reason)

    def end(self):
        """Prints which steps failed, and returns the exit code."""
        failed = [name for name, passed in self.results.items() if not passed]
        if failed:
            print(f"{len(failed)} of {len(self.results)} steps failed: {', '.join(failed)}")
        return 1 if failed else 0

    def wait_until(self, poll, remedy, pause=None):
        """Calls `poll` until it returns anything but Pending, and returns that."""
        started = time.monotonic()
        while isinstance(observed := poll(), Pending):
            waited = time.monotonic() - started
            if waited >= self.limit:
                raise Failed(f"{observed}, after {waited:.0f} s", remedy() if callable(remedy) else remedy)
            self._progress(f"{observed} ({waited:.0f} s of at most {self.limit:.0f} s)", observed)
            time.sleep(min(pause or self.pause, self.pause))
        return observed

    def _print(self, outcome, name, text):
        self._progress("", "")
        print(f"{outcome} {name}: {' '.join(str(text).split())}", flush=True)

    def _progress(self, text, observed):
        """On a terminal, overwrites one line; elsewhere, prints a line for each change."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text[:150]}")
            sys.stderr.flush()
        elif text and observed != self.last_progress:
            print(f"... {text}", file=sys.stderr, flush=True)
        self.last_progress = observed
