// The page frames of a mount: one shared memory of fixed size, cut into frames of a page, handed out as folios, and taken back
// from their address spaces, least recently used first. Relies on buddy.ts, xarray.ts (for the arena), size-text.ts and errors.ts.
import { F2fsError } from '../errors.ts';
import { DEFAULT_BLOCK_SIZE } from '../format/block-size.ts';
import { shortSize } from '../size-text.ts';
import { Buddy, MAX_ORDER } from './buddy.ts';
import { XArrayArena } from './xarray.ts';
import { zero } from './zero.ts';

/** Pages of the largest folio: 2 MiB where a page has 4 KiB. */
export const MAX_FOLIO_PAGES = 1 << MAX_ORDER;

/** Bytes of a page cache unless told otherwise, and its fewest pages then. */
const DEFAULT_BUDGET = 128 * 1024 * 1024;
const DEFAULT_MIN_PAGES = 4 * 1024;
/** The fewest pages that a page cache can have. */
export const MIN_PAGES = 1024;
/** The fewest bytes that a page cache can have, where a page has 4 KiB. */
export const MIN_BUDGET = MIN_PAGES * DEFAULT_BLOCK_SIZE;
/** The most bytes that a page cache can have: what a 32-bit WebAssembly.Memory can hold. */
export const MAX_BUDGET = 2 ** 32;
const WASM_PAGE = 65536;

/** folioOrder of a frame that is the first of no folio. */
const NOT_A_FOLIO = 0xff;
const REFERENCED = 1;

/** A WebAssembly.Memory made with `shared: true`; @types/node does not describe it, and lib.dom says ArrayBuffer. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
type SharedMemoryConstructor = new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;

/**
 * Page-aligned, of fixed size, zero pages on demand; rounded up to whole 64 KiB. Throws ENOMEM for `what`, with `cure` where that may
 * help.
 */
export function makeSharedMemory(sizeBytes: number, what: string, cure: string): SharedMemory {
  const nrWasmPages = Math.ceil(sizeBytes / WASM_PAGE);
  try {
    return newMemory(nrWasmPages);
  } catch (cause) {
    const message = `there is no memory for ${what} of ${shortSize(sizeBytes)}`;
    throw new F2fsError('ENOMEM', `${message}: ${mayHaveAny() ? cure : ADDRESS_SPACE}`, { cause });
  }
}

function newMemory(nrWasmPages: number): SharedMemory {
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: SharedMemoryConstructor } }).WebAssembly;
  return new Memory({ initial: nrWasmPages, maximum: nrWasmPages, shared: true });
}

/** Engines reserve the addresses that any shared memory could reach, and guards around them. */
const ADDRESS_SPACE =
  'a process needs some 10 GiB of address space for one of any size: is there a limit, as ulimit -v sets?';

function mayHaveAny(): boolean {
  try {
    newMemory(1);
    return true;
  } catch {
    return false;
  }
}

/** What reclaim asks of the address space that holds a folio. */
export interface FolioOwner {
  /** Whether a page of [index, index + nrPages) is dirty. */
  isDirty(index: number, nrPages: number): boolean;
  underWriteback(index: number, nrPages: number): boolean;
  /** Takes the pages out of the tree; the pool frees the frames. */
  forget(index: number, nrPages: number): void;
}

/**
 * All page frames of one mount. A frame is named by its number, pfn; its bytes are at pfn * pageSize. A folio is a naturally
 * aligned run of 1, 2, 4 .. 512 frames, aligned the same way in its file. Nobody pins a frame: frames go away only in
 * `reclaim`, which is called between operations, and when their owner drops them. The metadata is indexed by pfn and holds
 * for the first frame of a folio ("head") unless said otherwise. Source: struct folio, mm/vmscan.c.
 */
export class FramePool {
  readonly memory: SharedMemory;
  /** All frames. Shared memory: TextDecoder and some web calls want a copy; node:fs reads and writes it in place. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of a page, and of the frame that holds it: those of the volume's blocks, as on Linux. */
  readonly pageSize: number;
  readonly nrFrames: number;
  /** Pages tagged dirty over all address spaces; kept by AddressSpace. */
  nrDirty = 0;
  /** Nodes of all trees over this pool; for AddressSpace. */
  readonly arena = new XArrayArena();

