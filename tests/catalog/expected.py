"""Computes the answers of queries/ from the stored lines, without SQL.

Each function follows the description at the top of its query, not the statement. Numbers that a query rounds are
`Rounded`: they are compared with the tolerance that rounding allows.
"""

import collections
import dataclasses
import datetime
import decimal
import gzip
import json
import math
import pathlib
import re
import statistics
import subprocess

TEXTS = ["symbol", "series", "bar", "traded_at", "zone", "kafka_topic", "reason"]
INTEGERS = ["kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation", "seq"]
# Columns that the sink does not validate: a value of another type is null.
LENIENT = ["seq", "bid", "ask"]
NUMBERS = ["open", "high", "low", "close", "adj_close", "volume", "close_usd", "bid", "ask"]
LIMIT = 20
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000}
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)? ?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?"
)


@dataclasses.dataclass
class Rounded:
    value: float
    digits: int


def rounded(value, digits):
    return None if value is None else Rounded(value, digits)


class Number(str):
    """A number as it is written."""


def value_of(name, value):
    """Converts a JSON value to its column's type."""
    if value is None:
        return None
    if name in TEXTS:
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    if name in INTEGERS or name in NUMBERS:
        try:
            return (int if name in INTEGERS else float)(value)
        except ValueError:
            if name in LENIENT:
                return None
            raise
    return value


def parse(line):
    """Returns a line's fields with the names and types of their columns; of two fields with one name, the last one counts."""
    fields = json.loads(line, parse_int=Number, parse_float=Number)
    return {name.lower(): value_of(name.lower(), value) for name, value in fields.items()}


def read_objects(folder):
    """Returns the records in the objects below a folder."""
    records = []
    for path in sorted(pathlib.Path(folder).rglob("*.json*")):
        if any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts):
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        elif path.suffix == ".zst":
            data = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
        for line in data.decode().splitlines():
            if line.strip():
                records.append(parse(line))
    return records


def instant(record):
    """Returns the time of a record as text that sorts by time."""
    text = record.get("traded_at")
    if text is None:
        return record["trade_date"] + " 00:00:00.000000"
    found = TIME.fullmatch(text)
    try:
        day, hour, minute, second, fraction, zulu, sign, hours, minutes = found.groups()
        written = datetime.datetime.fromisoformat(f"{day} {hour}:{minute}:{second or '00'}")
        offset = int(hours) * 60 + int(minutes or 0) if sign else 0
        utc = written - datetime.timedelta(minutes=-offset if sign == "-" else offset)
        return f"{utc:%Y-%m-%d %H:%M:%S}." + (fraction or "")[:6].ljust(6, "0")
    except (AttributeError, ValueError):
        return f"{record['trade_date']} {text}"


def fineness(bar):
    """Sorts bars by length: a whole day first, then the shortest; a length that is not known last."""
    if bar in ("1d", "tick"):
        return -1 if bar == "1d" else 0
    found = re.fullmatch(r"(\d+)(s|m|h|d|w|mo)", bar)
    return int(found[1]) * SECONDS[found[2]] if found else math.inf


def sort_key(*values):
    """A key that sorts nulls last."""
    return tuple((value is None, value if value is not None else 0) for value in values)


