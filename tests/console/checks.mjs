// The checks. Each returns a text with what it measured.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync, readdirSync, truncateSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lab } from './lab.mjs';
import { limits } from './limits.mjs';
import { market, reconnect, stations } from './market.mjs';
import { bars, candlePixels, number, openTab, text, until } from './page.mjs';
import { ROOT, SAMPLE, folder, output, start } from './programs.mjs';
import { TABS, noOverflow, raw, send, serving, stayed } from './runs.mjs';

export const checks = {
  async sample(tools) {
    const { run, url, audit } = await stayed(tools);
    const page = await tools.open(url);
    await until('the seal is good', async () => (await page.locator('#seal').getAttribute('class')).includes('good'));
    assert.equal(number(await text(page, '#strip-stored')), audit.stored + audit.quarantined);
    assert.equal(number(await text(page, '#strip-quarantined')), audit.quarantined);
    assert.equal(number(await text(page, '#strip-lag')), audit.lag);
    await until('the state is Finished', async () => (await text(page, '#strip-state')) === 'Finished');
    await until('candles', async () => (await bars(page)) > 0 && (await candlePixels(page)) > 1000);
    const symbol = await page.locator('.symbol').textContent();
    const expected = output(tools.tickerlake, ['query', `SELECT count(*) AS n FROM daily WHERE symbol = '${symbol}'`, '--format', 'csv'], { cwd: run.cwd });
    assert.equal(await bars(page), Number(expected.split('\n')[1]));
    await tools.shot(page, 'market-dark');
    await page.click('.chart-tools >> text=1w');
    await until('weekly bars', async () => (await page.locator('.segments [aria-pressed="true"]').first().textContent()) === '1w' && (await bars(page)) < Number(expected.split('\n')[1]));
    await page.click('.chart-tools >> text=Log');

    await openTab(page, 'audit');
    assert.equal(number(await text(page, '#audit-stored')), audit.stored);
    assert.equal(await page.locator('#audit .cell').count() > 3, true);
    await tools.shot(page, 'audit-dark');
    await openTab(page, 'lake');
    await page.waitForSelector('#lake tbody tr');
    const objects = await page.locator('#lake .status').textContent();
    const sizes = await page.evaluate(async () => (await (await fetch('/api/lake')).json()).prefixes.find((one) => one.prefix.startsWith('data/quotes/')).bytes);
    const day = join(run.cwd, 'lake/tickerlake/data/quotes');
    const onDisk = readdirSync(day, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
    assert.equal(sizes, onDisk);
    await openTab(page, 'quality');
    await until('seven questions', async () => (await page.locator('#quality .card').count()) === 7, 300);
    await tools.shot(page, 'quality-dark');
    await openTab(page, 'quarantine');
    await page.waitForSelector('#quarantine >> text=The quarantine is empty');
    await tools.end(run);
    return `${audit.stored} stored; ${objects}`;
  },

  async sql(tools) {
    const { run, url } = await stayed(tools);
    const page = await tools.open(url);
    await openTab(page, 'sql');
    const execute = async (sql) => {
      await page.fill('.editor-input', sql);
      await page.click('#run');
      await until('the statement ends', async () => (await page.locator('#run').textContent()) === 'Run');
    };
    await execute('SELECT symbol, count(*) AS n FROM quotes GROUP BY symbol ORDER BY symbol');
    const cells = await page.locator('#result tbody td').allTextContents();
    const expected = output(tools.tickerlake, ['query', 'SELECT symbol, count(*) AS n FROM quotes GROUP BY symbol ORDER BY symbol', '--format', 'csv'], { cwd: run.cwd });
    assert.deepEqual(cells, expected.trim().split('\n').slice(1).flatMap((line) => line.split(',')));
    assert.match(await text(page, '.sql-tools .status'), /rows in .*; read 3 objects, /);
    for (const sql of ["COPY quotes TO '/tmp/x.csv'", 'DROP VIEW daily', 'SET datafusion.execution.batch_size = 1', "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'"]) {
      page.faults.length = 0;
      await execute(sql);
      assert.match(await text(page, '#result .note.error'), /only statements that read/, sql);
    }
    await execute('SELECT nothing FROM quotes');
    assert.match(await text(page, '#result .note.error'), /nothing/);
    // The browser's own console reports each answer that is an error.
    page.faults.splice(0, page.faults.length, ...page.faults.filter((fault) => !fault.includes('status of 400')));

    await page.selectOption('.sql-tools select', '02_moving_averages');
    await until('the saved query ends', async () => /rows/.test(await text(page, '.sql-tools .status')));
    await page.click('.result-tools >> text=Line');
    await page.waitForSelector('.plot polyline');
    await tools.shot(page, 'sql-line');
    await page.click('.result-tools >> text=Bars');
    await page.waitForSelector('.plot rect');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('.result-tools >> text=CSV')]);
    const csv = readFileSync(await download.path(), 'utf8');
    assert.equal(csv, output(tools.tickerlake, ['query', 'queries/02_moving_averages.sql', '--format', 'csv'], { cwd: run.cwd }));
    // The statement for Athena names the database and the tables of the template.
    const database = /DatabaseName:\n    Type: String\n[\s\S]*?Default: (\w+)/.exec(readFileSync(join(ROOT, 'template.yaml'), 'utf8'))[1];
    await execute('SELECT q.symbol, count(*) AS n FROM quotes q, quarantine WHERE q.symbol IN (SELECT symbol FROM quotes) GROUP BY q.symbol');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.click('.result-tools >> text=Copy for Athena');
    const athena = await until('it is copied', () => page.evaluate(() => navigator.clipboard.readText()));
    assert.ok(athena.endsWith(`FROM ${database}.quotes q, ${database}.quarantine WHERE q.symbol IN (SELECT symbol FROM ${database}.quotes) GROUP BY q.symbol`), athena);
    await page.fill('.editor-input', 'SELECT clo');
    await page.focus('.editor-input');
    await page.keyboard.press('End');
    await page.keyboard.press('Control+Space');
    await page.waitForSelector('.completions li');
    await page.keyboard.press('Enter');
    assert.match(await page.inputValue('.editor-input'), /SELECT close/);
    await page.fill('.editor-input', 'SELECT count(*) FROM quotes a, quotes b, quotes c, quotes d');
    await page.click('#run');
    await until('it runs', async () => /running/.test(await text(page, '.sql-tools .status')));
    await page.keyboard.press('Escape');
    await page.click('#run');
    await until('it is cancelled', async () => /cancelled/.test(await text(page, '.sql-tools .status')));
    await tools.end(run);
    return 'answers equal the command line’s';
  },

  async records(tools) {
    const { run, url } = await stayed(tools);
    const page = await tools.open(`${url}#records`);
    await page.waitForSelector('#records tbody tr');
    await tools.shot(page, 'records-dark');
    await page.fill('.filters [aria-label="Symbol"]', 'FB');
    await page.click('.filters >> text=Show');
    await until('records of FB', async () => /found with SQL/.test(await text(page, '.filters .status')));
    const symbols = await page.evaluate(() => {
      const at = [...document.querySelectorAll('#records th')].findIndex((cell) => cell.textContent === 'symbol');
      return [...document.querySelectorAll('#records tbody tr')].map((row) => row.children[at].textContent);
    });
    assert.ok(symbols.length > 100 && symbols.every((symbol) => symbol === 'FB'), String(symbols.length));
    await page.fill('.filters [aria-label="Symbol"]', '');
    await page.fill('.filters [aria-label="Partition"]', '1');
    await page.fill('.filters [aria-label="Offset"]', '0');
    await page.click('.filters >> text=Show');
    await page.waitForSelector('dialog .steps');
    const journey = await text(page, 'dialog');
    const traced = output(tools.tickerlake, ['trace', 'quotes/1/0'], { cwd: run.cwd });
    const [, key, line] = /^stored in (\S+), line (\d+)/.exec(traced);
    assert.ok(journey.includes(key) && journey.includes(`line ${line}`), journey);
    await tools.shot(page, 'journey-dark');
    await page.click('dialog >> text=Run it');
    await until('the row', async () => (await page.locator('#result tbody tr').count()) === 1);
    await tools.end(run);
  },

  async live(tools) {
    const { up, url, broker } = await serving(tools, ['--maximum-batching-window-in-seconds', '0']);
    const page = await tools.open(url);
    await page.waitForSelector('#station-csv >> text=No feed in this process');
    const began = Date.now();
    execFileSync(tools.producer, ['-b', broker, SAMPLE, '--rate', '2000'], { cwd: up.cwd, stdio: 'ignore' });
    await until('candles without a reload', async () => (await candlePixels(page)) > 300);
    const first = Date.now() - began;
    await until('all records', async () => number(await text(page, '#strip-stored')) === 1200);
    await until('all symbols', async () => (await page.locator('.watch li').count()) === 5);
    const change = await page.evaluate(async () => {
      const one = (await (await fetch('/api/market/symbols')).json()).symbols.find((symbol) => symbol.symbol === 'AAPL');
      return `${((one.close / one.before - 1) * 100).toFixed(2).replace('-', '−')} %`;
    });
    assert.equal(await page.locator('.watch li', { hasText: 'AAPL' }).locator('.change').textContent(), change);
    await page.click('#seal');
    await until('the seal is good', async () => (await page.locator('#seal').getAttribute('class')).includes('good'));
    await tools.shot(page, 'live-dark');
    // A record for each measurement: from the producer's timestamp to the frame that shows it.
    await page.evaluate(() => {
      window.seen = [];
      const source = new EventSource('/api/events');
      source.addEventListener('delta', (event) => { for (const row of JSON.parse(event.data).quotes?.rows ?? []) window.seen.push([row[0], Date.now()]); });
    });
    await page.waitForTimeout(300);
    const file = join(folder(), 'one.csv');
    const rows = 40;
    writeFileSync(file, `Ticker,Date,Open,High,Low,Close,Volume\n${Array.from({ length: rows }, (_, at) => `NEW,2024-${String(1 + Math.floor(at / 28)).padStart(2, '0')}-${String(1 + (at % 28)).padStart(2, '0')},1,2,1,${1 + at / 100},100\n`).join('')}`);
    execFileSync(tools.producer, ['-b', broker, file, '--rate', '5'], { cwd: up.cwd, stdio: 'ignore' });
    await until('the new symbol', async () => (await page.evaluate(() => window.seen.length)) === rows);
    const sent = output(tools.tickerlake, ['query', "SELECT kafka_timestamp FROM quotes WHERE symbol = 'NEW' ORDER BY kafka_offset", '--format', 'csv'], { cwd: up.cwd }).trim().split('\n').slice(1).map(Number);
    const seen = await page.evaluate(() => window.seen);
    const delays = seen.map(([, at], index) => at - sent[index]).sort((a, b) => a - b);
    await page.locator('.watch li', { hasText: 'NEW' }).click();
    await until('the new symbol’s bars', async () => (await bars(page)) === rows);
    await tools.end(up);
    return `first candle ${first} ms after the producer’s start; record to page p50 ${delays[Math.floor(rows * 0.5)]} ms, p99 ${delays[Math.floor(rows * 0.99)]} ms`;
  },

  async connection(tools) {
    const lake = folder();
    output(tools.tickerlake, ['run', '--no-console', '--format', 'json'], { cwd: lake });
    const first = start(tools.tickerlake, ['console', '--port', tools.port], { cwd: lake });
    const { url } = await first.event('console');
    const page = await tools.open(url);
    await until('candles', async () => (await bars(page)) > 0);
    assert.equal(await page.locator('.stations').count(), 0);
    await page.evaluate(() => { window.isOld = true; });
    await first.stop();
    await page.waitForSelector('#banner:not([hidden])');
    const second = start(tools.tickerlake, ['console', '--port', tools.port], { cwd: lake });
    await second.event('console');
    // The page loads itself again, because its token is that of the server before.
    await until('the page of the new server', async () => { try { return await page.evaluate(() => !window.isOld); } catch { return false; } });
    await until('candles again', async () => (await bars(page)) > 0);
    // The requests to the server that was away.
    page.faults.length = 0;
    await openTab(page, 'sql');
    await page.click('#run');
    await page.waitForSelector('#result tbody tr');
    await tools.end(second);
  },

  async empty(tools) {
    const { up, url } = await serving(tools);
    const page = await tools.open(url);
    await until('the empty market says so', async () => /No quotes yet/.test(await text(page, '#chart-note')));
    for (const [tab, expected] of [['records', /Nothing is stored yet/], ['quarantine', /quarantine is empty/], ['audit', /No audit has run/], ['lake', /prefix|empty/]]) {
      await openTab(page, tab);
      await until(`${tab} says so`, async () => expected.test(await text(page, `#view-${tab}`)));
    }
    await tools.end(up);
  },

  async hostile(tools) {
    const lake = folder();
    const file = join(lake, 'hostile.csv');
    const symbol = '<img src=x onerror=alert(1)>';
    writeFileSync(file, `Ticker,Date,Open,High,Low,Close,Volume\n${symbol},2024-01-02,1,2,1,2,3\n"O'Brien"";--",2024-01-02,1,2,1,2,3\n`);
    const { run, url } = await stayed(tools, [file, '--lab']);
    send((await run.event('started')).broker, `${symbol}\n`);
    const page = await tools.open(url);
    await until('the symbols', async () => (await page.locator('.watch li').count()) === 2);
    await page.locator('.watch li', { hasText: '<img' }).click();
    await until('its bar', async () => (await bars(page)) === 1);
    await page.locator('.watch li', { hasText: "O'Brien" }).click();
    await until('the bar of the quoted symbol', async () => (await text(page, '.symbol')) === "O'Brien\";--" && (await bars(page)) === 1);
    // In every view and dialog, the value is text and no element. The page's own image is in its head.
    const shown = [];
    const isText = async (what) => {
      assert.equal(await page.locator('img[src="x"], [onerror], main img, dialog img').count(), 0, what);
      assert.ok((await page.evaluate(() => document.getElementById('main').textContent + document.getElementById('dialog').textContent)).includes(symbolText), what);
      shown.push(what);
    };
    const symbolText = symbol;
    const closeDialog = async () => { await page.keyboard.press('Escape'); await page.waitForSelector('dialog', { state: 'hidden' }); };
    await isText('market');
    await openTab(page, 'records');
    await page.locator('#records tbody tr', { hasText: '<img' }).click();
    await page.waitForSelector('dialog .steps');
    await isText('journey');
    await page.click('dialog >> text=Show the object');
    await page.waitForSelector('dialog .lines li');
    await isText('lines of an object');
    await closeDialog();
    await openTab(page, 'sql');
    await page.fill('.editor-input', "SELECT symbol, count(*) AS n FROM quotes WHERE symbol LIKE '<img%' GROUP BY symbol -- <img src=x onerror=alert(1)>");
    await page.click('#run');
    await page.waitForSelector('#result tbody tr');
    await isText('SQL');
    await page.click('.result-tools >> text=Bars');
    await page.waitForSelector('.plot rect');
    await isText('chart of SQL');
    await openTab(page, 'quarantine');
    await page.waitForSelector('#quarantine tbody tr');
    await isText('quarantine');
    await page.locator('#quarantine tbody tr').first().click();
    await page.waitForSelector('dialog[open]');
    assert.equal(await page.locator('dialog mark').first().textContent(), '<');
    await isText('quarantined record');
    await closeDialog();
    for (const tab of ['quality', 'audit', 'lake', 'lab']) { await openTab(page, tab); await page.waitForTimeout(300); await isText(tab); }

    const port = new URL(url).port;
    const refused = [];
    const expectStatus = async (what, wanted, options) => {
      const { status } = await raw(port, options);
      assert.equal(status, wanted, what);
      refused.push(`${what} ${status}`);
    };
    const host = `127.0.0.1:${port}`;
    const token = /console-token" content="(\w+)"/.exec((await raw(port, { path: '/', headers: { host } })).content)[1];
    const json = { host, 'content-type': 'application/json' };
    const body = JSON.stringify({ sql: 'SELECT 1' });
    await expectStatus('another host', 403, { path: '/api/info', headers: { host: 'evil.example' } });
    await expectStatus('a rebound name', 403, { path: '/', headers: { host: `evil.example:${port}` } });
    await expectStatus('another origin', 403, { path: '/api/info', headers: { host, origin: 'http://evil.example' } });
    await expectStatus('another site', 403, { path: '/api/lake', headers: { host, 'sec-fetch-site': 'cross-site' } });
    await expectStatus('no token', 403, { method: 'POST', path: '/api/query', headers: json, body });
    await expectStatus('a wrong token', 403, { method: 'POST', path: '/api/query', headers: { ...json, 'x-console-token': 'x' }, body });
    await expectStatus('a form', 415, { method: 'POST', path: '/api/query', headers: { host, 'x-console-token': token, 'content-type': 'text/plain' }, body });
    await expectStatus('PUT', 405, { method: 'PUT', path: '/api/query', headers: json, body });
    await expectStatus('a file outside', 404, { path: '/assets/../Cargo.toml', headers: { host } });
    await expectStatus('an object outside', 400, { path: '/api/object?key=data/../../../etc/passwd', headers: { host } });
    await expectStatus('a large body', 413, { method: 'POST', path: '/api/query', headers: { ...json, 'x-console-token': token }, body: JSON.stringify({ sql: ' '.repeat(300_000) }) });
    const { status, headers } = await raw(port, { method: 'POST', path: '/api/query', headers: { ...json, 'x-console-token': token }, body });
    assert.equal(status, 200);
    assert.match(headers['content-security-policy'], /default-src 'none'/);
    assert.equal(headers['access-control-allow-origin'], undefined);
    await tools.end(run);
    return `text in ${shown.join(', ')}; ${refused.join(', ')}`;
  },

  async quarantine(tools) {
    const { up, url, broker } = await serving(tools);
    // What is sent, and what is marked.
    const invalid = [
      [Buffer.from('{"symbol":"A","name":"Z\xfcrich"}\n', 'latin1'), '\\xfc', 'UTF-8'],
      ['{"symbol":"A",oops}\n', 'o', 'oops'],
      ['not JSON\n', 'n', /^not JSON$/],
      ['{"name":"Zürich","a":oops2}\n', 'o', 'oops2'],
      ['[1,2,3]\n', '[', '[1,2,3]'],
      ['{"symbol":"A","kafka_offset":1}\n', '"kafka_offset"', 'coordinate'],
      ['{"Close":1,"symbol":"A","close":2}\n', '"close"', 'ignoring case'],
      ['{"symbol":"A","close":"n/a"}\n', '"n/a"', 'column close'],
      ['{"symbol":"A","close":1\n', '⏎ end', '"close":1'],
    ];
    for (const [value] of invalid) send(broker, value);
    const page = await tools.open(url);
    await until('all in the strip', async () => (await text(page, '#strip-quarantined')) === String(invalid.length));
    await openTab(page, 'quarantine');
    await until('all in the table', async () => (await page.locator('#quarantine tbody tr').count()) === invalid.length);
    const marks = [];
    for (const [, mark, row] of invalid) {
      await page.locator('#quarantine tbody tr', { has: page.locator('td', { hasText: row }) }).first().click();
      marks.push([String(row), await page.locator('dialog mark').first().textContent(), mark]);
      assert.match(await text(page, 'dialog'), /source: test/);
      if (row === 'UTF-8') await tools.shot(page, 'quarantine-dark');
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog', { state: 'hidden' });
    }
    assert.deepEqual(marks.map(([row, found]) => [row, found]), marks.map(([row, , wanted]) => [row, wanted]));
    await tools.end(up);
    return `${marks.length} invalid values, each marked at its first wrong byte or field`;
  },

  async cut(tools) {
    const { run, url } = await stayed(tools);
    await run.stop();
    const day = join(run.cwd, 'lake/tickerlake/data/quotes');
    const name = readdirSync(day, { recursive: true }).filter((entry) => entry.endsWith('.json.gz')).sort()[0];
    truncateSync(join(day, name), 200);
    const served = start(tools.tickerlake, ['console', '--port', tools.port], { cwd: run.cwd });
    await served.event('console');
    const page = await tools.open(`${url}#audit`);
    await page.click('#run-audit');
    await until('the audit ends', async () => (await page.locator('#seal').getAttribute('class')).includes('bad'));
    await until('the cell is red', async () => (await page.locator('#audit .cells .damaged').count()) === 1);
    assert.ok((await text(page, '#audit')).includes(name.split('/').at(-1)));
    await tools.shot(page, 'audit-cut-dark');
    await tools.end(served);
    return `the audit names ${name.split('/').at(-1)}`;
  },

  async appearance(tools) {
    const { run, url } = await stayed(tools);
    for (const colorScheme of ['light', 'dark']) {
      for (const [width, height] of [[1280, 720], [390, 844]]) {
        const page = await tools.open(url, { viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
        await until('candles', async () => (await bars(page)) > 0);
        for (const tab of TABS) {
          await openTab(page, tab);
          if (tab === 'sql') { await page.click('#run'); await page.waitForSelector('#result tbody tr', { timeout: 120_000 }); }
          if (tab === 'records') await page.waitForSelector('#records tbody tr');
          if (tab === 'quality') await page.waitForSelector('#quality .card', { timeout: 120_000 });
          await page.waitForTimeout(250);
          await noOverflow(page, `${tab}, ${colorScheme}, ${width} px`);
          await tools.shot(page, `${tab}-${colorScheme}-${width}`);
        }
      }
    }
    await tools.end(run);
    return '7 views, 2 themes, 2 widths: none wider than its window';
  },

  async accessibility(tools) {
    const { run, url } = await stayed(tools, ['--lab']);
    const found = [];
    const looked = new Set();
    for (const colorScheme of ['light', 'dark']) {
      const page = await tools.open(url, { colorScheme });
      await until('candles', async () => (await bars(page)) > 0);
      const source = readFileSync(tools.axe, 'utf8');
      await page.evaluate(`${source}; window.axe = axe;`);
      const look = async (what) => {
        await page.waitForTimeout(250);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        for (const one of violations) found.push(`${what}, ${colorScheme}: ${one.id} (${one.help}): ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`);
        looked.add(what);
      };
      const dialog = async (what, open) => {
        await open();
        await page.waitForSelector('dialog[open]');
        await look(what);
        await page.keyboard.press('Escape');
        await page.waitForSelector('dialog', { state: 'hidden' });
      };
      // Invalid records, so that the quarantine has something to show.
      await openTab(page, 'lab');
      await page.click('#lab-do-invalid');
      await until('it is quarantined', async () => Number(await text(page, '#quarantine-count')) > 0);
      await look('lab');
      for (const tab of TABS) {
        await openTab(page, tab);
        if (tab === 'sql') { await page.click('#run'); await page.waitForSelector('#result tbody tr', { timeout: 120_000 }); }
        if (tab === 'records') await page.waitForSelector('#records tbody tr');
        if (tab === 'quarantine') await page.waitForSelector('#quarantine tbody tr');
        if (tab === 'quality') await page.waitForSelector('#quality .card', { timeout: 120_000 });
        if (tab === 'audit') await page.waitForSelector('#audit .cells .cell');
        await look(tab);
      }
      await openTab(page, 'live');
      await dialog('invocation', () => page.locator('#station-function .bars button').first().click());
      await openTab(page, 'records');
      await dialog('journey', () => page.locator('#records tbody tr').first().click());
      await openTab(page, 'quarantine');
      await dialog('quarantined record', () => page.locator('#quarantine tbody tr').first().click());
      await openTab(page, 'audit');
      await dialog('lines of an object', () => page.locator('#audit .cells .cell').first().click());
      await openTab(page, 'sql');
      await page.fill('.editor-input', 'SELECT clo');
      await page.focus('.editor-input');
      await page.keyboard.press('End');
      await page.keyboard.press('Control+Space');
      await page.waitForSelector('.completions li');
      await look('completions');
    }
    assert.deepEqual(found, []);
    // With the keyboard only: to the tabs, along them, into the SQL editor, run.
    const page = await tools.open(url);
    await until('candles', async () => (await bars(page)) > 0);
    const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName);
    await page.keyboard.press('Tab');
    assert.equal(await focus(), 'skip');
    for (let at = 0; at < 12 && (await focus()) !== 'tab-live'; at += 1) await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    assert.equal(await focus(), 'tab-sql');
    for (let at = 0; at < 40 && !(await focus()).includes('editor-input'); at += 1) await page.keyboard.press('Tab');
    await page.keyboard.press('Control+Enter');
    await page.waitForSelector('#result tbody tr', { timeout: 120_000 });
    await tools.end(run);
    return `axe-core: no violation in ${[...looked].join(', ')}, in 2 themes; keyboard reaches and runs SQL`;
  },

  ...lab,
  ...limits,

  market,
  reconnect,
  stations,
};
