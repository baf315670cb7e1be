// Formats numbers, sizes, times and durations.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export const count = (value) => (value === null || value === undefined ? '–' : whole.format(value));

export function plural(value, one, many) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return at === 0 ? `${value} B` : `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} ${units[at]}`;
}

export function price(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const absolute = Math.abs(value);
  const digits = absolute >= 1000 ? 2 : absolute >= 1 ? 2 : absolute >= 0.01 ? 4 : 6;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function volume(value) {
  if (value === null || value === undefined) return '–';
  for (const [limit, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'K']]) {
    if (Math.abs(value) >= limit) return `${(value / limit).toFixed(2)}${unit}`;
  }
  return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}

export function percent(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)} %`;
}

/** A duration in milliseconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${count(Math.floor(ms / 86_400_000))} days`;
}

/** The age of something, in whole units. */
export const age = (ms) => (ms < 60_000 ? `${Math.floor(Math.max(0, ms) / 1000)} s` : duration(ms));

const pad = (value, length = 2) => String(value).padStart(length, '0');

/** A time of the Kafka timestamp, in UTC: `2026-11-22 14:30:00.123`. */
export function timestamp(ms) {
  if (ms === null || ms === undefined || !(ms >= 0)) return 'no timestamp';
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

export const clock = (ms) => {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
};

/** The time of a bar, in seconds since 1970. */
export function barTime(seconds, length) {
  const text = new Date(seconds * 1000).toISOString();
  if (length === '1mo') return text.slice(0, 7);
  if (length === '1d' || length === '1w') return text.slice(0, 10);
  return `${text.slice(0, 10)} ${text.slice(11, /^\d+s$/.test(length) ? 19 : 16)}`;
}

export const shortKey = (key) => key.split('/').pop();
