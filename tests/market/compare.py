"""Compares the printed records with the expected records, value by value."""

import functools
import json
from decimal import Decimal

from draft import plain_key

FIELDS = {
    "symbol", "trade_date", "bar", "traded_at", "zone", "open", "high", "low", "close", "adj_close", "volume", "bid",
    "ask", "series", "seq",
}


class Number(str):
    """The text of a printed number."""


def parse(output):
    """Returns the records of the producer's output. The keys of extra fields are a plus sign and their plain names."""
    records = []
    for line in output.split("\n"):
        if line:
            fields = json.loads(line, parse_float=Number, parse_int=Number, object_pairs_hook=no_repeats)
            records.append({key(name): fields[name] for name in fields})
    return records


@functools.cache
def key(name):
    return name if name in FIELDS else "+" + plain_key(name)


def no_repeats(pairs):
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"a field occurs twice: {pairs}")
    return fields


def same(expected, printed):
    if expected is None or printed is None:
        return expected is printed
    if isinstance(expected, Decimal):
        return isinstance(printed, Number) and Decimal(printed) == expected
    return not isinstance(printed, Number) and printed == expected


def same_text(expected, printed):
    """Whether the value of an extra column was kept, as a number or as text: one cell can decide between the two."""
    try:
        if isinstance(expected, str):
            return isinstance(printed, Number) and str(printed) == expected
        return isinstance(expected, Decimal) and Decimal(printed.strip().replace(",", ".")) == expected
    except ArithmeticError:
        return False


def difference(expected, printed, ignored=(), lenient=False):
    """Returns the first difference between two records as text, or None."""
    for name in expected.keys() | printed.keys():
        if name in ignored:
            continue
        if name not in printed:
            # A missing field counts as null if it is declared,
            # or if its column has neither a title nor a value.
            if expected[name] is None and (name in FIELDS or name.startswith("+column")):
                continue
            return f"{name} is missing, expected {show(expected[name])}"
        if name not in expected:
            if printed[name] is None and (name in FIELDS or lenient):
                continue
            return f"{name} is {show(printed[name])}, but should not exist"
        if lenient and name not in FIELDS and printed[name] and same_text(expected[name], printed[name]):
            continue
        if not same(expected[name], printed[name]):
            return f"{name} is {show(printed[name])}, expected {show(expected[name])}"
    return None


def show(value):
    return str(value) if isinstance(value, (Number, Decimal)) else json.dumps(value, ensure_ascii=False)


def all_records(lines, printed, ignored=()):
    """Compares all records in order. Returns the first difference, or None."""
    expected = [record for line in lines for record in line]
    for at, (one, other) in enumerate(zip(expected, printed)):
        found = difference(one, other, ignored)
        if found:
            return f"record {at + 1} ({one['symbol']} {one.get('traded_at', one['trade_date'])}): {found}"
    if len(expected) != len(printed):
        return f"{len(printed)} records, expected {len(expected)}"
    return None


def some_records(lines, optional, printed, ignored=(), lenient=False):
    """Compares all records in order; those of the lines in `optional` may be missing."""
    at = 0
    for number, line in enumerate(lines):
        for record in line:
            found = difference(record, printed[at], ignored, lenient) if at < len(printed) else "it is missing"
            if found is None:
                at += 1
            elif number not in optional:
                return f"line {number + 1} of the data ({record['symbol']} {record['trade_date']}): {found}"
    if at < len(printed):
        return f"{len(printed) - at} records that belong to no line, such as {printed[at]}"
    return None
