// The dentry blocks of a directory that has outgrown its inode: levels of hash buckets, each of two or four blocks.
import { corrupt, F2fsError } from '../../errors.ts';
import {
  bucketBlocks,
  type DentryLayout,
  dentrySlots,
  dirBuckets,
  findRoom,
  MAX_DIR_HASH_DEPTH,
} from '../../format/dentry.ts';
import { NameBlocks } from '../../format/dentry-places.ts';
import { BlockRun } from '../../volume/block-run.ts';
import type { Volume } from '../../volume/volume.ts';
import type { BlockMap } from '../data/block-map.ts';
import type { FilePages } from '../data/file-pages.ts';
import { FrameRun } from '../data/frames.ts';
import type { Inode } from '../inode/inode.ts';
import type { Dentries, Dirent } from './dentries.ts';
import { DirectoryIndex, IndexCursor } from './directory-index.ts';
import { isDots, type StoredName } from './stored-names.ts';

/** `block` of a place within the inode. */
export const INLINE_AREA = -1;

/** Where an entry stands, or may. Good for the operation at hand, and while nobody else changes the directory. */
export interface Place {
  /** Byte offset in the pool's memory. */
  readonly area: number;
  readonly layout: DentryLayout;
  /** The page of its block, or INLINE_AREA. */
  readonly block: number;
  readonly slot: number;
  readonly hash: number;
  /** Slots that the name takes. */
  readonly slots: number;
}

export class DirectoryBlocks {
  readonly #volume: Volume;
  readonly #blockSize: number;
  /** Of a dentry block. */
  readonly #layout: DentryLayout;
  readonly #map: BlockMap;
  readonly #entry = new IndexCursor();
  readonly #run = new BlockRun();
  readonly #frame = new FrameRun();
  readonly #pages: FilePages;
  readonly #reclaimFrames: () => void;
  readonly #dentries: Dentries;
  readonly #nameBlocks = new NameBlocks();

  constructor(volume: Volume, map: BlockMap, pages: FilePages, reclaimFrames: () => void, dentries: Dentries) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#layout = volume.layout.block.dentryBlock;
    this.#map = map;
    this.#pages = pages;
    this.#reclaimFrames = reclaimFrames;
    this.#dentries = dentries;
  }

  /** The pages that i_size says there are; holes are among them. */
  nrBlocks(dir: Inode): number {
    return Math.ceil(dir.size / this.#blockSize);
  }

  /**
   * Calls `visit` with each dentry block that exists, from page `start` on, until it returns true; whether it did. It gets
   * the page and the byte offset of its frame. Room is made in memory before each.
   */
  #forEachBlock(dir: Inode, start: number, visit: (block: number, area: number) => boolean): boolean {
    const nrBlocks = this.nrBlocks(dir);
    let block = this.#nextBlock(dir, start, nrBlocks);
    if (start === 0 && block !== 0) throw corrupt('directory-first-block', { ino: dir.ino });
    for (; block < nrBlocks; block = this.#nextBlock(dir, block + 1, nrBlocks)) {
      this.#reclaimFrames();
      const pfn = this.#pages.readDirectoryPage(dir, block);
      if (pfn >= 0 && visit(block, pfn * this.#blockSize)) return true;
    }
    return false;
  }

  /** A name stands where its hash leads: elsewhere a lookup would not find it, and a copied block would count twice. */
  #forEachIn(
    dir: Inode,
    block: number,
    area: number,
    visit: (slot: number, entry: Dirent, hash: number) => boolean,
    from = 0,
  ): boolean {
    const { index, ofLevel } = bucketOfBlock(dir, block);
    const check = (slot: number, entry: Dirent, hash: number) => {
      if (hash % ofLevel === index) return visit(slot, entry, hash);
      throw corrupt('dentry-bucket', { ino: dir.ino });
    };
    return this.#dentries.forEach(dir, area, this.#layout, check, from);
  }

  /**
   * Calls `visit` with the entries from position `cursor` on, in their order, until it returns true; whether it did. Positions
   * count slots, of holes too. Room is made in memory in between. Throws EUCLEAN for what can't be an entry.
   */
  forEach(dir: Inode, cursor: number, visit: (position: number, entry: Dirent, hash: number) => boolean): boolean {
    return this.#forEachBlock(dir, Math.floor(cursor / this.#layout.slots), (block, area) => {
      const base = block * this.#layout.slots;
      const at = (slot: number, entry: Dirent, hash: number) => visit(base + slot, entry, hash);
      return this.#forEachIn(dir, block, area, at, Math.max(0, cursor - base));
    });
  }

  /**
   * The index of a directory, by the hashes that its names should have. Throws EUCLEAN when it has a name twice. Room is made in memory
   * in between.
   */
  buildIndex(dir: Inode): DirectoryIndex {
    const index = new DirectoryIndex(this.#layout.slots);
    const folding = dir.foldsCase && !dir.isEncrypted ? this.#volume.layout.folding : null;
    this.#forEachBlock(dir, 0, (block, area) => {
      let free = this.#layout.slots;
      this.#forEachIn(dir, block, area, (slot, entry, stored) => {
        const { name } = entry;
        const hash = folding === null || isDots(name) ? stored : folding.hash(name);
        if (this.findIndexed(dir, index, { bytes: name, hash, digest: null, folded: null }) !== null) {
          throw corrupt('dentry-twice', { ino: dir.ino });
        }
        index.insert(hash, block, slot);
        free -= dentrySlots(name.length);
        return false;
      });
      index.setFreeSlots(block, free);
      return false;
    });
    return index;
  }

  /** Where a name stands, by the hash levels or by the index. Source: find_in_level. */
  find(dir: Inode, name: StoredName): Place | null {
    if (dir.index !== null) return this.findIndexed(dir, dir.index, name);
    const { hash } = name;
    const blocks = this.#nameBlocks;
    // As deep as its blocks go, whatever depth it states: what a listing shows must be found.
    blocks.start(hash, dir.load().iDirLevel, this.nrBlocks(dir));
    for (let block = blocks.next(); block >= 0; block = blocks.next()) {
      const pfn = this.#pages.readDirectoryPage(dir, block);
      if (pfn < 0) continue;
      const area = pfn * this.#blockSize;
      const slot = this.#dentries.find(dir, area, this.#layout, name);
      if (slot >= 0) return this.#placeAt(area, block, slot, hash);
    }
    return null;
  }

  /** Where a name stands, whatever its hash; for directories with names that an older kernel folded in another way. As `forEach`. */
  findAnywhere(dir: Inode, name: StoredName): Place | null {
    let place: Place | null = null;
    this.#forEachBlock(dir, 0, (block, area) => {
      const slot = this.#dentries.find(dir, area, this.#layout, name, false);
      if (slot >= 0) place = this.#placeAt(area, block, slot, name.hash);
      return slot >= 0;
    });
    return place;
  }

  findIndexed(dir: Inode, index: DirectoryIndex, name: StoredName): Place | null {
    const { hash } = name;
    const entry = this.#entry;
    for (let isThere = index.first(hash, entry); isThere; isThere = index.next(hash, entry)) {
      const { block, slot } = entry;
      const area = this.#pages.readDirectoryPage(dir, block) * this.#blockSize;
      if (this.#dentries.sameName(area, this.#layout, slot, name)) return this.#placeAt(area, block, slot, hash);
    }
    return null;
  }

  #placeAt(area: number, block: number, slot: number, hash: number): Place {
    const slots = this.#dentries.slotsAt(area, this.#layout, slot);
    return { area, layout: this.#layout, block, slot, hash, slots };
  }

  /** Room for a name of so many slots; the directory may have a block more then. Throws ENOSPC. Source: f2fs_add_regular_entry. */
  placeDentry(dir: Inode, index: DirectoryIndex, slots: number, hash: number): Place {
    const { bytes } = this.#volume.pool;
    const blocks = this.#nameBlocks;
    const inNewBlock = this.#layout.slots;
    blocks.start(hash, dir.load().iDirLevel);
    for (
      let block = blocks.nextWithRoom(slots, index, inNewBlock);
      block >= 0;
      block = blocks.nextWithRoom(slots, index, inNewBlock)
    ) {
      const area = this.blockForChange(dir, block) * this.#blockSize;
      const slot = findRoom(bytes, area, slots, this.#layout);
      if (slot >= 0) return { area, layout: this.#layout, block, slot, hash, slots };
    }
    throw new F2fsError('ENOSPC', 'the directory has all the hash levels that it can have', { ino: dir.ino });
  }

  /** The frame of a directory's block, made when it does not exist; reserved on disk. */
  blockForChange(dir: Inode, block: number): number {
    const there = this.#pages.readDirectoryPage(dir, block);
    if (there >= 0) {
      this.#pages.waitStable(dir, block, 1);
      return there;
    }
    const pfn = this.#pages.allocate(block, 1, this.#frame);
    try {
      this.#map.reserve(dir, block, 1);
    } catch (error) {
      this.#pages.discard(pfn, 1);
      throw error;
    }
    this.#volume.pool.zero(pfn, 1);
    dir.pages.insert(block, pfn);
    this.#pages.setDirty(dir, block, 1);
    const raw = dir.change();
    if (raw.iSize < (block + 1) * this.#blockSize) raw.iSize = (block + 1) * this.#blockSize;
    return pfn;
  }

  /** Waits until the block of an entry may be changed. */
  waitStable(dir: Inode, { block }: Place): void {
    this.#pages.waitStable(dir, block, 1);
  }

  /** An entry was put into a block. */
  added(dir: Inode, { block, slot, hash, slots }: Place): void {
    const raw = dir.change();
    const { level } = bucketOfBlock(dir, block);
    if (raw.iCurrentDepth < level + 1) raw.iCurrentDepth = level + 1;
    this.#pages.setDirty(dir, block, 1);
    if (dir.index === null) return;
    dir.index.insert(hash, block, slot);
    dir.index.setFreeSlots(block, dir.index.freeSlots(block, this.#layout.slots) - slots);
  }

  /** An entry of a block leads to another inode. */
  changed(dir: Inode, { block }: Place): void {
    this.#pages.setDirty(dir, block, 1);
  }

  /** An entry was taken out of a block; one that is empty then becomes a hole. */
  removed(dir: Inode, { area, layout, block, slot, hash, slots }: Place): void {
    this.#pages.setDirty(dir, block, 1);
    const { index } = dir;
    if (index !== null) {
      index.remove(hash, block, slot);
      index.setFreeSlots(block, index.freeSlots(block, this.#layout.slots) + slots);
    }
    if (this.#dentries.isEmpty(area, layout)) this.#free(dir, block);
  }

  /** Gives an empty block back. What can't be read for that is no reason to fail: the block stays, empty. */
  #free(dir: Inode, block: number): void {
    try {
      this.#map.punch(dir, block, 1);
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code === 'EUCLEAN') throw error;
      return;
    }
    dir.pages.truncate(block, block + 1);
  }

  /** The first block from `block` on that is not a hole on disk, so that a huge i_size costs no time. */
  #nextBlock(dir: Inode, block: number, nrBlocks: number): number {
    let at = block;
    while (at < nrBlocks && !dir.pages.has(at)) {
      this.#map.lookup(dir, at, nrBlocks - at, this.#run);
      if (this.#run.blkaddr !== 0) break;
      const next = dir.pages.nextPresent(at, at + this.#run.count);
      at = next >= 0 ? next : at + this.#run.count;
    }
    return at;
  }
}

/** Which bucket of which level a block belongs to, and how many the level has. */
function bucketOfBlock(dir: Inode, block: number): { level: number; index: number; ofLevel: number } {
  const { iDirLevel } = dir.load();
  let rest = block;
  for (let level = 0; level < MAX_DIR_HASH_DEPTH; level++) {
    const ofLevel = dirBuckets(level, iDirLevel);
    const blocks = ofLevel * bucketBlocks(level);
    if (rest < blocks) return { level, index: Math.floor(rest / bucketBlocks(level)), ofLevel };
    rest -= blocks;
  }
  throw corrupt('directory-levels', { ino: dir.ino }, block);
}
