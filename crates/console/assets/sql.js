// The SQL view: editor, saved queries, result as a grid or a chart.

import { button, copy, el, fill, note, setText, table } from './dom.js';
import { count, duration, plural, size } from './format.js';
import { get, post, postForBlob } from './net.js';
import { forAthena } from './athena.js';
import { SqlEditor } from './sql-editor.js';
import { plot } from './plot.js';

const FIRST = 'SELECT symbol, count(*) AS days, min(trade_date) AS first, max(trade_date) AS last,\n  round(max(high), 2) AS high, round(min(low), 2) AS low\nFROM daily\nGROUP BY symbol\nORDER BY symbol';

/** The statement of earlier visits; nothing else is kept. */
const kept = {
  get: () => { try { return localStorage.getItem('sql'); } catch { return null; } },
  set: (text) => { try { localStorage.setItem('sql', text); } catch { /* Without storage, nothing is kept. */ } },
};

export class SqlView {
  constructor(node, context) {
    this.context = context;
    this.mode = 'grid';
    this.editor = new SqlEditor({ label: 'SQL statement', onrun: () => this.run(), onescape: () => this.cancel() });
    this.saved = el('select', { 'aria-label': 'Saved queries', onchange: () => this.useSaved() }, el('option', { value: '' }, 'Saved queries…'));
    this.runButton = button('Run', () => (this.abort ? this.cancel() : this.run()), { class: 'primary', id: 'run', title: 'Ctrl or ⌘ and Enter; Escape cancels' });
    this.status = el('span', { class: 'status' });
    // For a screen reader: the start and the end of a statement, not every tenth of a second between.
    this.spoken = el('span', { class: 'sr', role: 'status' });
    this.modes = el('div', { class: 'segments', role: 'group', 'aria-label': 'View of the result' },
      ['grid', 'line', 'bar'].map((mode) => button({ grid: 'Grid', line: 'Line', bar: 'Bars' }[mode], () => this.setMode(mode), { 'aria-pressed': String(mode === 'grid'), 'data-mode': mode })));
    this.tools = el('div', { class: 'result-tools', hidden: true }, this.modes,
      button('CSV', () => this.download('csv'), { title: 'Download all rows as CSV' }),
      button('JSON', () => this.download('json'), { title: 'Download all rows as JSON lines' }),
      button('Copy as CLI', (event) => copy(this.cli(), event.target)),
      button('Copy for Athena', (event) => copy(this.athena(), event.target)));
    this.result = el('div', { class: 'result', id: 'result' });
    this.tables = el('div', { class: 'tables' });
    node.append(el('div', { class: 'sql' },
      el('aside', { class: 'panel schema' }, el('h2', {}, 'Tables'), this.tables),
      el('div', { class: 'sql-main' },
        el('div', { class: 'panel' }, el('h2', { class: 'sr' }, 'SQL'),
          el('div', { class: 'sql-tools' }, this.runButton, this.saved, this.status, this.spoken), this.editor.node),
        el('div', { class: 'panel' }, this.tools, this.result))));
    this.editor.text = kept.get() ?? FIRST;
    fill(this.result, note('Ctrl or ⌘ and Enter runs the statement; Ctrl and Space completes names. Statements can only read.'));
    this.load();
  }

  onshow(sql) {
    if (sql) { this.editor.text = sql; this.run(); }
    this.loadTables();
  }

  async load() {
    try {
      const queries = await get('/api/queries');
      this.queries = new Map();
      for (const [title, list] of [['Questions', queries.saved], ['Data quality', queries.quality]]) {
        this.saved.append(el('optgroup', { label: title }, list.map((query) => {
          this.queries.set(query.name, query);
          return el('option', { value: query.name }, query.title);
        })));
      }
    } catch (error) {
      setText(this.status, error.message);
    }
  }

  async loadTables() {
    try {
      const tables = await get('/api/schema');
      this.editor.tables = tables;
      fill(this.tables, tables.map((one) => el('details', { open: one.name === 'quotes_latest' },
        el('summary', {}, el('span', { class: 'mono' }, one.name), el('small', {}, plural(one.columns.length, 'column', 'columns'))),
        el('ul', { class: 'plain' }, one.columns.map(([name, type]) => el('li', {}, el('span', { class: 'mono' }, name), el('small', {}, type)))))));
    } catch (error) {
      fill(this.tables, note(error.message, 'error'));
    }
  }

  useSaved() {
    const query = this.queries.get(this.saved.value);
    this.saved.value = '';
    if (query) { this.editor.text = query.sql; this.run(); }
  }

