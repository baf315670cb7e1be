"""Reads the tables' columns from their only definition, in the Rust sources."""

import re

SOURCE = "crates/lake-query/src/columns.rs"


def read_columns(root):
    """Returns the columns that the sink validates, those of the table quotes and those of the table quarantine, each as a
    list of (name, type)."""
    path = root / SOURCE
    text = path.read_text()
    types = {
        kind: name.lower()
        for kinds, name in re.findall(r"((?:\bSelf::\w+(?: \| )?)+) => ColumnType::(\w+)", text)
        for kind in re.findall(r"Self::(\w+)", kinds)
    }

    def columns(pattern):
        found = re.search(pattern + r".*?\[(.*?)\];", text, re.DOTALL)
        pairs = re.findall(r'column\("(\w+)", Kind::(\w+)\)', found[1]) if found else []
        if not pairs:
            raise LookupError(f"{path} does not match {pattern}; adapt deploy/checks/template/columns.py to its new form")
        return [(name, types[kind]) for name, kind in pairs]

    coordinates = columns(r"const COORDINATES: &\[Column\] =")
    quote = columns(r"const QUOTE: &\[Column\] =")
    intraday = columns(r"const INTRADAY: &\[Column\] =")
    quarantined = columns(r"const QUARANTINED: &\[Column\] =")
    topic = columns(r"let topic =")
    return quote, coordinates + quote + intraday, topic + coordinates + quarantined


def read_history_columns(root):
    """Returns the columns of the table quotes_history as a list of (name, type)."""
    path = root / "deploy/history/create.sql"
    found = re.search(r"CREATE TABLE IF NOT EXISTS quotes_history \((.*?)\n\)", path.read_text(), re.DOTALL)
    if not found:
        raise LookupError(f"{path} does not create quotes_history; adapt deploy/checks/template/columns.py to its new form")
    return re.findall(r"^  (\w+) (\w+),?$", found[1], re.MULTILINE)


def read_sink_variables(root):
    """Returns the names of the environment variables that the function reads."""
    path = root / "functions/sink/src/config.rs"
    found = set(re.findall(r'get\("(SINK_\w+)"\)', path.read_text()))
    if "SINK_BUCKET" not in found:
        raise LookupError(f"{path} does not read SINK_BUCKET; adapt deploy/checks/template/columns.py to its new form")
    return found
