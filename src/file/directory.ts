// Directories: names to inodes, first within the inode, then in dentry blocks arranged in levels of hash buckets.
import { corrupt, F2fsError } from '../errors.ts';
import { BLKSIZE, NAME_LEN_MAX } from '../format/constants.ts';
import {
  bucketBlocks,
  DENTRY_BLOCK,
  type DentryLayout,
  DIR_ENTRY_SIZE,
  DirEntry,
  dentrySlots,
  dirBlockIndex,
  dirBuckets,
  FT,
  findRoom,
  inlineDentryLayout,
  MAX_DIR_HASH_DEPTH,
  NR_DENTRY_IN_BLOCK,
  SLOT_LEN,
} from '../format/dentry.ts';
import { nameHash } from '../format/hash.ts';
import { ADVISE, I_FLAGS, INLINE } from '../format/inode.ts';
import type { Volume } from '../volume/volume.ts';
import type { BlockMap } from './block-map.ts';
import { DirectoryIndex } from './directory-index.ts';
import type { FilePages } from './file-pages.ts';
import type { Inode } from './inode.ts';

const HASH = DirEntry.offsets.hashCode;
const INO = DirEntry.offsets.ino;
const NAME_LEN = DirEntry.offsets.nameLen;
const FILE_TYPE = DirEntry.offsets.fileType;
const SLASH = 0x2f;
const DOT = 0x2e;

/** One name of a directory. */
export interface Dirent {
  readonly name: Uint8Array;
  readonly ino: number;
  /** FT.* of the inode, as the entry has it. */
  readonly fileType: number;
}

/** Which of a level's buckets a block belongs to. */
interface Bucket {
  index: number;
  /** Buckets of the level. */
  ofLevel: number;
}

/** Where an entry stands: the byte offset of its block in the pool's memory, the block's page, the slot. */
interface Place {
  area: number;
  block: number;
  slot: number;
}

/** Throws ENAMETOOLONG or EINVAL for bytes that can't be a name. */
export function checkName(name: Uint8Array): void {
  if (name.length > NAME_LEN_MAX) {
    throw new F2fsError('ENAMETOOLONG', `a name of ${name.length} bytes is too long: 255 is the limit`);
  }
  if (name.length === 0 || name.includes(SLASH) || name.includes(0) || isDots(name)) {
    throw new F2fsError('EINVAL', `"${Buffer.from(name).toString()}" can't be the name of a file`);
  }
}

/** `.` or `..`. */
export function isDots(name: Uint8Array): boolean {
  return name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
}

export class Directories {
  readonly #volume: Volume;
  readonly #map: BlockMap;
  readonly #pages: FilePages;

  constructor(volume: Volume, map: BlockMap, pages: FilePages) {
    this.#volume = volume;
    this.#map = map;
    this.#pages = pages;
  }

  /** Gives a new directory its `.` and `..`, inline. Source: make_empty_inline_dir. */
  makeEmpty(dir: Inode, parentIno: number): void {
    const raw = dir.change();
    raw.iInline |= INLINE.DENTRY;
    raw.iSize = dir.maxInlineData;
    const layout = inlineDentryLayout(dir.maxInlineData);
    const area = dir.inlineOffset;
    this.#put(area, layout, 0, Uint8Array.of(0x2e), 0, dir.ino, FT.DIR);
    this.#put(area, layout, 1, Uint8Array.of(0x2e, 0x2e), 0, parentIno, FT.DIR);
  }

  /** The inode number and type of a name, or null. `.` and `..` are found as they stand. */
  lookup(dir: Inode, name: Uint8Array): Dirent | null {
    if ((dir.load().iFlags & I_FLAGS.CASEFOLD) !== 0) return this.#search(dir, name);
    const hash = nameHash(name);
    const inline = dir.hasInline(INLINE.DENTRY);
    if (inline) {
      const layout = inlineDentryLayout(dir.maxInlineData);
      const area = dir.inlineOffset;
      const slot = this.#findSlot(dir, area, layout, name, hash);
      return slot < 0 ? null : this.#entry(dir, area, layout, slot);
    }
    if (dir.index !== null) {
      const place = this.#findIndexed(dir, dir.index, name, hash);
      return place === null ? null : this.#entry(dir, place.area, DENTRY_BLOCK, place.slot);
    }
    const raw = dir.load();
    const { iCurrentDepth, iDirLevel } = raw;
    const nrBlocks = this.#nrBlocks(dir);
    for (let level = 0; level < iCurrentDepth; level++) {
      const first = dirBlockIndex(level, iDirLevel, hash % dirBuckets(level, iDirLevel));
      for (let block = first; block < Math.min(first + bucketBlocks(level), nrBlocks); block++) {
        const pfn = this.#pages.readDirectoryPage(dir, block);
        if (pfn < 0) continue;
        const slot = this.#findSlot(dir, pfn * BLKSIZE, DENTRY_BLOCK, name, hash);
        if (slot >= 0) return this.#entry(dir, pfn * BLKSIZE, DENTRY_BLOCK, slot);
      }
    }
    return null;
  }

