"""The requests of the differential test: how each is made from a step, and what of its answer is compared.

A step is a dictionary of symbols (topic `t0`, member `m1`, producer `p0`), so the same steps can be sent to two brokers
that give out different ids. A `Target` is one broker: it knows what each symbol means there.
"""

import random
import struct
import time
import uuid

import protocol
from protocol import Disconnected, DecodeError, Unanswered, batch, batch_headers

TOPICS = ("t0", "t1", "t2")
GROUPS = ("g0", "g1")
MEMBERS = ("m0", "m1", "m2")
PRODUCERS = ("p0", "p1")
TRANSACTIONAL = ("x0", "x1")
CONFIGS = ("cleanup.policy", "retention.ms", "retention.bytes", "segment.bytes", "max.message.bytes", "compression.type",
           "message.timestamp.type")
# Fields that say nothing about the request: texts, addresses, sizes on disk, durations.
IGNORED = {"ThrottleTimeMs", "ErrorMessage", "Host", "Port", "Rack", "ClusterId", "LogDir", "TotalBytes", "UsableBytes",
           "Size", "PartitionSize", "Documentation", "Synonyms", "ClientHost", "NodeEndpoints", "TransactionStartTimeMs",
           "LastTimestamp", "ReplicaDirectoryId", "EndpointType", "RecordErrors"}
MEMBER_FIELDS = {"MemberId", "Leader"}
# The window of timestamps that a run gives its records, from its start on.
WINDOW = 1_000_000
# An answer that is not there after this time waits for another request.
GRACE = 0.25


class Target:
    """One broker, and what the symbols of one sequence mean there."""

    def __init__(self, server):
        self.server = server
        connection = protocol.Connection(server, timeout=30)
        answer = connection.call("ApiVersions", 3, {"ClientSoftwareName": "tests", "ClientSoftwareVersion": "1"})
        connection.close()
        self.apis = {one["ApiKey"]: (one["MinVersion"], one["MaxVersion"]) for one in answer["ApiKeys"]}
        self.connections = {}
        # A topic of this object, for requests that are not compared.
        self.own_topic = None

    def begin(self, prefix, base):
        """Forgets the symbols of the sequence before."""
        for connection in self.connections.values():
            connection.close()
        self.prefix, self.base = prefix, base
        self.connections, self.waiting = {}, {}
        self.ids, self.members, self.generations = {}, {}, {}
        self.producers, self.sequences = {}, {}

    # --- symbols

    def name(self, symbol):
        return f"{self.prefix}-{symbol}"

    def symbol(self, name):
        return name[len(self.prefix) + 1:] if isinstance(name, str) and name.startswith(self.prefix + "-") else name

    def topic_id(self, topic):
        return self.ids.get(topic, uuid.UUID(int=7))

    def member_id(self, step):
        kind = step.get("id", "known")
        if kind == "known":
            return self.members.get((step["group"], step["member"]), "")
        return {"none": "", "bogus": "bogus-id"}[kind]

    def generation(self, step):
        known = self.generations.get((step["group"], step["member"]), -1)
        return {"known": known, "old": known - 1, "none": -1}[step.get("generation", "known")]

    def topics_by(self, version, first, topic):
        """Names a topic as the version does: by name, or by id from `first` on."""
        return {"TopicId": self.topic_id(topic)} if version >= first else {"Name": self.name(topic)}

    # --- requests

    def connection(self, slot):
        if slot not in self.connections:
            self.connections[slot] = protocol.Connection(self.server, timeout=30)
        return self.connections[slot]

    def exchange(self, slot, name, version, body, grace=None, answered=True):
        """Sends a request and returns its answer, or how it went wrong."""
        try:
            connection = self.connection(slot)
            connection.send(name, version, body)
            if not answered:
                connection.pending.pop()
                return {}
            return connection.receive(grace)
        except Unanswered:
            return {"failure": "no answer yet"}
        except (Disconnected, DecodeError, ConnectionError) as error:
            self.connections.pop(slot).close()
            kind = "disconnected" if not isinstance(error, DecodeError) else f"not decodable: {error}"
            return {"failure": kind}

    def collect(self):
        """Returns the answers that have arrived for requests that had to wait."""
        found = {}
        for slot in sorted(self.waiting):
            step, learn = self.waiting[slot]
            try:
                answer = self.connection(slot).receive(0.04)
            except Unanswered:
                continue
            except (Disconnected, DecodeError) as error:
                self.connections.pop(slot).close()
                answer = {"failure": type(error).__name__}
            del self.waiting[slot]
            learn(step, answer)
            found[slot] = self.plain(answer)
        return found

    # --- answers

    def plain(self, value, field=""):
        """Returns an answer without what differs from broker to broker or from run to run."""
        if isinstance(value, dict):
            return {key: self.plain(one, key) for key, one in value.items() if key not in IGNORED}
        if isinstance(value, list):
            return sorted((self.plain(one, field) for one in value), key=repr)
        if isinstance(value, uuid.UUID):
            known = [topic for topic, one in self.ids.items() if one == value]
            return known[0] if known else ("zero" if value.int == 0 else "id 7" if value.int == 7 else "another id")
        if field in MEMBER_FIELDS and isinstance(value, str) and value not in ("", "bogus-id"):
            known = sorted(slot for (_, slot), one in self.members.items() if one == value)
            return "/".join(known) or "another member"
        if field == "Records":
            return [self.plain(one) for one in batch_headers(value or b"")]
        if field in ("ProducerId", "producer") and value >= 0:
            known = [slot for slot, (number, _) in self.producers.items() if number == value]
            return known[0] if known else "another producer"
        if isinstance(value, int) and self.base <= value < self.base + WINDOW:
            return f"base+{value - self.base}"
        if isinstance(value, int) and value > 1_500_000_000_000 and value < 1 << 50:
            return "now"
        if isinstance(value, bytes):
            return value.replace(self.prefix.encode(), b"prefix")
        return self.symbol(value)

    def run(self, step):
        """Carries out one step and returns what of its answer is compared."""
        slot = step.get("member") or step.get("producer") or "main"
        if slot in self.waiting:
            return {"skipped": "an earlier request of this connection waits"}
        api, version, body, learn, settings = MAKERS[step["make"]](self, step)
        answer = self.exchange(slot, api, version, body, settings.get("grace"), settings.get("answered", True))
        if answer.get("failure") == "no answer yet":
            self.waiting[slot] = (step, learn)
        else:
            learn(step, answer)
        if settings.get("keep"):
            answer = settings["keep"](answer)
        return self.plain(answer)

    def settle(self, expected):
        """Waits until Metadata shows a topic with these partitions, or none: Kafka answers before it has applied a change."""
        for topic, partitions in expected.items():
            for _ in range(100):
                answer = self.connection("settle").call("Metadata", 5, {
                    "Topics": [{"Name": self.name(topic)}], "AllowAutoTopicCreation": False})["Topics"][0]
                if len(answer["Partitions"]) == partitions and self.leads(topic, partitions):
                    break
                time.sleep(0.02)

    def show_groups(self):
        """Commits an offset in another group. Apache Kafka shows groups as they were when it last wrote something."""
        connection = self.connection("settle")
        if not self.own_topic:
            self.own_topic = f"differential-{uuid.uuid4().hex[:8]}"
            connection.call("CreateTopics", 4, {"Topics": [{"Name": self.own_topic, "NumPartitions": 1, "ReplicationFactor": 1}],
                                                "timeoutMs": 10000})
        for _ in range(100):
            answer = connection.call("OffsetCommit", 5, {"GroupId": self.own_topic, "GenerationIdOrMemberEpoch": -1, "Topics": [
                {"Name": self.own_topic, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 1, "CommittedMetadata": ""}]}]})
            if answer["Topics"][0]["Partitions"][0]["ErrorCode"] == 0:
                return
            time.sleep(0.02)
        raise SystemExit(f"{self.server} does not commit offsets: {answer}")

    def leads(self, topic, partitions):
        """Returns whether the broker serves all partitions, which may be later than that it shows them."""
        if partitions == 0:
            return True
        answer = self.connection("settle").call("ListOffsets", 4, {"ReplicaId": -1, "Topics": [
            {"Name": self.name(topic), "Partitions": [{"PartitionIndex": index, "Timestamp": -1, "CurrentLeaderEpoch": -1}
                                                      for index in range(partitions)]}]})
        return not any(one["ErrorCode"] for one in answer["Topics"][0]["Partitions"])


def subscription(target, topics):
    """Returns a consumer's metadata, version 0. Apache Kafka does not answer some joins if the bytes are not valid metadata."""
    names = [target.name(topic).encode() for topic in topics]
    return struct.pack(">hi", 0, len(names)) + b"".join(struct.pack(">h", len(one)) + one for one in names) + b"\xff" * 4


def nothing(step, answer):
    pass


# --- each kind of request: from a step to (API, version, body, what to remember of the answer, settings)

MAKERS = {}


def maker(function):
    MAKERS[function.__name__] = function
    return function


@maker
def create_topics(target, step):
    topics = []
    for one in step["topics"]:
        topic = {"Name": target.name(one["topic"]) if one["topic"] else "", "NumPartitions": one["partitions"],
                 "ReplicationFactor": one["replicas"],
                 "Configs": [{"Name": name, "Value": value} for name, value in one["configs"]]}
        if one.get("name") is not None:
            topic["Name"] = one["name"]
        if one.get("assignment"):
            topic["Assignments"] = [{"PartitionIndex": index, "BrokerIds": nodes} for index, nodes in one["assignment"]]
        topics.append(topic)

    def learn(step, answer):
        expected = {}
        for one in answer.get("Topics", []):
            topic = target.symbol(one["Name"])
            if one["ErrorCode"] == 0 and not step["validate"]:
                if step["version"] >= 7:
                    target.ids[topic] = one["TopicId"]
                asked = [given for given in step["topics"] if given["topic"] == topic]
                if asked:
                    expected[topic] = len(asked[0]["assignment"]) if asked[0].get("assignment") else max(asked[0]["partitions"], 1)
        target.settle(expected)
        if expected and step["version"] < 7:
            found = target.connection("settle").call("Metadata", 12, {
                "Topics": [{"Name": target.name(topic)} for topic in expected]})
            for one in found["Topics"]:
                target.ids[target.symbol(one["Name"])] = one["TopicId"]

    def keep(answer):
        for one in answer.get("Topics", []):
            one["Configs"] = [config for config in one.get("Configs") or [] if config["Name"] in CONFIGS]
        return answer

    return ("CreateTopics", step["version"], {"Topics": topics, "timeoutMs": 10000, "validateOnly": step["validate"]}, learn,
            {"keep": keep})


@maker
def delete_topics(target, step):
    if step["version"] >= 6:
        topics = [{"Name": None, "TopicId": target.topic_id(topic)} if step["by_id"] else {"Name": target.name(topic)}
                  for topic in step["topics"]]
        body = {"Topics": topics, "TimeoutMs": 10000}
    else:
        body = {"TopicNames": [target.name(topic) for topic in step["topics"]], "TimeoutMs": 10000}

    def learn(step, answer):
        deleted = {target.symbol(one["Name"]): 0 for one in answer.get("Responses", []) if one["ErrorCode"] == 0 and one["Name"]}
        target.settle(deleted)
        if deleted:
            # The topic's committed offsets and its folder are deleted later.
            time.sleep(0.2)

    return "DeleteTopics", step["version"], body, learn, {}


@maker
def create_partitions(target, step):
    topic = {"Name": target.name(step["topic"]), "Count": step["count"]}
    if step.get("assignment"):
        topic["Assignments"] = [{"BrokerIds": nodes} for nodes in step["assignment"]]

    def learn(step, answer):
        if answer.get("Results") and answer["Results"][0]["ErrorCode"] == 0 and not step["validate"]:
            target.settle({step["topic"]: step["count"]})

    return ("CreatePartitions", step["version"], {"Topics": [topic], "TimeoutMs": 10000, "ValidateOnly": step["validate"]},
            learn, {})


@maker
def metadata(target, step):
    version = step["version"]
    if step["topics"] is None:
        topics = None if version >= 1 else []
    elif step.get("by_id") and version >= 12:
        topics = [{"TopicId": target.topic_id(topic), "Name": None} for topic in step["topics"]]
    else:
        topics = [{"Name": target.name(topic)} for topic in step["topics"]]

    def keep(answer):
        answer["Topics"] = [one for one in answer.get("Topics", [])
                            if one["Name"] is None or one["Name"].startswith(target.prefix + "-")]
        return answer

    return ("Metadata", version, {"Topics": topics, "AllowAutoTopicCreation": step["create"],
                                  "IncludeTopicAuthorizedOperations": step["operations"]}, nothing, {"keep": keep})


def records(target, step):
    """Returns the bytes of a produce step."""
    kind, count = step["kind"], step["count"]
    values = [b"value %d" % index for index in range(count)]
    times = [target.base + 1000 * moment for moment in step["times"][:count]]
    if kind == "empty":
        return b""
    if kind == "garbage":
        return b"\0" * 40
    if kind == "large":
        return batch([b"x" * 1_100_000], timestamps=times[:1])
    if kind == "future":
        return batch(values, timestamps=[target.base + 50 * WINDOW] * count)
    if kind == "two":
        return batch(values, timestamps=times) + batch(values, timestamps=times)
    if kind in ("crc", "count", "length"):
        return batch(values, timestamps=times, damage=kind)
    if kind == "magic":
        return batch(values, timestamps=times, magic=3)
    if kind == "control":
        return batch(values, timestamps=times, attributes=0x20)
    if kind in ("idempotent", "transactional"):
        number, epoch = target.producers.get(step["producer"], (-1, -1) if kind == "idempotent" else (4711, 0))
        place = (step["producer"], step["topic"], step["partition"])
        following = target.sequences.get(place, 0)
        sequence = {"next": following, "again": max(0, following - count), "gap": following + 7, "zero": 0}[step["sequence"]]
        return batch(values, timestamps=times, producer=number, epoch=epoch + step["epoch"], sequence=sequence,
                     transactional=kind == "transactional")
    return batch(values, timestamps=times)


@maker
def produce(target, step):
    body = {"TransactionalId": target.name(step["producer"]) if step["kind"] == "transactional" else None,
            "Acks": step["acks"], "TimeoutMs": 5000,
            "TopicData": [{**target.topics_by(step["version"], 13, step["topic"]),
                           "PartitionData": [{"Index": step["partition"], "Records": records(target, step)}]}]}

    def learn(step, answer):
        try:
            done = answer["Responses"][0]["PartitionResponses"][0]["ErrorCode"] == 0
        except (KeyError, IndexError):
            return
        if done and step["kind"] in ("idempotent", "transactional") and step["sequence"] in ("next", "zero", "gap"):
            place = (step["producer"], step["topic"], step["partition"])
            start = {"next": target.sequences.get(place, 0), "zero": 0, "gap": target.sequences.get(place, 0) + 7}
            target.sequences[place] = start[step["sequence"]] + step["count"]

    return "Produce", step["version"], body, learn, {"answered": step["acks"] != 0}


