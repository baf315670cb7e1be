"""Compares the rows that Trino and `tickerlake query` return."""

import json
import math
import subprocess
from concurrent.futures import ThreadPoolExecutor

import servers


def number(value):
    """Converts a value to a number, or returns None. Trino writes decimals as strings."""
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


def difference(expected, found):
    """Describes the first row that differs, or returns None."""
    for index, (one, other) in enumerate(zip(expected, found)):
        if list(one) != list(other):
            return f"columns {list(other)} instead of {list(one)}"
        for column in one:
            if not same_value(one[column], other[column]):
                return f"row {index + 1}, {column}: {other[column]!r} instead of {one[column]!r}, of {one}"
    return None if len(expected) == len(found) else f"{len(found)} rows instead of {len(expected)}"


class Engines:
    """Trino and `tickerlake query`, over the same objects."""

    def __init__(self, trino, stack, tickerlake, folder):
        self.trino, self.stack = trino, stack
        self.command = [tickerlake, "query", "--format", "json", "--dir", folder, "--topic", stack.topic]
        self.command += ["--prefix", stack.prefix]

    def tickerlake(self, sql):
        command = [str(word) for word in [*self.command, sql]]
        process = subprocess.run(command, capture_output=True, text=True, timeout=servers.TIMEOUT, check=False)
        if process.returncode:
            raise RuntimeError(f"tickerlake query exited with {process.returncode}: {process.stderr}")
        return [json.loads(line) for line in process.stdout.splitlines()]

    def compare(self, name, sql, file=None, may_be_empty=False):
        """Checks that both engines return the same rows, by default at least one, and returns these."""
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(self.trino.execute, sql, self.stack.database_name)
            expected = self.tickerlake(file or sql)
            found = answer.result().rows
        problem = difference(expected, found) or (None if found or may_be_empty else "no rows, so this proves nothing")
        if problem:
            raise AssertionError(f"{name}: {problem}")
        return found
