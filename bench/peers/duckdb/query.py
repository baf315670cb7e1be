"""Runs a file of queries/ in DuckDB over the objects of a lake, and prints rows like `tickerlake query --format json`.

    query.py LAKE TOPIC COLUMNS SETUP.sql QUERY.sql

COLUMNS are the record's fields and their types, as in SINK_COLUMNS. SETUP.sql creates the views. The table
`quotes` is a view over the objects, which each query reads again.
"""

import datetime
import json
import pathlib
import sys

import duckdb

COORDINATES = "kafka_partition:int,kafka_offset:bigint,kafka_timestamp:bigint,kafka_generation:int"


def to_json(value):
    return value.isoformat() if isinstance(value, datetime.date) else value


def main():
    lake, topic, fields, setup, query = sys.argv[1:]
    columns = dict(column.split(":") for column in f"{COORDINATES},{fields}".split(","))
    connection = duckdb.connect()
    # As DuckDB's guide recommends for large data. All queries order their rows explicitly.
    connection.execute("SET preserve_insertion_order = false")
    # As in the other engines.
    connection.execute("SET integer_division = true")
    connection.execute(
        f"CREATE VIEW quotes AS SELECT * FROM read_json('{lake}/tickerlake/data/{topic}/*/*.json.gz',"
        f" format = 'newline_delimited', compression = 'gzip', columns = {columns},"
        " hive_partitioning = true, hive_types = {'dt': 'VARCHAR'})"
    )
    connection.execute(pathlib.Path(setup).read_text())
    result = connection.execute(pathlib.Path(query).read_text())
    names = [column[0] for column in result.description]
    for row in result.fetchall():
        print(json.dumps(dict(zip(names, map(to_json, row)))))


main()
