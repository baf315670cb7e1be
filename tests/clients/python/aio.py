#!/usr/bin/env python3
"""aiokafka. Each step runs in the one event loop of the program."""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from aiokafka.structs import OffsetAndMetadata

from report import CODECS, PATIENCE, PREFIX, SERVERS, Unexpected, records, run, step

logging.disable(logging.CRITICAL)
LOOP = asyncio.new_event_loop()


def wait(what, function, *arguments, **settings):
    """Runs a step that is a coroutine."""
    return step(what, lambda: LOOP.run_until_complete(function(*arguments, **settings)))


async def until(condition, what):
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise Unexpected(f"{what} not within {PATIENCE:.0f} s")


async def started(kind, **settings):
    client = kind(bootstrap_servers=SERVERS, request_timeout_ms=15000, **settings)
    try:
        await asyncio.wait_for(client.start(), PATIENCE)
    except BaseException:
        try:
            await asyncio.wait_for(client.stop(), 2)
        except Exception:
            pass
        raise
    return client


async def consumer(group=None, topic=None, **settings):
    reader = await started(AIOKafkaConsumer, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
                           session_timeout_ms=10000, heartbeat_interval_ms=500, **settings)
    if topic:
        reader.subscribe([topic])
    return reader


async def send_with(writer, topic, items):
    futures = [await writer.send(topic, partition=item.get("partition", 0), key=item.get("key"), value=item["value"],
                                 headers=item.get("headers"), timestamp_ms=item.get("timestamp")) for item in items]
    return [one.offset for one in await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)]


async def send(topic, items, **settings):
    writer = await started(AIOKafkaProducer, linger_ms=20, **settings)
    try:
        return await send_with(writer, topic, items)
    finally:
        await writer.stop()


def values(*items):
    return [{"value": item} for item in items]


async def read_all(topic, partitions=1, **settings):
    reader, found = await consumer(**settings), []
    try:
        assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
        reader.assign(assigned)
        ends = await reader.end_offsets(assigned)
        for one in assigned:
            reader.seek(one, 0)
        for _ in range(int(PATIENCE / 0.5)):
            for messages in (await reader.getmany(timeout_ms=500)).values():
                found.extend(messages)
            positions = [await reader.position(one) >= ends[one] for one in assigned]
            if all(positions):
                return found
        raise Unexpected("end of the topic not reached")
    finally:
        await reader.stop()


def produce():
    for codec in CODECS:
        items = [{"key": key, "value": value, "headers": headers} for key, value, headers in records(codec)]
        wait(codec, send, PREFIX + "-produce", items, compression_type=None if codec == "none" else codec)


def idempotent():
    async def twice():
        writer = await started(AIOKafkaProducer, enable_idempotence=True)
        try:
            return (await send_with(writer, PREFIX + "-idempotent", values(b"a", b"b"))
                    + await send_with(writer, PREFIX + "-idempotent", values(b"c")))
        finally:
            await writer.stop()

    wait("send", twice)


def consume():
    async def read():
        return [[m.offset, m.key.decode(), m.value.decode()[:10], len(m.value),
                 [[key, value.decode()] for key, value in m.headers or []]] for m in await read_all(PREFIX + "-produce")]

    wait("records", read)


def group():
    topic = name = PREFIX + "-group"

    async def read(count):
        reader, found = await consumer(name, topic), []
        try:
            for _ in range(int(PATIENCE / 0.5)):
                for messages in (await reader.getmany(timeout_ms=500)).values():
                    found.extend(message.value.decode() for message in messages)
                if len(found) >= count:
                    break
            await reader.commit()
        finally:
            await reader.stop()
        return sorted(found)

    async def committed():
        reader = await consumer(name, topic)
        try:
            return [await reader.committed(TopicPartition(topic, partition)) for partition in (0, 1)]
        finally:
            await reader.stop()

    items = [{"value": f"{index}".encode(), "partition": index % 2} for index in range(10)]
    wait("send", send, topic, items[:6])
    wait("first", read, 6)
    wait("send-more", send, topic, items[6:])
    wait("resumed", read, 4)
    wait("committed", committed)


