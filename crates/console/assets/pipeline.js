// The pipeline, live: CSV, topic, batch, function, objects.

import { el, fill, openDialog, note, setText } from './dom.js';
import { clock, count, duration, plural, shortKey, size } from './format.js';
import { get } from './net.js';

const STATIONS = [
  ['csv', 'CSV', 'your machine'],
  ['topic', 'Topic', 'Kafka on EC2, or your brokers'],
  ['batch', 'Batch', 'Lambda’s event source mapping'],
  ['function', 'Function', 'Lambda'],
  ['objects', 'Objects', 'S3, read by Athena'],
];

export class PipelineView {
  constructor(node, context) {
    this.context = context;
    this.bodies = {};
    this.notes = {};
    node.append(el('h2', { class: 'sr' }, 'Pipeline'), el('ol', { class: 'stations' }, STATIONS.map(([name, title, aws]) => {
      this.bodies[name] = el('div', { class: 'station-body' });
      this.notes[name] = el('span', { class: 'station-note' });
      return el('li', { class: 'station', id: `station-${name}` },
        el('div', { class: 'station-head' }, el('h3', {}, title), this.notes[name]),
        this.bodies[name],
        el('p', { class: 'aws' }, el('span', {}, 'on AWS'), aws));
    })));
  }

  onframe(state, changed) {
    if (!state.stored) return;
    if (changed.includes('feed') || changed.includes('rates')) this.showFeed(state.feed, state.rates);
    if (changed.includes('lanes')) this.showLanes(state.lanes);
    if (changed.includes('batch') || changed.includes('invocations')) this.showBatch(state.batch);
    if (changed.includes('invocations') || changed.includes('stored')) this.showFunction(state.invocations, state.stored);
    if (changed.includes('objects') || changed.includes('stored')) this.showObjects(state.objects, state.stored);
  }

  showFeed(feed, rates) {
    if (!feed) {
      setText(this.notes.csv, '');
      fill(this.bodies.csv, note('No feed in this process. Send records with producer, kcat or your own program.'));
      return;
    }
    setText(this.notes.csv, rates?.fed ? `${count(rates.fed)}/s` : '');
    fill(this.bodies.csv,
      figure('rows read', count(feed.read)), figure('confirmed', count(feed.delivered)),
      figure('rejected', count(feed.rejected), feed.rejected > 0 && 'warn'), figure('sent', size(feed.bytes)),
      feed.fraction !== null && meter('Rows fed', feed.fraction, `${Math.round(feed.fraction * 100)} %`));
  }

  showLanes(lanes) {
    const lag = lanes.reduce((sum, lane) => sum + lane.lag, 0);
    setText(this.notes.topic, lanes.length ? plural(lanes.length, 'partition', 'partitions') : '');
    const most = Math.max(1, ...lanes.map((lane) => lane.high));
    const shown = lanes.slice(0, 6);
    fill(this.bodies.topic, lanes.length === 0 && note('Waiting for the group to be assigned its partitions.'),
      shown.map((lane) => el('div', { class: 'lane', title: `${lane.topic}/${lane.partition}: offsets ${lane.low} to ${lane.high}, committed ${lane.committed ?? 'nothing'}, lag ${lane.lag}` },
        el('span', { class: 'lane-name' }, lane.partition),
        bar(lane.high / most, (lane.committed ?? 0) / most),
        el('span', { class: 'lane-count' }, count(lane.high)),
        el('span', { class: lane.lag ? 'lane-lag warn' : 'lane-lag' }, lane.lag ? `−${count(lane.lag)}` : '✓'))),
      lanes.length > shown.length && el('p', { class: 'more' }, `${lanes.length - shown.length} more partitions; lag of all: ${count(lag)}`));
  }

  showBatch(batch) {
    setText(this.notes.batch, `window ${batch.window_ms} ms`);
    fill(this.bodies.batch,
      meter('Records in the open batch', batch.records / batch.max_records, `${count(batch.records)} of ${count(batch.max_records)} records`),
      meter('Bytes in the open batch', batch.bytes / batch.max_bytes, `${size(batch.bytes)} of ${size(batch.max_bytes)}`),
      this.context.state.invocations?.shown[0] && figure('last closed by', { window: 'window', records: 'records', bytes: 'bytes' }[this.context.state.invocations.shown[0].closed_by]),
      figure('waiting', plural(batch.waiting, 'record', 'records')));
  }

