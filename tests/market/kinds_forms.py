"""Rare formats of numbers, dates, times and zones."""

import dates
from kinds import kind
from kinds_daily import OHLC, many, one


@kind()
def negative_prices(rng):
    """Negative prices, as for oil in April 2020, spreads and interest rates."""
    draft = one(rng, decimals=2, pool=["CL=F", "CLK0"], numbers=rng.choice(["plain", "trimmed", "dollar", "comma"]))
    if draft.style.decimal == ",":
        draft.delimiter = ";"
    for row in draft.rows():
        if rng.random() < 0.3:
            row.values = {role: value and ("-" + value if role != "volume" else value)
                          for role, value in row.values.items()}
            row.values["high"], row.values["low"] = row.values["low"], row.values["high"]
    draft.date("Date", rng.choice(["iso", "mdy"]))
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def compact_minutes(rng):
    """Date and time as one number: 202401020930 or 20240102093000."""
    draft = one(rng, rng.choice([60, 300, 3600]), first=1990)
    form = rng.choice([12, 14])
    cells = [f"{row.day:%Y%m%d}" + dates.CLOCKS["HHMMSS"][1](row)[: form - 8] for row in draft.rows()]
    draft.answers["--date-format"] = "compact"
    draft._dated(rng.choice(["Date", "datetime", "timestamp"]), cells)
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def twelve_hours(rng):
    """Date and time with AM or PM in one column, as in Excel."""
    draft = one(rng, rng.choice([60, 300, 3600]), first=1990)
    draft.date_time("Date", rng.choice(["mdy bare", "mdy", "d-Mon-y"]), names=["H:MM PM", "H:MM:SS PM"])
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def zone_changes(rng):
    """Offsets that change with daylight saving time, on hourly and daily bars."""
    draft = one(rng, rng.choice(["day", 3600]), first=1990)
    offset = lambda row: -14_400 if 3 < row.day.month < 11 else -18_000
    clock = dates.CLOCKS["HH:MM:SS"][1]
    draft.date_time(rng.choice(["Date", "Datetime"]), "iso", clock=clock, offset=offset)
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def tokyo_midnights(rng):
    """Daily bars at midnight in a zone east of Greenwich: the trade date is the local date."""
    draft = one(rng, first=1980, pool=["7203.T", "0700.HK", "RELIANCE.NS"])
    draft.date_time("Date", "iso", clock=dates.CLOCKS["HH:MM:SS"][1], offset=rng.choice([32_400, 28_800, 19_800]))
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def options_chain(rng):
    """Rows of one symbol and instant that differ in their strikes: all are kept and numbered."""
    draft = many(rng, count=1, order="old", rows=rng.randint(5, 60))
    rows = draft.rows()
    for row in rows:
        row.day = rows[0].day
    draft.symbol("symbol")
    draft.date("quote_date", "iso")
    draft.random_numbers("strike", 1)
    draft.text("type", [rng.choice(["call", "put"]) for _ in rows])
    draft.prices(["bid", "ask", "last", "volume"], "bid ask close volume")
    return draft