  readonly #buddy: Buddy;
  readonly #pages: (Uint8Array | undefined)[];
  /** Of every frame in use: the order of its folio. */
  readonly #order: Uint8Array;
  readonly #flags: Uint8Array;
  /** Id of the owner, 0 for none. */
  readonly #mapping: Int32Array;
  /** Page index of the head within its owner. */
  readonly #index: Uint32Array;
  /** Circular list of folios with an owner, least recently used first; entry nrFrames is the list's head. */
  readonly #lruNext: Int32Array;
  readonly #lruPrev: Int32Array;
  #nrFolios = 0;
  readonly #owners: (FolioOwner | null)[] = [null];
  readonly #freeIds: number[] = [];

  /**
   * @param budgetBytes rounded down to whole folios of the largest size; frames never touched cost no memory
   * @param pageSize bytes
   * @throws F2fsError EINVAL below 1024 pages or above 4 GiB, ENOMEM if the address space cannot be had
   */
  constructor(budgetBytes?: number, pageSize = DEFAULT_BLOCK_SIZE) {
    const budget = budgetBytes ?? Math.max(DEFAULT_BUDGET, DEFAULT_MIN_PAGES * pageSize);
    if (!(budget >= MIN_PAGES * pageSize && budget <= MAX_BUDGET)) {
      const least = shortSize(MIN_PAGES * pageSize);
      throw new F2fsError('EINVAL', `invalid cacheBytes ${budget}: expected ${least} to 4 GiB`);
    }
    const nrFrames = Math.floor(budget / (MAX_FOLIO_PAGES * pageSize)) * MAX_FOLIO_PAGES;
    const size = nrFrames * pageSize;
    this.pageSize = pageSize;
    this.memory = makeSharedMemory(size, 'a page cache', 'give a smaller one');
    this.nrFrames = nrFrames;
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.#buddy = new Buddy(nrFrames);
    this.#pages = new Array<Uint8Array | undefined>(nrFrames);
    this.#order = new Uint8Array(nrFrames).fill(NOT_A_FOLIO);
    this.#flags = new Uint8Array(nrFrames);
    this.#mapping = new Int32Array(nrFrames);
    this.#index = new Uint32Array(nrFrames);
    this.#lruNext = new Int32Array(nrFrames + 1);
    this.#lruPrev = new Int32Array(nrFrames + 1);
    this.#lruNext[nrFrames] = nrFrames;
    this.#lruPrev[nrFrames] = nrFrames;
  }

  /** Frames that belong to no folio. */
  get freeFrames(): number {
    return this.#buddy.nrFree;
  }

  /**
   * Says that whoever is worked for holds no pfn, and takes up to `_reserve` frames before this is said again. Nothing comes
   * of it here: a CheckedFramePool holds them to it.
   */
  beginStep(_reserve: number): void {}

  /**
   * A run of nrPages (1..512) adjacent frames, cut into folios of descending powers of two (5 becomes 4 + 1). The run begins
   * at a multiple of the next power of two; what is left of that block stays free. The contents are whatever was there.
   * @returns the first frame, or -1 if no free block is large enough, which can be so with many frames free: ask for
   *   `largestRun` or less, or reclaim
   */
  allocRun(nrPages: number): number {
    if (nrPages === 1) {
      const pfn = this.#buddy.alloc(0);
      if (pfn >= 0) this.#order[pfn] = 0;
      return pfn;
    }
    if (!(nrPages > 1 && nrPages <= MAX_FOLIO_PAGES)) throw new Error(`internal: allocRun of ${nrPages} pages`);
    const blockOrder = 32 - Math.clz32(nrPages - 1);
    const first = this.#buddy.alloc(blockOrder);
    if (first < 0) return -1;
    let at = first;
    for (let left = nrPages; left > 0; ) {
      const order = 31 - Math.clz32(left);
      this.#describe(at, order);
      at += 1 << order;
      left -= 1 << order;
    }
    this.#buddy.freeTail(at, first + (1 << blockOrder));
    return first;
  }

  /** The most pages that allocRun would give now, a power of two up to 512; 0 if no frame is free. */
  get largestRun(): number {
    return this.#buddy.largest;
  }

  /** Order of the folio that holds pfn: it has 2^order frames. pfn must be in use. */
  folioOrder(pfn: number): number {
    return this.#order[pfn];
  }

