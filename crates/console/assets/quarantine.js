// Invalid records: why each is in the quarantine, and its value byte for byte.

import { el, fill, note, openDialog, table, button } from './dom.js';
import { count, plural, timestamp } from './format.js';
import { faultOf } from './json-text.js';
import { get } from './net.js';
import { showObject } from './pipeline.js';

export class QuarantineView {
  constructor(node, context) {
    this.context = context;
    this.body = el('div', { class: 'stack', id: 'quarantine' });
    node.append(el('h2', { class: 'sr' }, 'Quarantine'), this.body);
  }

  onshow() { this.load(); }

  async load() {
    fill(this.body, el('div', { class: 'panel' }, note('Reading…')));
    try {
      const { reasons, newest } = await get('/api/quarantine');
      if (!newest.objects) {
        fill(this.body, el('div', { class: 'panel' }, note('The quarantine is empty: every stored record is a valid JSON object whose values fit their columns.')));
        return;
      }
      const total = reasons.reduce((sum, [, , records]) => sum + Number(records), 0);
      fill(this.body,
        el('div', { class: 'panel' }, el('h3', {}, `${plural(total, 'invalid record', 'invalid records')}, by reason`),
          el('ul', { class: 'reasons' }, reasons.map(([topic, reason, records]) => {
            const part = el('i');
            part.style.width = `${(Number(records) / total) * 100}%`;
            return el('li', {}, el('span', { class: 'reason' }, reason), el('span', { class: 'label' }, topic), el('b', {}, count(Number(records))), part);
          }))),
        el('div', { class: 'panel' }, !newest.records.length && note(`None of the ${plural(newest.objects_read, 'object', 'objects')} that were read can be decoded: run the audit, which names the damaged ones.`, 'error'), newest.records.length > 0 && table([
          { name: 'sent (UTC)', cell: (row) => timestamp(row.record.kafka_timestamp) },
          { name: 'topic', cell: (row) => row.record.kafka_topic },
          { name: 'partition', numeric: true, cell: (row) => String(row.record.kafka_partition) },
          { name: 'offset', numeric: true, cell: (row) => String(row.record.kafka_offset) },
          { name: 'reason', cell: (row) => row.record.reason },
          { name: 'value', class: 'mono clip', cell: (row) => preview(row.record) },
        ], newest.records, { caption: 'Newest invalid records', onrow: (row) => showInvalid(row) })));
    } catch (error) {
      fill(this.body, el('div', { class: 'panel' }, note(error.message, 'error')));
    }
  }
}

/** Returns the bytes of a key or value, which the sink stores as base64. */
export function bytesOf(text) {
  if (text === null || text === undefined) return null;
  if (typeof text !== 'string') return new TextEncoder().encode(JSON.stringify(text));
  try { return Uint8Array.from(atob(text), (char) => char.charCodeAt(0)); } catch { return new TextEncoder().encode(text); }
}

function preview(record) {
  const bytes = bytesOf(record.value ?? record.value_raw);
  return bytes === null ? null : new TextDecoder().decode(bytes.slice(0, 120));
}

/** Splits bytes into valid UTF-8 and bytes that are not: `[text, isBad]`. */
export function pieces(bytes) {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const result = [];
  let start = 0;
  let at = 0;
  const flush = (end) => { if (end > start) result.push([decoder.decode(bytes.slice(start, end)), false]); };
  while (at < bytes.length) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    let isValid = length > 0 && at + length <= bytes.length;
    if (isValid) { try { decoder.decode(bytes.slice(at, at + length)); } catch { isValid = false; } }
    if (isValid) { at += length; continue; }
    flush(at);
    result.push([`\\x${first.toString(16).padStart(2, '0')}`, true]);
    at += 1;
    start = at;
  }
  flush(at);
  return result;
}

/** Splits a text at the place that is wrong, and marks it. */
function marked(text, reason) {
  const place = faultOf(text, reason);
  if (!place) return [text];
  const [start, end] = place;
  return [text.slice(0, start), el('mark', { title: reason }, text.slice(start, end) || '⏎ end'), text.slice(end)];
}

function showBytes(bytes, reason) {
  if (bytes === null) return note('The record has no value (a tombstone).');
  const parts = pieces(bytes);
  const isText = parts.every(([, isBad]) => !isBad);
  const content = isText ? marked(parts.map(([text]) => text).join(''), reason) : parts.map(([text, isBad]) => (isBad ? el('mark', { title: 'not valid UTF-8' }, text) : text));
  return el('pre', { class: 'mono wrap raw' }, content);
}

function showInvalid({ key, line, record }) {
  const raw = record.value_raw;
  openDialog(`Record ${record.kafka_topic}/${record.kafka_partition}/${record.kafka_offset}`,
    note(record.reason, 'error'),
    el('h3', {}, 'Value'), raw !== undefined && raw !== null ? el('pre', { class: 'mono wrap raw' }, el('mark', { title: 'not base64' }, raw)) : showBytes(bytesOf(record.value), record.reason),
    el('h3', {}, 'Key'), record.key === null ? note('No key.') : showBytesPlain(record.key),
    el('h3', {}, 'Headers'), headers(record.headers),
    el('p', { class: 'mono wrap' }, `${key}, line ${line}`),
    button('Show the object', () => showObject(key, line)));
}

function showBytesPlain(key) {
  return el('pre', { class: 'mono wrap raw' }, pieces(bytesOf(key)).map(([text, isBad]) => (isBad ? el('mark', {}, text) : text)));
}

function headers(list) {
  if (typeof list === 'string') return el('pre', { class: 'mono wrap raw' }, list);
  if (!list?.length) return note('No headers.');
  return el('ul', { class: 'plain mono' }, list.flatMap((header) => Object.entries(header)).map(([name, bytes]) => el('li', {}, `${name}: `,
    bytes === null ? 'null' : pieces(Uint8Array.from(bytes, (byte) => byte & 255)).map(([text, isBad]) => (isBad ? el('mark', {}, text) : text)))));
}
