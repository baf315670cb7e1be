"""The clients of the matrix: their versions, how they are installed, and how they are run."""

import os
import shutil
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATIONS = {
    "produce": "records with headers, with each codec that the client has",
    "idempotent": "records of an idempotent producer",
    "consume": "read without a group what `produce` wrote",
    "group": "read in a group, commit, and continue after a restart",
    "share": "two members share four partitions, then one leaves",
    "static": "a static member returns without a rebalance; a second one with its id fences it",
    "time": "offsets of timestamps, of the start, the end and the newest record",
    "topics": "create, describe, configure, extend and delete a topic; delete records",
    "groups": "list, describe, reset and delete a group and its offsets",
    "transactions": "commit, abort, commit offsets, fence; read committed and uncommitted",
    "bulk": "send and read 20,000 records",
    "console": "Java: console producer and consumer, kafka-consumer-groups",
    "tools": "Java: kafka-topics, -configs, -get-offsets, -delete-records, -log-dirs, -cluster, -broker-api-versions",
    "perf": "Java: performance tests of producer, transactions, consumer and latency; kafka-transactions",
}
# Topics that the driver creates before a client runs: their names after the prefix, and their partitions.
TOPICS = {"produce": 1, "idempotent": 1, "group": 2, "share": 4, "static": 2, "time": 1, "transactions": 1, "bulk": 2}


def parts():
    """Returns the folder of the clients."""
    return os.path.join(os.environ.get("TICKERLAKE_PARTS") or os.path.join(HERE, "..", "..", ".parts"), "clients")


@dataclass
class Client:
    """One client in one version. `program` is below this folder."""

    kind: str
    program: str
    version: str = ""
    ci: bool = False
    extra: dict = field(default_factory=dict)


CLIENTS = {
    "kcat": Client("system", "kcat/kcat", ci=True),
    "confluent-kafka": Client("python", "python/confluent.py", "2.16.1", ci=True),
    "kafka-python-2.0.2": Client("python", "python/kafka_python.py", "2.0.2", ci=True),
    "kafka-python-2.1.5": Client("python", "python/kafka_python.py", "2.1.5", ci=True),
    "kafka-python-3.0.12": Client("python", "python/kafka_python.py", "3.0.12", ci=True),
    "aiokafka": Client("python", "python/aio.py", "0.14.0", ci=True),
    "franz-go": Client("go", "go/franz", "1.22.3", ci=True),
    "sarama-1.23.1": Client("go", "go/sarama", "1.23.1", ci=True, extra={"flags": ["-modfile=old.mod", "-tags=old"]}),
    "sarama-1.61.1": Client("go", "go/sarama", "1.61.1", ci=True),
    "kafka-go": Client("go", "go/segmentio", "0.4.51", ci=True),
    "java-2.8.2": Client("java", "java", "2.8.2"),
    "java-3.7.2": Client("java", "java", "3.7.2"),
    "java-3.9.1": Client("java", "java", "3.9.1"),
    "java-4.2.0": Client("java", "java", "4.2.0"),
    "java-4.4.0": Client("java", "java", "4.4.0"),
    "kafkajs": Client("node", "node/kafkajs", "2.2.4"),
    "platformatic": Client("node", "node/platformatic", "1.35.0"),
    "confluent-javascript": Client("node", "node/confluent", "1.10.1", extra={
        "flags": ["--ignore-scripts"], "environment": {"CKJS_LINKING": "dynamic"},
        "then": [("node_modules/@confluentinc/kafka-javascript", "npx", "node-pre-gyp", "install", "--build-from-source")]}),
}


def command(name):
    """Returns the command that runs a client; the servers, the operations and the prefix follow it."""
    client, folder = CLIENTS[name], os.path.join(parts(), name)
    program = os.path.join(HERE, client.program)
    if client.kind == "python":
        return [os.path.join(folder, "bin", "python"), "-B", program]
    if client.kind == "go":
        return [os.path.join(folder, "client")]
    if client.kind == "java":
        return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp",
                os.path.join(folder, "*") + os.pathsep + folder, "Client"]
    if client.kind == "node":
        return ["node", os.path.join(folder, "client.js")]
    return [program]


def chosen(names, ci):
    """Returns the named clients, those of CI, or all."""
    unknown = [name for name in names if name not in CLIENTS]
    if unknown:
        raise SystemExit(f"unknown client {unknown[0]}; known are {', '.join(CLIENTS)}")
    return names or [name for name, client in CLIENTS.items() if client.ci or not ci]


def installed(name):
    """Returns whether the client is installed."""
    if CLIENTS[name].kind == "system":
        return shutil.which(name) is not None
    return os.path.exists(os.path.join(parts(), name, "installed"))
