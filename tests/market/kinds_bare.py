"""Files without a header."""

import dates
from kinds import kind
from kinds_daily import OHLC, many, one
from kinds_intraday import STEPS


def bare(draft, most=0):
    """Removes the header. The producer may ask for the columns if `most` is 0 or there are fewer rows than that."""
    draft.header = None
    draft.fixed |= {"order", "titles", "extra"}
    if not most or len(draft.lines) < most:
        draft.may_ask.add("--columns")
    return draft


@kind(2)
def binance_klines(rng):
    draft = one(rng, rng.choice(STEPS), first=2018, pool=["BTCUSDT", "ETHUSDT", "ADABTC"], decimals=8, weekends=True,
                order=rng.choice(["old", "old", "new"]), holes=False)
    unit = rng.choice(["epoch-ms", "epoch-us"])
    draft.epoch("open_time", unit)
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.number("close_time", [str(int(cell) + 59_999) for cell in draft.columns[0].cells])
    draft.random_numbers("quote_volume", 8, 10**6)
    draft.random_numbers("trades", 0)
    draft.random_numbers("taker_buy_volume", 8)
    draft.random_numbers("taker_buy_quote_volume", 8)
    draft.number("ignore", ["0"] * len(draft.lines))
    draft.file_name = draft.truth.symbols[0] + rng.choice(["-1m-2024-01.csv", "-1h-2024-01-05.csv", ".csv"])
    return bare(draft, 10)


@kind()
def histdata(rng):
    draft = one(rng, 60, decimals=6, base=1.3, pool=["EURUSD", "GBPUSD"], order="old", holes=False)
    draft.date_time("date", "compact", names=["HHMMSS"])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.delimiter = ";"
    draft.fixed.add("delimiter")
    return bare(draft, 30)


@kind()
def metatrader4_bare(rng):
    draft = one(rng, rng.choice(STEPS), decimals=5, pool=["EURUSD", "EURGBP"], order="old", holes=False)
    draft.date("date", "ymd.")
    draft.time("time", ["HH:MM"])
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    return bare(draft, 30)


@kind()
def kraken_ohlcvt(rng):
    draft = one(rng, rng.choice(STEPS), first=2014, pool=["XBTUSD", "ETHUSD"], order="old", holes=False)
    draft.epoch("time", "epoch-s")
    draft.prices(["open", "high", "low", "close", "volume"], OHLC + " volume")
    draft.random_numbers("trades", 0)
    return bare(draft)


@kind()
def bare_daily(rng):
    """Daily bars without a header, with the columns in any order."""
    draft = one(rng, holes=False) if rng.random() < 0.6 else many(rng, holes=False)
    draft.date("date", rng.choice(["iso", "compact", "mdy"]))
    if draft.needs_symbol:
        draft.symbol("symbol")
    columns = rng.choice([["open", "high", "low", "close"], ["close", "open", "high", "low"],
                          ["open", "close", "high", "low"], ["low", "high", "open", "close"]])
    draft.prices(columns, " ".join(columns))
    draft.price("volume", "volume")
    return bare(draft)


@kind()
def truefx(rng):
    draft = many(rng, "tick", decimals=5, base=1.1, pool=["EUR/USD", "USD/JPY"], count=1, order="old")
    draft.symbol("symbol")
    for row in draft.rows():
        row.micros = row.micros // 1000 * 1000
    draft.date_time("date", "compact", clock=dates.CLOCKS["HH:MM:SS.fff"][1])
    draft.prices(["bid", "ask"], "bid ask")
    return bare(draft)


@kind()
def binance_trades(rng):
    draft = one(rng, "tick", first=2018, pool=["BTCUSDT", "ETHUSDT", "ADABTC"], decimals=8, weekends=True, order="old",
                holes=False)
    draft.random_numbers("id", 0, 10**8)
    draft.prices(["price", "qty"], "close volume")
    draft.random_numbers("quote_qty", 8)
    draft.epoch("time", rng.choice(["epoch-ms", "epoch-us"]))
    for title in ["is_buyer_maker", "is_best_match"]:
        draft.text(title, [rng.choice(["True", "False"]) for _ in draft.lines])
    draft.file_name = draft.truth.symbols[0] + "-trades-2024-01-05.csv"
    return bare(draft)


@kind()
def lobster(rng):
    draft = one(rng, "tick", decimals=0, base=2_238_200, rows=rng.randint(4, 300), order="old", holes=False)
    day = draft.rows()[0].day
    for row in draft.rows():
        row.day = day
    draft.rows().sort(key=lambda row: row.micros)
    draft.lines = [[row] for row in draft.rows()]
    clock = lambda row: f"{row.micros // 1_000_000}.{row.micros % 1_000_000:06}123"
    draft.add("time", [clock(row) for row in draft.rows()], "time")
    draft.number("type", [str(rng.randint(1, 7)) for _ in draft.lines])
    draft.random_numbers("order_id", 0, 10**8)
    draft.price("size", "volume")
    draft.price("price", "close")
    draft.number("direction", [rng.choice(["1", "-1"]) for _ in draft.lines])
    draft.answers["--date"] = day.isoformat()
    draft.may_ask.add("--date")
    draft.file_name = rng.choice(["{}_2012-06-21_34200000_57600000_message_5.csv", "{}.csv"]).format(
        draft.truth.symbols[0].replace("/", ""))
    draft.may_ask |= {"--symbol", "--symbol-column"}
    draft.has_time = True
    return bare(draft)
