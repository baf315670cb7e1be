"""Files of days, weeks and months, a row for each symbol and day."""

import dates
import truth
from draft import Draft
from kinds import kind, name_after_symbol, name_without_symbol
from number_styles import AMERICAN, EUROPEAN, POINT

OHLC = "open high low close"


def one(rng, shape="day", numbers=None, pool=None, missing=None, **limits):
    """A draft of one symbol's rows, named after it."""
    rows = truth.make(rng, shape, truth.pick_symbols(rng, 1, pool), **limits)
    draft = Draft(rng, rows, numbers or rng.choice(POINT), missing)
    name_after_symbol(draft)
    return draft


def many(rng, shape="day", numbers=None, pool=None, count=None, missing=None, **limits):
    """A draft of several symbols' rows, with a column for the symbol to add."""
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
    """A plain table with any form of dates and numbers."""
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
            draft.date(title, style) if not _before_two_digits(draft, style) else draft.date(title, "iso")
        elif role == "symbol":
            draft.symbol(title)
        else:
            draft.price(title, role)
    return draft


def _before_two_digits(draft, style):
    """Two digits of a year are of 1969 to 2068."""
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
    """DataFrame.to_csv with an index of dates that has no name."""
    draft = one(rng)
    draft.date("", rng.choice(["iso", "iso", "mdy bare"]))
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def pandas_reset_index(rng):
    """A column of row numbers, beside a symbol's column or without one."""
    draft = one(rng) if rng.random() < 0.5 else many(rng)
    draft.number(rng.choice(["index", "", "Unnamed: 0", "Index"]), [str(at) for at in range(len(draft.lines))])
    draft.date("Date", "iso")
    if draft.needs_symbol:
        draft.symbol("Symbol")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def index_processed(rng):
    """Index,Date,...,CloseUSD of a Kafka tutorial."""
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


@kind()
def stooq_web(rng):
    draft = one(rng, decimals=rng.choice([2, 4]))
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.file_name = draft.truth.symbols[0].replace("/", "").lower() + rng.choice(["_d.csv", "_us_d.csv", ".csv"])
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft


@kind()
def stooq_bulk(rng):
    weekly = rng.random() < 0.2
    draft = many(rng, "week" if weekly else "day", order="old", pool=["AAPL.US", "MSFT.US", "VOD.UK", "^SPX", "EURUSD"])
    draft.symbol("<TICKER>")
    draft.text("<PER>", ["W" if weekly else "D"] * len(draft.lines))
    draft.date("<DATE>", "compact")
    for row in draft.rows():
        row.micros = 0
    draft.time("<TIME>", clock=lambda row: "000000")
    draft.prices(["<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"], OHLC + " volume")
    draft.number("<OPENINT>", ["0"] * len(draft.lines))
    draft.fixed.add("titles")
    return draft


@kind()
def nse_bhavcopy(rng):
    draft = many(rng, numbers="trimmed", order="dates", count=rng.choice([3, 8, 30]), missing="-",
                 rows=truth.length(rng, 30, 900))
    draft.symbol("SYMBOL")
    draft.series("SERIES", ["EQ", "BE", "N2", "GB"])
    draft.prices(["OPEN", "HIGH", "LOW", "CLOSE"], OHLC)
    draft.random_numbers("LAST", 2)
    draft.random_numbers("PREVCLOSE", 2)
    draft.price("TOTTRDQTY", "volume")
    draft.random_numbers("TOTTRDVAL", 2, 10**9)
    draft.date("TIMESTAMP", "d-MON-y")
    draft.random_numbers("TOTALTRADES", 0)
    draft.text("ISIN", [f"INE{rng.randrange(10**6):06}A01027" for _ in draft.lines])
    draft.ends_with_delimiter = rng.choice([True, True, "rows", False])
    draft.delimiter = rng.choice([",", ",", ";"])
    draft.fixed |= {"order", "titles"}
    return draft


