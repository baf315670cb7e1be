// The strip at the top: state, rate, counts, lag, age and the audit's seal.

import { el, fill, setText } from './dom.js';
import { clock, count, duration, timestamp } from './format.js';
import { post } from './net.js';

const PHASES = {
  starting: 'Starting', feeding: 'Feeding', storing: 'Storing', checking: 'Checking', finished: 'Finished', running: 'Running', stopping: 'Stopping',
};
const SEALS = {
  none: ['Not audited', 'muted', 'Read every object and report what is missing, stored twice or damaged'],
  running: ['Auditing…', 'busy', 'The audit reads every object'],
  failed: ['Audit failed', 'bad', ''],
  clean: ['Nothing missing, nothing twice', 'good', ''],
  stale: ['Clean, then more was stored', 'warn', 'Records were stored after the audit; run it again'],
  changed: ['Clean, then the lab acted', 'warn', 'The lab acted after the audit; run it again'],
  aged: ['Clean', 'muted', 'What other programs stored since is not known; run the audit again'],
  faults: ['Faults found', 'bad', ''],
};

/** The lag of all partitions, or null until all are measured. */
const lagOf = (lanes) => (lanes.length && lanes.every((lane) => lane.lag !== null) ? lanes.reduce((sum, lane) => sum + lane.lag, 0) : null);

export class Strip {
  constructor(context) {
    this.context = context;
    this.cells = {};
    this.announced = '';
    const node = document.getElementById('strip');
    for (const [name, title, hint] of [
      ['state', 'State', 'What the pipeline does now'],
      ['rate', 'Stored/s', 'Records that this process stored per second, over the last five seconds'],
      ['stored', 'Stored', 'Records that this process has stored, valid and invalid, of all topics; without a pipeline, those that the last audit found'],
      ['quarantined', 'Quarantined', 'Invalid records among them, each stored with its reason'],
      ['lag', 'Lag', 'Records of all topics whose offsets are not committed; measured once a second'],
      ['age', 'Newest', 'Time since the newest record that this process stored was sent'],
    ]) {
      this.cells[name] = el('dd', { id: `strip-${name}` }, '–');
      node.append(el('div', { title: hint }, el('dt', {}, title), this.cells[name]));
    }
    this.seal = el('button', { type: 'button', class: 'seal muted', id: 'seal', onclick: () => this.audit() }, 'Not audited');
    node.append(el('div', { class: 'seal-cell' }, el('dt', {}, 'Audit'), el('dd', {}, this.seal)));
    setInterval(() => this.showAge(), 500);
  }

  async audit() {
    const seal = this.context.state.audit?.seal;
    if (seal === 'faults' || seal === 'failed' || seal === 'clean') { this.context.open('audit'); return; }
    try { await post('/api/audit'); } catch (error) { this.announce(error.message); }
  }

  onconnection(isConnected) {
    this.isConnected = isConnected;
    this.showState();
  }

  onframe(state, changed) {
    const isLive = Boolean(state.stored);
    const total = state.audit?.total;
    if (changed.includes('rates')) setText(this.cells.rate, isLive ? count(state.rates.stored) : '–');
    if (changed.includes('stored') || (!isLive && changed.includes('audit'))) {
      const { stored } = state;
      const [all, quarantined] = isLive ? [stored.records - (stored.repeated ?? 0), stored.quarantined]
        : total ? [total.stored + total.quarantined, total.quarantined] : [null, null];
      const unknown = isLive ? 'not reported' : 'not counted';
      setText(this.cells.stored, all === null ? unknown : count(all));
      setText(this.cells.quarantined, quarantined === null ? unknown : count(quarantined));
      this.cells.quarantined.className = quarantined > 0 ? 'warn' : '';
    }
    if (changed.includes('lanes') || (!isLive && changed.includes('audit'))) {
      const lag = isLive ? lagOf(state.lanes) : total?.lag;
      setText(this.cells.lag, lag === null || lag === undefined ? 'not known' : count(lag));
    }
    if (changed.includes('phase') || changed.includes('failing')) this.showState();
    if (changed.includes('audit')) this.showSeal(state.audit);
    if (changed.includes('newest')) this.showAge();
  }

  onpause() { this.showState(); }

  showState() {
    const { phase, failing } = this.context.state;
    const [text, kind] = this.isConnected === false ? ['Disconnected', 'bad']
      : failing ? ['Failing', 'bad']
        : phase ? [PHASES[phase], phase === 'finished' ? 'good' : phase === 'stopping' ? 'warn' : 'busy'] : ['Lake only', 'muted'];
    fill(this.cells.state, el('span', { class: `pill ${kind}`, title: failing ?? null }, text), this.context.isPaused && el('span', { class: 'pill warn' }, 'Paused'));
    this.announce(failing ? `The function fails: ${failing}` : `State: ${text}`);
  }

  showSeal(audit) {
    const [name, kind, hint] = SEALS[audit.seal];
    const text = audit.seal === 'aged' ? `${name} at ${clock(audit.began)}` : name;
    setText(this.seal, text);
    this.seal.className = `seal ${kind}`;
    this.seal.title = [audit.began && clock(audit.began), audit.error ?? audit.line, hint].filter(Boolean).join(': ');
    this.announce(`Audit: ${text}`);
  }

  showAge() {
    if (this.context.isPaused) return;
    const newest = this.context.state.newest;
    const isKnown = newest !== null && newest !== undefined;
    setText(this.cells.age, isKnown ? duration(Math.max(0, this.context.now() - newest)) : this.context.state.stored ? 'nothing yet' : 'not known');
    if (isKnown) this.cells.age.title = timestamp(newest);
  }

  /** Says what changed to a screen reader: states, never counters. */
  announce(text) {
    if (text === this.announced) return;
    this.announced = text;
    setText(document.getElementById('announce'), text);
  }
}
