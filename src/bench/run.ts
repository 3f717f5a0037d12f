// Runs the workloads of a benchmark, each on a new volume, engines in turn; all that is random has a fixed seed.
import * as fs from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseCodec } from '../compress/algorithms.ts';
import { BLKSIZE } from '../device/device.ts';
import type { FileDevice } from '../device/file-device.ts';
import { MemoryDevice } from '../device/memory-device.ts';
import { checkSignal, F2fsError } from '../errors.ts';
import type { FileHandle } from '../fs/file-handle.ts';
import { type FileSystem, mount } from '../fs/file-system.ts';
import type { MountOptions } from '../fs/mount-options.ts';
import { format } from '../mkfs/format.ts';
import type { EngineName } from '../writeback/engines.ts';
import type { Bench, Sizes } from './bench.ts';
import { Content } from './content.ts';
import { figuresOf, Meter, type Work } from './measure.ts';
import { giveMemoryBack } from './memory.ts';
import { type Ratio, type Run, type RunResult, ratiosOf, type SummaryRow, summaryOf } from './summary.ts';
import { leastBlocks, openTarget, type Room, type TargetOptions } from './target.ts';
import type { WorkloadName } from './workload-names.ts';
import { fill, pagesAndBlocks, workloadOf } from './workloads.ts';

export interface BenchOptions extends TargetOptions {
  sizes: Sizes;
  workloads: readonly WorkloadName[];
  engines: readonly EngineName[];
  /** `none`, and algorithms with or without a level. */
  compress: readonly string[];
  /** Bytes of a compressed cluster. */
  clusterBytes: number;
  /** Threads that compress; default: the mount's. */
  workers?: number;
  /** Pages of the largest folio; default: the mount's. */
  folioPages?: number;
  /** Bytes of page cache; default: the mount's. */
  cacheBytes?: number;
  /** Runs of each workload, engine and algorithm. */
  repeats: number;
  /** Removes the image file afterwards, also after a failure; one that could not be opened stays. */
  remove?: boolean;
  onProgress?: (progress: BenchProgress) => void;
  /** Ends the benchmark between two operations. */
  signal?: AbortSignal;
}

export interface BenchProgress extends Run {
  done: number;
  total: number;
}

export interface BenchReport {
  target: string;
  kind: 'file' | 'block';
  targetBytes: number;
  /** What deflate makes of the content, as a part of it. */
  contentRatio: number;
  runs: RunResult[];
  summary: SummaryRow[];
  /** Engines against each other, when both ran. */
  ratios: Ratio[];
}

const SEED = 1;
/** Blocks of a volume on which options are tried: 64 MiB. */
const TRIAL_BLOCKS = 16384;
/** Milliseconds of work between two looks at the signal. */
const SLICE_MS = 50;
/**
 * The most that is done on another file before the measurement begins, on the same mount: what was compiled for the volume before
 * is no good for this one.
 */
const WARM_UP: Sizes = {
  fileBytes: 16 * 2 ** 20,
  blockBytes: Number.POSITIVE_INFINITY,
  writes: 4096,
  appends: 10,
  files: 2000,
};

/**
 * Formats `target` and runs the workloads on it, again and again. What the last run left stays there, unmounted cleanly.
 * Throws what checkBench throws, before the target is touched; what openTarget throws; ECANCELED when the signal ends it.
 */
export async function runBench(target: string, options: BenchOptions): Promise<BenchReport> {
  const plan = planOf(options);
  checkBench(options);
  const device = openTarget(target, roomOf(options), options);
  try {
    const content = new Content(SEED);
    const runs: RunResult[] = [];
    for (const [done, run] of plan.entries()) {
      await turn(options.signal);
      options.onProgress?.({ ...run, done, total: plan.length });
      runs.push(await oneRun(device, content, run, options));
    }
    const { kind, nrBlocks } = device;
    device.close();
    return {
      target,
      kind,
      targetBytes: nrBlocks * BLKSIZE,
      contentRatio: content.deflateRatio(),
      runs,
      summary: summaryOf(runs),
      ratios: ratiosOf(runs),
    };
  } catch (error) {
    quietly(() => device.close());
    throw error;
  } finally {
    if (options.remove && device.kind === 'file') fs.rmSync(target, { force: true });
  }
}

/** All runs in their order: engines are neighbours, and the one that goes first changes with each repeat. */
function planOf({ repeats, compress, workloads, engines }: BenchOptions): Run[] {
  const plan: Run[] = [];
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const inTurn = repeat % 2 === 1 ? engines : engines.toReversed();
    for (const one of compress) {
      for (const workload of workloads) {
        for (const engine of inTurn) plan.push({ workload, engine, compress: one, repeat });
      }
    }
  }
  return plan;
}

/** What a volume is mounted with. Throws EINVAL for a codec that there is not. */
function mountOptionsOf({ engine, compress }: Pick<Run, 'engine' | 'compress'>, options: BenchOptions): MountOptions {
  const { cacheBytes, workers, folioPages, clusterBytes } = options;
  const common = { engine, cacheBytes, workers, maxFolioPages: folioPages };
  if (compress === 'none') return common;
  const clusterPages = clusterBytes / BLKSIZE;
  return { ...common, compress: { codec: parseCodec(compress), clusterPages, extensions: ['*'] } };
}

/**
 * Mounts a volume in memory in each of the ways asked for. Throws EINVAL for options that a mount refuses, EFBIG for workloads that no
 * volume has room for: they must not cost a target.
 */