class Member:
    """A member of a group, which polls in a separate task."""

    def __init__(self, reader):
        self.reader, self.error = reader, None
        self.task = asyncio.ensure_future(self.run())

    @classmethod
    async def join(cls, group, topic, **settings):
        return cls(await consumer(group, topic, **settings))

    async def run(self):
        try:
            while True:
                await self.reader.getmany(timeout_ms=100)
        except Exception as error:
            self.error = error

    def assigned(self):
        if self.error:
            raise self.error
        return len(self.reader.assignment())

    async def leave(self):
        self.task.cancel()
        await self.reader.stop()


def share():
    topic = name = PREFIX + "-share"

    async def shared():
        members = [await Member.join(name, topic)]
        try:
            await until(lambda: members[0].assigned() == 4, "all partitions")
            members.append(await Member.join(name, topic))
            await until(lambda: sorted(one.assigned() for one in members) == [2, 2], "two each")
            await members.pop(0).leave()
            await until(lambda: members[0].assigned() == 4, "all after one left")
            return [4, [2, 2], 4]
        finally:
            for member in members:
                await member.leave()

    wait("shared", shared)


def static():
    topic = name = PREFIX + "-static"

    async def rejoin():
        found = []
        for _ in range(2):
            member = await Member.join(name, topic, group_instance_id="one")
            await until(lambda: member.assigned() == 2, "assignment")
            found.append(2)
            await member.leave()
        return found

    wait("rejoin", rejoin)


def time_():
    topic = PREFIX + "-time"
    partition = TopicPartition(topic, 0)
    items = [{"value": b"x", "timestamp": 1_000_000 + 1000 * index} for index in range(6)]
    wait("send", send, topic, items[:3])
    wait("send-more", send, topic, items[3:])

    async def at(*moments):
        reader, found = await consumer(), []
        try:
            for moment in moments:
                one = (await reader.offsets_for_times({partition: moment}))[partition]
                found.append(one and [one.offset, one.timestamp])
            return found
        finally:
            await reader.stop()

    async def watermarks():
        reader = await consumer()
        try:
            return [(await reader.beginning_offsets([partition]))[partition], (await reader.end_offsets([partition]))[partition]]
        finally:
            await reader.stop()

    wait("offsets", at, 0, 1_000_000, 1_000_500, 1_004_000, 1_005_001)
    wait("watermarks", watermarks)


def raise_first(errors):
    for one in errors:
        code = one[1] if isinstance(one, (tuple, list)) else one
        if code:
            raise for_code(code)()


def topics():
    topic = PREFIX + "-topics"
    admin = step("connect", lambda: Holder(LOOP.run_until_complete(started(AIOKafkaAdminClient)))).client
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": None})

    async def new(name, partitions, replicas, **settings):
        raise_first((await admin.create_topics([NewTopic(name, partitions, replicas, **settings)])).topic_errors)

    async def listed():
        for _ in range(200):
            if topic in await admin.list_topics():
                return
            await asyncio.sleep(0.05)
        raise Unexpected("the topic is not listed")

    async def described():
        found = (await admin.describe_topics([topic]))[0]
        return sorted([one["partition"], one["leader"]] for one in found["partitions"])

    async def setting():
        found = await admin.describe_configs([resource])
        text = str([one.to_object() for one in found])
        return [number for number in ("3600000", "7200000") if number in text]

    async def alter():
        answers = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic,
                                                            configs={"retention.ms": "7200000"})])
        raise_first([one[0] for answer in answers for one in answer.resources])

    async def partitions(count):
        raise_first((await admin.create_partitions({topic: NewPartitions(count)})).topic_errors)

    async def delete_records():
        return list((await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})).values())

    async def delete():
        raise_first((await admin.delete_topics([topic])).topic_error_codes)

    async def cluster():
        return len((await admin.describe_cluster())["brokers"])

    wait("create", new, topic, 2, 1, topic_configs={"retention.ms": "3600000"})
    wait("listed", listed)
    wait("create-again!", new, topic, 2, 1)
    wait("create-replicated!", new, topic + "-r", 2, 3)
    wait("describe", described)
    wait("config", setting)
    wait("alter", alter)
    wait("config-altered", setting)
    wait("partitions", partitions, 4)
    wait("partitions-fewer!", partitions, 1)
    wait("send", send, topic, values(b"a", b"b", b"c", b"d"))
    wait("delete-records", delete_records)
    wait("cluster", cluster)
    wait("delete", delete)
    wait("delete-again!", delete)
    LOOP.run_until_complete(admin.close())


