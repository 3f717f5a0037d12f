// The run: every operation on both sides, outcomes compared at once, trees from time to time and after each remount. A
// difference ends it with a trace, cut as short as replays in the time given can make it.
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { BlockDevice } from '../../src/device/device.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { type Random, random } from '../random.ts';
import { Generator } from './generator.ts';
import { HostSide } from './host-side.ts';
import { describe, type Kind, type Operation, type Outcome } from './operation.ts';
import { differences } from './trees.ts';
import { VolumeSide } from './volume-side.ts';

export interface RunOptions {
  /** An empty directory of the host for the model. */
  dir: string;
  seed: number;
  operations: number;
  /** Gives a freshly formatted device. */
  newDevice: () => BlockDevice;
  /** One of them, in turn by chance, for each mount. */
  mounts: readonly MountOptions[];
  /** Operations from one comparison of the trees, and from one remount, to the next. */
  compareEvery?: number;
  remountEvery?: number;
  without?: readonly Kind[];
  /** Bytes of the volume's blocks. Default: 4096. */
  blockSize?: number;
  /** Called after each remount's comparison, while nothing is dirty: judges may look at the device. */
  afterRemount?: (device: BlockDevice, operationsDone: number, volume: FileSystem) => Promise<void>;
}

export interface RunReport {
  operations: number;
  comparisons: number;
  remounts: number;
  /** How often each kind succeeded, and failed with which code. */
  outcomes: Record<string, Record<string, number>>;
}

/** Both sides, fresh, and what is found to differ between them. */
class Pair {
  readonly host: HostSide;
  readonly volume: VolumeSide;
  #comparedAt = 0;

  constructor(root: string, device: BlockDevice, mounts: readonly MountOptions[]) {
    fs.mkdirSync(root, { mode: 0o755 });
    fs.chmodSync(root, 0o755);
    this.host = new HostSide(root);
    this.volume = new VolumeSide(device, mounts);
  }

  /** Runs it on both; what differs, or null. `outcome` is the host's. */
  run(op: Operation): { outcome: Outcome; difference: string | null } {
    const outcome = this.host.run(op);
    let got: Outcome;
    try {
      got = this.volume.run(op);
    } catch (error) {
      return { outcome, difference: `an exception that is no F2fsError: ${(error as Error).stack}` };
    }
    return { outcome, difference: compare(outcome, got) };
  }

