#!/usr/bin/env python3
"""kafka-python, from 2.0.2 (the version of many tutorials) on."""

import inspect
import logging
import threading

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.structs import OffsetAndMetadata

from report import CODECS, PREFIX, SERVERS, Unsupported, records, run, step, until

logging.disable(logging.CRITICAL)
MAJOR = int(kafka.__version__.split(".")[0])


def offset_and_metadata(offset):
    fields = len(OffsetAndMetadata._fields)
    return OffsetAndMetadata(*[offset, "", -1][:fields])


def has(owner, method):
    """Returns a method of a client, or fails as unsupported."""
    found = getattr(owner, method, None)
    if found is None:
        raise Unsupported(f"no {method} in {kafka.__version__}")
    return found


def only_if(client, setting):
    if setting not in client.DEFAULT_CONFIG:
        raise Unsupported(f"no {setting} in {kafka.__version__}")


def producer(**settings):
    if MAJOR >= 3 and "enable_idempotence" not in settings and "transactional_id" not in settings:
        settings["enable_idempotence"] = False
    return KafkaProducer(bootstrap_servers=SERVERS, linger_ms=20, request_timeout_ms=15000, max_block_ms=15000, **settings)


def consumer(group=None, **settings):
    return KafkaConsumer(bootstrap_servers=SERVERS, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
                         session_timeout_ms=10000, heartbeat_interval_ms=500, **settings)


def send(writer, topic, items, close=True):
    """Sends records and returns their offsets."""
    try:
        futures = [writer.send(topic, partition=item.get("partition", 0), key=item.get("key"), value=item["value"],
                               headers=item.get("headers"), timestamp_ms=item.get("timestamp")) for item in items]
        writer.flush(15)
        return [future.get(15).offset for future in futures]
    finally:
        if close:
            writer.close(timeout=5)


def values(*items):
    return [{"value": item} for item in items]


def read_all(topic, partitions=1, **settings):
    """Reads a topic from the start to the end that it has now."""
    reader, found = consumer(**settings), []
    try:
        assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
        reader.assign(assigned)
        ends = reader.end_offsets(assigned)
        for one in assigned:
            reader.seek(one, 0)

        def poll():
            for messages in reader.poll(500).values():
                found.extend(messages)

        until(lambda: all(reader.position(one) >= ends[one] for one in assigned), "end of the topic", poll)
    finally:
        reader.close()
    return found


def produce():
    for codec in CODECS:
        items = [{"key": key, "value": value, "headers": headers} for key, value, headers in records(codec)]
        step(codec, lambda: send(producer(compression_type=None if codec == "none" else codec), PREFIX + "-produce", items))


def idempotent():
    only_if(KafkaProducer, "enable_idempotence")

    def twice():
        writer = producer(enable_idempotence=True)
        return (send(writer, PREFIX + "-idempotent", values(b"a", b"b"), close=False)
                + send(writer, PREFIX + "-idempotent", values(b"c")))

    step("send", twice)


def consume():
    step("records", lambda: [[m.offset, m.key.decode(), m.value.decode()[:10], len(m.value),
                              [[key, value.decode()] for key, value in m.headers or []]]
                             for m in read_all(PREFIX + "-produce")])


def group():
    topic = name = PREFIX + "-group"

    def read(count):
        reader, found = consumer(name), []
        reader.subscribe([topic])

        def poll():
            for messages in reader.poll(500).values():
                found.extend(message.value.decode() for message in messages)

        try:
            until(lambda: len(found) >= count, f"{count} records", poll)
            reader.commit()
        finally:
            reader.close()
        return sorted(found)

    def committed():
        reader = consumer(name)
        try:
            return [reader.committed(TopicPartition(topic, partition)) for partition in (0, 1)]
        finally:
            reader.close()

    items = [{"value": f"{index}".encode(), "partition": index % 2} for index in range(10)]
    step("send", lambda: len(send(producer(), topic, items[:6])))
    step("first", lambda: read(6))
    step("send-more", lambda: len(send(producer(), topic, items[6:])))
    step("resumed", lambda: read(4))
    step("committed", committed)


class Member:
    """A member of a group, which polls in a separate thread."""

    def __init__(self, group, topic, **settings):
        self.reader = consumer(group, **settings)
        self.error, self.stopping, self.assigned = None, threading.Event(), set()
        self.reader.subscribe([topic])
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.reader.poll(100)
                self.assigned = self.reader.assignment()
        except Exception as error:
            self.error = error
        try:
            self.reader.close()
        except Exception as error:
            self.error = self.error or error

    def leave(self):
        self.stopping.set()
        self.thread.join(20)


