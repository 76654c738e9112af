/**
 * Loaded before the program whose clock a test sets (see clock.ts): tells the time by the test's clock, and fires timers
 * when the test lets time pass. The query of our URL names the clock's folder.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

const folder = new URL(import.meta.url).searchParams.get("clock");
const path = join(folder, "steps.json");
/** Timers shorter than this belong to one piece of work, and keep their real time. */
const SHORT_MS = 500;

const wall = Date.now;
const steady = performance.now.bind(performance);
const { setTimeout: once, setInterval: every, clearTimeout: forget } = globalThis;

/** From when on (by the real clock) the wall clock is how far ahead, and how much time the test has let pass by then. */
function steps() {
  for (;;) {
    try {
      return JSON.parse(fs.readFileSync(path, "utf8"));
    } catch {
      // A test that writes it just now.
    }
  }
}
const told = (ms) => ms + steps().findLast(({ from }) => from <= ms).ahead;
Date.now = () => told(wall());
performance.now = () => steady() + steps().at(-1).passed;
const { bigint } = process.hrtime;
process.hrtime.bigint = () => bigint() + BigInt(Math.round(steps().at(-1).passed * 1e6));
// Files' times are told by the same clock: a file that was written before a step keeps its time.
const { statSync } = fs;
fs.statSync = (...args) => {
  const stat = statSync(...args);
  if (stat) [stat.mtimeMs, stat.ctimeMs] = [told(stat.mtimeMs), told(stat.ctimeMs)];
  return stat;
};
syncBuiltinESMExports();

/** By timer: when it is due by `performance.now`, and what it does. */
const waiting = new Map();
const due = (ms) => performance.now() + ms;

globalThis.setTimeout = Object.assign((work, ms = 1, ...args) => {
  if (ms < SHORT_MS) return once(work, ms, ...args);
  const fire = () => {
    waiting.delete(timer);
    work(...args);
  };
  const timer = once(fire, ms);
  waiting.set(timer, { at: due(ms), fire });
  return timer;
}, once);
globalThis.setInterval = (work, ms = 1, ...args) => {
  if (ms < SHORT_MS) return every(work, ms, ...args);
  const fire = () => {
    waiting.set(timer, { at: due(ms), fire });
    work(...args);
  };
  const timer = every(fire, ms);
  waiting.set(timer, { at: due(ms), fire });
  return timer;
};
const clear = (timer) => {
  waiting.delete(timer);
  forget(timer);
};
globalThis.clearTimeout = clear;
globalThis.clearInterval = clear;

/** What is due by now, in its order; a timeout's own timer is cleared, an interval's goes on. */
function fireDue() {
  const now = performance.now();
  for (const [timer, { at, fire }] of [...waiting].sort(([, a], [, b]) => a.at - b.at)) {
    if (at > now || !waiting.has(timer)) continue;
    if (timer._repeat === null) forget(timer);
    fire();
  }
}

let fired = steps().at(-1).passed;
/** Fires what a step has made due, and reports how many steps we have seen. */
function look() {
  const { length } = steps();
  const { passed } = steps()[length - 1];
  if (passed > fired) fireDue();
  fired = passed;
  fs.writeFileSync(join(folder, "seen", String(process.pid)), String(length));
}
// Does not keep the program alive.
fs.watch(folder, { persistent: false }, (_event, name) => name === "steps.json" && look());
look();
