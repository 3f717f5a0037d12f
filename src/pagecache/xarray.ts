// Radix trees from page index to frame, with marks; their nodes live in one arena of typed arrays that all trees of a pool
// share. Marks are per page, also within a large folio: each page of a folio has its own slot and its own mark bits. So the
// dirty bits of a folio ARE its pages' marks, and the per-folio bitmap that iomap keeps (struct iomap_folio_state) is not
// needed. Source: lib/xarray.c, Documentation/core-api/xarray.rst. Relies on buddy.ts for a bit scan.
import { lowestBit } from './buddy.ts';

/** Marks that a tree's user names 0, 1 and 2. */
export type Mark = 0 | 1 | 2;
/** A fourth plane of bits: the slot holds something. It makes "next page" and "next marked page" the same walk. */
export const PRESENT = 3;
type Plane = Mark | typeof PRESENT;

/** Highest page index. */
export const MAX_INDEX = 0xffffffff;

const SLOT_SHIFT = 6;
const SLOTS = 1 << SLOT_SHIFT;
const SLOT_MASK = SLOTS - 1;
/** Shift of the root of a tree of full height: 6 levels cover 36 bits. */
const MAX_SHIFT = 30;
const PLANES = 4;
/** Two 32-bit words a plane. */
const NODE_WORDS = PLANES * 2;
const FIRST_NODES = 64;

/** Bits [from, to) of a word, both within 0..32. */
function bitRange(from: number, to: number): number {
  if (from >= to) return 0;
  return (to === 32 ? -1 : ~(-1 << to)) & (-1 << from);
}

function popcount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Nodes of 64 slots, by number; number 0 is no node. A free node is all zeroes, so that taking one costs nothing. A plane's
 * bit in a leaf belongs to a page; higher up it says that some page below has it.
 */
export class XArrayArena {
  /** 64 a node. In a leaf (shift 0) 1 + pfn, above it a node's number; 0 is empty. */
  slots = new Int32Array(FIRST_NODES * SLOTS);
  /** 4 planes of 2 words a node. */
  bits = new Int32Array(FIRST_NODES * NODE_WORDS);
  /** Number of the node above, 0 at the root; of a free node, the next free one. */
  parent = new Int32Array(FIRST_NODES);
  /** Slot of the parent that holds this node. */
  offset = new Uint8Array(FIRST_NODES);
  /** Each slot covers 2^shift pages. */
  shift = new Uint8Array(FIRST_NODES);
  /** Nodes in use. */
  nrNodes = 0;
  #firstFree = 0;
  #nrEver = 1;

  /** An empty node. May replace the arrays: take them from the arena again afterwards. */
  alloc(shift: number): number {
    let node = this.#firstFree;
    if (node !== 0) {
      this.#firstFree = this.parent[node];
      this.parent[node] = 0;
    } else {
      node = this.#nrEver++;
      if (node === this.parent.length) this.#grow();
    }
    this.shift[node] = shift;
    this.nrNodes++;
    return node;
  }

  /** The node's slots and bits must be zero. */
  free(node: number): void {
    this.parent[node] = this.#firstFree;
    this.#firstFree = node;
    this.nrNodes--;
  }

  /** Position of the first set bit at or after `from` (0..63) in a plane of a node, or -1. */
  nextSet(node: number, plane: Plane, from: number): number {
    const at = node * NODE_WORDS + plane * 2;
    if (from < 32) {
      const low = this.bits[at] & (-1 << from);
      if (low !== 0) return lowestBit(low);
      const high = this.bits[at + 1];
      return high === 0 ? -1 : 32 + lowestBit(high);
    }
    const high = this.bits[at + 1] & (-1 << (from - 32));
    return high === 0 ? -1 : 32 + lowestBit(high);
  }

  /** Position of the first clear bit at or after `from` (0..63), or 64. */
  nextClear(node: number, plane: Plane, from: number): number {
    const at = node * NODE_WORDS + plane * 2;
    if (from < 32) {
      const low = ~this.bits[at] & (-1 << from);
      if (low !== 0) return lowestBit(low);
    }
    const high = ~this.bits[at + 1] & (from > 32 ? -1 << (from - 32) : -1);
    return high === 0 ? SLOTS : 32 + lowestBit(high);
  }