export function checkBench(options: BenchOptions): void {
  leastBlocks(roomOf(options).bytes);
  const device = new MemoryDevice(TRIAL_BLOCKS);
  format(device);
  for (const compress of options.compress) {
    for (const engine of options.engines) mount(device, mountOptionsOf({ engine, compress }, options)).close();
  }
}

/** That of the workload which takes the most. */
function roomOf({ workloads, sizes, compress, clusterBytes }: BenchOptions): Room {
  const unit = compress.every((one) => one === 'none') ? BLKSIZE : clusterBytes;
  const rooms = workloads.map((workload): Room => {
    const { roomBytes, lessBy } = workloadOf(workload);
    return { workload, bytes: roomBytes(sizes, unit) + roomBytes(smaller(sizes), unit), lessBy };
  });
  return rooms.reduce((most, one) => (one.bytes > most.bytes ? one : most));
}

/** Formats, prepares, mounts anew, warms up, measures, checks and unmounts. */
async function oneRun(device: FileDevice, content: Content, run: Run, options: BenchOptions): Promise<RunResult> {
  const workload = workloadOf(run.workload);
  const mountOptions = mountOptionsOf(run, options);
  const warmUp = (volume: FileSystem) => new Accounts(volume, content, smaller(options.sizes), 'warm-up');
  const counted = (volume: FileSystem) => new Accounts(volume, content, options.sizes, 'file');
  const { signal } = options;
  if (workload.crashes) {
    // What is measured begins with the mount: the warm-up is a crash of its own.
    await crash(device, mountOptions, (volume) => drive(workload.prepare?.(warmUp(volume)), signal));
    await mounted(device, mountOptions, (volume) => drive(workload.run(warmUp(volume)), signal));
    await crash(device, mountOptions, (volume) => drive(workload.prepare?.(counted(volume)), signal));
  } else {
    format(device, { startSector: device.startSector });
    if (workload.prepare !== undefined) {
      await mounted(device, mountOptions, async (volume) => {
        await drive(workload.prepare?.(warmUp(volume)), signal);
        await drive(workload.prepare?.(counted(volume)), signal);
        if (workload.fullTo !== undefined) await drive(fill(volume, content, workload.fullTo), signal);
      });
    }
  }
  let mounting: Meter | null = null;
  const measure = async (volume: FileSystem) => {
    if (mounting === null) await drive(workload.run(warmUp(volume)), signal);
    const bench = counted(volume);
    const meter = mounting ?? new Meter(device, volume);
    await drive(workload.run(bench), signal);
    const measured = meter.stop(volume);
    await turn(signal);
    workload.check?.(bench);
    const { bytes, operations, syncMs } = bench;
    const compression = run.compress === 'none' ? null : pagesAndBlocks(volume, bench.name);
    const work: Work = { ...measured, bytes, operations, syncMs, reads: workload.reads, compression };
    const { reads: _, ...shown } = work;
    return { ...run, ...shown, figures: figuresOf(work) };
  };
  return mounted(device, mountOptions, measure, () => {
    if (workload.crashes) mounting = new Meter(device, null);
  });
}

/** A new volume that is changed and never unmounted. */
async function crash(
  device: FileDevice,
  options: MountOptions,
  work: (volume: FileSystem) => Promise<void>,
): Promise<void> {
  format(device, { startSector: device.startSector });
  await giveMemoryBack();
  const volume = mount(device, options);
  try {
    await work(volume);
  } finally {
    volume.abandon();
  }
}

function smaller(sizes: Sizes): Sizes {
  const names = Object.keys(sizes) as (keyof Sizes)[];
  return Object.fromEntries(names.map((name) => [name, Math.min(sizes[name], WARM_UP[name])])) as unknown as Sizes;
}

/** See Bench. */
class Accounts implements Bench {
  readonly volume: FileSystem;
  readonly content: Content;
  readonly sizes: Sizes;
  readonly name: string;
  readonly syncMs: number[] = [];
  bytes = 0;
  operations = 0;

  constructor(volume: FileSystem, content: Content, sizes: Sizes, name: string) {
    this.volume = volume;
    this.content = content;
    this.sizes = sizes;
    this.name = name;
  }

  sync(): void {
    const started = performance.now();
    this.volume.sync();
    this.syncMs.push(performance.now() - started);
  }

  fsync(file: FileHandle): void {
    const started = performance.now();
    file.fsync();
    this.syncMs.push(performance.now() - started);
  }
}

/** Works on a volume mounted for that, once the memory of the one before was given back; after a failure it is left as it is. */
async function mounted<T>(
  device: FileDevice,
  options: MountOptions,
  work: (volume: FileSystem) => Promise<T>,
  beforeMount = () => {},
): Promise<T> {
  await giveMemoryBack();
  beforeMount();
  const volume = mount(device, options);
  let result: T;
  try {
    result = await work(volume);
  } catch (error) {
    volume.abandon();
    throw error;
  }
  volume.close();
  return result;
}

/** Runs a workload in slices, so that signals are heard. Throws ECANCELED. */
async function drive(steps: Iterable<void> = [], signal?: AbortSignal): Promise<void> {
  // What went before, a mount or the end of one, may have been long.
  let sliceEnd = 0;
  for (const _ of steps) {
    if (performance.now() < sliceEnd) continue;
    await turn(signal);
    sliceEnd = performance.now() + SLICE_MS;
  }
}

/** Lets signals arrive. Throws ECANCELED. */
async function turn(signal?: AbortSignal): Promise<void> {
  await nextTurn();
  checkSignal(signal, 'the benchmark was interrupted');
}

/** For what is done after a failure that says more. */
function quietly(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof F2fsError)) throw error;
  }
}
