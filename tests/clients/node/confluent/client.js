// Confluent's JavaScript client, on librdkafka, by its KafkaJS interface.
'use strict';

const { Kafka, CompressionTypes, logLevel } = require('@confluentinc/kafka-javascript').KafkaJS;
const r = require('./report.js');

const { prefix, step, until } = r;
const kafka = new Kafka({ kafkaJS: { brokers: [r.servers], clientId: 'matrix', logLevel: logLevel.NOTHING } });

async function withProducer(settings, action) {
  const producer = kafka.producer({ 'linger.ms': 20, 'message.timeout.ms': 15000, kafkaJS: settings });
  await r.within(producer.connect());
  try {
    return await action(producer);
  } finally {
    await producer.disconnect();
  }
}

async function sendWith(sender, topic, messages) {
  const all = messages.map((one) => ({ ...one, timestamp: one.timestamp && String(one.timestamp) }));
  const found = await sender.send({ topic, messages: all });
  return found.map((one) => [one.partition, one.errorCode, one.baseOffset]);
}

const send = (topic, messages, settings = {}) => withProducer(settings, (producer) => sendWith(producer, topic, messages));

const consumer = (groupId, settings = {}, more = {}) => kafka.consumer({ 'session.timeout.ms': 10000, 'heartbeat.interval.ms': 500,
  ...more, kafkaJS: { groupId, fromBeginning: true, autoCommit: false, ...settings } });

async function withAdmin(action) {
  const admin = kafka.admin();
  await r.within(admin.connect());
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
}

// Reads a topic until nothing has arrived for a while after the first record.
async function readAll(topic, settings = {}) {
  const reader = consumer(`${prefix}-read-${Math.random()}`, settings);
  const found = [];
  let last = Date.now();
  await r.within(reader.connect());
  try {
    await reader.subscribe({ topic });
    await reader.run({ eachMessage: async ({ message }) => { found.push(message); last = Date.now(); } });
    await until('records', () => found.length > 0 && Date.now() - last > 2000);
  } finally {
    await reader.disconnect();
  }
  return found;
}

async function produce() {
  const types = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.SNAPPY,
    lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD };
  for (const codec of r.codecs) {
    await step(codec, () => send(`${prefix}-produce`, r.records(codec), { compression: types[codec] }));
  }
}

async function idempotent() {
  await step('send', () => withProducer({ idempotent: true }, async (producer) => [
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('a', 'b')),
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('c'))]));
}

async function consume() {
  await step('records', async () => (await readAll(`${prefix}-produce`)).map((one) => [Number(one.offset), String(one.key),
    one.value.length, Object.entries(one.headers || {}).map(([name, value]) => [name, String(value)])]));
}

async function group() {
  const topic = `${prefix}-group`;
  async function read(count) {
    const reader = consumer(topic, { autoCommit: true });
    const found = [];
    await r.within(reader.connect());
    try {
      await reader.subscribe({ topic });
      await reader.run({ eachMessage: async ({ message }) => { found.push(String(message.value)); } });
      await until('records', () => found.length >= count);
    } finally {
      await reader.disconnect();
    }
    return found.sort();
  }
  await step('send', async () => (await send(topic, r.numbered(0, 6))).length);
  await step('first', () => read(6));
  await step('send-more', async () => (await send(topic, r.numbered(6, 10))).length);
  await step('resumed', () => read(4));
  await step('committed', () => withAdmin((admin) => offsets(admin, topic, topic)));
}

async function member(groupId, topic, more) {
  const reader = consumer(groupId, {}, more);
  await r.within(reader.connect());
  await reader.subscribe({ topic });
  await reader.run({ eachMessage: async () => {} });
  return { size: () => reader.assignment().length, leave: () => reader.disconnect() };
}

async function static_() {
  const topic = `${prefix}-static`;
  await step('rejoin', async () => {
    for (let round = 0; round < 2; round += 1) {
      const one = await member(topic, topic, { 'group.instance.id': 'one' });
      await until('assignment', () => one.size() === 2);
      await one.leave();
    }
    return [2, 2];
  });
}

const offsets = async (admin, groupId, topic) =>
  (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions.map((one) => [one.partition, one.offset]).sort();

async function time() {
  const topic = `${prefix}-time`;
  await step('send', () => send(topic, r.timed(0, 3)));
  await step('send-more', () => send(topic, r.timed(3, 6)));
  await withAdmin(async (admin) => {
    for (const moment of [0, 1000000, 1000500, 1004000, 1005001]) {
      await step(`${moment}`, () => admin.fetchTopicOffsetsByTimestamp(topic, moment));
    }
    await step('watermarks', () => admin.fetchTopicOffsets(topic));
  });
}

async function topics() {
  const topic = `${prefix}-topics`;
  await withAdmin(async (admin) => {
    const create = () => admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] });
    await step('create', create);
    await step('listed', () => until('the topic', async () => (await admin.listTopics()).includes(topic)));
    await step('create-again', create);
    await step('create-replicated!', () => admin.createTopics({ topics: [{ topic: `${topic}-r`, replicationFactor: 3 }] }));
    await step('describe', async () => (await admin.fetchTopicMetadata({ topics: [topic] }))
      .map((one) => one.partitions.map((each) => [each.partitionId, each.leader])));
    await step('send', () => send(topic, r.values('a', 'b', 'c', 'd')));
    await step('delete-records', () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] }));
    await step('delete', () => admin.deleteTopics({ topics: [topic] }));
    await step('delete-again!', () => admin.deleteTopics({ topics: [topic] }));
  });
}

async function groups() {
  const groupId = `${prefix}-group`;
  await withAdmin(async (admin) => {
    await step('list', async () => (await admin.listGroups()).groups.some((one) => one.groupId === groupId));
    await step('describe', async () => (await admin.describeGroups([groupId])).groups.map((one) => [one.state, one.members.length]));
    await step('offsets', () => offsets(admin, groupId, groupId));
    await step('delete', () => admin.deleteGroups([groupId]));
    await step('delete-again!', () => admin.deleteGroups([groupId]));
  });
}

async function transactions() {
  const topic = `${prefix}-transactions`;
  const settings = { transactionalId: `${prefix}-id`, transactionTimeout: 14000 };
  const producer = kafka.producer({ kafkaJS: settings });
  await step('connect', () => producer.connect());
  const write = async (value, end) => {
    const transaction = await producer.transaction();
    await sendWith(transaction, topic, r.values(value));
    await transaction[end]();
  };
  const read = async (readUncommitted) => (await readAll(topic, { readUncommitted })).map((one) => String(one.value));
  await step('commit', () => write('committed', 'commit'));
  await step('abort', () => write('aborted', 'abort'));
  await step('commit-again', () => write('again', 'commit'));
  await step('read-committed', () => read(false));
  await step('read-uncommitted', () => read(true));
  await r.within(producer.disconnect(), 'disconnect', 5000).catch(() => {});
}

async function bulk() {
  const topic = `${prefix}-bulk`;
  await step('send', async () => (await withProducer({}, async (producer) => {
    const all = r.bulk();
    await Promise.all(all.map((one) => producer.send({ topic, messages: [one] })));
    return all;
  })).length);
  await step('read', async () => (await readAll(topic)).length);
}

r.run({ produce, idempotent, consume, group, share: () => r.share(member), static: static_, time, topics, groups, transactions, bulk });