@maker
def fetch(target, step):
    partition = {"Partition": step["partition"], "FetchOffset": step["offset"], "PartitionMaxBytes": step["partition_bytes"],
                 "CurrentLeaderEpoch": step["epoch"]}
    topic = {"TopicId": target.topic_id(step["topic"])} if step["version"] >= 13 else {"Topic": target.name(step["topic"])}
    body = {"MaxWaitMs": 0, "MinBytes": 0, "MaxBytes": step["bytes"], "IsolationLevel": step["isolation"], "SessionEpoch": -1,
            "Topics": [{**topic, "Partitions": [partition]}]}
    return "Fetch", step["version"], body, nothing, {}


@maker
def fetch_session(target, step):
    body = {"MaxWaitMs": 0, "MinBytes": 0, "SessionId": 12345, "SessionEpoch": step["epoch"], "Topics": []}
    return "Fetch", step["version"], body, nothing, {}


@maker
def list_offsets(target, step):
    at = step["timestamp"]
    partition = {"PartitionIndex": step["partition"], "Timestamp": at if at < 0 else target.base + at,
                 "CurrentLeaderEpoch": step["epoch"]}
    return ("ListOffsets", step["version"], {"ReplicaId": -1, "IsolationLevel": step["isolation"], "TimeoutMs": 5000, "Topics": [
        {"Name": target.name(step["topic"]), "Partitions": [partition]}]}, nothing, {})


@maker
def delete_records(target, step):
    return "DeleteRecords", step["version"], {"TimeoutMs": 5000, "Topics": [
        {"Name": target.name(step["topic"]), "Partitions": [{"PartitionIndex": step["partition"], "Offset": step["offset"]}]}
    ]}, nothing, {}


@maker
def offset_for_leader_epoch(target, step):
    return "OffsetForLeaderEpoch", step["version"], {"ReplicaId": -1, "Topics": [{
        "Topic": target.name(step["topic"]), "Partitions": [{
            "Partition": step["partition"], "CurrentLeaderEpoch": step["epoch"], "LeaderEpoch": step["asked"]}]}]}, nothing, {}


def resource(target, step):
    kind = step["kind"]
    return {"ResourceType": kind, "ResourceName": target.name(step["topic"]) if kind == 2 else step["topic"]}


@maker
def describe_configs(target, step):
    def keep(answer):
        for one in answer.get("Results", []):
            one["Configs"] = [config for config in one["Configs"] if config["Name"] in CONFIGS]
        return answer

    return "DescribeConfigs", step["version"], {"Resources": [{**resource(target, step), "ConfigurationKeys": step["names"]}]}, \
        nothing, {"keep": keep}


@maker
def alter_configs(target, step):
    body = {"Resources": [{**resource(target, step), "Configs": [{"Name": name, "Value": value}
                                                                 for name, value in step["configs"]]}],
            "ValidateOnly": step["validate"]}
    return "AlterConfigs", step["version"], body, lambda *_: time.sleep(0.05), {}


@maker
def incremental_alter_configs(target, step):
    body = {"Resources": [{**resource(target, step), "Configs": [
        {"Name": name, "ConfigOperation": step["operation"], "Value": value} for name, value in step["configs"]]}],
        "ValidateOnly": step["validate"]}
    return "IncrementalAlterConfigs", step["version"], body, lambda *_: time.sleep(0.05), {}


@maker
def find_coordinator(target, step):
    if step["version"] >= 4:
        body = {"KeyType": step["kind"], "CoordinatorKeys": [target.name(key) if key else "" for key in step["keys"]]}
    else:
        body = {"Key": target.name(step["keys"][0]) if step["keys"][0] else "", "KeyType": step["kind"]}
    return "FindCoordinator", step["version"], body, nothing, {}


@maker
def describe_cluster(target, step):
    return "DescribeCluster", step["version"], {}, nothing, {}


@maker
def describe_topic_partitions(target, step):
    body = {"Topics": [{"Name": target.name(topic)} for topic in step["topics"]], "ResponsePartitionLimit": step["limit"]}
    return "DescribeTopicPartitions", step["version"], body, nothing, {}


@maker
def describe_log_dirs(target, step):
    return "DescribeLogDirs", step["version"], {"Topics": [
        {"Topic": target.name(step["topic"]), "Partitions": [0, 1]}]}, nothing, {}


@maker
def describe_producers(target, step):
    return "DescribeProducers", step["version"], {"Topics": [
        {"Name": target.name(step["topic"]), "PartitionIndexes": [step["partition"]]}]}, nothing, {}


@maker
def api_versions(target, step):
    def keep(answer):
        return {"ErrorCode": answer.get("ErrorCode", answer.get("failure"))}

    return "ApiVersions", step["version"], {"ClientSoftwareName": step["name"], "ClientSoftwareVersion": "1"}, nothing, \
        {"keep": keep}


# --- groups


@maker
def join(target, step):
    def learn(step, answer):
        place = step["group"], step["member"]
        if answer.get("MemberId") and answer.get("ErrorCode") in (0, 79):
            target.members[place] = answer["MemberId"]
        if answer.get("ErrorCode") == 0:
            target.generations[place] = answer["GenerationId"]

    body = {"GroupId": target.name(step["group"]) if step["group"] else "", "SessionTimeoutMs": step["session"],
            "RebalanceTimeoutMs": 60000, "MemberId": target.member_id(step), "GroupInstanceId": step["instance"],
            "ProtocolType": step["type"], "Protocols": [{"Name": name, "Metadata": subscription(target, step["subscribed"])}
                                                        for name in step["protocols"]]}
    return "JoinGroup", step["version"], body, learn, {"grace": GRACE}


