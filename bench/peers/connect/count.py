"""Reads every stored record and prints how many there are and, if they say their coordinates, how many different ones.

    count.py lines FOLDER                       objects of JSON lines, compressed as their names say
    count.py iceberg METADATA SETTING=VALUE...  the rows of an Iceberg table's current snapshot
"""

import json
import pathlib
import re
import sys

import numpy
import pyarrow
from pyiceberg.table import StaticTable

COORDINATES = re.compile(rb'^\{"kafka_partition":(\d+),"kafka_offset":(\d+),', re.MULTILINE)
COMPRESSION = {".gz": "gzip", ".zst": "zstd"}


def places(partitions, offsets):
    """A number for each (partition, offset), not the same for two."""
    return numpy.asarray(partitions, dtype=numpy.int64) << 48 | numpy.asarray(offsets, dtype=numpy.int64)


def lines(folder):
    """Lines of all objects, and the places of those that say theirs."""
    count, found = 0, []
    for path in pathlib.Path(folder).rglob("*.json*"):
        with pyarrow.input_stream(str(path), compression=COMPRESSION.get(path.suffix)) as file:
            text = file.read()
        count += text.count(b"\n") + (not text.endswith(b"\n"))
        if pairs := COORDINATES.findall(text):
            found.append(places(*zip(*((int(partition), int(offset)) for partition, offset in pairs))))
    return count, numpy.concatenate(found) if found else None


def iceberg(metadata, *settings):
    """Rows of the table's files, and their places if they have such columns."""
    table = StaticTable.from_metadata(metadata, dict(setting.split("=", 1) for setting in settings))
    named = [name for name in ("kafka_partition", "kafka_offset") if name in table.schema().column_names]
    rows = table.scan(selected_fields=tuple(named or ["symbol"])).to_arrow()
    return len(rows), places(*(rows[name].to_numpy() for name in named)) if named else None


count, found = {"lines": lines, "iceberg": iceberg}[sys.argv[1]](*sys.argv[2:])
json.dump({"stored": count, "different": None if found is None else len(numpy.unique(found))}, sys.stdout)
