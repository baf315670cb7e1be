// The checks of limits: S3 away, a statement that takes too long, a strip of many objects, files from the binary.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { bars, candlePixels, openTab, text, until } from './page.mjs';
import { SAMPLE, folder, output, start } from './programs.mjs';
import { audit, expectFailures, noOverflow, seal, serving, stayed } from './runs.mjs';

const SLOW = 'SELECT count(*) FROM quotes a, quotes b, quotes c, quotes d';

async function execute(page, sql, seconds = 60) {
  await page.fill('.editor-input', sql);
  await page.click('#run');
  await until('the statement ends', async () => (await page.locator('#run').textContent()) === 'Run', seconds);
}

export const limits = {
  /** A console over a bucket whose S3 goes away and comes back. */
  async away(tools) {
    const port = Number(tools.port);
    const upArgs = ['up', '--console-port', String(port + 1), '--port', '0', '--s3-port', String(port + 2)];
    let up = start(tools.tickerlake, upArgs);
    const started = await up.event('started');
    execFileSync(tools.producer, ['-b', started.broker, SAMPLE], { cwd: up.cwd, stdio: 'ignore' });
    const env = { ...process.env, ...Object.fromEntries(readFileSync(join(up.cwd, started.settings), 'utf8').trim().split('\n').filter((line) => line.startsWith('AWS_')).map((line) => line.split(/=(.*)/s))) };
    await until('it is stored', () => output(tools.tickerlake, ['query', 'SELECT count(*) FROM quotes', '--format', 'csv'], { cwd: up.cwd }).includes('1200'));
    const served = start(tools.tickerlake, ['console', '--bucket', started.bucket, '--port', tools.port, '--query-timeout', '3'], { cwd: folder(), env });
    const { url } = await served.event('console');
    const page = await tools.open(url);
    await until('candles', async () => (await bars(page)) > 0);
    await openTab(page, 'audit');
    await page.click('#run-audit');
    await until('the seal is good', async () => (await seal(page)).includes('good'));
    await up.stop();

    await openTab(page, 'sql');
    await execute(page, 'SELECT count(*) FROM quotes');
    const told = await text(page, '#result .note.error');
    assert.match(told, /longer than 3 s|failed to/);
    // The other views read at the same time.
    await openTab(page, 'records');
    await openTab(page, 'lake');
    const errors = [];
    for (const view of ['records', 'lake']) {
      errors.push(await until(`${view} says so`, async () => (await page.locator(`#view-${view} .note.error`).count()) > 0 && text(page, `#view-${view} .note.error`), 150));
    }
    assert.ok(errors.every((error) => /longer than \d+ s|failed to (list|read)/.test(error)), errors.join('\n'));
    assert.equal(await text(page, '#strip-state'), 'Lake only');
    page.faults.splice(0, page.faults.length, ...page.faults.filter((fault) => !/status of 503|status of 400/.test(fault)));

    up = start(tools.tickerlake, upArgs, { cwd: up.cwd });
    await up.event('started');
    await openTab(page, 'records');
    await page.click('.filters >> text=Newest');
    await page.waitForSelector('#records tbody tr');
    await openTab(page, 'sql');
    await until('SQL works again', async () => { await execute(page, 'SELECT count(*) FROM quotes'); return (await page.locator('#result tbody td').count()) === 1; });
    page.faults.splice(0, page.faults.length, ...page.faults.filter((fault) => !/status of 503|status of 400/.test(fault)));
    await tools.end(served);
    await up.stop();
    return [told, ...errors].join(' | ');
  },

  /** Statements end at the time limit, and those that wait for them are not charged for it. */
  async timelimit(tools) {
    const cwd = folder();
    output(tools.tickerlake, ['run', '--no-console', '--format', 'json'], { cwd });
    const served = start(tools.tickerlake, ['console', '--port', tools.port, '--query-timeout', '2'], { cwd });
    const { url } = await served.event('console');
    const page = await tools.open(url);
    await openTab(page, 'sql');
    const began = Date.now();
    await execute(page, SLOW);
    const took = Date.now() - began;
    assert.match(await text(page, '#result .note.error'), /took longer than 2 s/);
    assert.ok(took >= 2_000 && took < 10_000, `${took} ms`);
    // Two statements of other pages hold the permits; the third waits for one, and then has its own two seconds.
    const answers = await page.evaluate(async (slow) => {
      const headers = { 'content-type': 'application/json', 'x-console-token': document.querySelector('meta[name="console-token"]').content };
      const query = async (sql) => (await fetch('/api/query', { method: 'POST', headers, body: JSON.stringify({ sql }) })).json();
      const slows = [query(slow), query(slow)];
      await new Promise((resolve) => setTimeout(resolve, 100));
      const waiting = query('SELECT 1');
      const chart = performance.now();
      await fetch('/api/market/symbols');
      return { chart: performance.now() - chart, waiting: await waiting, slows: await Promise.all(slows) };
    }, SLOW);
    assert.deepEqual(answers.waiting.rows, [['1']]);
    assert.ok(answers.waiting.waited_ms > 500 && answers.waiting.elapsed_ms < answers.waiting.waited_ms, JSON.stringify(answers.waiting));
    assert.ok(answers.slows.every(({ error }) => /took longer than 2 s/.test(error)), JSON.stringify(answers.slows));
    expectFailures(page, 503, 3);
    await tools.end(served);
    return `stopped after ${took} ms; a third statement waited ${answers.waiting.waited_ms} ms and ran ${answers.waiting.elapsed_ms} ms; the watch list took ${Math.round(answers.chart)} ms meanwhile`;
  },

  /** Hundreds of objects in a partition, some of them damaged. */
  async strips(tools) {
    const { up, url, broker } = await serving(tools, ['--batch-size', '1', '--partitions', '2']);
    execFileSync(tools.producer, ['-b', broker, SAMPLE], { cwd: up.cwd, stdio: 'ignore' });
    const page = await tools.open(`${url}#audit`);
    await until('everything is stored', async () => (await text(page, '#strip-stored')) === '1,200', 300);
    const day = join(up.cwd, 'lake/tickerlake/data/quotes');
    const objects = readdirSync(day, { recursive: true }).filter((entry) => entry.endsWith('.json.gz')).sort();
    assert.ok(objects.length >= 1_000, `${objects.length} objects`);
    for (const name of objects.slice(100, 130)) truncateSync(join(day, name), 20);
    const result = await audit(page, '#run-audit');
    const damaged = result.kinds.find((kind) => kind.kind === 'damaged');
    assert.equal(damaged.count, 30);
    await until('the strips are drawn', async () => (await page.locator('#audit .cells .damaged').count()) > 0);
    const { strips } = await page.evaluate(async () => (await fetch('/api/audit')).json());
    assert.equal(strips.flatMap((strip) => strip.cells).filter((cell) => cell.mark === 'damaged').length, 30);
    assert.match(await text(page, '#audit'), /and 10 more/);
    const stops = await page.locator('#audit .cells [tabindex="0"]').count();
    assert.equal(stops, strips.length, 'one stop of the Tab key for each strip');
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      await page.waitForTimeout(300);
      await noOverflow(page, `audit, ${width} px`);
      const narrow = await page.evaluate(() => Math.min(...[...document.querySelectorAll('#audit .cells .cell')].map((cell) => cell.getBoundingClientRect().width)));
      assert.ok(narrow >= 2.5, `a cell is ${narrow} px wide`);
      await tools.shot(page, `audit-strips-${width}`);
    }
    const label = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    await page.locator('#audit .cells [tabindex="0"]').first().focus();
    const first = await label();
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await label(), first);
    await page.keyboard.press('Home');
    assert.equal(await label(), first);
    await page.locator('#audit .cells .damaged').first().click();
    await page.waitForSelector('dialog[open]');
    assert.match(await text(page, 'dialog'), /damaged/);
    page.faults.splice(0, page.faults.length, ...page.faults.filter((fault) => !/status of 400/.test(fault)));
    await tools.end(up);
    return `${objects.length} objects, ${strips.length} strips, all 30 damaged ones drawn`;
  },

  /** The page from the binary, as a shipped program serves it. A debug build reads its files from the source folder otherwise. */
  async embedded(tools) {
    const { run, url } = await stayed(tools, [], { env: { ...process.env, TICKERLAKE_CONSOLE_ASSETS: 'embedded' } });
    const page = await tools.open(url);
    await until('candles', async () => (await bars(page)) > 0 && (await candlePixels(page)) > 1000);
    await openTab(page, 'sql');
    await execute(page, 'SELECT count(*) FROM quotes', 120);
    assert.equal(await text(page, '#result tbody td'), '1200');
    const files = await page.evaluate(() => performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/assets/')).map((entry) => [entry.name.split('/assets/')[1], entry.encodedBodySize]));
    const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
    assert.ok(total > 0 && total <= 250_000, String(total));
    await tools.end(run);
    return `${total} bytes compressed: ${files.sort(([, a], [, b]) => b - a).map(([name, bytes]) => `${name} ${bytes}`).join(', ')}`;
  },
};
