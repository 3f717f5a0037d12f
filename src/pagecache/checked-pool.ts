// A frame pool that holds its users to the rule that nobody keeps a frame number over a point at which frames may go: for
// test runs, under the environment variable F2FS_STRESS_FRAMES.
import { stressesFrames } from '../platform/environment.ts';
import { FramePool } from './pool.ts';

/** What a free frame is filled with. */
const POISON = 0xa5;

/** The pool of a mount: a checked one where F2FS_STRESS_FRAMES is set. Throws as FramePool's constructor does. */
export function framePool(budgetBytes?: number, pageSize?: number): FramePool {
  return stressesFrames() ? new CheckedFramePool(budgetBytes, pageSize) : new FramePool(budgetBytes, pageSize);
}

/**
 * When a step begins, every frame that may go does; a frame that is given back comes into use again with the next step at the
 * earliest, or when no other is left. Asking for a free frame, having written into one, and taking more in a step than are
 * kept free for it are internal errors; what is read from a free frame is poison.
 */
export class CheckedFramePool extends FramePool {
  /** 1 for each frame in use. */
  readonly #used = new Uint8Array(this.nrFrames);
  /** First frames of the folios that were given back in this step. */
  #givenBack: number[] = [];
  #nrGivenBack = 0;
  /** Frames free when the step began, and the fewest since. */
  #atStart = this.nrFrames;
  #fewest = this.nrFrames;
  /** Frames that the step may take; all before the first. */
  #reserve = this.nrFrames;

  override get freeFrames(): number {
    return super.freeFrames + this.#nrGivenBack;
  }

  override beginStep(reserve: number): void {
    const taken = this.#atStart - this.#fewest;
    if (taken > this.#reserve) {
      throw new Error(`internal: ${taken} frames were taken in one step, and ${this.#reserve} are kept free for it`);
    }
    this.#release();
    this.reclaim(this.nrFrames);
    this.#reserve = reserve;
    this.#atStart = this.freeFrames;
    this.#fewest = this.#atStart;
  }

  override allocRun(nrPages: number): number {
    let pfn = super.allocRun(nrPages);
    if (pfn < 0 && this.#nrGivenBack > 0) {
      this.#release();
      pfn = super.allocRun(nrPages);
    }
    if (pfn >= 0) this.#used.fill(1, pfn, pfn + nrPages);
    this.#fewest = Math.min(this.#fewest, this.freeFrames);
    return pfn;
  }

  override get largestRun(): number {
    this.#release();
    return super.largestRun;
  }

  override freeFolio(head: number): void {
    const nrPages = this.unownedPages(head);
    this.#used.fill(0, head, head + nrPages);
    this.bytes.fill(POISON, head * this.pageSize, (head + nrPages) * this.pageSize);
    this.#givenBack.push(head);
    this.#nrGivenBack += nrPages;
  }

  override page(pfn: number): Uint8Array {
    this.#assertUsed(pfn);
    return super.page(pfn);
  }

  override folioOrder(pfn: number): number {
    this.#assertUsed(pfn);
    return super.folioOrder(pfn);
  }

  override folioHead(pfn: number): number {
    this.#assertUsed(pfn);
    return super.folioHead(pfn);
  }

  override unownedPages(head: number): number {
    this.#assertUsed(head);
    return super.unownedPages(head);
  }

  override zero(pfn: number, nrPages: number): void {
    for (let at = pfn; at < pfn + nrPages; at++) this.#assertUsed(at);
    super.zero(pfn, nrPages);
  }

  override splitAt(pfn: number): void {
    this.#assertUsed(pfn);
    super.splitAt(pfn);
  }

  override touch(pfn: number): void {
    this.#assertUsed(pfn);
    super.touch(pfn);
  }

  #assertUsed(pfn: number): void {
    if (this.#used[pfn] !== 1) throw new Error(`internal: frame ${pfn} is free, and somebody goes on using it`);
  }

  /** Lets frames that were given back come into use again, after a look whether somebody wrote into them meanwhile. */
  #release(): void {
    const givenBack = this.#givenBack;
    this.#givenBack = [];
    this.#nrGivenBack = 0;
    for (const head of givenBack) {
      const order = super.folioOrder(head);
      const end = (head + (1 << order)) * this.pageSize;
      for (let at = head * this.pageSize; at < end; at += 4) {
        if (this.view.getUint32(at) === 0xa5a5a5a5) continue;
        throw new Error(`internal: frame ${Math.floor(at / this.pageSize)} was written to after it was given back`);
      }
      this.#used.fill(1, head, head + (1 << order));
      super.freeFolio(head);
      this.#used.fill(0, head, head + (1 << order));
    }
  }
}