  async run() {
    this.cancel();
    const sql = this.editor.statement;
    kept.set(this.editor.text);
    const abort = new AbortController();
    this.abort = abort;
    this.sql = sql;
    setText(this.runButton, 'Cancel');
    const began = performance.now();
    setText(this.spoken, 'running');
    const timer = setInterval(() => setText(this.status, `running, ${duration(performance.now() - began)}`), 100);
    try {
      const answer = await post('/api/query', { sql }, abort.signal);
      this.answer = answer;
      this.tools.hidden = false;
      const read = answer.objects ? `; read ${plural(answer.objects, 'object', 'objects')}, ${size(answer.bytes)}` : '';
      const waited = answer.waited_ms >= 100 ? `; waited ${duration(answer.waited_ms)} for other statements` : '';
      setText(this.status, `${answer.is_cut ? 'the first ' : ''}${plural(answer.rows.length, 'row', 'rows')} in ${duration(answer.elapsed_ms)}${read}${waited}`);
      this.choose();
      this.show();
    } catch (error) {
      this.tools.hidden = true;
      if (error.name === 'AbortError') {
        setText(this.status, `cancelled after ${duration(performance.now() - began)}`);
      } else {
        setText(this.status, 'failed');
        fill(this.result, note(error.message, 'error'));
      }
    } finally {
      clearInterval(timer);
      setText(this.spoken, this.status.textContent);
      if (this.abort === abort) { this.abort = null; setText(this.runButton, 'Run'); }
    }
  }

  cancel() {
    this.abort?.abort();
    this.abort = null;
    setText(this.runButton, 'Run');
  }

  setMode(mode) {
    this.mode = mode;
    for (const one of this.modes.children) one.setAttribute('aria-pressed', String(one.dataset.mode === mode));
    this.show();
  }

  /** Chooses the axes: the first date or text column, the first number that is no identifier, and what splits the rows. */
  choose() {
    const { columns, rows } = this.answer;
    const index = (test) => { const at = columns.findIndex(test); return at < 0 ? null : at; };
    const isDate = (column) => /date|timestamp|instant/i.test(`${column.name} ${column.type}`);
    this.x = index(isDate) ?? index((column) => !column.is_numeric);
    this.y = index((column) => column.is_numeric && !/^(kafka_|place|rank|seq)/.test(column.name)) ?? index((column) => column.is_numeric);
    const repeats = this.x !== null && new Set(rows.map((row) => row[this.x])).size < rows.length;
    this.by = repeats ? index((column, at) => !column.is_numeric && at !== this.x && !isDate(column)) : null;
  }

  show() {
    if (!this.answer) return;
    const { columns, rows } = this.answer;
    if (this.mode !== 'grid') { this.showPlot(columns, rows); return; }
    if (!rows.length) { fill(this.result, note('No rows.')); return; }
    fill(this.result, table(columns.map((column, at) => ({ name: column.name, numeric: column.is_numeric, cell: (row) => row[at] })), rows, { caption: 'Result of the statement' }));
  }

  showPlot(columns, rows) {
    if (this.y === null) { fill(this.result, note('The result has no column of numbers to draw.')); return; }
    const pick = (label, value, choices, set) => el('label', { class: 'pick' }, label, el('select', {
      'data-pick': label,
      onchange: (event) => {
        set(event.target.value === '' ? null : Number(event.target.value));
        this.show();
        // The picks are new elements.
        this.result.querySelector(`[data-pick="${label}"]`)?.focus();
      },
    }, choices.map(([at, name]) => el('option', { value: at ?? '', selected: at === value }, name))));
    const all = columns.map((column, at) => [at, column.name]);
    fill(this.result,
      el('div', { class: 'picks' },
        pick('across', this.x, [[null, 'row number'], ...all], (at) => { this.x = at; }),
        pick('up', this.y, all.filter(([at]) => columns[at].is_numeric), (at) => { this.y = at; }),
        pick('split by', this.by, [[null, 'nothing'], ...all.filter(([at]) => !columns[at].is_numeric)], (at) => { this.by = at; })),
      plot(rows, { x: this.x, y: this.y, by: this.by, kind: this.mode, label: `${columns[this.y].name} of ${count(rows.length)} rows` }));
  }

  async download(format) {
    try {
      const blob = await postForBlob('/api/download', { sql: this.sql, format });
      const link = el('a', { href: URL.createObjectURL(blob), download: `tickerlake.${format === 'csv' ? 'csv' : 'jsonl'}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      setText(this.status, error.message);
    }
  }

  cli() {
    const { lake_options: options, topic } = this.context.info;
    const quoted = `'${this.sql.trim().replaceAll("'", "'\\''")}'`;
    return ['tickerlake query', quoted, ...options, topic === 'quotes' ? '' : `--topic ${topic}`].filter(Boolean).join(' ');
  }

  athena() {
    return forAthena(this.sql, this.context.info.topic);
  }
}
