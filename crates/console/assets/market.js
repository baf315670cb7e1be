// The first view: the pipeline, the watch list and the chart.

import { button, el, fill, note, setText, svg } from './dom.js';
import { count, percent, plural, price } from './format.js';
import { get } from './net.js';
import { PipelineView } from './pipeline.js';
import { PriceChart } from './chart.js';

const DAY = 86_400;
const SPARK_POINTS = 40;
/** Minimum time between two reads of the shown bars with SQL, in milliseconds. */
const RELOAD_INTERVAL = 2_000;
/** Number of symbols in the list; the filter finds the others. */
const SHOWN_SYMBOLS = 300;
/** Minimum time between two reads of the watch list, in milliseconds. */
const SYMBOLS_INTERVAL = 5_000;

const idOf = (symbol, series) => JSON.stringify([symbol, series ?? null]);

export class LiveView {
  constructor(node, context) {
    this.context = context;
    this.symbols = new Map();
    this.pending = new Map();
    this.selected = null;
    this.isLog = false;
    this.leftOut = 0;
    if (context.info?.live) {
      const pipeline = el('div', { class: 'pipeline' });
      node.append(pipeline);
      this.pipeline = new PipelineView(pipeline, context);
    }
    this.build(node);
    this.loadSymbols();
    setInterval(() => this.flushList(), 250);
  }

  build(node) {
    this.filter = el('input', { type: 'search', placeholder: 'Filter symbols', 'aria-label': 'Filter symbols', oninput: () => this.showList() });
    this.order = el('select', { 'aria-label': 'Order of the symbols', onchange: () => this.showList() },
      el('option', { value: 'symbol' }, 'A–Z'), el('option', { value: 'gain' }, 'Gainers'), el('option', { value: 'loss' }, 'Losers'));
    this.list = el('ul', { class: 'watch', role: 'listbox', 'aria-label': 'Symbols', tabindex: '0', onkeydown: (event) => this.onListKey(event) });
    this.listNote = el('p', { class: 'more' });
    this.title = el('h2', { class: 'symbol' }, 'Market');
    this.quote = el('span', { class: 'quote' });
    this.lengths = el('div', { class: 'segments', role: 'group', 'aria-label': 'Length of a bar' });
    this.logButton = button('Log', () => this.toggleLog(), { 'aria-pressed': 'false', title: 'Logarithmic price scale' });
    this.chartNode = el('div', { class: 'chart', id: 'chart' });
    this.chartNote = el('p', { class: 'chart-note', id: 'chart-note' });
    node.append(el('div', { class: 'market' },
      el('aside', { class: 'panel list' }, el('div', { class: 'list-tools' }, this.filter, this.order), this.list, this.listNote),
      el('div', { class: 'panel main-chart' },
        el('div', { class: 'chart-head' }, el('div', { class: 'chart-title' }, this.title, this.quote),
          el('div', { class: 'chart-tools' }, this.lengths, this.logButton, button('All', () => this.chart.showAll(), { title: 'Show every bar' }))),
        this.chartNode, this.chartNote)));
    this.chart = new PriceChart(this.chartNode);
  }

  async loadSymbols() {
    try {
      const { symbols, is_cut: isCut } = await get('/api/market/symbols');
      this.isCut = isCut;
      for (const one of symbols) {
        const id = idOf(one.symbol, one.series);
        const time = Date.parse(`${one.date.slice(0, 10)}T00:00:00Z`) / 1000;
        const known = this.symbols.get(id);
        if (!known || known.time < time + DAY) this.symbols.set(id, { ...one, id, time });
      }
      this.showList();
      if (!this.selected && this.symbols.size) this.select([...this.symbols.keys()].sort()[0]);
      if (!this.symbols.size) this.showEmpty();
    } catch (error) {
      fill(this.list, note(error.message, 'error'));
    }
  }

  showEmpty() {
    setText(this.chartNote, this.context.info?.live ? 'No quotes yet: the chart begins with the first stored record.'
      : 'The lake has no quotes with a symbol, a date and a close.');
  }

  // --- The watch list ---------------------------------------------------------------------------------------------

  visible() {
    const text = this.filter.value.trim().toLowerCase();
    const all = [...this.symbols.values()].filter((one) => one.symbol.toLowerCase().includes(text));
    const change = (one) => (one.before ? one.close / one.before - 1 : 0);
    const orders = {
      symbol: (a, b) => a.symbol.localeCompare(b.symbol) || (a.series ?? '').localeCompare(b.series ?? ''),
      gain: (a, b) => change(b) - change(a),
      loss: (a, b) => change(a) - change(b),
    };
    return all.sort(orders[this.order.value]);
  }

  showList() {
    const all = this.visible();
    const shown = all.slice(0, SHOWN_SYMBOLS);
    this.rows = new Map();
    fill(this.list, shown.map((one) => {
      const row = this.row(one);
      this.rows.set(one.id, row);
      return row.node;
    }));
    const more = all.length - shown.length;
    setText(this.listNote, more > 0 ? `${plural(more, 'more symbol', 'more symbols')}: filter to find them`
      : this.isCut ? 'The lake has more than 2,000 symbols; the others can be queried with SQL.' : '');
    this.markSelected();
  }

