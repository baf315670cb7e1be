"""Asks Trino, by its own protocol."""

import json
import urllib.request

import servers


class Answer:
    """What a statement returned: `rows` by the names of `columns`, `changed` rows, and how much was read for it."""

    def __init__(self, columns, rows, page):
        self.columns = columns
        self.rows = [dict(zip(columns, row, strict=True)) for row in rows]
        self.changed = page.get("updateCount")
        self.read_rows = page["stats"]["processedRows"]
        self.read_bytes = page["stats"]["physicalInputBytes"]

    def value(self):
        [row] = self.rows
        [value] = row.values()
        return value


class Trino:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/v1/statement"

    def is_ready(self):
        """It knows of itself as a node that takes work only some time after it has started."""
        try:
            return self.ask("SELECT count(*) FROM system.runtime.nodes", "").value() == 1
        except (OSError, RuntimeError):
            return False

    def ask(self, statement, schema, catalog="awsdatacatalog"):
        headers = {"X-Trino-User": "check", "X-Trino-Catalog": catalog, "X-Trino-Schema": schema}
        headers["X-Trino-Time-Zone"] = "UTC"
        request = urllib.request.Request(self.url, statement.encode(), headers)
        columns, rows = [], []
        while True:
            with urllib.request.urlopen(request, timeout=servers.LIMIT) as response:
                page = json.load(response)
            if "error" in page:
                raise RuntimeError(f"Trino: {page['error']['message']}, of:\n{statement}")
            columns = [column["name"] for column in page.get("columns", [])] or columns
            rows += page.get("data", [])
            if "nextUri" not in page:
                return Answer(columns, rows, page)
            request = urllib.request.Request(page["nextUri"], headers=headers)
