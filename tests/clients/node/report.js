// The command line of the Node programs of the matrix and the lines they print (see ../README.md).
'use strict';

const [, , servers, operations, prefix] = process.argv;
const PATIENCE = 20000;
// Steps after which Apache Kafka answers before every request sees the change, and the time that it gets for it.
const SLOW_STEPS = ['create', 'alter', 'partitions'];
const SETTLE = 500;
let operation;

class Unsupported extends Error {}

function print(fields) {
  if (typeof fields.text === 'string') fields.text = fields.text.slice(0, 300);
  const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
  process.stdout.write(JSON.stringify({ operation, ...fields }, plain) + '\n');
}

const report = {
  servers,
  prefix,
  PATIENCE,
  Unsupported,
  codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
  // Names an error without the server's text.
  errorName: (error) => error.type || error.code || error.name,

  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),

  // Rejects when a promise takes too long.
  within(promise, what = 'answer', ms = PATIENCE) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} not in time`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  },

  async until(what, condition) {
    const end = Date.now() + PATIENCE;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`${what} not in time`);
      await report.sleep(50);
    }
  },

  // Runs one step and prints what it returned or threw. A step whose name ends with `!` has to fail.
  async step(name, action, limit = 45000) {
    try {
      const value = await report.within(action(), name, limit);
      print({ step: name, value: value === undefined ? null : value });
      if (SLOW_STEPS.includes(name)) await report.sleep(SETTLE);
      return value;
    } catch (error) {
      if (error instanceof Unsupported) print({ step: name, unsupported: error.message });
      else print({ step: name, error: String(report.errorName(error)), text: String(error.message) });
      return undefined;
    }
  },

  records: (codec) =>
    [0, 1, 2, 3, 4].map((index) => ({
      key: `${codec}-${index}`,
      value: `${codec} ${index} `.repeat(20),
      headers: { codec, empty: '' },
      partition: 0,
    })),
  values: (...values) => values.map((value) => ({ value, partition: 0 })),
  numbered: (from, to) =>
    Array.from({ length: to - from }, (_, index) => ({ value: `${from + index}`, partition: (from + index) % 2 })),
  timed: (from, to) =>
    Array.from({ length: to - from }, (_, index) => ({ value: 'x', partition: 0, timestamp: 1000000 + 1000 * (from + index) })),
  bulk: () => Array.from({ length: 20000 }, (_, index) => ({ value: 'x'.repeat(100), partition: index % 2 })),

  // Two members share the partitions of a topic, then one leaves. `member(group, topic)` joins, and returns the functions
  // `size`, the number of its partitions, and `leave`.
  async share(member) {
    const topic = `${prefix}-share`;
    await report.step('shared', async () => {
      const first = await member(topic, topic);
      await report.until('all partitions', () => first.size() === 4);
      const second = await member(topic, topic);
      try {
        await report.until('two each', () => first.size() === 2 && second.size() === 2);
        await first.leave();
        await report.until('all after one left', () => second.size() === 4);
      } finally {
        await second.leave();
      }
      return [4, 2, 2, 4];
    });
  },

  // Carries out the operations that the command line names.
  async run(known) {
    process.on('unhandledRejection', () => {});
    // A client that throws from a timer or a socket fails its step by never answering.
    process.on('uncaughtException', (error) => print({ step: 'uncaught', error: String(report.errorName(error)), text: error.message }));
    for (operation of operations.split(',')) {
      const began = Date.now();
      if (!known[operation]) {
        print({ end: 'unsupported' });
        continue;
      }
      try {
        await known[operation]();
      } catch (error) {
        print({ step: 'run', error: String(report.errorName(error)), text: String(error.message) });
      }
      print({ end: 'done', seconds: (Date.now() - began) / 1000 });
    }
    process.exit(0);
  },
};

module.exports = report;
