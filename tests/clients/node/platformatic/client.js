// @platformatic/kafka. Version 1, because version 2 needs Node 22.
'use strict';

const { Admin, Consumer, Producer, stringDeserializers, stringSerializers } = require('@platformatic/kafka');
const r = require('./report.js');

const { prefix, step, until } = r;
const base = { clientId: 'matrix', bootstrapBrokers: [r.servers], timeout: 10000, retries: 3, retryDelay: 200 };
r.errorName = (error) => {
  const inner = (error.errors || []).map(r.errorName).find((name) => name !== 'PLT_KFK_NETWORK');
  return error.apiId || inner || error.code || error.name;
};

async function withClient(client, action) {
  try {
    return await action(client);
  } finally {
    await r.within(client.close(true), 'close', 5000).catch(() => {});
  }
}

const withAdmin = (action) => withClient(new Admin(base), action);
const withProducer = (settings, action) =>
  withClient(new Producer({ ...base, serializers: stringSerializers, ...settings }), action);

async function sendWith(sender, topic, messages, settings = {}) {
  const all = messages.map(({ timestamp, headers, ...one }) => ({ topic, ...one,
    ...(timestamp && { timestamp: BigInt(timestamp) }), ...(headers && { headers: new Map(Object.entries(headers)) }) }));
  const found = await sender.send({ messages: all, acks: -1, ...settings });
  return (found.offsets || []).map((one) => [one.partition, one.offset]);
}

const send = (topic, messages, settings) => withProducer({}, (producer) => sendWith(producer, topic, messages, settings));

const consumer = (groupId, settings = {}) => new Consumer({ ...base, groupId, deserializers: stringDeserializers,
  sessionTimeout: 10000, heartbeatInterval: 500, rebalanceTimeout: 20000, maxWaitTime: 200, autocommit: false, ...settings });

// Reads a topic until nothing has arrived for a while after the first record.
async function readAll(topic, settings = {}, silence = 1500) {
  return withClient(consumer(`${prefix}-read-${Math.random()}`, settings), async (reader) => {
    const stream = await r.within(reader.consume({ topics: [topic], mode: 'earliest', ...settings }));
    const found = [];
    let last = Date.now();
    let failure;
    stream.on('data', (message) => { found.push(message); last = Date.now(); });
    stream.on('error', (error) => { failure = error; });
    await until('records', () => {
      if (failure) throw failure;
      return found.length > 0 && Date.now() - last > silence;
    });
    await r.within(stream.close(), 'close', 5000).catch(() => {});
    return found;
  });
}

async function produce() {
  for (const codec of r.codecs) {
    await step(codec, () => {
      if (codec === 'zstd' && !require('node:zlib').zstdCompressSync) throw new r.Unsupported('this Node has no zstd');
      return send(`${prefix}-produce`, r.records(codec), { compression: codec });
    });
  }
}

async function idempotent() {
  await step('send', () => withProducer({ idempotent: true }, async (producer) => [
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('a', 'b'), { idempotent: true }),
    ...await sendWith(producer, `${prefix}-idempotent`, r.values('c'), { idempotent: true })]));
}

async function consume() {
  await step('records', async () => (await readAll(`${prefix}-produce`)).map((one) => [one.offset, one.key, one.value.length,
    [...one.headers.entries()]]));
}

