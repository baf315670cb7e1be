"""Counts the stored records and, if they contain their coordinates, the distinct ones. Prints both counts as JSON.

    count.py lines FOLDER                       objects of JSON lines, compressed according to their names
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


def record_ids(partitions, offsets):
    """Returns a unique number for each pair of partition and offset."""
    return numpy.asarray(partitions, dtype=numpy.int64) << 48 | numpy.asarray(offsets, dtype=numpy.int64)


def lines(folder):
    """Returns the number of lines of all objects, and the ids of the records that contain their coordinates."""
    count, found = 0, []
    for path in pathlib.Path(folder).rglob("*.json*"):
        with pyarrow.input_stream(str(path), compression=COMPRESSION.get(path.suffix)) as file:
            text = file.read()
        count += text.count(b"\n") + (not text.endswith(b"\n"))
        if pairs := COORDINATES.findall(text):
            found.append(record_ids(*zip(*((int(partition), int(offset)) for partition, offset in pairs))))
    return count, numpy.concatenate(found) if found else None


def iceberg(metadata, *settings):
    """Returns the number of the table's rows, and the records' ids if the table has columns for the coordinates."""
    table = StaticTable.from_metadata(metadata, dict(setting.split("=", 1) for setting in settings))
    coordinates = [name for name in ("kafka_partition", "kafka_offset") if name in table.schema().column_names]
    rows = table.scan(selected_fields=tuple(coordinates or ["symbol"])).to_arrow()
    return len(rows), record_ids(*(rows[name].to_numpy() for name in coordinates)) if coordinates else None


count, found = {"lines": lines, "iceberg": iceberg}[sys.argv[1]](*sys.argv[2:])
json.dump({"stored": count, "distinct": None if found is None else len(numpy.unique(found))}, sys.stdout)
