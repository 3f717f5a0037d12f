// All that compression takes of the page cache: frames to write compressed clusters from, frames to read them to, and the
// codec threads' own. They are taken at once, while the pool still has long runs, and kept.
import { F2fsError } from '../errors.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { nrParallel } from '../platform/threads.ts';
import { MAX_CLUSTER_PAGES } from './algorithms.ts';
import { CodecJobs, codecFrames } from './codec-jobs.ts';
import { FrameRing } from './frame-ring.ts';

/** Frames of a pool below which there would be too few left for pages. */
export const MIN_CLUSTER_FRAMES = 4 * 1024;
const MIN_RING = 512;
const MAX_RING = 4096;
/** What part of a pool's frames the threads' tables may take, and the most threads that get some. */
const WORKSPACE_PART = 1 / 5;
const MAX_WORKSPACES = 8;
/** Blocks that one reading of compressed clusters takes at most. */
export const STAGING_FRAMES = MAX_CLUSTER_PAGES;

export class ClusterBuffers {
  readonly codecJobs: CodecJobs;
  readonly #pool: FramePool;
  #ring: FrameRing | null = null;
  #staging = -1;
  #isWanted = false;
  #isHopeless = false;

  constructor(pool: FramePool, nrWorkers: number) {
    this.#pool = pool;
    this.codecJobs = new CodecJobs(pool, Math.min(nrWorkers, nrWorkspacesOf(pool)));
  }

  /** There is a compressed file: the frames are to be taken when the owner can make room for them. */
  want(): void {
    this.#isWanted = this.#ring === null && !this.#isHopeless;
  }

  /** Whether there are compressed files, and the frames for them are still to be had. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Even an empty cache has no room for the frames. */
  giveUp(): void {
    this.#isHopeless = true;
    this.#isWanted = false;
  }

  /** Takes the frames and starts the threads. False when the pool has no such runs: nothing is taken then. */
  prepare(): boolean {
    const pool = this.#pool;
    if (this.#ring !== null) return true;
    if (pool.nrFrames < MIN_CLUSTER_FRAMES) return false;
    const staging = pool.allocRun(STAGING_FRAMES);
    if (staging < 0) return false;
    const ring = FrameRing.take(
      pool,
      Math.min(MAX_RING, Math.max(MIN_RING, 2 ** Math.floor(Math.log2(pool.nrFrames / 8)))),
    );
    try {
      if (ring === null) throw tooSmall(pool);
      this.codecJobs.start();
      this.#takeIdleDesks();
    } catch (error) {
      ring?.release(pool);
      pool.freeFolio(staging);
      if (error instanceof F2fsError && error.code === 'ENOMEM') return false;
      throw error;
    }
    this.#ring = ring;
    this.#staging = staging;
    this.#isWanted = false;
    return true;
  }

  /**
   * Takes the frames of threads that were not asked for, too. How many are left for pages says when pages are written, and
   * so where: it must not depend on the number of threads.
   */
  #takeIdleDesks(): void {
    for (let workspace = Math.max(1, this.codecJobs.nrThreads); workspace < nrWorkspacesOf(this.#pool); workspace++) {
      if (!this.codecJobs.reserveIdle()) return;
    }
  }

  /** Throws ENOMEM when the page cache is too small. */
  assertReady(): void {
    if (this.#ring === null && !this.prepare()) throw tooSmall(this.#pool);
  }

  /** Frames to write from. Throws ENOMEM when the page cache is too small. */
  get ring(): FrameRing {
    this.assertReady();
    return this.#ring as FrameRing;
  }

  /** First of STAGING_FRAMES adjacent frames that blocks are read to, for one operation. Throws ENOMEM. */
  get staging(): number {
    this.assertReady();
    return this.#staging;
  }

  /** Ends the threads. */
  close(): void {
    this.codecJobs.close();
  }
}

/** Threads for those who do not say how many: one for each core, as far as they could get frames. */
export function defaultWorkers(): number {
  return Math.min(MAX_WORKSPACES, nrParallel());
}

/** Threads that a pool has frames for. */
function nrWorkspacesOf(pool: FramePool): number {
  return Math.min(
    MAX_WORKSPACES,
    Math.max(1, Math.floor((pool.nrFrames * WORKSPACE_PART) / codecFrames(1, pool.pageSize))),
  );
}

function tooSmall({ pageSize }: FramePool): F2fsError {
  const least = (MIN_CLUSTER_FRAMES * pageSize) / 2 ** 20;
  return new F2fsError(
    'ENOMEM',
    `compressed clusters take a page cache of ${least} MiB at least: mount with more cacheBytes`,
  );
}
