// Checks of what the first view shows while records are stored: bars that equal those of SQL, a connection that breaks, and
// the stations of the pipeline.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { bars, candlePixels, number, openTab, text, until } from './page.mjs';
import { SAMPLE, folder, output, start } from './programs.mjs';
import { serving, stayed } from './runs.mjs';

export async function market(tools) {
  const { up, url, broker } = await serving(tools);
  const page = await tools.open(url);
  let reads = 0;
  page.on('request', (request) => { if (request.url().includes('/api/market/')) reads += 1; });
  const send = (...values) => execFileSync('kcat', ['-b', broker, '-t', 'quotes', '-P', '-k', 'T'], { input: `${values.map((value) => JSON.stringify(value)).join('\n')}\n` });
  const select = async (symbol, length) => {
    await page.locator('.watch li', { hasText: symbol }).click();
    await until(`the bars of ${symbol}`, async () => (await text(page, '.symbol')) === symbol && (await bars(page)) > 0);
    const button = page.locator('.chart-tools .segments button', { hasText: new RegExp(`^${length}$`) });
    await button.click();
    await until(`bars of ${length}`, async () => (await button.getAttribute('aria-pressed')) === 'true');
    await page.waitForTimeout(300);
    reads = 0;
  };
  const drawn = () => page.evaluate(() => document.getElementById('chart').bars());
  const volumeOf = (list) => list.reduce((sum, bar) => sum + (bar.volume ?? 0), 0);
  /** The bars that are drawn are those that SQL makes, and were not read again. */
  const isSame = async (what, symbol, length) => {
    // A read would follow after two seconds.
    await page.waitForTimeout(2500);
    assert.equal(reads, 0, `${what}: reads with SQL`);
    const expected = await page.evaluate(async (path) => (await (await fetch(path)).json()).bars, `/api/market/bars?symbol=${encodeURIComponent(symbol)}&length=${length}`);
    assert.deepEqual(await drawn(), expected, what);
    reads = 0;
  };
  const tick = (at, close, more = {}) => ({ symbol: 'TICK', trade_date: '2024-01-02', traded_at: `2024-01-02 ${at}`, bar: 'tick', close, volume: 1, ...more });

  // Ticks: within one second, of one instant, of the next minute, from a batch of their own each and together.
  send(tick('14:30:00.100000', 5));
  await until('the symbol', async () => (await page.locator('.watch li').count()) === 1);
  await select('TICK', '1m');
  for (const one of [tick('14:30:00.250000', 7), tick('14:30:00.250000', 6, { seq: 2 }), tick('14:30:59.999999', 4), tick('14:31:00.000000', 8)]) send(one);
  send(tick('14:31:00.500000', 3), tick('14:31:01.000000', 9), tick('14:33:00.000000', 2));
  await until('all ticks', async () => volumeOf(await drawn()) === 8);
  await isSame('ticks', 'TICK', '1m');
  // A row of a day is no candle of a minute; a simulated tick counts only where no other does.
  send({ symbol: 'TICK', trade_date: '2024-01-02', bar: '1d', open: 1, high: 99, low: 1, close: 50, volume: 1000 }, tick('14:50:00', 50, { bar: '5m', volume: 1000 }), tick('14:33:01.000000', 70, { simulated: true }), tick('14:34:00.000000', 71, { simulated: true }), tick('14:34:00.500000', 72, { simulated: true }));
  await until('the simulated bar', async () => volumeOf(await drawn()) === 10);
  await isSame('longer and simulated rows', 'TICK', '1m');
  send(tick('14:34:01.000000', 5));
  await until('the bar that replaces it', async () => volumeOf(await drawn()) === 9);
  await isSame('a row that replaces simulated ones', 'TICK', '1m');
  // What the sink quarantines is in no bar.
  send(tick('14:35:00.000000', 6), tick('14:35:01.000000', 999, { kafka_offset: 1 }), tick('14:35:02.000000', 999, { Close: 1 }), tick('14:35:03.000000', 7));
  await until('the valid ones', async () => volumeOf(await drawn()) === 11);
  await isSame('quarantined rows', 'TICK', '1m');
  // The trade date decides from a day on: half past one in UTC is still the evening before in New York.
  await select('TICK', '4h');
  send({ ...tick('', 6), traded_at: '2024-01-03 01:30:00.000000', zone: 'UTC' });
  await until('the evening', async () => (await drawn()).length === 2);
  await isSame('an evening in New York', 'TICK', '4h');
  await select('TICK', '1d');
  assert.equal((await drawn()).length, 1);
  await isSame('the day of the evening', 'TICK', '1d');
  // The list has the close that SQL has: the row of the day counts, not the ticks after it.
  const listed = async (symbol) => number(await page.locator('.watch li', { hasText: symbol }).locator('.last').textContent());
  assert.equal(await listed('TICK'), 50);

  // A second with 8,000 ticks: they are added up by the server.
  const burst = Array.from({ length: 8_000 }, (_, at) => ({ symbol: 'BURST', trade_date: '2024-01-02', traded_at: `2024-01-02 14:30:${String(1 + Math.floor(at / 4000)).padStart(2, '0')}.${String((at % 4000) * 250).padStart(6, '0')}`, bar: 'tick', close: 10 + (at % 97), volume: 2 }));
  send({ ...burst[0], traded_at: '2024-01-02 14:30:00.000000' });
  await until('the second symbol', async () => (await page.locator('.watch li').count()) === 2);
  await select('BURST', '1s');
  send(...burst);
  await until('the burst', async () => volumeOf(await drawn()) === 16_002);
  await isSame('a burst', 'BURST', '1s');
  assert.equal((await drawn()).length, 3);
  assert.equal(await listed('BURST'), burst.at(-1).close);

  // A daily file as simulated trades of five symbols, while their days are drawn.
  const feed = spawn(tools.producer, ['-b', broker, SAMPLE, '--simulate', 'ticks:10', '--order', 'date', '--rate', '400'], { cwd: up.cwd, stdio: 'ignore' });
  const ended = new Promise((resolve) => { feed.on('exit', resolve); });
  await until('the symbols of the file', async () => (await page.locator('.watch li').count()) === 7);
  await select('AAPL', '1d');
  await page.locator('.chart-tools .segments button', { hasText: /^1d$/ }).focus();
  await ended;
  const days = output(tools.tickerlake, ['query', "SELECT count(*) FROM daily WHERE symbol = 'AAPL'", '--format', 'csv'], { cwd: up.cwd }).trim().split('\n')[1];
  await until('all days', async () => (await drawn()).length === Number(days) && (await text(page, '#strip-rate')) === '0');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), '1d', 'the focus');
  await isSame('a simulated feed', 'AAPL', '1d');
  assert.match(await text(page, '#chart-note'), /and [\d,]+ stored since\.$/);
  const label = await page.locator('#chart').getAttribute('aria-label');
  assert.match(label, new RegExp(`AAPL.*${days} bars of 1d.*close`));
  await tools.shot(page, 'market-live-dark');
  await tools.end(up);
  return `bars equal SQL’s without a read: ${label}`;
}

