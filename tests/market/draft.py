"""A generated file: its columns, the expected records of each line, and its bytes."""

import functools
import gzip
import io
import zipfile
from decimal import Decimal

import dates
import number_styles
import truth as truths

ROLES = {truths.OPEN, truths.HIGH, truths.LOW, truths.CLOSE, truths.ADJ, truths.VOLUME, truths.BID, truths.ASK}


# Web names of encodings that have different names in Python.
LABELS = {"utf-8-sig": "utf-8", "utf-16": "utf-16le", "utf-16-le": "utf-16le", "cp1252": "windows-1252",
          "cp932": "shift_jis", "cp949": "euc-kr"}


class Column:
    """A column: its title, its cells, and their expected values. An extra column has no role."""

    def __init__(self, title, cells, role=None, values=None, symbol=None, is_text=False):
        self.title, self.cells, self.role, self.values = title, cells, role, values
        self.symbol, self.is_text = symbol, is_text
        self.keeps_title = False


class Draft:
    """A file under construction. A kind creates it; variations and mutations change it."""

    def __init__(self, rng, truth, numbers="plain", missing=None):
        self.rng, self.truth = rng, truth
        self.style = number_styles.STYLES[numbers]
        self.missing = rng.choice(number_styles.MISSING) if missing is None else missing
        # A line has one row, or one row for each symbol in a wide file.
        self.lines = [[row] for row in truth.rows]
        self.columns = []
        self.delimiter, self.newline, self.encoding, self.packing = ",", "\n", "utf-8", None
        self.preamble, self.header, self.quoting = [], "titles", "minimal"
        self.header_rows = None
        self.ends_with_delimiter = False
        self.has_last_newline, self.blank_lines = True, 0
        self.file_name, self.needs_symbol = "prices.csv", False
        self.has_time = any(row.micros is not None for row in truth.rows)
        self.zone = None
        self.bar = truth.bar
        self.answers, self.may_ask = {}, set()
        # Properties that define the kind, such as titles, order or delimiter, and that variations must not change.
        self.fixed = set()
        self.is_unknown = False
        # Lines with a cell unlike those of the sampled lines: they may be rejected, but their values must not change.
        self.late = set()

    # --- Columns ---

    def add(self, title, cells, role=None, values=None, **more):
        column = Column(title, cells, role, values, **more)
        self.columns.append(column)
        return column

    def rows(self):
        return self.truth.rows

    def symbol(self, title):
        self.answers["--symbol-column"] = title
        numbers = [int(row.symbol) for row in self.rows() if row.symbol.isdecimal()]
        if len(numbers) == len(self.rows()) and all(b - a == 1 for a, b in zip(numbers, numbers[1:])):
            # Codes that increase by one look like row numbers.
            self.may_ask |= {"--symbol", "--symbol-column"}
        return self.add(title, [row.symbol for row in self.rows()], "symbol")

    def date(self, title, style):
        """Adds a column of dates without a time."""
        style = dates.STYLES[style]
        self.answers["--date-format"] = style.option
        cells = [style.write(row) for row in self.rows()]
        self._ask_for_order(cells)
        return self._dated(title, cells)

    def date_time(self, title, style, clock=None, joint=" ", offset=None, form="{sign}{h:02}:{m:02}", names=None):
        """Adds a column of dates with times. `offset` is a number of seconds or a function of the row."""
        style = dates.STYLES[style]
        for row in self.rows():
            row.micros = row.micros or 0
            if offset is not None:
                row.offset = offset(row) if callable(offset) else offset
        clock = clock or dates.clock_for(self.rng, self.truth, names or ["HH:MM:SS"])
        zone = lambda row: "" if row.offset is None else dates.offset_text(row.offset, form)
        cells = [style.write(row) + joint + clock(row) + zone(row) for row in self.rows()]
        self.answers["--date-format"] = style.option
        self._ask_for_order(cells)
        self.has_time = True
        return self._dated(title, cells)

    def epoch(self, title, style):
        """Adds a column of epoch numbers, which are UTC."""
        step = dates.EPOCH_PRECISION[style]
        for row in self.rows():
            row.micros, row.offset = (row.micros or 0) // step * step, 0
        self.has_time = True
        self.answers["--date-format"] = dates.STYLES[style].option
        return self._dated(title, [dates.STYLES[style].write(row) for row in self.rows()])

    def _dated(self, title, cells):
        self.answers["--date-column"] = title or str(len(self.columns) + 1)
        return self.add(title, cells, "date")

    def _ask_for_order(self, cells):
        if len(dates.readings(cells)) > 1:
            self.may_ask.add("--date-format")

    def time(self, title, names=("HH:MM:SS",), clock=None):
        clock = clock or dates.clock_for(self.rng, self.truth, list(names))
        return self.add(title, [clock(row) for row in self.rows()], "time")

    def price(self, title, role, style=None, missing=None):
        """Adds a column of prices or volumes."""
        style = number_styles.STYLES[style] if style else self.style
        missing = self.missing if missing is None else missing
        texts = [row.values[role] for row in self.rows()]
        return self.add(title, [missing if text is None else style.write(text) for text in texts], role)

    def prices(self, titles, roles="open high low close", style=None):
        for title, role in zip(titles, roles.split(), strict=True):
            self.price(title, role, style)

    def magnitudes(self, title, role=truths.VOLUME):
        """Adds a column of volumes such as 57.32K, and sets the rows' volumes to the rounded values."""
        cells = []
        for row in self.rows():
            text = row.values[role]
            if text is None:
                cells.append(self.missing)
                continue
            cell, row.values[role] = number_styles.with_magnitude(self.rng, text, self.style.decimal)
            cells.append(cell)
        return self.add(title, cells, role)

    def series(self, title, values):
        for row in self.rows():
            row.series = self.rng.choice(values)
        return self.add(title, [row.series for row in self.rows()], "series")

    def number(self, title, texts, style="trimmed"):
        """Adds an extra column of numbers."""
        style = number_styles.STYLES[style]
        cells = ["" if text is None else style.write(text) for text in texts]
        return self.add(title, cells, values=[None if text is None else Decimal(text) for text in texts])

    def text(self, title, texts):
        """Adds an extra column of text."""
        return self.add(title, texts, values=[text or None for text in texts], is_text=True)

    def random_numbers(self, title, decimals=2, most=1000):
        texts = [truths.decimal_text(self.rng.randrange(most * 10**decimals), decimals) for _ in self.lines]
        return self.number(title, texts, "comma" if self.style.decimal == "," else "trimmed")

    # --- Expected records ---

    def records(self):
        """Returns the expected records of each line, in order."""
        seen = {}
        return [[self._record(at, row, seen) for row in line if row is not None] for at, line in enumerate(self.lines)]

    def _record(self, at, row, seen):
        record = {"symbol": row.symbol, "trade_date": row.day.isoformat(), "bar": self.bar}
        is_daily = self.bar in ("1d", "1w", "1mo")
        if self.has_time and not (is_daily and not row.micros):
            record["traded_at"] = dates.traded_at(row)
            if row.offset is not None:
                record["zone"] = "UTC"
        used = {}
        for number, column in enumerate(self.columns, 1):
            if column.role == "series":
                record["series"] = row.series
            elif column.role in ROLES:
                if column.symbol in (None, row.symbol):
                    text = row.values[column.role]
                    record[column.role] = None if text is None else Decimal(text)
            elif column.role is None:
                record[extra_key(column.title, number, used)] = column.values[at]
        identity = (row.symbol, row.series, row.day.toordinal() * 86_400_000_000 + dates.utc_micros(row))
        seen[identity] = seen.get(identity, 0) + 1
        if seen[identity] > 1:
            record["seq"] = Decimal(seen[identity])
        return record

    def knows_bar(self):
        """Whether the rows show the length of the bars: without times, or if a symbol has two different times."""
        if not any(row.micros for row in self.rows()):
            return True
        instants = {}
        for row in self.rows():
            instants.setdefault((row.symbol, row.series), set()).add((row.day, row.micros))
        return any(len(found) > 1 for found in instants.values())

    def number_cells(self):
        """Yields the cells of all number columns."""
        for column in self.columns:
            if column.role in ROLES or (column.role is None and not column.is_text):
                yield from column.cells

    def settle(self):
        """Records the answers for the finished file, and the questions that it leaves open."""
        if len(self.lines) < 8:
            self.may_ask.add("--bar")
        self.answers["--decimal"] = self.style.option
        if not number_styles.is_decided(self.number_cells()):
            self.may_ask.add("--decimal")
        if len(self.truth.symbols) == 1:
            self.answers["--symbol"] = self.truth.symbols[0]
        if not any(column.role == "symbol" or column.symbol for column in self.columns):
            self.answers.pop("--symbol-column", None)
        titled = [name for name in self.names() if name]
        # Repeated names, as in wide files, are not a valid answer.
        if len({name.lower() for name in titled}) == len(titled):
            self.answers["--columns"] = ",".join(self.names())
        self.answers["--bar"] = self.bar
        self.answers["--encoding"] = LABELS.get(self.encoding, self.encoding)

    def names(self):
        """Yields the names of the columns for --columns."""
        taken = {"date": "date", "time": "time", "symbol": "symbol", "series": "series"}
        for number, column in enumerate(self.columns, 1):
            if column.role is None:
                yield column.title.replace(",", " ") or f"column_{number}"
            else:
                yield taken.get(column.role, column.role)

    # --- Bytes ---

    def cell(self, text):
        quote = self.quoting == "all" or any(sign in text for sign in (self.delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if quote else text

    def line(self, cells):
        end = self.delimiter if self.ends_with_delimiter else ""
        return self.delimiter.join([self.cell(cell) for cell in cells]) + end

    def text_lines(self):
        """Returns the lines of the header and the lines of the data."""
        header = list(self.preamble)
        if self.header_rows is not None:
            header += [self.delimiter.join(map(self.cell, row)) for row in self.header_rows]
        elif self.header == "titles":
            header.append(self.delimiter.join(self.cell(column.title) for column in self.columns))
            if self.ends_with_delimiter and self.ends_with_delimiter != "rows":
                header[-1] += self.delimiter
        cells = [column.cells for column in self.columns]
        return header, [self.line(row) for row in zip(*cells)]

    def pack(self, lines):
        """Joins, encodes and compresses lines."""
        text = self.newline.join(lines) + (self.newline if self.has_last_newline else "")
        text += self.newline * self.blank_lines
        data = text.encode(self.encoding)
        if self.packing == "gz":
            return gzip.compress(data, 1, mtime=0)
        if self.packing == "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(zipfile.ZipInfo(self.file_name.removesuffix(".zip")), data)
            return packed.getvalue()
        return data


@functools.cache
def plain_key(name):
    return "".join(letter for letter in name.lower() if letter.isalnum())


def extra_key(title, number, used):
    """Returns the key of an extra field: a plus sign and the plain title, numbered if it repeats."""
    key = plain_key(title) or f"column{number}"
    used[key] = used.get(key, 0) + 1
    return "+" + (key if used[key] == 1 else f"{key}{used[key]}")