def pause():
    threading.Event().wait(0.05)


def sizes(members):
    for member in members:
        if member.error:
            raise member.error
    return sorted(len(member.assigned) for member in members)


def share():
    topic = name = PREFIX + "-share"

    def shared():
        members = [Member(name, topic)]
        try:
            until(lambda: sizes(members) == [4], "all partitions", pause)
            members.append(Member(name, topic))
            until(lambda: sizes(members) == [2, 2], "two each", pause)
            members.pop(0).leave()
            until(lambda: sizes(members) == [4], "all after one left", pause)
            return [4, [2, 2], 4]
        finally:
            for member in members:
                member.leave()

    step("shared", shared)


def static():
    only_if(KafkaConsumer, "group_instance_id")
    topic = name = PREFIX + "-static"

    def rejoin():
        found = []
        for _ in range(2):
            member = Member(name, topic, group_instance_id="one")
            try:
                until(lambda: sizes([member]) == [2], "assignment", pause)
                found.append(2)
            finally:
                member.leave()
        return found

    # A member that another one has fenced waits for ever.
    step("rejoin", rejoin)


def time_():
    topic = PREFIX + "-time"
    partition = TopicPartition(topic, 0)
    items = [{"value": b"x", "timestamp": 1_000_000 + 1000 * index} for index in range(6)]
    step("send", lambda: send(producer(), topic, items[:3]) + send(producer(), topic, items[3:]))
    reader = consumer()

    def at(moment):
        found = reader.offsets_for_times({partition: moment})[partition]
        return found and [found.offset, found.timestamp]

    step("offsets", lambda: [at(moment) for moment in (0, 1_000_000, 1_000_500, 1_004_000, 1_005_001)])
    step("watermarks", lambda: [reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]])
    reader.close()


def error_codes(answer):
    """Raises the first error that a response reports and that the client did not raise."""
    if isinstance(answer, dict):
        return None
    for attribute in ("topic_errors", "topic_error_codes", "topic_partition_errors"):
        for one in getattr(answer, attribute, None) or []:
            if one[1]:
                raise kafka.errors.for_code(one[1])()
    return None


def topics():
    topic = PREFIX + "-topics"
    admin = KafkaAdminClient(bootstrap_servers=SERVERS, request_timeout_ms=15000)
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    def new(name, partitions, replicas, **settings):
        return error_codes(admin.create_topics([NewTopic(name=name, num_partitions=partitions, replication_factor=replicas,
                                                         **settings)]))

    def described():
        found = admin.describe_topics([topic])[0]
        return [[one.get("partition", one.get("partition_index")), one.get("leader", one.get("leader_id"))]
                for one in sorted(found["partitions"], key=lambda one: one.get("partition", one.get("partition_index")))]

    def setting(name):
        wanted = resource if MAJOR >= 3 else ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: None})
        found = admin.describe_configs([wanted])
        text = str([one.to_object() for one in found] if hasattr(found[0] if isinstance(found, list) else found,
                                                                 "to_object") else found)
        return [number for number in ("3600000", "7200000") if number in text]

    def alter(value):
        answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": value})])
        for one in getattr(answer, "resources", []):
            if one[0]:
                raise kafka.errors.for_code(one[0])()

    def partitions(count):
        change = {topic: NewPartitions(count)}
        return error_codes(admin.create_partitions(change))

    def delete_records():
        found = has(admin, "delete_records")({TopicPartition(topic, 0): 3})
        return [one["low_watermark"] if isinstance(one, dict) else one for one in found.values()]

    def watermarks():
        reader = consumer()
        try:
            partition = TopicPartition(topic, 0)
            return [reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]]
        finally:
            reader.close()

    step("create", lambda: new(topic, 2, 1, topic_configs={"retention.ms": "3600000"}))
    step("listed", lambda: until(lambda: topic in admin.list_topics(), "the topic", pause))
    step("create-again!", lambda: new(topic, 2, 1))
    step("create-replicated!", lambda: new(topic + "-r", 2, 3))
    step("describe", described)
    step("config", lambda: setting("retention.ms"))
    step("alter", lambda: alter("7200000"))
    step("config-altered", lambda: setting("retention.ms"))
    step("partitions", lambda: partitions(4))
    step("partitions-fewer!", lambda: partitions(1))
    step("send", lambda: send(producer(), topic, values(b"a", b"b", b"c", b"d")))
    step("delete-records", delete_records)
    step("watermarks", watermarks)
    step("cluster", lambda: len(admin.describe_cluster()["brokers"]))
    step("delete", lambda: error_codes(admin.delete_topics([topic])))
    step("delete-again!", lambda: error_codes(admin.delete_topics([topic])))
    admin.close()


