// The watch list: the last close of each symbol, its change since the trading day before, and the closes of the last days.

import { el, fill, note, setText, svg } from './dom.js';
import { DAY, comparePlaces, fineness } from './bars.js';
import { percent, plural, price } from './format.js';
import { get } from './net.js';

const SPARK_POINTS = 40;
/** Number of symbols in the list; the filter finds the others. */
const SHOWN_SYMBOLS = 300;
/** Number of symbols that the server sends at most, and that the page keeps. */
const MAX_SYMBOLS = 2_000;

export const idOf = (symbol, series) => JSON.stringify([symbol, series ?? null]);

const dayOf = (date) => Math.floor(Date.parse(`${date.slice(0, 10)}T00:00:00Z`) / 1000 / DAY);

export class WatchList {
  /** `onselect(symbol)` is called when the user selects a symbol. */
  constructor(onselect) {
    this.onselect = onselect;
    this.symbols = new Map();
    this.rows = new Map();
    this.pending = [];
    this.held = null;
    this.selected = null;
    this.filter = el('input', { type: 'search', placeholder: 'Filter symbols', 'aria-label': 'Filter symbols', oninput: () => this.show() });
    this.order = el('select', { 'aria-label': 'Order of the symbols', onchange: () => this.show() },
      el('option', { value: 'symbol' }, 'A–Z'), el('option', { value: 'gain' }, 'Gainers'), el('option', { value: 'loss' }, 'Losers'));
    this.list = el('ul', { class: 'watch', role: 'listbox', 'aria-label': 'Symbols', tabindex: '0', onkeydown: (event) => this.onkey(event) });
    this.note = el('p', { class: 'more' });
    this.node = el('aside', { class: 'panel list' }, el('div', { class: 'list-tools' }, this.filter, this.order), this.list, this.note);
  }

  /** Reads the symbols with SQL. Rows that are stored in the meantime are added to what was read. */
  async load() {
    const held = [];
    this.held = held;
    try {
      const { symbols, is_cut: isCut } = await get('/api/market/symbols');
      if (this.held !== held) return;
      this.isCut = isCut;
      const selected = this.symbols.get(this.selected);
      this.symbols = new Map(symbols.map(({ date, date_before: dateBefore, ...one }) => {
        const id = idOf(one.symbol, one.series);
        return [id, { ...one, id, day: dayOf(date), dayBefore: dateBefore === null ? null : dayOf(dateBefore), place: null }];
      }));
      for (const row of held) this.merge(row);
      if (selected && !this.symbols.has(this.selected)) this.symbols.set(this.selected, selected);
      this.pending = [];
      this.show();
    } catch (error) {
      if (!this.symbols.size) fill(this.list, note(error.message, 'error'));
      throw error;
    } finally {
      if (this.held === held) this.held = null;
    }
  }

  /** Adds rows of the event stream; they are shown by the next `flush`. */
  add(rows) {
    for (const row of rows) {
      this.pending.push(row);
      this.held?.push(row);
    }
  }

  /** Shows the added rows. Returns `true` if the symbols have to be read again. */
  flush() {
    if (!this.pending.length) return false;
    const known = this.symbols.size;
    const changed = new Set();
    let isUnknown = false;
    for (const row of this.pending) {
      const result = this.merge(row);
      if (result === null) isUnknown = true; else if (result) changed.add(result);
    }
    this.pending = [];
    if (this.symbols.size > known) this.show();
    else for (const one of changed) this.paint(one);
    return isUnknown;
  }

  /** Adds a row by the rules of `daily`. Returns the symbol if it changed, or null if only SQL knows the result. */
  merge({ symbol, series, bar, simulated, day, place, close, sum }) {
    if (bar === '1w' || bar === '1mo') return undefined;
    const id = idOf(symbol, series);
    const one = this.symbols.get(id);
    if (!one) {
      if (this.symbols.size >= MAX_SYMBOLS) { this.isCut = true; return undefined; }
      const added = { id, symbol, series, day, bar, simulated, place, close, before: null, dayBefore: null, spark: [close] };
      this.symbols.set(id, added);
      return added;
    }
    // A sum of several days has the close of the last one only.
    if (sum === '1mo') return null;
    if (day > one.day) {
      Object.assign(one, { before: one.close, dayBefore: one.day, day, close, bar, simulated, place });
      one.spark.push(close);
      if (one.spark.length > SPARK_POINTS) one.spark.shift();
      return one;
    }
    if (day < one.day) return one.dayBefore === null || day > one.dayBefore || (day === one.dayBefore && close !== one.before) ? null : undefined;
    const order = Number(simulated) - Number(one.simulated) || fineness(bar) - fineness(one.bar);
    if (order > 0 || (order === 0 && one.place && comparePlaces(place, one.place) < 0)) return undefined;
    Object.assign(one, { close, bar, simulated, place });
    one.spark[one.spark.length - 1] = close;
    return one;
  }

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

  /** Shows the symbols. Those that were shown before keep their elements. */
  show() {
    const all = this.visible();
    const shown = all.slice(0, SHOWN_SYMBOLS);
    const before = this.rows;
    this.rows = new Map(shown.map((one) => [one.id, before.get(one.id) ?? this.row(one)]));
    for (const one of shown) this.paint(one);
    fill(this.list, [...this.rows.values()].map((row) => row.node));
    const more = all.length - shown.length;
    setText(this.note, more > 0 ? `${plural(more, 'more symbol', 'more symbols')}: filter to find them`
      : this.isCut ? 'The lake has more than 2,000 symbols; the others can be queried with SQL.' : '');
    this.markSelected();
  }

  row(one) {
    const last = el('span', { class: 'last' });
    const change = el('span', { class: 'change', title: 'Change since the close of the trading day before' });
    const line = svg('polyline', { fill: 'none', 'vector-effect': 'non-scaling-stroke' });
    const spark = svg('svg', { viewBox: '0 0 100 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, line);
    const node = el('li', { role: 'option', id: `symbol-${encodeURIComponent(one.id)}`, 'aria-selected': 'false', onclick: () => this.select(one.id) },
      el('span', { class: 'name', title: one.symbol }, one.symbol, one.series && el('small', {}, one.series)), spark, last, change);
    return { node, last, change, line, spark };
  }

  paint(one) {
    const row = this.rows.get(one.id);
    if (!row) return;
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

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.markSelected();
    this.onselect(this.symbols.get(id));
  }

  onkey(event) {
    const ids = [...this.rows.keys()];
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9, PageDown: 10, PageUp: -10 }[event.key];
    if (!step || !ids.length) return;
    const next = Math.min(ids.length - 1, Math.max(0, ids.indexOf(this.selected) + step));
    this.select(ids[next]);
    this.rows.get(ids[next]).node.scrollIntoView({ block: 'nearest' });
    event.preventDefault();
  }

  markSelected() {
    for (const [id, row] of this.rows) row.node.setAttribute('aria-selected', String(id === this.selected));
    const row = this.rows.get(this.selected);
    if (row) this.list.setAttribute('aria-activedescendant', row.node.id); else this.list.removeAttribute('aria-activedescendant');
  }
}