  test(node: number, plane: Plane, offset: number): boolean {
    return ((this.bits[node * NODE_WORDS + plane * 2 + (offset >>> 5)] >>> (offset & 31)) & 1) !== 0;
  }

  /** Whether the node has any bit of a plane. */
  any(node: number, plane: Plane): boolean {
    const at = node * NODE_WORDS + plane * 2;
    return (this.bits[at] | this.bits[at + 1]) !== 0;
  }

  /** Sets the given bits in a node and what follows from them above; returns how many were clear. */
  setBits(node: number, plane: Plane, low: number, high: number): number {
    const { bits, parent, offset } = this;
    const at = node * NODE_WORDS + plane * 2;
    const newLow = low & ~bits[at];
    const newHigh = high & ~bits[at + 1];
    if ((newLow | newHigh) === 0) return 0;
    const first = (bits[at] | bits[at + 1]) === 0;
    bits[at] |= newLow;
    bits[at + 1] |= newHigh;
    if (first) {
      for (let child = node, up = parent[node]; up !== 0; child = up, up = parent[up]) {
        const word = up * NODE_WORDS + plane * 2 + (offset[child] >>> 5);
        const bit = 1 << (offset[child] & 31);
        if ((bits[word] & bit) !== 0) break;
        bits[word] |= bit;
      }
    }
    return popcount(newLow) + popcount(newHigh);
  }

  /** Clears the given bits in a node and what no longer follows above; returns how many were set. */
  clearBits(node: number, plane: Plane, low: number, high: number): number {
    const { bits, parent, offset } = this;
    const at = node * NODE_WORDS + plane * 2;
    const oldLow = low & bits[at];
    const oldHigh = high & bits[at + 1];
    if ((oldLow | oldHigh) === 0) return 0;
    bits[at] &= ~oldLow;
    bits[at + 1] &= ~oldHigh;
    if ((bits[at] | bits[at + 1]) === 0) {
      for (let child = node, up = parent[node]; up !== 0; child = up, up = parent[up]) {
        const words = up * NODE_WORDS + plane * 2;
        bits[words + (offset[child] >>> 5)] &= ~(1 << (offset[child] & 31));
        if ((bits[words] | bits[words + 1]) !== 0) break;
      }
    }
    return popcount(oldLow) + popcount(oldHigh);
  }

  #grow(): void {
    const capacity = this.parent.length * 2;
    const enlarge = <T extends Int32Array | Uint8Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.slots = enlarge(this.slots, new Int32Array(capacity * SLOTS));
    this.bits = enlarge(this.bits, new Int32Array(capacity * NODE_WORDS));
    this.parent = enlarge(this.parent, new Int32Array(capacity));
    this.offset = enlarge(this.offset, new Uint8Array(capacity));
    this.shift = enlarge(this.shift, new Uint8Array(capacity));
  }
}

/**
 * One tree. Indices are 0..2^32-1, ranges are given as first index and count or as first and last (inclusive). A tree that
 * holds index 0 alone keeps it in the root, without a node; a tree is as high as its highest index needs.
 */
export class XArray {
  readonly #arena: XArrayArena;
  /** 0: empty; negative: ~pfn of the page at index 0; positive: the root node. */
  #root = 0;
  /** Marks of the page at index 0 when it stands in the root, one bit each. */
  #rootMarks = 0;

  constructor(arena: XArrayArena) {
    this.#arena = arena;
  }

  get empty(): boolean {
    return this.#root === 0;
  }

  /** Frame of the page at index, or -1. */
  load(index: number): number {
    const leaf = this.#leaf(index);
    if (leaf === 0) return this.#root < 0 && index === 0 ? ~this.#root : -1;
    return this.#arena.slots[leaf * SLOTS + (index & SLOT_MASK)] - 1;
  }

  /** Puts frames pfn, pfn + 1 .. at index, index + 1 ..; all those slots must be empty. No marks are set. */
  store(index: number, nrPages: number, pfn: number): void {
    const last = index + nrPages - 1;
    if (!(index >= 0 && last <= MAX_INDEX)) throw new Error(`internal: page index ${index} + ${nrPages} out of range`);
    const taken = this.next(PRESENT, index, last);
    if (taken >= 0) throw new Error(`internal: page ${taken} is in the tree already (EEXIST)`);
    if (this.#root === 0 && last === 0) {
      this.#root = ~pfn;
      this.#rootMarks = 0;
      return;
    }
    this.#growTo(last);
    const arena = this.#arena;
    for (let at = index, frame = pfn; at <= last; ) {
      const leaf = this.#makeLeaf(at);
      const from = at & SLOT_MASK;
      const to = Math.min(SLOTS, from + last - at + 1);
      const { slots } = arena;
      for (let slot = leaf * SLOTS + from, end = leaf * SLOTS + to; slot < end; ) slots[slot++] = ++frame;
      arena.setBits(leaf, PRESENT, bitRange(from, Math.min(to, 32)), bitRange(Math.max(from, 32) - 32, to - 32));
      at += to - from;
    }
  }

  /** Empties the slots and clears their marks; pages that are not there are no error. */
  erase(index: number, nrPages: number): void {
    const arena = this.#arena;
    if (this.#root <= 0) {
      if (index === 0 && nrPages > 0) this.#root = 0;
      return;
    }
    for (let at = index, left = nrPages; left > 0; ) {
      const from = at & SLOT_MASK;
      const to = Math.min(SLOTS, from + left);
      const leaf = this.#leaf(at);
      if (leaf !== 0) {
        const low = bitRange(from, Math.min(to, 32));
        const high = bitRange(Math.max(from, 32) - 32, to - 32);
        arena.clearBits(leaf, 0, low, high);
        arena.clearBits(leaf, 1, low, high);
        arena.clearBits(leaf, 2, low, high);
        const { slots } = arena;
        for (let slot = leaf * SLOTS + from, end = leaf * SLOTS + to; slot < end; slot++) slots[slot] = 0;
        if (arena.clearBits(leaf, PRESENT, low, high) > 0 && !arena.any(leaf, PRESENT)) this.#prune(leaf);
      }
      at += to - from;
      left -= to - from;
    }
    this.#shrink();
  }

  test(mark: Mark, index: number): boolean {
    const leaf = this.#leaf(index);
    if (leaf === 0) return this.#root < 0 && index === 0 && ((this.#rootMarks >>> mark) & 1) !== 0;
    return this.#arena.test(leaf, mark, index & SLOT_MASK);
  }

