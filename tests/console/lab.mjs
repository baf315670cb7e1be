// The checks of the lab: every button in random order, with its effect; and that no record is lost when the process ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { number, text, until } from './page.mjs';
import { SAMPLE, output } from './programs.mjs';
import { audit, expectFailures, seal, send, serving, settled, snapshot, stayed } from './runs.mjs';

const BUTTONS = ['kill', 'again', 'cut', 'invalid', 's3', 'damage'];
const FIGURES = ['stored', 'again', 'already', 'killed', 'requests', 'failed', 'retried', 'quarantined'];
/** Duration of an outage of S3, with a margin for requests that are under way. */
const OUTAGE = 6_000;
/** Invalid records that one press sends. */
const INVALID = 5;

const figuresOf = (page, names = FIGURES) => page.evaluate((all) => Object.fromEntries(all.map((name) => [name, Number(document.getElementById(`lab-${name}`).textContent.replaceAll(',', ''))])), names);

/** Number of records in the quarantine, counted with SQL. */
const quarantined = (page) => page.evaluate(async () => (await (await fetch('/api/quarantine')).json()).reasons?.reduce((sum, [, , records]) => sum + Number(records), 0) ?? 0);

/** Presses a button, and returns what the lab answers. */
async function press(page, name) {
  const [response] = await Promise.all([page.waitForResponse((one) => one.url().endsWith('/api/lab'), { timeout: 120_000 }), page.click(`#lab-do-${name}`)]);
  const { text: done, error } = await response.json();
  await until('the button is free', () => page.locator(`#lab-do-${name}`).isEnabled());
  return { isDone: response.ok(), text: done ?? error };
}

/** A linear congruential generator, so that a seed presses the same buttons in the same order. */
function generator(seed) {
  let state = Number(seed);
  return (below) => { state = (state * 1_103_515_245 + 12_345) % 2 ** 31; return Math.floor((state / 2 ** 31) * below); };
}

/** The presses of one check. Each returns a function that waits for its effect. */
class Presses {
  constructor(page) {
    this.page = page;
    this.counts = Object.fromEntries(BUTTONS.map((name) => [name, 0]));
    this.outageEnds = 0;
    this.refused = 0;
    this.already = 0;
  }

  async press(name) {
    this.counts[name] += 1;
    const before = await figuresOf(this.page);
    const effect = await this[name](before);
    return () => effect?.((what, test, seconds = 60) => until(`${name}: ${what}`, async () => test(await figuresOf(this.page)), seconds));
  }

  async expectDone(name) {
    const { isDone, text: done } = await press(this.page, name);
    assert.ok(isDone, `${name}: ${done}`);
    return done;
  }

  async kill(before) {
    await this.expectDone('kill');
    return async (wait) => {
      await wait('an invocation is killed', ({ killed }) => killed > before.killed);
      await wait('the invocation failed', ({ failed }) => failed > before.failed);
      await wait('its records are retried', ({ retried }) => retried > before.retried);
    };
  }

  async s3(before) {
    await this.expectDone('s3');
    this.outageEnds = Date.now() + OUTAGE;
    return async (wait) => {
      await wait('requests fail', ({ requests }) => requests > before.requests);
      await wait('an invocation fails', ({ failed }) => failed > before.failed);
      await wait('its records are retried', ({ retried }) => retried > before.retried);
    };
  }

  async redeliver(name, before) {
    const mayFail = Date.now() < this.outageEnds;
    const { isDone, text: done } = await press(this.page, name);
    if (!isDone) {
      assert.ok(mayFail, `${name} failed without an outage: ${done}`);
      this.refused += 1;
      return null;
    }
    const [records, already] = /^([\d,]+) records? delivered again in .*: (\d+) already stored/.exec(done).slice(1).map(number);
    assert.ok(records > 0 && records === already, done);
    this.already += already;
    return (wait) => wait('the figures', (now) => now.again >= before.again + records && now.already >= before.already + already);
  }

  again(before) { return this.redeliver('again', before); }

  cut(before) { return this.redeliver('cut', before); }

  async invalid() {
    await this.expectDone('invalid');
    const wanted = INVALID * this.counts.invalid;
    // The lake is asked: what an invocation wrote that was killed is in no counter.
    return () => until(`invalid: ${wanted} records are quarantined`, async () => (await quarantined(this.page)) >= wanted);
  }

  async damage() {
    const name = /(\S+) lost its second half/.exec(await this.expectDone('damage'))[1].split('/').at(-1);
    const damaged = (result) => result.findings.filter((finding) => finding.kind === 'damaged').flatMap((finding) => finding.keys);
    let result = await audit(this.page);
    assert.ok(damaged(result).some((key) => key.endsWith(name)), `the audit names ${name}: ${result.line}`);
    await until('the seal is bad', async () => (await seal(this.page)).includes('bad'));
    assert.match(await this.expectDone('damage'), /is whole again/);
    result = await audit(this.page);
    assert.deepEqual(damaged(result), []);
    return null;
  }
}

