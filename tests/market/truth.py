"""The content of a file before it is written: symbols, and rows of prices as exact decimals."""

import datetime
import math

PLAIN = "A AA AAPL ABBV BAC F GE GOOG IBM JNJ KO MSFT NFLX NVDA PEP QQQ SPY T TSLA XOM ZM SAP ADS BMW".split()
ODD = [
    *"BRK-B BRK.B BF-B ^GSPC ^N225 0700.HK 9988.HK 005930.KS 7203.T 000001.SZ 600519.SS EURUSD=X GC=F ES=F".split(),
    *"BTC-USD ETH-USD BTCUSDT 20MICRONS 3MINDIA M&M RDSA.AS VOD.L AAPL.US ESZ4 6EH4 NESN.SW".split(),
]
# Tickers that are also words in headers, or words that programs read as a missing value.
WORDS = "OPEN LOW C V L O H DAY MAX MIN VOL TRUE NA NAN ALL ON KEY NAME DATE LAST TIME".split()
PAIRS = "BTC/USDT ETH/USDT EUR/USD USD/JPY GBP/USD XAU/USD SOL/BTC".split()
NAMES = ["Apple Inc.", "S&P 500", "Reliance Industries", "Deutsche Bank, AG"]

OPEN, HIGH, LOW, CLOSE, ADJ, VOLUME, BID, ASK = "open high low close adj_close volume bid ask".split()
DAY = 86_400_000_000


class Row:
    """One row of prices. Prices and volume are decimal texts, or None where the file has no value."""

    __slots__ = ("symbol", "day", "micros", "offset", "values", "series")

    def __init__(self, symbol, day, micros, values):
        self.symbol, self.day, self.micros, self.values = symbol, day, micros, values
        self.offset = self.series = None


class Truth:
    """The rows of a file in file order, and the length of their bars."""

    def __init__(self, rows, bar, symbols):
        self.rows, self.bar, self.symbols = rows, bar, symbols


def decimal_text(units, decimals):
    """Writes a whole number of units of the last digit, such as (12345, 2) as 123.45."""
    if decimals == 0:
        return str(units)
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def pick_symbols(rng, count, pool=None):
    """Draws distinct symbols, including unusual ones and consecutive codes."""
    if pool is None and count > 2 and rng.random() < 0.1:
        first, width = rng.randrange(1, 9000), rng.choice([1, 4, 6])
        return [str(first + at).zfill(width) for at in range(count)]
    pool = list(pool) if pool else PLAIN + ODD + (WORDS if rng.random() < 0.15 else [])
    symbols = rng.sample(pool, min(count, len(pool)))
    while len(symbols) < count:
        symbols.append("".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=rng.randint(3, 5))))
        symbols = list(dict.fromkeys(symbols))
    return symbols


def length(rng, least=1, most=None):
    """Draws a number of rows. Most files are short, and few have thousands of rows."""
    most = most or rng.choice([300] * 9 + [3000])
    return int(round(math.exp(rng.uniform(math.log(least), math.log(most)))))


def days(rng, count, first=1962, last=2024, step="day", weekends=False):
    """Returns consecutive trading days, weeks or months, which end by the year `last` if there is room for them."""
    end = datetime.date(last, 12, 28)
    back = {"day": 1.5, "week": 7.1, "month": 31}[step] * count + 40
    earliest = max(datetime.date(first, 1, 1), datetime.date(1900, 1, 1))
    latest = end - datetime.timedelta(int(back))
    start = earliest + datetime.timedelta(rng.randrange(max((latest - earliest).days, 1)))
    found, day = [], start.replace(day=1) if step == "month" else start
    while len(found) < count:
        if step == "day" and (weekends or day.weekday() < 5) and (count < 5 or rng.random() > 0.03):
            found.append(day)
        elif step != "day":
            found.append(day)
        if step == "month":
            day = (day + datetime.timedelta(31)).replace(day=1)
        else:
            day += datetime.timedelta(7 if step == "week" else 1)
    return found


