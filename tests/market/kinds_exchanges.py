"""Daily files of exchanges, archives, vendors and data sets, with one row for each symbol and day."""

import dates
import truth
from draft import Draft
from kinds import kind
from kinds_daily import OHLC, before_two_digits, many, one
from number_styles import AMERICAN


@kind()
def stooq_web(rng):
    draft = one(rng, decimals=rng.choice([2, 4]))
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    name = draft.truth.symbols[0].replace("/", "").lower()
    draft.file_name = name + rng.choice(["_d.csv", ".csv"])
    if name.isalpha() and rng.random() < 0.5:
        # Stooq's symbols end with the country.
        for row in draft.rows():
            row.symbol = name.upper() + ".US"
        draft.truth.symbols[0] = name.upper() + ".US"
        draft.file_name = name + "_us_d.csv"
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
    """The symbol in the last column, `Name`."""
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
    """Excel serial dates: no option reads them, so an error is right."""
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
    draft.date("Date", rng.choice(["mdy bare", "d-Mon-yy", "iso"]) if not before_two_digits(draft, "d-Mon-yy")
               else "iso")
    draft.symbol("Ticker")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft
