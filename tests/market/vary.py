"""Variations that keep the values of a file: titles, quotes, order, extra columns, line endings, encodings."""

from draft import plain_key

CASES = [str.upper, str.lower, str.title, lambda title: title.replace(" ", "_"), lambda title: f" {title}",
         lambda title: f"{title} "]
NOTES = ["ok", "late, corrected", 'said "no"', "n.a. today", "7%", "-", "see (1)", "ü", "two  blanks"]


def vary(draft):
    """Applies a few random variations."""
    rng = draft.rng
    for share, change in [(0.3, titles), (0.3, extras), (0.25, order), (0.25, quoting), (0.15, padding),
                          (0.2, delimiter), (1, ends), (0.25, encoding), (0.1, packing)]:
        if rng.random() < share:
            change(draft)
    draft.settle()
    return draft


def titles(draft):
    if "titles" in draft.fixed:
        return
    change = draft.rng.choice(CASES)
    keys = [change(column.title).strip().lower() for column in draft.columns]
    if len(set(keys)) < len(set(column.title.strip().lower() for column in draft.columns)):
        return
    for column in draft.columns:
        was, column.title = column.title, change(column.title) if column.title else ""
        for option in ("--symbol-column", "--date-column"):
            if was and draft.answers.get(option) == was:
                draft.answers[option] = column.title.strip()


def extras(draft):
    """Adds columns that are not prices."""
    if "extra" in draft.fixed:
        return
    rng, count = draft.rng, len(draft.lines)
    # Not every code page has an umlaut.
    notes = NOTES if draft.encoding.startswith("utf") else [note for note in NOTES if note.isascii()]
    makers = {
        "CUSIP": lambda title: draft.text(title, [f"0{rng.randrange(10**8):08}" for _ in range(count)]),
        "Sector Code": lambda title: late_zeros(draft, title, count),
        "Note": lambda title: draft.text(title, [rng.choice(notes) for _ in range(count)]),
        "Pct": lambda title: draft.text(title, [f"{rng.uniform(-9, 9):.2f}%" for _ in range(count)]),
        "Is Halted": lambda title: draft.text(title, [rng.choice(["true", "false"]) for _ in range(count)]),
        "Trades": lambda title: draft.random_numbers(title, 0),
        "VWAP": lambda title: draft.random_numbers(title, 4),
        "Empty": lambda title: draft.add(title, [""] * count, values=[None] * count),
        "Currency": lambda title: draft.text(title, ["USD"] * count),
        "Prev Close": lambda title: draft.random_numbers(title, 2),
        "Change": lambda title: draft.random_numbers(title, 2),
    }
    there = {plain_key(column.title) for column in draft.columns}
    for title in rng.sample(list(makers), rng.randint(1, 3)):
        if plain_key(title) not in there:
            column = makers[title](title)
            draft.columns.remove(column)
            draft.columns.insert(len(draft.columns) if rng.random() < 0.6 else rng.randrange(len(draft.columns) + 1), column)
    name_untitled(draft)


def late_zeros(draft, title, count):
    """Adds a column of four-digit codes, only some of which begin with a zero."""
    column = draft.text(title, [f"{draft.rng.randrange(10**4):04}" for _ in range(count)])
    if count < 3000 and all(not cell.startswith("0") for cell in column.cells):
        column.cells[draft.rng.randrange(count)] = "0042"
        column.values = list(column.cells)
    return column


def name_untitled(draft):
    for number, column in enumerate(draft.columns, 1):
        if column.role == "date" and not column.title:
            draft.answers["--date-column"] = str(number)


def order(draft):
    if "order" in draft.fixed:
        return
    if not draft.columns[0].title:
        rest = draft.columns[1:]
        draft.rng.shuffle(rest)
        draft.columns[1:] = rest
    else:
        draft.rng.shuffle(draft.columns)
    name_untitled(draft)


def quoting(draft):
    draft.quoting = "all"


def padding(draft):
    """Adds a blank in front of the cells of numbers, dates and symbols, which is not part of their values."""
    if draft.quoting == "all":
        return
    for column in draft.columns:
        if not column.is_text and column.role not in ("time", "series"):
            column.cells = [" " + cell if cell else cell for cell in column.cells]


def delimiter(draft):
    if "delimiter" not in draft.fixed and draft.delimiter == "," and not draft.preamble:
        draft.delimiter = draft.rng.choice([";", "\t", "|"])


def ends(draft):
    rng = draft.rng
    draft.newline = rng.choice(["\n", "\n", "\r\n"])
    draft.has_last_newline = rng.random() > 0.1
    draft.blank_lines = rng.choice([1, 2]) if rng.random() < 0.05 else 0


def encoding(draft):
    if "encoding" in draft.fixed:
        return
    draft.encoding = draft.rng.choice(["utf-8-sig", "utf-8-sig", "utf-16", "utf-16-le"])


def packing(draft):
    draft.packing = draft.rng.choice(["gz", "zip"])
    draft.file_name += "." + draft.packing
