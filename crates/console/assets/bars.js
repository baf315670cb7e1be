// The rules by which rows become bars; the same as the server's, which are those of the view `daily`.

export const DAY = 86_400;
const MICROS = 1_000_000;
const WEEK = 7 * DAY;
const MONTH = 30 * DAY;
const UNITS = { s: 1, m: 60, h: 3600, d: DAY };

/** Results of `merge` other than a bar. */
export const NOTHING = 'nothing';
export const READ_AGAIN = 'read again';

/** A row of the event stream, as an object. */
export function rowOf([symbol, series, bar, simulated, day, micros, seq, open, high, low, close, volume, firstMicros, firstSeq, quotes, sum]) {
  const place = [micros, seq];
  const isSum = sum !== undefined;
  return { symbol, series, bar, simulated, day, place, open, high, low, close, volume, quotes: isSum ? quotes : 1, sum: isSum ? sum : null, first: isSum ? [firstMicros, firstSeq] : place };
}

/** Sorts lengths: 0 for ticks, about the number of seconds for others, null for those that charts do not support. */
export function rank(bar) {
  if (bar === 'tick') return 0;
  if (bar === '1w') return WEEK;
  if (bar === '1mo') return MONTH;
  const [, number, unit] = /^(\d+)([smhd])$/.exec(bar) ?? [];
  const seconds = Number(number) * UNITS[unit];
  const isSupported = seconds > 0 && seconds <= DAY && (unit !== 'd' || Number(number) === 1);
  return isSupported ? seconds : null;
}

/** The first second of the bar to which a row belongs: by its trade date from a day on, by its time below. */
export function barStart({ day, place: [micros] }, length) {
  if (length === '1w') return Math.floor((day * DAY + 3 * DAY) / WEEK) * WEEK - 3 * DAY;
  if (length === '1mo') {
    const at = new Date(day * DAY * 1000);
    return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1) / 1000;
  }
  const step = rank(length);
  return Math.floor((step >= DAY ? day * DAY : Math.floor(micros / MICROS)) / step) * step;
}

/** Negative if place `a` is before `b`. */
export const comparePlaces = (a, b) => a[0] - b[0] || a[1] - b[1];

/** Negative if the rows of `a` count rather than those of `b`: not simulated ones, then the bar's own length, then finer ones. */
function compareChoices(a, b) {
  const own = (bar) => (bar.rows === undefined ? -1 : rank(bar.rows));
  return Number(a.simulated ?? false) - Number(b.simulated ?? false) || own(a) - own(b);
}

/** `true` if every bar of length `sum` belongs to one bar of `length`. */
function divides(sum, length) {
  if (sum === '1w') return length === '1w';
  const [part, whole] = [rank(sum), rank(length)];
  return part <= whole && (whole >= DAY || whole % part === 0);
}

const isEqual = (a, b) => ['open', 'high', 'low', 'close', 'volume'].every((name) => a[name] === b[name]);

const total = (a, b) => (a === null ? b : b === null ? a : a + b);

/** The index of the bar that begins at a time, or -1. */
function indexOf(bars, time) {
  let [low, high] = [0, bars.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (bars[middle].time === time) return middle;
    if (bars[middle].time < time) low = middle + 1; else high = middle - 1;
  }
  return -1;
}

/**
 * Adds a row to the bars of a length. Returns the last or next `bar` and the `place` of its last row, `NOTHING` if the
 * bars stay as they are, or `READ_AGAIN` if only SQL knows the result. `place` is that of the last row that counts in the
 * last bar, or null.
 */
export function merge(bars, place, length, row) {
  const own = rank(row.bar);
  const wanted = rank(length);
  if (own === null || own > wanted) return NOTHING;
  if (row.sum && !divides(row.sum, length)) return READ_AGAIN;
  const isWhole = own === wanted;
  const time = barStart(row, length);
  const { open, high, low, close, volume } = row;
  const fresh = { time, open, high, low, close, volume, ...(!isWhole && { rows: row.bar }), ...(row.simulated && { simulated: true }) };
  const last = bars.at(-1);
  if (!last || time > last.time) return { bar: fresh, place: row.place };
  const at = time === last.time ? bars.length - 1 : indexOf(bars, time);
  if (at < 0) return READ_AGAIN;
  const known = bars[at];
  const order = compareChoices(fresh, known);
  if (order > 0 || (order === 0 && isWhole && isEqual(fresh, known))) return NOTHING;
  if (at < bars.length - 1) return READ_AGAIN;
  if (order < 0) return { bar: fresh, place: row.place };
  if (isWhole) return place && comparePlaces(row.place, place) < 0 ? NOTHING : { bar: fresh, place: row.place };
  // Added to the sum, unless it may be in the sum already.
  if (!place || comparePlaces(row.first, place) <= 0) return READ_AGAIN;
  const sum = { ...known, high: Math.max(known.high, high), low: Math.min(known.low, low), close, volume: total(known.volume, volume) };
  return { bar: sum, place: row.place };
}

/** How fine a row is for the view `daily`: a row of a day first, then the finest. */
export function fineness(bar) {
  if (bar === '1d') return -1;
  if (bar === 'tick') return 0;
  const [, number, unit] = /^(\d+)(s|m|h|d|w|mo)$/.exec(bar) ?? [];
  return number ? Number(number) * { ...UNITS, w: WEEK, mo: MONTH }[unit] : 99_999_999_999;
}
