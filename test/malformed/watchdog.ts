// Ends the process when a test that runs without a break is stuck: no timer of its own thread would ever fire.
import { Worker } from 'node:worker_threads';

/** Wall time without a sign of life; generous, as the machine may be busy. */
const PATIENCE_MS = 120_000;
const MAX_TEXT = 1 << 16;

const counter = new Int32Array(new SharedArrayBuffer(8));
const text = new Uint8Array(new SharedArrayBuffer(MAX_TEXT));

const PROGRAM = `
const { workerData } = require('node:worker_threads');
const { counter, text, patienceMs } = workerData;
let last = -1;
setInterval(() => {
  const now = Atomics.load(counter, 0);
  if (now === last) {
    require('node:fs').writeSync(2, 'stuck for ' + patienceMs + ' ms: ' + Buffer.from(text.slice(0, Atomics.load(counter, 1))) + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
  last = now;
}, patienceMs);
`;

/** Watches from now on. The caller calls `beat` often, and `stop` at the end. */
export function watch(): { stop: () => Promise<unknown> } {
  const worker = new Worker(PROGRAM, { eval: true, workerData: { counter, text, patienceMs: PATIENCE_MS } });
  return { stop: () => worker.terminate() };
}

/** A sign of life, with what is done next: it is printed if no other sign follows. */
export function beat(doing: string): void {
  const bytes = Buffer.from(doing).subarray(0, MAX_TEXT);
  text.set(bytes);
  Atomics.store(counter, 1, bytes.length);
  Atomics.add(counter, 0, 1);
}
