"""The same rows from Trino and from `tickerlake query`."""

import json
import math
import subprocess

import servers


def number(value):
    """A number, be it written as a text, as decimals are."""
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except ValueError:
        return None


def same_value(one, other):
    if one == other:
        return True
    if isinstance(one, str) and isinstance(other, str):
        return False
    left, right = number(one), number(other)
    return left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


def difference(wanted, found):
    """The first row that differs, or nothing."""
    for place, (one, other) in enumerate(zip(wanted, found)):
        if list(one) != list(other):
            return f"columns {list(other)} instead of {list(one)}"
        for column in one:
            if not same_value(one[column], other[column]):
                return f"row {place + 1}, {column}: {other[column]!r} instead of {one[column]!r}, of {one}"
    return None if len(wanted) == len(found) else f"{len(found)} rows instead of {len(wanted)}"


class Both:
    """Asks both, of the same objects."""

    def __init__(self, trino, stack, tickerlake, folder):
        self.trino, self.stack = trino, stack
        self.command = [tickerlake, "query", "--format", "json", "--dir", folder, "--topic", stack.topic]
        self.command += ["--prefix", stack.prefix]

    def tickerlake(self, sql):
        command = [str(word) for word in [*self.command, sql]]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=servers.LIMIT, check=False)
        if ran.returncode:
            raise RuntimeError(f"tickerlake query ended with {ran.returncode}: {ran.stderr}")
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def same(self, name, sql, given=None):
        """Both return the same, and more than nothing. Returns the rows."""
        wanted, found = self.tickerlake(given or sql), self.trino.ask(sql, self.stack.database_name).rows
        problem = difference(wanted, found) or (None if found else "no rows: nothing is shown by it")
        if problem:
            raise AssertionError(f"{name}: {problem}")
        return found
