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
    show(names[next], undefined, true);
    document.getElementById(`tab-${names[next]}`).focus();
    event.preventDefault();
  });
}

/** Time for which a tab must be selected before its view runs statements, if an arrow key has selected it. */
const PASSING = 600;
let passing = null;

/** Shows a view. `isPassing` is `true` if the user may be on the way to another one. */
function show(name, argument, isPassing = false) {
  clearTimeout(passing);
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
  if (!view && isPassing && name === 'quality') {
    passing = setTimeout(() => show(name), PASSING);
    return;
  }
  if (!view) {
    const [, , View] = VIEWS.find(([known]) => known === name);
    view = new View(document.getElementById(`view-${name}`), context);
    views.set(name, view);
    view.onframe?.(context.state, Object.keys(context.state), 'snapshot');
  }
  view.onshow?.(argument);
}

/** Sections that stay as they are while the page is paused; it goes on to show the state, the audit and the lab. */
const PAUSED = ['feed', 'lanes', 'batch', 'stored', 'newest', 'rates', 'invocations', 'objects', 'quotes'];

function onframe(frame, kind) {
  if (kind !== 'delta') {
    // The token of this page is one of another server, which does not accept it.
    if (context.state.server && context.state.server !== frame.server) { location.reload(); return; }
    context.state = frame;
  } else {
    Object.assign(context.state, frame);
    if (!frame.quotes) delete context.state.quotes;
  }
  if (frame.lab) document.getElementById('tab-lab').hidden = false;
  const changed = Object.keys(frame);
  if (context.isPaused) update(changed.filter((name) => !PAUSED.includes(name)), 'delta'); else update(changed, kind);
}

/** Shows the sections that changed. */
function update(changed, kind) {
  strip.onframe(context.state, changed);
  for (const view of views.values()) view.onframe?.(context.state, changed, kind);
  if (changed.includes('stored')) {
    const badge = document.getElementById('quarantine-count');
    const quarantined = context.state.stored?.quarantined ?? 0;
    badge.hidden = quarantined === 0;
    setText(badge, String(quarantined));
  }
}

function onconnection(isConnected, reason) {
  const banner = document.getElementById('banner');
  banner.hidden = isConnected;
  if (!isConnected) fill(banner, reason ? `There are no live updates: ${reason}. The page tries again by itself.` : 'The connection to tickerlake is lost. What you see is the last known state; the page connects again by itself.');
  strip.onconnection(isConnected);
}

function startPause() {
  const button = document.getElementById('pause');
  const isLive = Boolean(context.info?.live);
  button.hidden = !isLive;
  if (!isLive) return;
  const toggle = () => {
    context.isPaused = !context.isPaused;
    button.setAttribute('aria-pressed', String(context.isPaused));
    strip.onpause();
    for (const view of views.values()) view.onpause?.(context.isPaused);
    // What has changed in the meantime. Its records are read by the views.
    if (!context.isPaused) update(Object.keys(context.state).filter((name) => name !== 'quotes'), 'delta');
  };
  button.addEventListener('click', toggle);
  addEventListener('keydown', (event) => {
    if (event.code !== 'KeyP' || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    toggle();
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
startPause();
show(location.hash.slice(1) || 'live');
if (!current) show('live');
addEventListener('hashchange', () => show(location.hash.slice(1)));
stream(onframe, onconnection);