async function group() {
  const topic = `${prefix}-group`;
  const read = (count) => withClient(consumer(topic), async (reader) => {
    const stream = await r.within(reader.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' }));
    const found = [];
    stream.on('data', (message) => found.push(message));
    await until('records', () => found.length >= count);
    await reader.commit({ offsets: found.map((one) => ({ topic, partition: one.partition, offset: one.offset + 1n, leaderEpoch: -1 })) });
    await r.within(stream.close(), 'close', 5000).catch(() => {});
    await r.within(reader.leaveGroup(), 'leave', 5000).catch(() => {});
    return found.map((one) => one.value).sort();
  });
  await step('send', async () => (await send(topic, r.numbered(0, 6))).length);
  await step('first', () => read(6));
  await step('send-more', async () => (await send(topic, r.numbered(6, 10))).length);
  await step('resumed', () => read(4));
}

async function member(groupId, topic, settings = {}) {
  const reader = consumer(groupId, settings);
  let assigned = 0;
  const one = { size: () => assigned, error: undefined, leave: async () => {
    await r.within(one.stream.close(), 'close', 5000).catch(() => {});
    await r.within(reader.close(true), 'close', 5000).catch(() => {});
  } };
  reader.on('consumer:group:join', ({ assignments }) => {
    assigned = (assignments || []).filter((each) => each.topic === topic).reduce((sum, each) => sum + each.partitions.length, 0);
  });
  one.stream = await r.within(reader.consume({ topics: [topic], mode: 'earliest' }));
  one.stream.on('data', () => {});
  one.stream.on('error', (error) => { one.error = error; });
  return one;
}

async function static_() {
  const topic = `${prefix}-static`;
  await step('join', async () => {
    const one = await member(topic, topic, { groupInstanceId: 'one' });
    await until('assignment', () => one.size() === 2);
    await one.leave();
    return one.size();
  });
}

async function time() {
  const topic = `${prefix}-time`;
  await step('send', () => send(topic, r.timed(0, 3)));
  await step('send-more', () => send(topic, r.timed(3, 6)));
  await withClient(consumer(`${prefix}-unused`), async (reader) => {
    for (const moment of [0, 1000000, 1000500, 1004000, 1005001, -1, -2, -3]) {
      await step(`${moment}`, async () => (await reader.listOffsets({ topics: [topic], timestamp: BigInt(moment) })).get(topic));
    }
  });
}

async function topics() {
  const topic = `${prefix}-topics`;
  await withAdmin(async (admin) => {
    const create = async () => (await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1,
      configs: [{ name: 'retention.ms', value: '3600000' }] })).map((one) => [one.partitions, one.replicas]);
    const retention = async () => (await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: topic,
      configurationKeys: ['retention.ms'] }] }))[0].configs.map((one) => [one.name, one.value, one.configSource]);
    const alter = (value) => admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: topic,
      configs: [{ name: 'retention.ms', value, configOperation: 0 }] }] });
    const partitions = (count) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] });
    await step('create', create);
    await step('listed', () => until('the topic', async () => (await admin.listTopics()).includes(topic)));
    await step('create-again!', create);
    await step('create-replicated!', () => admin.createTopics({ topics: [`${topic}-r`], partitions: 1, replicas: 3 }));
    await step('describe', async () => (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic).partitions.map((one) => one.leader));
    await step('config', retention);
    await step('alter', () => alter('7200000'));
    await step('config-altered', retention);
    await step('alter-invalid!', () => alter('x'));
    await step('partitions', () => partitions(4));
    await step('partitions-fewer!', () => partitions(1));
    await step('send', () => send(topic, r.values('a', 'b', 'c', 'd')));
    await step('delete-records', async () => (await admin.deleteRecords({ topics: [{ name: topic,
      partitions: [{ partition: 0, offset: 3n }] }] })).map((one) => one.partitions.map((each) => each.lowWatermark)));
    await step('log-dirs', async () => (await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })).length);
    await step('delete', () => admin.deleteTopics({ topics: [topic] }));
    await step('delete-again!', () => admin.deleteTopics({ topics: [topic] }));
  });
}

async function groups() {
  const topic = `${prefix}-group`;
  const groupId = `${prefix}-groups`;
  await withAdmin(async (admin) => {
    const set = (offset) => admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic,
      partitionOffsets: [{ partition: 0, offset }] }] });
    const offsets = async () => (await admin.listConsumerGroupOffsets({ groups: [groupId] })).map((one) =>
      one.topics.map((each) => each.partitions.map((p) => [p.partitionIndex, p.committedOffset])));
    await step('commit', () => set(2n));
    await step('list', async () => (await admin.listGroups()).has(groupId));
    await step('describe', async () => {
      const one = (await admin.describeGroups({ groups: [groupId] })).get(groupId);
      return [one.state, one.members.size];
    });
    await step('offsets', offsets);
    await step('reset', () => set(1n));
    await step('offsets-reset', offsets);
    await step('delete', () => admin.deleteGroups({ groups: [groupId] }));
    await step('delete-again!', () => admin.deleteGroups({ groups: [groupId] }));
  });
}

async function transactions() {
  const topic = `${prefix}-transactions`;
  const settings = { idempotent: true, transactionalId: `${prefix}-id` };
  await withProducer(settings, async (producer) => {
    const write = async (value, end) => {
      const transaction = await producer.beginTransaction();
      await sendWith(transaction, topic, r.values(value), { idempotent: true });
      await transaction[end]();
    };
    const read = async (level) => (await readAll(topic, { isolationLevel: level })).map((one) => one.value);
    await step('commit', () => write('committed', 'commit'));
    await step('abort', () => write('aborted', 'abort'));
    await step('commit-again', () => write('again', 'commit'));
    await step('read-committed', () => read(1));
    await step('read-uncommitted', () => read(0));
    await step('fenced!', async () => {
      const transaction = await producer.beginTransaction();
      await sendWith(transaction, topic, r.values('fenced'), { idempotent: true });
      await withProducer(settings, async (second) => {
        await (await second.beginTransaction()).abort();
      });
      await transaction.commit();
    });
    await step('read-at-end', () => read(1));
  });
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

r.run({ produce, idempotent, consume, group, share: () => r.share(member), static: static_, time, topics, groups, transactions, bulk });
