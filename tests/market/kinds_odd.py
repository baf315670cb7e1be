"""Files that invite wrong guesses: rival titles, units in titles, values that change late, long numbers."""

from decimal import Decimal

import dates
import truth
from kinds import kind
from kinds_daily import OHLC, many, one
from kinds_intraday import STEPS


@kind()
def rival_closes(rng):
    """Several titles that can name the close: it is the first of Close, Last and Price."""
    draft = many(rng, decimals=2)
    draft.symbol("Symbol")
    draft.date("Date", "iso")
    rivals = ["Close", "Last", "Price"][rng.randrange(3):]
    draft.prices(["Open", "High", "Low"], "open high low")
    draft.price(rivals[0], "close")
    for title in [*rivals[1:], "Prev Close", "Average Price", "VWAP"]:
        draft.random_numbers(title, 2)
    draft.price("Adj Close", "adj_close")
    draft.fixed.add("titles")
    return draft


@kind()
def no_close(rng):
    """Previous closes and average prices, which are not the close: they are kept, with a warning."""
    draft = many(rng, decimals=2) if rng.random() < 0.5 else one(rng, decimals=2)
    if draft.needs_symbol:
        draft.symbol("SYMBOL")
    draft.date("DATE", "iso")
    for title in rng.choice([["PREV_CLOSE", "AVG_PRICE"], ["PREV CLOSE"], ["Prev. Close", "Avg Price"],
                             ["NEXT_CLOSE"], ["SETTLE"]]):
        draft.random_numbers(title, 2)
    draft.price("VOLUME", "volume")
    # Titles in capitals can be the tickers of a wide file.
    draft.may_ask.add("--columns")
    draft.fixed.add("titles")
    return draft


@kind()
def currency_titles(rng):
    """A currency or a unit in the titles, which is not a symbol."""
    draft = one(rng, decimals=2)
    draft.date("Date", "iso")
    form = rng.choice(["{} (USD)", "{} USD", "{}_USD", "{}_usd", "{} ($)", "{} EUR", "{}_EUR", "{}(USD)"])
    draft.prices([form.format(title) for title in ["Open", "High", "Low", "Close"]], OHLC)
    draft.price("Volume", "volume")
    # The producer may ask if it does not recognise such a title as that of a price.
    draft.may_ask |= {"--columns", "--symbol", "--symbol-column"}
    draft.fixed.add("titles")
    return draft


@kind()
def bid_and_ask_bars(rng):
    """FXCM's candles: bars of bids and of asks. Neither is the close, and BID is not a symbol."""
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURUSD", "GBPUSD"])
    draft.date_time("DateTime", rng.choice(["iso", "mdy"]))
    form = rng.choice(["{}{}", "{} {}", "{}_{}", "{}.{}"])
    for side in rng.choice([["Bid", "Ask"], ["BID", "ASK"]]):
        for title in ["Open", "High", "Low", "Close"]:
            draft.random_numbers(form.format(side, title.upper() if side.isupper() else title), 5, 2)
    draft.fixed.add("titles")
    # Without open, high and low, a row with a time is a trade.
    draft.bar = "tick"
    draft.may_ask |= {"--columns", "--bar", "--symbol"}
    return draft


@kind()
def yahoo_page(rng):
    """The table of Yahoo's web page, copied into a file."""
    draft = one(rng, numbers="groups", decimals=2, order="new", missing="-")
    draft.delimiter = rng.choice(["\t", ","])
    draft.date("Date", "Mon d, y")
    starred = ["Open", "High", "Low", "Close*", "Adj Close**", "Volume"]
    long = ["Open", "High", "Low", "Close Close price adjusted for splits.",
            "Adj Close Adjusted close price adjusted for splits and dividend and/or capital gain distributions.",
            "Volume"]
    draft.prices(rng.choice([starred, long]), OHLC + " adj_close volume")
    draft.fixed |= {"titles", "delimiter"}
    return draft


@kind()
def late_changes(rng):
    """A value that only appears after hundreds of rows: a code with leading zeros, or a note, among numbers."""
    draft = one(rng, decimals=2, rows=rng.randint(600, 4000), order="old", missing="", first=1960)
    count = len(draft.lines)
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    at = rng.randrange(count * 2 // 3, count)
    codes = [str(rng.randrange(1000, 9999)) for _ in range(count)]
    kind_of = rng.choice(["zero", "note"])
    codes[at] = "0042" if kind_of == "zero" else "see below"
    draft.text("Venue", codes)
    # By then, the column is read as numbers: the line may be rejected, but 0042 must not become 42.
    draft.late = {at}
    draft.fixed.add("extra")
    return draft


@kind()
def exact_numbers(rng):
    """Numbers with more digits than a double can store."""
    draft = one(rng, decimals=2, missing="")
    draft.date("Date", "iso")
    for row in draft.rows():
        row.values["close"] = truth.decimal_text(rng.randrange(10**30), 18)
        row.values["volume"] = str(rng.randrange(10**rng.randint(1, 30)))
        row.values["open"] = rng.choice(["-0.0", "1E+10", "2.5e-7", "123456789012345678.123456789", "0.10", "1e5"])
    draft.prices(["Open", "Close", "Volume"], "open close volume", "plain")
    texts = [truth.decimal_text(rng.randrange(10**25), 12) for _ in draft.lines]
    draft.number("Market Cap", texts, "plain")
    return draft


@kind()
def two_closes(rng):
    """The same title twice: nothing shows which column is the close."""
    draft = one(rng, decimals=2)
    draft.date("Date", "iso")
    draft.prices(["Open", "Close"], "open close")
    draft.random_numbers("Close", 2)
    draft.is_unknown = True
    draft.fixed.add("titles")
    return draft


@kind()
def year_month_day(rng):
    """Year, month and day in three columns: no option joins them."""
    draft = one(rng)
    for title, part in [("Year", "year"), ("Month", "month"), ("Day", "day")]:
        draft.number(title, [str(getattr(row.day, part)) for row in draft.rows()])
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.is_unknown = True
    draft.fixed.add("titles")
    return draft


@kind()
def months_alone(rng):
    """Months without a day, such as 2024-01."""
    draft = one(rng, "month")
    form = rng.choice(["{0:%Y-%m}", "{0:%Y%m}", "{0:%b-%y}", "{0:%b %Y}", "{0:%m/%Y}"])
    draft.add("Date", [form.format(row.day) for row in draft.rows()], "date")
    draft.price("Close", "close")
    draft.is_unknown = True
    return draft


@kind()
def melted(rng):
    """One row for each value: no column is the close, and a warning says so."""
    draft = many(rng, decimals=2, order="dates", holes=False, missing="")
    draft.date("Date", "iso")
    draft.symbol("Ticker")
    draft.text("Field", [rng.choice(["Open", "Close", "Volume"]) for _ in draft.lines])
    draft.random_numbers("Value", 2)
    draft.fixed.add("titles")
    return draft


@kind()
def other_dates(rng):
    """Additional columns of dates and times."""
    draft = many(rng, decimals=2)
    count = len(draft.lines)
    draft.symbol("Symbol")
    draft.date("Date", rng.choice(["iso", "mdy"]))
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.text("Expiry", [f"20{rng.randrange(25, 40)}-0{rng.randrange(1, 9)}-15" for _ in range(count)])
    draft.text("Last Updated", [f"2024-12-0{rng.randrange(1, 9)} 10:00:00" for _ in range(count)])
    draft.text("Settlement Date", [f"0{rng.randrange(1, 9)}/1{rng.randrange(9)}/2024" for _ in range(count)])
    draft.fixed.add("titles")
    return draft


@kind()
def offsets_in_titles(rng):
    """An offset in a title: the times stay as written, and are not UTC."""
    draft = one(rng, rng.choice(STEPS), decimals=5)
    draft.date_time(rng.choice(["Time (UTC+8)", "GMT+2 time", "UTC+8 time", "Date (EST)", "Time (GMT+3)"]), "iso")
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.may_ask |= {"--timezone", "--date-column"}
    draft.fixed.add("titles")
    return draft


@kind()
def company_names(rng):
    """A company's name beside its symbol."""
    draft = many(rng, decimals=2, count=rng.choice([1, 3]))
    named = {symbol: rng.choice(truth.NAMES) for symbol in draft.truth.symbols}
    for title in rng.sample(["Name", "Company"], rng.choice([1, 2])):
        draft.text(title, [named[row.symbol] for row in draft.rows()])
    draft.symbol(rng.choice(["Symbol", "Ticker", "ticker"]))
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def excel_empty_columns(rng):
    """Empty columns without titles at the end of each line, as Excel leaves them."""
    draft = one(rng, decimals=2)
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    for _ in range(rng.randint(1, 4)):
        draft.add("", [""] * len(draft.lines), values=[None] * len(draft.lines))
    draft.fixed |= {"order", "extra"}
    return draft


@kind()
def small_letters(rng):
    """Symbols in lower case or with blanks, which are kept as written."""
    draft = many(rng, pool=["aapl", "Msft", "brk b", "börse", "eth-usd", "ES 03-24", "日経"], count=rng.choice([2, 3, 5]))
    draft.symbol("Symbol")
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def new_lines_in_notes(rng):
    """Quoted notes that span several lines."""
    draft = many(rng, decimals=2)
    draft.symbol("Symbol")
    draft.date("Date", "iso")
    draft.price("Close", "close")
    draft.text("Comment", [rng.choice(["", "one\ntwo", 'he said "buy, now"', "a\n\nb, c"]) for _ in draft.lines])
    return draft