class Lake:
    """The records of one topic, and the quotes and days that they make."""

    def __init__(self, records, quarantined=()):
        self.records, self.quarantined = records, quarantined
        self.timed = []
        for record in records:
            if record.get("symbol") is None or record.get("trade_date") is None:
                continue
            row = collections.defaultdict(lambda: None, record)
            row["bar"] = record.get("bar") or ("1d" if record.get("traded_at") is None else "tick")
            row["seq"], row["simulated"] = record.get("seq") or 1, bool(record.get("simulated"))
            row["instant"] = instant(record)
            self.timed.append(row)
        newest = {}
        for row in self.timed:
            key = tuple(row[name] for name in ("symbol", "series", "bar", "instant", "seq", "simulated"))
            if key not in newest or self.age(newest[key]) < self.age(row):
                newest[key] = row
        self.latest = list(newest.values())
        self.daily = self.make_days()
        self.by_symbol = collections.defaultdict(list)
        for day in self.daily:
            self.by_symbol[day["symbol"], day["series"]].append(day)

    @staticmethod
    def age(row):
        sent = row["kafka_timestamp"]
        return (-math.inf if sent is None else sent, row["kafka_generation"] or 0, row["kafka_partition"], row["kafka_offset"])

    def make_days(self):
        rows_of_day = collections.defaultdict(list)
        for row in self.latest:
            rows_of_day[row["symbol"], row["series"], row["trade_date"]].append(row)
        days = []
        for (symbol, series, date), rows in rows_of_day.items():
            real = [row for row in rows if not row["simulated"]] or rows
            bar = min((row["bar"] for row in real), key=lambda bar: (fineness(bar), bar))
            rows = sorted((row for row in real if row["bar"] == bar), key=lambda row: (row["instant"], row["seq"]))
            if not 0 <= fineness(bar) < 86400:
                rows = rows[-1:]
            days.append(
                {"symbol": symbol, "series": series, "trade_date": date, "bar": bar, "bars": len(rows)} | self.prices(rows)
            )
        return sorted(days, key=lambda day: sort_key(day["symbol"], day["series"], day["trade_date"]))

    @staticmethod
    def prices(rows):
        def values(name):
            found = []
            for row in rows:
                is_price = row["open"] is None and row["high"] is None and row["low"] is None
                found.append(row["close"] if is_price and name in ("open", "high", "low") else row[name])
            return [value for value in found if value is not None] or [None]

        volumes = [volume for volume in values("volume") if volume is not None]
        return {
            "open": values("open")[0],
            "high": max(values("high")),
            "low": min(values("low")),
            "close": values("close")[-1],
            "adj_close": values("adj_close")[-1],
            "volume": math.fsum(volumes) if volumes else None,
            "close_usd": values("close_usd")[-1],
        }


def ratio(one, other):
    return None if one is None or not other else one / other


def exact_sum(values):
    return sum(decimal.Decimal(repr(float(value))).quantize(decimal.Decimal("0.000001"), decimal.ROUND_HALF_UP) for value in values)


def q01_daily_range(lake):
    for (symbol, series), days in lake.by_symbol.items():
        for day in days[:-6:-1]:
            low, high = day["low"], day["high"]
            span = None if low is None or high is None else high - low
            row = {"symbol": symbol, "series": series, "trade_date": day["trade_date"], "low": low, "high": high}
            percent = None if span is None or not low else 100 * span / low
            yield row | {"close": day["close"], "day_range": rounded(span, 4), "range_pct": rounded(percent, 2)}


def q02_moving_averages(lake):
    for (symbol, series), days in lake.by_symbol.items():
        for index in range(len(days) - 1, max(len(days) - 6, -1), -1):
            averages = []
            for length in 20, 50:
                closes = [day["close"] for day in days[max(index - length + 1, 0) : index + 1] if day["close"] is not None]
                averages.append(float(exact_sum(closes)) / length if len(closes) == length else None)
            short, long = averages
            trend = None if None in averages else "rising" if short > long else "falling" if short < long else "flat"
            row = {"symbol": symbol, "series": series, "trade_date": days[index]["trade_date"], "close": days[index]["close"]}
            yield row | {"avg_20": rounded(short, 4), "avg_50": rounded(long, 4), "trend": trend}


def price_of(day):
    return day["adj_close"] if day["adj_close"] is not None else day["close"]


