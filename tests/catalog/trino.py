"""A client for Trino's HTTP protocol."""

import json
import time
import urllib.request

import servers


class NoNodes(RuntimeError):
    """Trino has no worker node yet and did not run the statement."""


class Answer:
    """The result of a statement: `rows` as dicts, the number of `changed` rows, and how much Trino read."""

    def __init__(self, columns, rows, page):
        self.columns = columns
        self.rows = [dict(zip(columns, row, strict=True)) for row in rows]
        self.changed = page.get("updateCount")
        self.read_rows = page["stats"]["processedRows"]
        self.read_bytes = page["stats"]["physicalInputBytes"]

    def value(self):
        """Returns the only value of the only row."""
        [row] = self.rows
        [value] = row.values()
        return value


class Trino:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/v1/statement"

    def execute(self, statement, schema, catalog="awsdatacatalog"):
        """Runs a statement, after waiting until Trino has registered itself as a worker node."""
        deadline = time.monotonic() + servers.TIMEOUT
        while True:
            try:
                return self.execute_once(statement, schema, catalog)
            except NoNodes:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def execute_once(self, statement, schema, catalog):
        headers = {"X-Trino-User": "check", "X-Trino-Catalog": catalog, "X-Trino-Schema": schema}
        headers["X-Trino-Time-Zone"] = "UTC"
        request = urllib.request.Request(self.url, statement.encode(), headers)
        columns, rows = [], []
        while True:
            with urllib.request.urlopen(request, timeout=servers.TIMEOUT) as response:
                page = json.load(response)
            if "error" in page:
                error = NoNodes if page["error"]["errorName"] == "NO_NODES_AVAILABLE" else RuntimeError
                raise error(f"Trino: {page['error']['message']}, of:\n{statement}")
            columns = [column["name"] for column in page.get("columns", [])] or columns
            rows += page.get("data", [])
            if "nextUri" not in page:
                return Answer(columns, rows, page)
            request = urllib.request.Request(page["nextUri"], headers=headers)
