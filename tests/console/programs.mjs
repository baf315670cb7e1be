// Starts the programs under test, and stops them.

import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const SAMPLE = join(ROOT, 'data/us-stocks-sample.csv');

const running = new Set();
const folders = new Set();

export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'tickerlake-console-'));
  folders.add(path);
  return path;
}

/** Starts `tickerlake` with JSON output. Events are collected by their type. */
export function start(program, args, { cwd = folder(), env } = {}) {
  const child = spawn(program, [...args, '--format', 'json'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const events = [];
  const waiting = [];
  const log = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    let event;
    try { event = JSON.parse(line); } catch { throw new Error(`standard output has a line that is not JSON: ${line}`); }
    events.push(event);
    for (const wait of waiting) wait();
  });
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const ended = new Promise((resolve) => { child.on('exit', (code) => { running.delete(process); for (const wait of waiting) wait(); resolve(code); }); });
  const process = {
    child, events, log, ended, cwd,
    /** Waits for the first event of a type. */
    async event(type, seconds = 60) {
      const limit = Date.now() + seconds * 1000;
      for (;;) {
        const found = events.find((event) => event.type === type);
        if (found) return found;
        if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode} before the event ${type}: ${log.join('\n')}`);
        if (Date.now() > limit) throw new Error(`no event ${type} in ${seconds} s: ${log.join('\n')}`);
        await new Promise((resolve) => { waiting.push(resolve); setTimeout(resolve, 100); });
      }
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGINT');
      return ended;
    },
  };
  running.add(process);
  return process;
}

/** Runs a program to its end, and returns its standard output. */
export const output = (program, args, options = {}) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, ...options });

export async function cleanUp() {
  await Promise.all([...running].map((process) => process.stop()));
  for (const path of folders) rmSync(path, { recursive: true, force: true });
}