def moments(rng, shape, count, **limits):
    """Returns (day, microseconds of the day or None) of one symbol's rows, in chronological order."""
    if shape in ("day", "week", "month"):
        return [(day, None) for day in days(rng, count, step=shape, **limits)]
    if shape == "tick":
        unit = rng.choice([1, 1_000, 1_000_000])
        day, micros = days(rng, 1, **limits)[0], 9 * 3_600_000_000
        found = []
        for _ in range(count):
            micros += rng.choice([0, 1, 3, 40, 700]) * unit + rng.randrange(1, 1000) * unit
            if micros >= DAY:
                day, micros = day + datetime.timedelta(1), micros % DAY
            found.append((day, micros // unit * unit))
        return found
    step, quiet = shape * 1_000_000, rng.choice([0, 0, 0.1, 0.3])
    start = rng.choice([0, 34_200, 32_400]) * 1_000_000 // step * step
    per_day = max(1, min((DAY - start) // step, rng.choice([7, 60, 400])))
    found = []
    for day in days(rng, count // per_day * 2 + 3 if quiet else count // per_day + 2, **limits):
        for at in range(per_day):
            if len(found) == count:
                return found
            if len(found) < 4 or rng.random() >= quiet:
                found.append((day, start + at * step))
    return found[:count]


class Walk:
    """A random walk of prices with a fixed number of decimals."""

    def __init__(self, rng, decimals=None, base=None):
        self.rng = rng
        self.decimals = rng.choice([0, 1, 2, 2, 2, 3, 4, 5, 6, 8]) if decimals is None else decimals
        base = 10 ** rng.uniform(0, 4.5) if base is None else base
        self.at = max(int(base * 10**self.decimals), 50)
        self.volumes = rng.choice([100, 10_000, 10_000_000, 3_000_000_000])
        self.volume_decimals = rng.choice([0, 0, 0, 0, 2, 8])

    def move(self, spread):
        return int(self.at * spread * self.rng.uniform(-1, 1))

    def bar(self):
        rng = self.rng
        first = max(self.at + self.move(0.001), 5)
        last = self.at = max(first + self.move(0.03), 5)
        high = max(first, last) + abs(self.move(0.01))
        low = max(min(first, last) - abs(self.move(0.01)), 1)
        adjusted = max(last * rng.randrange(80, 101) // 100, 1)
        text = lambda units: decimal_text(units, self.decimals)
        volume = decimal_text(rng.randrange(self.volumes * 10**self.volume_decimals), self.volume_decimals)
        spread = max(last // 5000, 1)
        return {
            OPEN: text(first), HIGH: text(high), LOW: text(low), CLOSE: text(last), ADJ: text(adjusted),
            VOLUME: volume, BID: text(last), ASK: text(last + spread),
        }


BARS = {"day": "1d", "week": "1w", "month": "1mo", "tick": "tick", 1: "1s", 60: "1m", 300: "5m", 900: "15m",
        1800: "30m", 3600: "1h", 14400: "4h"}


def make(rng, shape="day", symbols=None, rows=None, decimals=None, base=None, order=None, holes=True, **limits):
    """Generates the rows of a file. `order` is the order of the rows; None draws a common one."""
    symbols = symbols or pick_symbols(rng, 1)
    least = 1 if shape == "day" else 4
    total = max(rows or length(rng, least), least * len(symbols))
    per_symbol = min(max(total // len(symbols), least), {"month": 500, "week": 2000}.get(shape, total))
    when = moments(rng, shape, per_symbol, **limits)
    found = []
    for symbol in symbols:
        walk = Walk(rng, decimals, base)
        for day, micros in when:
            found.append(Row(symbol, day, micros, walk.bar()))
    order = order or rng.choice(["old", "old", "old", "new", "new", "shuffled", "dates"])
    key = lambda row: (row.day, row.micros or 0)
    if order == "new":
        found.sort(key=key, reverse=True)
        found.sort(key=lambda row: symbols.index(row.symbol))
    elif order == "shuffled":
        rng.shuffle(found)
    elif order == "dates":
        found.sort(key=key)
    elif order == "newest":
        found.sort(key=key, reverse=True)
    if holes:
        make_holes(rng, found, shape)
    return Truth(found, BARS[shape], symbols)


def make_holes(rng, rows, shape):
    """Removes some values and repeats some instants."""
    if len(rows) > 4 and rng.random() < 0.25:
        role = rng.choice([VOLUME, ADJ, VOLUME, OPEN])
        for row in rng.sample(rows[2:], max(len(rows) // rng.choice([5, 20, 100]), 1)):
            row.values[role] = None
    if len(rows) > 6 and rng.random() < 0.08:
        row = rng.choice(rows[2:])
        row.values = dict.fromkeys(row.values)
    if len(rows) > 20 and rng.random() < 0.15:
        for _ in range(rng.choice([1, 1, 3])):
            at = rng.randrange(4, len(rows))
            row = rows[at]
            again = Row(row.symbol, row.day, row.micros, dict(rows[0].values))
            rows.insert(rng.choice([at + 1, len(rows)]), again)