  /** Finds a name as it is spelt in a case-folding directory, which arranges names by a hash that is not known here. */
  #search(dir: Inode, name: Uint8Array): Dirent | null {
    let found: Dirent | null = null;
    this.forEach(dir, (entry) => {
      if (Buffer.compare(entry.name, name) === 0) found = entry;
    });
    return found;
  }

  /**
   * Calls `visit` with every entry, `.` and `..` too, in the order of their slots. Throws EUCLEAN for an entry that
   * can't be one.
   */
  forEach(dir: Inode, visit: (entry: Dirent) => void): void {
    if (dir.hasInline(INLINE.DENTRY)) {
      this.#forEachIn(dir, dir.inlineOffset, inlineDentryLayout(dir.maxInlineData), (_slot, entry) => visit(entry));
      return;
    }
    this.#forEachBlock(dir, (_block, area, bucket) => {
      this.#forEachIn(dir, area, DENTRY_BLOCK, (_slot, entry, hash) => {
        this.#checkBucket(dir, bucket, hash);
        visit(entry);
      });
    });
  }

  /** Whether there are only `.` and `..` in it. Source: f2fs_empty_dir. */
  isEmpty(dir: Inode): boolean {
    let isEmpty = true;
    this.forEach(dir, ({ name }) => {
      if (!isDots(name)) isEmpty = false;
    });
    return isEmpty;
  }

  /**
   * Adds a name. Throws EEXIST when it is there, ENOSPC. The caller sees to links and times.
   * Source: f2fs_add_dentry.
   */
  add(dir: Inode, name: Uint8Array, ino: number, fileType: number): void {
    const hash = nameHash(name);
    if (dir.hasInline(INLINE.DENTRY)) {
      const layout = inlineDentryLayout(dir.maxInlineData);
      const area = dir.inlineOffset;
      if (this.#findSlot(dir, area, layout, name, hash) >= 0) throw exists(name);
      const slot = findRoom(this.#volume.pool.bytes, area, dentrySlots(name.length), layout);
      if (slot >= 0) {
        dir.change();
        this.#put(area, layout, slot, name, hash, ino, fileType);
        return;
      }
      this.#convertInline(dir);
    }
    dir.index ??= this.#buildIndex(dir);
    if (this.#findIndexed(dir, dir.index, name, hash) !== null) throw exists(name);
    this.#addToBlocks(dir, dir.index, name, hash, ino, fileType);
  }

  /** Removes a name that is there. The caller sees to links and times. Source: f2fs_delete_entry. */
  remove(dir: Inode, name: Uint8Array): void {
    const hash = nameHash(name);
    const slots = dentrySlots(name.length);
    if (dir.hasInline(INLINE.DENTRY)) {
      const layout = inlineDentryLayout(dir.maxInlineData);
      const area = dir.inlineOffset;
      dir.change();
      this.#clear(area, this.#findSlot(dir, area, layout, name, hash), slots);
      return;
    }
    dir.index ??= this.#buildIndex(dir);
    const index = dir.index;
    const place = this.#findIndexed(dir, index, name, hash);
    if (place === null) throw new F2fsError('ENOENT', `"${Buffer.from(name).toString()}" does not exist`);
    this.#pages.waitStable(dir, place.block, 1);
    this.#clear(place.area, place.slot, slots);
    this.#pages.setDirty(dir, place.block, 1);
    index.remove(hash, place.block, place.slot);
    index.setFreeSlots(place.block, index.freeSlots(place.block, NR_DENTRY_IN_BLOCK) + slots);
  }

  #clear(area: number, slot: number, slots: number): void {
    const { bytes } = this.#volume.pool;
    for (let i = slot; i < slot + slots; i++) bytes[area + (i >>> 3)] &= ~(1 << (i & 7));
  }

  /** Source: f2fs_add_regular_entry. */
  #addToBlocks(dir: Inode, index: DirectoryIndex, name: Uint8Array, hash: number, ino: number, fileType: number): void {
    const { bytes } = this.#volume.pool;
    const slots = dentrySlots(name.length);
    const { iDirLevel } = dir.load();
    for (let level = 0; level < MAX_DIR_HASH_DEPTH; level++) {
      const first = dirBlockIndex(level, iDirLevel, hash % dirBuckets(level, iDirLevel));
      for (let block = first; block < first + bucketBlocks(level); block++) {
        if (index.freeSlots(block, NR_DENTRY_IN_BLOCK) < slots) continue;
        const area = this.#blockForChange(dir, block) * BLKSIZE;
        const slot = findRoom(bytes, area, slots, DENTRY_BLOCK);
        if (slot < 0) continue;
        const raw = dir.change();
        if (raw.iCurrentDepth < level + 1) raw.iCurrentDepth = level + 1;
        if (raw.iSize < (block + 1) * BLKSIZE) raw.iSize = (block + 1) * BLKSIZE;
        this.#put(area, DENTRY_BLOCK, slot, name, hash, ino, fileType);
        this.#pages.setDirty(dir, block, 1);
        index.insert(hash, block, slot);
        index.setFreeSlots(block, index.freeSlots(block, NR_DENTRY_IN_BLOCK) - slots);
        return;
      }
    }
    throw new F2fsError('ENOSPC', 'the directory has all the hash levels that it can have', { ino: dir.ino });
  }

  /** The frame of a directory's block, made when it does not exist; reserved on disk. */
  #blockForChange(dir: Inode, block: number): number {
    const there = this.#pages.readDirectoryPage(dir, block);
    if (there >= 0) {
      this.#pages.waitStable(dir, block, 1);
      return there;
    }
    this.#map.reserve(dir, block, 1);
    const pfn = this.#pages.allocate(block, 1);
    this.#volume.pool.zero(pfn, 1);
    dir.pages.insert(block, pfn);
    this.#pages.setDirty(dir, block, 1);
    return pfn;
  }

  /**
   * Moves inline dentries out of the inode: to block 0 as they are, when level 0 has that one bucket, else each to its
   * own. Source: f2fs_move_inline_dirents, f2fs_add_inline_entries.
   */
  #convertInline(dir: Inode): void {
    const { space } = this.#volume;
    const { bytes } = this.#volume.pool;
    const from = inlineDentryLayout(dir.maxInlineData);
    const area = dir.inlineOffset;
    const rehash = dir.load().iDirLevel > 0;
    const entries: Dirent[] = [];
    if (rehash) this.#forEachIn(dir, area, from, (_slot, entry) => entries.push(entry));
    // Once the inline entries are gone from the inode nothing may fail for want of a block.
    // A rehashed entry may need a block and three nodes on the way to it.
    const needed = Math.max(1, 4 * entries.length);
    space.reserveBlocks(needed);
    space.releaseBlocks(needed);
    const inline = bytes.slice(area, area + from.size);
    const raw = dir.change();
    bytes.fill(0, area - 4, area + from.size);
    raw.iInline &= ~INLINE.DENTRY;
    raw.iCurrentDepth = 1;
    raw.iSize = BLKSIZE;
    if (rehash) {
      const index = new DirectoryIndex();
      for (const { name, ino, fileType } of entries) this.#addToBlocks(dir, index, name, nameHash(name), ino, fileType);
      return;
    }
    const block = this.#blockForChange(dir, 0) * BLKSIZE;
    bytes.set(inline.subarray(0, from.bitmapBytes), block);
    bytes.set(inline.subarray(from.entries, from.entries + from.slots * DIR_ENTRY_SIZE), block + DENTRY_BLOCK.entries);
    bytes.set(inline.subarray(from.names), block + DENTRY_BLOCK.names);
  }

  #buildIndex(dir: Inode): DirectoryIndex {
    const index = new DirectoryIndex();
    this.#forEachBlock(dir, (block, area, bucket) => {
      let free = NR_DENTRY_IN_BLOCK;
      this.#forEachIn(dir, area, DENTRY_BLOCK, (slot, entry, hash) => {
        this.#checkBucket(dir, bucket, hash);
        if (this.#findIndexed(dir, index, entry.name, hash) !== null) {
          throw corrupt(`directory ${dir.ino} is damaged: it has a name twice`, { ino: dir.ino });
        }
        index.insert(hash, block, slot);
        free -= dentrySlots(entry.name.length);
      });
      index.setFreeSlots(block, free);
    });
    return index;
  }

  /** Calls `visit` with each dentry block that exists: its page, the byte offset of its frame, the bucket it belongs to. */
  #forEachBlock(dir: Inode, visit: (block: number, area: number, bucket: Bucket) => void): void {
    const nrBlocks = this.#nrBlocks(dir);
    const { iDirLevel } = dir.load();
    let block = this.#nextBlock(dir, 0, nrBlocks);
    if (block !== 0) throw corrupt(`directory ${dir.ino} lacks its first block`, { ino: dir.ino });
    for (; block < nrBlocks; block = this.#nextBlock(dir, block + 1, nrBlocks)) {
      const pfn = this.#pages.readDirectoryPage(dir, block);
      if (pfn >= 0) visit(block, pfn * BLKSIZE, bucketOfBlock(block, iDirLevel));
    }
  }

  /** A name stands where its hash leads: elsewhere a lookup would not find it, and a copied block would count twice. */
  #checkBucket(dir: Inode, { index, ofLevel }: Bucket, hash: number): void {
    if (hash % ofLevel !== index) {
      throw corrupt(`directory ${dir.ino} is damaged: an entry stands where its hash does not lead`, { ino: dir.ino });
    }
  }

  #findIndexed(dir: Inode, index: DirectoryIndex, name: Uint8Array, hash: number): Place | null {
    let found: Place | null = null;
    index.find(hash, (block, slot) => {
      const area = this.#pages.readDirectoryPage(dir, block) * BLKSIZE;
      if (!this.#sameName(area, DENTRY_BLOCK, slot, name)) return false;
      found = { area, block, slot };
      return true;
    });
    return found;
  }

  /** Slot of a name in a dentry area, or -1. Source: f2fs_find_target_dentry. */
  #findSlot(dir: Inode, area: number, layout: DentryLayout, name: Uint8Array, hash: number): number {
    const { bytes, view } = this.#volume.pool;
    for (let slot = 0; slot < layout.slots; ) {
      if ((bytes[area + (slot >>> 3)] & (1 << (slot & 7))) === 0) {
        slot++;
        continue;
      }
      const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
      const nameLen = view.getUint16(at + NAME_LEN, true);
      if (nameLen === 0) throw corrupt(`directory ${dir.ino} has an entry without a name`, { ino: dir.ino });
      if (view.getUint32(at + HASH, true) === hash && this.#sameName(area, layout, slot, name)) return slot;
      slot += dentrySlots(nameLen);
    }
    return -1;
  }

  #sameName(area: number, layout: DentryLayout, slot: number, name: Uint8Array): boolean {
    const { bytes, view } = this.#volume.pool;
    if (view.getUint16(area + layout.entries + slot * DIR_ENTRY_SIZE + NAME_LEN, true) !== name.length) return false;
    const at = area + layout.names + slot * SLOT_LEN;
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
    return true;
  }

  /** Writes an entry and marks its slots as taken. Source: f2fs_update_dentry. */
  #put(
    area: number,
    layout: DentryLayout,
    slot: number,
    name: Uint8Array,
    hash: number,
    ino: number,
    type: number,
  ): void {
    const { bytes, view } = this.#volume.pool;
    const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
    view.setUint32(at + HASH, hash, true);
    view.setUint32(at + INO, ino, true);
    view.setUint16(at + NAME_LEN, name.length, true);
    view.setUint8(at + FILE_TYPE, type);
    bytes.set(name, area + layout.names + slot * SLOT_LEN);
    const slots = dentrySlots(name.length);
    for (let i = slot; i < slot + slots; i++) {
      bytes[area + (i >>> 3)] |= 1 << (i & 7);
      // Later slots of a name may hold what an earlier entry left.
      if (i > slot) view.setUint16(area + layout.entries + i * DIR_ENTRY_SIZE + NAME_LEN, 0, true);
    }
  }

  #forEachIn(
    dir: Inode,
    area: number,
    layout: DentryLayout,
    visit: (slot: number, entry: Dirent, hash: number) => void,
  ): void {
    const { bytes, view } = this.#volume.pool;
    const raw = dir.load();
    // Such directories hash other bytes than those stored.
    const plain = (raw.iFlags & I_FLAGS.CASEFOLD) === 0 && (raw.iAdvise & ADVISE.ENCRYPT) === 0;
    for (let slot = 0; slot < layout.slots; ) {
      if ((bytes[area + (slot >>> 3)] & (1 << (slot & 7))) === 0) {
        slot++;
        continue;
      }
      const entry = this.#entry(dir, area, layout, slot);
      const hash = view.getUint32(area + layout.entries + slot * DIR_ENTRY_SIZE + HASH, true);
      if (plain && hash !== nameHash(entry.name)) {
        throw corrupt(`directory ${dir.ino} is damaged: the hash of an entry is not its name's`, { ino: dir.ino });
      }
      visit(slot, entry, hash);
      slot += dentrySlots(entry.name.length);
    }
  }

  /** An entry, once it is known to be one. */
  #entry(dir: Inode, area: number, layout: DentryLayout, slot: number): Dirent {
    const { bytes, view } = this.#volume.pool;
    const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
    const nameLen = view.getUint16(at + NAME_LEN, true);
    const ino = view.getUint32(at + INO, true);
    const bad = (why: string) => corrupt(`directory ${dir.ino} is damaged: an entry ${why}`, { ino: dir.ino });
    if (nameLen === 0 || nameLen > NAME_LEN_MAX) throw bad(`has a name of ${nameLen} bytes`);
    const end = slot + dentrySlots(nameLen);
    if (end > layout.slots) throw bad('has a name that runs past its block');
    for (let i = slot + 1; i < end; i++) {
      if ((bytes[area + (i >>> 3)] & (1 << (i & 7))) === 0) throw bad('has a name in slots that are marked as free');
    }
    if (ino < this.#volume.layout.sb.rootIno || ino >= this.#volume.layout.maxNid) throw bad(`names inode ${ino}`);
    const fileType = view.getUint8(at + FILE_TYPE);
    if (fileType === FT.UNKNOWN || fileType > FT.SYMLINK) throw bad(`has the file type ${fileType}`);
    const start = area + layout.names + slot * SLOT_LEN;
    const name = bytes.slice(start, start + nameLen);
    if (name.includes(SLASH) || name.includes(0)) throw bad('has a name with a slash or a zero byte in it');
    if (nameLen === 1 && name[0] === DOT && ino !== dir.ino) throw bad(`says that "." is inode ${ino}`);
    return { name, ino, fileType };
  }

  #nrBlocks(dir: Inode): number {
    return Math.ceil(dir.size / BLKSIZE);
  }

  /** The first block from `block` on that is not a hole on disk, so that a huge i_size costs no time. */
  #nextBlock(dir: Inode, block: number, nrBlocks: number): number {
    let at = block;
    while (at < nrBlocks && !dir.pages.has(at)) {
      this.#map.lookup(dir, at, nrBlocks - at);
      if (this.#map.blkaddr !== 0) break;
      const next = dir.pages.nextPresent(at, at + this.#map.count);
      at = next >= 0 ? next : at + this.#map.count;
    }
    return at;
  }
}

function bucketOfBlock(block: number, dirLevel: number): Bucket {
  let rest = block;
  for (let level = 0; level < MAX_DIR_HASH_DEPTH; level++) {
    const ofLevel = dirBuckets(level, dirLevel);
    const blocks = ofLevel * bucketBlocks(level);
    if (rest < blocks) return { index: Math.floor(rest / bucketBlocks(level)), ofLevel };
    rest -= blocks;
  }
  throw corrupt(`block ${block} of a directory is past its last hash level`);
}

export function exists(name: Uint8Array): F2fsError {
  return new F2fsError('EEXIST', `"${Buffer.from(name).toString()}" exists already`);
}
