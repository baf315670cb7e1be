"""A lake that is filled through the whole path: Apache Kafka, the trigger with the sink in it, the embedded S3."""

import json
import os
import subprocess
import sys

import lab

BUCKET = "tickerlake"
PARTITIONS = 3
# As template.yaml and `tickerlake run` have it; `tickerlake trigger` by itself has AWS's own, 100.
BATCH = 10_000
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def feed(folder, csv, records):
    """What makes the producer send about so many records, a file's rows again and again; and how many they are."""
    with open(csv) as file:
        header, *rows = file.read().splitlines(keepends=True)
    repeat = -(-records // len(rows))
    # Of all its parts alike, so that each symbol has its share among few records too.
    most = records // repeat
    rows = [rows[place * len(rows) // most] for place in range(most)]
    path = folder / f"{records}.csv"
    path.write_text("".join([header, *rows]))
    return [path, "--repeat", repeat], len(rows) * repeat


def producer(broker, topic, words):
    """The producer, under way; it ends by itself."""
    return lab.Running([lab.program("producer"), "-b", broker, "-t", topic, *words], env=lab.OWN, **QUIET)


class Trigger:
    """`tickerlake trigger` with the sink in it, from a topic into the S3 over `folder` that `settings` tell of."""

    def __init__(self, broker, topic, folder, settings, window, batch=BATCH):
        self.topic, self.bucket, self.log = topic, folder / settings["SINK_BUCKET"], folder / f"{topic}.trigger.log"
        words = ["--consumer-group-id", topic, "--batch-size", batch, "--maximum-batching-window-in-seconds", window]
        command = [lab.program("tickerlake"), "trigger", "-b", broker, "-t", topic, *words]
        with open(self.log, "w") as log:
            self.running = lab.Running(command, env=lab.OWN | settings, **QUIET | {"stderr": log})
        self.stopped = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.stopped:
            self.stop()

    def stop(self):
        """Ends it; what it cost."""
        self.stopped = True
        return self.running.stop()

    def wait_for(self, records):
        """Waits until so many records of the topic are stored: a partition's ledger says so, which is written last."""
        lab.wait_for(f"{records} stored records", lambda: self.stored() >= records)

    def stored(self):
        """Records that are stored; the topic's first offset is 0 and none of its offsets is left out."""
        ended = os.waitid(os.P_PID, self.running.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            sys.exit(f"the trigger has ended: {self.log.read_text()}")
        return sum(json.loads(ledger.read_text())["next"] for ledger in self.ledgers())

    def objects(self):
        """The files that are the topic's objects."""
        return sorted(self.bucket.glob(f"data/{self.topic}/*/*"))

    def ledgers(self):
        """The files that are the topic's ledgers."""
        return sorted(self.bucket.glob(f"ledger/{self.topic}/*.json"))
