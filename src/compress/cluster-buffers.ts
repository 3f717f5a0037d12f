// All that compression takes of the page cache: frames to write compressed clusters from, frames to read them to, and the
// squeezer's own. They are taken at once, while the pool still has long runs, and kept.
import { F2fsError } from '../errors.ts';
import { type FramePool, PAGE_SIZE } from '../pagecache/pool.ts';
import { MAX_CLUSTER_PAGES } from './algorithms.ts';
import { FrameRing } from './frame-ring.ts';
import { Squeezer } from './squeezer.ts';

/** Frames of a pool below which there would be too few left for pages. */
const MIN_FRAMES = 4096;
const MIN_RING = 512;
const MAX_RING = 4096;
/** Blocks that one reading of compressed clusters takes at most. */
export const STAGING_FRAMES = MAX_CLUSTER_PAGES;

export class ClusterBuffers {
  readonly squeezer: Squeezer;
  readonly #pool: FramePool;
  #ring: FrameRing | null = null;
  #staging = -1;

  constructor(pool: FramePool, nrWorkers: number) {
    this.#pool = pool;
    this.squeezer = new Squeezer(pool, nrWorkers);
  }

  /** Takes the frames, if the pool is large enough to be of use then; threads start with the first cluster. */
  prepare(): void {
    if (this.#ring !== null || this.#pool.nrFrames < MIN_FRAMES) return;
    this.#staging = this.#pool.allocRun(STAGING_FRAMES);
    this.#ring = new FrameRing(
      this.#pool,
      Math.min(MAX_RING, Math.max(MIN_RING, 2 ** Math.floor(Math.log2(this.#pool.nrFrames / 8)))),
    );
    this.squeezer.start();
  }

  /** Frames to write from. Throws ENOMEM when the page cache is too small. */
  get ring(): FrameRing {
    this.prepare();
    if (this.#ring === null) throw tooSmall();
    return this.#ring;
  }

  /** First of STAGING_FRAMES adjacent frames that blocks are read to, for one operation. Throws ENOMEM. */
  get staging(): number {
    this.prepare();
    if (this.#staging < 0) throw tooSmall();
    return this.#staging;
  }

  close(): void {
    this.squeezer.close();
  }
}

function tooSmall(): F2fsError {
  const least = (MIN_FRAMES * PAGE_SIZE) / 2 ** 20;
  return new F2fsError('ENOMEM', `compressed clusters take a page cache of ${least} MiB at least: give it more`);
}
