"""The statements of history/, as the state machine substitutes them."""

import re

import columns
import daily
import resolve
import servers

TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp(6)"}


class History:
    def __init__(self, trino, stack):
        self.trino, self.stack = trino, stack
        self.columns = columns.history(servers.ROOT)

    def text(self, name):
        given = {"Topic": self.stack.topic, "Lake": servers.BUCKET, "Database": self.stack.database_name}
        text = resolve.filled(daily.statement(servers.ROOT, name), given)
        if "${" in text:
            raise AssertionError(f"history/{name}.sql has a placeholder that nobody substitutes")
        return text

    def ask(self, statement, **more):
        return self.trino.ask(statement, self.stack.database_name, **more)

    def create(self):
        """Makes the table as create.sql has it: in Athena's dialect, which is translated."""
        text = self.text("create")
        listed = ", ".join(f"{name} {TYPES.get(kind, kind)}" for name, kind in self.columns)
        [partitioning] = re.findall(r"PARTITIONED BY \((.*)\)", text)
        [location] = re.findall(r"LOCATION '(.*)'", text)
        self.ask(
            f"CREATE TABLE quotes_history ({listed}) WITH (format = 'PARQUET', "
            f"partitioning = ARRAY['{partitioning}'], location = '{location}')",
            catalog="iceberg",
        )

    def merge(self):
        return self.ask(self.text("merge"))

    def optimize(self):
        """Trino's name of OPTIMIZE ... REWRITE DATA USING BIN_PACK."""
        [table] = re.findall(r"^OPTIMIZE (\w+) REWRITE DATA USING BIN_PACK$", self.text("optimize"), re.MULTILINE)
        self.ask(f"ALTER TABLE {table} EXECUTE optimize", catalog="iceberg")

    def count(self):
        return self.ask("SELECT count(*) FROM quotes_history").value()

    def files(self):
        return self.ask('SELECT count(*) FROM "quotes_history$files"', catalog="iceberg").value()

    def has_the_rows_of_quotes(self):
        """Each as often as quotes has it, every column the same."""
        names = [name for name, _ in self.columns]
        own = {"kafka_topic": f"'{self.stack.topic}'"}
        own["stored_at"] = "CAST(\"$file_modified_time\" AT TIME ZONE 'UTC' AS timestamp(6))"
        quotes = f"SELECT {', '.join(own.get(name, name) for name in names)} FROM quotes"
        history = f"SELECT {', '.join(names)} FROM quotes_history WHERE kafka_topic = '{self.stack.topic}'"
        for what, statement in [
            ("history lacks", f"{quotes} EXCEPT ALL {history}"),
            ("history has beyond quotes", f"{history} EXCEPT ALL {quotes}"),
        ]:
            rows = self.ask(f"SELECT * FROM ({statement}) ORDER BY kafka_partition, kafka_offset LIMIT 3").rows
            if rows:
                raise AssertionError(f"{what} {rows}")
