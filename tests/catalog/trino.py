"""Asks Trino, by its own protocol."""

import json
import time
import urllib.request

import servers


class NoNodes(RuntimeError):
    """Nothing was done, because there is no node yet."""


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

    def ask(self, statement, schema, catalog="awsdatacatalog"):
        """Waits for Trino to know of itself as a node that takes work, which is some time after it has started."""
        until = time.monotonic() + servers.LIMIT
        while True:
            try:
                return self.once(statement, schema, catalog)
            except NoNodes:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def once(self, statement, schema, catalog):
        headers = {"X-Trino-User": "check", "X-Trino-Catalog": catalog, "X-Trino-Schema": schema}
        headers["X-Trino-Time-Zone"] = "UTC"
        request = urllib.request.Request(self.url, statement.encode(), headers)
        columns, rows = [], []
        while True:
            with urllib.request.urlopen(request, timeout=servers.LIMIT) as response:
                page = json.load(response)
            if "error" in page:
                error = NoNodes if page["error"]["errorName"] == "NO_NODES_AVAILABLE" else RuntimeError
                raise error(f"Trino: {page['error']['message']}, of:\n{statement}")
            columns = [column["name"] for column in page.get("columns", [])] or columns
            rows += page.get("data", [])
            if "nextUri" not in page:
                return Answer(columns, rows, page)
            request = urllib.request.Request(page["nextUri"], headers=headers)