export const lab = {
  async lab(tools) {
    const { up, url, broker } = await serving(tools, ['--lab', '--batch-size', '100']);
    const feed = spawn(tools.producer, ['-b', broker, SAMPLE, '--rate', '100', '--repeat', 'forever'], { cwd: up.cwd, stdio: 'ignore' });
    const page = await tools.open(`${url}#lab`);
    await page.waitForSelector('#lab-do-kill');
    await until('records', async () => (await figuresOf(page)).stored > 200);
    const random = generator(tools.seed);
    const presses = new Presses(page);
    // Every button once, in random order; then random ones. Up to three are pressed before their effects are awaited.
    const first = BUTTONS.map((name) => [random(1000), name]).sort(([a], [b]) => a - b).map(([, name]) => name);
    const next = () => first.shift() ?? BUTTONS[random(BUTTONS.length)];
    const end = Date.now() + Number(tools.seconds) * 1000;
    while (first.length || Date.now() < end) {
      const group = [next()];
      while (group.at(-1) !== 'damage' && group.length < 3 && random(3) === 0) {
        const more = next();
        // Two kills before the next invocation are one.
        if (!group.includes(more)) group.push(more);
      }
      // Damage is repaired before the next button: a redelivery onto a damaged object has to fail.
      const effects = [];
      for (const name of group) {
        if (name === 'damage') for (const effect of effects.splice(0)) await effect();
        effects.push(await presses.press(name));
      }
      for (const effect of effects) await effect();
      await page.waitForTimeout(100 + random(900));
    }
    feed.kill('SIGINT');
    await new Promise((resolve) => { feed.on('exit', resolve); });
    await settled(page);
    const { total } = await audit(page);
    await until('the seal is good', async () => (await seal(page)).includes('good'));
    await tools.shot(page, 'lab-dark');
    const figures = await figuresOf(page, [...FIGURES, 'missing', 'twice']);
    assert.deepEqual([figures.missing, figures.twice], [0, 0]);
    const { lanes } = await snapshot(page);
    const sent = lanes.reduce((sum, lane) => sum + lane.high - lane.low, 0);
    assert.equal(total.stored + total.quarantined, sent, 'records in the lake and in the broker');
    assert.equal(figures.stored, sent, 'records that the event source stored, each once');
    assert.equal(figures.killed, presses.counts.kill);
    assert.equal(total.quarantined, INVALID * presses.counts.invalid);
    assert.ok(figures.already >= presses.already);
    assert.ok(BUTTONS.every((name) => presses.counts[name] > 0));
    expectFailures(page, 400, presses.refused);
    await tools.end(up);
    return `seed ${tools.seed}, ${tools.seconds} s: ${JSON.stringify(presses.counts)}, ${presses.refused} refused during an outage; ${JSON.stringify(figures)}`;
  },

  /** The lab of `run` acts after the feed, and what it cuts is restored however the process ends. */
  async restore(tools) {
    const { run, url } = await stayed(tools, ['--lab']);
    const page = await tools.open(`${url}#lab`);
    await until('the pipeline goes on', async () => (await text(page, '#strip-state')) === 'Running');
    await until('the seal is good', async () => (await seal(page)).includes('good'));
    const presses = new Presses(page);
    for (const name of ['again', 'invalid']) await (await presses.press(name))();
    await until('the seal is not good any more', async () => (await seal(page)).includes('warn'));
    const killed = await presses.press('kill');
    await presses.expectDone('invalid');
    await killed();
    const { broker } = run.events.find((event) => event.type === 'started');
    send(broker, '{"symbol":"NEW","trade_date":"2024-01-02","close":1}\n');
    await until('a record after the feed', async () => (await figuresOf(page)).stored === 1200 + 2 * INVALID + 1);
    await settled(page);

    const cut = async () => join(run.cwd, relative('.', /(\S+) lost its second half/.exec(await presses.expectDone('damage'))[1]));
    const object = await cut();
    const kept = join(run.cwd, 'lake/.lab', relative(join(run.cwd, 'lake'), object));
    const whole = readFileSync(kept);
    assert.equal(readFileSync(object).length, Math.floor(whole.length / 2));
    await tools.close();
    run.child.kill('SIGKILL');
    await run.ended;
    const { up } = await serving(tools, ['--lab'], { cwd: run.cwd });
    assert.deepEqual(readFileSync(object), whole, 'the object after kill -9 and the next start');
    assert.ok(!existsSync(join(run.cwd, 'lake/.lab')));
    assert.ok(up.log.some((line) => /restored an object/.test(line)), up.log.join('\n'));

    const { url: again } = await up.event('console');
    const other = await tools.open(`${again}#lab`);
    await other.waitForSelector('#lab-do-damage');
    const refused = await press(other, 'damage');
    assert.ok(!refused.isDone && /no object of this generation/.test(refused.text), 'objects of earlier generations are not cut');
    expectFailures(other, 400, 1);
    send((await up.event('started')).broker, '{"symbol":"NEW","trade_date":"2024-01-02","close":1}\n');
    await until('it is stored', async () => (await figuresOf(other)).stored === 1);
    const own = /(\S+) lost its second half/.exec((await press(other, 'damage')).text)[1];
    const half = readFileSync(join(run.cwd, own)).length;
    await tools.end(up);
    assert.ok(readFileSync(join(run.cwd, own)).length > half, 'the object after Ctrl-C');
    assert.ok(!readdirSync(join(run.cwd, 'lake')).includes('.lab') || readdirSync(join(run.cwd, 'lake/.lab'), { recursive: true, withFileTypes: true }).every((entry) => entry.isDirectory()));
    assert.match(output(tools.tickerlake, ['audit'], { cwd: run.cwd }), /nothing missing, no duplicates/);
    return 'an object that was cut is whole after kill -9 and after Ctrl-C';
  },
};