def q03_best_and_worst_days(lake):
    for (symbol, series), days in lake.by_symbol.items():
        days = [day for day in days if price_of(day) is not None]
        changes = [
            (price_of(day) / price_of(before) - 1, day) for before, day in zip(days, days[1:]) if price_of(before)
        ]
        best = sorted(changes, key=lambda change: (-change[0], change[1]["trade_date"]))
        worst = sorted(changes, key=lambda change: (change[0], change[1]["trade_date"]))
        rows = [("best", place, change) for place, change in enumerate(best[:2], 1)]
        named = [day["trade_date"] for _, _, (_, day) in rows]
        rows += [("worst", place, change) for place, change in enumerate(worst[:2], 1) if change[1]["trade_date"] not in named]
        for side, place, (change, day) in rows:
            row = {"symbol": symbol, "series": series, "side": side, "place": place, "trade_date": day["trade_date"]}
            yield row | {"close": day["close"], "change_pct": rounded(100 * change, 2)}


def q04_drawdown(lake):
    rows = []
    for (symbol, series), days in lake.by_symbol.items():
        days = [(price_of(day), day["trade_date"]) for day in days if price_of(day) is not None and price_of(day) > 0]
        peak_at, falls = 0, []
        for index, (price, date) in enumerate(days):
            if price >= days[peak_at][0]:
                peak_at = index
            falls.append((price / days[peak_at][0] - 1, date, peak_at, index))
        if falls:
            fall, date, peak_at, index = min(falls)
            row = {"symbol": symbol, "series": series, "peak_date": days[peak_at][1], "trough_date": date}
            row |= {"sessions_down": index - peak_at, "peak": rounded(days[peak_at][0], 4), "trough": rounded(days[index][0], 4)}
            row |= {"drawdown_pct": rounded(100 * fall, 2), "now_pct": rounded(100 * falls[-1][0], 2)}
            rows.append((math.floor(100 * fall * 100 + 0.5), row))
    return [row for _, row in sorted(rows, key=lambda item: (item[0], *sort_key(item[1]["symbol"], item[1]["series"])))]


def q05_volume_leaders(lake):
    months = collections.defaultdict(lambda: collections.defaultdict(list))
    for day in lake.daily:
        if day["volume"] is not None:
            months[day["trade_date"][:7] + "-01"][day["symbol"], day["series"]].append(day["volume"])
    for month in sorted(months, reverse=True)[:6]:
        volumes = {key: math.fsum(values) for key, values in months[month].items()}
        total = math.fsum(volumes.values())
        leaders = sorted(volumes, key=lambda key: (-volumes[key], *sort_key(*key)))
        for place, (symbol, series) in enumerate(leaders[:3], 1):
            volume = volumes[symbol, series]
            row = {"trade_month": month, "place": place, "symbol": symbol, "series": series}
            row |= {"sessions": len(months[month][symbol, series]), "volume": rounded(volume, 0)}
            yield row | {"share_pct": rounded(100 * volume / total if total else None, 2)}


def q06_coverage(lake):
    years = collections.defaultdict(list)
    for day in lake.daily:
        years[-int(day["trade_date"][:4]), day["symbol"], day["series"]].append(day)
    for (year, symbol, series), days in sorted(years.items(), key=lambda item: sort_key(*item[0])):
        closes = [day["close"] for day in days if day["close"] is not None]
        volumes = [day["volume"] for day in days if day["volume"] is not None]
        row = {"trade_year": -year, "symbol": symbol, "series": series, "sessions": len(days)}
        row |= {"first_session": days[0]["trade_date"], "last_session": days[-1]["trade_date"]}
        row |= {"without_close": len(days) - len(closes)}
        row |= {"avg_close": rounded(float(exact_sum(closes)) / len(closes), 4) if closes else None}
        yield row | {"volume": rounded(math.fsum(volumes), 0) if volumes else None}


def newest(findings):
    """Returns the newest findings as (row, key) pairs sorted by their keys, and adds the number of all."""
    rows = [row for _, row in sorted(findings, key=lambda finding: finding[0])]
    return [row | {"findings": len(rows)} for row in rows[:LIMIT]]


def backwards(text):
    """A key that sorts text in descending order."""
    return tuple(-ord(char) for char in text) + (1,)


def position(row, *more):
    """Sorts the newest first, then by symbol, series and bar."""
    return (backwards(row["instant"]), *sort_key(row["symbol"], row["series"], row["bar"], *more))


