"""Checks that the tables of template.yaml describe the objects that the function writes. See the functions check_*."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import feed
import independent
import made
import servers
import sets
from answers import Engines
from free_ports import free_ports
from function import Function
from history import History
from stack import Stack
from trino import Trino

DAY = 86400
# Golden lakes whose days Trino lists, by the topic that they get here.
GOLDEN = {"golden_day": "gzip-day", "golden_generations": "generations"}


def progress(text):
    print(f"catalog: {time.monotonic() - STARTED:5.1f} s  {text}", flush=True)


def expect_equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: {found!r} instead of {expected!r}")


class Pipeline:
    """Broker, S3 and trigger of `tickerlake up`, with the sink as a separate program in the template's environment."""

    def __init__(self, running, programs, stack, folder, s3_port):
        self.producer, self.tickerlake, self.sink = programs
        self.running, self.stack, self.folder = running, stack, folder
        self.s3 = f"http://127.0.0.1:{s3_port}"
        [self.broker] = free_ports(1)
        self.function = self.start_function(stack.environment)
        command = [self.tickerlake, "up", "--dir", folder, "--topic", stack.topic, "--port", self.broker]
        command += ["--s3-port", s3_port, "--function", self.function.url, "--format", "json"]
        program, log = running.start("up", command)
        servers.wait_for("tickerlake up", lambda: '"started"' in log.read_text(), program, log)

    def start_function(self, environment):
        return Function(self.running, self.sink, environment, self.s3)

    def feed(self, *files):
        """Feeds CSV files, waits until all records are stored, and returns how many were delivered."""
        before = self.function.stored
        command = [self.producer, "-b", f"127.0.0.1:{self.broker}", "-t", self.stack.topic, "--format", "json"]
        process = subprocess.run([*command, *files], stdout=subprocess.PIPE, check=True, timeout=servers.TIMEOUT)
        delivered = json.loads(process.stdout)["delivered"]
        servers.wait_for("the records to be stored", lambda: self.function.stored - before >= delivered)
        return delivered

    def feed_text(self, name, text):
        file = self.folder.parent / f"{name}.csv"
        file.write_text(text)
        return self.feed(file)

    def event(self, partition, first, days_ago, values, function=None):
        """Invokes the function with records that are `days_ago` days old, and returns their timestamp in ms."""
        timestamp = (int(time.time()) // DAY - days_ago) * DAY * 1000 + 43_200_123
        (function or self.function).invoke(feed.event(self.stack.topic, partition, first, timestamp, values))
        return timestamp

    def objects(self):
        return [path for path in (self.folder / servers.BUCKET / self.stack.prefix / "data").rglob("*") if path.is_file()]


def check_quarantine(pipeline, engines):
    """Invalid records are in the quarantine with reason and coordinates; the valid ones of the same event are rows."""
    invalid = [value for value, _ in feed.INVALID]
    timestamp = pipeline.event(7, 10, 2, invalid + feed.VALID)
    day = datetime.datetime.fromtimestamp(timestamp / 1000, datetime.UTC).strftime("%Y-%m-%d")
    sql = "SELECT * FROM quarantine ORDER BY kafka_topic, kafka_partition, kafka_offset"
    found = engines.compare("quarantine", sql)
    expect_equal(len(found), len(invalid), "records in the quarantine")
    for offset, ((value, reason), row) in enumerate(zip(feed.INVALID, found), 10):
        coordinates = [row["kafka_topic"], row["kafka_partition"], row["kafka_offset"], row["kafka_timestamp"], row["dt"]]
        expect_equal(coordinates, [engines.stack.topic, 7, offset, timestamp, day], "coordinates")
        if not row["reason"].startswith(reason):
            raise AssertionError(f"{value} has the reason {row['reason']!r}, not {reason!r}")
    progress(f"  {len(found)} invalid records in the quarantine, each with its reason and coordinates")


def check_tables(engines):
    """Compares every row and column of tables and view, because a query may hide that a value is wrong."""
    for name in "quotes", "quotes_timed", "quotes_latest", "daily":
        names = list(engines.tickerlake(f"SELECT * FROM {name} LIMIT 1")[0])
        unknown = set(names) - {column["Name"] for table in engines.stack.tables for column in table["StorageDescriptor"]["Columns"]}
        # Only locally do the views have the columns that the table does not declare.
        partitions = {"dt", "hour"} if name == "quotes" else {"dt"}
        # Athena's views have the same columns in every stack.
        metadata = set() if name == "quotes" else {"kafka_key", "kafka_headers"}
        selected = ", ".join(column for column in names if column not in (unknown - partitions) | metadata)
        key = "symbol, series, trade_date" if name == "daily" else "kafka_partition, kafka_offset, kafka_generation"
        rows = engines.compare(name, f"SELECT {selected} FROM {name} ORDER BY {key}")
        progress(f"  {name}: the same {len(rows):,} rows")


def check_answers(name, engines, bucket, may_be_empty=False):
    """Both engines give the answers that expected.py computes from the stored lines, without SQL.

    Trino reads the views that the stack itself creates.
    """
    lake = independent.read_lake(bucket / engines.stack.prefix, engines.stack.topic)

    def answer(path):
        return engines.compare(path.relative_to(independent.QUERIES), path.read_text(), path, may_be_empty)

    rows = independent.compare(name, lake, answer)
    counts = f"{len(lake.records):,} records, {len(lake.daily):,} days"
    progress(f"  {name}: {counts}, {len(rows)} queries with {sum(rows.values())} rows as computed without SQL")


def check_made_lakes(folder, s3_port, glue, trino, tickerlake):
    """Minute bars, ticks and a mixture, and golden lakes, as objects that exist before anything reads them."""
    day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(2)
    bucket = folder / servers.BUCKET
    with servers.Servers(folder.parent) as running:
        [port] = free_ports(1)
        command = [tickerlake, "up", "--dir", folder, "--topic", "unused", "--port", port, "--s3-port", s3_port]
        program, log = running.start("made", [*command, "--format", "json"])
        servers.wait_for("tickerlake up", lambda: '"started"' in log.read_text(), program, log)
        for name in [*made.LAKES, *GOLDEN]:
            given = {"Topic": name, "DatabaseName": name, "Prefix": f"{name}/"}
            given["FirstDate"] = str(day - datetime.timedelta(2)) if name in made.LAKES else "2026-11-19"
            stack = Stack(sets.ACCEPTED["bring-your-own"] | given)
            if name == "loose":
                stack.set_types("quotes", dict.fromkeys(["seq", "simulated", "bid", "ask"], "string"))
            stack.create(glue)
            if name in made.LAKES:
                made.write(name, bucket / name, name, day)
            else:
                for area in "data", "quarantine":
                    source = servers.ROOT / "tests/golden/lakes" / GOLDEN[name] / area / "quotes"
                    if source.is_dir():
                        shutil.copytree(source, bucket / name / area / name)
            engines = Engines(trino, stack, tickerlake, folder)
            if name != "loose":
                check_tables(engines)
            check_answers(name, engines, bucket, may_be_empty=True)


def check_history(pipeline, engines):
    """The history has each record of quotes once, in whatever order objects appear; see deploy/history/merge.sql."""
    history = History(engines.trino, engines.stack)
    # The first merge is late: all objects are old.
    old = time.time() - 10 * DAY
    for path in pipeline.objects():
        os.utime(path, (old, old))
    history.create()
    total = history.execute("SELECT count(*) FROM quotes").value()
    merged = history.merge()
    expect_equal((merged.changed, history.count()), (total, total), "rows that the first merge adds")
    history.expect_rows_of_quotes()
    expect_equal((history.merge().changed, history.count()), (0, total), "rows that a second merge adds")
    progress(f"  history: {total:,} rows merged, none by a second merge")

    # Four kinds of new records: of an old day; in another partition with the same offsets; of the next generation with the
    # coordinates of the previous one; of today. And a row of another topic with the coordinates of the first kind.
    history.execute("INSERT INTO quotes_history (kafka_topic, kafka_partition, kafka_offset) VALUES ('other', 7, 20)")
    pipeline.event(7, 20, 2, feed.quotes("OLD", range(1, 4)))
    pipeline.event(8, 20, 1, feed.quotes("PARTITION", range(1, 3)))
    next_generation = pipeline.start_function(engines.stack.environment | {"SINK_TOPIC_GENERATION": "1"})
    pipeline.event(7, 20, 0, feed.quotes("GENERATION", range(1, 3)), next_generation)
    more = 7 + pipeline.feed_text("more", feed.rows("MORE", 40))
    merged = history.merge()
    expect_equal(merged.changed, more, "new rows that were merged")
    history.expect_rows_of_quotes()
    expect_equal(history.merge().changed, 0, "rows that another merge adds")
    progress(f"  history: {more} new records of four kinds, {more} merged")

    # Almost a hundred times as many rows of another day, already merged.
    known = history.count()
    others = 100_000
    history.execute(
        f"INSERT INTO quotes_history (kafka_topic, kafka_partition, kafka_offset, dt, stored_at) "
        f"SELECT '{engines.stack.topic}', 11, n, '2020-01-01', TIMESTAMP '2020-01-01 00:00:00' "
        f"FROM (SELECT a.n * 1000 + b.n AS n FROM unnest(sequence(1, {others // 1000})) AS a (n), unnest(sequence(0, 999)) AS b (n))"
    )

    # A late object: it became visible after a merge, and is older than the newest object of that merge.
    before = set(pipeline.objects())
    pipeline.event(9, 0, 1, feed.quotes("LATE", range(1, 6)))
    for path in set(pipeline.objects()) - before:
        os.utime(path, (time.time() - DAY / 2,) * 2)
    merged = history.merge()
    expect_equal(merged.changed, 5, "merged rows of a late object")
    history.execute("DELETE FROM quotes_history WHERE dt = '2020-01-01'", catalog="iceberg")
    history.expect_rows_of_quotes()
    # A merge reads all of the history for the newest stored_at, then only the days of the new rows to compare with them. Of
    # quotes, it reads no old rows.
    read = merged.read_rows - (known + others) - known
    if read > total / 2:
        raise AssertionError(f"a merge of 5 rows reads {read:,} rows too many: of quotes, which has {total:,}, or of other days")
    # Copies of an object: one made before the object was merged, and one made after.
    before = set(pipeline.objects())
    pipeline.event(10, 0, 1, feed.quotes("COPIED", range(1, 4)))
    [path] = set(pipeline.objects()) - before
    for number, changed in ("1", 3), ("2", 0):
        shutil.copy(path, path.with_name(path.name.replace("00010-", f"00010-{number}-")))
        expect_equal(history.merge().changed, changed, "merged rows of an object and its copies")
    for copied in path.parent.glob("00010-?-*"):
        copied.unlink()
    history.expect_rows_of_quotes()
    files = history.count_files()
    history.optimize()
    history.expect_rows_of_quotes()
    progress(f"  history: a late object merged after reading {read:,} rows of quotes; {files} files compacted to {history.count_files()} with the same rows")
    return history


def check(running, programs, stack, folder, s3_port, glue, trino, files):
    stack.create(glue)
    pipeline = Pipeline(running, programs, stack, folder, s3_port)
    delivered = pipeline.feed(*files) + pipeline.feed_text("damaged", feed.damaged())
    progress(f"{stack.topic}, by {stack.environment['SINK_PARTITION_BY']}: {delivered:,} records stored")
    engines = Engines(trino, stack, programs[1], folder)
    check_quarantine(pipeline, engines)
    check_tables(engines)
    check_answers(stack.topic, engines, folder / servers.BUCKET)
    check_history(pipeline, engines)


def main():
    producer, tickerlake, sink, *files = sys.argv[1:]
    programs = [pathlib.Path(program).resolve() for program in (producer, tickerlake, sink)]
    files = [pathlib.Path(file).resolve() for file in files or [servers.ROOT / "data/us-stocks-sample.csv"]]
    first = {"FirstDate": str(datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(4))}
    stacks = [
        Stack(sets.ACCEPTED["bring-your-own"] | first),
        Stack(sets.ACCEPTED["hourly"] | first | {"DatabaseName": "hourly"}),
    ]
    with tempfile.TemporaryDirectory(prefix="tickerlake-catalog-") as folder, servers.Servers(pathlib.Path(folder)) as running:
        folder = pathlib.Path(folder)
        s3_port, glue = *free_ports(1), running.glue()
        trino = Trino(running.trino(glue, f"http://127.0.0.1:{s3_port}"))
        progress("Trino and Glue are running")
        check_made_lakes(folder / "made", s3_port, glue, trino, programs[1])
        for stack in stacks:
            with servers.Servers(folder) as stack_servers:
                check(stack_servers, programs, stack, folder / "lake", s3_port, glue, trino, files)
    progress("all checks passed")


STARTED = time.monotonic()
if __name__ == "__main__":
    # Exit by an exception, so that the servers are stopped in any case.
    for handled in signal.SIGTERM, signal.SIGHUP:
        signal.signal(handled, lambda number, _: sys.exit(128 + number))
    main()
