#!/usr/bin/env python3
"""confluent-kafka, librdkafka's Python client."""

import threading

from confluent_kafka import (Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer,
                             TopicCollection, TopicPartition)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec)

from report import CODECS, PREFIX, SERVERS, Unexpected, records, run, step, until

QUIET = {"bootstrap.servers": SERVERS, "log_level": 0}


def error_name(error):
    inner = error.args[0] if error.args else None
    return inner.name() if isinstance(inner, KafkaError) else type(error).__name__


def send(producer, topic, items):
    """Sends records and returns their offsets."""
    offsets, failures = [], []

    def delivered(error, message):
        if error:
            failures.append(error)
        else:
            offsets.append(message.offset())

    for item in items:
        producer.produce(topic, partition=item.get("partition", 0), key=item.get("key"), value=item["value"],
                         headers=item.get("headers"), timestamp=item.get("timestamp", 0), on_delivery=delivered)
    producer.flush(20)
    if failures:
        raise KafkaException(failures[0])
    if len(offsets) < len(items):
        raise Unexpected(f"{len(items) - len(offsets)} records not delivered")
    return offsets


def producer(**settings):
    return Producer({**QUIET, "message.timeout.ms": 15000, "linger.ms": 20, **settings})


def consumer(group, **settings):
    return Consumer({**QUIET, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                     "session.timeout.ms": 10000, "heartbeat.interval.ms": 500, **settings})


def values(*items):
    return [{"value": item} for item in items]


def read_all(topic, partitions=1, **settings):
    """Reads a topic from the start to the end that it has now."""
    reader = consumer(PREFIX + "-unused", **{"enable.partition.eof": True, **settings})
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found, ended = [], set()

    def poll():
        message = reader.poll(0.5)
        if message is None:
            return
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            ended.add(message.partition())
        else:
            found.append(message)

    try:
        until(lambda: len(ended) == partitions, "end of the topic", poll)
    finally:
        reader.close()
    return found


def produce():
    for codec in CODECS:
        items = [{"key": key, "value": value, "headers": headers} for key, value, headers in records(codec)]
        step(codec, lambda: send(producer(**{"compression.type": codec}), PREFIX + "-produce", items))


def idempotent():
    def twice():
        writer = producer(**{"enable.idempotence": True})
        return send(writer, PREFIX + "-idempotent", values(b"a", b"b")) + send(writer, PREFIX + "-idempotent", values(b"c"))

    step("send", twice)


def consume():
    step("records", lambda: [[m.offset(), m.key().decode(), m.value().decode()[:10], len(m.value()),
                              [[key, value.decode()] for key, value in m.headers() or []]]
                             for m in read_all(PREFIX + "-produce")])


def group():
    topic, name = PREFIX + "-group", PREFIX + "-group"

    def read(count):
        reader, found = consumer(name), []
        reader.subscribe([topic])

        def poll():
            message = reader.poll(0.5)
            if message is not None:
                if message.error():
                    raise KafkaException(message.error())
                found.append(message.value().decode())

        try:
            until(lambda: len(found) >= count, f"{count} records", poll)
            reader.commit(asynchronous=False)
        finally:
            reader.close()
        return sorted(found)

    items = [{"value": f"{index}".encode(), "partition": index % 2} for index in range(10)]
    step("send", lambda: len(send(producer(), topic, items[:6])))
    step("first", lambda: read(6))
    step("send-more", lambda: len(send(producer(), topic, items[6:])))
    step("resumed", lambda: read(4))
    step("committed", lambda: [one.offset for one in consumer(name).committed(
        [TopicPartition(topic, partition) for partition in (0, 1)], timeout=10)])


class Member:
    """A member of a group, which polls in a separate thread."""

    def __init__(self, group, topic, **settings):
        self.reader = consumer(group, **settings)
        self.error, self.stopping = None, threading.Event()
        self.assigned = set()
        self.reader.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def on_assign(self, _, partitions):
        self.assigned |= {one.partition for one in partitions}

    def on_revoke(self, _, partitions):
        self.assigned -= {one.partition for one in partitions}

    def run(self):
        while not self.stopping.is_set():
            try:
                message = self.reader.poll(0.1)
            except KafkaException as error:
                self.error = error.args[0]
                break
            if message is not None and message.error():
                self.error = message.error()
                if self.error.fatal():
                    break
        self.reader.close()

    def leave(self):
        self.stopping.set()
        self.thread.join(20)


