"""Files of more brokers, exchanges and data vendors."""

import dates
import truth
from kinds import kind, name_without_symbol
from kinds_bare import bare
from kinds_daily import OHLC, many, one
from kinds_frames import Wide, iso
from kinds_intraday import STEPS


@kind()
def interactive_brokers(rng):
    """Two blanks between date and time."""
    draft = one(rng, rng.choice(STEPS), first=2004)
    draft.number("", [str(at) for at in range(len(draft.lines))])
    draft.date_time("date", "compact", joint="  ")
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.random_numbers("average", 3)
    draft.random_numbers("barCount", 0)
    return draft


@kind()
def alpaca(rng):
    draft = many(rng, rng.choice(["day", 60, 3600]), first=2015, count=rng.choice([1, 3]))
    draft.symbol("symbol")
    is_daily = draft.truth.bar == "1d"
    if is_daily:
        # Midnight in New York.
        for row in draft.rows():
            row.micros = 5 * 3_600_000_000
    draft.date_time("timestamp", "iso", offset=0)
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.random_numbers("trade_count", 1)
    draft.random_numbers("vwap", 6)
    return draft


@kind()
def polygon_letters(rng):
    draft = one(rng, rng.choice(STEPS), first=2004)
    draft.prices(["v", "vw", "o", "c", "h", "l"], "volume bid open close high low")
    extra = draft.columns[1]
    draft.columns.remove(extra)
    draft.random_numbers("vw", 4)
    draft.epoch("t", "epoch-ms")
    draft.random_numbers("n", 0)
    return draft


@kind()
def first_rate(rng):
    draft = one(rng, 60, first=2004, order="old", holes=False)
    draft.date_time("timestamp", "iso", names=["HH:MM:SS"])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    if rng.random() < 0.5:
        return bare(draft, 30)
    return draft


@kind()
def kibot(rng):
    draft = one(rng, rng.choice([60, 300]), first=2000, order="old", holes=False)
    draft.date("date", "mdy")
    draft.time("time", ["HH:MM"])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    return bare(draft, 30)


@kind()
def sierra_chart(rng):
    draft = one(rng, rng.choice(STEPS), first=2000)
    draft.date("Date", rng.choice(["ymd bare", "iso"]))
    draft.time(" Time", ["HH:MM:SS", "HH:MM:SS.ffffff"])
    draft.prices([" Open", " High", " Low", " Last", " Volume"], OHLC + " volume")
    for title in [" # of Trades", " OHLC Avg", " Bid Volume", " Ask Volume"]:
        draft.random_numbers(title, 0)
    draft.fixed.add("titles")
    return draft


@kind()
def tradestation(rng):
    draft = one(rng, rng.choice(STEPS), first=2000)
    draft.date("Date", "mdy")
    draft.time("Time", ["HH:MM"])
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.random_numbers("Up", 0)
    draft.random_numbers("Down", 0)
    return draft


