"""Formats of numbers, and whether a file's numbers can be read in only one way."""

import re
from decimal import Decimal

MISSING = ["", "", "", "-", "--", "N/A", "n/a", "null", "NaN", "nan", "None", "NA", "#N/A", "."]


def grouped(digits, separator, indian=False):
    head, tail = digits[:-3], digits[-3:]
    groups = []
    size = 2 if indian else 3
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return separator.join([*groups, tail])


class Style:
    """A number format: decimal sign, thousands separator, and the text around the digits."""

    def __init__(self, name, decimal=".", group="", before="", after="", indian=False, change=None):
        self.name, self.decimal, self.group, self.before, self.after = name, decimal, group, before, after
        self.indian, self.change = indian, change
        self.option = "comma" if decimal == "," else "point"

    def write(self, text):
        if self.change:
            text = self.change(text)
        if not (self.group or self.before or self.after or self.decimal != "."):
            return text
        sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
        whole, _, fraction = digits.partition(".")
        whole = grouped(whole, self.group, self.indian) if self.group else whole
        body = whole + (self.decimal + fraction if fraction else "")
        return f"{sign}{self.before}{body}{self.after}"


def trimmed(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_float(text):
    """Formats a number as pandas writes floats: 5 is 5.0, and 0.00001 is 1e-05."""
    short = trimmed(text)
    digits = short.lstrip("-0.").replace(".", "")
    if short.startswith("0.0000") and digits:
        power = -(len(short) - 2 - len(short[2:].lstrip("0"))) - 1
        mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{mantissa}e-{-power:02}"
    return short if "." in short else short + ".0"


def bare_point(text):
    """Formats a number without the zero before the point, or with a point at the end, as old programs do."""
    short = trimmed(text)
    return short[1:] if short.startswith("0.") else short if "." in short else short + "."


STYLES = {
    "plain": Style("plain"),
    "trimmed": Style("trimmed", change=trimmed),
    "float": Style("float", change=as_float),
    "bare point": Style("bare point", change=bare_point),
    "groups": Style("groups", group=","),
    "dollar": Style("dollar", group=",", before="$"),
    "dollar plain": Style("dollar plain", before="$"),
    "rupee": Style("rupee", group=",", before="₹", indian=True),
    "yen": Style("yen", group=",", before="¥"),
    "swiss": Style("swiss", group="'"),
    "comma": Style("comma", decimal=","),
    "comma groups": Style("comma groups", decimal=",", group="."),
    "comma blanks": Style("comma blanks", decimal=",", group="\u00a0"),
    "comma narrow blanks": Style("comma narrow blanks", decimal=",", group="\u202f"),
    "euro": Style("euro", decimal=",", group=".", after=" €"),
}
POINT = ["plain", "plain", "trimmed", "float"]
AMERICAN = ["groups", "dollar", "dollar plain", "plain"]
EUROPEAN = ["comma", "comma groups", "comma blanks", "comma narrow blanks", "euro"]


def with_magnitude(rng, text, decimal="."):
    """Writes a volume as 57.32K. Returns the cell and the exact volume that it states."""
    value = Decimal(text)
    suffix, power = ("B", 9) if value >= 10**9 else ("M", 6) if value >= 10**6 else ("K", 3)
    shown = f"{value / 10**power:.2f}"
    return shown.replace(".", decimal) + suffix, str((Decimal(shown) * 10**power).quantize(Decimal(1)))


POINT_FORM = re.compile(r"-?(\d+|\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3})?(\.\d*)?$")
COMMA_FORM = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+|\d{1,2}(\.\d{2})*\.\d{3})?(,\d*)?$")


def is_decided(cells):
    """Whether the decimal sign is certain: no cell has `.` or `,`, or not both signs fit all cells that have one."""
    point = comma = True
    seen = False
    for cell in cells:
        digits = re.sub(r"[^\d.,]", "", cell)
        if not any(sign in digits for sign in ".,") or not digits.strip(".,"):
            continue
        seen = True
        point = point and bool(POINT_FORM.match(digits))
        comma = comma and bool(COMMA_FORM.match(digits))
        if not (point and comma):
            return True
    return not seen
