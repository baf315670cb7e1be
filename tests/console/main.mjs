// Runs the checks, or with `--module measurements` the measurements, each with a browser page of its own.

import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cleanUp } from './programs.mjs';

const require = createRequire(join(process.env.CONSOLE_PARTS, 'package.json'));
const { chromium } = require('playwright-core');

const options = { module: 'checks', tickerlake: '', producer: '', port: '8900', screenshots: '', seed: '1', seconds: '20', runs: '5', profile: 'dist' };
const names = [];
for (let at = 2; at < process.argv.length; at += 1) {
  const name = process.argv[at];
  if (name.startsWith('--')) {
    const key = name.slice(2);
    if (!(key in options)) { console.error(`unknown option ${name}`); process.exit(2); }
    options[key] = process.argv[at += 1];
  } else {
    names.push(name);
  }
}
const checks = (await import(`./${options.module}.mjs`))[options.module];
for (const program of ['tickerlake', 'producer']) {
  if (!existsSync(options[program])) { console.error(`${options[program]} does not exist: build it with cargo build, or select it with --${program}`); process.exit(2); }
}
if (options.screenshots) mkdirSync(options.screenshots, { recursive: true });
for (const name of names) if (!(name in checks)) { console.error(`unknown check ${name}: expected one of ${Object.keys(checks).join(', ')}`); process.exit(2); }

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--force-color-profile=srgb'] });
let failed = 0;

/** Opens a page that fails the check on any error in its console and on any request to another host. */
async function open(url, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: 'dark', timezoneId: 'UTC', ...settings });
  const page = await context.newPage();
  const faults = [];
  const { host } = new URL(url);
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('request', (request) => { const target = new URL(request.url()); if (target.protocol.startsWith('http') && target.host !== host) faults.push(`request to another host: ${request.url()}`); });
  page.faults = faults;
  await page.goto(url);
  return page;
}

for (const [name, check] of Object.entries(checks)) {
  if (names.length && !names.includes(name)) continue;
  const began = Date.now();
  const pages = [];
  const faults = [];
  const tools = {
    ...options,
    axe: require.resolve('axe-core/axe.min.js'),
    open: async (...args) => { const page = await open(...args); pages.push(page); return page; },
    close: async () => {
      faults.push(...pages.flatMap((page) => page.faults));
      for (const page of pages.splice(0)) await page.context().close();
    },
    // Closes the pages before the program that serves them ends, because a broken connection is an error in their consoles.
    end: async (program) => {
      await tools.close();
      await program.stop();
    },
    shot: async (page, file) => { if (options.screenshots) await page.screenshot({ path: join(options.screenshots, `${file}.png`) }); },
  };
  try {
    const told = await check(tools);
    faults.push(...pages.flatMap((page) => page.faults));
    if (faults.length) throw new Error(faults.join('\n'));
    console.log(`ok      ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)${told ? `: ${told}` : ''}`);
  } catch (error) {
    failed += 1;
    console.log(`failed  ${name}: ${error.stack ?? error}`);
    for (const page of pages) { await tools.shot(page, `failed-${name}`); if (page.faults.length) console.log(page.faults.join('\n')); }
  }
  for (const page of pages) await page.context().close();
}
await browser.close();
await cleanUp();
if (failed) { console.log(`${failed} of the checks failed`); process.exit(1); }