def duplicates(lake):
    stored = collections.defaultdict(list)
    for row in lake.timed:
        tick = row["seq"] if row["bar"] == "tick" else 1
        stored[row["symbol"], row["series"], row["bar"], row["instant"], row["simulated"], tick].append(row)
    findings = []
    for key, rows in stored.items():
        if len(rows) > 1:
            sent = {(row["kafka_generation"] or 0, row["kafka_partition"], row["kafka_offset"]) for row in rows}
            times = [row["traded_at"] for row in rows if row["traded_at"] is not None]
            row = {"symbol": key[0], "series": key[1], "trade_date": min(row["trade_date"] for row in rows)}
            row |= {"stored": len(rows), "sent": len(sent), "closes": len({row["close"] for row in rows} - {None})}
            row |= {"bar": key[2], "traded_at": min(times, default=None)}
            findings.append((position(rows[0], key[4], key[5]), row))
    return newest(findings)


def gaps(lake):
    sessions = {
        key: [day["trade_date"] for day in days if not day["bar"].endswith(("w", "mo"))] for key, days in lake.by_symbol.items()
    }
    sessions = {key: dates for key, dates in sessions.items() if dates}
    traded = collections.Counter(date for dates in sessions.values() for date in dates)
    calendar = [
        date for date in sorted(traded) if 2 * traded[date] >= sum(dates[0] <= date <= dates[-1] for dates in sessions.values())
    ]
    findings = []
    for (symbol, series), dates in sessions.items():
        expected = [date for date in calendar if dates[0] <= date <= dates[-1]]
        missing = collections.defaultdict(list)
        for date in sorted(set(expected) - set(dates)):
            missing[max(own for own in dates if own < date)].append(date)
        if len(missing) > 5 and 100 * len(missing) > len(expected):
            missing = {}
        for before, after in zip(dates, dates[1:]):
            days = (datetime.date.fromisoformat(after) - datetime.date.fromisoformat(before)).days
            if before in missing or days > 21:
                absent = missing.get(before, [])
                row = {"symbol": symbol, "series": series, "session_before": before, "first_missing": absent[0] if absent else None}
                row |= {"sessions_missing": len(absent) or None, "session_after": after}
                findings.append(((backwards(before), *sort_key(symbol, series)), row))
    return newest(findings)


def jumps(lake):
    findings = []
    for (symbol, series), days in lake.by_symbol.items():
        days = [day for day in days if price_of(day) is not None and price_of(day) > 0]
        sizes = [(abs(math.log(price_of(day) / price_of(before))), before, day) for before, day in zip(days, days[1:])]
        sigma = 1.4826 * statistics.median_low(size for size, _, _ in sizes) if sizes else None
        for size, before, day in sizes:
            if size > 40 * sigma and size > math.log(2):
                row = {"symbol": symbol, "series": series, "trade_date": day["trade_date"]}
                row |= {"price_before": price_of(before), "price": price_of(day), "sigmas": rounded(ratio(size, sigma), 1)}
                findings.append(((-size, day["trade_date"], *sort_key(symbol, series)), row))
    return newest(findings)


def low_above_high(lake):
    findings = []
    for row in lake.latest:
        if row["low"] is not None and row["high"] is not None and row["low"] > row["high"]:
            names = ["symbol", "series", "trade_date", "low", "high", "bar", "traded_at"]
            findings.append((position(row, row["seq"], row["simulated"]), {name: row[name] for name in names}))
    return newest(findings)


def outside_low_high(lake):
    findings = []
    for row in lake.latest:
        low, high = row["low"], row["high"]
        if low is not None and high is not None and low > high:
            continue
        for name in "close", "open":
            price = row[name]
            if price is not None and (low is not None and price < low or high is not None and price > high):
                found = {"symbol": row["symbol"], "series": row["series"], "trade_date": row["trade_date"], "column_name": name}
                found |= {"price": price, "low": low, "high": high, "bar": row["bar"], "traded_at": row["traded_at"]}
                findings.append((position(row, row["seq"], row["simulated"], name), found))
    return newest(findings)