export async function reconnect(tools) {
  const { up, url, broker } = await serving(tools);
  const page = await tools.open(url);
  const file = join(up.cwd, 'rows.csv');
  const produce = (from, to) => {
    const rows = Array.from({ length: to - from }, (_, at) => `GAP,${new Date(Date.UTC(2024, 0, 1 + from + at)).toISOString().slice(0, 10)},1,2,1,${1 + (from + at) / 1000},100\n`);
    writeFileSync(file, `Ticker,Date,Open,High,Low,Close,Volume\n${rows.join('')}`);
    execFileSync(tools.producer, ['-b', broker, file], { cwd: up.cwd, stdio: 'ignore' });
  };
  const drawn = () => page.evaluate(() => document.getElementById('chart')?.bars().length);
  const setVisibility = (state) => page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
  produce(0, 30);
  await until('30 bars', async () => (await drawn()) === 30);
  // In the background, the page has no connection.
  await setVisibility('hidden');
  produce(30, 60);
  await until('60 records', async () => output(tools.tickerlake, ['query', 'SELECT count(*) FROM quotes', '--format', 'csv'], { cwd: up.cwd }).trim().endsWith('60'));
  await page.waitForTimeout(500);
  assert.equal(await drawn(), 30);
  assert.equal(await page.locator('#banner').isHidden(), true);
  // Its first bars after that are not those that are sent from then on only.
  await setVisibility('visible');
  produce(60, 90);
  await until('90 bars', async () => (await drawn()) === 90);
  const times = await page.evaluate(() => document.getElementById('chart').bars().map((bar) => bar.time));
  assert.ok(times.every((time, at) => at === 0 || time - times[at - 1] === 86_400), 'no day is missing');
  const change = `+${((1.089 / 1.088 - 1) * 100).toFixed(2)} %`;
  await until('the list', async () => (await page.locator('.watch li .change').textContent()) === change);

  // Another server: the page loads itself again, because its token is the old server's.
  await page.evaluate(() => { window.isOld = true; });
  await up.stop();
  await page.waitForSelector('#banner:not([hidden])');
  const served = start(tools.tickerlake, ['console', '--port', tools.port], { cwd: up.cwd });
  await served.event('console');
  await until('the page of the new server', async () => { try { return await page.evaluate(() => !window.isOld); } catch { return false; } });
  // The requests to the server that was away.
  page.faults.length = 0;
  await until('90 bars again', async () => (await drawn()) === 90);
  await openTab(page, 'audit');
  await page.click('#run-audit');
  await until('the audit ends', async () => (await page.locator('#seal').getAttribute('class')).includes('good'));
  // A page that may not connect says why.
  const streams = await page.evaluate(() => { window.streams = Array.from({ length: 4 }, () => new EventSource('/api/events')); return window.streams.length; });
  const others = [];
  for (let at = 0; at < 31 - streams; at += 1) others.push(request({ host: '127.0.0.1', port: tools.port, path: '/api/events', headers: { host: `127.0.0.1:${tools.port}` } }, (response) => response.resume()).on('error', () => {}).end());
  await page.waitForTimeout(500);
  const refused = await tools.open(url);
  await until('the reason', async () => /32 pages are open/.test(await text(refused, '#banner')));
  await until('candles all the same', async () => (await candlePixels(refused)) > 100);
  refused.faults.length = 0;
  page.faults.length = 0;
  for (const one of others) one.destroy();
  await until('it connects', () => refused.locator('#banner').isHidden());
  refused.faults.length = 0;
  await tools.end(served);
}