@maker
def sync(target, step):
    assignments = [{"MemberId": one, "Assignment": struct.pack(">hii", 0, 0, -1)} for (group, _), one in sorted(target.members.items())
                   if group == step["group"]] if step["assign"] else []
    body = {"GroupId": target.name(step["group"]), "GenerationId": target.generation(step), "MemberId": target.member_id(step),
            "GroupInstanceId": step["instance"], "ProtocolType": step["type"], "ProtocolName": step["protocol"],
            "Assignments": assignments}
    return "SyncGroup", step["version"], body, nothing, {"grace": GRACE}


@maker
def heartbeat(target, step):
    return "Heartbeat", step["version"], {"GroupId": target.name(step["group"]), "GenerationId": target.generation(step),
                                          "MemberId": target.member_id(step), "GroupInstanceId": step["instance"]}, nothing, {}


@maker
def leave(target, step):
    if step["version"] >= 3:
        body = {"GroupId": target.name(step["group"]), "Members": [
            {"MemberId": target.member_id(step), "GroupInstanceId": step["instance"]}]}
    else:
        body = {"GroupId": target.name(step["group"]), "MemberId": target.member_id(step)}
    return "LeaveGroup", step["version"], body, nothing, {}


@maker
def commit(target, step):
    offset_of = lambda partition, offset, metadata: {"PartitionIndex": partition, "CommittedOffset": offset,
                                                      "CommittedMetadata": metadata, "CommittedLeaderEpoch": -1}
    topics = []
    for topic, partition, offset in step["offsets"]:
        partitions = [offset_of(partition, offset, step["metadata"])]
        if step["metadata"] and len(step["metadata"]) > 4096:
            # Apache Kafka creates a group for a commit of which no offset is valid, so another one is.
            partitions = [offset_of(0, offset, ""), offset_of(max(partition, 1), offset, step["metadata"])]
        topics.append({**target.topics_by(step["version"], 10, topic), "Partitions": partitions})
    body = {"GroupId": target.name(step["group"]), "GenerationIdOrMemberEpoch": target.generation(step),
            "MemberId": target.member_id(step), "GroupInstanceId": step["instance"], "Topics": topics}
    return "OffsetCommit", step["version"], body, nothing, {}


@maker
def fetch_offsets(target, step):
    version = step["version"]
    topics = None if step["topics"] is None else [
        {**target.topics_by(version, 10, topic), "PartitionIndexes": [0, 1]} for topic in step["topics"]]
    if version >= 8:
        body = {"Groups": [{"GroupId": target.name(group), "MemberId": None, "MemberEpoch": -1, "Topics": topics}
                           for group in step["groups"]], "RequireStable": step["stable"]}
    else:
        if topics is None and version < 2:
            topics = []
        body = {"GroupId": target.name(step["groups"][0]), "Topics": topics, "RequireStable": step["stable"] and version >= 7}
    return "OffsetFetch", version, body, nothing, {}


@maker
def delete_offsets(target, step):
    return "OffsetDelete", step["version"], {"GroupId": target.name(step["group"]), "Topics": [
        {"Name": target.name(step["topic"]), "Partitions": [{"PartitionIndex": 0}]}]}, nothing, {}


@maker
def delete_groups(target, step):
    return "DeleteGroups", step["version"], {"GroupsNames": [target.name(group) for group in step["groups"]]}, nothing, {}


@maker
def describe_groups(target, step):
    target.show_groups()
    return "DescribeGroups", step["version"], {"Groups": [target.name(group) for group in step["groups"]],
                                               "IncludeAuthorizedOperations": step["operations"]}, nothing, {}


@maker
def list_groups(target, step):
    target.show_groups()

    def keep(answer):
        answer["Groups"] = [one for one in answer.get("Groups", []) if one["GroupId"].startswith(target.prefix + "-")]
        return answer

    return "ListGroups", step["version"], {"StatesFilter": step["states"], "TypesFilter": step["types"]}, nothing, {"keep": keep}


# --- producers and transactions


@maker
def init_producer_id(target, step):
    transactional = step["producer"].startswith("x") and not step["no_id"]
    number, epoch = target.producers.get(step["producer"], (-1, -1)) if step["known"] else (-1, -1)
    body = {"TransactionalId": target.name(step["producer"]) if transactional else ("" if step["empty"] else None),
            "TransactionTimeoutMs": step["timeout"], "ProducerId": number, "ProducerEpoch": epoch}

    def learn(step, answer):
        if answer.get("ErrorCode") == 51:
            # The transaction before is aborted, and the markers are written after the answer.
            time.sleep(0.1)
        if answer.get("ErrorCode") == 0:
            target.producers[step["producer"]] = answer["ProducerId"], answer["ProducerEpoch"]
            for place in list(target.sequences):
                if place[0] == step["producer"]:
                    del target.sequences[place]

    return "InitProducerId", step["version"], body, learn, {}


def transaction(target, step):
    number, epoch = target.producers.get(step["producer"], (4711, 0))
    return number, epoch + step["epoch"]


