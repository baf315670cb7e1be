"""The kinds of files, by name. A kind is a function that takes a random number generator and returns a draft."""

import importlib

REGISTRY = {}
MODULES = ["kinds_daily", "kinds_exchanges", "kinds_forms", "kinds_intraday", "kinds_bare", "kinds_frames", "kinds_local", "kinds_more", "kinds_odd"]


def kind(weight=1):
    """Registers a kind under the name of its function."""
    def register(function):
        REGISTRY[function.__name__] = (function, weight)
        return function
    return register


def load():
    for module in MODULES:
        importlib.import_module(module)
    return REGISTRY


PLAIN_NAMES = ["prices.csv", "data.csv", "export (1).csv", "2024-01-02.csv", "stock_data.csv", "HistoricalData_1.csv"]
DECORATIONS = ["", "", "", "", "", "_daily", "-1d", "_2024", "-max", " (1)"]


def is_plain(symbol):
    """Whether the symbol, as the name of a file, cannot be mistaken for anything else."""
    letters = [letter for letter in symbol if letter.isalnum()]
    words = {"ALL", "DATA", "INDEX", "NAME", "DATE", "LAST", "TIME", "OPEN", "LOW", "DAY", "MAX", "MIN", "VOL", "ON", "PRICE", "OPEN"}
    words |= {"TRUE", "NA", "NAN", "KEY", "V", "C", "L", "O", "H"}
    return symbol.isupper() and len(letters) > 0 and symbol not in words and "/" not in symbol


def name_after_symbol(draft, suffix=".csv"):
    """Names a file after its only symbol. Some names do not contain the symbol, or not without doubt."""
    rng, symbol = draft.rng, draft.truth.symbols[0]
    safe = symbol.replace("/", "")
    draw = rng.random()
    if draw < 0.08 or "/" in symbol:
        draft.file_name = rng.choice(PLAIN_NAMES).replace(".csv", suffix)
        draft.may_ask |= {"--symbol", "--symbol-column"}
    else:
        decoration = rng.choice(DECORATIONS)
        draft.file_name = safe + decoration + suffix
        if not is_plain(symbol) or "_" in symbol or (decoration and any(sign in symbol for sign in "-. &")):
            draft.may_ask |= {"--symbol", "--symbol-column"}


def name_without_symbol(draft, suffix=".csv"):
    """Names a file whose rows or titles contain the symbols. Even a name that looks like a ticker must not matter."""
    draft.file_name = draft.rng.choice([*PLAIN_NAMES, "HK.csv", "SP500.csv", "NYSE.csv"]).replace(".csv", suffix)
