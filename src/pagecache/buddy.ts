// The buddy allocator under the frame pool: which frames are free, in naturally aligned blocks of 2^0..2^9 frames. It knows
// frame numbers only, neither their bytes nor who uses them. Relies on nothing.

/** Largest block: 2^9 frames, 2 MiB. */
export const MAX_ORDER = 9;

/** Position of the lowest set bit; `word` must not be 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/**
 * A block of order k is 2^k frames and begins at a multiple of 2^k; its buddy is the other half of the block of order k + 1.
 * Splitting hands out the low half and pushes the high half in front of its list, so that successive allocations come out
 * at ascending, adjacent frames. Whole blocks of the top order stand in a bitmap and the lowest goes first: that keeps
 * large runs ascending too, and prefers memory which has been touched before. Source: mm/page_alloc.c.
 */
export class Buddy {
  readonly #nrFrames: number;
  /** Free frames. */
  nrFree = 0;
  /** Circular lists of free blocks below the top order; entry nrFrames + order is the list's head. */
  readonly #next: Int32Array;
  readonly #prev: Int32Array;
  /** 1 + order at the first frame of a free block, 0 at any other frame. */
  readonly #freeOrder: Uint8Array;
  /** Bit k: the list of order k is not empty (k below the top order). */
  #listed = 0;
  /** One bit a top-order block: free. */
  readonly #topFree: Int32Array;
  /** No word of topFree below this one has a bit. */
  #topFrom = 0;
  #nrTopFree = 0;

  /** @param nrFrames a multiple of 512 */
  constructor(nrFrames: number) {
    this.#nrFrames = nrFrames;
    const nrTop = nrFrames >>> MAX_ORDER;
    this.#next = new Int32Array(nrFrames + MAX_ORDER);
    this.#prev = new Int32Array(nrFrames + MAX_ORDER);
    this.#freeOrder = new Uint8Array(nrFrames);
    this.#topFree = new Int32Array((nrTop + 31) >>> 5);
    for (let order = 0; order < MAX_ORDER; order++) {
      this.#next[nrFrames + order] = nrFrames + order;
      this.#prev[nrFrames + order] = nrFrames + order;
    }
    for (let top = 0; top < nrTop; top++) this.#push(top << MAX_ORDER, MAX_ORDER);
    this.nrFree = nrFrames;
  }

  /** First frame of a block of 2^order frames, or -1 if no free block is that large. */
  alloc(order: number): number {
    const fitting = this.#listed & (-1 << order);
    let have: number;
    let pfn: number;
    if (fitting !== 0) {
      have = lowestBit(fitting);
      pfn = this.#next[this.#nrFrames + have];
    } else {
      pfn = this.#lowestTop();
      if (pfn < 0) return -1;
      have = MAX_ORDER;
    }
    this.#remove(pfn, have);
    while (have > order) {
      have--;
      this.#push(pfn + (1 << have), have);
    }
    this.nrFree -= 1 << order;
    return pfn;
  }

  /** Frames of the largest free block, 0 if there is none. */
  get largest(): number {
    if (this.#nrTopFree > 0) return 1 << MAX_ORDER;
    return this.#listed === 0 ? 0 : 1 << (31 - Math.clz32(this.#listed));
  }

  /** Takes back 2^order frames from pfn on, and joins them with their free buddies. */
  free(pfn: number, order: number): void {
    this.nrFree += 1 << order;
    let at = pfn;
    let k = order;
    while (k < MAX_ORDER) {
      const buddy = at ^ (1 << k);
      if (this.#freeOrder[buddy] !== k + 1) break;
      this.#remove(buddy, k);
      at &= ~(1 << k);
      k++;
    }
    this.#push(at, k);
  }

  /** Takes back the frames [pfn, end) of one block, where end is the block's end: ascending powers of two. */
  freeTail(pfn: number, end: number): void {
    for (let at = pfn; at < end; ) {
      const order = lowestBit(at);
      this.free(at, order);
      at += 1 << order;
    }
  }

  /** The free blocks, for tests: calls back with first frame and order, in no order. */
  forEachFree(visit: (pfn: number, order: number) => void): void {
    for (let pfn = 0; pfn < this.#nrFrames; pfn++) if (this.#freeOrder[pfn] !== 0) visit(pfn, this.#freeOrder[pfn] - 1);
  }

  #lowestTop(): number {
    if (this.#nrTopFree === 0) return -1;
    while (this.#topFree[this.#topFrom] === 0) this.#topFrom++;
    return ((this.#topFrom << 5) + lowestBit(this.#topFree[this.#topFrom])) << MAX_ORDER;
  }

  #push(pfn: number, order: number): void {
    this.#freeOrder[pfn] = order + 1;
    if (order === MAX_ORDER) {
      const top = pfn >>> MAX_ORDER;
      this.#topFree[top >>> 5] |= 1 << (top & 31);
      if (top >>> 5 < this.#topFrom) this.#topFrom = top >>> 5;
      this.#nrTopFree++;
      return;
    }
    const head = this.#nrFrames + order;
    const first = this.#next[head];
    this.#next[pfn] = first;
    this.#prev[pfn] = head;
    this.#prev[first] = pfn;
    this.#next[head] = pfn;
    this.#listed |= 1 << order;
  }

  #remove(pfn: number, order: number): void {
    this.#freeOrder[pfn] = 0;
    if (order === MAX_ORDER) {
      const top = pfn >>> MAX_ORDER;
      this.#topFree[top >>> 5] &= ~(1 << (top & 31));
      this.#nrTopFree--;
      return;
    }
    const after = this.#next[pfn];
    const before = this.#prev[pfn];
    this.#next[before] = after;
    this.#prev[after] = before;
    if (after === before) this.#listed &= ~(1 << order);
  }
}