  row(one) {
    const last = el('span', { class: 'last' });
    const change = el('span', { class: 'change' });
    const line = svg('polyline', { fill: 'none', 'vector-effect': 'non-scaling-stroke' });
    const spark = svg('svg', { viewBox: '0 0 100 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, line);
    const node = el('li', { role: 'option', id: `symbol-${encodeURIComponent(one.id)}`, 'aria-selected': 'false', onclick: () => this.select(one.id) },
      el('span', { class: 'name', title: one.symbol }, one.symbol, one.series && el('small', {}, one.series)), spark, last, change);
    const row = { node, last, change, line, spark };
    this.paint(row, one);
    return row;
  }

  paint(row, one) {
    const change = one.before ? (one.close / one.before - 1) * 100 : null;
    const kind = change === null ? '' : change >= 0 ? 'up' : 'down';
    setText(row.last, price(one.close));
    setText(row.change, change === null ? '–' : percent(change));
    row.change.className = `change ${kind}`;
    row.spark.setAttribute('class', `spark ${kind}`);
    const low = Math.min(...one.spark);
    const range = Math.max(...one.spark) - low || 1;
    const step = 100 / Math.max(1, one.spark.length - 1);
    row.line.setAttribute('points', one.spark.map((close, at) => `${(at * step).toFixed(1)},${(26 - ((close - low) / range) * 24).toFixed(1)}`).join(' '));
  }

  onListKey(event) {
    const ids = [...this.rows.keys()];
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9, PageDown: 10, PageUp: -10 }[event.key];
    if (!step || !ids.length) return;
    const next = Math.min(ids.length - 1, Math.max(0, ids.indexOf(this.selected) + step));
    this.select(ids[next]);
    this.rows.get(ids[next]).node.scrollIntoView({ block: 'nearest' });
    event.preventDefault();
  }

  markSelected() {
    for (const [id, row] of this.rows ?? []) row.node.setAttribute('aria-selected', String(id === this.selected));
    const row = this.rows?.get(this.selected);
    if (row) this.list.setAttribute('aria-activedescendant', row.node.id); else this.list.removeAttribute('aria-activedescendant');
  }

  // --- The chart --------------------------------------------------------------------------------------------------

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.wantedLength = null;
    this.markSelected();
    const { symbol, series } = this.symbols.get(id);
    fill(this.title, symbol, series && el('small', {}, series));
    this.chart.set([], '1d');
    this.lastRow = null;
    this.loadBars(true);
  }

  async loadBars(isNew) {
    const one = this.symbols.get(this.selected);
    if (!one) return;
    const wanted = `${this.selected} ${this.wantedLength}`;
    this.request?.abort();
    const abort = new AbortController();
    this.request = abort;
    this.loadedAt = Date.now();
    if (isNew) setText(this.chartNote, 'Reading the history…');
    try {
      const answer = await get('/api/market/bars', { symbol: one.symbol, series: one.series, length: this.wantedLength }, abort.signal);
      if (wanted !== `${this.selected} ${this.wantedLength}`) return;
      this.length = answer.length;
      this.lastRow = answer.last;
      const range = this.chart.chart.timeScale().getVisibleLogicalRange();
      this.chart.set(answer.bars, this.length ?? '1d');
      if (isNew || !range) this.chart.showLast(this.context.info?.live ? 120 : 160);
      this.showLengths(answer.lengths);
      this.historyNote = answer.bars.length === 0 ? 'No bars stored yet.'
        : `${plural(answer.bars.length, 'bar', 'bars')} from ${plural(answer.rows, 'row', 'rows')}${answer.is_cut ? '; older ones are left out' : ''}.`;
      this.showNote();
      this.showQuote();
    } catch (error) {
      if (error.name !== 'AbortError') setText(this.chartNote, error.message);
    } finally {
      if (this.request === abort) this.request = null;
    }
  }

  showLengths(lengths) {
    fill(this.lengths, lengths.map((length) => button(length, () => { this.wantedLength = length; this.loadBars(true); }, { 'aria-pressed': String(length === this.length) })));
  }

  showNote() {
    const parts = [this.historyNote];
    if (this.context.isPaused) parts.push('Paused: the chart continues where it is when you resume.');
    if (this.leftOut) parts.push(`${count(this.leftOut)} quotes came too fast to show one by one; the bars were read again with SQL.`);
    setText(this.chartNote, parts.filter(Boolean).join(' '));
  }

  showQuote() {
    const bar = this.chart.bars.at(-1);
    const before = this.chart.bars.at(-2);
    if (!bar) { fill(this.quote); return; }
    const change = before ? (bar.close / before.close - 1) * 100 : null;
    fill(this.quote, el('b', {}, price(bar.close)), change !== null && el('span', { class: change >= 0 ? 'up' : 'down' }, percent(change)));
  }

