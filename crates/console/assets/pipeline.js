// The pipeline, live: CSV, topic, batch, function, objects.

import { el, fill, keep, openDialog, note, setText } from './dom.js';
import { age, clock, count, duration, plural, shortKey, size } from './format.js';
import { get } from './net.js';

const CLOSED_BY = { window: 'the batching window', records: 'the maximum number of records', bytes: 'the maximum payload', lab: 'the lab' };

/** Number of reasons for rejected rows that the station names; the others are in its title. */
const SHOWN_REASONS = 2;

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
    this.bars = el('div', { class: 'bars', role: 'group', 'aria-label': 'Durations of the last invocations' });
    this.functionFigures = el('div', { class: 'figures' });
    this.bodies.function.append(this.bars, this.functionFigures);
    this.objects = el('div', { class: 'figures', role: 'group', 'aria-label': 'The newest objects' });
    this.objectsNote = note('Nothing is stored yet.');
    this.bodies.objects.append(this.objectsNote, this.objects);
    /** Buttons by the number of their invocation, and by the key of their object. */
    this.invocationNodes = new Map();
    this.objectNodes = new Map();
    // Buttons that move during a press would make no click.
    node.addEventListener('pointerdown', () => { this.isPressed = true; });
    for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => { this.isPressed = false; });
    setInterval(() => this.showAges(), 1000);
  }

  onframe(state, changed) {
    if (!state.stored) return;
    if (changed.includes('feed') || changed.includes('rates')) this.showFeed(state.feed, state.rates);
    if (changed.includes('lanes')) this.showLanes(state.lanes);
    if (changed.includes('batch') || changed.includes('invocations')) this.showBatch(state.batch);
    if (changed.includes('invocations') || changed.includes('stored')) this.showFunction(state.invocations, state.stored);
    if (changed.includes('objects') || changed.includes('stored')) this.showObjects(state.objects, state.stored);
  }

  /** The lanes and invocations of the console's topic; of all topics if this process does not read it. */
  ofTopic(list, has) {
    const own = list.filter((one) => has(one, this.context.info?.topic));
    return own.length ? own : list;
  }

  showFeed(feed, rates) {
    if (!feed) {
      setText(this.notes.csv, '');
      fill(this.bodies.csv, note('No feed in this process. Send records with producer, kcat or your own program.'));
      return;
    }
    setText(this.notes.csv, rates?.fed ? `${count(rates.fed)}/s` : '');
    const reasons = feed.reasons ?? [];
    const more = reasons.length - SHOWN_REASONS;
    fill(this.bodies.csv,
      figure('rows read', count(feed.read)), figure('confirmed', count(feed.delivered)),
      figure('rejected', count(feed.rejected), feed.rejected > 0 && 'warn'),
      reasons.length > 0 && el('ul', { class: 'plain reject-reasons', title: reasons.map(([reason, rows]) => `${reason}: ${count(rows)}`).join('\n') },
        reasons.slice(0, SHOWN_REASONS).map(([reason, rows]) => el('li', {}, figure(reason, count(rows)))),
        more > 0 && el('li', { class: 'label' }, plural(more, 'more reason', 'more reasons'))),
      figure('sent', size(feed.bytes)),
      feed.fraction !== null && meter('Rows fed', feed.fraction, `${Math.round(feed.fraction * 100)} %`));
  }

  showLanes(all) {
    const lanes = this.ofTopic(all, (lane, topic) => lane.topic === topic);
    setText(this.notes.topic, lanes.length ? plural(lanes.length, 'partition', 'partitions') : '');
    const most = Math.max(1, ...lanes.map((lane) => lane.high));
    const shown = lanes.slice(0, 6);
    const others = all.length - lanes.length;
    fill(this.bodies.topic, lanes.length === 0 && note('Waiting for the group to be assigned its partitions.'),
      shown.map((lane) => el('div', { class: 'lane', title: `${lane.topic}/${lane.partition}: offsets ${lane.low} to ${lane.high}, committed ${lane.committed ?? 'nothing'}, lag ${lane.lag ?? 'not measured yet'}` },
        el('span', { class: 'lane-name' }, lane.partition),
        bar(lane.high / most, (lane.committed ?? 0) / most),
        el('span', { class: 'lane-count' }, count(lane.high)),
        el('span', { class: lane.lag === 0 ? 'lane-lag' : 'lane-lag warn' }, lane.lag === null ? '?' : lane.lag ? `−${count(lane.lag)}` : '✓'))),
      lanes.length > shown.length && el('p', { class: 'more' }, `${lanes.length - shown.length} more partitions; lag of all: ${lagOf(lanes)}`),
      others > 0 && el('p', { class: 'more' }, `Other topics: ${plural(others, 'partition', 'partitions')}, lag ${lagOf(all.filter((lane) => !lanes.includes(lane)))}`));
  }

  showBatch(batch) {
    const { invocations } = this.context.state;
    const [last] = this.ofTopic(invocations?.shown ?? [], (one, topic) => one.partitions.some((range) => range.topic === topic));
    setText(this.notes.batch, `window ${batch.window_ms} ms`);
    fill(this.bodies.batch,
      meter('Records in the open batch', batch.records / batch.max_records, `${count(batch.records)} of ${count(batch.max_records)} records`),
      meter('Bytes in the open batch', batch.bytes / batch.max_bytes, `${size(batch.bytes)} of ${size(batch.max_bytes)}`),
      last && figure('last closed by', last.closed_by),
      figure('waiting', plural(batch.waiting, 'record', 'records')));
  }

  showFunction(invocations, stored) {
    if (!invocations) return;
    setText(this.notes.function, plural(invocations.count, 'invocation', 'invocations'));
    const slowest = Math.max(1, ...invocations.shown.map((one) => one.ms));
    if (!this.isPressed) {
      const known = this.invocationNodes;
      this.invocationNodes = new Map(invocations.shown.slice().reverse().map((one) => [one.number, known.get(one.number) ?? invocationButton(one)]));
      keep(this.bars, [...this.invocationNodes.values()]);
    }
    for (const one of invocations.shown) this.invocationNodes.get(one.number)?.style.setProperty('--part', String(Math.max(0.06, one.ms / slowest)));
    fill(this.functionFigures,
      invocations.shown[0] && figure('last', `${duration(invocations.shown[0].ms)}, ${count(invocations.shown[0].records)} records`),
      el('div', { class: 'row' },
        figure('failed', count(stored.failed_invocations), stored.failed_invocations > 0 && 'warn'),
        figure('retried', count(stored.retried), stored.retried > 0 && 'warn'),
        figure('split', count(invocations.parts), invocations.parts > 0 && 'warn'),
        figure('given up', count(stored.discarded), stored.discarded > 0 && 'bad')));
  }

  showObjects(objects, stored) {
    const written = this.notes.objects;
    setText(written, stored.objects ? `${count(stored.objects)}, ${size(stored.bytes)}` : '');
    written.title = 'Objects that successful invocations have written. One that fails does not report what it wrote before.';
    this.objectsNote.hidden = Boolean(objects?.length);
    if (this.isPressed || !objects) return;
    const known = this.objectNodes;
    this.objectNodes = new Map(objects.map((object) => {
      const id = `${object.key} ${object.modified} ${object.records}`;
      return [id, known.get(id) ?? objectButton(object)];
    }));
    keep(this.objects, [...this.objectNodes.values()].map((one) => one.node));
    this.showAges();
  }

  showAges() {
    if (this.context.isPaused) return;
    for (const { age: node, modified } of this.objectNodes.values()) setText(node, `${age(this.context.now() - modified)} ago`);
  }
}

const lagOf = (lanes) => (lanes.some((lane) => lane.lag === null) ? 'not measured yet' : count(lanes.reduce((sum, lane) => sum + lane.lag, 0)));

function invocationButton(one) {
  return el('button', { type: 'button', class: one.error ? 'bad' : one.failures_before ? 'warn' : '', title: summary(one), 'aria-label': summary(one), onclick: () => showInvocation(one) });
}

function objectButton({ key, modified, records, size: bytes, quarantined }) {
  const agoNode = el('span', { class: 'label' });
  const node = el('button', { type: 'button', class: quarantined ? 'object warn' : 'object', title: key, onclick: () => showObject(key) },
    el('span', { class: 'mono' }, shortKey(key)),
    el('span', { class: 'row' }, el('span', {}, records === null ? 'records not counted' : plural(records, 'record', 'records')), el('span', {}, size(bytes)), agoNode));
  return { node, modified, age: agoNode };
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
      ['closed by', CLOSED_BY[one.closed_by]],
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
