// KafkaJS; snappy with its plugin. Its lz4 and zstd plugins need native modules and are left out.
'use strict';

const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs');
const r = require('./report.js');

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
const { prefix, step, until } = r;
const kafka = new Kafka({ brokers: [r.servers], clientId: 'matrix', logLevel: logLevel.NOTHING, retry: { retries: 3 } });

async function withProducer(settings, action) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...settings });
  await r.within(producer.connect());
  try {
    return await action(producer);
  } finally {
    await producer.disconnect();
  }
}

const send = (topic, messages, settings = {}, compression = CompressionTypes.None) =>
  withProducer(settings, (producer) => sendWith(producer, topic, messages, compression));

async function sendWith(producer, topic, messages, compression) {
  const all = messages.map((one) => ({ ...one, timestamp: one.timestamp && String(one.timestamp) }));
  const found = await producer.send({ topic, messages: all, compression, timeout: 10000 });
  return found.map((one) => [one.partition, one.errorCode, one.baseOffset]);
}

// A consumer has to have a group: one without commits reads from the start.
async function readAll(topic, settings = {}) {
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map((one) => [one.partition, Number(one.high)]));
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: `${prefix}-read-${Math.random()}`, maxWaitTimeInMs: 200, ...settings });
  const found = [];
  const at = new Map();
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    let silent = Date.now();
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        silent = Date.now();
        found.push({ partition, ...message });
        at.set(partition, Number(message.offset) + 1);
      },
    });
    // Control records are not shown, so a transactional topic ends with silence.
    await until('end of the topic', () => [...ends].every(([partition, end]) => (at.get(partition) || 0) >= end)
      || (found.length && Date.now() - silent > 2000));
  } finally {
    await consumer.disconnect();
  }
  return found;
}

async function produce() {
  const types = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };
  for (const codec of r.codecs) {
    await step(codec, async () => {
      if (!(codec in types)) throw new r.Unsupported('needs a native plugin');
      return send(`${prefix}-produce`, r.records(codec), {}, types[codec]);
    });
  }
}

async function idempotent() {
  await step('send', () => withProducer({ idempotent: true, maxInFlightRequests: 1 }, async (producer) => [
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('a', 'b')),
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('c'))]));
}

async function consume() {
  await step('records', async () => (await readAll(`${prefix}-produce`)).map((one) => [Number(one.offset), String(one.key),
    one.value.length, Object.entries(one.headers).map(([name, value]) => [name, String(value)])]));
}

async function group() {
  const topic = `${prefix}-group`;
  async function read(count) {
    const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 200, heartbeatInterval: 500, sessionTimeout: 10000 });
    const found = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => { found.push(String(message.value)); } });
      await until('records', () => found.length >= count);
    } finally {
      await consumer.disconnect();
    }
    return found.sort();
  }
  await step('send', async () => (await send(topic, r.numbered(0, 6))).length);
  await step('first', () => read(6));
  await step('send-more', async () => (await send(topic, r.numbered(6, 10))).length);
  await step('resumed', () => read(4));
  await step('committed', () => withAdmin(async (admin) => offsets(admin, topic, topic)));
}

async function member(groupId, topic) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, heartbeatInterval: 500, sessionTimeout: 10000 });
  let assigned = 0;
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = (payload.memberAssignment[topic] || []).length;
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async () => {} });
  return { size: () => assigned, leave: () => consumer.disconnect() };
}