  showFunction(invocations, stored) {
    if (!invocations) return;
    setText(this.notes.function, plural(invocations.count, 'invocation', 'invocations'));
    const slowest = Math.max(1, ...invocations.shown.map((one) => one.ms));
    fill(this.bodies.function,
      el('div', { class: 'bars', role: 'group', 'aria-label': 'Durations of the last invocations' },
        invocations.shown.slice().reverse().map((one) => {
          const bar = el('button', { type: 'button', class: one.error ? 'bad' : one.failures_before ? 'warn' : '', title: summary(one), 'aria-label': summary(one), onclick: () => showInvocation(one) });
          bar.style.setProperty('--part', String(Math.max(0.06, one.ms / slowest)));
          return bar;
        })),
      invocations.shown[0] && figure('last', `${duration(invocations.shown[0].ms)}, ${count(invocations.shown[0].records)} records`),
      el('div', { class: 'row' },
        figure('failed', count(stored.failed_invocations), stored.failed_invocations > 0 && 'warn'),
        figure('retried', count(stored.retried), stored.retried > 0 && 'warn'),
        figure('given up', count(stored.discarded), stored.discarded > 0 && 'bad')));
  }

  showObjects(objects, stored) {
    setText(this.notes.objects, stored.objects ? `${count(stored.objects)}, ${size(stored.bytes)}` : '');
    fill(this.bodies.objects, !objects?.length && note('Nothing is stored yet.'),
      objects?.slice(0, 5).map((object) => el('button', {
        type: 'button', class: object.quarantined ? 'object warn' : 'object', title: object.key, onclick: () => showObject(object.key),
      }, el('span', { class: 'mono' }, `${object.partition} from ${count(object.first)}`), el('span', { class: 'label' }, duration(Math.max(0, this.context.now() - object.modified)), ' ago'), el('span', {}, size(object.size)))));
  }
}

function figure(label, value, kind) {
  return el('div', { class: 'figure' }, el('span', { class: 'label' }, label), el('span', { class: kind || null }, value));
}

function meter(label, fraction, text) {
  const fillBar = el('span', { class: 'meter-fill' });
  fillBar.style.width = `${Math.min(100, Math.max(0, fraction * 100))}%`;
  return el('div', { class: 'meter-row' },
    el('div', { class: 'meter', role: 'meter', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-valuenow': String(Math.round(fraction * 100)), 'aria-valuetext': text }, fillBar),
    el('span', { class: 'label' }, text));
}

function bar(high, committed) {
  const all = el('span', { class: 'lane-all' });
  const done = el('span', { class: 'lane-done' });
  all.style.width = `${high * 100}%`;
  done.style.width = `${committed * 100}%`;
  return el('span', { class: 'lane-bar', 'aria-hidden': 'true' }, all, done);
}

function summary(one) {
  const end = one.error ? `failed: ${one.error}` : one.failures_before ? `stored after ${one.failures_before} failures` : 'stored';
  return `Invocation ${one.number}: ${plural(one.records, 'record', 'records')}, ${duration(one.ms)}, ${end}`;
}

function showInvocation(one) {
  openDialog(`Invocation ${one.number}`,
    el('dl', { class: 'facts' }, [
      ['ended', clock(one.at)], ['duration', duration(one.ms)], ['event', size(one.event_bytes)],
      ['closed by', { window: 'the batching window', records: 'the maximum number of records', bytes: 'the maximum payload' }[one.closed_by]],
      ['failures before', count(one.failures_before)], ['part of a split batch', one.is_part ? 'yes' : 'no'],
      ['objects written', one.objects === null ? 'not reported' : count(one.objects)], ['bytes written', one.bytes === null ? 'not reported' : size(one.bytes)],
      ['quarantined', count(one.quarantined)], ['already stored', count(one.skipped)], ['discarded', count(one.discarded)],
    ].map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
    one.error && note(one.error, 'error'),
    el('h3', {}, 'Records'),
    el('ul', { class: 'plain mono' }, one.partitions.map((range) => el('li', {}, `${range.topic}/${range.partition}: offsets ${range.first} to ${range.last} (${count(range.records)})`))));
}

/** Shows the lines of an object. */
export async function showObject(key, line) {
  const body = el('div', {}, note('Reading…'));
  openDialog(shortKey(key), el('p', { class: 'mono wrap' }, key), body);
  try {
    const object = await get('/api/object', { key });
    const lines = object.first_lines;
    fill(body, el('p', { class: 'label' }, `${plural(object.lines, 'line', 'lines')}, ${size(object.bytes)} as stored${object.lines > lines.length ? `; the first ${lines.length} are shown` : ''}`),
      el('ol', { class: 'lines mono', tabindex: '0' }, lines.map((text, at) => el('li', { class: at + 1 === line && 'marked' }, text))));
    body.querySelector('.marked')?.scrollIntoView({ block: 'center' });
  } catch (error) {
    fill(body, note(error.message, 'error'));
  }
}
