"""The catalog is true: what template.yaml says of the tables holds of what the function writes. See the functions."""

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
import servers
from answers import Both
from function import Function
from history import History
from stack import Stack, sets
from trino import Trino

DAY = 86400
QUERIES = servers.ROOT / "queries"


def step(text):
    print(f"catalog: {time.monotonic() - BEGUN:5.1f} s  {text}", flush=True)


def equal(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


class Pipeline:
    """Broker, S3 and trigger of `tickerlake up`; the function is the sink's own program, in the template's environment."""

    def __init__(self, running, programs, stack, folder, s3_port):
        self.producer, self.tickerlake, self.sink = programs
        self.running, self.stack, self.folder = running, stack, folder
        self.s3 = f"http://127.0.0.1:{s3_port}"
        self.broker = servers.free_port()
        self.function = self.start_function(stack.environment)
        command = [self.tickerlake, "up", "--dir", folder, "--topic", stack.topic, "--port", self.broker]
        command += ["--s3-port", s3_port, "--function", self.function.url, "--format", "json"]
        program, log = running.start("up", command)
        servers.wait_for("tickerlake up", lambda: '"started"' in log.read_text(), program, log)

    def start_function(self, environment):
        return Function(self.running, self.sink, environment, self.s3)

    def feed(self, *files):
        """Returns how many records were delivered; they are stored by then."""
        before = self.function.stored
        command = [self.producer, "-b", f"127.0.0.1:{self.broker}", "-t", self.stack.topic, "--format", "json"]
        ran = subprocess.run([*command, *files], stdout=subprocess.PIPE, check=True, timeout=servers.LIMIT)
        delivered = json.loads(ran.stdout)["delivered"]
        servers.wait_for("the records to be stored", lambda: self.function.stored - before >= delivered)
        return delivered

    def feed_text(self, name, text):
        file = self.folder.parent / f"{name}.csv"
        file.write_text(text)
        return self.feed(file)

    def event(self, partition, first, days_ago, values, function=None):
        """Invokes the function with records that were sent so many days ago. Returns when."""
        sent = (int(time.time()) // DAY - days_ago) * DAY * 1000 + 43_200_123
        (function or self.function).invoke(feed.event(self.stack.topic, partition, first, sent, values))
        return sent

    def objects(self):
        return [path for path in (self.folder / servers.BUCKET / self.stack.prefix / "data").rglob("*") if path.is_file()]


def poison_is_put_aside(pipeline, both):
    """Poison records are in the quarantine, with reason and coordinates; the good ones beside them are rows."""
    poison = [value for value, _ in feed.POISON]
    sent = pipeline.event(7, 10, 2, poison + feed.GOOD)
    day = datetime.datetime.fromtimestamp(sent / 1000, datetime.UTC).strftime("%Y-%m-%d")
    sql = "SELECT * FROM quarantine ORDER BY kafka_topic, kafka_partition, kafka_offset"
    found = both.same("quarantine", sql)
    equal(len(found), len(poison), "records in the quarantine")
    for offset, ((value, reason), row) in enumerate(zip(feed.POISON, found), 10):
        where = [row["kafka_topic"], row["kafka_partition"], row["kafka_offset"], row["kafka_timestamp"], row["dt"]]
        equal(where, [both.stack.topic, 7, offset, sent, day], "coordinates")
        if not row["reason"].startswith(reason):
            raise AssertionError(f"{value} is in the quarantine for {row['reason']!r}, not {reason!r}")
    step(f"  {len(found)} poison records in the quarantine, each with its reason and coordinates")


def tables_are_the_same(both):
    """Every row and column of tables and view, first: a query may not show that a value is wrong."""
    for name in "quotes", "quotes_latest":
        names = list(both.tickerlake(f"SELECT * FROM {name} LIMIT 1")[0])
        unknown = set(names) - {column["Name"] for table in both.stack.tables for column in table["StorageDescriptor"]["Columns"]}
        listed = ", ".join(column for column in names if column not in unknown - {"dt", "hour"})
        key = "kafka_partition, kafka_offset"
        rows = both.same(name, f"SELECT {listed} FROM {name} ORDER BY {key}")
        step(f"  {name}: {len(rows):,} rows, the same")


def queries_are_the_same(both):
    """All of queries/, which needs the view: it is there without anyone having made it."""
    files = [path for path in sorted(QUERIES.rglob("*.sql")) if path.parent.name != "views"]
    counts = []
    for path in files:
        rows = both.same(path.relative_to(QUERIES), path.read_text(), path)
        counts.append(f"{path.stem} {len(rows)}")
    step(f"  {len(files)} queries, the same rows: {', '.join(counts)}")


def history_is_kept(pipeline, both):
    """Each record of quotes once, whatever comes when; see history/merge.sql."""
    history = History(both.trino, both.stack)
    # The merge is late, and what it merges is old.
    old = time.time() - 10 * DAY
    for path in pipeline.objects():
        os.utime(path, (old, old))
    history.create()
    total = history.ask("SELECT count(*) FROM quotes").value()
    merged = history.merge()
    equal((merged.changed, history.count()), (total, total), "rows that the first merge adds")
    history.has_the_rows_of_quotes()
    equal((history.merge().changed, history.count()), (0, total), "rows that a second merge adds")
    step(f"  history: {total:,} rows merged, none by a second merge")

    # Of an old day; in a partition with offsets that another has; of the next generation, with coordinates that the
    # one before has; of today. And a row of another topic with the coordinates of the first.
    history.ask("INSERT INTO quotes_history (kafka_topic, kafka_partition, kafka_offset) VALUES ('other', 7, 20)")
    pipeline.event(7, 20, 2, feed.quotes("OLD", range(1, 4)))
    pipeline.event(8, 20, 1, feed.quotes("PARTITION", range(1, 3)))
    following = pipeline.start_function(both.stack.environment | {"SINK_TOPIC_GENERATION": "1"})
    pipeline.event(7, 20, 0, feed.quotes("GENERATION", range(1, 3)), following)
    more = 7 + pipeline.feed_text("more", feed.rows("MORE", 40))
    merged = history.merge()
    equal(merged.changed, more, "rows that were stored since, and merged")
    history.has_the_rows_of_quotes()
    equal(history.merge().changed, 0, "rows that another merge adds")
    step(f"  history: {more} records of four kinds stored since, {more} merged")

    # What was merged of another day, almost a hundred times as much.
    known = history.count()
    others = 100_000
    history.ask(
        f"INSERT INTO quotes_history (kafka_topic, kafka_partition, kafka_offset, dt, stored_at) "
        f"SELECT '{both.stack.topic}', 11, n, '2020-01-01', TIMESTAMP '2020-01-01 00:00:00' "
        f"FROM (SELECT a.n * 1000 + b.n AS n FROM unnest(sequence(1, {others // 1000})) AS a (n), unnest(sequence(0, 999)) AS b (n))"
    )

    # An object that became visible after a merge, and is older than the newest that this has merged.
    before = set(pipeline.objects())
    pipeline.event(9, 0, 1, feed.quotes("LATE", range(1, 6)))
    for path in set(pipeline.objects()) - before:
        os.utime(path, (time.time() - DAY / 2,) * 2)
    merged = history.merge()
    equal(merged.changed, 5, "rows of a late object that were merged")
    history.ask("DELETE FROM quotes_history WHERE dt = '2020-01-01'", catalog="iceberg")
    history.has_the_rows_of_quotes()
    # All of the history is read for the newest stored_at, and to be compared with what is new only what is of its days;
    # of quotes, nothing that is old.
    read = merged.read_rows - (known + others) - known
    if read > total / 2:
        raise AssertionError(f"a merge of 5 rows reads {read:,} rows that it need not: of quotes, which has {total:,}, or of other days")
    # An object that somebody has copied: before it was merged, and after.
    before = set(pipeline.objects())
    pipeline.event(10, 0, 1, feed.quotes("COPIED", range(1, 4)))
    [path] = set(pipeline.objects()) - before
    for number, changed in ("1", 3), ("2", 0):
        shutil.copy(path, path.with_name(path.name.replace("00010-", f"00010-{number}-")))
        equal(history.merge().changed, changed, "rows of an object and its copies that were merged")
    for copied in path.parent.glob("00010-?-*"):
        copied.unlink()
    history.has_the_rows_of_quotes()
    files = history.files()
    history.optimize()
    history.has_the_rows_of_quotes()
    step(f"  history: a late object merged, {read:,} rows of quotes read for it; {files} files made {history.files()}, the rows the same")
    return history


def check(running, programs, stack, folder, s3_port, glue, trino, files):
    stack.create(glue)
    pipeline = Pipeline(running, programs, stack, folder, s3_port)
    delivered = pipeline.feed(*files) + pipeline.feed_text("damaged", feed.damaged())
    step(f"{stack.topic}, by {stack.environment['SINK_PARTITION_BY']}: {delivered:,} records stored")
    both = Both(trino, stack, programs[1], folder)
    poison_is_put_aside(pipeline, both)
    tables_are_the_same(both)
    queries_are_the_same(both)
    history_is_kept(pipeline, both)


def main():
    producer, tickerlake, sink, *files = sys.argv[1:]
    programs = [pathlib.Path(program).resolve() for program in (producer, tickerlake, sink)]
    files = [pathlib.Path(file).resolve() for file in files or [servers.ROOT / "data/us-stocks-sample.csv"]]
    first = {"FirstDate": str(datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(4))}
    stacks = [
        Stack(sets.TAKEN["bring-your-own"] | first),
        Stack(sets.TAKEN["hourly"] | first | {"DatabaseName": "hourly"}),
    ]
    with tempfile.TemporaryDirectory(prefix="tickerlake-catalog-") as folder, servers.Servers(pathlib.Path(folder)) as running:
        folder = pathlib.Path(folder)
        s3_port, glue = servers.free_port(), running.glue()
        trino = Trino(running.trino(glue, f"http://127.0.0.1:{s3_port}"))
        step("Trino and Glue are up")
        for stack in stacks:
            with servers.Servers(folder) as own:
                check(own, programs, stack, folder / "lake", s3_port, glue, trino, files)
    step("all well")


BEGUN = time.monotonic()
if __name__ == "__main__":
    # The servers end with the check, however it ends.
    for asked in signal.SIGTERM, signal.SIGHUP:
        signal.signal(asked, lambda number, _: sys.exit(128 + number))
    main()