def nulls(lake):
    feeds = collections.defaultdict(list)
    for row in lake.latest:
        feeds[row["symbol"], row["series"], row["bar"]].append(row)
    rows = []
    for (symbol, series, bar), records in feeds.items():
        quotes = [row for row in records if row["close"] is None and (row["bid"] is not None or row["ask"] is not None)]
        trades = [row for row in records if not any(row is quote for quote in quotes)]
        for name in NUMBERS:
            expected = quotes if name in ("bid", "ask") else trades
            holes = [row["trade_date"] for row in expected if row[name] is None]
            if holes and (len(holes) < len(expected) or name == "close"):
                row = {"symbol": symbol, "series": series, "column_name": name, "holes": len(holes), "records": len(expected)}
                rows.append(row | {"first_hole": min(holes), "bar": bar})
    unnamed = collections.defaultdict(list)
    for record in lake.records:
        if record.get("symbol") is None or record.get("trade_date") is None:
            unnamed[record.get("symbol"), record.get("series"), record.get("bar")].append(record.get("trade_date"))
    for (symbol, series, bar), dates in unnamed.items():
        row = {"symbol": symbol, "series": series, "column_name": "symbol" if symbol is None else "trade_date"}
        row |= {"holes": len(dates), "records": len(dates)}
        rows.append(row | {"first_hole": min((date for date in dates if date), default=None), "bar": bar})
    total = sum(row["holes"] for row in rows)
    rows.sort(key=lambda row: (-row["holes"], *sort_key(row["symbol"], row["series"], row["bar"], row["column_name"])))
    return [row | {"findings": total} for row in rows[:LIMIT]]


def quarantined(lake):
    kinds = collections.defaultdict(set)
    for record in lake.quarantined:
        at = (record["kafka_timestamp"], record.get("kafka_generation") or 0, record["kafka_partition"], record["kafka_offset"])
        kinds[record["kafka_topic"], record["reason"].split(":")[0]].add((*at, record["reason"]))
    rows = []
    for (topic, kind), records in kinds.items():
        _, generation, partition, offset, reason = max(records)
        row = {"kafka_topic": topic, "kind": kind, "records": len(records), "newest_reason": reason}
        rows.append(row | {"kafka_generation": generation, "kafka_partition": partition, "kafka_offset": offset})
    rows.sort(key=lambda row: (-row["records"], row["kafka_topic"], row["kind"]))
    return [row | {"findings": sum(row["records"] for row in rows)} for row in rows[:LIMIT]]


ANSWERS = {
    "01_daily_range": q01_daily_range,
    "02_moving_averages": q02_moving_averages,
    "03_best_and_worst_days": q03_best_and_worst_days,
    "04_drawdown": q04_drawdown,
    "05_volume_leaders": q05_volume_leaders,
    "06_coverage": q06_coverage,
    "quality/duplicates": duplicates,
    "quality/gaps": gaps,
    "quality/jumps": jumps,
    "quality/low_above_high": low_above_high,
    "quality/nulls": nulls,
    "quality/outside_low_high": outside_low_high,
    "quality/quarantined": quarantined,
}


def same(expected, found):
    if isinstance(expected, Rounded):
        half = 0.5 * 10.0**-expected.digits
        return found is not None and abs(float(found) - expected.value) <= half * (1 + 1e-6) + 1e-9 * abs(expected.value)
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return found is not None and math.isclose(float(found), expected, rel_tol=1e-12, abs_tol=1e-12)
    return expected == found


def difference(name, lake, rows):
    """Describes the first difference between a query's rows and the expected ones, or returns None."""
    expected = list(ANSWERS[name](lake))
    for number, (one, other) in enumerate(zip(expected, rows), 1):
        if list(one) != list(other):
            return f"columns {list(other)} instead of {list(one)}"
        for column, value in one.items():
            if not same(value, other[column]):
                return f"row {number}, {column}: {other[column]!r} instead of {value!r}, of {one}"
    return None if len(expected) == len(rows) else f"{len(rows)} rows instead of {len(expected)}"
