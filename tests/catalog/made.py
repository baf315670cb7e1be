"""Makes lakes of minute bars, of ticks, and of everything mixed, as objects of the sink's form.

They have what makes the answers hard: bars newest first, rows sent again or corrected, redelivered copies, ticks of one
instant, quotes without a price, times of earlier versions, several series, simulated rows, and the faults that
queries/quality/ looks for.
"""

import datetime
import gzip
import json
import random

START = datetime.date(2025, 9, 1)


def days(count, start=START):
    """Returns the first `count` weekdays."""
    found, day = [], start
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += datetime.timedelta(1)
    return found


def bar(rng, price):
    """Returns the prices of a bar that opens at `price`."""
    close = round(price * (1 + rng.gauss(0, 0.01)), 2)
    high, low = round(max(price, close) * (1 + rng.random() / 200), 2), round(min(price, close) * (1 - rng.random() / 200), 2)
    return {"open": price, "high": high, "low": low, "close": close, "volume": rng.randrange(1, 5000)}


def minutes(rng):
    records = []
    for symbol, series in ("AAA", None), ("BBB", "EQ"), ("BBB", "N2"), ("CCC", None):
        price = rng.randrange(20, 200) * 1.0
        for number, day in enumerate(days(60)):
            if (symbol, number) in (("AAA", 20), ("CCC", 33), ("CCC", 34)):
                continue
            of_day = []
            for minute in range(rng.randrange(2, 9)):
                record = {"symbol": symbol, "trade_date": str(day), "bar": "1m", "traded_at": f"{day} 09:{30 + minute}:00"}
                record |= bar(rng, price) | ({"series": series} if series else {})
                price = record["close"]
                of_day.append(record)
            # Some feeds are newest first.
            records += reversed(of_day) if symbol == "AAA" else of_day
            if number % 10 == 0:
                records.append(of_day[0] | {"bar": "5m", "high": 9999.0})
    for row in records[100:600:37]:
        records.append(row | {"close": row["close"] + 0.01, "high": row["high"] + 0.02})
    records[50]["low"], records[50]["high"] = records[50]["high"], records[50]["low"]
    records[75]["open"] = records[75]["high"] * 2
    records[90]["close"] = None
    records[91]["volume"] = None
    for name in "open", "high", "low", "close":
        for row in records:
            if row["symbol"] == "CCC" and row["trade_date"] == str(days(60)[50]):
                row[name] = row[name] * 10
    return records


