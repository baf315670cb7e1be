// The newest records, and the journey of one of them.

import { button, copy, el, fill, note, openDialog, setText, table } from './dom.js';
import { plural, shortKey, timestamp } from './format.js';
import { fieldTexts } from './json-text.js';
import { get } from './net.js';
import { showObject } from './pipeline.js';

const COORDINATES = ['kafka_topic', 'kafka_partition', 'kafka_offset', 'kafka_timestamp', 'kafka_generation'];

export class RecordsView {
  constructor(node, context) {
    this.context = context;
    this.symbol = el('input', { type: 'search', placeholder: 'AAPL', 'aria-label': 'Symbol' });
    this.partition = el('input', { type: 'number', min: '0', placeholder: '0', 'aria-label': 'Partition' });
    this.offset = el('input', { type: 'number', min: '0', placeholder: '41', 'aria-label': 'Offset' });
    this.status = el('span', { class: 'status', role: 'status' });
    this.body = el('div', { class: 'panel', id: 'records' }, note('Reading…'));
    node.append(
      el('form', { class: 'filters panel', onsubmit: (event) => { event.preventDefault(); this.load(); } },
        el('h2', { class: 'sr' }, 'Records'),
        [['Symbol', this.symbol], ['Partition', this.partition], ['Offset', this.offset]].map(([label, input]) => el('label', {}, label, input)),
        el('button', { type: 'submit', class: 'primary' }, 'Show'),
        button('Newest', () => { this.symbol.value = ''; this.partition.value = ''; this.offset.value = ''; this.load(); }), this.status),
      this.body);
  }

  onshow() { this.load(); }

  async load() {
    setText(this.status, 'reading…');
    const filters = { symbol: this.symbol.value.trim(), partition: this.partition.value, offset: this.offset.value };
    try {
      const answer = await get('/api/records', filters);
      const rows = answer.records.map((row) => ({ ...row, texts: new Map(fieldTexts(row.text)) }));
      // SQL reads numbers; the lake keeps them as they were written.
      const found = answer.sql ? 'found with SQL, numbers as SQL reads them'
        : `from ${answer.objects_read} of ${answer.is_all ? '' : 'more than '}${plural(answer.objects, 'object', 'objects')}`;
      setText(this.status, `${plural(rows.length, 'record', 'records')}, ${found}`);
      fill(this.body, rows.length === 0 ? note(filters.symbol || filters.partition || filters.offset ? 'No record matches.' : 'Nothing is stored yet.') : this.grid(rows));
      if (filters.partition && filters.offset && !filters.symbol) showJourney(this.context, Number(filters.partition), Number(filters.offset));
    } catch (error) {
      setText(this.status, '');
      fill(this.body, note(error.message, 'error'));
    }
  }

  grid(rows) {
    const field = (name) => (row) => { const text = row.texts.get(name); return text === undefined || row.record[name] === null ? null : text; };
    const names = new Set(rows.flatMap((row) => [...row.texts.keys()]));
    const fixed = ['kafka_generation', 'symbol', 'trade_date', 'traded_at', 'bar', 'open', 'high', 'low', 'close', 'volume'].filter((name) => names.has(name) && rows.some((row) => row.record[name] !== null));
    const isNumeric = (name) => rows.some((row) => typeof row.record[name] === 'number');
    return table([
      { name: 'sent (UTC)', cell: (row) => timestamp(row.record.kafka_timestamp) },
      { name: 'partition', numeric: true, cell: field('kafka_partition') },
      { name: 'offset', numeric: true, cell: field('kafka_offset') },
      ...fixed.map((name) => ({ name, numeric: isNumeric(name), cell: field(name) })),
      { name: 'object', class: 'mono', cell: (row) => (row.key ? `${shortKey(row.key)}, line ${row.line}` : null) },
    ].filter((column) => column.name !== 'object' || rows.some((row) => row.key)), rows, {
      caption: 'Records', onrow: (row) => showJourney(this.context, row.record.kafka_partition, row.record.kafka_offset),
    });
  }
}

/** Shows where a record is: topic, object and line, and its row in SQL. */
export async function showJourney(context, partition, offset, topic = context.info.topic) {
  const body = el('div', { class: 'journey' }, note('Searching…'));
  openDialog(`Record ${topic}/${partition}/${offset}`, body);
  let traced;
  try {
    traced = await get('/api/trace', { topic, partition, offset });
  } catch (error) {
    fill(body, note(error.message, 'error'));
    return;
  }
  if (!traced.locations.length) {
    const near = (found) => (found ? `offset ${found.offset} in ${shortKey(found.key)}` : 'nothing');
    fill(body, note('The record is not stored.', 'error'),
      traced.neighbours.length === 0 ? note('The lake has no object of this topic and partition.')
        : el('ul', { class: 'plain' }, traced.neighbours.map((one) => el('li', {}, `Generation ${one.generation}: before it ${near(one.before)}, after it ${near(one.after)}.`))));
    return;
  }
  fill(body, traced.locations.map((found) => location(context, found, topic, partition, offset, traced.locations.length)));
}

function location(context, found, topic, partition, offset, all) {
  const { record } = found;
  const isValid = found.status === 'stored';
  const table = isValid ? (topic === context.info.topic ? 'quotes' : `"${topic}"`) : 'quarantine';
  const conditions = [`kafka_partition = ${partition}`, `kafka_offset = ${offset}`, found.generation ? `kafka_generation = ${found.generation}` : 'kafka_generation IS NULL'];
  if (!isValid) conditions.unshift(`kafka_topic = '${topic.replaceAll("'", "''")}'`);
  const sql = `SELECT * FROM ${table} WHERE ${conditions.join(' AND ')}`;
  const values = fieldTexts(found.text).filter(([name]) => !COORDINATES.includes(name));
  return el('ol', { class: 'steps' },
    all > 1 && el('li', {}, el('h3', {}, `Generation ${found.generation}`)),
    el('li', {}, el('h3', {}, 'Kafka'), el('p', {}, `topic ${topic}, partition ${partition}, offset ${offset}`), el('p', { class: 'label' }, `sent ${timestamp(record.kafka_timestamp)} UTC`)),
    el('li', {}, el('h3', {}, isValid ? 'Stored' : 'Quarantined'), !isValid && note(found.reason, 'error'),
      el('p', { class: 'mono wrap' }, found.key), el('p', {}, `line ${found.line}`),
      button('Show the object', () => showObject(found.key, found.line))),
    el('li', {}, el('h3', {}, 'SQL'), el('pre', { class: 'mono wrap' }, sql),
      el('div', { class: 'row' }, button('Run it', () => { document.getElementById('dialog').close(); context.open('sql', sql); }),
        button('Copy trace command', (event) => copy(['tickerlake trace', `${topic}/${partition}/${offset}`, ...context.info.lake_options].join(' '), event.target))),
      el('dl', { class: 'facts' }, values.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: 'mono' }, value))))));
}
