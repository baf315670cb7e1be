"""What tests/smoke prints, and how it waits."""

import subprocess
import sys
import time


class Failed(Exception):
    """A step's: what was seen, and what to do."""

    def __init__(self, seen, todo):
        super().__init__(f"{' '.join(str(seen).split())}; {todo}")


class Waiting(str):
    """What a look has seen that may still become what is waited for."""


def number(count):
    return f"{count:,}"


def last_line(text, otherwise="no word"):
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else otherwise


class Report:
    """Steps by name, a line each. `limit` seconds is the longest wait, with `pause` seconds between two looks."""

    def __init__(self, limit, pause):
        self.limit, self.pause = limit, pause
        self.done = {}
        self.told = ""

    def step(self, what, do, needs=(), only_if=True):
        """Does it, unless a step that it needs has failed; `only_if` may be the reason why there is nothing to do."""
        if only_if is not True:
            self._line("none", what, only_if)
            return
        missing = [need for need in needs if not self.done.get(need)]
        if missing:
            self.failed(what, f"not tried, for it needs: {', '.join(missing)}; mend that first")
            return
        try:
            figure = do()
        except Failed as failed:
            self.failed(what, failed)
        except subprocess.TimeoutExpired as late:
            self.failed(what, f"{late.cmd[0]} did not end within {late.timeout:.0f} s; try again")
        except OSError as error:
            self.failed(what, f"{error}; look whether the repository is whole, and its programs are built")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as odd:
            # An answer of another shape than is known here ends this step, not the others.
            self.failed(what, f"an answer that is not understood ({type(odd).__name__}: {odd}); report it with the "
                        "version of `aws --version`")
        else:
            self.done[what] = True
            self._line("ok ", what, figure)

    def failed(self, what, why):
        self.done[what] = False
        self._line("FAILED", what, why)

    def end(self):
        """The exit code."""
        failed = [what for what, well in self.done.items() if not well]
        if failed:
            print(f"{len(failed)} of {len(self.done)} steps failed: {', '.join(failed)}")
        return 1 if failed else 0

    def until(self, look, todo, pause=None):
        """What `look` returns once that is no Waiting."""
        began = time.monotonic()
        while isinstance(seen := look(), Waiting):
            waited = time.monotonic() - began
            if waited >= self.limit:
                raise Failed(f"{seen}, after {waited:.0f} s", todo() if callable(todo) else todo)
            self._progress(f"{seen} ({waited:.0f} s of at most {self.limit:.0f})", seen)
            time.sleep(min(pause or self.pause, self.pause))
        return seen

    def _line(self, outcome, what, text):
        self._progress("", "")
        print(f"{outcome} {what}: {' '.join(str(text).split())}", flush=True)

    def _progress(self, text, changed):
        """On a terminal one line that is written over; elsewhere one for each change."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text[:150]}")
            sys.stderr.flush()
        elif text and changed != self.told:
            print(f"... {text}", file=sys.stderr, flush=True)
        self.told = changed