@kind()
def gemini(rng):
    draft = many(rng, rng.choice([60, 3600]), first=2016, pool=["BTCUSD", "ETHUSD"], count=1, weekends=True,
                 order="new")
    draft.preamble = rng.choice([["https://www.CryptoDataDownload.com"], []])
    draft.number("Unix Timestamp", [str(dates.micros_of_epoch(row) // 1000) for row in draft.rows()])
    draft.date_time("Date", "iso")
    draft.symbol("Symbol")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def coin_gecko(rng):
    draft = one(rng, first=2013, weekends=True, pool=["BTC-USD", "ETH-USD"], numbers="float")
    for row in draft.rows():
        row.micros = 0
    draft.date_time("snapped_at", "iso", clock=lambda row: "00:00:00 UTC")
    for row in draft.rows():
        row.offset = 0
    draft.price("price", "close")
    draft.random_numbers("market_cap", 6, 10**9)
    draft.price("total_volume", "volume")
    return draft


@kind()
def coin_market_cap(rng):
    draft = many(rng, first=2013, weekends=True, pool=["Bitcoin", "Ethereum", "Cardano"], count=1, order="new")
    draft.delimiter = ";"
    clock = lambda time: [f"{row.day.isoformat()}T{time}Z" for row in draft.rows()]
    for row in draft.rows():
        row.micros, row.offset = 0, 0
    draft.text("timeHigh", clock("14:12:00.000"))
    draft.text("timeLow", clock("03:17:00.000"))
    draft.symbol("name")
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.random_numbers("marketCap", 6, 10**9)
    for row in draft.rows():
        row.micros = 86_399_999_000
    draft.date_time("timestamp", "iso", joint="T", clock=dates.CLOCKS["HH:MM:SS.fff"][1], offset=0, form="Z")
    draft.fixed |= {"titles", "delimiter"}
    return draft


@kind()
def bse_india(rng):
    draft = one(rng, numbers=rng.choice(["plain", "groups", "rupee"]), decimals=2, order="new", first=1992)
    draft.date("Date", "d Month y")
    column = draft.columns[0]
    column.cells = [cell.replace(" ", "-") for cell in column.cells]
    draft.prices(["Open Price", "High Price", "Low Price", "Close Price"], OHLC)
    draft.random_numbers("WAP", 4)
    draft.price("No.of Shares", "volume")
    draft.random_numbers("No. of Trades", 0)
    draft.random_numbers("Total Turnover (Rs.)", 2, 10**8)
    draft.random_numbers("Spread High-Low", 2)
    draft.ends_with_delimiter = rng.choice([True, "rows", False])
    draft.fixed |= {"titles", "order"}
    return draft


@kind()
def euronext(rng):
    draft = one(rng, first=1999, decimals=rng.choice([2, 3, 4]), numbers=rng.choice(["plain", "comma"]), order="new")
    draft.delimiter = ";"
    draft.preamble = ['"Historical Data"', '"From 2022-01-03 to 2024-01-02"', "NL0010273215"]
    draft.date("Date", "dmy")
    draft.prices(["Open", "High", "Low"], "open high low")
    draft.random_numbers("Last", 2)
    draft.price("Close", "close")
    draft.price("Number of Shares", "volume")
    draft.random_numbers("Number of Trades", 0)
    draft.random_numbers("Turnover", 2, 10**8)
    draft.random_numbers("vwap", 4)
    draft.fixed |= {"titles", "delimiter"}
    return draft


@kind()
def nasdaq_nordic(rng):
    draft = one(rng, first=1990, decimals=2, numbers=rng.choice(["comma", "comma blanks", "plain"]), order="new")
    draft.delimiter = ";"
    draft.preamble = ["sep=;"]
    draft.date("Date", "iso")
    draft.prices(["Bid", "Ask", "Opening price", "High price", "Low price", "Closing price"],
                 "bid ask open high low close")
    draft.random_numbers("Average price", 2)
    draft.price("Total volume", "volume")
    draft.random_numbers("Turnover", 2, 10**8)
    draft.random_numbers("Trades", 0)
    draft.ends_with_delimiter = rng.choice([True, False])
    draft.fixed |= {"titles", "delimiter", "order"}
    return draft


@kind()
def separator_line(rng):
    """A first line for Excel, which names the delimiter."""
    draft = many(rng, numbers=rng.choice(["comma", "plain"]))
    draft.delimiter = rng.choice([";", ",", "\t"])
    draft.preamble = [f"sep={draft.delimiter}"]
    draft.symbol("Symbol")
    draft.date("Date", rng.choice(["dmy.", "iso", "mdy"]))
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.fixed.add("delimiter")
    return draft


@kind()
def ecb_rates(rng):
    """A table of exchange rates with a comma at the end of each line."""
    wide = Wide(rng, rng.sample(["USD", "JPY", "BGN", "CZK", "DKK", "GBP", "HUF"], rng.randint(2, 6)),
                numbers="plain", decimals=4, missing="N/A", first=1999)
    wide.dated("Date", iso)
    for symbol in wide.draft.truth.symbols:
        wide.column(symbol, symbol, "close")
    wide.draft.ends_with_delimiter = True
    wide.draft.is_unknown = True
    wide.draft.file_name = "eurofxref-hist.csv"
    return wide.draft


@kind()
def cboe(rng):
    draft = one(rng, pool=["VIX", "VIX9D", "SKEW"], decimals=6, first=1990)
    draft.date("DATE", "mdy")
    draft.prices(["OPEN", "HIGH", "LOW", "CLOSE"], OHLC)
    draft.file_name = rng.choice(["{}_History.csv", "{}.csv"]).format(draft.truth.symbols[0])
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft


@kind()
def macrotrends(rng):
    draft = one(rng, decimals=4)
    draft.preamble = ["Macrotrends Data Download", "", "AAPL - Historical Price and Volume Data",
                      "Historical prices are adjusted for splits", "", "",
                      "Disclaimer and Terms of Use: data is provided as is, for information only", "", ""]
    draft.date("date", "iso")
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.file_name = f"MacroTrends_Data_Download_{draft.truth.symbols[0].replace('/', '')}.csv"
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft


@kind()
def finam(rng):
    """Finam (Moscow): semicolons or commas, dates of six or eight digits or dd/mm/yy."""
    step = rng.choice(["day", 60, 3600])
    draft = many(rng, step, first=2000, pool=["SBER", "GAZP", "LKOH"], count=1, order="old")
    draft.delimiter = rng.choice([";", ","])
    draft.symbol("<TICKER>")
    draft.text("<PER>", [{"1d": "D", "1m": "1", "1h": "60"}[draft.truth.bar]] * len(draft.lines))
    if draft.truth.bar != "1d":
        from decimal import Decimal
        per = draft.columns[-1]
        per.values, per.is_text = [Decimal(cell) for cell in per.cells], False
    draft.date("<DATE>", rng.choice(["compact", "dmy two", "dmy"]))
    if draft.truth.bar == "1d":
        for row in draft.rows():
            row.micros = 0
    draft.time("<TIME>", ["HHMMSS"] if rng.random() < 0.5 else ["HH:MM:SS", "HH:MM"])
    draft.prices(["<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"], OHLC + " volume")
    draft.fixed |= {"titles", "delimiter"}
    return draft


@kind()
def crsp(rng):
    """CRSP data from WRDS, with the price titled CLOSE instead of PRC; PERMNO is not the symbol."""
    draft = many(rng, first=1970, count=rng.choice([1, 3]), order="old")
    draft.number("PERMNO", [str(10_000 + draft.truth.symbols.index(row.symbol)) for row in draft.rows()])
    draft.date("date", rng.choice(["compact", "iso", "ymd/"]))
    draft.symbol("TICKER")
    draft.random_numbers("PRC", 4)
    draft.price("VOL", "volume")
    draft.random_numbers("RET", 6, 1)
    draft.price("OPENPRC", "open")
    open_column = draft.columns[-1]
    open_column.role, open_column.values = None, None
    draft.columns.remove(open_column)
    draft.random_numbers("SHROUT", 0, 10**6)
    # The producer does not recognise the title PRC as the close.
    draft.columns[3].title = "CLOSE"
    draft.columns[3].role, draft.columns[3].values = "close", None
    for row, cell in zip(draft.rows(), draft.columns[3].cells):
        row.values["close"] = cell
    return draft


@kind()
def asx_bare(rng):
    draft = many(rng, order="dates", count=rng.choice([3, 10]), holes=False, first=1990)
    draft.symbol("symbol")
    draft.date("date", rng.choice(["compact", "dmy two"]))
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    return bare(draft)


@kind()
def refinitiv_ticks(rng):
    """A header that begins with a number sign, and nanoseconds."""
    draft = many(rng, "tick", first=2000, pool=["AAPL.O", "VOD.L", "ESc1", "EUR="], count=rng.choice([1, 2]))
    draft.symbol("#RIC")
    draft.date_time("Date-Time", "iso", joint="T", clock=dates.CLOCKS["HH:MM:SS.ns"][1], offset=0, form="Z")
    draft.number("GMT Offset", ["-5"] * len(draft.lines))
    draft.text("Type", ["Trade"] * len(draft.lines))
    draft.prices(["Price", "Volume"], "close volume")
    draft.fixed |= {"titles", "order"}
    return draft
