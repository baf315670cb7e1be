"""Files of daily, weekly and monthly bars, with one row for each symbol and date."""

import dates
import truth
from draft import Draft
from kinds import kind, name_after_symbol, name_without_symbol
from number_styles import AMERICAN, EUROPEAN, POINT

OHLC = "open high low close"


def one(rng, shape="day", numbers=None, pool=None, missing=None, **limits):
    """Returns a draft with the rows of one symbol, usually named after it."""
    rows = truth.make(rng, shape, truth.pick_symbols(rng, 1, pool), **limits)
    draft = Draft(rng, rows, numbers or rng.choice(POINT), missing)
    name_after_symbol(draft)
    return draft


def many(rng, shape="day", numbers=None, pool=None, count=None, missing=None, **limits):
    """Returns a draft with the rows of one or more symbols. The caller must add a column for the symbol."""
    rows = truth.make(rng, shape, truth.pick_symbols(rng, count or rng.choice([1, 2, 3, 5, 20]), pool), **limits)
    draft = Draft(rng, rows, numbers or rng.choice(POINT), missing)
    draft.needs_symbol = True
    name_without_symbol(draft)
    return draft


@kind(2)
def yahoo_download(rng):
    draft = one(rng, missing="null")
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Adj Close", "Volume"], OHLC + " adj_close volume")
    return draft


@kind(2)
def yfinance_history(rng):
    draft = one(rng, first=1972)
    offset = rng.choice([-18_000, -14_400, 0, 3_600, 19_800, 32_400])
    draft.date_time(rng.choice(["Date", "Datetime"]), "iso", clock=dates.CLOCKS["HH:MM:SS"][1], offset=offset)
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.number("Dividends", ["0.0"] * len(draft.lines))
    draft.number("Stock Splits", ["0.0"] * len(draft.lines))
    return draft


@kind()
def any_daily(rng):
    """A plain table with any format of dates and numbers."""
    numbers = rng.choice([*POINT, *AMERICAN, *EUROPEAN, "rupee", "yen", "swiss", "bare point"])
    draft = one(rng, numbers=numbers) if rng.random() < 0.5 else many(rng, numbers=numbers)
    columns = [("date", rng.choice(["Date", "date", "Trade Date", "trading_date", "Day", "timestamp", "time"]))]
    if draft.needs_symbol:
        columns.append(("symbol", rng.choice(["Symbol", "Ticker", "ticker_symbol", "Stock", "Instrument", "Name"])))
    columns += [("open", "Open"), ("high", "High"), ("low", "Low"), ("close", "Close"), ("volume", "Volume")]
    style = rng.choice(dates.DAILY)
    if "two" in style or "yy" in style.lower():
        style = rng.choice([style, "iso"])
    if rng.random() < 0.3:
        columns = columns[:1] + rng.sample(columns[1:], len(columns) - 1)
    for role, title in columns:
        if role == "date":
            draft.date(title, style) if not before_two_digits(draft, style) else draft.date(title, "iso")
        elif role == "symbol":
            draft.symbol(title)
        else:
            draft.price(title, role)
    return draft


def before_two_digits(draft, style):
    """Whether rows are too old for the date format: two-digit years mean 1969 to 2068."""
    return ("two" in style or style in ("yymmdd", "d-Mon-yy")) and min(row.day.year for row in draft.rows()) < 1970


@kind()
def alpha_vantage(rng):
    draft = one(rng, order="new")
    draft.date(rng.choice(["timestamp", "date", ""]), "iso")
    titles = ["1. open", "2. high", "3. low", "4. close", "5. volume"]
    plain = ["open", "high", "low", "close", "volume"]
    draft.prices(rng.choice([titles, plain]), OHLC + " volume")
    return draft


@kind()
def alpha_vantage_adjusted(rng):
    draft = one(rng, order="new")
    draft.date("timestamp", "iso")
    draft.prices(["open", "high", "low", "close", "adjusted_close", "volume"], OHLC + " adj_close volume")
    draft.random_numbers("dividend_amount", 4)
    draft.random_numbers("split_coefficient", 1)
    return draft


@kind()
def a_share(rng):
    draft = one(rng, pool=["600519.SH", "000001.SZ", "SZ000002", "SH600000"], first=1991)
    draft.date("date", "compact")
    draft.random_numbers("amount", 1, 10**9)
    draft.prices(["close", "high", "low", "open", "volume"], "close high low open volume")
    return draft


