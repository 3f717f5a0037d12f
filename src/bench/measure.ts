// Counts and clocks around a piece of work, and the figures that people compare.

import { BLKSIZE } from '../device/device.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import type { FileSystem } from '../fs/file-system.ts';
import { volumeInfo } from '../inspect/info.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** What the process and the counters said at one moment. */
interface Snapshot {
  at: number;
  cpu: NodeJS.CpuUsage;
  device: Counts;
  writeback: Counts;
  checkpointVer: number;
}

/** Counters by name, as `IoCounters` and `WritebackCounters` have them. */
export type Counts = Record<string, number>;

/** What one measured piece of work took. */
export interface Measured {
  /** Wall time in seconds. */
  seconds: number;
  /** CPU time of all threads of the process, in seconds. */
  cpuSeconds: { user: number; system: number };
  device: Counts;
  writeback: Counts;
  checkpoints: number;
}

/** Measures from its making on. */
export class Meter {
  readonly #device: QueuedDevice;
  readonly #start: Snapshot;

  /** @param volume null when mounting it is measured, too */
  constructor(device: QueuedDevice, volume: FileSystem | null) {
    this.#device = device;
    const checkpointVer = volume === null ? (volumeInfo(device).checkpoint?.version ?? 0) : volume.checkpointVersion;
    this.#start = this.#snapshot(volume, checkpointVer);
  }

  stop(volume: FileSystem): Measured {
    const start = this.#start;
    const end = this.#snapshot(volume, volume.checkpointVersion);
    return {
      seconds: (end.at - start.at) / 1000,
      cpuSeconds: {
        user: (end.cpu.user - start.cpu.user) / 1e6,
        system: (end.cpu.system - start.cpu.system) / 1e6,
      },
      device: difference(end.device, start.device),
      writeback: difference(end.writeback, start.writeback),
      checkpoints: end.checkpointVer - start.checkpointVer,
    };
  }

  #snapshot(volume: FileSystem | null, checkpointVer: number): Snapshot {
    return {
      device: { ...this.#device.counters },
      writeback: { ...volume?.writebackCounters },
      checkpointVer,
      cpu: process.cpuUsage(),
      at: performance.now(),
    };
  }
}

function difference(after: Counts, before: Counts): Counts {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]));
}

/** One run of a workload. */
export interface Work extends Measured {
  /** User's bytes. */
  bytes: number;
  operations: number;
  /** Milliseconds that each sync or fsync took. */
  syncMs: number[];
  /** Whether the workload reads: then its bios are reads. */
  reads: boolean;
  /** Pages of the compressed files, and the blocks that hold them; null in a run without compression. */
  compression: { pages: number; blocks: number } | null;
}

/** What is shown of a run, or the medians of several; null: means nothing there. */
export type Figures = Record<FigureName, number | null>;

/** Figures in the order in which tables show them: heading, digits behind the point, and what they are of a run. */
export const FIGURES = {
  mbPerSecond: { heading: 'MB/s', digits: 1, of: ({ bytes, seconds }: Work) => bytes / 1e6 / seconds },
  operationsPerSecond: { heading: 'op/s', digits: 0, of: ({ operations, seconds }: Work) => operations / seconds },
  syncP50Ms: { heading: 'sync p50', digits: 2, of: ({ syncMs }: Work) => percentile(syncMs, 50) },
  syncP95Ms: { heading: 'p95', digits: 2, of: ({ syncMs }: Work) => percentile(syncMs, 95) },
  syncP99Ms: { heading: 'p99 ms', digits: 2, of: ({ syncMs }: Work) => percentile(syncMs, 99) },
  bios: { heading: 'bios', digits: 0, of: ({ reads, device }: Work) => (reads ? device.reads : device.writes) },
  bioKib: {
    heading: 'KiB/bio',
    digits: 1,
    of: ({ reads, device }: Work) =>
      reads ? quotient(device.readBytes / 1024, device.reads) : quotient(device.writeBytes / 1024, device.writes),
  },
  mapBlocksPerMib: {
    heading: 'maps/MiB',
    digits: 2,
    of: ({ reads, writeback, bytes }: Work) => (reads ? null : quotient(writeback.mapBlocksCalls, bytes / MIB)),
  },
  syscallsPerBlock: {
    heading: 'calls/blk',
    digits: 4,
    of: ({ device, bytes }: Work) => quotient(device.syscalls, bytes / BLKSIZE),
  },
  cpuSecondsPerGib: {
    heading: 'CPU s/GiB',
    digits: 2,
    of: ({ cpuSeconds, bytes }: Work) => quotient(cpuSeconds.user + cpuSeconds.system, bytes / GIB),
  },
  userSecondsPerGib: {
    heading: 'user',
    digits: 2,
    of: ({ cpuSeconds, bytes }: Work) => quotient(cpuSeconds.user, bytes / GIB),
  },
  writeAmplification: {
    heading: 'written',
    digits: 3,
    of: ({ reads, device, bytes }: Work) => (reads ? null : quotient(device.writeBytes, bytes)),
  },
  checkpoints: { heading: 'ckpts', digits: 0, of: ({ checkpoints }: Work) => checkpoints },
  compressionRatio: {
    heading: 'pages',
    digits: 3,
    of: ({ compression }: Work) => (compression === null ? null : quotient(compression.blocks, compression.pages)),
  },
} as const satisfies Record<string, { heading: string; digits: number; of: (work: Work) => number | null }>;

export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

export function figuresOf(work: Work): Figures {
  return Object.fromEntries(FIGURE_NAMES.map((name) => [name, FIGURES[name].of(work)])) as Figures;
}

function quotient(dividend: number, divisor: number): number | null {
  return divisor > 0 ? dividend / divisor : null;
}

/** The value that `percent` of the values do not exceed, by nearest rank; null of none. */
export function percentile(values: readonly number[], percent: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

/** Of an even count the mean of the two in the middle; null when there are none. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
