"""Files of bars shorter than a day, of trades and of quotes, with a header."""

import dates
import truth
from draft import Draft
from kinds import kind, name_after_symbol
from kinds_daily import OHLC, many, one

STEPS = [60, 60, 300, 900, 3600, 14400]


@kind()
def two_columns(rng):
    """Date and time in two columns."""
    draft = one(rng, rng.choice(STEPS))
    draft.date("Date", rng.choice(["iso", "iso", "ymd.", "mdy", "compact", "dmy."]))
    draft.time("Time", ["HH:MM:SS", "HH:MM", "H:MM", "HHMMSS", "H:MM:SS PM"])
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.number(rng.choice(["OpenInterest", "OpenInt"]), ["0"] * len(draft.lines))
    return draft


@kind()
def futures_tick(rng):
    draft = one(rng, "tick", decimals=2)
    draft.date_time("Datetime", "iso", clock=dates.CLOCKS["HH:MM:SS.ffffff"][1], joint="T")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.number("OpenInterest", ["0"] * len(draft.lines))
    # Trades written as bars: only their irregular times distinguish them from bars.
    draft.fixed.add("bar")
    return draft


@kind()
def fxcm(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURUSD", "GBPUSD", "USDJPY"])
    draft.date_time("timestamp", "iso", offset=0)
    draft.prices(["open", "high", "low", "close"], OHLC)
    return draft


@kind()
def symbol_ticks(rng):
    """timestamp,symbol,price every few seconds, as a live feed writes them."""
    draft = many(rng, "tick", order="dates", count=rng.choice([1, 3, 10]))
    draft.date_time("timestamp", "iso", joint="T", offset=rng.choice([None, 0, -18000]),
                    names=["HH:MM:SS.ffffff"])
    draft.symbol("symbol")
    draft.price("price", "close")
    if rng.random() < 0.5:
        draft.price(rng.choice(["size", "volume", "qty"]), "volume")
    return draft


@kind()
def metatrader4(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURGBP", "EURUSD", "XAUUSD"])
    draft.date("Date", "ymd.")
    draft.time("Time", ["HH:MM"])
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def metatrader5(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURGBP", "EURUSD", "XAUUSD"])
    draft.delimiter = "\t"
    draft.date("<DATE>", "ymd.")
    draft.time("<TIME>", ["HH:MM:SS"])
    draft.prices(["<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"], OHLC)
    draft.random_numbers("<TICKVOL>", 0)
    draft.price("<VOL>", "volume")
    draft.number("<SPREAD>", [str(rng.randrange(30)) for _ in draft.lines])
    draft.file_name = rng.choice(["{}_M1_202401020000_202403010000.csv", "{}.csv", "{}_H1.csv"]).format(
        draft.truth.symbols[0])
    draft.may_ask |= {"--symbol", "--symbol-column"}
    draft.fixed |= {"titles", "delimiter"}
    return draft


@kind()
def metatrader5_time(rng):
    draft = one(rng, "day", decimals=5, pool=["EURCAD", "EURUSD"])
    draft.delimiter = "\t"
    for row in draft.rows():
        row.micros = 0
    draft.date_time("Time", "iso", clock=dates.CLOCKS["HH:MM:SS"][1])
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def excel_minutes(rng):
    draft = one(rng, rng.choice([60, 300]), decimals=2)
    draft.date_time("Date", "mdy bare", names=["H:MM", "HH:MM"])
    draft.prices(["Open", "Close", "High", "Low", "Volume"], "open close high low volume")
    return draft


@kind()
def ninjatrader(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5)
    for row in draft.rows():
        row.offset = 0
    draft.delimiter = ";"
    style = dates.STYLES["iso"]
    clock = dates.clock_for(rng, draft.truth, ["HH:MM:SS"])
    draft.answers["--date-format"] = style.option
    draft._dated(rng.choice(["timestamp_utc", "datetime_utc"]), [style.write(row) + " " + clock(row) for row in draft.rows()])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.text("pricetype", ["Last"] * len(draft.lines))
    return draft


@kind()
def eodhd_intraday(rng):
    """Timestamp, Gmtoffset and Datetime side by side; Datetime is in GMT, but its title does not say so."""
    draft = one(rng, rng.choice([60, 300, 3600]), first=2004)
    draft.number("Timestamp", [str(dates.micros_of_epoch(row) // 1_000_000) for row in draft.rows()])
    draft.number("Gmtoffset", ["0"] * len(draft.lines))
    draft.date_time("Datetime", "iso")
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    return draft


@kind()
def dukascopy(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURUSD", "GBPUSD", "USDJPY"])
    local = rng.random() < 0.4
    title = "Local time" if local else "Gmt time"
    draft.date_time(title, "dmy.", clock=dates.CLOCKS["HH:MM:SS.fff"][1], offset=3600 if local else None,
                    form=" GMT{sign}{h:02}{m:02}")
    if not local:
        for row in draft.rows():
            row.offset = 0
    draft.prices(["Open", "High", "Low", "Close", "Volume"], OHLC + " volume")
    draft.file_name = rng.choice([draft.truth.symbols[0] + ".csv", "EURUSD_Candlestick_1_M_BID_01.01.2024.csv"])
    draft.may_ask |= {"--symbol", "--symbol-column"}
    return draft


@kind()
def oanda(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURUSD", "GBPUSD"], first=2002)
    draft.date_time("time", "iso", joint="T", clock=lambda row: dates.CLOCKS["HH:MM:SS"][1](row) + ".000000000",
                    offset=0, form="Z")
    draft.prices(["o", "h", "l", "c", "volume"], OHLC + " volume")
    draft.text("complete", ["True"] * len(draft.lines))
    return draft


@kind()
def coinbase(rng):
    draft = one(rng, rng.choice([60, 300, 900, 3600]), first=2014, pool=["BTC-USD", "ETH-USD"], weekends=True)
    draft.epoch("time", "epoch-s")
    draft.prices(["low", "high", "open", "close", "volume"], "low high open close volume")
    return draft


@kind()
def ccxt(rng):
    draft = one(rng, rng.choice(STEPS), first=2014, pool=["BTCUSDT", "ETHUSDT"], weekends=True)
    draft.epoch("timestamp", rng.choice(["epoch-ms", "epoch-s", "epoch-us", "epoch-ns", "epoch-s.0"]))
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    return draft


@kind()
def binance_header(rng):
    draft = one(rng, rng.choice(STEPS), first=2018, pool=["BTCUSDT", "ETHUSDT"], decimals=8, weekends=True)
    draft.epoch("open_time", rng.choice(["epoch-ms", "epoch-us"]))
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.number("close_time", [str(int(cell) + 59_999) for cell in draft.columns[0].cells])
    draft.random_numbers("quote_volume", 8, 10**6)
    draft.random_numbers("count", 0)
    draft.random_numbers("taker_buy_volume", 8)
    draft.number("ignore", ["0"] * len(draft.lines))
    return draft


@kind()
def truefx_header(rng):
    draft = one(rng, "tick", decimals=rng.choice([3, 5]), base=1.1, pool=["EURUSD", "USDJPY"])
    draft.date_time("timestamp", "iso", clock=dates.CLOCKS["HH:MM:SS.ffffff"][1], offset=0)
    draft.prices(["bid", "ask"], "bid ask")
    return draft


@kind()
def dukascopy_ticks(rng):
    draft = one(rng, "tick", decimals=5, base=1.1, pool=["EURUSD", "GBPUSD"])
    for row in draft.rows():
        row.micros = row.micros // 1000 * 1000
    draft.date_time("Gmt time", "dmy.", clock=dates.CLOCKS["HH:MM:SS.fff"][1])
    for row in draft.rows():
        row.offset = 0
    draft.prices(["Ask", "Bid"], "ask bid")
    draft.random_numbers("AskVolume", 2)
    draft.random_numbers("BidVolume", 2)
    return draft


@kind()
def yfinance_minutes(rng):
    draft = one(rng, rng.choice([60, 300, 900, 3600]), first=2015)
    draft.date_time("Datetime", "iso", offset=rng.choice([-18000, -14400, 19800]))
    draft.prices(["Open", "High", "Low", "Close", "Adj Close", "Volume"], OHLC + " adj_close volume")
    return draft


@kind()
def symbols_minutes(rng):
    """Minute bars of several symbols, by time or by symbol."""
    draft = many(rng, rng.choice(STEPS), order=rng.choice(["old", "dates", "newest"]), count=rng.choice([2, 3, 8]))
    draft.symbol(rng.choice(["symbol", "ticker", "Stock", "instrument", "pair"]))
    draft.date_time(rng.choice(["datetime", "Date", "timestamp", "ts", "time"]),
                    rng.choice(["iso", "ymd/", "mdy", "compact"]),
                    joint=" ", names=["HH:MM:SS", "HH:MM"])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    return draft


@kind()
def stooq_minutes(rng):
    step = rng.choice([300, 3600])
    draft = many(rng, step, order="old", pool=["AAPL.US", "MSFT.US", "EURUSD"])
    draft.symbol("<TICKER>")
    draft.number("<PER>", [str(step // 60)] * len(draft.lines))
    draft.date("<DATE>", "compact")
    draft.time("<TIME>", ["HHMMSS"])
    draft.prices(["<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"], OHLC + " volume")
    draft.number("<OPENINT>", ["0"] * len(draft.lines))
    draft.fixed.add("titles")
    return draft


@kind()
def kraken_trades(rng):
    """Trades with epoch seconds and a fraction, and a header."""
    draft = one(rng, "tick", first=2014, pool=["XBTUSD", "ETHUSD"])
    for row in draft.rows():
        row.offset = 0
    cells = [f"{dates.micros_of_epoch(row) // 1_000_000}.{row.micros % 1_000_000:06}" for row in draft.rows()]
    draft.answers["--date-format"] = "epoch-s"
    draft._dated("time", cells)
    draft.prices(["price", "volume"], "close volume")
    return draft


@kind()
def tardis_trades(rng):
    draft = many(rng, "tick", first=2019, pool=["BTCUSDT", "ETHUSDT", "XBTUSD"], count=1)
    draft.text("exchange", ["binance"] * len(draft.lines))
    draft.symbol("symbol")
    draft.epoch("timestamp", "epoch-us")
    draft.number("local_timestamp", [str(int(cell) + 1234) for cell in draft.columns[-1].cells])
    draft.text("side", [rng.choice(["buy", "sell"]) for _ in draft.lines])
    draft.price("price", "close")
    # In other files, `amount` is an amount of money, so it is not read as the volume.
    draft.random_numbers("amount", 3)
    return draft
