"""Fills a lake through the whole pipeline: producer, Apache Kafka, the trigger with the sink, the embedded S3."""

import json
import os
import subprocess
import sys

import lab

BUCKET = "tickerlake"
PARTITIONS = 3
# As in template.yaml and `tickerlake run`. The default of `tickerlake trigger` is that of AWS, 100.
BATCH = 10_000
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def feed(folder, csv, records):
    """Returns the producer's arguments for about `records` records from a repeated CSV file, and the exact number."""
    with open(csv) as file:
        header, *rows = file.read().splitlines(keepends=True)
    repeat = -(-records // len(rows))
    # Rows are taken at even intervals from the whole file, so that a small number of records has many symbols, too.
    count = records // repeat
    rows = [rows[index * len(rows) // count] for index in range(count)]
    path = folder / f"{records}.csv"
    path.write_text("".join([header, *rows]))
    return [path, "--repeat", repeat], len(rows) * repeat


def producer(broker, topic, words):
    """Starts the producer, which exits when it has delivered all records."""
    return lab.Running([lab.program("producer"), "-b", broker, "-t", topic, *words], env=lab.ENVIRONMENT, **QUIET)


class Trigger:
    """`tickerlake trigger` with the sink, from a topic to the S3 over `folder`, which the variables `settings` describe."""

    def __init__(self, broker, topic, folder, settings, window, batch=BATCH):
        self.topic, self.bucket, self.log = topic, folder / settings["SINK_BUCKET"], folder / f"{topic}.trigger.log"
        words = ["--consumer-group-id", topic, "--batch-size", batch, "--maximum-batching-window-in-seconds", window]
        command = [lab.program("tickerlake"), "trigger", "-b", broker, "-t", topic, *words]
        with open(self.log, "w") as log:
            self.running = lab.Running(command, env=lab.ENVIRONMENT | settings, **QUIET | {"stderr": log})
        self.stopped = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.stopped:
            self.stop()

    def stop(self):
        """Stops the trigger and returns its cost."""
        self.stopped = True
        return self.running.stop()

    def wait_for(self, records):
        """Waits until this many records are stored according to the ledgers, which the sink writes last."""
        lab.wait_for(f"{records} stored records", lambda: self.stored() >= records)

    def stored(self):
        """Returns the number of stored records. Valid for topics whose offsets start at 0 and have no gaps."""
        exited = os.waitid(os.P_PID, self.running.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if exited is not None:
            sys.exit(f"the trigger has exited: {self.log.read_text()}")
        return sum(json.loads(ledger.read_text())["next"] for ledger in self.ledgers())

    def objects(self):
        """Returns the files of the topic's objects."""
        return sorted(self.bucket.glob(f"data/{self.topic}/*/*"))

    def ledgers(self):
        """Returns the files of the topic's ledgers."""
        return sorted(self.bucket.glob(f"ledger/{self.topic}/*.json"))