class Holder:
    """A client as a value that a step can print."""

    def __init__(self, client):
        self.client = client


def groups():
    topic, name = PREFIX + "-group", PREFIX + "-groups"
    admin = LOOP.run_until_complete(started(AIOKafkaAdminClient))

    async def commit():
        reader = await started(AIOKafkaConsumer, group_id=name, enable_auto_commit=False)
        try:
            reader.assign([TopicPartition(topic, 0), TopicPartition(topic, 1)])
            await reader.commit({TopicPartition(topic, 0): OffsetAndMetadata(2, ""),
                                 TopicPartition(topic, 1): OffsetAndMetadata(1, "")})
        finally:
            await reader.stop()

    async def listed():
        return name in [one[0] for one in await admin.list_consumer_groups()]

    async def described():
        found = (await admin.describe_consumer_groups([name]))[0].groups[0]
        return [found[0], found[2], found[3], len(found[5])]

    async def offsets():
        found = await admin.list_consumer_group_offsets(name)
        return sorted([one.partition, value.offset] for one, value in found.items())

    wait("commit", commit)
    wait("list", listed)
    wait("describe", described)
    wait("offsets", offsets)
    LOOP.run_until_complete(admin.close())


def transactions():
    topic = PREFIX + "-transactions"
    settings = {"transactional_id": PREFIX + "-id", "transaction_timeout_ms": 20000}
    writer = step("init", lambda: Holder(LOOP.run_until_complete(started(AIOKafkaProducer, **settings))))
    if writer is None:
        return
    writer = writer.client

    async def write(value, end):
        await writer.begin_transaction()
        await send_with(writer, topic, values(value))
        await asyncio.wait_for(end(), PATIENCE)

    async def read(level):
        return [message.value.decode() for message in await read_all(topic, isolation_level=level)]

    async def offsets():
        group = PREFIX + "-transactions"
        await writer.begin_transaction()
        await writer.send_offsets_to_transaction({TopicPartition(topic, 0): 3}, group)
        await asyncio.wait_for(writer.commit_transaction(), PATIENCE)
        reader = await started(AIOKafkaConsumer, group_id=group, enable_auto_commit=False)
        try:
            reader.assign([TopicPartition(topic, 0)])
            return await reader.committed(TopicPartition(topic, 0))
        finally:
            await reader.stop()

    async def fenced():
        await writer.begin_transaction()
        await send_with(writer, topic, values(b"fenced"))
        await (await started(AIOKafkaProducer, **settings)).stop()
        await asyncio.wait_for(writer.commit_transaction(), PATIENCE)

    wait("commit", write, b"committed", writer.commit_transaction)
    wait("abort", write, b"aborted", writer.abort_transaction)
    wait("commit-again", write, b"again", writer.commit_transaction)
    wait("read-committed", read, "read_committed")
    wait("read-uncommitted", read, "read_uncommitted")
    wait("offsets", offsets)
    wait("fenced!", fenced)
    wait("read-at-end", read, "read_committed")


def bulk():
    topic, count = PREFIX + "-bulk", 20000

    async def read():
        return len(await read_all(topic, 2))

    async def write():
        items = [{"value": b"x" * 100, "partition": index % 2} for index in range(count)]
        return len(await send(topic, items))

    wait("send", write)
    wait("read", read)


asyncio.set_event_loop(LOOP)
run({"produce": produce, "idempotent": idempotent, "consume": consume, "group": group, "share": share, "static": static,
     "time": time_, "topics": topics, "groups": groups, "transactions": transactions, "bulk": bulk})