@maker
def add_partitions(target, step):
    number, epoch = transaction(target, step)
    body = {"V3AndBelowTransactionalId": target.name(step["producer"]), "V3AndBelowProducerId": number,
            "V3AndBelowProducerEpoch": epoch, "V3AndBelowTopics": [
                {"Name": target.name(topic), "Partitions": [partition]} for topic, partition in step["partitions"]]}
    return "AddPartitionsToTxn", min(step["version"], 3), body, nothing, {}


@maker
def add_offsets(target, step):
    number, epoch = transaction(target, step)
    return "AddOffsetsToTxn", step["version"], {"TransactionalId": target.name(step["producer"]), "ProducerId": number,
                                                "ProducerEpoch": epoch, "GroupId": target.name(step["group"])}, nothing, {}


@maker
def commit_in_transaction(target, step):
    number, epoch = transaction(target, step)
    body = {"TransactionalId": target.name(step["producer"]), "GroupId": target.name(step["group"]), "ProducerId": number,
            "ProducerEpoch": epoch, "GenerationId": -1, "MemberId": "", "Topics": [
                {"Name": target.name(step["topic"]), "Partitions": [{"PartitionIndex": 0, "CommittedOffset": step["offset"],
                                                                     "CommittedMetadata": ""}]}]}
    return "TxnOffsetCommit", step["version"], body, nothing, {}


@maker
def end_transaction(target, step):
    number, epoch = transaction(target, step)

    def learn(step, answer):
        # The markers are written after the answer.
        time.sleep(0.1)

    return "EndTxn", step["version"], {"TransactionalId": target.name(step["producer"]), "ProducerId": number,
                                       "ProducerEpoch": epoch, "Committed": step["commit"]}, learn, {}


@maker
def describe_transactions(target, step):
    def keep(answer):
        # Apache Kafka keeps committed offsets in a topic, which is one of the transaction's. The embedded broker has none.
        for one in answer.get("TransactionStates", []):
            one["Topics"] = [topic for topic in one["Topics"] if topic["Topic"] != "__consumer_offsets"]
        return answer

    return "DescribeTransactions", step["version"], {"TransactionalIds": [target.name(one) for one in step["ids"]]}, nothing, \
        {"keep": keep}


# --- random steps

API_OF = {
    "create_topics": "CreateTopics", "delete_topics": "DeleteTopics", "create_partitions": "CreatePartitions",
    "metadata": "Metadata", "produce": "Produce", "fetch": "Fetch", "fetch_session": "Fetch", "list_offsets": "ListOffsets",
    "delete_records": "DeleteRecords", "offset_for_leader_epoch": "OffsetForLeaderEpoch",
    "describe_configs": "DescribeConfigs", "alter_configs": "AlterConfigs",
    "incremental_alter_configs": "IncrementalAlterConfigs", "find_coordinator": "FindCoordinator",
    "describe_cluster": "DescribeCluster", "describe_topic_partitions": "DescribeTopicPartitions",
    "describe_log_dirs": "DescribeLogDirs", "describe_producers": "DescribeProducers", "api_versions": "ApiVersions",
    "join": "JoinGroup", "sync": "SyncGroup", "heartbeat": "Heartbeat", "leave": "LeaveGroup", "commit": "OffsetCommit",
    "fetch_offsets": "OffsetFetch", "delete_offsets": "OffsetDelete", "delete_groups": "DeleteGroups",
    "describe_groups": "DescribeGroups", "list_groups": "ListGroups", "init_producer_id": "InitProducerId",
    "add_partitions": "AddPartitionsToTxn", "add_offsets": "AddOffsetsToTxn", "commit_in_transaction": "TxnOffsetCommit",
    "end_transaction": "EndTxn", "describe_transactions": "DescribeTransactions",
}
# How often each kind of request is drawn, by subject.
SUBJECTS = {
    "topics": {"create_topics": 5, "delete_topics": 3, "create_partitions": 3, "metadata": 3, "describe_configs": 2,
               "alter_configs": 1, "incremental_alter_configs": 2, "describe_topic_partitions": 2, "describe_cluster": 1,
               "find_coordinator": 1, "api_versions": 1, "describe_log_dirs": 1},
    "records": {"create_topics": 1, "produce": 12, "fetch": 8, "list_offsets": 6, "delete_records": 2,
                "offset_for_leader_epoch": 1, "init_producer_id": 3, "incremental_alter_configs": 1, "delete_topics": 0.3,
                "fetch_session": 0.5, "describe_producers": 1, "describe_log_dirs": 0.3},
    "groups": {"join": 10, "sync": 8, "heartbeat": 4, "leave": 2, "commit": 5, "fetch_offsets": 4, "delete_offsets": 1,
               "delete_groups": 1, "describe_groups": 3, "list_groups": 2, "find_coordinator": 1, "delete_topics": 0.2},
    "transactions": {"init_producer_id": 6, "add_partitions": 6, "produce": 8, "add_offsets": 3, "commit_in_transaction": 3,
                     "end_transaction": 6, "fetch": 4, "list_offsets": 3, "fetch_offsets": 2, "describe_transactions": 1,
                     "describe_producers": 1},
}


