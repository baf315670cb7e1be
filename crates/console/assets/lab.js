// The lab: breaks the pipeline on purpose, and shows what that does to the counts.

import { button, el, fill, note, setText } from './dom.js';
import { clock, count } from './format.js';
import { post } from './net.js';

const FIGURES = [
  ['stored', 'stored'], ['again', 'delivered again by the lab'], ['already', 'already stored, so skipped'], ['killed', 'killed'], ['requests', 'failed requests to S3'],
  ['failed', 'failed invocations'], ['retried', 'retried'], ['quarantined', 'quarantined'], ['missing', 'missing'], ['twice', 'stored twice'],
];

export class LabView {
  constructor(node, context) {
    this.context = context;
    this.figures = {};
    this.actions = el('div', { class: 'cards lab' });
    this.buttons = {};
    this.audited = el('p', { class: 'label', id: 'lab-audited' }, 'No audit has run.');
    this.status = el('p', { class: 'status', role: 'status' });
    this.done = el('ol', { class: 'plain', id: 'lab-done' });
    node.append(el('div', { class: 'stack' },
      el('div', { class: 'panel' }, el('h2', {}, 'Break it'),
        el('p', { class: 'label' }, 'Each button breaks the running pipeline in one way. Records are retried, but none is lost and none is stored twice; the audit proves it.'),
        el('dl', { class: 'facts wide' }, FIGURES.map(([name, title]) => {
          this.figures[name] = el('dd', { id: `lab-${name}` }, '–');
          return el('div', {}, el('dt', {}, title), this.figures[name]);
        })),
        el('div', { class: 'row' }, button('Run the audit', () => this.request('/api/audit'), { class: 'primary', id: 'lab-audit' }), this.audited), this.status),
      this.actions,
      el('div', { class: 'panel' }, el('h3', {}, 'What happened'), this.done)));
  }

  onframe(state, changed) {
    if (changed.includes('lab') && state.lab) this.showLab(state.lab);
    if ((changed.includes('stored') || changed.includes('lab')) && state.stored && state.lab) {
      const { stored, lab: { figures } } = state;
      // The event source and the lab deliver records that are already stored.
      for (const [name, value] of [['stored', stored.records], ['again', figures.delivered_again], ['already', stored.skipped + figures.already_stored], ['killed', figures.killed],
        ['requests', figures.failed_requests], ['failed', stored.failed_invocations], ['retried', stored.retried], ['quarantined', stored.quarantined]]) {
        setText(this.figures[name], count(value));
      }
    }
    if (changed.includes('audit')) {
      const { total, began, seal } = state.audit;
      setText(this.figures.missing, total ? count(total.missing) : 'not audited');
      setText(this.figures.twice, total ? count(total.repeats) : 'not audited');
      const since = { running: '; another audit runs', stale: '; more was stored since', changed: '; the lab acted since' }[seal] ?? '';
      setText(this.audited, began ? `Missing and stored twice: of the audit at ${clock(began)}${since}.` : seal === 'running' ? 'The audit runs.' : 'No audit has run.');
    }
  }

  showLab({ actions, figures, done }) {
    if (!this.actions.childElementCount) {
      fill(this.actions, actions.map((action) => {
        this.buttons[action.name] = button('Do it', () => this.act(action), { id: `lab-do-${action.name}`, 'aria-label': `${action.title}: do it` });
        return el('article', { class: 'panel card' },
          el('div', { class: 'card-head' }, el('h3', {}, action.title), this.buttons[action.name]),
          el('p', {}, action.effect), el('p', { class: 'aws-long' }, el('span', {}, 'on AWS'), action.aws));
      }));
    }
    if (this.buttons.damage) {
      setText(this.buttons.damage, figures.is_damaged ? 'Restore it' : 'Do it');
      this.buttons.damage.setAttribute('aria-label', figures.is_damaged ? 'Cut an object: restore it' : 'Cut an object: do it');
    }
    // The list is replaced only when it has changed, so that a reader's selection stays.
    const newest = done[0]?.number ?? 0;
    if (newest === this.newest) return;
    this.newest = newest;
    fill(this.done, done.length === 0 && note('Nothing yet.'),
      done.map((one) => el('li', { class: one.is_error ? 'bad' : null }, el('span', { class: 'label' }, `${clock(one.at)} `), el('b', {}, `${one.name} `), one.text)));
  }

  async act({ name }) {
    const node = this.buttons[name];
    node.disabled = true;
    await this.request('/api/lab', { action: name });
    node.disabled = false;
  }

  async request(path, body) {
    setText(this.status, '');
    try { await post(path, body); } catch (error) { setText(this.status, error.message); }
  }
}
