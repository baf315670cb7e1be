// An editor for SQL: highlighting, and completion of tables, columns and keywords.

import { el, fill } from './dom.js';

const KEYWORDS = ('select from where group by order having limit offset as and or not in is null like ilike between case when then else end '
  + 'distinct join left right full inner outer cross on using union all except intersect with over partition rows range preceding following '
  + 'unbounded current row asc desc nulls first last cast try_cast exists values explain show tables describe interval date timestamp true false '
  + 'filter window qualify').split(' ');
const FUNCTIONS = ('count sum avg min max round abs coalesce nullif lag lead first_value last_value row_number rank dense_rank ntile '
  + 'date_trunc date_part extract concat substr lower upper replace split_part length lpad rpad stddev var_samp corr median approx_distinct '
  + 'greatest least power sqrt ln exp floor ceil').split(' ');
const TOKEN = /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_][A-Za-z_0-9]*)|([\s\S])/g;
const MOST = 8;

export class SqlEditor {
  constructor({ label, onrun, onescape }) {
    this.tables = [];
    this.onrun = onrun;
    this.onescape = onescape;
    this.mirror = el('pre', { class: 'editor-mirror mono', 'aria-hidden': 'true' });
    this.input = el('textarea', {
      class: 'editor-input mono', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off', rows: '8', 'aria-label': label,
      'aria-autocomplete': 'list', 'aria-controls': 'completions',
      oninput: () => { this.paint(); this.complete(); }, onscroll: () => this.scroll(), onkeydown: (event) => this.onkey(event),
      onblur: () => setTimeout(() => this.close(), 150), onclick: () => this.close(),
    });
    this.popup = el('ul', { class: 'completions mono', role: 'listbox', id: 'completions', 'aria-label': 'Completions', hidden: true });
    this.node = el('div', { class: 'editor' }, this.mirror, this.input, this.popup);
  }

  get text() { return this.input.value; }

  set text(text) {
    this.input.value = text;
    this.input.scrollTop = 0;
    this.paint();
    this.close();
  }

  /** The selected text, or all of it. */
  get statement() {
    const { selectionStart: from, selectionEnd: to, value } = this.input;
    return from < to ? value.slice(from, to) : value;
  }

  paint() {
    const parts = [];
    for (const [whole, comment, string, quoted, number, word] of this.input.value.matchAll(TOKEN)) {
      const kind = comment ? 'comment' : string ? 'string' : quoted ? 'name' : number ? 'number'
        : word && KEYWORDS.includes(word.toLowerCase()) ? 'keyword' : word && FUNCTIONS.includes(word.toLowerCase()) ? 'function' : null;
      parts.push(kind ? el('span', { class: `sql-${kind}` }, whole) : whole);
    }
    fill(this.mirror, parts, '\n');
    this.scroll();
  }

  scroll() {
    this.mirror.scrollTop = this.input.scrollTop;
    this.mirror.scrollLeft = this.input.scrollLeft;
  }

  // --- Completion -------------------------------------------------------------------------------------------------

  candidates(prefix, before) {
    const names = new Map();
    const add = (name, kind) => { if (!names.has(name)) names.set(name, kind); };
    // After `t.`, only the columns of the table or alias t.
    const qualifier = /([A-Za-z_]\w*)\.$/.exec(before)?.[1]?.toLowerCase();
    const text = this.input.value.toLowerCase();
    const used = this.tables.filter((table) => new RegExp(`\\b${table.name.toLowerCase().replace(/\W/g, '\\$&')}\\b`).test(text));
    if (qualifier) {
      const alias = new RegExp(`([a-z_]\\w*)\\s+(?:as\\s+)?${qualifier}\\b`).exec(text)?.[1];
      const table = this.tables.find((one) => one.name.toLowerCase() === qualifier) ?? this.tables.find((one) => one.name.toLowerCase() === alias);
      for (const [name, type] of table?.columns ?? []) add(name, type);
    } else {
      for (const table of used) for (const [name, type] of table.columns) add(name, `${table.name}, ${type}`);
      for (const table of this.tables) add(table.name, 'table');
      if (!used.length) for (const [name, type] of this.tables.find((one) => one.name === 'quotes')?.columns ?? []) add(name, type);
      for (const name of FUNCTIONS) add(name, 'function');
      for (const word of KEYWORDS) add(word.toUpperCase(), 'keyword');
    }
    const wanted = prefix.toLowerCase();
    const found = [...names].filter(([name]) => name.toLowerCase().startsWith(wanted) && name.toLowerCase() !== wanted);
    return found.slice(0, MOST);
  }

  complete(isForced = false) {
    const at = this.input.selectionStart;
    const before = this.input.value.slice(0, at);
    const prefix = /[A-Za-z_]\w*$/.exec(before)?.[0] ?? '';
    const head = before.slice(0, before.length - prefix.length);
    const isQualified = head.endsWith('.');
    const isQuoted = (head.split('\n').at(-1).match(/'/g)?.length ?? 0) % 2 === 1 || /--[^\n]*$/.test(head);
    if (isQuoted || (!isForced && !isQualified && prefix.length < 2)) { this.close(); return; }
    this.found = this.candidates(prefix, head);
    this.prefix = prefix;
    this.chosen = 0;
    if (!this.found.length) { this.close(); return; }
    fill(this.popup, this.found.map(([name, kind], index) => el('li', {
      role: 'option', id: `completion-${index}`, onmousedown: (event) => { event.preventDefault(); this.accept(index); },
    }, el('span', {}, name), el('small', {}, kind))));
    const lines = head.split('\n');
    const style = getComputedStyle(this.input);
    const line = parseFloat(style.lineHeight);
    const width = this.charWidth(style);
    const left = lines.at(-1).length * width + parseFloat(style.paddingLeft) - this.input.scrollLeft;
    this.popup.style.left = `${Math.max(0, Math.min(left, this.input.clientWidth - 260))}px`;
    this.popup.style.top = `${lines.length * line + parseFloat(style.paddingTop) - this.input.scrollTop + 2}px`;
    this.popup.hidden = false;
    this.mark();
  }

  charWidth(style) {
    this.canvas ??= document.createElement('canvas').getContext('2d');
    this.canvas.font = `${style.fontSize} ${style.fontFamily}`;
    return this.canvas.measureText('0').width;
  }

  mark() {
    [...this.popup.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === this.chosen)));
    this.input.setAttribute('aria-activedescendant', `completion-${this.chosen}`);
  }

  accept(index) {
    const [name] = this.found[index];
    const plain = /^[a-z_][a-z_0-9]*$/i.test(name) ? name : `"${name}"`;
    const at = this.input.selectionStart;
    this.input.setRangeText(plain, at - this.prefix.length, at, 'end');
    this.paint();
    this.close();
  }

  close() {
    this.popup.hidden = true;
    this.input.removeAttribute('aria-activedescendant');
  }

  onkey(event) {
    const isOpen = !this.popup.hidden;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      this.close();
      this.onrun();
    } else if (event.key === ' ' && event.ctrlKey) {
      this.complete(true);
    } else if (isOpen && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      this.chosen = (this.chosen + (event.key === 'ArrowDown' ? 1 : this.found.length - 1)) % this.found.length;
      this.mark();
    } else if (isOpen && (event.key === 'Tab' || event.key === 'Enter')) {
      this.accept(this.chosen);
    } else if (event.key === 'Escape') {
      if (isOpen) this.close(); else this.onescape();
    } else {
      return;
    }
    event.preventDefault();
  }
}