  compareTrees(all: boolean): string | null {
    // The host stamps with a coarse clock.
    const now = Date.now() - 20;
    const exact = !this.volume.hasHandles;
    const found = differences(this.host, this.volume.fs, all ? 0 : this.#comparedAt, exact);
    this.#comparedAt = now;
    return found.length === 0 ? null : `the trees differ:\n  ${found.join('\n  ')}`;
  }

  dispose(): void {
    this.host.closeAll();
    fs.rmSync(this.host.pathOf(''), { recursive: true });
  }
}

function compare(expected: Outcome, got: Outcome): string | null {
  const text = ({ code, text }: Outcome) => (text === undefined ? code : `${code} (${text})`);
  if (expected.code !== got.code) return `${text(got)} instead of ${expected.code}`;
  if (expected.code !== 'ok') return null;
  if (expected.text !== got.text) return `"${got.text}" instead of "${expected.text}"`;
  if (expected.bytes === undefined || got.bytes === undefined) return null;
  if (Buffer.compare(expected.bytes, got.bytes) === 0) return null;
  let at = 0;
  while (at < got.bytes.length && got.bytes[at] === expected.bytes[at]) at++;
  return `${got.bytes.length} bytes, which differ at ${at} from the ${expected.bytes.length} expected: ${got.bytes[at]} instead of ${expected.bytes[at]}`;
}

/** Throws an error with the trace when the sides come to differ. */
export async function runDifferential(options: RunOptions): Promise<RunReport> {
  const { dir, seed, operations, newDevice, mounts, compareEvery = 1000, remountEvery = 5000 } = options;
  const rng = random(seed);
  const generator = new Generator(rng, options.without, options.blockSize);
  const pair = new Pair(join(dir, 'tree'), newDevice(), mounts);
  const trace: Operation[] = [];
  const report: RunReport = { operations: 0, comparisons: 0, remounts: 0, outcomes: {} };
  const fail = (difference: string) => {
    pair.dispose();
    throw new Error(explain(options, trace, difference));
  };
  const guarded = (work: () => string | null) => {
    let difference: string | null;
    try {
      difference = work();
    } catch (error) {
      difference = (error as Error).stack ?? String(error);
    }
    if (difference !== null) fail(difference);
  };
  for (let i = 1; i <= operations; i++) {
    const isRemount = i % remountEvery === 0 || i === operations;
    const op = isRemount ? remountOperation(rng, i === operations) : generator.next();
    trace.push(op);
    const { outcome, difference } = pair.run(op);
    if (difference !== null) fail(difference);
    note(report, op, outcome);
    if (outcome.code === 'ok') generator.learn(op);
    if (isRemount || i % compareEvery === 0) {
      guarded(() => pair.compareTrees(isRemount));
      report.comparisons++;
    }
    if (isRemount) await options.afterRemount?.(pair.volume.device, i, pair.volume.fs);
  }
  pair.volume.fs.close();
  pair.dispose();
  return report;
}

function remountOperation(rng: Random, clean: boolean): Operation {
  return { kind: 'remount', clean: clean || rng.below(3) > 0, options: rng.below(1000) };
}

function note(report: RunReport, op: Operation, { code }: Outcome): void {
  report.operations++;
  if (op.kind === 'remount') report.remounts++;
  const codes = (report.outcomes[op.kind] ??= {});
  codes[code] = (codes[code] ?? 0) + 1;
}

const SHRINK_MS = Number(process.env['F2FS_SHRINK_S'] ?? 60) * 1000;
const SHOWN = 30;

function explain(options: RunOptions, trace: readonly Operation[], difference: string): string {
  const last = trace
    .slice(-SHOWN)
    .map((op, i) => `  ${trace.length - Math.min(SHOWN, trace.length) + i + 1}: ${describe(op)}`);
  const short = shrink(options, trace);
  const how =
    short === null
      ? 'A replay of the last operations alone does not show it.'
      : `Shortest trace found, which ends with "${short.difference}":\n${short.trace.map((op) => `  ${JSON.stringify(op)}`).join('\n')}`;
  return `after operation ${trace.length} of F2FS_SEED=${options.seed}: ${difference}\nThe last operations:\n${last.join('\n')}\n${how}`;
}

/** After which operation of a trace the sides differ, and how. */
interface Difference {
  index: number;
  text: string;
}

interface Shrunk {
  trace: readonly Operation[];
  difference: string;
}

/** A short list of operations after which the sides differ too; null when the last 20,000 alone do not do. */
function shrink(options: RunOptions, trace: readonly Operation[]): Shrunk | null {
  const deadline = Date.now() + SHRINK_MS;
  let best: Shrunk | null = null;
  for (const count of [300, 1000, 2500, 6000, 20_000]) {
    const tail = trace.slice(-count);
    const difference = replay(options, tail);
    if (difference !== null) {
      best = { trace: tail.slice(0, difference.index + 1), difference: difference.text };
      break;
    }
    if (count >= trace.length || Date.now() > deadline) break;
  }
  if (best === null) return null;
  for (let piece = Math.ceil(best.trace.length / 2); piece >= 1 && Date.now() < deadline; ) {
    let shorter = false;
    for (let start: number = best.trace.length - piece; start > -piece && Date.now() < deadline; start -= piece) {
      const rest: Operation[] = best.trace.filter((_, i) => i < start || i >= start + piece);
      const difference: Difference | null = rest.length === best.trace.length ? null : replay(options, rest);
      if (difference === null) continue;
      best = { trace: rest.slice(0, difference.index + 1), difference: difference.text };
      shorter = true;
      start = Math.min(start, best.trace.length);
    }
    if (piece === 1 && !shorter) break;
    if (!shorter || piece > best.trace.length) piece = Math.max(1, Math.floor(piece / 2));
  }
  return best;
}

let replays = 0;

/** Runs the operations on fresh sides, with trees compared at the end: where they come to differ, and how. */
function replay(options: RunOptions, trace: readonly Operation[]): Difference | null {
  const pair = new Pair(join(options.dir, `replay-${replays++}`), options.newDevice(), options.mounts);
  try {
    for (const [index, op] of trace.entries()) {
      const { difference } = pair.run(op);
      if (difference !== null) return { index, text: difference };
    }
    const text = pair.compareTrees(true);
    return text === null ? null : { index: trace.length - 1, text };
  } catch (error) {
    return { index: trace.length - 1, text: (error as Error).stack ?? String(error) };
  } finally {
    pair.dispose();
  }
}
