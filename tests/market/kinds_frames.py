"""Files with several symbols per row: data frames with two levels of columns, prefixed titles, tables of closes."""

import truth
from draft import Draft
from kinds import kind, name_after_symbol, name_without_symbol
from kinds_daily import OHLC
from number_styles import EUROPEAN, POINT

TITLES = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close", "Volume": "volume"}


class Wide:
    """A draft in which each line has a row for each symbol."""

    def __init__(self, rng, symbols, shape="day", numbers=None, missing="", roles=(), **limits):
        made = truth.make(rng, shape, symbols, rows=truth.length(rng, 4, 1200), order="old", holes=False, **limits)
        self.rng, self.draft = rng, Draft(rng, made, numbers or rng.choice(POINT), missing)
        draft = self.draft
        by_moment = {}
        for row in made.rows:
            by_moment.setdefault((row.day, row.micros), {})[row.symbol] = row
        self.moments = sorted(by_moment, reverse=rng.random() < 0.2)
        draft.lines = [[by_moment[moment].get(symbol) for symbol in symbols] for moment in self.moments]
        # Some lines have no values for a symbol, as if it was not traded.
        for line in draft.lines[1:]:
            for at, row in enumerate(line):
                if len(symbols) > 1 and rng.random() < 0.04 and len(draft.lines) > 5:
                    line[at] = None
        draft.lines = [line for line in draft.lines if any(line)]
        self.first = [next(row for row in line if row) for line in draft.lines]
        draft.fixed |= {"order", "titles", "extra"}

    def dated(self, title, write):
        self.draft.add(title, [write(row) for row in self.first], "date")
        self.draft.answers["--date-format"] = "ymd"

    def column(self, title, symbol, role, style=None):
        at = self.draft.truth.symbols.index(symbol)
        cells = []
        for line in self.draft.lines:
            text = line[at] and line[at].values[role]
            cells.append(self.draft.missing if text is None else self.draft.style.write(text))
        return self.draft.add(title, cells, role, symbol=symbol)


def iso(row):
    return row.day.isoformat()


def symbols_of(rng, least=1):
    return truth.pick_symbols(rng, rng.choice([least, 2, 3, 8]), None if rng.random() < 0.8 else truth.WORDS[:11])


@kind(3)
def yfinance_frame(rng):
    """yf.download(...).to_csv(): levels of fields and symbols in either order, with or without names of the levels."""
    symbols = [symbol for symbol in symbols_of(rng) if not symbol.isdigit()] or ["AAPL"]
    wide = Wide(rng, symbols, numbers="float", shape=rng.choice(["day", "day", 3600]),
                missing=rng.choice(["", "", "NaN"]))
    draft = wide.draft
    is_daily = draft.truth.bar == "1d"
    if is_daily:
        wide.dated("Date", iso)
    else:
        from dates import CLOCKS
        for line in draft.lines:
            for row in filter(None, line):
                row.offset = 0
        wide.dated("Datetime", lambda row: f"{iso(row)} {CLOCKS['HH:MM:SS'][1](row)}+00:00")
    titles = rng.choice([["Close", "High", "Low", "Open", "Volume"],
                         ["Adj Close", "Close", "High", "Low", "Open", "Volume"]])
    by_symbol = rng.random() < 0.4
    pairs = [(title, symbol) for symbol in symbols for title in titles] if by_symbol else [
        (title, symbol) for title in titles for symbol in symbols]
    for title, symbol in pairs:
        wide.column(title, symbol, TITLES[title])
    fields = ["Price", *[title for title, _ in pairs]]
    names = ["Ticker", *[symbol for _, symbol in pairs]]
    index = draft.columns[0].title
    two, one = ([fields, names] if by_symbol else [names, fields])
    draft.header_rows = [one, two, [index, *[""] * len(pairs)]]
    if rng.random() < 0.15:
        # Old versions of yfinance do not name the levels.
        draft.header_rows = [["", *one[1:]], ["", *two[1:]], [index, *[""] * len(pairs)]]
    name_without_symbol(draft)
    return draft


@kind()
def quantmod(rng):
    """AAPL.Open, AAPL.High, ... of one or more symbols."""
    symbols = [symbol for symbol in symbols_of(rng) if not symbol.isdigit() and symbol not in truth.WORDS] or ["AAPL"]
    wide = Wide(rng, symbols, missing=rng.choice(["", "NA"]))
    form = rng.choice(["{s}.{t}", "{s}.{t}", "{s}_{t}", "{t}_{s}", "{s} {t}", "('{t}', '{s}')"])
    wide.dated(rng.choice(["Date", "", "Index"]), iso)
    for symbol in symbols:
        for title, role in TITLES.items():
            name = "Adjusted" if role == "adj_close" and form.startswith("{s}.") else title
            wide.column(form.format(s=symbol, t=name), symbol, role)
    name_without_symbol(wide.draft)
    if len(symbols) == 1:
        name_after_symbol(wide.draft)
        wide.draft.may_ask -= {"--symbol", "--symbol-column"}
    return wide.draft


@kind()
def closes(rng):
    """A column of closes for each symbol."""
    european = rng.random() < 0.2
    wide = Wide(rng, symbols_of(rng, 2), numbers=rng.choice(EUROPEAN if european else POINT),
                missing=rng.choice(["", "", "NaN", "null"]))
    wide.dated(rng.choice(["Date", "date", "", "timestamp"]), iso)
    for symbol in wide.draft.truth.symbols:
        wide.column(symbol, symbol, "close")
    if european:
        wide.draft.delimiter = ";"
    wide.draft.may_ask |= {"--symbol", "--symbol-column"}
    # No option declares that a table is wide, so a question about such a file has no right answer.
    wide.draft.is_unknown = True
    name_without_symbol(wide.draft)
    return wide.draft