def share_with(strategy):
    name = f"{PREFIX}-share-{strategy}"
    settings = {"partition.assignment.strategy": strategy}
    pause = threading.Event()
    members = [Member(name, PREFIX + "-share", **settings)]
    try:
        until(lambda: len(members[0].assigned) == 4, "all partitions", lambda: pause.wait(0.05))
        members.append(Member(name, PREFIX + "-share", **settings))
        until(lambda: sorted(len(one.assigned) for one in members) == [2, 2], "two each", lambda: pause.wait(0.05))
        members.pop(0).leave()
        until(lambda: len(members[0].assigned) == 4, "all after one left", lambda: pause.wait(0.05))
        return [4, [2, 2], 4]
    finally:
        for member in members:
            member.leave()


def share():
    step("range", lambda: share_with("range"))
    step("cooperative-sticky", lambda: share_with("cooperative-sticky"))


def static():
    name, topic, pause = PREFIX + "-static", PREFIX + "-static", threading.Event()

    def members():
        admin = AdminClient(QUIET)
        found = admin.describe_consumer_groups([name])[name].result(10)
        return found.state.name, [one.group_instance_id for one in found.members]

    def rejoin():
        sizes = []
        for _ in range(2):
            member = Member(name, topic, **{"group.instance.id": "one"})
            until(lambda: len(member.assigned) == 2, "assignment", lambda: pause.wait(0.05))
            sizes.append([len(member.assigned), *members()])
            member.leave()
        return sizes + [members()]

    def fenced():
        first = Member(name, topic, **{"group.instance.id": "one"})
        until(lambda: len(first.assigned) == 2, "assignment", lambda: pause.wait(0.05))
        second = Member(name, topic, **{"group.instance.id": "one"})
        try:
            until(lambda: first.error is not None, "the first member's error", lambda: pause.wait(0.05))
            raise KafkaException(first.error)
        finally:
            first.leave()
            second.leave()

    step("rejoin", rejoin)
    step("fenced!", fenced)


def time_():
    topic = PREFIX + "-time"
    items = [{"value": b"x", "timestamp": 1_000_000 + 1000 * index} for index in range(6)]
    step("send", lambda: send(producer(), topic, items[:3]) + send(producer(), topic, items[3:]))
    reader = consumer(PREFIX + "-unused")
    asked = [0, 1_000_000, 1_000_500, 1_004_000, 1_005_001]
    step("offsets", lambda: [reader.offsets_for_times([TopicPartition(topic, 0, moment)], timeout=10)[0].offset
                             for moment in asked])
    step("watermarks", lambda: reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10))

    admin = AdminClient(QUIET)

    def listed(spec):
        found = admin.list_offsets({TopicPartition(topic, 0): spec})
        result = next(iter(found.values())).result(10)
        return [result.offset, result.timestamp]

    step("earliest", lambda: listed(OffsetSpec.earliest()))
    step("latest", lambda: listed(OffsetSpec.latest()))
    step("max-timestamp", lambda: listed(OffsetSpec.max_timestamp()))
    reader.close()


def only(futures):
    return next(iter(futures.values())).result(10)


def topics():
    admin, topic = AdminClient(QUIET), PREFIX + "-topics"
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)

    def described():
        found = only(admin.describe_topics(TopicCollection([topic])))
        return [found.is_internal, sorted([one.id, one.leader.id, len(one.isr)] for one in found.partitions)]

    def setting(*names):
        found = only(admin.describe_configs([resource]))
        return [[name, found[name].value, found[name].source] for name in names]

    def alter(name, value):
        change = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
        return only(admin.incremental_alter_configs([change]))

    def visible():
        until(lambda: topic in admin.list_topics(timeout=10).topics, "the topic", lambda: None)

    step("create", lambda: only(admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "3600000"})])))
    step("listed", visible)
    step("create-again!", lambda: only(admin.create_topics([NewTopic(topic, 2, 1)])))
    step("create-replicated!", lambda: only(admin.create_topics([NewTopic(topic + "-r", 2, 3)])))
    step("create-invalid!", lambda: only(admin.create_topics([NewTopic("a b", 1, 1)])))
    step("describe", described)
    step("config", lambda: setting("retention.ms", "cleanup.policy", "segment.bytes"))
    step("alter", lambda: alter("retention.ms", "7200000"))
    step("config-altered", lambda: setting("retention.ms"))
    step("alter-invalid!", lambda: alter("retention.ms", "x"))
    step("partitions", lambda: only(admin.create_partitions([NewPartitions(topic, 4)])))
    step("partitions-fewer!", lambda: only(admin.create_partitions([NewPartitions(topic, 1)])))
    step("send", lambda: send(producer(), topic, values(b"a", b"b", b"c", b"d")))
    step("delete-records", lambda: only(admin.delete_records([TopicPartition(topic, 0, 3)])).low_watermark)
    step("watermarks", lambda: consumer("x").get_watermark_offsets(TopicPartition(topic, 0), timeout=10))
    step("delete-records-beyond!", lambda: only(admin.delete_records([TopicPartition(topic, 0, 99)])).low_watermark)
    step("cluster", lambda: [[one.id, one.host] for one in admin.describe_cluster().result(10).nodes])
    step("delete", lambda: only(admin.delete_topics([topic])))
    step("delete-again!", lambda: only(admin.delete_topics([topic])))