def groups():
    topic, name = PREFIX + "-group", PREFIX + "-groups"
    admin = KafkaAdminClient(bootstrap_servers=SERVERS, request_timeout_ms=15000)

    def commit():
        reader = consumer(name)
        try:
            reader.commit({TopicPartition(topic, 0): offset_and_metadata(2), TopicPartition(topic, 1): offset_and_metadata(1)})
        finally:
            reader.close()

    def listed():
        found = admin.list_groups() if MAJOR >= 3 else admin.list_consumer_groups()
        names = [one[0] if isinstance(one, tuple) else one["group_id"] if isinstance(one, dict) else one.group_id
                 for one in found]
        return name in names

    def described():
        if MAJOR >= 3:
            found = admin.describe_groups([name])[name]
            return [found["group_state"] if isinstance(found, dict) else found.group_state]
        found = admin.describe_consumer_groups([name])[0]
        return [found.error_code, found.state, found.protocol_type, len(found.members)]

    def offsets():
        if MAJOR >= 3:
            found = admin.list_group_offsets({name: None})[name]
        else:
            found = admin.list_consumer_group_offsets(name)
        return sorted([one.partition, value.offset] for one, value in found.items())

    def reset():
        has(admin, "alter_group_offsets")(name, {TopicPartition(topic, 0): offset_and_metadata(1)})
        return offsets()

    def delete():
        found = admin.delete_groups([name]) if MAJOR >= 3 else admin.delete_consumer_groups([name])
        for one in found.values() if isinstance(found, dict) else [pair[1] for pair in found]:
            if inspect.isclass(one) and issubclass(one, Exception) and one is not kafka.errors.NoError:
                raise one()
            if isinstance(one, dict) and one.get("error") or isinstance(one, str) and one != "OK":
                raise RuntimeError(str(one))

    step("commit", commit)
    step("list", listed)
    step("describe", described)
    step("offsets", offsets)
    step("reset", reset)
    step("delete", delete)
    step("delete-again!", delete)
    admin.close()


def transactions():
    only_if(KafkaProducer, "transactional_id")
    topic = PREFIX + "-transactions"

    def new():
        return producer(transactional_id=PREFIX + "-id", transaction_timeout_ms=20000)

    writer = new()

    def write(value, end):
        writer.begin_transaction()
        send(writer, topic, values(value), close=False)
        end()

    def read(level):
        return [message.value.decode() for message in read_all(topic, isolation_level=level)]

    step("init", writer.init_transactions)
    step("commit", lambda: write(b"committed", writer.commit_transaction))
    step("abort", lambda: write(b"aborted", writer.abort_transaction))
    step("commit-again", lambda: write(b"again", writer.commit_transaction))
    step("read-committed", lambda: read("read_committed"))
    step("read-uncommitted", lambda: read("read_uncommitted"))

    def offsets():
        writer.begin_transaction()
        reader = consumer(PREFIX + "-transactions")
        try:
            writer.send_offsets_to_transaction({TopicPartition(topic, 0): offset_and_metadata(3)}, PREFIX + "-transactions")
            writer.commit_transaction()
            return reader.committed(TopicPartition(topic, 0))
        finally:
            reader.close()

    step("offsets", offsets)

    def fenced():
        writer.begin_transaction()
        send(writer, topic, values(b"fenced"), close=False)
        second = new()
        second.init_transactions()
        second.close()
        writer.commit_transaction()

    step("fenced!", fenced)
    step("read-at-end", lambda: read("read_committed"))
    writer.close(timeout=2)


def bulk():
    topic, count = PREFIX + "-bulk", 20000

    def send_all():
        writer = producer()
        futures = [writer.send(topic, b"x" * 100, partition=index % 2) for index in range(count)]
        writer.flush(40)
        failed = sum(not future.succeeded() for future in futures)
        writer.close(timeout=5)
        return [count, failed]

    step("send", send_all)
    step("read", lambda: len(read_all(topic, 2)))


run({"produce": produce, "idempotent": idempotent, "consume": consume, "group": group, "share": share, "static": static,
     "time": time_, "topics": topics, "groups": groups, "transactions": transactions, "bulk": bulk})
