// The data-quality questions and their findings.

import { button, el, fill, note, setText, table } from './dom.js';
import { plural } from './format.js';
import { get, post } from './net.js';

export class QualityView {
  constructor(node, context) {
    this.context = context;
    this.status = el('span', { class: 'status', role: 'status' });
    this.body = el('div', { class: 'cards', id: 'quality' });
    node.append(el('div', { class: 'panel view-head' }, el('h2', {}, 'Data quality'), button('Check again', () => this.load(), { class: 'primary' }), this.status), this.body);
  }

  onshow() { if (!this.isLoaded) this.load(); }

  async load() {
    if (this.isRunning) return;
    this.isRunning = true;
    this.isLoaded = true;
    fill(this.body);
    try {
      const { quality } = await get('/api/queries');
      for (const [at, question] of quality.entries()) {
        setText(this.status, `question ${at + 1} of ${quality.length}…`);
        const answer = await post('/api/query', { sql: question.sql }).catch((error) => ({ error: error.message }));
        this.body.append(this.card({ ...question, ...answer }));
      }
      setText(this.status, '');
    } catch (error) {
      setText(this.status, error.message);
    }
    this.isRunning = false;
  }

  card({ sql, title, columns, rows, error }) {
    const at = columns?.findIndex((column) => column.name === 'findings') ?? -1;
    const findings = error ? null : rows.length === 0 ? 0 : at < 0 ? rows.length : Number(rows[0][at]);
    const kind = error ? 'bad' : findings === 0 ? 'good' : 'warn';
    const shown = columns?.map((column, index) => ({ name: column.name, numeric: column.is_numeric, cell: (row) => row[index] })).filter((column) => column.name !== 'findings');
    return el('article', { class: 'panel card' },
      el('div', { class: 'card-head' }, el('h3', {}, title), el('span', { class: `pill ${kind}` }, error ? 'failed' : findings === 0 ? 'none' : plural(findings, 'finding', 'findings'))),
      error && note(error, 'error'),
      findings > 0 && table(shown, rows, { caption: title }),
      findings > rows?.length && el('p', { class: 'more' }, `${plural(findings - rows.length, 'more finding', 'more findings')}: remove the LIMIT of the query`),
      el('p', {}, button('Open the query', () => this.context.open('sql', sql))));
  }
}