  /** Marks pages, which must be there; returns how many were not marked before. */
  mark(mark: Mark, index: number, nrPages: number): number {
    const arena = this.#arena;
    let changed = 0;
    if (this.#root < 0 && index === 0 && nrPages === 1) {
      changed = 1 - ((this.#rootMarks >>> mark) & 1);
      this.#rootMarks |= 1 << mark;
      return changed;
    }
    for (let at = index, left = nrPages; left > 0; ) {
      const from = at & SLOT_MASK;
      const to = Math.min(SLOTS, from + left);
      const leaf = this.#leaf(at);
      if (leaf === 0 || arena.nextClear(leaf, PRESENT, from) < to) {
        throw new Error(`internal: marking pages ${at}..${at + to - from - 1}, not all in the tree`);
      }
      const low = bitRange(from, Math.min(to, 32));
      const high = bitRange(Math.max(from, 32) - 32, to - 32);
      changed += arena.setBits(leaf, mark, low, high);
      at += to - from;
      left -= to - from;
    }
    return changed;
  }

  /** Clears a mark; pages that are not there are no error. Returns how many had it. */
  unmark(mark: Mark, index: number, nrPages: number): number {
    const arena = this.#arena;
    if (this.#root <= 0) {
      if (this.#root === 0 || index !== 0 || nrPages === 0) return 0;
      const had = (this.#rootMarks >>> mark) & 1;
      this.#rootMarks &= ~(1 << mark);
      return had;
    }
    const last = index + nrPages - 1;
    let changed = 0;
    for (let at = this.next(mark, index, last); at >= 0; at = this.next(mark, at, last)) {
      const leaf = this.#leaf(at);
      const from = at & SLOT_MASK;
      const to = Math.min(SLOTS, from + last - at + 1);
      changed += arena.clearBits(
        leaf,
        mark,
        bitRange(from, Math.min(to, 32)),
        bitRange(Math.max(from, 32) - 32, to - 32),
      );
      at += to - from;
    }
    return changed;
  }

  /** Gives the mark `to` to all pages in [index, last] that have `from`. */
  copyMark(from: Mark, to: Mark, index: number, last: number): void {
    const arena = this.#arena;
    if (this.#root < 0) {
      if (index === 0 && last >= 0) this.#rootMarks |= ((this.#rootMarks >>> from) & 1) << to;
      return;
    }
    for (let at = this.next(from, index, last); at >= 0; at = this.next(from, at, last)) {
      const leaf = this.#leaf(at);
      const first = at & SLOT_MASK;
      const end = Math.min(SLOTS, first + last - at + 1);
      const word = leaf * NODE_WORDS + from * 2;
      const low = arena.bits[word] & bitRange(first, Math.min(end, 32));
      const high = arena.bits[word + 1] & bitRange(Math.max(first, 32) - 32, end - 32);
      arena.setBits(leaf, to, low, high);
      at += end - first;
    }
  }

  /** First index in [index, last] that has the mark, or a page at all for PRESENT; -1 if none. */
  next(plane: Plane, index: number, last: number): number {
    if (index > last || index > MAX_INDEX) return -1;
    if (this.#root <= 0) {
      if (this.#root === 0 || index !== 0) return -1;
      return plane === PRESENT || ((this.#rootMarks >>> plane) & 1) !== 0 ? 0 : -1;
    }
    const arena = this.#arena;
    let node = this.#root;
    let shift = arena.shift[node];
    if (shift < MAX_SHIFT && index >>> (shift + SLOT_SHIFT) !== 0) return -1;
    let at = index >>> 0;
    for (;;) {
      const offset = (at >>> shift) & SLOT_MASK;
      let bit = arena.nextSet(node, plane, offset);
      if (bit !== offset) {
        while (bit < 0) {
          const above = arena.offset[node] + 1;
          node = arena.parent[node];
          if (node === 0) return -1;
          shift += SLOT_SHIFT;
          if (above < SLOTS) bit = arena.nextSet(node, plane, above);
        }
        const high = shift === MAX_SHIFT ? 0 : (at >>> (shift + SLOT_SHIFT)) << (shift + SLOT_SHIFT);
        at = (high | (bit << shift)) >>> 0;
        if (at > last) return -1;
      }
      if (shift === 0) return at;
      node = arena.slots[node * SLOTS + bit];
      shift -= SLOT_SHIFT;
    }
  }

  /** First index at or after index that lacks the mark, at most last + 1. */
  runEnd(plane: Plane, index: number, last: number): number {
    let at = index;
    if (this.#root < 0) return index === 0 && this.next(plane, 0, last) === 0 ? 1 : index;
    while (at <= last) {
      const leaf = this.#leaf(at);
      if (leaf === 0) return at;
      const from = at & SLOT_MASK;
      const end = this.#arena.nextClear(leaf, plane, from);
      at += end - from;
      if (end < SLOTS) break;
    }
    return Math.min(at, last + 1);
  }

  /** Pages from index on whose frames follow one another, at most max; 0 if index is not there. */
  adjacent(index: number, max: number): number {
    if (this.#root < 0) return index === 0 && max > 0 ? 1 : 0;
    const { slots } = this.#arena;
    const first = this.load(index);
    if (first < 0) return 0;
    let nr = 0;
    while (nr < max && index + nr <= MAX_INDEX) {
      const leaf = this.#leaf(index + nr);
      if (leaf === 0) break;
      const from = (index + nr) & SLOT_MASK;
      const end = Math.min(SLOTS, from + max - nr);
      let slot = from;
      for (let want = first + nr + 1; slot < end && slots[leaf * SLOTS + slot] === want; want++) slot++;
      nr += slot - from;
      if (slot < SLOTS) break;
    }
    return nr;
  }

  /** The leaf that would hold index, or 0. */
  #leaf(index: number): number {
    let node = this.#root;
    if (node <= 0) return 0;
    const { slots } = this.#arena;
    let shift = this.#arena.shift[node];
    if (shift < MAX_SHIFT && index >>> (shift + SLOT_SHIFT) !== 0) return 0;
    for (; shift > 0; shift -= SLOT_SHIFT) {
      node = slots[node * SLOTS + ((index >>> shift) & SLOT_MASK)];
      if (node === 0) return 0;
    }
    return node;
  }

  /** Makes the tree high enough for index. */
  #growTo(index: number): void {
    const arena = this.#arena;
    let shift = 0;
    while (shift < MAX_SHIFT && index >>> (shift + SLOT_SHIFT) !== 0) shift += SLOT_SHIFT;
    if (this.#root === 0) {
      this.#root = arena.alloc(shift);
      return;
    }
    if (this.#root < 0) {
      const leaf = arena.alloc(0);
      arena.slots[leaf * SLOTS] = ~this.#root + 1;
      arena.setBits(leaf, PRESENT, 1, 0);
      for (let mark = 0; mark < PRESENT; mark++) arena.setBits(leaf, mark as Mark, (this.#rootMarks >>> mark) & 1, 0);
      this.#root = leaf;
    }
    for (let have = arena.shift[this.#root]; have < shift; ) {
      have += SLOT_SHIFT;
      const root = arena.alloc(have);
      arena.slots[root * SLOTS] = this.#root;
      for (let plane = 0; plane < PLANES; plane++) {
        if (arena.any(this.#root, plane as Plane)) arena.setBits(root, plane as Plane, 1, 0);
      }
      arena.parent[this.#root] = root;
      arena.offset[this.#root] = 0;
      this.#root = root;
    }
  }

  /** The leaf that holds index, made with the nodes above it if need be; the tree must be high enough. */
  #makeLeaf(index: number): number {
    const arena = this.#arena;
    let node = this.#root;
    for (let shift = arena.shift[node]; shift > 0; shift -= SLOT_SHIFT) {
      const offset = (index >>> shift) & SLOT_MASK;
      let child = arena.slots[node * SLOTS + offset];
      if (child === 0) {
        child = arena.alloc(shift - SLOT_SHIFT);
        arena.slots[node * SLOTS + offset] = child;
        arena.parent[child] = node;
        arena.offset[child] = offset;
      }
      node = child;
    }
    return node;
  }

  /** Frees a node that became empty, and those above it that did; their bits have been cleared already. */
  #prune(empty: number): void {
    const arena = this.#arena;
    for (let node = empty; !arena.any(node, PRESENT); ) {
      const parent = arena.parent[node];
      if (parent === 0) this.#root = 0;
      else arena.slots[parent * SLOTS + arena.offset[node]] = 0;
      arena.free(node);
      if (parent === 0) return;
      node = parent;
    }
  }

  /** Lowers the tree while its root holds nothing but slot 0. */
  #shrink(): void {
    const arena = this.#arena;
    while (this.#root > 0) {
      const root = this.#root;
      const present = root * NODE_WORDS + PRESENT * 2;
      if (arena.bits[present] !== 1 || arena.bits[present + 1] !== 0) return;
      const only = arena.slots[root * SLOTS];
      if (arena.shift[root] > 0) {
        this.#root = only;
        arena.parent[only] = 0;
      } else {
        this.#root = ~(only - 1);
        this.#rootMarks = 0;
        for (let mark = 0; mark < PRESENT; mark++) {
          if (arena.any(root, mark as Mark)) this.#rootMarks |= 1 << mark;
        }
      }
      arena.slots[root * SLOTS] = 0;
      arena.bits.fill(0, root * NODE_WORDS, (root + 1) * NODE_WORDS);
      arena.free(root);
    }
  }
}
