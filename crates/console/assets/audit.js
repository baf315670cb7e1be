// The audit: a strip per partition with a cell per object, and the findings.

import { button, el, fill, note, setText } from './dom.js';
import { clock, count, duration, plural, shortKey, size } from './format.js';
import { get, post } from './net.js';
import { showObject } from './pipeline.js';

const idOf = ({ topic, generation, partition }) => `${topic} ${generation} ${partition}`;

export class AuditView {
  constructor(node, context) {
    this.context = context;
    this.run = button('Run the audit', () => this.start(), { class: 'primary', id: 'run-audit' });
    this.status = el('span', { class: 'status', role: 'status' });
    this.body = el('div', { class: 'stack', id: 'audit' });
    node.append(el('div', { class: 'panel view-head' }, el('h2', {}, 'Audit'), this.run, this.status), this.body);
  }

  onshow() { this.load(); }

  onframe(state, changed) {
    if (!changed.includes('audit')) return;
    const isRunning = state.audit.seal === 'running';
    this.run.disabled = isRunning;
    setText(this.run, isRunning ? 'Auditing…' : 'Run the audit');
    if (this.wasRunning && !isRunning) this.load();
    this.wasRunning = isRunning;
  }

  async start() {
    this.wasRunning = true;
    setText(this.status, 'reading every object…');
    try { await post('/api/audit'); } catch (error) { setText(this.status, error.message); }
  }

  async load() {
    try {
      const { result, error, strips } = await get('/api/audit');
      setText(this.status, result ? `${clock(result.began)}, took ${duration(result.elapsed_ms)}` : '');
      fill(this.body, error && el('div', { class: 'panel' }, note(error, 'error')), this.summary(result), this.strips(strips, result), result && this.findings(result));
    } catch (error) {
      fill(this.body, el('div', { class: 'panel' }, note(error.message, 'error')));
    }
  }

  summary(result) {
    if (!result) return el('div', { class: 'panel' }, note('No audit has run. It reads every object, compares the offsets with the ledgers and with the broker, and reports what is missing, stored twice or damaged.'));
    const { total } = result;
    const isWhole = total.clean && total.missing === 0 && total.repeats === 0;
    return el('div', { class: `panel verdict ${isWhole ? 'good' : 'bad'}` },
      el('p', { class: 'verdict-line' }, isWhole ? 'Nothing missing, nothing twice' : 'Faults found'),
      el('p', { class: 'mono wrap', id: 'audit-line' }, result.line),
      el('dl', { class: 'facts wide' }, [['stored', total.stored], ['quarantined', total.quarantined], ['missing', total.missing], ['stored twice', total.repeats], ['partitions', total.partitions], ['lag', total.lag]]
        .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { id: `audit-${name.replace(' ', '-')}` }, value === null ? 'no broker' : count(value))))));
  }

  strips(strips, result) {
    const rows = new Map((result?.rows ?? []).map((row) => [idOf(row), row]));
    const faults = new Set(result?.kinds.filter((kind) => kind.is_fault).map((kind) => kind.kind));
    return el('div', { class: 'panel' }, el('h3', {}, 'Objects by partition'),
      el('p', { class: 'keys' }, [['ok', 'valid records'], ['quarantined', 'quarantined'], ['bad', 'damaged'], ['twice', 'stored twice'], ['gap', 'missing']].map(([kind, text]) => el('span', { class: 'key' }, el('i', { class: `cell ${kind}` }), text))),
      strips.length === 0 && note('The lake has no objects.'),
      strips.map((strip) => this.strip(strip, rows.get(idOf(strip)), (result?.findings ?? []).filter((finding) => faults.has(finding.kind)))));
  }

  strip(strip, row, findings) {
    const mine = findings.filter((finding) => finding.topic === strip.topic && finding.generation === strip.generation && finding.partition === strip.partition);
    const cells = [];
    const end = row?.last !== null && row?.last !== undefined ? row.last + 1 : null;
    strip.cells.forEach((cell, at) => {
      const next = strip.cells.slice(at + 1).find((other) => other.first > cell.first)?.first ?? end ?? cell.first + 1;
      const about = mine.filter((finding) => finding.keys?.includes(cell.key));
      const isTwice = about.some((finding) => /twice|same offset/.test(finding.kind));
      const kind = isTwice ? 'twice' : about.length ? 'bad' : cell.quarantined ? 'quarantined' : 'ok';
      const title = `${shortKey(cell.key)}: from offset ${cell.first}, ${size(cell.size)}${about.map((finding) => `; ${finding.kind}`).join('')}`;
      const node = el('button', { type: 'button', class: `cell ${kind}`, title, 'aria-label': title, onclick: () => showObject(cell.key) });
      node.style.flexGrow = String(cell.quarantined ? 1 : Math.max(1, next - cell.first));
      cells.push([cell.first, node]);
    });
    for (const finding of mine.filter((one) => one.first !== undefined && !one.keys?.length)) {
      const title = `${finding.kind}: offsets ${finding.first} to ${finding.last}`;
      const node = el('span', { class: 'cell gap', title, role: 'img', 'aria-label': title });
      node.style.flexGrow = String(Math.max(1, finding.last - finding.first + 1));
      cells.push([finding.first, node]);
    }
    cells.sort(([a], [b]) => a - b);
    const name = `${strip.topic}/${strip.partition}${strip.generation ? `, generation ${strip.generation}` : ''}`;
    return el('div', { class: 'strip-row' },
      el('div', { class: 'strip-name' }, el('b', {}, name), el('span', { class: 'label' }, row ? `${count(row.stored)} stored, ${plural(row.objects, 'object', 'objects')}` : plural(strip.cells.length + strip.left_out, 'object', 'objects'))),
      el('div', { class: 'cells', role: 'group', 'aria-label': `Objects of ${name}` }, cells.map(([, node]) => node)),
      strip.left_out > 0 && el('p', { class: 'more' }, `${count(strip.left_out)} older objects are not drawn`));
  }

  findings(result) {
    if (!result.kinds.length) return null;
    return el('div', { class: 'panel' }, el('h3', {}, 'Findings'), result.kinds.map((kind) => el('section', { class: 'finding' },
      el('h4', {}, el('span', { class: `pill ${kind.is_fault ? 'bad' : 'muted'}` }, kind.kind), ` ${count(kind.count)}`),
      el('p', { class: 'label' }, kind.remedy),
      el('ul', { class: 'plain mono' }, result.findings.filter((finding) => finding.kind === kind.kind).map((finding) => el('li', { class: 'wrap' },
        [finding.topic !== undefined && `${finding.topic}/${finding.partition}`, finding.first !== undefined && `offsets ${finding.first} to ${finding.last}`, ...(finding.keys ?? []), finding.text].filter(Boolean).join(': ')))))));
  }
}