def groups():
    admin, name, topic = AdminClient(QUIET), PREFIX + "-groups", PREFIX + "-group"

    def commit():
        reader = consumer(name)
        reader.commit(offsets=[TopicPartition(topic, 0, 2), TopicPartition(topic, 1, 1)], asynchronous=False)
        reader.close()

    def listed():
        found = admin.list_consumer_groups().result(10)
        return [[one.group_id == name, one.is_simple_consumer_group, one.state.name] for one in found.valid
                if one.group_id == name]

    def offsets(partitions=None):
        result = only(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name, partitions)]))
        return sorted([one.partition, one.offset] for one in result.topic_partitions)

    def described():
        found = admin.describe_consumer_groups([name])[name].result(10)
        return [found.state.name, len(found.members), found.partition_assignor]

    def reset():
        change = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 1)])
        result = only(admin.alter_consumer_group_offsets([change]))
        return [one.offset for one in result.topic_partitions]

    step("commit", commit)
    step("list", listed)
    step("describe", described)
    step("offsets", offsets)
    step("offsets-some", lambda: offsets([TopicPartition(topic, 1)]))
    step("reset", reset)
    step("offsets-reset", offsets)
    step("delete", lambda: only(admin.delete_consumer_groups([name])))
    step("delete-again!", lambda: only(admin.delete_consumer_groups([name])))

    def not_empty():
        member = Member(name + "-2", PREFIX + "-share")
        try:
            until(lambda: len(member.assigned) == 4, "all partitions", lambda: threading.Event().wait(0.05))
            return only(admin.delete_consumer_groups([name + "-2"]))
        finally:
            member.leave()

    step("delete-not-empty!", not_empty)


def transactions():
    topic = PREFIX + "-transactions"
    settings = {"transactional.id": PREFIX + "-id", "transaction.timeout.ms": 20000}
    writer = producer(**settings)

    def write(value, end):
        writer.begin_transaction()
        send(writer, topic, values(value))
        end(15)

    step("init", lambda: writer.init_transactions(15))
    step("commit", lambda: write(b"committed", writer.commit_transaction))
    step("abort", lambda: write(b"aborted", writer.abort_transaction))
    step("commit-again", lambda: write(b"again", writer.commit_transaction))
    step("read-committed", lambda: [m.value().decode() for m in read_all(topic, **{"isolation.level": "read_committed"})])
    step("read-uncommitted", lambda: [m.value().decode()
                                      for m in read_all(topic, **{"isolation.level": "read_uncommitted"})])

    def offsets():
        reader = consumer(PREFIX + "-transactions")
        writer.begin_transaction()
        writer.send_offsets_to_transaction([TopicPartition(topic, 0, 3)], reader.consumer_group_metadata(), 15)
        writer.commit_transaction(15)
        return reader.committed([TopicPartition(topic, 0)], timeout=10)[0].offset

    step("offsets", offsets)

    def fenced():
        writer.begin_transaction()
        send(writer, topic, values(b"fenced"))
        producer(**settings).init_transactions(15)
        writer.commit_transaction(15)

    step("fenced!", fenced)
    step("read-at-end", lambda: [m.value().decode() for m in read_all(topic, **{"isolation.level": "read_committed"})])


def bulk():
    topic, count = PREFIX + "-bulk", 20000

    def send_all():
        writer, failed = producer(), []
        for index in range(count):
            writer.produce(topic, value=b"x" * 100, partition=index % 2,
                           on_delivery=lambda error, _: failed.append(error) if error else None)
            writer.poll(0)
        writer.flush(30)
        return [count, len(failed)]

    step("send", send_all)
    step("read", lambda: len(read_all(topic, 2)))


run({"produce": produce, "idempotent": idempotent, "consume": consume, "group": group, "share": share, "static": static,
     "time": time_, "topics": topics, "groups": groups, "transactions": transactions, "bulk": bulk}, error_name=error_name)
