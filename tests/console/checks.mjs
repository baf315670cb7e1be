// The checks. Each returns a text with what it measured.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync, readdirSync, truncateSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lab } from './lab.mjs';
import { limits } from './limits.mjs';
import { bars, candlePixels, number, openTab, text, until } from './page.mjs';
import { ROOT, SAMPLE, folder, output, start } from './programs.mjs';
import { TABS, noOverflow, raw, send, stayed } from './runs.mjs';

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
    await execute('SELECT d.symbol, count(*) AS n FROM daily d, quotes_latest WHERE d.symbol IN (SELECT symbol FROM quotes) GROUP BY d.symbol LIMIT 1');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.click('.result-tools >> text=Copy for Athena');
    const athena = await until('it is copied', () => page.evaluate(() => navigator.clipboard.readText()));
    assert.ok(athena.endsWith(`FROM ${database}.daily d, ${database}.quotes_latest WHERE d.symbol IN (SELECT symbol FROM ${database}.quotes) GROUP BY d.symbol LIMIT 1`), athena);
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
    const up = start(tools.tickerlake, ['up', '--console-port', tools.port, '--port', '0', '--s3-port', '0', '--maximum-batching-window-in-seconds', '0']);
    const { url } = await up.event('console');
    const { broker } = await up.event('started');
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
    const up = start(tools.tickerlake, ['up', '--console-port', tools.port, '--port', '0', '--s3-port', '0']);
    const { url } = await up.event('console');
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
    const up = start(tools.tickerlake, ['up', '--console-port', tools.port, '--port', '0', '--s3-port', '0']);
    const { url } = await up.event('console');
    const { broker } = await up.event('started');
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
  async market(tools) {
    const up = start(tools.tickerlake, ['up', '--console-port', tools.port, '--port', '0', '--s3-port', '0']);
    const { url } = await up.event('console');
    const { broker } = await up.event('started');
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
  },

  async reconnect(tools) {
    const up = start(tools.tickerlake, ['up', '--console-port', tools.port, '--port', '0', '--s3-port', '0']);
    const { url } = await up.event('console');
    const { broker } = await up.event('started');
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
  },

  async stations(tools) {
    const up = start(tools.tickerlake, ['up', '--lab', '--console-port', tools.port, '--port', '0', '--s3-port', '0', '--maximum-batching-window-in-seconds', '0']);
    const { url } = await up.event('console');
    const { broker } = await up.event('started');
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
  },
};