  toggleLog() {
    this.isLog = !this.isLog;
    this.logButton.setAttribute('aria-pressed', String(this.isLog));
    this.chart.setLog(this.isLog);
  }

  // --- The running feed -------------------------------------------------------------------------------------------

  onframe(state, changed, kind) {
    this.pipeline?.onframe(state, changed);
    if (kind === 'resync') this.scheduleReload();
    if (changed.includes('quotes') && kind === 'delta' && !this.context.isPaused) this.addQuotes(state.quotes);
  }

  onpause(isPaused) {
    this.showNote();
    if (!isPaused) { this.loadSymbols(); this.loadBars(false); }
  }

  addQuotes({ rows, left_out: leftOut }) {
    let isChanged = false;
    for (const [symbol, series, bar, time, seq, simulated, open, high, low, close, volume] of rows) {
      const id = idOf(symbol, series);
      if (!this.pending.has(id)) this.pending.set(id, []);
      this.pending.get(id).push({ symbol, series, time, close });
      if (id === this.selected) isChanged = this.addToChart({ bar, time, seq, simulated, open, high, low, close, volume }) || isChanged;
    }
    if (leftOut) { this.leftOut += leftOut; this.scheduleReload(); this.scheduleSymbols(); }
    if (isChanged) this.showQuote();
    if (!this.selected && rows.length) this.flushList();
  }

  /** Adds a row to the last bar, or begins the next one. Returns `false` if the bars have to be read again. */
  addToChart(row) {
    if (!this.length) {
      // Nothing was stored when the history was read.
      if (this.request || row.bar === 'tick') { this.scheduleReload(); return false; }
      this.length = row.bar;
      this.chart.set([], row.bar);
      this.scheduleReload();
    }
    const start = barStart(row.time, this.length);
    const last = this.chart.bars.at(-1);
    const isWhole = row.bar === this.length;
    const fresh = { time: start, open: row.open, high: row.high, low: row.low, close: row.close, volume: row.volume };
    const known = this.lastRow;
    if (!last || start > last.time) {
      this.chart.update(fresh);
    } else if (start === last.time && isWhole) {
      this.chart.update(fresh);
    } else if (start === last.time && known && !row.simulated === !known.simulated && row.bar === known.length && (row.time > known.time || (row.time === known.time && row.seq > known.seq))) {
      this.chart.update({
        time: start, open: last.open, high: Math.max(last.high, row.high), low: Math.min(last.low, row.low), close: row.close,
        volume: last.volume === null ? row.volume : last.volume + (row.volume ?? 0),
      });
    } else {
      // An older row, or one that replaces a part of the bar: only SQL knows the result.
      this.scheduleReload();
      return false;
    }
    this.lastRow = { length: row.bar, time: row.time, seq: row.seq, simulated: row.simulated };
    return true;
  }

  scheduleReload() {
    if (this.reload) return;
    const wait = Math.max(0, RELOAD_INTERVAL - (Date.now() - (this.loadedAt ?? 0)));
    this.reload = setTimeout(() => {
      this.reload = null;
      if (this.request) this.scheduleReload(); else if (!this.context.isPaused) this.loadBars(false);
    }, wait);
  }

  /** Reads the watch list again, because quotes were left out. */
  scheduleSymbols() {
    this.symbolsReload ??= setTimeout(() => { this.symbolsReload = null; if (!this.context.isPaused) this.loadSymbols(); }, SYMBOLS_INTERVAL);
  }

  flushList() {
    if (!this.pending.size || this.context.isPaused) return;
    let isNew = false;
    for (const [id, quotes] of this.pending) {
      for (const { symbol, series, time, close } of quotes) {
        const one = this.symbols.get(id);
        if (!one) {
          this.symbols.set(id, { symbol, series, id, time, close, before: null, spark: [close] });
          isNew = true;
          continue;
        }
        if (time < one.time) continue;
        if (Math.floor(time / DAY) > Math.floor(one.time / DAY)) {
          one.before = one.close;
          one.spark.push(close);
          if (one.spark.length > SPARK_POINTS) one.spark.shift();
        } else {
          one.spark[one.spark.length - 1] = close;
        }
        one.time = time;
        one.close = close;
      }
      const row = this.rows?.get(id);
      if (row) this.paint(row, this.symbols.get(id));
    }
    const first = [...this.pending.keys()][0];
    this.pending.clear();
    if (isNew) this.showList();
    if (!this.selected) this.select(first);
  }
}

/** The first second of the bar that contains a time; the same rule as the server's. */
export function barStart(seconds, length) {
  if (length === '1w') return Math.floor((seconds + 3 * DAY) / (7 * DAY)) * 7 * DAY - 3 * DAY;
  if (length === '1mo') {
    const at = new Date(seconds * 1000);
    return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1) / 1000;
  }
  const [, number, unit] = /^(\d+)([smhd])$/.exec(length);
  const step = Number(number) * { s: 1, m: 60, h: 3600, d: DAY }[unit];
  return Math.floor(seconds / step) * step;
}