def draw(random_source: random.Random, make, subject, version):
    """Returns a random step of one kind."""
    pick, chance = random_source.choice, lambda share: random_source.random() < share
    topic = lambda: pick(TOPICS[:2]) if chance(0.93) else pick(("t2", "missing"))
    partition = lambda: pick((0, 0, 0, 1)) if chance(0.93) else pick((9, -1))
    group = lambda: pick(GROUPS) if chance(0.3) else "g0"
    producer = lambda: pick(TRANSACTIONAL) if subject == "transactions" else pick(PRODUCERS)
    epoch = lambda: 0 if chance(0.85) else pick((1, -1))
    member = lambda: pick(MEMBERS) if chance(0.5) else "m0"
    instance = lambda: pick((None, None, None, None, "i0"))
    leader_epoch = lambda: -1 if chance(0.85) else pick((0, 1, 5))
    step = {"make": make, "version": version}
    if make == "create_topics":
        def one():
            configs = []
            if chance(0.3):
                configs.append(pick((("retention.ms", "3600000"), ("cleanup.policy", "delete"), ("cleanup.policy", "x"),
                                     ("retention.ms", "x"), ("unknown.name", "1"), ("retention.ms", None),
                                     ("message.timestamp.type", "LogAppendTime"), ("segment.bytes", "1"),
                                     ("max.message.bytes", "500"), ("compression.type", "producer"), ("retention.ms", "-2"))))
            found = {"topic": topic(), "partitions": pick((1, 2, 3)) if chance(0.8) else pick((-1, 0, -2)),
                     "replicas": 1 if chance(0.8) else pick((-1, 0, 2, -2)), "configs": configs}
            if chance(0.1):
                found.update(partitions=-1, replicas=-1, assignment=pick((
                    [(0, [1])], [(0, [1]), (1, [1])], [(0, [2])], [(1, [1])], [(0, [1, 1])], [(0, [])], [(0, [1]), (0, [1])])))
            if chance(0.05):
                found["name"] = pick(("", ".", "..", "a b", "x" * 250))
            return found
        step.update(topics=[one() for _ in range(pick((1, 1, 2)))], validate=chance(0.15))
    elif make == "delete_topics":
        step.update(topics=[topic() for _ in range(pick((1, 1, 1, 2)))], by_id=chance(0.5))
    elif make == "create_partitions":
        step.update(topic=topic(), count=pick((0, 1, 2, 3, 4, 5, -1)), validate=chance(0.2),
                    assignment=pick((None, None, None, [[1]], [[1], [1]], [[2]], [[]])))
    elif make == "metadata":
        # Before version 4 a request for a topic creates it, if the broker does that at all.
        step.update(topics=pick((None, [topic()], [topic(), topic()], [])) if version >= 4 else None, by_id=chance(0.5), create=False,
                    operations=chance(0.2))
    elif make == "produce":
        if subject == "transactions":
            kind = "transactional" if chance(0.9) else pick(("valid", "idempotent"))
        else:
            kind = pick(("valid", "valid", "idempotent", "idempotent", "idempotent")) if chance(0.75) else pick(
                ("empty", "garbage", "large", "future", "two", "crc", "count", "length", "magic", "control"))
        step.update(topic=topic(), partition=partition(), kind=kind, count=pick((1, 2, 3)),
                    times=[random_source.randrange(0, 20) for _ in range(3)], acks=-1 if chance(0.85) else pick((1, 0, 2)),
                    producer=producer(), sequence="next" if chance(0.7) else pick(("again", "gap", "zero")), epoch=epoch())
    elif make == "fetch":
        step.update(topic=topic(), partition=partition(), offset=pick((0, 0, 0, 1, 2, 5)) if chance(0.85) else pick((-1, 1000)),
                    partition_bytes=pick((1_000_000, 1_000_000, 1, 150, 0)), bytes=pick((50_000_000, 50_000_000, 1, 200)),
                    isolation=pick((0, 1)), epoch=leader_epoch())
    elif make == "fetch_session":
        step.update(epoch=pick((1, 5)), version=max(version, 7))
    elif make == "list_offsets":
        step.update(topic=topic(), partition=partition(), isolation=pick((0, 1)), epoch=leader_epoch(),
                    timestamp=pick((-1, -2, -3, -4, -5, -6, 0, 500, 3000, 9000, 100_000)))
    elif make == "delete_records":
        step.update(topic=topic(), partition=partition(), offset=pick((-1, 0, 1, 2, 1000, -5)))
    elif make == "offset_for_leader_epoch":
        step.update(topic=topic(), partition=partition(), epoch=leader_epoch(), asked=pick((0, 0, 1, -1, 5)))
    elif make == "describe_configs":
        kind = 2 if chance(0.85) else pick((4, 8, 77))
        step.update(kind=kind, topic=topic() if kind == 2 else pick(("1", "", "9", "x")) if kind == 4 else "x",
                    names=pick((None, ["retention.ms"], ["retention.ms", "cleanup.policy"], ["nothing"], [])))
        if kind == 4:
            step.update(names=["nothing"])
    elif make in ("alter_configs", "incremental_alter_configs"):
        step.update(kind=2, topic=topic(), validate=chance(0.15), operation=pick((0, 0, 0, 1, 2, 3, 9)),
                    configs=[pick((("retention.ms", "1000000000"), ("retention.ms", "x"), ("cleanup.policy", "delete"),
                                   ("cleanup.policy", "nothing"), ("unknown.name", "1"), ("max.message.bytes", "300"),
                                   ("max.message.bytes", "-1"), ("retention.ms", None), ("segment.bytes", "2000000"),
                                   ("message.timestamp.type", "LogAppendTime"), ("message.timestamp.type", "CreateTime")))
                             for _ in range(pick((1, 1, 2)))])
    elif make == "find_coordinator":
        step.update(kind=pick((0, 0, 1, 7)), keys=pick((["g0"], ["g0", "g1"], [""], [])) if version >= 4 else pick((["g0"], [""])))
    elif make == "describe_topic_partitions":
        step.update(topics=sorted({topic() for _ in range(pick((1, 2)))}), limit=pick((2000, 1, 2)))
    elif make in ("describe_log_dirs", "describe_producers"):
        step.update(topic=topic(), partition=partition())
    elif make == "api_versions":
        step.update(name=pick(("tests", "", "a b")))
    elif make == "join":
        step.update(subscribed=pick((["t0"], ["t0"], ["t0", "t1"], [])), group=group() if chance(0.98) else "", member=member(), id="known" if chance(0.85) else pick(("none", "bogus")),
                    instance=instance(), session=30000 if chance(0.95) else pick((1, 99_000_000)),
                    type="consumer" if chance(0.95) else pick(("other", "")),
                    protocols=pick((["range"], ["range"], ["range", "roundrobin"], ["roundrobin"])) if chance(0.97) else [])
    elif make == "sync":
        step.update(group=group(), member=member(), id="known" if chance(0.95) else "bogus", instance=instance(),
                    generation="known" if chance(0.9) else "old", type=pick(("consumer", "consumer", None, "other")),
                    protocol=pick(("range", "range", None, "x")), assign=chance(0.8))
        if chance(0.8):
            step.update(type="consumer", protocol="range")
    elif make in ("heartbeat", "leave"):
        step.update(group=group(), member=member(), id="known" if chance(0.9) else pick(("none", "bogus")),
                    instance=instance(), generation="known" if chance(0.9) else "old")
    elif make == "commit":
        step.update(group=group(), member=member(), id="known" if chance(0.6) else pick(("none", "bogus")),
                    generation=pick(("known", "none", "old")), instance=instance(), metadata=pick(("", "note", None, "x" * 5000)),
                    offsets=[(topic(), partition(), pick((0, 5, 7)))])
        if chance(0.4):
            step.update(id="none", generation="none", instance=None)
    elif make == "fetch_offsets":
        step.update(groups=pick((["g0"], ["g0", "g1"], ["g9"])), topics=pick((None, ["t0"], ["t0", "t1"], ["missing"], [])),
                    stable=chance(0.3))
    elif make == "delete_offsets":
        step.update(group=group(), topic=topic())
    elif make == "delete_groups":
        step.update(groups=pick((["g0"], ["g1"], ["g0", "g1"], ["g9"])))
    elif make == "describe_groups":
        step.update(groups=pick((["g0"], ["g1"], ["g0", "g9"])), operations=chance(0.2))
    elif make == "list_groups":
        step.update(states=pick(([], [], ["Stable"], ["Empty"], ["stable"], ["Nothing"])), types=pick(([], [], ["classic"], ["x"])))
    elif make == "init_producer_id":
        step.update(producer=producer(), known=chance(0.4), no_id=False, empty=chance(0.03),
                    timeout=60000 if chance(0.9) else pick((0, -1, 2_000_000_000)))
    elif make == "add_partitions":
        step.update(producer=producer(), epoch=epoch(), partitions=[(topic(), partition()) for _ in range(pick((1, 1, 2)))])
    elif make == "add_offsets":
        step.update(producer=producer(), epoch=epoch(), group="g0")
    elif make == "commit_in_transaction":
        # One group only: the reference keeps the offsets of all groups in one partition, and it verifies the partition.
        step.update(producer=producer(), epoch=epoch(), group="g0", topic=topic(), offset=pick((3, 4)))
    elif make == "end_transaction":
        step.update(producer=producer(), epoch=epoch(), commit=chance(0.6))
    elif make == "describe_transactions":
        step.update(ids=[producer()])
    return step


def sequence(seed, length, subject, ranges):
    """Returns the steps of a seed. Most begin with two topics, without which most requests fail alike."""
    source = random.Random(seed)
    kinds = SUBJECTS[subject]
    steps = []
    if source.random() < 0.95:
        low, high = ranges["create_topics"]
        steps.append({"make": "create_topics", "version": source.randint(low, high), "validate": False, "topics": [
            {"topic": topic, "partitions": 2, "replicas": 1, "configs": []} for topic in TOPICS[:2]]})
    if subject == "transactions" and "init_producer_id" in ranges:
        steps.append({"make": "init_producer_id", "version": ranges["init_producer_id"][0], "producer": "x0", "known": False,
                      "no_id": False, "empty": False, "timeout": 60000})
    names = [name for name in kinds if name in ranges]
    while len(steps) < length:
        make = source.choices(names, [kinds[name] for name in names])[0]
        low, high = ranges[make]
        steps.append(draw(source, make, subject, source.randint(low, high)))
    return steps
