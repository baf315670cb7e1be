// The first view: the pipeline, the watch list and the chart.

import { button, el, fill, setText } from './dom.js';
import { NOTHING, READ_AGAIN, merge, rank, rowOf } from './bars.js';
import { count, percent, plural, price } from './format.js';
import { get } from './net.js';
import { PipelineView } from './pipeline.js';
import { PriceChart } from './chart.js';
import { WatchList } from './watch.js';

/** Minimum time between two reads of the chart's bars with SQL, in milliseconds, and of the watch list. */
const BARS_INTERVAL = 2_000;
const SYMBOLS_INTERVAL = 5_000;
/** Reads take at most this share of the time. */
const READING = 0.1;
/** Time after which the view is filled although the event stream has not begun, in milliseconds. */
const STREAM_TIMEOUT = 3_000;

/** A read that is repeated on request: all requests during a read and the pause after it lead to one more. */
class Repeated {
  constructor(interval, read) {
    this.interval = interval;
    this.read = read;
    this.running = 0;
    this.isWanted = false;
    this.ended = -Infinity;
    this.took = 0;
  }

  /** Reads now. */
  async now() {
    this.cancel();
    this.running += 1;
    const began = performance.now();
    const isDone = await this.read();
    this.running -= 1;
    this.ended = performance.now();
    this.took = this.ended - began;
    if (!this.running && (this.isWanted || !isDone)) this.later();
  }

  /** Reads after a pause that is at least as long as `interval`, and longer after a read that took long. */
  later() {
    this.isWanted = true;
    if (this.running || this.timer) return;
    const wait = Math.max(this.interval, this.took / READING) - (performance.now() - this.ended);
    this.timer = setTimeout(() => this.now(), Math.max(0, wait));
  }

  cancel() {
    clearTimeout(this.timer);
    this.timer = null;
    this.isWanted = false;
  }
}

export class LiveView {
  constructor(node, context) {
    this.context = context;
    /** The selected symbol. */
    this.symbol = null;
    this.length = null;
    /** Place of the last row that counts in the last bar. */
    this.place = null;
    /** Rows of the symbol that were stored during the current read; null if there is none. */
    this.held = null;
    this.isLog = false;
    this.unshown = 0;
    if (context.info?.live) {
      const pipeline = el('div', { class: 'pipeline' });
      node.append(pipeline);
      this.pipeline = new PipelineView(pipeline, context);
    }
    this.build(node);
    this.bars = new Repeated(BARS_INTERVAL, () => this.loadBars());
    this.symbols = new Repeated(SYMBOLS_INTERVAL, () => this.loadSymbols());
    setTimeout(() => { if (!this.isRead) this.read(); }, STREAM_TIMEOUT);
    setInterval(() => this.flush(), 250);
  }

  build(node) {
    this.watch = new WatchList((symbol) => this.select(symbol));
    this.title = el('h2', { class: 'symbol' }, 'Market');
    this.quote = el('span', { class: 'quote' });
    this.lengths = el('div', { class: 'segments', role: 'group', 'aria-label': 'Length of a bar' });
    this.logButton = button('Log', () => this.toggleLog(), { 'aria-pressed': 'false', title: 'Logarithmic price scale' });
    this.chartNode = el('div', { class: 'chart', id: 'chart' });
    this.chartNote = el('p', { class: 'chart-note', id: 'chart-note' });
    node.append(el('div', { class: 'market' }, this.watch.node,
      el('div', { class: 'panel main-chart' },
        el('div', { class: 'chart-head' }, el('div', { class: 'chart-title' }, this.title, this.quote),
          el('div', { class: 'chart-tools' }, this.lengths, this.logButton, button('All', () => this.chart.showAll(), { title: 'Show every bar' }))),
        this.chartNode, this.chartNote)));
    this.chart = new PriceChart(this.chartNode);
    this.chart.describe('no symbol');
    // The bars that are drawn, for tests.
    this.chartNode.bars = () => this.chart.bars;
  }

  // --- Reads with SQL ---------------------------------------------------------------------------------------------

  /** Reads everything. */
  read() {
    this.isRead = true;
    this.symbols.now();
    if (this.symbol) this.bars.now();
  }

  /** Returns `false` if the read has to be repeated. */
  async loadSymbols() {
    try {
      await this.watch.load();
    } catch {
      return false;
    }
    this.selectFirst();
    if (!this.symbol) {
      setText(this.chartNote, this.context.info?.live ? 'No quotes yet: the chart begins with the first stored record.'
        : 'The lake has no quotes with a symbol, a date and a close.');
    }
    return true;
  }

  selectFirst() {
    if (!this.symbol && this.watch.symbols.size) this.watch.select([...this.watch.symbols.keys()].sort()[0]);
  }

  select(symbol) {
    this.symbol = symbol;
    this.wantedLength = null;
    fill(this.title, symbol.symbol, symbol.series && el('small', {}, symbol.series));
    this.chart.set([], '1d');
    this.isNew = true;
    this.bars.now();
  }

  /** Reads the bars. Returns `false` if the read has to be repeated. */
  async loadBars() {
    const { symbol, series } = this.symbol;
    this.request?.abort();
    const abort = new AbortController();
    const held = [];
    Object.assign(this, { request: abort, held });
    if (this.isNew) {
      Object.assign(this, { length: null, place: null, rows: null, unshown: 0 });
      setText(this.chartNote, 'Reading the history…');
    }
    try {
      const answer = await get('/api/market/bars', { symbol, series, length: this.wantedLength }, abort.signal);
      if (this.request !== abort) return true;
      this.request = null;
      this.held = null;
      this.show(answer);
      for (const row of held) this.addToChart(row, true);
      this.showNote();
      this.showQuote();
      return true;
    } catch (error) {
      if (this.request !== abort) return true;
      this.request = null;
      this.held = null;
      setText(this.chartNote, error.message);
      return false;
    }
  }

