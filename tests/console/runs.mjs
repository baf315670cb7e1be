// Pipelines and requests that several checks need.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { text, until } from './page.mjs';
import { start } from './programs.mjs';

export const TABS = ['live', 'sql', 'records', 'quarantine', 'quality', 'audit', 'lake'];

/** Runs the sample, and leaves its console open. */
export async function stayed({ tickerlake, port }, args = [], options = {}) {
  const run = start(tickerlake, ['run', '--stay', '--console-port', port, ...args], options);
  const { url } = await run.event('console');
  const audit = await run.event('audit', 120);
  return { run, url, audit };
}

/** Starts `up` on free ports, except for that of the console. */
export async function serving({ tickerlake, port }, args = [], options = {}) {
  const up = start(tickerlake, ['up', '--console-port', port, '--port', '0', '--s3-port', '0', ...args], options);
  const { broker } = await up.event('started');
  const url = up.events.find((event) => event.type === 'console')?.url;
  return { up, url, broker };
}

export async function noOverflow(page, what) {
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width[0] <= width[1], `${what}: the page is ${width[0]} px wide in a window of ${width[1]} px`);
}

/** Sends a request without a browser. */
export function raw(port, { method = 'GET', path, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let content = '';
      response.on('data', (chunk) => { content += chunk; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, content }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends a value to the topic `quotes`. */
export const send = (broker, value) => execFileSync('kcat', ['-b', broker, '-t', 'quotes', '-P', '-p', '0', '-k', 'K', '-H', 'source=test'], { input: value });

export const seal = (page) => page.locator('#seal').getAttribute('class');

/** Removes `count` failed requests from the faults of a page, which its browser reports too. There must be as many. */
export function expectFailures(page, status, count) {
  const isFailure = (fault) => fault.includes(`status of ${status}`);
  assert.equal(page.faults.filter(isFailure).length, count, `requests with status ${status}: ${page.faults.join('\n')}`);
  page.faults.splice(0, page.faults.length, ...page.faults.filter((fault) => !isFailure(fault)));
}

/** Runs an audit from the page, and returns its result. */
export async function audit(page, button = '#lab-audit') {
  const read = () => page.evaluate(async () => (await fetch('/api/audit')).json());
  const before = (await read()).result?.began ?? 0;
  await page.click(button);
  return until('the audit ends', async () => {
    const { summary, result, error } = await read();
    assert.equal(error, null);
    return summary.seal !== 'running' && result?.began > before && result;
  }, 120);
}

/** Waits until everything in the broker is stored. */
export async function settled(page) {
  await until('everything is stored', async () => (await text(page, '#strip-lag')) === '0' && (await text(page, '#strip-state')) === 'Running' && (await text(page, '#strip-rate')) === '0', 120);
}

/** Reads the snapshot of the event stream. */
export const snapshot = (page) => page.evaluate(() => new Promise((resolve) => {
  const source = new EventSource('/api/events');
  source.addEventListener('snapshot', (event) => { source.close(); resolve(JSON.parse(event.data)); });
}));