def ticks(rng):
    records = []
    for symbol in "EURUSD", "BTC":
        price = 100.0
        for day in days(30):
            second = 0
            for number in range(12):
                second += rng.choice([0, 0, 1, 7])
                at = f"{day} 14:30:{second % 60:02}.{number:06}" if number % 3 else f"{day} 14:29:00"
                record = {"symbol": symbol, "trade_date": str(day), "bar": "tick", "traded_at": at, "zone": "UTC"}
                price = round(price * (1 + rng.gauss(0, 0.002)), 4)
                if symbol == "BTC" or number % 4 == 0:
                    record |= {"close": price, "volume": round(rng.random(), 3)}
                if symbol == "EURUSD":
                    record |= {"bid": round(price - 0.01, 4), "ask": round(price + 0.01, 4)}
                if not number % 3 and number:
                    record |= {"seq": 1 + number // 3}
                records.append(record)
    next(record for record in records if "bid" in record and "close" not in record)["ask"] = None
    return records + records[10:60:7]


def mixed(rng):
    records = []
    for symbol in "OLD", "NEW", "WEEKS", "LONE":
        price = 50.0
        for number, day in enumerate(days(90)):
            record = {"symbol": symbol, "trade_date": str(day)} | bar(rng, price) | {"adj_close": None}
            price = record["close"]
            record["adj_close"] = round(price / 2, 3) if symbol == "NEW" else None
            if symbol == "WEEKS":
                if number % 5 == 0:
                    records.append(record | {"bar": "1w"})
                if number % 45 == 0:
                    records.append(record | {"bar": "1mo", "high": 1e6})
                continue
            if symbol == "LONE" and 30 <= number < 60:
                continue
            records.append(record if symbol == "OLD" else record | {"bar": "1d"})
            if number % 7 == 0:
                # A file that was fed by an earlier version, and again by this one.
                records.append(record | {"bar": "1d", "volume": record["volume"] + 1})
            if number % 9 == 0:
                records.append(record | {"bar": "1d", "seq": 2, "close": price + 0.5})
            if number % 11 == 0:
                records.append({"symbol": symbol, "trade_date": str(day), "bar": "tick", "traded_at": f"{day} 10:00:00", "close": 1, "simulated": True})
    day = str(days(1)[0])
    for number, text in enumerate([
        f"{day} 09:30:00-05:00",
        f"{day}T23:30:00.1234567-05:00",
        f"{day}T00:10:05Z",
        f"{day} 00:10+0530",
        f"{day}T09:30:00",
        f"{day} 09:30",
        f"{day} 14:30:00",
        f"{day} 25:00:00",
        "noon",
        12.5,
    ]):
        records.append({"symbol": "TIMES", "trade_date": day, "traded_at": text, "close": 10 + number, "volume": 1})
    for symbol, bars in ("LENGTHS", ["1h", "60m", "15m", "4h"]), ("ODD", ["7x", "1q"]):
        for length in bars:
            record = {"symbol": symbol, "trade_date": day, "bar": length, "traded_at": f"{day} 10:00:00"}
            records += [record | bar(rng, 10.0), record | bar(rng, 12.0) | {"traded_at": f"{day} 16:00:00"}]
    for series in "EQ", "N2", None:
        records.append({"symbol": "BOND", "trade_date": day, "series": series, "bar": "1d", "close": len(str(series))})
    records.append({"symbol": "SIM", "trade_date": day, "bar": "tick", "traded_at": f"{day} 10:00:00", "close": 7, "simulated": True})
    records.append({"symbol": "HALF", "trade_date": day, "bar": "1d", "open": 3, "close": 4})
    records.append({"symbol": "QUOTED", "trade_date": day, "bar": "1d", "bid": 3, "ask": 4})
    records += [{"symbol": None, "trade_date": day, "close": 1}, {"symbol": "NODATE", "close": 1}, {"close": 2.5}]
    # Two fields of one column.
    records.append({"symbol": "TWICE", "trade_date": day, "close": 1, "Close": 2})
    records += [{"Symbol": "CASE", "Trade_Date": day, "CLOSE": 5, "Bar": "1d"}]
    rng.shuffle(records)
    return records


def loose(rng):
    """Values that the sink does not validate, which only a table with columns of text can hold in Trino."""
    row = {"symbol": "LOOSE", "trade_date": str(START), "bar": "1d", "close": rng.randrange(1, 9)}
    return [row | {"bid": "n/a", "ask": "2.5", "seq": "many"}, row | {"seq": 2, "simulated": True, "bid": 1}, row | {"symbol": "B"}]


LAKES = {"minutes": minutes, "ticks": ticks, "mixed": mixed, "loose": loose}


def write(name, folder, topic, day):
    """Writes a lake's objects below `folder`, which ends at the prefix; some of their lines are in two objects."""
    rng = random.Random(name)
    lines = []
    for offset, record in enumerate(LAKES[name](rng)):
        coordinates = {"kafka_partition": offset % 3, "kafka_offset": offset // 3, "kafka_timestamp": 1_795_000_000_000 + offset // 2}
        if offset % 5 == 0:
            coordinates["kafka_generation"] = 1
        lines.append(json.dumps(coordinates | record) + "\n")
    target = folder / "data" / topic / f"dt={day}"
    target.mkdir(parents=True)
    for number, first in enumerate(range(0, len(lines), 500)):
        # The last lines of the object before are in this one, too, as after a redelivery with other boundaries.
        text = "".join(lines[max(first - 3, 0) : first + 500]).encode()
        (target / f"00000-{number:020}.json.gz").write_bytes(gzip.compress(text, mtime=0))
    invalid = folder / "quarantine" / topic / f"dt={day}"
    invalid.mkdir(parents=True)
    reasons = ["not JSON: byte 3", "not JSON: byte 9", "tombstone: no value", "not JSON: byte 3"]
    text = ""
    for offset, reason in enumerate(reasons + reasons[:1]):
        place = {"kafka_topic": topic, "kafka_partition": 0, "kafka_offset": offset % len(reasons), "kafka_timestamp": 9 - offset % len(reasons)}
        text += json.dumps(place | {"reason": reason, "key": None, "value": None, "headers": []}) + "\n"
    (invalid / "00000-00000000000000000000.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
