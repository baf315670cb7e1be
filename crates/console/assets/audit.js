// The audit: a strip per partition with the objects in order of their offsets, and the findings.

import { button, el, fill, note, openDialog, setText } from './dom.js';
import { clock, count, duration, plural, shortKey, size } from './format.js';
import { get, post } from './net.js';
import { showObject } from './pipeline.js';

const idOf = ({ topic, generation, partition }) => `${topic} ${generation} ${partition}`;

/** From the least to the most serious: a cell of several objects has the mark of the most serious one. */
const MARKS = ['unknown', 'valid', 'quarantined', 'twice', 'damaged', 'gap'];
const NAMES = { unknown: 'not audited', valid: 'valid records', quarantined: 'quarantined', twice: 'stored twice', damaged: 'damaged', gap: 'missing' };
const WORST = (items) => MARKS[Math.max(...items.map((item) => MARKS.indexOf(item.mark)))];

/** Width of a cell with its gap, in pixels. */
const CELL = 5;
/** Number of items that the dialog of a cell lists. */
const LISTED = 100;

export class AuditView {
  constructor(node, context) {
    this.context = context;
    this.run = button('Run the audit', () => this.start(), { class: 'primary', id: 'run-audit' });
    this.status = el('span', { class: 'status', role: 'status' });
    this.body = el('div', { class: 'stack', id: 'audit' });
    node.append(el('div', { class: 'panel view-head' }, el('h2', {}, 'Audit'), this.run, this.status), this.body);
    // The number of cells depends on the width.
    new ResizeObserver(() => {
      const width = this.body.clientWidth;
      if (this.answer && width && width !== this.width) this.draw();
    }).observe(this.body);
  }

  onshow() { this.load(); }

  onframe(state, changed) {
    if (!changed.includes('audit')) return;
    const isRunning = state.audit.seal === 'running';
    this.run.disabled = isRunning;
    setText(this.run, isRunning ? 'Auditing…' : 'Run the audit');
    if (this.wasRunning && !isRunning) this.load();
    else if (this.answer) this.showStatus(state.audit);
    this.wasRunning = isRunning;
  }

  async start() {
    this.wasRunning = true;
    setText(this.status, 'reading every object…');
    try { await post('/api/audit'); } catch (error) { setText(this.status, error.message); }
  }

  async load() {
    try {
      this.answer = await get('/api/audit');
      this.showStatus(this.answer.summary);
      this.draw();
    } catch (error) {
      this.answer = null;
      fill(this.body, el('div', { class: 'panel' }, note(error.message, 'error')));
    }
  }

  showStatus({ seal }) {
    const { result } = this.answer;
    const since = { stale: '; more was stored since', changed: '; the lab acted since', aged: '; what was stored since is not known' }[seal] ?? '';
    setText(this.status, result ? `${clock(result.began)}, took ${duration(result.elapsed_ms)}${since}` : '');
  }

  draw() {
    const { result, error, strips } = this.answer;
    this.width = this.body.clientWidth;
    fill(this.body, error && el('div', { class: 'panel' }, note(error, 'error')), this.summary(result), this.strips(strips, result), result && this.findings(result));
  }