@kind()
def nse_udiff(rng):
    """NSE's bhavcopy since 2024."""
    draft = many(rng, numbers="plain", decimals=2, order="dates", count=rng.choice([3, 8]), missing="")
    count = len(draft.lines)
    draft.date("TradDt", "iso")
    draft.text("Sgmt", ["CM"] * count)
    draft.text("FinInstrmTp", ["STK"] * count)
    draft.number("FinInstrmId", [str(rng.randrange(1, 99999)) for _ in range(count)])
    draft.symbol("TckrSymb")
    draft.series("SctySrs", ["EQ", "BE", "GB"])
    draft.prices(["OpnPric", "HghPric", "LwPric", "ClsPric"], OHLC)
    draft.random_numbers("LastPric", 2)
    draft.random_numbers("PrvsClsgPric", 2)
    draft.price("TtlTradgVol", "volume")
    draft.random_numbers("TtlNbOfTxsExctd", 0)
    draft.fixed |= {"order", "titles"}
    return draft


@kind()
def nse_history(rng):
    draft = many(rng, numbers=rng.choice(["plain", "groups"]), decimals=2, missing="-")
    draft.symbol("Symbol")
    draft.series("Series", ["EQ", "BE"])
    draft.date("Date", "d-Mon-y")
    draft.random_numbers("Prev Close", 2)
    draft.prices(["Open Price", "High Price", "Low Price"], "open high low")
    draft.random_numbers("Last Price", 2)
    draft.price("Close Price", "close")
    draft.random_numbers("Average Price", 2)
    draft.price("Total Traded Quantity", "volume")
    draft.random_numbers("Turnover in Lacs", 2, 10**6)
    draft.random_numbers("% Dly Qt to Traded Qty", 2, 100)
    draft.fixed.add("titles")
    return draft


@kind()
def kaggle_nyse(rng):
    draft = many(rng)
    draft.date("date", rng.choice(["mdy bare", "iso"]))
    draft.symbol("symbol")
    draft.prices(["open", "close", "low", "high", "volume"], "open close low high volume")
    return draft


@kind()
def kaggle_name(rng):
    """The symbol in a column `Name` at the end."""
    draft = many(rng)
    draft.date("date", "iso")
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.symbol("Name")
    return draft


@kind()
def nasdaq_2019(rng):
    draft = one(rng, order="new", decimals=4)
    draft.date("date", rng.choice(["ymd/", "mdy bare"]))
    draft.prices(["close", "volume", "open", "high", "low"], "close volume open high low")
    return draft


@kind()
def tushare(rng):
    draft = many(rng, order="new", pool=["000001.SZ", "600519.SH", "300750.SZ"], count=rng.choice([1, 1, 3]))
    draft.number("", [str(at) for at in range(len(draft.lines))])
    draft.symbol("ts_code")
    draft.date("trade_date", "compact")
    draft.prices(["open", "high", "low", "close"], OHLC)
    draft.random_numbers("pre_close", 2)
    draft.random_numbers("change", 2)
    draft.random_numbers("pct_chg", 4)
    draft.price("vol", "volume")
    draft.random_numbers("amount", 3, 10**8)
    return draft


