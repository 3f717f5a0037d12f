// Runs work in slices, so that signals are heard and progress is told.
import { abortError, checkSignal } from '../errors.ts';
import { type ScanOptions, scanSteps } from '../source/host/scan.ts';
import type { HostTree } from '../source/host/tree.ts';
import type { SourceTree } from '../source/source-tree.ts';
import { scanTars, type TarScan, type TarSource } from '../source/tar/scan.ts';
import type { TarTree } from '../source/tar/tree.ts';

/** How far a tree has come. */
export interface BuildProgress {
  /** The source is read; then its entries are made; then what remains is written. */
  stage: 'scan' | 'write' | 'finish';
  /** Entries that were made. */
  entries: number;
  /** While it is scanned: those found so far. */
  totalEntries: number;
  /** Bytes of contents that were taken over. */
  bytes: number;
  /** Bytes of all contents. */
  totalBytes: number;
  /** The entry at hand, relative to the source; made when it is asked for. */
  readonly path: string;
}

export interface DriveOptions {
  /** Called some twenty times a second. */
  onProgress?: (progress: BuildProgress) => void;
  /** Ends the work between two entries, or two pieces of a large file, with an AbortError (ECANCELED). */
  signal?: AbortSignal;
}

/** Milliseconds of work between two looks at the signal and calls of onProgress. */
const SLICE_MS = 50;

/** What is told when a signal ended the work. */
export const INTERRUPTED = 'interrupted before the tree was whole';

/** Scans a tree so that signals are heard; the progress has no more than the number of entries found. Throws what the scan throws. */
export async function driveScan(root: string, scan: ScanOptions, options: DriveOptions): Promise<HostTree> {
  const steps = scanSteps(root, scan);
  let sliceEnd = performance.now() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() < sliceEnd) continue;
    options.onProgress?.(scanned(step.value, 0, root));
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (options.signal?.aborted) steps.throw(abortError(options.signal, INTERRUPTED));
    sliceEnd = performance.now() + SLICE_MS;
  }
}

/** The same of tar archives. */
export async function driveTars(
  sources: readonly TarSource[],
  scan: Omit<TarScan, 'turn' | 'signal'>,
  options: DriveOptions,
): Promise<TarTree> {
  let sliceEnd = performance.now() + SLICE_MS;
  const heard = async (entries: number) => {
    if (performance.now() < sliceEnd) return;
    options.onProgress?.(scanned(entries, 0, '.'));
    await turn(options);
    sliceEnd = performance.now() + SLICE_MS;
  };
  return await scanTars(sources, { ...scan, turn: heard, signal: options.signal });
}

function scanned(totalEntries: number, totalBytes: number, path: string): BuildProgress {
  return { stage: 'scan', entries: 0, totalEntries, bytes: 0, totalBytes, path };
}

/** Runs what is to be known of a tree before it is made, as `inTurns` does. */
export function inTurnsOfScan<T>(steps: Generator<void, T>, tree: SourceTree, options: DriveOptions): Promise<T> {
  return inTurns(steps, options, () => options.onProgress?.(scanned(tree.count - 1, tree.totals.bytes, '.')));
}

/** Lets signals arrive. Throws ECANCELED. */
export async function turn(options: DriveOptions): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  checkSignal(options.signal, INTERRUPTED);
}

/** Runs steps so that signals are heard; `tell` is called before. Throws ECANCELED when the signal ends it, and what they throw. */
export async function inTurns<T>(
  steps: Generator<void, T>,
  options: DriveOptions,
  tell: () => void = () => {},
): Promise<T> {
  try {
    for (let sliceEnd = performance.now() + SLICE_MS; ; ) {
      const step = steps.next();
      if (step.done) return step.value;
      if (performance.now() < sliceEnd) continue;
      tell();
      await turn(options);
      sliceEnd = performance.now() + SLICE_MS;
    }
  } finally {
    steps.return(undefined as T);
  }
}

/** What puts a tree into a volume, in steps. */
export interface TreeWork {
  /** Entries dealt with so far, and the one at hand. */
  readonly entries: number;
  readonly current: number;
  readonly done: { readonly contentBytes: number };
  run(): Generator<void>;
}

/** Throws ECANCELED when the signal ends it, and what the work throws. */
export async function drive(work: TreeWork, tree: SourceTree, options: DriveOptions): Promise<void> {
  const tell = (stage: BuildProgress['stage']) =>
    options.onProgress?.({
      stage,
      entries: work.entries,
      totalEntries: tree.count - 1,
      bytes: work.done.contentBytes,
      totalBytes: tree.totals.bytes,
      // It may be long, and is not always wanted.
      get path() {
        return tree.path(work.current);
      },
    });
  await inTurns(work.run(), options, () => tell('write'));
  tell('finish');
}
