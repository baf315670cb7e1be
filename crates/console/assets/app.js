// Starts the page: views, the event stream, and what they share.

import { el, fill, setText } from './dom.js';
import { get, stream } from './net.js';
import { startTheme } from './theme.js';
import { Strip } from './strip.js';
import { LiveView } from './market.js';
import { SqlView } from './sql.js';
import { RecordsView } from './records.js';
import { QuarantineView } from './quarantine.js';
import { QualityView } from './quality.js';
import { AuditView } from './audit.js';
import { LakeView } from './lake.js';
import { LabView } from './lab.js';

/** What every view sees: the sections of the event stream, and what the server is. */
const context = {
  info: null,
  state: {},
  isPaused: false,
  /** Difference between the server's clock and this one, in milliseconds. */
  clockOffset: 0,
  now: () => Date.now() + context.clockOffset,
  open: (name, argument) => show(name, argument),
};

const VIEWS = [
  ['live', 'Market', LiveView],
  ['sql', 'SQL', SqlView],
  ['records', 'Records', RecordsView],
  ['quarantine', 'Quarantine', QuarantineView],
  ['quality', 'Quality', QualityView],
  ['audit', 'Audit', AuditView],
  ['lake', 'Lake', LakeView],
  ['lab', 'Break it', LabView],
];
const views = new Map();
let current = null;

function buildTabs() {
  const tabs = document.getElementById('tabs');
  const main = document.getElementById('main');
  for (const [name, title] of VIEWS) {
    tabs.append(el('button', {
      type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `view-${name}`, 'aria-selected': 'false', tabindex: '-1',
      onclick: () => show(name), hidden: name === 'lab',
    }, title, name === 'quarantine' && el('span', { class: 'badge', id: 'quarantine-count', hidden: true })));
    main.append(el('section', { role: 'tabpanel', id: `view-${name}`, 'aria-labelledby': `tab-${name}`, hidden: true }));
  }
  tabs.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -99, End: 99 }[event.key];
    if (!step) return;
    const names = VIEWS.map(([name]) => name).filter((name) => !document.getElementById(`tab-${name}`).hidden);
    const next = Math.abs(step) === 99 ? (step < 0 ? 0 : names.length - 1) : (names.indexOf(current) + step + names.length) % names.length;
    show(names[next]);
    document.getElementById(`tab-${names[next]}`).focus();
    event.preventDefault();
  });
}

function show(name, argument) {
  if (!VIEWS.some(([known]) => known === name)) return;
  if (current !== name) {
    for (const [other] of VIEWS) {
      const isShown = other === name;
      const tab = document.getElementById(`tab-${other}`);
      tab.setAttribute('aria-selected', String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      document.getElementById(`view-${other}`).hidden = !isShown;
    }
    document.getElementById(`tab-${name}`).scrollIntoView({ block: 'nearest', inline: 'nearest' });
    current = name;
    if (location.hash !== `#${name}`) history.replaceState(null, '', `#${name}`);
  }
  let view = views.get(name);
  if (!view) {
    const [, , View] = VIEWS.find(([known]) => known === name);
    view = new View(document.getElementById(`view-${name}`), context);
    views.set(name, view);
    view.onframe?.(context.state, Object.keys(context.state), 'snapshot');
  }
  view.onshow?.(argument);
}

function onframe(frame, kind) {
  if (kind !== 'delta') {
    // The server has restarted if it counts anew, so the page's token is no longer valid.
    if (kind === 'snapshot' && context.state.frame > frame.frame) { location.reload(); return; }
    context.state = frame;
  } else {
    Object.assign(context.state, frame);
    if (!frame.quotes) delete context.state.quotes;
  }
  const changed = Object.keys(frame);
  if (changed.includes('lab')) document.getElementById('tab-lab').hidden = false;
  strip.onframe(context.state, changed);
  for (const view of views.values()) view.onframe?.(context.state, changed, kind);
  if (changed.includes('stored')) {
    const badge = document.getElementById('quarantine-count');
    const quarantined = context.state.stored?.quarantined ?? 0;
    badge.hidden = quarantined === 0;
    setText(badge, String(quarantined));
  }
}

function onconnection(isConnected) {
  const banner = document.getElementById('banner');
  banner.hidden = isConnected;
  if (!isConnected) fill(banner, 'The connection to tickerlake is lost. What you see is the last known state; the page connects again by itself.');
  strip.onconnection(isConnected);
}

function startPause() {
  const button = document.getElementById('pause');
  const toggle = () => {
    context.isPaused = !context.isPaused;
    button.setAttribute('aria-pressed', String(context.isPaused));
    for (const view of views.values()) view.onpause?.(context.isPaused);
  };
  button.addEventListener('click', toggle);
  addEventListener('keydown', (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === 'p' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
  });
}

startTheme();
const strip = new Strip(context);
buildTabs();
try {
  context.info = await get('/api/info');
  context.clockOffset = context.info.now - Date.now();
  const where = document.getElementById('where');
  setText(where, `${context.info.topic} · ${context.info.location}`);
  where.title = where.textContent;
  setText(document.getElementById('version'), `Tickerlake ${context.info.version}`);
  document.title = `${context.info.topic} – Tickerlake`;
} catch (error) {
  const banner = document.getElementById('banner');
  banner.hidden = false;
  fill(banner, error.message);
}
document.getElementById('pause').hidden = !context.info?.live;
startPause();
show(location.hash.slice(1) || 'live');
if (!current) show('live');
addEventListener('hashchange', () => show(location.hash.slice(1)));
stream(onframe, onconnection);
