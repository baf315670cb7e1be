"""Runs the statements of deploy/history/ in Trino, with the values that the state machine substitutes."""

import re

import columns
import daily
import resolve
import servers

TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp(6)"}


def added_columns(text):
    """Returns the columns that deploy/history/columns.sql adds, as (name, type)."""
    return re.findall(r"^  (\w+) (\w+),?$", text, re.MULTILINE)


class History:
    def __init__(self, trino, stack):
        self.trino, self.stack = trino, stack
        self.columns = columns.read_history_columns(servers.ROOT)

    def statement(self, name):
        values = {"Topic": self.stack.topic, "Lake": servers.BUCKET, "Database": self.stack.database_name}
        text = resolve.substitute(daily.read_statement(servers.ROOT, name), values)
        if "${" in text:
            raise AssertionError(f"deploy/history/{name}.sql has a placeholder that is not substituted")
        return text

    def execute(self, statement, **options):
        return self.trino.execute(statement, self.stack.database_name, **options)

    def create(self):
        """Creates the table as an earlier version did, without the columns of columns.sql, and adds these. The statements are
        translated from Athena's dialect to Trino's."""
        text, added = self.statement("create"), added_columns(self.statement("columns"))
        definitions = ", ".join(f"{name} {TYPES.get(kind, kind)}" for name, kind in self.columns if (name, kind) not in added)
        [partitioning] = re.findall(r"PARTITIONED BY \((.*)\)", text)
        [location] = re.findall(r"LOCATION '(.*)'", text)
        self.execute(
            f"CREATE TABLE quotes_history ({definitions}) WITH (format = 'PARQUET', "
            f"partitioning = ARRAY['{partitioning}'], location = '{location}')",
            catalog="iceberg",
        )
        for name, kind in added:
            self.execute(f"ALTER TABLE quotes_history ADD COLUMN {name} {TYPES.get(kind, kind)}", catalog="iceberg")

    def merge(self):
        return self.execute(self.statement("merge"))

    def optimize(self):
        """Runs Trino's equivalent of OPTIMIZE ... REWRITE DATA USING BIN_PACK."""
        [table] = re.findall(r"^OPTIMIZE (\w+) REWRITE DATA USING BIN_PACK$", self.statement("optimize"), re.MULTILINE)
        self.execute(f"ALTER TABLE {table} EXECUTE optimize", catalog="iceberg")

    def count(self):
        return self.execute("SELECT count(*) FROM quotes_history").value()

    def count_files(self):
        return self.execute('SELECT count(*) FROM "quotes_history$files"', catalog="iceberg").value()

    def expect_rows_of_quotes(self):
        """Checks that the history has each row as often as quotes, with the same value in every column."""
        names = [name for name, _ in self.columns]
        own = {"kafka_topic": f"'{self.stack.topic}'"}
        own["stored_at"] = "CAST(\"$file_modified_time\" AT TIME ZONE 'UTC' AS timestamp(6))"
        quotes = f"SELECT {', '.join(own.get(name, name) for name in names)} FROM quotes"
        history = f"SELECT {', '.join(names)} FROM quotes_history WHERE kafka_topic = '{self.stack.topic}'"
        for problem, statement in [
            ("rows missing from the history:", f"{quotes} EXCEPT ALL {history}"),
            ("rows of the history that quotes does not have:", f"{history} EXCEPT ALL {quotes}"),
        ]:
            rows = self.execute(f"SELECT * FROM ({statement}) ORDER BY kafka_partition, kafka_offset LIMIT 3").rows
            if rows:
                raise AssertionError(f"{problem} {rows}")