@kind()
def pandas_index(rng):
    """The output of DataFrame.to_csv with an unnamed index of dates."""
    draft = one(rng)
    draft.date("", rng.choice(["iso", "iso", "mdy bare"]))
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def pandas_reset_index(rng):
    """A column of row numbers, with or without a column for the symbol."""
    draft = one(rng) if rng.random() < 0.5 else many(rng)
    draft.number(rng.choice(["index", "", "Unnamed: 0", "Index"]), [str(at) for at in range(len(draft.lines))])
    draft.date("Date", "iso")
    if draft.needs_symbol:
        draft.symbol("Symbol")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def index_processed(rng):
    """Index,Date,...,CloseUSD, as in a Kafka tutorial."""
    draft = many(rng, pool=["HSI", "NYA", "IXIC", "000001.SS", "N225", "N100", "399001.SZ", "GSPTSE"])
    draft.symbol("Index")
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Adj Close", "Volume"], OHLC + " adj_close volume")
    draft.random_numbers("CloseUSD", 8)
    return draft


@kind()
def eodhd(rng):
    draft = one(rng)
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Adjusted_close", "Volume"], OHLC + " adj_close volume")
    return draft


@kind()
def tiingo(rng):
    draft = one(rng, first=1972)
    draft.date_time("date", "iso", clock=lambda row: "00:00:00.000Z", joint="T")
    for row in draft.rows():
        row.offset = 0
    draft.prices(["close", "high", "low", "open", "volume", "adjClose"], "close high low open volume adj_close")
    for title in ["adjHigh", "adjLow", "adjOpen"]:
        draft.random_numbers(title, 8)
    draft.random_numbers("divCash", 1)
    return draft


@kind(2)
def nasdaq(rng):
    draft = one(rng, numbers=rng.choice(["dollar plain", "dollar"]), missing="N/A", decimals=2, order="new")
    draft.date("Date", "mdy")
    draft.price("Close/Last", "close")
    draft.price("Volume", "volume", rng.choice(["plain", "groups"]))
    draft.prices(["Open", "High", "Low"], "open high low")
    return draft


@kind(2)
def investing(rng):
    european = rng.random() < 0.4
    decimals = rng.choice([1, 2, 2, 3, 4])
    draft = one(rng, numbers="comma groups" if european else "groups", decimals=decimals, missing="-", order="new")
    draft.quoting, draft.encoding = "all", rng.choice(["utf-8-sig", "utf-8"])
    draft.date("Date", rng.choice(["Mon d, y", "mdy"]) if not european else rng.choice(["dmy.", "dmy", "dmy-"]))
    draft.prices(["Price", "Open", "High", "Low"], "close open high low")
    draft.magnitudes("Vol.")
    signs = [f"{rng.uniform(-9, 9):.2f}" for _ in draft.lines]
    draft.text("Change %", [(sign.replace(".", ",") if european else sign) + "%" for sign in signs])
    return draft


@kind()
def wsj(rng):
    draft = one(rng, first=1972, decimals=2, order="new")
    draft.date("Date", "mdy two")
    titles = rng.choice([[" Open", " High", " Low", " Close"], ["Open", "High", "Low", "Close"]])
    draft.prices(titles, OHLC)
    draft.fixed.add("titles")
    return draft


@kind()
def google_finance(rng):
    draft = one(rng, decimals=2)
    for row in draft.rows():
        row.micros = 16 * 3_600_000_000
    draft.date_time("Date", rng.choice(["mdy bare", "dmy", "iso"]), clock=dates.CLOCKS["HH:MM:SS"][1])
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def barchart(rng):
    draft = one(rng, decimals=2, order="new") if rng.random() < 0.5 else many(rng, decimals=2)
    if draft.needs_symbol:
        draft.symbol("Symbol")
    draft.date(rng.choice(["Time", "Date", "Date Time"]), rng.choice(["mdy", "iso"]))
    draft.prices(["Open", "High", "Low", rng.choice(["Last", "Latest"])], OHLC)
    draft.random_numbers("Change", 2)
    draft.text("%Chg", [f"{rng.uniform(-9, 9):+.2f}%" for _ in draft.lines])
    draft.price("Volume", "volume")
    return draft


# File names that programs use for one symbol, but which do not show which part is the symbol.
UNCLEAR = ["{}_D1", "{}_H1", "{}_M15", "{}1440", "{}60", "{}_D", "{}240", "{}_DAILY", "{}_Daily", "DAT_ASCII_{}_M1_2012",
           "NASDAQ_{}, 1D", "{}_Candlestick_1_M_BID_01.01.2024", "{}-trades-2024-01", "daily_{}", "{}_prices"]


@kind()
def unclear_names(rng):
    """File names that contain the symbol and other words, such as the length of the bars."""
    draft = yahoo_download(rng)
    name = rng.choice(UNCLEAR).format(draft.truth.symbols[0].replace("/", ""))
    draft.file_name = name + ".csv"
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft
