"""The tables' columns, read from their one definition in crates/lake-query/src/columns.rs."""

import re


def declared(root):
    """(the quote's own, the table quotes', the table quarantine's), each as a list of (name, type)."""
    path = root / "crates/lake-query/src/columns.rs"
    text = path.read_text()
    types = {
        kind: name
        for kinds, name in re.findall(r'((?:\bSelf::\w+(?: \| )?)+) => "(\w+)"', text)
        for kind in re.findall(r"Self::(\w+)", kinds)
    }

    def columns(pattern):
        found = re.search(pattern + r".*?\[(.*?)\];", text, re.DOTALL)
        pairs = re.findall(r'column\("(\w+)", Kind::(\w+)\)', found[1]) if found else []
        if not pairs:
            raise LookupError(f"{path} has no {pattern} any more; teach tests/template/columns.py its new form")
        return [(name, types[kind]) for name, kind in pairs]

    coordinates = columns(r"const COORDINATES: &\[Column\] =")
    quote = columns(r"const QUOTE: &\[Column\] =")
    quarantined = columns(r"const QUARANTINED: &\[Column\] =")
    topic = columns(r"let topic =")
    return quote, coordinates + quote, topic + coordinates + quarantined


def history(root):
    """The columns of the table quotes_history."""
    path = root / "history/create.sql"
    found = re.search(r"CREATE TABLE IF NOT EXISTS quotes_history \((.*?)\n\)", path.read_text(), re.DOTALL)
    if not found:
        raise LookupError(f"{path} makes no quotes_history any more; teach tests/template/columns.py its new form")
    return re.findall(r"^  (\w+) (\w+),?$", found[1], re.MULTILINE)


def sink_variables(root):
    """The environment variables that the function reads."""
    path = root / "functions/sink/src/config.rs"
    found = set(re.findall(r'get\("(SINK_\w+)"\)', path.read_text()))
    if "SINK_BUCKET" not in found:
        raise LookupError(f"{path} reads no variables any more; teach tests/template/columns.py its new form")
    return found