  /** First frame of the folio that holds pfn. pfn must be in use. */
  folioHead(pfn: number): number {
    return pfn & (-1 << this.#order[pfn]);
  }

  /** Page index of the folio's first page within its address space. */
  folioIndex(pfn: number): number {
    return this.#index[this.folioHead(pfn)];
  }

  /** Gives back a folio that is in no address space (those in one go by truncate or reclaim). */
  freeFolio(head: number): void {
    this.unownedPages(head);
    this.#buddy.free(head, this.#order[head]);
    this.#order[head] = NOT_A_FOLIO;
  }

  /** The bytes of one frame; the same view at every call. */
  page(pfn: number): Uint8Array {
    return (this.#pages[pfn] ??= this.bytes.subarray(pfn * this.pageSize, (pfn + 1) * this.pageSize));
  }

  /** Fills nrPages frames with zeroes. */
  zero(pfn: number, nrPages: number): void {
    zero(this.bytes, pfn * this.pageSize, (pfn + nrPages) * this.pageSize);
  }

  /**
   * Evicts clean folios, least recently used first, until `target` frames are free. A folio found since the last scan gets
   * a second chance; dirty ones stay, and those under writeback too, unless `settle` ends the oldest write there is: so what
   * goes does not depend on how fast writes are. Each folio is looked at twice at most.
   * @param settle waits for the oldest write under way; false when there is none
   * @returns whether target frames are free now
   */
  reclaim(target: number, settle: () => boolean = () => false): boolean {
    for (let scan = 2 * this.#nrFolios; scan > 0 && this.freeFrames < target; scan--) {
      const head = this.#lruNext[this.nrFrames];
      if (head === this.nrFrames) break;
      const owner = this.#owners[this.#mapping[head]]!;
      const nrPages = 1 << this.#order[head];
      const index = this.#index[head];
      const referenced = (this.#flags[head] & REFERENCED) !== 0;
      let busy = referenced;
      while (!busy && owner.underWriteback(index, nrPages)) busy = !settle();
      if (busy || owner.isDirty(index, nrPages)) {
        this.#flags[head] = 0;
        this.#lruUnlink(head);
        this.#lruLinkAfter(head, this.#lruPrev[this.nrFrames]);
        continue;
      }
      owner.forget(index, nrPages);
      this.unmap(head);
      this.freeFolio(head);
    }
    return this.freeFrames >= target;
  }

  // What follows is for AddressSpace.

  /** A number by which folios name their owner; numbers given back come again. */
  register(owner: FolioOwner): number {
    const id = this.#freeIds.pop() ?? this.#owners.length;
    this.#owners[id] = owner;
    return id;
  }

  unregister(id: number): void {
    this.#owners[id] = null;
    this.#freeIds.push(id);
  }

  /** Pages of the folio that begins at head and has no owner; anything else is an internal error. */
  unownedPages(head: number): number {
    const order = this.#order[head];
    if (!(order <= MAX_ORDER) || (head & ((1 << order) - 1)) !== 0) {
      throw new Error(`internal: frame ${head} is not the first of a folio`);
    }
    if (this.#mapping[head] !== 0) throw new Error(`internal: folio at frame ${head} is in an address space`);
    return 1 << order;
  }

  /** Says whose the folio is, and puts it at the recently used end. */
  map(head: number, id: number, index: number): void {
    this.#mapping[head] = id;
    this.#index[head] = index;
    this.#flags[head] = 0;
    this.#lruLinkAfter(head, this.#lruPrev[this.nrFrames]);
    this.#nrFolios++;
  }

  unmap(head: number): void {
    this.#mapping[head] = 0;
    this.#lruUnlink(head);
    this.#nrFolios--;
  }

  /** Marks the folio that holds pfn as used since the last scan. */
  touch(pfn: number): void {
    this.#flags[pfn & (-1 << this.#order[pfn])] = REFERENCED;
  }

  /** Makes pfn the first frame of a folio, by halving the folio that holds it as often as needed. Nothing is copied. */
  splitAt(pfn: number): void {
    for (let head = this.folioHead(pfn); head !== pfn; head = this.folioHead(pfn)) {
      const order = this.#order[head] - 1;
      const upper = head + (1 << order);
      this.#describe(head, order);
      this.#describe(upper, order);
      this.#mapping[upper] = this.#mapping[head];
      this.#index[upper] = this.#index[head] + (1 << order);
      this.#flags[upper] = this.#flags[head];
      if (this.#mapping[head] === 0) continue;
      this.#lruLinkAfter(upper, head);
      this.#nrFolios++;
    }
  }

  #describe(head: number, order: number): void {
    this.#order.fill(order, head, head + (1 << order));
  }

  #lruLinkAfter(head: number, before: number): void {
    const after = this.#lruNext[before];
    this.#lruNext[head] = after;
    this.#lruPrev[head] = before;
    this.#lruPrev[after] = head;
    this.#lruNext[before] = head;
  }

  #lruUnlink(head: number): void {
    const after = this.#lruNext[head];
    const before = this.#lruPrev[head];
    this.#lruNext[before] = after;
    this.#lruPrev[after] = before;
  }
}
