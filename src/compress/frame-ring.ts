// Frames that compressed clusters are written from: taken from the pool once, lent in turn, given back when written.
import { type FramePool, MAX_FOLIO_PAGES } from '../pagecache/pool.ts';

/** Loans out at the same time, at most: a power of two. */
const MAX_LOANS = 1024;

/** Loans are taken in order, and come back in nearly that order. */
export class FrameRing {
  readonly #runs: number[] = [];
  readonly #runFrames: number;
  /** Frames lent and given back, ever: positions in the endless ring. */
  #head = 0;
  #tail = 0;
  /** End position of each loan, and whether it came back. */
  readonly #ends = new Float64Array(MAX_LOANS);
  readonly #back = new Uint8Array(MAX_LOANS);
  #taken = 0;
  #oldest = 0;
  /** The loan that the last `take` made. */
  loan = 0;

  private constructor(runFrames: number) {
    this.#runFrames = runFrames;
  }

  /** Takes nrFrames frames, in runs of a folio's size; null when the pool does not have them. */
  static take(pool: FramePool, nrFrames: number): FrameRing | null {
    const ring = new FrameRing(Math.min(MAX_FOLIO_PAGES, nrFrames));
    while (ring.nrFrames < nrFrames) {
      const pfn = pool.allocRun(ring.#runFrames);
      if (pfn < 0) {
        ring.release(pool);
        return null;
      }
      ring.#runs.push(pfn);
    }
    return ring;
  }

  /** Gives the frames back to the pool. */
  release(pool: FramePool): void {
    for (const run of this.#runs.splice(0)) pool.freeFolio(run);
  }

  /** Frames in all. */
  get nrFrames(): number {
    return this.#runs.length * this.#runFrames;
  }

  /** First of `nrFrames` adjacent frames, or -1 while too many are out; `loan` says which loan it is. */
  take(nrFrames: number): number {
    const size = this.#runFrames;
    const within = this.#head % size;
    const start = within + nrFrames > size ? this.#head + size - within : this.#head;
    if (start + nrFrames - this.#tail > size * this.#runs.length || this.#taken - this.#oldest === MAX_LOANS) return -1;
    this.#head = start + nrFrames;
    this.loan = this.#taken % MAX_LOANS;
    this.#ends[this.loan] = this.#head;
    this.#back[this.loan] = 0;
    this.#taken++;
    return this.#runs[Math.floor(start / size) % this.#runs.length] + (start % size);
  }

  giveBack(loan: number): void {
    this.#back[loan] = 1;
    while (this.#oldest < this.#taken && this.#back[this.#oldest % MAX_LOANS] === 1) {
      this.#tail = this.#ends[this.#oldest % MAX_LOANS];
      this.#oldest++;
    }
  }
}