export async function stations(tools) {
  const { up, url, broker } = await serving(tools, ['--lab', '--maximum-batching-window-in-seconds', '0']);
  const page = await tools.open(url);
  const feed = spawn(tools.producer, ['-b', broker, SAMPLE, '--rate', '300', '--repeat', 'forever'], { cwd: up.cwd, stdio: 'ignore' });
  const ended = new Promise((resolve) => { feed.on('exit', resolve); });
  await until('invocations', async () => (await page.locator('#station-function .bars button').count()) === 14);
  // The focus stays in the station while its invocations pass.
  await page.locator('#station-function .bars button').last().focus();
  await page.waitForTimeout(3000);
  assert.equal(await page.evaluate(() => document.activeElement.closest('.bars') !== null), true, 'the focus is on an invocation');
  // A press becomes a click, however many invocations end during it.
  const box = await page.locator('#station-function .bars button').nth(7).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height - 2);
  await page.mouse.down();
  await page.waitForTimeout(700);
  await page.mouse.up();
  await page.waitForSelector('dialog[open] >> text=failures before');
  await page.keyboard.press('Escape');
  // Objects: key, records, bytes, and the lines on a click.
  await page.waitForSelector('.object >> text=/records/');
  const object = page.locator('.object').first();
  const [key, content] = await object.evaluate((node) => [node.title, node.textContent]);
  const [, records] = /([\d,]+) records?/.exec(content.replace(key.split('/').at(-1), ''));
  const lines = await page.evaluate(async (path) => (await (await fetch(path)).json()).lines, `/api/object?key=${encodeURIComponent(key)}`);
  assert.equal(number(records), lines);
  await object.click({ timeout: 10_000 });
  await page.waitForSelector('dialog[open] .lines');
  await page.keyboard.press('Escape');
  // Pause stops every figure of the feed, and the chart; the shortcut needs a modifier.
  const shown = async () => [await text(page, '#strip'), await text(page, '.stations'), await text(page, '#chart-note')].join();
  await page.keyboard.press('p');
  assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'false');
  await page.click('#pause');
  await page.waitForTimeout(300);
  const paused = await shown();
  await page.waitForTimeout(2500);
  assert.equal(await shown(), paused);
  assert.match(paused, /Paused/);
  await page.keyboard.press('Alt+p');
  await until('the figures move', async () => (await shown()) !== paused && !/Paused/.test(await shown()));
  const stored = number(await text(page, '#strip-stored'));
  await until('more is stored', async () => number(await text(page, '#strip-stored')) > stored);
  // A record that a killed invocation has stored is skipped by the retry, and counts once.
  await openTab(page, 'lab');
  await page.click('#lab-do-kill');
  await openTab(page, 'live');
  await until('a retry', async () => /retried[1-9]/.test(await text(page, '#station-function')));
  feed.kill('SIGINT');
  await ended;
  // Ages go on after the feed.
  const age = () => page.locator('.object .label').first().textContent();
  await until('everything is listed', async () => (await text(page, '#strip-rate')) === '0');
  await page.waitForTimeout(2500);
  const before = await age();
  await until('the age grows', async () => (await age()) !== before, 5);
  await page.click('#seal');
  await until('the audit ends', async () => /good|bad/.test(await page.locator('#seal').getAttribute('class')));
  const { total } = await page.evaluate(async () => (await (await fetch('/api/audit')).json()).result);
  assert.equal(number(await text(page, '#strip-stored')), total.stored + total.quarantined, 'stored records');
  await tools.end(up);

  const rows = join(folder(), 'rows.csv');
  const good = Array.from({ length: 40 }, (_, at) => `A,2024-01-${String(1 + (at % 28)).padStart(2, '0')},1,2,1,2,3\n`).join('');
  writeFileSync(rows, `Ticker,Date,Open,High,Low,Close,Volume\n${good},2024-02-01,1,2,1,2,3\n,2024-02-02,1,2,1,2,3\nA,,1,2,1,2,3\nA,2024-02-03,1,2,1,2,many\n`);
  const { run, url: second } = await stayed(tools, [rows]);
  const other = await tools.open(second);
  const csv = other.locator('#station-csv');
  await until('the reasons', async () => (await csv.locator('.reject-reasons li').count()) === 3);
  assert.deepEqual((await csv.locator('.reject-reasons').getAttribute('title')).split('\n'), ['no symbol: 2', 'no date: 1', 'not a number: 1']);
  assert.match(await csv.locator('.reject-reasons').textContent(), /no symbol.*2.*1 more reason/);
  await tools.shot(other, 'stations-dark');
  await tools.end(run);
  return `${records} records in the newest object; reasons of rejected rows`;
}