async function withAdmin(action) {
  const admin = kafka.admin();
  await r.within(admin.connect());
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
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
    // KafkaJS returns false for a topic that exists. It takes an error for the end if the topic has no leader at once.
    const create = () => admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 2, replicationFactor: 1,
      configEntries: [{ name: 'retention.ms', value: '3600000' }] }] });
    const retention = async () => (await admin.describeConfigs({ includeSynonyms: false, resources: [
      { type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }] })).resources[0].configEntries.map(
      (one) => [one.configName, one.configValue, one.configSource]);
    const partitions = (count) => admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await step('create', create);
    await step('listed', () => until('the topic', async () => (await admin.listTopics()).includes(topic)));
    await step('create-again', create);
    await step('create-replicated!', () => admin.createTopics({ topics: [{ topic: `${topic}-r`, replicationFactor: 3 }] }));
    await step('describe', async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions
      .map((one) => [one.partitionId, one.leader]).sort());
    await step('config', retention);
    await step('alter', async () => (await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC,
      name: topic, configEntries: [{ name: 'retention.ms', value: '7200000' }] }] })).resources[0].errorCode);
    await step('config-altered', retention);
    await step('partitions', () => partitions(4));
    await step('partitions-fewer!', () => partitions(1));
    await step('send', () => send(topic, r.values('a', 'b', 'c', 'd')));
    await step('delete-records', () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] }));
    await step('watermarks', async () => (await admin.fetchTopicOffsets(topic))
      .map((one) => [one.partition, one.low, one.high]).sort());
    await step('cluster', async () => (await admin.describeCluster()).brokers.length);
    await step('delete', () => admin.deleteTopics({ topics: [topic] }));
    await step('delete-again!', () => admin.deleteTopics({ topics: [topic] }));
  });
}

async function groups() {
  const topic = `${prefix}-group`;
  const groupId = `${prefix}-groups`;
  await withAdmin(async (admin) => {
    const set = (offset) => admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset }, { partition: 1, offset: '1' }] });
    await step('commit', () => set('2'));
    await step('list', async () => (await admin.listGroups()).groups.some((one) => one.groupId === groupId));
    await step('describe', async () => (await admin.describeGroups([groupId])).groups.map(
      (one) => [one.state, one.members.length, one.errorCode]));
    await step('offsets', () => offsets(admin, groupId, topic));
    await step('reset', () => admin.resetOffsets({ groupId, topic, earliest: true }));
    await step('offsets-reset', () => offsets(admin, groupId, topic));
    await step('delete', () => admin.deleteGroups([groupId]));
    await step('delete-again!', () => admin.deleteGroups([groupId]));
  });
}

async function transactions() {
  const topic = `${prefix}-transactions`;
  const settings = { transactionalId: `${prefix}-id`, idempotent: true, maxInFlightRequests: 1, transactionTimeout: 20000 };
  const producer = kafka.producer(settings);
  await step('connect', () => producer.connect());
  const write = async (value, end) => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: r.values(value) });
    await transaction[end]();
  };
  const read = async (committed) => (await readAll(topic, { readUncommitted: !committed })).map((one) => String(one.value));
  await step('commit', () => write('committed', 'commit'));
  await step('abort', () => write('aborted', 'abort'));
  await step('commit-again', () => write('again', 'commit'));
  await step('read-committed', () => read(true));
  await step('read-uncommitted', () => read(false));
  await step('offsets', async () => {
    const transaction = await producer.transaction();
    await transaction.sendOffsets({ consumerGroupId: `${prefix}-transactions`,
      topics: [{ topic, partitions: [{ partition: 0, offset: '3' }] }] });
    await transaction.commit();
    return withAdmin((admin) => offsets(admin, `${prefix}-transactions`, topic));
  });
  await step('fenced!', async () => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: r.values('fenced') });
    const second = kafka.producer(settings);
    await second.connect();
    const other = await second.transaction();
    await other.abort();
    await second.disconnect();
    await transaction.commit();
  });
  await step('read-at-end', () => read(true));
  await producer.disconnect();
}

async function bulk() {
  const topic = `${prefix}-bulk`;
  await step('send', () => withProducer({}, async (producer) => {
    const all = r.bulk();
    for (let at = 0; at < all.length; at += 2000) await sendWith(producer, topic, all.slice(at, at + 2000));
    return all.length;
  }));
  await step('read', async () => (await readAll(topic)).length);
}

r.run({ produce, idempotent, consume, group, share: () => r.share(member), time, topics, groups, transactions, bulk });
