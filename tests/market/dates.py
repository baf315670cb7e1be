"""Formats of dates and times, and the ways in which a file's dates can be read."""

import datetime
import re

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
LONG_MONTHS = ("January February March April May June July August September October November December").split()


class Style:
    """A date format: `write` formats the date of a row, and `option` is the matching value of --date-format."""

    def __init__(self, option, write):
        self.option, self.write = option, write


def _padded(separator, order):
    def write(row):
        parts = {"y": f"{row.day.year:04}", "s": f"{row.day.year % 100:02}", "m": f"{row.day.month:02}",
                 "d": f"{row.day.day:02}"}
        return separator.join(parts[letter] for letter in order)
    return write


def _bare(separator, order):
    def write(row):
        parts = {"y": f"{row.day.year:04}", "s": f"{row.day.year % 100:02}", "m": str(row.day.month),
                 "d": str(row.day.day)}
        return separator.join(parts[letter] for letter in order)
    return write


def _named(form):
    return lambda row: form.format(
        d=row.day.day, y=row.day.year, s=row.day.year % 100, b=MONTHS[row.day.month - 1],
        B=LONG_MONTHS[row.day.month - 1], u=MONTHS[row.day.month - 1].upper(),
    )


def micros_of_epoch(row):
    start = datetime.date(1970, 1, 1)
    return (row.day - start).days * 86_400_000_000 + (row.micros or 0) - (row.offset or 0) * 1_000_000


def _epoch(divide, times, form="{}"):
    return lambda row: form.format(micros_of_epoch(row) * times // divide)


STYLES = {
    "iso": Style("ymd", lambda row: row.day.isoformat()),
    "ymd/": Style("ymd", _padded("/", "ymd")),
    "ymd.": Style("ymd", _padded(".", "ymd")),
    "ymd bare": Style("ymd", _bare("/", "ymd")),
    "ymd bare-": Style("ymd", _bare("-", "ymd")),
    "compact": Style("compact", _padded("", "ymd")),
    "mdy": Style("mdy", _padded("/", "mdy")),
    "mdy-": Style("mdy", _padded("-", "mdy")),
    "mdy bare": Style("mdy", _bare("/", "mdy")),
    "dmy": Style("dmy", _padded("/", "dmy")),
    "dmy.": Style("dmy", _padded(".", "dmy")),
    "dmy-": Style("dmy", _padded("-", "dmy")),
    "dmy bare": Style("dmy", _bare("/", "dmy")),
    "mdy two": Style("mdy", _padded("/", "mds")),
    "mdy two bare": Style("mdy", _bare("/", "mds")),
    "dmy two": Style("dmy", _padded("/", "dms")),
    "dmy. two": Style("dmy", _padded(".", "dms")),
    "yymmdd": Style("yymmdd", _padded("-", "smd")),
    "d-MON-y": Style("d-mon-y", _named("{d:02}-{u}-{y}")),
    "d-Mon-y": Style("d-mon-y", _named("{d:02}-{b}-{y}")),
    "d-Mon-yy": Style("d-mon-y", _named("{d}-{b}-{s:02}")),
    "d Mon y": Style("d-mon-y", _named("{d} {b} {y}")),
    "d Month y": Style("d-mon-y", _named("{d} {B} {y}")),
    "Mon d, y": Style("mon-d-y", _named("{b} {d:02}, {y}")),
    "Mon d y": Style("mon-d-y", _named("{b} {d} {y}")),
    "Month d, y": Style("mon-d-y", _named("{B} {d}, {y}")),
    "epoch-s": Style("epoch-s", _epoch(1_000_000, 1)),
    "epoch-s.0": Style("epoch-s", _epoch(1_000_000, 1, "{}.0")),
    "epoch-ms": Style("epoch-ms", _epoch(1_000, 1)),
    "epoch-us": Style("epoch-us", _epoch(1, 1)),
    "epoch-ns": Style("epoch-ns", _epoch(1, 1000)),
}
DAILY = [name for name in STYLES if not name.startswith("epoch")]
EPOCH_PRECISION = {"epoch-s": 1_000_000, "epoch-s.0": 1_000_000, "epoch-ms": 1_000, "epoch-us": 1, "epoch-ns": 1}


def _fraction(row, digits):
    return f"{row.micros % 1_000_000:06}"[:digits]


def _hms(row):
    seconds = row.micros // 1_000_000
    return seconds // 3600, seconds // 60 % 60, seconds % 60


def _twelve(row, with_seconds):
    hour, minute, second = _hms(row)
    tail = f":{second:02}" if with_seconds else ""
    return f"{hour % 12 or 12}:{minute:02}{tail} {'PM' if hour >= 12 else 'AM'}"


# Time formats by name: the precision in microseconds, and the function that formats the time of a row.
CLOCKS = {
    "HH:MM:SS": (1_000_000, lambda row: "{:02}:{:02}:{:02}".format(*_hms(row))),
    "HH:MM": (60_000_000, lambda row: "{:02}:{:02}".format(*_hms(row))),
    "H:MM": (60_000_000, lambda row: "{}:{:02}".format(*_hms(row))),
    "HH:MM:SS.fff": (1_000, lambda row: "{:02}:{:02}:{:02}.".format(*_hms(row)) + _fraction(row, 3)),
    "HH:MM:SS.ffffff": (1, lambda row: "{:02}:{:02}:{:02}.".format(*_hms(row)) + _fraction(row, 6)),
    "HH:MM:SS.ns": (1, lambda row: "{:02}:{:02}:{:02}.".format(*_hms(row)) + _fraction(row, 6) + "789"),
    "HHMMSS": (1_000_000, lambda row: "{:02}{:02}{:02}".format(*_hms(row))),
    "H:MM PM": (60_000_000, lambda row: _twelve(row, False)),
    "H:MM:SS PM": (1_000_000, lambda row: _twelve(row, True)),
}


def clock_for(rng, truth, names):
    """Draws a time format that is precise enough for all rows, and returns its function."""
    finest = 60_000_000
    for row in truth.rows:
        while row.micros % finest:
            finest //= 60 if finest == 60_000_000 else 1000
    fitting = [name for name in names if CLOCKS[name][0] <= finest]
    return CLOCKS[rng.choice(fitting or ["HH:MM:SS.ffffff"])][1]


def offset_text(offset, form="{sign}{h:02}:{m:02}"):
    minutes = abs(offset) // 60
    return form.format(sign="-" if offset < 0 else "+", h=minutes // 60, m=minutes % 60)


def utc_micros(row):
    return (row.micros or 0) - (row.offset or 0) * 1_000_000


def traded_at(row):
    """Returns the expected field `traded_at`: in UTC if the row has an offset."""
    at = datetime.datetime.combine(row.day, datetime.time()) + datetime.timedelta(microseconds=utc_micros(row))
    text = at.strftime("%Y-%m-%d %H:%M:%S") if at.year > 999 else at.isoformat(" ", "seconds")
    return f"{text}.{at.microsecond:06}".rstrip("0") if at.microsecond else text


NUMERIC = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?!\d)")
COMPACT_MINUTES = re.compile(r"\d{12}$")


def readings(cells):
    """Returns the orders of day, month and year in which all numeric dates can be read; empty for other formats."""
    orders = {"mdy": (2, 0, 1), "dmy": (2, 1, 0), "yymmdd": (0, 1, 2)}
    limit = datetime.date.today() + datetime.timedelta(2)
    found = set(orders)
    for cell in set(cells):
        match = NUMERIC.match(cell)
        if not match:
            return set()
        parts = match.group(1, 3, 4)
        if len(parts[0]) == 4:
            return set()
        found = {order for order in found if _reads(parts, orders[order], order, limit)}
    return found


def _reads(parts, order, name, limit):
    year, month, day = (parts[at] for at in order)
    if len(year) not in (2, 4) or len(day) > 2 or (name == "yymmdd" and len(year) != 2):
        return False
    number = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 69 else 1900)
    try:
        return datetime.date(number, int(month), int(day)) <= limit
    except ValueError:
        return False
