"""Compares the answers of queries/ with those of expected.py, in `tickerlake query` alone.

independent.py TICKERLAKE

Over the lakes of made.py and the golden lakes. Needs only Python and, for one golden lake, zstd. tests/catalog/check does
the same with Trino, too.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import expected
import made

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERIES = ROOT / "queries"
BUCKET = "tickerlake"
# Lakes of a sink that did not validate its records: their queries fail.
UNCHECKED = ["quarantine-unchecked"]


def read_lake(bucket, topic):
    return expected.Lake(expected.read_objects(bucket / "data" / topic), expected.read_objects(bucket / "quarantine"))


def compare(name, lake, answer):
    """Compares every query; `answer` returns the rows of a query's file. Returns how many rows each query has."""
    files = (path for path in QUERIES.rglob("*.sql") if path.parent.name != "views")
    unanswered = {str(path.relative_to(QUERIES).with_suffix("")) for path in files} ^ expected.ANSWERS.keys()
    if unanswered:
        raise AssertionError(f"expected.py and queries/ differ in {sorted(unanswered)}")
    counts = {}
    for query in expected.ANSWERS:
        rows = answer(QUERIES / f"{query}.sql")
        problem = expected.difference(query, lake, rows)
        if problem:
            raise AssertionError(f"{name}: queries/{query}.sql: {problem}")
        counts[query] = len(rows)
    return counts


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "KAFKA_", "SINK_"))}

    def check(name, folder, topic):
        def answer(file):
            command = [program, "query", "--format", "json", "--dir", folder, "--topic", topic, file]
            process = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if process.returncode:
                raise AssertionError(f"{name}: {file}: {process.stderr}")
            return [json.loads(line) for line in process.stdout.splitlines()]

        lake = read_lake(folder / BUCKET, topic)
        rows = sum(compare(name, lake, answer).values())
        print(f"{name}: {len(lake.records)} records, {len(lake.daily)} days, {rows} rows of answers are the same", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        for name in made.LAKES:
            folder = pathlib.Path(scratch) / name
            made.write(name, folder / BUCKET, "quotes", "2026-01-02")
            check(name, folder, "quotes")
        for lake in sorted((ROOT / "tests/golden/lakes").iterdir()):
            if (lake / "data/quotes").is_dir() and lake.name not in UNCHECKED:
                folder = pathlib.Path(scratch) / f"golden-{lake.name}"
                folder.mkdir()
                (folder / BUCKET).symlink_to(lake)
                check(f"golden {lake.name}", folder, "quotes")


if __name__ == "__main__":
    main()