@kind()
def quandl(rng):
    draft = one(rng, order="new", numbers="float")
    draft.date(rng.choice(["Date", ""]), "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.random_numbers("Ex-Dividend", 1)
    draft.random_numbers("Split Ratio", 1)
    for title in ["Adj. Open", "Adj. High", "Adj. Low"]:
        draft.random_numbers(title, 2)
    draft.price("Adj. Close", "adj_close")
    draft.random_numbers("Adj. Volume", 1)
    return draft


@kind()
def vega(rng):
    draft = many(rng, rng.choice(["day", "month"]), order="old")
    draft.symbol("symbol")
    draft.date("date", "Mon d y")
    draft.price("price", "close")
    return draft


@kind()
def crypto_data_download(rng):
    draft = many(rng, numbers="plain", pool=truth.PAIRS[:2], count=1, order="new", first=2014, weekends=True)
    base, quote = draft.truth.symbols[0].split("/")
    draft.preamble = ["https://www.CryptoDataDownload.com"]
    draft.number("unix", [str(dates.micros_of_epoch(row) // 1000) for row in draft.rows()])
    for row in draft.rows():
        row.micros = 0
    draft.date_time("date", "iso", clock=dates.CLOCKS["HH:MM:SS"][1])
    draft.symbol("symbol")
    draft.prices(["open", "high", "low", "close"], OHLC)
    draft.price("Volume " + base, "volume")
    draft.random_numbers("Volume " + quote, 8, 10**9)
    draft.random_numbers("tradecount", 0)
    draft.fixed |= {"titles"}
    return draft


@kind()
def tradingview(rng):
    draft = one(rng)
    is_daily = rng.random() < 0.6
    draft.date("time", "iso") if is_daily else draft.epoch("time", "epoch-s") if _fits_epoch(draft) else draft.date(
        "time", "iso")
    draft.prices(["open", "high", "low", "close"], OHLC)
    for title in ["Plot", "Plot", "Plot", "MA 20", "Ａ１"][: rng.randint(1, 5)]:
        draft.random_numbers(title, rng.choice([2, 12]))
    draft.price("Volume", "volume")
    return draft


def _fits_epoch(draft):
    return min(row.day.year for row in draft.rows()) > 1974


@kind()
def fx_trailing_comma(rng):
    draft = one(rng, decimals=5, base=1.4, order="new", pool=["EURCAD", "EURUSD", "GBPUSD"])
    for row in draft.rows():
        row.micros = 0
    draft.date_time("Date", "mdy", clock=dates.CLOCKS["HH:MM"][1])
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.random_numbers("Change(Pips)", 1)
    draft.random_numbers("Change(%)", 2)
    draft.ends_with_delimiter = rng.choice(["rows", True])
    draft.fixed.add("order")
    return draft


@kind()
def fred(rng):
    name = rng.choice(["DGS10", "SP500", "DEXUSEU", "VIXCLS", "NASDAQCOM"])
    draft = Draft(rng, truth.make(rng, rng.choice(["day", "month"]), [name], order="old"), "trimmed",
                  rng.choice([".", ""]))
    draft.date(rng.choice(["observation_date", "DATE"]), "iso")
    draft.price(name, "close")
    draft.file_name = rng.choice([name + ".csv", name + " (1).csv", "fredgraph.csv"])
    draft.fixed |= {"titles", "extra"}
    return draft


@kind()
def weekly_or_monthly(rng):
    draft = one(rng, rng.choice(["week", "month"]), order=rng.choice(["old", "new"]))
    draft.date("Date", rng.choice(["iso", "mdy", "d-Mon-y"]))
    draft.prices(["Open", "High", "Low", "Close", "Adj Close", "Volume"], OHLC + " adj_close volume")
    return draft


@kind()
def polygon_daily(rng):
    draft = many(rng, first=2004, count=rng.choice([1, 3]))
    draft.symbol("ticker")
    draft.prices(["volume", "open", "close", "high", "low"], "volume open close high low")
    draft.epoch("window_start", rng.choice(["epoch-ns", "epoch-ms"]))
    draft.random_numbers("transactions", 0)
    return draft


@kind()
def excel_serial(rng):
    """Dates as Excel counts them: no option reads them, so refusing is right."""
    draft = one(rng)
    cells = [str((row.day.toordinal() - 693594)) for row in draft.rows()]
    draft.answers["--date-format"] = "%Y-%m-%d"
    draft.add("Date", cells, "date")
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.answers.clear()
    draft.is_unknown = True
    return draft


@kind()
def excel_spaces(rng):
    """An export with a report's title above the header."""
    draft = many(rng, numbers=rng.choice(AMERICAN), decimals=2)
    draft.preamble = rng.choice([
        ["Daily prices", ""], ["# exported by tool 1.2", "# all prices in USD"], ["Report;2024", "", ""],
        ["Symbol list: all", "Currency: USD", ""],
    ])
    draft.date("Date", rng.choice(["mdy bare", "d-Mon-yy", "iso"]) if not _before_two_digits(draft, "d-Mon-yy")
               else "iso")
    draft.symbol("Ticker")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


# Names that programs give to files of one symbol, where the name does not say which part of it is the symbol.
UNCLEAR = ["{}_D1", "{}_H1", "{}_M15", "{}1440", "{}60", "{}_D", "{}240", "{}_DAILY", "{}_Daily", "DAT_ASCII_{}_M1_2012",
           "NASDAQ_{}, 1D", "{}_Candlestick_1_M_BID_01.01.2024", "{}-trades-2024-01", "daily_{}", "{}_prices"]


@kind()
def unclear_names(rng):
    """The symbol and the length of the bars, or more, in the file's name."""
    draft = yahoo_download(rng)
    name = rng.choice(UNCLEAR).format(draft.truth.symbols[0].replace("/", ""))
    draft.file_name = name + ".csv"
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft
