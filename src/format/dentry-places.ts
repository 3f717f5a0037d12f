// Where names go in the blocks of a directory: those that a hash leads to, and the places of names that are added one after the other.
import { bucketBlocks, dentrySlots, dirBuckets, MAX_DIR_HASH_DEPTH } from './dentry.ts';

/** Knows how many slots the blocks of a directory have free. */
interface FreeSlots {
  /** `whenAbsent` for a block that does not exist. */
  freeSlots(block: number, whenAbsent: number): number;
}

/** The blocks where a name of some hash may stand, in the order in which it is looked for. To be reused. Source: find_in_level. */
export class NameBlocks {
  #hash = 0;
  #dirLevel = 0;
  #nrBlocks = 0;
  #level = 0;
  /** First block of the level that comes next. */
  #levelStart = 0;
  #block = 0;
  /** Behind the last block of the bucket at hand. */
  #end = 0;

  /** Begins anew; blocks from `nrBlocks` on are left out. */
  start(hash: number, dirLevel: number, nrBlocks = Number.POSITIVE_INFINITY): void {
    this.#hash = hash;
    this.#dirLevel = dirLevel;
    this.#nrBlocks = nrBlocks;
    this.#level = 0;
    this.#levelStart = 0;
    this.#block = 0;
    this.#end = 0;
  }

  /** The next block, or -1. */
  next(): number {
    if (++this.#block < this.#end) return this.#block;
    while (this.#level < MAX_DIR_HASH_DEPTH && this.#levelStart < this.#nrBlocks) {
      const buckets = dirBuckets(this.#level, this.#dirLevel);
      const ofBucket = bucketBlocks(this.#level);
      this.#block = this.#levelStart + (this.#hash % buckets) * ofBucket;
      this.#end = Math.min(this.#block + ofBucket, this.#nrBlocks);
      this.#levelStart += buckets * ofBucket;
      this.#level++;
      if (this.#block < this.#end) return this.#block;
    }
    return -1;
  }

  /** The next block with so many free slots, or -1; one that does not exist has `inNewBlock`. Source: f2fs_add_regular_entry. */
  nextWithRoom(slots: number, free: FreeSlots, inNewBlock: number): number {
    let block = this.next();
    while (block >= 0 && free.freeSlots(block, inNewBlock) < slots) block = this.next();
    return block;
  }
}

/**
 * The places in blocks of names that are added to a directory of hash level 0 which loses none. Names that left an inode when it was full
 * stand where they would have stood without it: in block 0, one behind the other.
 */
export class DentryPlaces {
  readonly #dentriesPerBlock: number;
  /** Free slots of the blocks that exist. */
  readonly #free = new Map<number, number>();
  readonly #nameBlocks = new NameBlocks();
  /** Where the last name was put: its block, and its first slot. */
  block = 0;
  slot = 0;

  /** @param used slots of block 0 that are taken already, by `.` and `..` at least */
  constructor(used: number, dentriesPerBlock: number) {
    this.#dentriesPerBlock = dentriesPerBlock;
    this.#free.set(0, dentriesPerBlock - used);
  }

  /** Places a name of `nameLen` bytes with that hash. */
  add(nameLen: number, hash: number): void {
    const slots = dentrySlots(nameLen);
    this.#nameBlocks.start(hash, 0);
    this.block = this.#nameBlocks.nextWithRoom(slots, this, this.#dentriesPerBlock);
    const free = this.freeSlots(this.block, this.#dentriesPerBlock);
    this.slot = this.#dentriesPerBlock - free;
    this.#free.set(this.block, free - slots);
  }

  freeSlots(block: number, whenAbsent: number): number {
    return this.#free.get(block) ?? whenAbsent;
  }

  /** The blocks that exist, in ascending order. */
  blocks(): number[] {
    return [...this.#free.keys()].sort((a, b) => a - b);
  }
}
