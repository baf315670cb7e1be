"""Input besides the CSV files: a symbol with every fault that queries/quality/ looks for, and events with invalid records
of past days."""

import base64
import datetime
import json

HEADER = "Symbol,Date,Open,High,Low,Close,Volume"
# Values that the table quotes cannot represent, and how the quarantine's reason begins.
INVALID = [
    (b'{"symbol":"AAPL","close":}', "not JSON: "),
    (b'{"symbol":"AA\xff"}', "not UTF-8: "),
    (b'["AAPL",118.5]', "not an object but "),
    (b'{"symbol":"AAPL","trade_date":"2026-02-30","close":1.5}', "column trade_date: "),
    (b'{"symbol":"AAPL","trade_date":"2026-02-27","volume":"many"}', "column volume: "),
    (b'{"symbol":"AAPL","trade_date":"2026-02-27","close":{"amount":1}}', "column close: "),
    (None, "tombstone: "),
]
# Unusual but valid: no symbol, a new column, every form of a JSON number, a number in a text column.
VALID = [
    b'{"trade_date":"2026-02-27","close":2.5}',
    b'{"symbol":"ODD","trade_date":"2026-02-27","close":1e2,"open":-0.0,"volume":1E+3,"sector":{"of":["tech"]}}',
    b'{"symbol":"ODD","trade_date":"2026-02-28","traded_at":12.50,"close":3,"volume":12345678901234}',
]


def damaged():
    """Returns a CSV of a symbol with a jump, a gap, a null, a duplicate, an open above its high, and a low above its high."""
    lines = [HEADER]
    for number in range(80):
        day = datetime.date(2020, 1, 1) + datetime.timedelta(number + (40 if number > 50 else 0))
        price = 100 + number % 3
        row = [price, price + 2, price - 2, price + 1]
        match number:
            case 10:
                row = [price / 10 for price in row]
            case 20:
                row[1], row[2] = row[2], row[1]
            case 30:
                row[0] = price + 5
            case 35:
                row[3] = ""
        line = ",".join(map(str, ["DAMAGED", day, *row, 1000 + number]))
        lines += [line] * (2 if number == 40 else 1)
    return "\n".join(lines) + "\n"


def rows(symbol, count):
    """Returns a CSV of `count` valid rows of a symbol."""
    days = (datetime.date(2021, 3, 1) + datetime.timedelta(number) for number in range(count))
    return "\n".join([HEADER, *(f"{symbol},{day},1,2,0.5,1.5,10" for day in days)]) + "\n"


def event(topic, partition, first, timestamp, values):
    """Returns an event as Lambda sends it: the values at consecutive offsets from `first`, with one timestamp in ms."""
    records = []
    for offset, value in enumerate(values, first):
        record = {"topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp}
        record |= {"timestampType": "CREATE_TIME", "key": "QUFQTA==", "headers": [{"feed": [104, -61, -85]}]}
        if value is not None:
            record["value"] = base64.b64encode(value).decode()
        records.append(record)
    body = {"eventSource": "SelfManagedKafka", "bootstrapServers": "b-1:9096"}
    return body | {"records": {f"{topic}-{partition}": records}}


def quotes(symbol, days):
    return [json.dumps({"symbol": symbol, "trade_date": f"2019-07-{day:02}", "close": day}).encode() for day in days]
