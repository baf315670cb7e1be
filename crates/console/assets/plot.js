// A line or bar chart of a query's result, as SVG.

import { el, svg } from './dom.js';

const WIDTH = 960;
const HEIGHT = 300;
const MARGIN = { left: 64, right: 12, top: 12, bottom: 34 };
const MAX_POINTS = 2_000;
const MAX_SERIES = 8;

const tick = (value) => {
  const absolute = Math.abs(value);
  for (const [limit, unit] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']]) {
    if (absolute >= limit) return `${+(value / limit).toPrecision(3)}${unit}`;
  }
  return String(+value.toPrecision(4));
};

/** Returns round values between two numbers. */
function ticks(low, high) {
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const values = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) values.push(at);
  return values;
}

/** Splits rows into series by a column; without one, all rows are one series. */
export function series(rows, x, y, by) {
  const all = new Map();
  for (const row of rows.slice(0, MAX_POINTS)) {
    const value = Number(row[y]);
    if (row[y] === null || !Number.isFinite(value)) continue;
    const name = by === null ? '' : row[by] ?? 'null';
    if (!all.has(name)) all.set(name, []);
    all.get(name).push([x === null ? String(all.get(name).length + 1) : row[x] ?? 'null', value]);
  }
  return all;
}

export function plot(rows, { x, y, by, kind, label }) {
  const all = series(rows, x, y, by);
  const names = [...all.keys()];
  const shown = names.slice(0, MAX_SERIES);
  const labels = [...new Set(shown.flatMap((name) => all.get(name).map(([at]) => at)))];
  if (/^\d{4}-\d\d/.test(labels[0] ?? '')) labels.sort();
  const values = shown.flatMap((name) => all.get(name).map(([, value]) => value));
  if (!values.length) return el('p', { class: 'note' }, 'No numbers to draw.');
  const isBar = kind === 'bar';
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (isBar || low >= 0 && low < high / 3) low = Math.min(0, low);
  if (isBar) high = Math.max(0, high);
  if (low === high) high = low + 1;
  const inner = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const band = inner.width / labels.length;
  const place = new Map(labels.map((name, at) => [name, MARGIN.left + (at + 0.5) * band]));
  const height = (value) => MARGIN.top + (1 - (value - low) / (high - low)) * inner.height;
  const root = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'plot', role: 'img', 'aria-label': label });
  for (const value of ticks(low, high)) {
    root.append(svg('line', { class: 'grid', x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: height(value), y2: height(value) }),
      svg('text', { x: MARGIN.left - 8, y: height(value) + 4, 'text-anchor': 'end' }, tick(value)));
  }
  const every = Math.max(1, Math.ceil(labels.length / 9));
  labels.forEach((name, at) => {
    if (at % every === 0) root.append(svg('text', { x: place.get(name), y: HEIGHT - 12, 'text-anchor': 'middle' }, name.length > 14 ? `${name.slice(0, 13)}…` : name));
  });
  shown.forEach((name, index) => {
    const points = all.get(name);
    if (isBar) {
      const width = Math.max(1, (band * 0.8) / shown.length);
      for (const [at, value] of points) {
        const left = place.get(at) - band * 0.4 + index * width;
        root.append(svg('rect', { class: `series-${index}`, x: left, width, y: Math.min(height(value), height(0)), height: Math.max(1, Math.abs(height(value) - height(0))) },
          svg('title', {}, `${[name, at].filter(Boolean).join(', ')}: ${value}`)));
      }
    } else {
      root.append(svg('polyline', { class: `line series-${index}`, points: points.map(([at, value]) => `${place.get(at).toFixed(1)},${height(value).toFixed(1)}`).join(' ') }));
    }
  });
  const notes = [];
  if (names.length > shown.length) notes.push(`${names.length - shown.length} more series are not drawn.`);
  if (rows.length > MAX_POINTS) notes.push(`The first ${MAX_POINTS} rows are drawn.`);
  return el('figure', { class: 'plot-frame' }, root,
    by !== null && el('figcaption', {}, shown.map((name, index) => el('span', { class: 'key' }, el('i', { class: `series-${index}` }), name))),
    notes.length > 0 && el('p', { class: 'more' }, notes.join(' ')));
}