  summary(result) {
    if (!result) return el('div', { class: 'panel' }, note('No audit has run. It reads every object, compares the offsets with the ledgers and with the broker, and reports what is missing, stored twice or damaged.'));
    const { total } = result;
    const isWhole = total.clean && total.missing === 0 && total.repeats === 0;
    return el('div', { class: `panel verdict ${isWhole ? 'good' : 'bad'}` },
      el('p', { class: 'verdict-line' }, isWhole ? 'Nothing missing, nothing twice' : 'Faults found', el('small', {}, ` at ${clock(result.began)}`)),
      el('p', { class: 'mono wrap', id: 'audit-line' }, result.line),
      el('dl', { class: 'facts wide' }, [['stored', total.stored], ['quarantined', total.quarantined], ['missing', total.missing], ['stored twice', total.repeats], ['partitions', total.partitions], ['lag', total.lag]]
        .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { id: `audit-${name.replace(' ', '-')}` }, value === null ? 'no broker' : count(value))))));
  }

  strips(strips, result) {
    const rows = new Map((result?.rows ?? []).map((row) => [idOf(row), row]));
    return el('div', { class: 'panel' }, el('h3', {}, 'Objects by partition'),
      el('p', { class: 'keys' }, ['valid', 'quarantined', 'damaged', 'twice', 'gap', 'unknown'].map((mark) => el('span', { class: 'key' }, el('i', { class: `cell ${mark}` }), NAMES[mark]))),
      strips.length === 0 && note('The lake has no objects.'),
      strips.map((strip) => this.strip(strip, rows.get(idOf(strip)))),
      result?.not_drawn > 0 && el('p', { class: 'more' }, `${plural(result.not_drawn, 'more finding is', 'more findings are')} counted, but not drawn.`));
  }

  strip(strip, row) {
    const end = row?.last !== null && row?.last !== undefined ? row.last + 1 : null;
    const items = strip.cells.map((cell, at) => {
      const next = strip.cells[at + 1]?.first ?? end ?? cell.first + 1;
      return { mark: cell.mark, first: cell.first, share: cell.mark === 'quarantined' ? 1 : Math.max(1, next - cell.first), key: cell.key,
        text: `${shortKey(cell.key)}: from offset ${count(cell.first)}, ${size(cell.size)}${cell.finding ? `; ${cell.finding}` : ''}` };
    });
    for (const gap of strip.gaps) {
      items.push({ mark: 'gap', first: gap.first, share: gap.last - gap.first + 1, text: `${gap.finding}: offsets ${count(gap.first)} to ${count(gap.last)}` });
    }
    items.sort((a, b) => a.first - b.first);
    const name = `${strip.topic}/${strip.partition}${strip.generation ? `, generation ${strip.generation}` : ''}`;
    const narrow = this.width < 620;
    const columns = Math.max(20, Math.floor((this.width - (narrow ? 30 : 260)) / CELL));
    const nodes = groups(items, columns).map((group) => this.cell(group, name));
    const left = [
      strip.left_out > 0 && `${plural(strip.left_out, 'older object is', 'older objects are')} not drawn${strip.left_out_faults ? `, ${count(strip.left_out_faults)} of them with faults` : ''}.`,
      strip.gaps_left_out > 0 && `${plural(strip.gaps_left_out, 'older gap is', 'older gaps are')} not drawn.`,
    ].filter(Boolean).join(' ');
    return el('div', { class: 'strip-row' },
      el('div', { class: 'strip-name' }, el('b', {}, name), el('span', { class: 'label' }, row ? `${count(row.stored)} stored, ${plural(row.objects, 'object', 'objects')}` : plural(strip.cells.length + strip.left_out, 'object', 'objects'))),
      rowOf(nodes, `Objects of ${name}`),
      left && el('p', { class: strip.left_out_faults || strip.gaps_left_out ? 'more bad' : 'more' }, left));
  }

  cell(group, name) {
    const mark = WORST(group);
    const kinds = MARKS.filter((kind) => group.some((item) => item.mark === kind)).map((kind) => `${count(group.filter((item) => item.mark === kind).length)} ${NAMES[kind]}`);
    const title = group.length === 1 ? group[0].text : `${name}, from offset ${count(group[0].first)}: ${kinds.join(', ')}`;
    const node = el('button', { type: 'button', class: `cell ${mark}`, title, 'aria-label': `${title}${group.length === 1 ? ` (${NAMES[mark]})` : ''}`, tabindex: '-1', onclick: () => this.open(group, title) });
    node.style.flexGrow = String(group.reduce((sum, item) => sum + item.share, 0));
    return node;
  }

  open(group, title) {
    if (group.length === 1 && group[0].key) { showObject(group[0].key); return; }
    // The most serious first.
    const listed = [...group].sort((a, b) => MARKS.indexOf(b.mark) - MARKS.indexOf(a.mark)).slice(0, LISTED);
    openDialog(title, el('ul', { class: 'plain' }, listed.map((item) => el('li', {}, item.key ? button(item.text, () => showObject(item.key), { class: 'wrap-button' }) : item.text, el('small', {}, ` ${NAMES[item.mark]}`)))),
      group.length > LISTED && el('p', { class: 'more' }, `${count(group.length - LISTED)} more`));
  }

  findings(result) {
    if (!result.kinds.length) return null;
    return el('div', { class: 'panel' }, el('h3', {}, 'Findings'), result.kinds.map((kind) => {
      const shown = result.findings.filter((finding) => finding.kind === kind.kind);
      return el('section', { class: 'finding' },
        el('h4', {}, el('span', { class: `pill ${kind.is_fault ? 'bad' : 'muted'}` }, kind.kind), ` ${count(kind.count)}`),
        el('p', { class: 'label' }, kind.remedy),
        el('ul', { class: 'plain mono' }, shown.map((finding) => el('li', { class: 'wrap' },
          [finding.topic !== undefined && `${finding.topic}/${finding.partition}`, finding.first !== undefined && `offsets ${finding.first} to ${finding.last}`, ...(finding.keys ?? []), finding.text].filter(Boolean).join(': ')))),
        kind.count > shown.length && el('p', { class: 'more' }, `and ${count(kind.count - shown.length)} more`));
    }));
  }
}

/** Splits items into at most `columns` groups of neighbours. */
export function groups(items, columns) {
  const all = [];
  const step = Math.max(1, items.length / columns);
  for (let at = 0; at < items.length; at += step) all.push(items.slice(Math.round(at), Math.round(at + step)));
  return all.filter((group) => group.length > 0);
}

/** A row of cells that is one stop of the Tab key: the arrow keys, Home and End move between the cells. */
function rowOf(nodes, label) {
  if (nodes.length) nodes[0].tabIndex = 0;
  return el('div', {
    class: 'cells', role: 'group', 'aria-label': `${label}; arrow keys move between them`,
    onkeydown: (event) => {
      const at = nodes.indexOf(event.target);
      const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: nodes.length - 1 }[event.key];
      if (at < 0 || next === undefined) return;
      event.preventDefault();
      if (!nodes[next]) return;
      nodes[at].tabIndex = -1;
      nodes[next].tabIndex = 0;
      nodes[next].focus();
    },
  }, nodes);
}