  show({ length, lengths, bars, last, rows, is_cut: isCut, other_lengths: others }) {
    this.length = length;
    this.place = last && [last.micros, last.seq];
    this.finest = lengths[0] ?? null;
    Object.assign(this, { rows, isCut, others, added: 0 });
    const range = this.chart.chart.timeScale().getVisibleLogicalRange();
    this.chart.set(bars, length ?? '1d');
    if (this.isNew || !range) this.chart.showLast(this.context.info?.live ? 120 : 160);
    this.isNew = false;
    this.showLengths(lengths);
  }

  /** Shows the lengths to select from. Those that were shown before keep their buttons, and so the keyboard's focus. */
  showLengths(lengths) {
    const known = new Map([...this.lengths.children].map((node) => [node.textContent, node]));
    const nodes = lengths.map((length) => known.get(length) ?? button(length, () => this.selectLength(length)));
    for (const node of nodes) node.setAttribute('aria-pressed', String(node.textContent === this.length));
    if (nodes.length !== known.size || nodes.some((node, at) => node !== this.lengths.children[at])) fill(this.lengths, nodes);
  }

  selectLength(length) {
    this.wantedLength = length;
    this.isNew = true;
    this.bars.now();
  }

  showNote() {
    const shown = this.chart.bars.length;
    const parts = [shown === 0 ? 'No bars stored yet.'
      : `${plural(shown, 'bar', 'bars')}${this.rows ? ` from ${plural(this.rows, 'row', 'rows')}` : ''}${this.added ? `${this.rows ? ' and' : ' from'} ${count(this.added)} stored since` : ''}${this.isCut ? '; older ones are left out' : ''}.`];
    if (this.others?.length) parts.push(`Rows of ${this.others.join(', ')} are left out.`);
    if (this.context.isPaused) parts.push('Paused: the chart continues when you resume.');
    if (this.unshown) parts.push(`${plural(this.unshown, 'record', 'records')} could not be added to the bars; they were read again with SQL.`);
    setText(this.chartNote, parts.join(' '));
  }

  showQuote() {
    const bar = this.chart.bars.at(-1);
    const before = this.chart.bars.at(-2);
    this.chart.describe(this.symbol.symbol);
    if (!bar) { fill(this.quote); return; }
    const change = before ? (bar.close / before.close - 1) * 100 : null;
    fill(this.quote, el('b', {}, price(bar.close)),
      change !== null && el('span', { class: change >= 0 ? 'up' : 'down' }, percent(change)), change !== null && el('small', {}, 'since the bar before'));
  }

  toggleLog() {
    this.isLog = !this.isLog;
    this.logButton.setAttribute('aria-pressed', String(this.isLog));
    this.chart.setLog(this.isLog);
  }

  // --- The running feed -------------------------------------------------------------------------------------------

  onframe(state, changed, kind) {
    this.pipeline?.onframe(state, changed);
    // A snapshot has no rows, so what was stored before it has to be read. A page that is too slow receives many.
    if (kind === 'snapshot' && state.frame !== undefined) this.read();
    if (kind === 'resync') { this.readAgain(0); this.symbols.later(); }
    if (kind === 'delta' && changed.includes('quotes')) this.addQuotes(state.quotes);
  }

  onpause(isPaused) {
    if (!isPaused) { this.read(); return; }
    this.bars.cancel();
    this.symbols.cancel();
    this.showNote();
  }

  addQuotes({ rows: arrays, left_out: leftOut }) {
    const rows = arrays.map(rowOf);
    this.watch.add(rows);
    let isChanged = false;
    for (const row of rows) {
      if (this.symbol && row.symbol === this.symbol.symbol && (row.series ?? null) === (this.symbol.series ?? null)) {
        this.held?.push(row);
        if (!this.isNew) isChanged = this.addToChart(row) || isChanged;
      }
    }
    if (leftOut) { this.readAgain(leftOut); this.symbols.later(); }
    if (isChanged) { this.showQuote(); this.showNote(); }
    if (!this.symbol) this.flush();
  }

  /** Reads the bars again, because only SQL knows what `records` have changed. */
  readAgain(records) {
    this.unshown += records;
    if (this.symbol) this.bars.later();
  }

  /**
   * Adds a row to the bars. Returns `true` if they changed. `wasHeld` is `true` for a row that was stored during the read
   * whose answer the bars are: the answer has the row already, unless it is newer than the answer's last one.
   */
  addToChart(row, wasHeld = false) {
    if (rank(row.bar) === null) return false;
    if (!this.length) {
      // Nothing was stored when the history was read, so the lengths are not known.
      this.bars.later();
      if (row.bar === 'tick') return false;
      this.length = row.bar;
      this.chart.set([], row.bar);
    } else if (this.finest && rank(row.bar) < rank(this.finest) && !(this.finest === '1s' && row.bar === 'tick')) {
      // Shorter bars are possible now.
      this.finest = null;
      this.bars.later();
    }
    const result = merge(this.chart.bars, this.place, this.length, row);
    if (result === NOTHING) return false;
    if (result === READ_AGAIN) {
      if (!wasHeld || row.sum) this.readAgain(row.quotes);
      return false;
    }
    this.chart.update(result.bar);
    this.place = result.place;
    this.added = (this.added ?? 0) + row.quotes;
    return true;
  }

  flush() {
    if (this.context.isPaused) return;
    if (this.watch.flush()) this.symbols.later();
    this.selectFirst();
  }
}

