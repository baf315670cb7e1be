// The lab: breaks the pipeline on purpose, and shows what that does to the counts.

import { button, el, fill, note, setText } from './dom.js';
import { clock, count } from './format.js';
import { post } from './net.js';

const FIGURES = [
  ['stored', 'stored'], ['already', 'delivered again, already stored'], ['retried', 'retried'], ['failed', 'failed invocations'],
  ['quarantined', 'quarantined'], ['missing', 'missing'], ['twice', 'stored twice'],
];

export class LabView {
  constructor(node, context) {
    this.context = context;
    this.figures = {};
    this.actions = el('div', { class: 'cards lab' });
    this.done = el('ol', { class: 'plain', id: 'lab-done' });
    node.append(el('div', { class: 'stack' },
      el('div', { class: 'panel' }, el('h2', {}, 'Break it'),
        el('p', { class: 'label' }, 'Each button breaks the running pipeline in one way. Records are retried, but none is lost and none is stored twice; the audit proves it.'),
        el('dl', { class: 'facts wide' }, FIGURES.map(([name, title]) => {
          this.figures[name] = el('dd', { id: `lab-${name}` }, '–');
          return el('div', {}, el('dt', {}, title), this.figures[name]);
        })),
        el('p', {}, button('Run the audit', () => post('/api/audit').catch((error) => fill(this.done, note(error.message, 'error'))), { class: 'primary', id: 'lab-audit' }))),
      this.actions,
      el('div', { class: 'panel' }, el('h3', {}, 'What happened'), this.done)));
  }

  onframe(state, changed) {
    if (changed.includes('lab') && state.lab) this.showLab(state.lab);
    if (changed.includes('stored') && state.stored) {
      for (const [name, value] of [['stored', state.stored.records], ['already', state.stored.skipped], ['retried', state.stored.retried], ['failed', state.stored.failed_invocations], ['quarantined', state.stored.quarantined]]) {
        setText(this.figures[name], count(value));
      }
    }
    if (changed.includes('audit')) {
      const total = state.audit.total;
      setText(this.figures.missing, total ? count(total.missing) : 'not audited');
      setText(this.figures.twice, total ? count(total.repeats) : 'not audited');
    }
  }

  showLab({ actions, done }) {
    if (!this.actions.childElementCount) {
      fill(this.actions, actions.map((action) => el('article', { class: 'panel card' },
        el('div', { class: 'card-head' }, el('h3', {}, action.title), button('Do it', (event) => this.act(action, event.target), { id: `lab-do-${action.name}`, 'aria-label': `${action.title}: do it` })),
        el('p', {}, action.effect), el('p', { class: 'aws-long' }, el('span', {}, 'on AWS'), action.aws))));
    }
    fill(this.done, done.length === 0 && note('Nothing yet.'),
      done.map((one) => el('li', { class: one.is_error ? 'bad' : null }, el('span', { class: 'label' }, `${clock(one.at)} `), el('b', {}, `${one.name} `), one.text)));
  }

  async act({ name }, node) {
    node.disabled = true;
    // The event stream shows the result, and errors too.
    await post('/api/lab', { action: name }).catch(() => {});
    node.disabled = false;
  }
}
