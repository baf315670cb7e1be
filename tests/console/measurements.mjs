// The measurements. Each prints what it measured, and on which settings; `bench/console` describes them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, createWriteStream, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bars, candlePixels, number, openTab, text, until } from './page.mjs';
import { ROOT, SAMPLE, folder, output, start } from './programs.mjs';
import { serving } from './runs.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => quantile(values, 0.5);
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

// --- Costs of processes -----------------------------------------------------------------------------------------------

const stat = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return { parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) / 100 };
};

/** CPU seconds so far of a process. */
const cpuOf = (pid) => stat(pid).cpu;

/** Peak memory of a process in bytes. */
const peakOf = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** CPU seconds so far of the browser: of all processes below this one that are Chromium's. */
function browserCpu() {
  const all = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try { all.set(Number(name), { ...stat(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8') }); } catch { /* It has ended. */ }
  }
  const isBelow = (pid) => pid === process.pid || (all.has(pid) && isBelow(all.get(pid).parent));
  return [...all].filter(([pid, one]) => one.command.includes('chrom') && isBelow(pid)).reduce((sum, [, one]) => sum + one.cpu, 0);
}

/** Memory of the page's JavaScript in bytes, after a collection. */
async function heapOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

/** Counts the frames of every second until the returned function is called, which returns them. */
async function countFrames(page) {
  await page.evaluate(() => {
    window.framesBySecond = [];
    let second = performance.now();
    let frames = 0;
    const frame = (now) => {
      frames += 1;
      if (now - second >= 1000) { window.framesBySecond.push((frames * 1000) / (now - second)); frames = 0; second = now; }
      window.frameRequest = requestAnimationFrame(frame);
    };
    window.frameRequest = requestAnimationFrame(frame);
  });
  return () => page.evaluate(() => { cancelAnimationFrame(window.frameRequest); return window.framesBySecond; });
}

// --- Programs ---------------------------------------------------------------------------------------------------------

/** Runs the producer to its end. Returns the milliseconds since 1970 of its start. */
async function produce(tools, broker, args, cwd) {
  const began = Date.now();
  const child = spawn(tools.producer, ['-b', broker, ...args], { cwd, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, 'the exit code of the producer');
  return began;
}

/**
 * Stops `up`, which stores what is delivered before it ends, and checks the number of stored records. Returns the time at
 * which it ended, in milliseconds since 1970, its CPU seconds, and its peak memory in bytes.
 */
async function finish(up, records) {
  let cpu = 0;
  let peak = 0;
  const watch = setInterval(() => { try { cpu = cpuOf(up.child.pid); peak = peakOf(up.child.pid); } catch { /* It has ended. */ } }, 20);
  up.child.kill('SIGINT');
  await up.ended;
  const at = Date.now();
  clearInterval(watch);
  assert.equal((await up.event('ended')).records, records, 'the number of stored records');
  return { at, cpu, peak };
}

/** A CSV file of daily bars. */
async function market(file, symbols, days) {
  const out = createWriteStream(file);
  out.write('Ticker,Date,Open,High,Low,Close,Volume\n');
  const dates = Array.from({ length: days }, (_, day) => new Date(Date.UTC(2018, 0, 1 + day)).toISOString().slice(0, 10));
  for (const [day, date] of dates.entries()) {
    const lines = Array.from({ length: symbols }, (_, at) => {
      const close = 50 + at / 10 + 20 * Math.sin((day + at * 37) / 90);
      return `S${String(at).padStart(3, '0')},${date},${close.toFixed(2)},${(close + 1).toFixed(2)},${(close - 1).toFixed(2)},${(close + 0.3).toFixed(2)},${1000 + ((day * 31 + at * 17) % 9000)}\n`;
    });
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

export const measurements = {
  /** From the start of `cargo run -- run --open` to the first candle on the screen. */
  async first(tools) {
    const seconds = [];
    for (let turn = 0; turn < Number(tools.runs); turn += 1) {
      const bin = folder();
      const opened = join(bin, 'opened');
      // `--open` starts the system's opener; this one hands the URL to a browser that runs already.
      writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" >"${opened}.part" && mv "${opened}.part" "${opened}"\n`);
      chmodSync(join(bin, 'xdg-open'), 0o755);
      const began = Date.now();
      const cargo = ['run', '--quiet', '--locked', '--profile', tools.profile, '--', 'run', '--open', '--console-port', tools.port, '--dir', join(bin, 'lake')];
      const child = spawn('cargo', cargo, { cwd: ROOT, stdio: 'ignore', detached: true, env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
      await until('the page is opened', () => existsSync(opened), 600);
      const page = await tools.open(readFileSync(opened, 'utf8'));
      await until('candles', async () => (await candlePixels(page)) > 50);
      seconds.push((Date.now() - began) / 1000);
      await tools.end({ stop: async () => { process.kill(-child.pid, 'SIGINT'); await once(child, 'exit'); } });
    }
    return `cargo run --profile ${tools.profile} -- run --open: first candle after ${median(seconds).toFixed(2)} s (median of ${seconds.length}; ${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)})`;
  },

  /** From a record's timestamp, set by the producer, to the frame in which the chart shows its bar. */
  async latency(tools) {
    const results = [];
    for (const [name, window] of [['0', ['--maximum-batching-window-in-seconds', '0']], ['500 ms (default)', []]]) {
      const { up, url, broker } = await serving(tools, window);
      const rows = 500;
      const date = (at) => new Date(Date.UTC(2024, 0, 1 + at)).toISOString().slice(0, 10);
      const file = join(up.cwd, 'new.csv');
      writeFileSync(file, `Ticker,Date,Open,High,Low,Close,Volume\n${Array.from({ length: rows + 1 }, (_, at) => `NEW,${date(at)},1,2,1,1.5,100\n`).join('')}`);
      const page = await tools.open(url);
      // The first rows select the symbol and draw its chart.
      writeFileSync(join(up.cwd, 'first.csv'), 'Ticker,Date,Open,High,Low,Close,Volume\nNEW,2023-12-29,1,2,1,1.5,100\nNEW,2023-12-30,1,2,1,1.5,100\n');
      await produce(tools, broker, [join(up.cwd, 'first.csv')], up.cwd);
      await until('the first bars', async () => (await bars(page)) === 2);
      await page.evaluate(() => {
        window.shown = [];
        const legend = document.querySelector('#chart .legend');
        // Called when the chart has got the bar; drawn in the frame after.
        new MutationObserver(() => {
          const date = legend.firstElementChild?.textContent;
          if (date && date !== window.shown.at(-1)?.[0]) requestAnimationFrame(() => requestAnimationFrame(() => window.shown.push([date, Date.now()])));
        }).observe(legend, { childList: true, subtree: true, characterData: true });
      });
      await produce(tools, broker, [file, '--rate', '10'], up.cwd);
      const last = await page.evaluate((text) => text, date(rows));
      await until('the last bar', () => page.evaluate((wanted) => window.shown.some(([shown]) => shown.startsWith(wanted)), last));
      const sent = output(tools.tickerlake, ['query', "SELECT substr(CAST(trade_date AS VARCHAR), 1, 10), kafka_timestamp FROM quotes WHERE symbol = 'NEW' ORDER BY trade_date", '--format', 'csv'], { cwd: up.cwd })
        .trim().split('\n').slice(3).map((line) => line.split(','));
      const shown = (await page.evaluate(() => window.shown)).map(([day, at]) => [day.slice(0, 10), at]);
      // A bar that appeared together with a later one has no frame of its own.
      const delays = sent.map(([day, at]) => shown.find(([one]) => one >= day)[1] - Number(at));
      assert.equal(delays.length, rows + 1);
      results.push(`window ${name}: p50 ${quantile(delays, 0.5)} ms, p99 ${quantile(delays, 0.99)} ms`);
      await tools.end(up);
    }
    return `record to chart, 501 records at 10 a second: ${results.join('; ')}`;
  },

  /** 10,000 records a second for a minute, with the page and without. */
  async load(tools) {
    const rate = 10_000;
    const seconds = Number(tools.seconds);
    const rates = {};
    const cpu = {};
    let told = '';
    for (const state of ['closed', 'open']) {
      const { up, url, broker } = await serving(tools);
      let page = null;
      if (state === 'open') page = await tools.open(url);
      const wanted = Math.ceil((rate * seconds) / 1200) * 1200;
      const before = cpuOf(up.child.pid);
      const feed = produce(tools, broker, [SAMPLE, '--rate', String(rate), '--repeat', String(wanted / 1200)], up.cwd);
      if (page) {
        await until('candles', async () => (await candlePixels(page)) > 50);
        await pause(1000);
        const heap = await heapOf(page);
        const browserBefore = browserCpu();
        const began = Date.now();
        const frames = await countFrames(page);
        await pause((seconds - 5) * 1000);
        const bySecond = await frames();
        const share = (browserCpu() - browserBefore) / ((Date.now() - began) / 1000);
        const after = await heapOf(page);
        told = `frames/s median ${median(bySecond).toFixed(0)}, worst second ${Math.min(...bySecond).toFixed(0)}; the page's JavaScript ${megabytes(heap)} at the start, ${megabytes(after)} at the end; browser ${share.toFixed(2)} CPUs`;
        assert.equal(number(await text(page, '#strip-lag')) < rate * 5, true, 'the lag');
      }
      const began = await feed;
      await tools.close();
      const ended = await finish(up, wanted);
      rates[state] = wanted / ((ended.at - began) / 1000);
      cpu[state] = ended.cpu - before;
      told += page ? `; up's peak memory ${megabytes(ended.peak)}` : '';
    }
    return `${rate} records/s for ${seconds} s: ${told}; CPU of up ${cpu.closed.toFixed(1)} s without the page, ${cpu.open.toFixed(1)} s with it; stored ${rates.closed.toFixed(0)}/s without, ${rates.open.toFixed(0)}/s with it`;
  },

  /** The feed at full speed, with the page and without, in turn. */
  async speed(tools) {
    const records = 1_200_000;
    const ratios = [];
    for (let turn = 0; turn < Number(tools.runs); turn += 1) {
      const rates = {};
      for (const state of turn % 2 ? ['open', 'closed'] : ['closed', 'open']) {
        const { up, url, broker } = await serving(tools);
        const page = state === 'open' ? await tools.open(url) : null;
        const before = cpuOf(up.child.pid);
        const began = await produce(tools, broker, [SAMPLE, '--repeat', String(records / 1200)], up.cwd);
        const ended = await finish(up, records);
        // The page's connection ends with `up`, which its console reports.
        if (page) { page.faults.length = 0; await tools.close(); }
        rates[state] = { wall: records / ((ended.at - began) / 1000), cpu: records / (ended.cpu - before) };
      }
      ratios.push({ wall: rates.open.wall / rates.closed.wall, cpu: rates.open.cpu / rates.closed.cpu });
      console.error(`pair ${turn + 1}: ${rates.closed.wall.toFixed(0)}/s closed, ${rates.open.wall.toFixed(0)}/s open`);
    }
    const show = (name) => `${median(ratios.map((one) => one[name])).toFixed(3)} (${Math.min(...ratios.map((one) => one[name])).toFixed(3)} to ${Math.max(...ratios.map((one) => one[name])).toFixed(3)})`;
    return `${records} records at full speed, ${ratios.length} pairs, open / closed: records a second of wall time ${show('wall')}, with the browser on the same machine; records per CPU second of up ${show('cpu')}`;
  },

  /** A lake of a million rows and 500 symbols. */
  async million(tools) {
    const cwd = folder();
    const file = join(cwd, 'market.csv');
    await market(file, 500, 2_000);
    const { up, broker } = await serving(tools, ['--no-console'], { cwd });
    await produce(tools, broker, [file], cwd);
    await finish(up, 1_000_000);
    const served = start(tools.tickerlake, ['console', '--port', tools.port], { cwd });
    const { url } = await served.event('console');
    const told = [];
    const time = async (what, action) => { const began = Date.now(); await action(); told.push(`${what} ${((Date.now() - began) / 1000).toFixed(1)} s`); };
    let page;
    await time('first candle', async () => {
      page = await tools.open(url);
      await until('candles', async () => (await candlePixels(page)) > 50, 120);
    });
    await time('another symbol', async () => {
      await page.fill('[aria-label="Filter symbols"]', 'S499');
      await page.locator('.watch li').click();
      await until('its bars', async () => (await text(page, '.symbol')) === 'S499' && (await bars(page)) > 0, 120);
    });
    const left = [await text(page, '#chart-note')];
    await page.fill('[aria-label="Filter symbols"]', '');
    left.push(await text(page, '.list .more'));
    await time('SQL', async () => {
      await openTab(page, 'sql');
      await page.fill('.editor-input', 'SELECT * FROM quotes');
      await page.click('#run');
      await page.waitForSelector('#result tbody tr', { timeout: 120_000 });
    });
    left.push(await text(page, '.sql-tools .status'));
    await time('records', async () => { await openTab(page, 'records'); await page.waitForSelector('#records tbody tr', { timeout: 120_000 }); });
    left.push(await text(page, '.filters .status'));
    await time('records of a symbol', async () => {
      await page.fill('.filters [aria-label="Symbol"]', 'S250');
      await page.click('.filters >> text=Show');
      await until('they are found', async () => /found with SQL/.test(await text(page, '.filters .status')), 120);
    });
    left.push(await text(page, '.filters .status'));
    await time('quarantine', async () => { await openTab(page, 'quarantine'); await page.waitForSelector('#quarantine >> text=The quarantine is empty', { timeout: 120_000 }); });
    await time('quality', async () => { await openTab(page, 'quality'); await until('seven questions', async () => (await page.locator('#quality .card').count()) === 7, 600); });
    await time('audit', async () => {
      await openTab(page, 'audit');
      await page.click('#run-audit');
      await until('the audit ends', async () => (await page.locator('#seal').getAttribute('class')).includes('good'), 300);
    });
    await time('lake', async () => { await openTab(page, 'lake'); await page.waitForSelector('#lake tbody tr', { timeout: 120_000 }); });
    const memory = `server's peak memory ${megabytes(peakOf(served.child.pid))}, the page's JavaScript ${megabytes(await heapOf(page))}`;
    await tools.end(served);
    return `1,000,000 rows, 500 symbols: ${told.join(', ')}; ${memory}; what the page says: ${left.filter(Boolean).join(' | ')}`;
  },
};
