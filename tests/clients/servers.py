"""The brokers that the matrix and the differential test talk to."""

import atexit
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import clients
import protocol

HERE = os.path.dirname(os.path.abspath(__file__))


class Apache:
    """An Apache Kafka of this process, killed when the process exits."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="matrix-kafka-")
        start = os.path.join(HERE, "..", "apache-kafka", "start")
        # Many clients at once may keep a broker from the processor for seconds, after which it is fenced. It is not restarted.
        self.process = subprocess.Popen([start, "--while-stdin", self.folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={"KAFKA_SESSION_TIMEOUT_MS": "60000", **os.environ})
        atexit.register(self.stop)
        self.server = None
        for line in self.process.stdout:
            word, _, value = line.strip().partition(" ")
            if word == "plaintext":
                self.server = value
            if word == "ready":
                return
        raise SystemExit("Apache Kafka does not start")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


class Up:
    """A `tickerlake up` of this process, with its default settings except for those in `settings`."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="matrix-up-")
        # Free ports and an empty folder, so that a run disturbs no other; JSON, because it is read here.
        self.settings = ["--port", "0", "--s3-port", "0", "--dir", os.path.join(self.folder.name, "lake"), "--format", "json"]
        self.log = open(os.path.join(self.folder.name, "log"), "w+", errors="replace")
        self.process = subprocess.Popen([program, "up", *self.settings], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, start_new_session=True)
        atexit.register(self.stop)
        for line in self.process.stdout:
            started = json.loads(line)
            if started["type"] == "started":
                self.server = started["broker"]
                # Its progress is not used, but has to be read.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise SystemExit(f"tickerlake up does not start: {self.messages()}")

    def messages(self):
        self.log.seek(0)
        return self.log.read()

    def faults(self):
        """Returns what went wrong in the broker itself, whatever the clients saw of it."""
        lines = [line.strip() for line in self.messages().splitlines() if "panicked" in line or " ERROR " in line]
        if self.process.poll() is not None:
            lines.append(f"tickerlake up exited with code {self.process.returncode}: {self.messages()[-500:]}")
        return lines

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.folder.cleanup()


def create_topics(server, prefix):
    """Creates a client's topics and waits until the broker shows them."""
    connection = protocol.Connection(server, timeout=30)
    topics = [{"Name": f"{prefix}-{name}", "NumPartitions": count, "ReplicationFactor": 1,
               "Configs": [{"Name": "retention.ms", "Value": "-1"}]}
              for name, count in clients.TOPICS.items()]
    answer = connection.call("CreateTopics", 5, {"Topics": topics, "timeoutMs": 20000})
    failed = [topic for topic in answer["Topics"] if topic["ErrorCode"]]
    if failed:
        raise RuntimeError(f"{server} does not create topics: {failed[0]}")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = connection.call("Metadata", 5, {"Topics": [{"Name": one["Name"]} for one in topics],
                                                 "AllowAutoTopicCreation": False})
        # Apache Kafka shows partitions before it serves them.
        if all(not topic["ErrorCode"] for topic in answer["Topics"]) and _serves(connection, topics):
            break
        time.sleep(0.05)
    connection.close()


def _serves(connection, topics):
    answer = connection.call("ListOffsets", 4, {"ReplicaId": -1, "Topics": [
        {"Name": one["Name"], "Partitions": [{"PartitionIndex": index, "Timestamp": -1, "CurrentLeaderEpoch": -1}
                                             for index in range(one["NumPartitions"])]} for one in topics]})
    return not any(one["ErrorCode"] for topic in answer["Topics"] for one in topic["Partitions"])


def warm_up(server):
    """Has the broker create its internal topics, which Apache Kafka does when the first client looks for a coordinator."""
    loading = (14, 15, 16)
    group, transactions = 0, 1
    requests = [("FindCoordinator", 3, {"Key": "warm-up", "KeyType": group}),
                ("FindCoordinator", 3, {"Key": "warm-up", "KeyType": transactions}),
                ("Heartbeat", 3, {"GroupId": "warm-up", "GenerationId": 1, "MemberId": "none"}),
                ("InitProducerId", 1, {"TransactionalId": "warm-up", "TransactionTimeoutMs": 60000})]
    connection = protocol.Connection(server, timeout=30)
    for name, version, body in requests:
        deadline = time.monotonic() + 30
        while connection.call(name, version, body)["ErrorCode"] in loading:
            if time.monotonic() > deadline:
                raise SystemExit(f"{server} still loads its state after 30 s")
            time.sleep(0.1)
    connection.close()


def use_transactions_of_clients_before_4(server):
    """Lowers a feature of Apache Kafka that the embedded broker lacks, and that changes the epochs of transactions."""
    connection = protocol.Connection(server, timeout=30)
    answer = connection.call("UpdateFeatures", 1, {"timeoutMs": 10000, "FeatureUpdates": [
        {"Feature": "transaction.version", "MaxVersionLevel": 1, "UpgradeType": 2}]})
    if answer["ErrorCode"] or any(one["ErrorCode"] for one in answer.get("Results", [])):
        raise SystemExit(f"{server} does not lower transaction.version: {answer}")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        versions = connection.call("ApiVersions", 3, {"ClientSoftwareName": "tests", "ClientSoftwareVersion": "1"})
        levels = {one["Name"]: one["MaxVersionLevel"] for one in versions["FinalizedFeatures"]}
        if levels.get("transaction.version") == 1:
            connection.close()
            return
        time.sleep(0.05)
    raise SystemExit(f"{server} still has another transaction.version after 30 s")
