"""Files in languages other than English, with local numbers, dates and code pages."""

import dates
import truth
from kinds import kind
from kinds_daily import OHLC, many, one
from number_styles import EUROPEAN


def local(draft, encodings):
    draft.encoding = draft.rng.choice(encodings)
    if draft.encoding == "cp1252" and draft.style.group == "\u202f":
        draft.encoding = "utf-8"
    draft.fixed |= {"titles", "encoding"}
    if draft.encoding not in ("utf-8", "utf-8-sig", "utf-16"):
        draft.may_ask.add("--encoding")
    return draft


def columns(draft, date, titles, roles):
    draft.date(*date)
    draft.prices(titles, roles)
    return draft


@kind()
def german(rng):
    draft = one(rng, numbers=rng.choice(EUROPEAN), decimals=rng.choice([2, 2, 3]), order="new")
    draft.delimiter = ";"
    titles = rng.choice([["Eröffnung", "Hoch", "Tief", "Schluss", "Stück"],
                         ["Erster", "Hoch", "Tief", "Schlusskurs", "Stuecke"],
                         ["Eröffnungskurs", "Tageshoch", "Tagestief", "Schlusskurs", "Volumen"]])
    columns(draft, ("Datum", rng.choice(["dmy.", "iso", "dmy. two"]) if draft.rows()[-1].day.year > 1969 else "dmy."),
            titles, OHLC + " volume")
    return local(draft, ["utf-8", "utf-8-sig", "cp1252"])


@kind()
def french(rng):
    draft = one(rng, numbers=rng.choice(["comma", "comma blanks"]), decimals=2, order="new")
    draft.delimiter = rng.choice([";", "\t"])
    columns(draft, ("Date", "dmy"), ["Ouverture", "Plus haut", "Plus bas", "Clôture", "Volume"], OHLC + " volume")
    return local(draft, ["utf-8", "utf-8-sig", "cp1252"])


@kind()
def chinese(rng):
    draft = one(rng, decimals=2, pool=["600519.SH", "000001.SZ", "SH600000"]) if rng.random() < 0.6 else many(
        rng, decimals=2, pool=["600519", "000001", "300750"])
    draft.date("日期", rng.choice(["iso", "ymd/", "compact", "ymd bare"]))
    if draft.needs_symbol:
        draft.symbol(rng.choice(["股票代码", "代码"]))
    titles = rng.choice([["开盘", "收盘", "最高", "最低", "成交量"], ["开盘价", "收盘价", "最高价", "最低价", "成交量"]])
    draft.prices(titles, "open close high low volume")
    draft.random_numbers("成交额", 2, 10**9)
    draft.random_numbers("涨跌幅", 2)
    return local(draft, ["utf-8", "utf-8-sig", "gbk", "gb18030"])


@kind()
def japanese(rng):
    draft = one(rng, decimals=0, numbers=rng.choice(["plain", "groups"]), pool=["7203.T", "N225", "9984.T"])
    columns(draft, ("日付", rng.choice(["iso", "ymd/", "ymd bare"])), ["始値", "高値", "安値", "終値", "出来高"],
            OHLC + " volume")
    return local(draft, ["utf-8", "utf-8-sig", "cp932"])


@kind()
def korean(rng):
    draft = one(rng, decimals=0, numbers=rng.choice(["plain", "groups"]), pool=["005930.KS", "KOSPI"])
    columns(draft, ("일자", rng.choice(["ymd/", "iso"])), ["시가", "고가", "저가", "종가", "거래량"], OHLC + " volume")
    return local(draft, ["utf-8", "utf-8-sig", "cp949"])


@kind()
def english_with_names(rng):
    """English titles, with text in another language and perhaps in a code page."""
    draft = many(rng)
    draft.symbol("Symbol")
    draft.date("Date", "iso")
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    names, encodings = rng.choice([
        (["Münchener Rück", "Société Générale", "Nestlé"], ["utf-8", "cp1252", "utf-16"]),
        (["贵州茅台", "平安银行"], ["utf-8", "gbk", "utf-16"]),
        (["トヨタ自動車", "任天堂"], ["utf-8", "cp932", "utf-16"]),
    ])
    draft.text("Remark", [rng.choice(names) for _ in draft.lines])
    return local(draft, encodings)


@kind()
def dot_groups(rng):
    """Whole prices with points as thousands separators, as in Indonesia and Germany: 7.125 is 7,125.

    If commas separate the cells and all prices are above a thousand, such a file looks like one with three decimals.
    """
    draft = one(rng, decimals=0, base=rng.choice([1000, 3000]), numbers="comma groups", order="new")
    prices = [row.values["close"] for row in draft.rows()]
    is_mixed = any(len(price or "") < 4 for price in prices)
    draft.delimiter = rng.choice([";", "\t", ","]) if is_mixed else rng.choice([";", "\t"])
    draft.date("Date", "dmy")
    draft.prices(["Open", "High", "Low", "Close"], OHLC)
    draft.fixed.add("delimiter")
    return draft
