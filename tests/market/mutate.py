"""Corrupts a file, and records which of its lines may then be missing. All printed records must still be right."""

import copy

import dates
import number_styles
from draft import ROLES

DAMAGES = ["abc", "1.2.3", "--5", "12x", "#REF!", "1,2,3", "0x1F", "1e", "∞", "5 000 0", "12:30", "2024-13-45"]
FOOTERS = ["Total", "* Data is delayed", "Downloaded from example.com as of 01-02-2024 05:00pm CST", "EOF", "# end"]


class Mutant:
    """A corrupted file: its lines, their expected records, and the lines that may be missing."""

    def __init__(self, name, draft, options):
        self.name, self.options = name, options
        self.header, self.body = draft.text_lines()
        self.lines, self.optional = draft.records(), set()
        # A rejected row changes `seq` of the later rows with the same instant.
        self.ignored = {"seq"} if draft.knows_bar() else {"seq", "bar"}
        self.file_name = draft.file_name

    def bytes(self, draft):
        return draft.pack(self.header + self.body)


def mutate(draft, options):
    """Returns a mutant, or None if the mutation that was drawn does not fit the file."""
    if draft.is_unknown or draft.late or len(draft.lines) < 4:
        return None
    mutant = draft.rng.choice([renamed, damaged, damaged, cut, longer, doubled, mixed_dates, mixed_numbers, footer,
                             repeated_header, shifted, open_quote, joined, zeros])(draft, options)
    return mutant if mutant and is_encodable(mutant.body, draft.encoding) else None


def is_encodable(lines, encoding):
    try:
        return bool("".join(lines).encode(encoding))
    except UnicodeEncodeError:
        return False


def renamed(draft, options):
    """A title becomes meaningless: its column is kept under the new name."""
    if draft.header != "titles" or draft.header_rows or "titles" in draft.fixed:
        return None
    other = copy.copy(draft)
    other.columns = list(draft.columns)
    at = draft.rng.randrange(len(other.columns))
    column = other.columns[at] = copy.copy(draft.columns[at])
    column.title = "xq17"
    if column.role in ROLES:
        # The numbers stay, but no longer as prices.
        values = [row.values[column.role] for row in draft.rows()]
        from decimal import Decimal
        column.values = [None if value is None else Decimal(value) for value in values]
        column.role = None
        if any(cell[-1:] in tuple("KMB") for cell in column.cells):
            # 57.32K is a number in a volume column, and text in other columns.
            column.values = [cell or None for cell in column.cells]
    elif column.role in ("time", "series"):
        return None
    elif column.role == "date" and any(column.role is None and is_date_title(column.title) for column in draft.columns):
        return None
    mutant = Mutant("renamed " + draft.columns[at].title, other, options)
    # Open, high and low distinguish bars from trades.
    mutant.ignored.add("bar")
    if any(zone in draft.columns[at].title.lower() for zone in ("gmt", "utc")):
        mutant.ignored.add("zone")
    return mutant


def is_date_title(title):
    """Whether an extra column with this title can be taken for the date if the date has lost its title."""
    return any(word in title.lower() for word in ("time", "unix", "date"))


def _one_line(draft):
    return draft.rng.randrange(len(draft.lines))


def _with_line(draft, options, name, at, cells):
    mutant = Mutant(name, draft, options)
    mutant.body[at] = draft.line(cells) if not isinstance(cells, str) else cells
    mutant.optional = {at}
    return mutant


def damaged(draft, options):
    """A cell with a date, a time, a symbol, a price or a volume is damaged."""
    rng, at = draft.rng, _one_line(draft)
    columns = [column for column in draft.columns if column.role in ROLES or column.role in ("date", "symbol", "time")]
    column = rng.choice(columns)
    damage = rng.choice(DAMAGES)
    if column.role == "symbol" or (column.role == "date" and rng.random() < 0.3):
        damage = ""
    if column.role == "time" and damage == "12:30":
        damage = "25:61"
    cells = [damage if other is column else other.cells[at] for other in draft.columns]
    mutant = _with_line(draft, options, f"damaged {column.title} {damage}", at, cells)
    if column.symbol and column.role in ROLES:
        mutant.optional = {at}
    return mutant


def cut(draft, options):
    """A line ends too early."""
    if draft.ends_with_delimiter or len(draft.columns) < 3:
        return None
    at = draft.rng.choice([_one_line(draft), len(draft.lines) - 1])
    keep = draft.rng.randrange(1, len(draft.columns))
    return _with_line(draft, options, "cut", at, [column.cells[at] for column in draft.columns][:keep])


def longer(draft, options):
    """A line has one cell too many."""
    at = _one_line(draft)
    cells = [column.cells[at] for column in draft.columns]
    cells.insert(draft.rng.randrange(len(cells) + 1), "7")
    return _with_line(draft, options, "longer", at, cells)


def shifted(draft, options):
    """A line has lost its date, but has an additional empty cell at its end."""
    at = _one_line(draft)
    priced = [number for number, column in enumerate(draft.columns[:-1]) if column.role == "date"]
    if not priced:
        return None
    cells = [column.cells[at] for column in draft.columns]
    del cells[priced[0]]
    # If the next cell can be read as a date, nothing shows that one is missing.
    if draft.columns[priced[0] + 1].role in ("date", "time") or len(cells[priced[0]]) > 9:
        return None
    return _with_line(draft, options, "shifted", at, [*cells, ""])


def doubled(draft, options):
    """A line occurs twice: both are sent, and the second has the next `seq`."""
    mutant = Mutant("doubled", draft, options)
    at = _one_line(draft)
    mutant.body.insert(at, mutant.body[at])
    mutant.lines.insert(at, mutant.lines[at])
    return mutant


def mixed_dates(draft, options):
    """Some dates are written in another format."""
    column = next((column for column in draft.columns if column.role == "date"), None)
    if column is None or draft.has_time or len(draft.lines) < 3 or draft.header_rows or "order" in draft.fixed:
        return None
    rng = draft.rng
    style = dates.STYLES[rng.choice(["iso", "mdy", "dmy", "dmy.", "d-Mon-y", "compact", "mdy bare", "dmy two"])]
    share = rng.choice([0.5, 0.05, 0.01])
    other = copy.copy(draft)
    changed = {at for at in range(len(draft.lines)) if rng.random() < share} or {len(draft.lines) - 1}
    cells = [style.write(draft.lines[at][0]) if at in changed else cell for at, cell in enumerate(column.cells)]
    other.columns = [copy.copy(each) for each in draft.columns]
    other.columns[draft.columns.index(column)].cells = cells
    # If every changed cell can also be read in the file's format, nothing shows the change.
    own = draft.answers["--date-format"]
    if own in ("mdy", "dmy") and own in dates.readings([cells[at] for at in changed]):
        return None
    mutant = Mutant(f"mixed dates ({style.option}, {len(changed)} of {len(cells)})", other, options)
    mutant.optional = changed
    return mutant


def mixed_numbers(draft, options):
    """Some prices have the other decimal sign."""
    columns = [column for column in draft.columns if column.role in ROLES and column.role != "volume"]
    if not columns or draft.header_rows:
        return None
    rng, column = draft.rng, draft.rng.choice(columns)
    style = number_styles.STYLES["comma groups" if draft.style.decimal == "." else "groups"]
    changed = {}
    for at in rng.sample(range(len(draft.lines)), max(len(draft.lines) // rng.choice([2, 20, 100]), 1)):
        text = draft.lines[at][0] and draft.lines[at][0].values[column.role]
        # Three digits after the decimal sign would look like a group of thousands.
        if text and "." in text and len(text.partition(".")[2]) != 3 and column.symbol is None:
            changed[at] = style.write(text)
    if not changed:
        return None
    other = copy.copy(draft)
    other.columns = [copy.copy(each) for each in draft.columns]
    other.columns[draft.columns.index(column)].cells = [
        changed.get(at, cell) for at, cell in enumerate(column.cells)]
    mutant = Mutant(f"mixed numbers in {column.title} ({len(changed)})", other, options)
    mutant.optional = set(changed)
    return mutant


def footer(draft, options):
    """Lines after the data."""
    mutant = Mutant("footer", draft, options)
    text = draft.rng.choice(FOOTERS)
    cells = [text] + [""] * draft.rng.choice([0, 0, len(draft.columns) - 1])
    mutant.body += draft.rng.choice([[], [""]]) + [draft.delimiter.join([draft.cell(cells[0]), *cells[1:]])]
    return mutant


def repeated_header(draft, options):
    """The header occurs again among the data, as in concatenated files."""
    mutant = Mutant("repeated header", draft, options)
    if not mutant.header or draft.header_rows:
        return None
    at = draft.rng.randrange(1, len(draft.lines) + 1)
    mutant.body.insert(at, mutant.header[-1])
    mutant.lines.insert(at, [])
    return mutant


def open_quote(draft, options):
    """A cell begins with a quotation mark that is never closed."""
    if draft.quoting == "all" or any(column.is_text for column in draft.columns):
        return None
    at = _one_line(draft)
    mutant = Mutant("open quote", draft, options)
    cells = [column.cells[at] for column in draft.columns]
    number = draft.rng.randrange(len(cells))
    mutant.body[at] = draft.delimiter.join('"' * (place == number) + cell for place, cell in enumerate(cells))
    mutant.optional = {at}
    if any('"' in line for line in mutant.body[at + 1:]):
        return None
    return mutant


def joined(draft, options):
    """Two lines have no line break between them."""
    at = draft.rng.randrange(len(draft.lines) - 1)
    mutant = Mutant("joined", draft, options)
    if len(draft.columns) < 2:
        return None
    mutant.body[at] += mutant.body[at + 1]
    del mutant.body[at + 1], mutant.lines[at + 1]
    mutant.optional = {at}
    return mutant


def zeros(draft, options):
    """A line consists of zero bytes, as a full disk can leave them behind."""
    if draft.encoding.startswith("utf-16"):
        return None
    at = _one_line(draft)
    mutant = Mutant("zeros", draft, options)
    mutant.body[at] = "\0" * draft.rng.choice([3, 40])
    mutant.optional = {at}
    return mutant
