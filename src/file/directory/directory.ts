// Directories: names to inodes, first within the inode, then in dentry blocks arranged in levels of hash buckets.
import { display } from '../../bytes.ts';
import { corrupt, F2fsError } from '../../errors.ts';
import { NAME_LEN_MAX } from '../../format/constants.ts';
import { type DentryLayout, DIR_ENTRY_SIZE, dentryLayout, dentrySlots, FT, findRoom } from '../../format/dentry.ts';
import { hashOf, nameHash } from '../../format/hash.ts';
import { INLINE } from '../../format/inode.ts';
import { zero } from '../../pagecache/zero.ts';
import { isSameBytes, utf8Text } from '../../platform/bytes.ts';
import type { Volume } from '../../volume/volume.ts';
import type { BlockMap } from '../data/block-map.ts';
import type { FilePages } from '../data/file-pages.ts';
import { withoutKey } from '../inode/encryption.ts';
import type { Inode } from '../inode/inode.ts';
import { Dentries, type Dirent } from './dentries.ts';
import { DirectoryBlocks, INLINE_AREA, type Place } from './directory-blocks.ts';
import { DirectoryIndex } from './directory-index.ts';
import { isDots, type StoredName, shownWithoutKey, storedFromShown } from './stored-names.ts';

export { isDots };

const SLASH = 0x2f;
const DOT = 0x2e;
const DOTS = Uint8Array.of(DOT, DOT);

/** Throws ENAMETOOLONG, or EINVAL for bytes that can't be a name. */
export function checkName(name: Uint8Array): void {
  if (name.length > NAME_LEN_MAX) throw tooLong(name);
  if (name.length === 0 || name.includes(SLASH) || name.includes(0)) {
    throw new F2fsError('EINVAL', `invalid name '${display(name)}': expected one without '/' and NUL`);
  }
}

export class Directories {
  readonly #volume: Volume;
  readonly #map: BlockMap;
  readonly #dentries: Dentries;
  readonly #blocks: DirectoryBlocks;

  /** @param reclaimFrames keeps frames free, in between: none may be held; inodes stay */
  constructor(volume: Volume, map: BlockMap, pages: FilePages, reclaimFrames: () => void) {
    this.#volume = volume;
    this.#map = map;
    this.#dentries = new Dentries(volume);
    this.#blocks = new DirectoryBlocks(volume, map, pages, reclaimFrames, this.#dentries);
  }

  /** Gives a new directory its `.` and `..`, inline. Source: make_empty_inline_dir. */
  makeEmpty(dir: Inode, parentIno: number): void {
    const raw = dir.change();
    raw.iInline |= INLINE.DENTRY;
    raw.iSize = dir.maxInlineData;
    const layout = dentryLayout(dir.maxInlineData);
    const area = dir.inlineOffset;
    this.#dentries.put(area, layout, 0, DOTS.subarray(0, 1), 0, dir.ino, FT.DIR);
    this.#dentries.put(area, layout, 1, DOTS, 0, parentIno, FT.DIR);
  }

  /**
   * The inode number and type of a name as it is shown, or null; in a directory that folds case with the name as it is stored. `.` and
   * `..` are found as they stand. Throws ENAMETOOLONG, and EINVAL as `stored` does. Room may be made in memory in between.
   */
  lookup(dir: Inode, name: Uint8Array): Dirent | null {
    const stored = this.stored(dir, name);
    const place = stored === null ? null : this.#locateStored(dir, stored);
    if (place === null) return null;
    const known = stored?.folded === null ? name : undefined;
    return this.#dentries.entry(dir, place.area, place.layout, place.slot, known);
  }

  /** The same of a name as it is stored, for which a directory's key is not needed. */
  lookupStored(dir: Inode, name: StoredName): Dirent | null {
    const place = this.#locateStored(dir, name);
    return place === null ? null : this.entryAt(dir, place, name.bytes);
  }

  /** The entry of a name where `find` found it. */
  entryAt(dir: Inode, { area, layout, slot }: Place, name: Uint8Array): Dirent {
    return this.#dentries.entry(dir, area, layout, slot, name);
  }

  /**
   * What a name that is shown is stored as; null when it can't be there. Throws EINVAL for one that can't be folded where the volume is
   * strict. Source: f2fs_setup_filename.
   */
  stored(dir: Inode, name: Uint8Array): StoredName | null {
    if (name.length > NAME_LEN_MAX) throw tooLong(name);
    if (isDots(name)) return { bytes: name, hash: 0, digest: null, folded: null };
    if (dir.isEncrypted) return storedFromShown(name);
    if (!dir.foldsCase) return { bytes: name, hash: nameHash(name), digest: null, folded: null };
    const { folding } = this.#volume.layout;
    if (folding === null) return this.#search(dir, name);
    const folded = folding.fold(name);
    if (folded === null && folding.isStrict) throw notFoldable(name);
    return { bytes: name, hash: hashOf(folded ?? name), digest: null, folded };
  }

  /** Finds a name as it is spelt in a case-folding directory, which arranges names by a hash that is not known here. */
  #search(dir: Inode, bytes: Uint8Array): StoredName | null {
    let found: StoredName | null = null;
    this.#forEachStored(dir, 0, (_position, entry, hash) => {
      if (!isSameBytes(entry.name, bytes)) return false;
      found = { bytes, hash, digest: null, folded: null };
      return true;
    });
    return found;
  }

  /** The directory that one lies in, as its `..` says. Throws EUCLEAN when it has none. Source: f2fs_parent_dir. */
  parentOf(dir: Inode): number {
    return this.#dotDot(dir).ino;
  }

  /** Where `..` stands, ready to be changed. Throws EUCLEAN when there is none. */
  findParent(dir: Inode): Place {
    this.#dotDot(dir);
    return this.find(dir, DOTS) as Place;
  }

  #dotDot(dir: Inode): Dirent {
    const found = this.lookup(dir, DOTS);
    if (found === null || found.fileType !== FT.DIR) throw corrupt('dentry-dotdot', { ino: dir.ino });
    return found;
  }

  /** Where a name stands, ready to be changed; null when it is not there. */
  find(dir: Inode, name: Uint8Array): Place | null {
    return this.#ready(dir, this.#locate(dir, name));
  }

  /** The same of a name as it is stored. */
  findStored(dir: Inode, name: StoredName): Place | null {
    return this.#ready(dir, this.#locateStored(dir, name));
  }

  #ready(dir: Inode, place: Place | null): Place | null {
    if (place !== null && place.block !== INLINE_AREA) this.#blocks.waitStable(dir, place);
    return place;
  }

  #locate(dir: Inode, name: Uint8Array): Place | null {
    const stored = this.stored(dir, name);
    return stored === null ? null : this.#locateStored(dir, stored);
  }

  /** Source: __f2fs_find_entry. */
  #locateStored(dir: Inode, stored: StoredName): Place | null {
    if (!dir.hasInline(INLINE.DENTRY)) {
      const place = this.#blocks.find(dir, stored);
      if (place !== null || dir.index !== null || !this.#mayLieElsewhere(dir, stored)) return place;
      return this.#blocks.findAnywhere(dir, stored);
    }
    const layout = dentryLayout(dir.maxInlineData);
    const area = dir.inlineOffset;
    const slot = this.#findInline(dir, area, layout, stored);
    if (slot < 0) return null;
    const slots = this.#dentries.slotsAt(area, layout, slot);
    return { area, layout, block: INLINE_AREA, slot, hash: stored.hash, slots };
  }

  #findInline(dir: Inode, area: number, layout: DentryLayout, stored: StoredName): number {
    const slot = this.#dentries.find(dir, area, layout, stored);
    if (slot >= 0 || !this.#mayLieElsewhere(dir, stored)) return slot;
    return this.#dentries.find(dir, area, layout, stored, false);
  }

  /** Whether a name may have another hash than it should: one that an older kernel gave it. Source: f2fs_should_fallback_to_linear. */
  #mayLieElsewhere(dir: Inode, { bytes }: StoredName): boolean {
    const { folding } = this.#volume.layout;
    return folding !== null && !folding.isHashOnly && dir.foldsCase && !dir.isEncrypted && !isDots(bytes);
  }

  /** Has the names of a directory found without a look at all of it: the places of others stay good then. Room is made in memory. */
  prepare(dir: Inode): void {
    if (dir.foldsCase && !dir.isEncrypted && !dir.hasInline(INLINE.DENTRY)) dir.index ??= this.#blocks.buildIndex(dir);
  }

  /**
   * Calls `visit` with every entry, `.` and `..` too, in the order of their slots, until it returns true; whether it did. Names are as
   * they are shown. Room is made in memory in between. Throws EUCLEAN for an entry that can't be one.
   */
  forEach(dir: Inode, visit: (entry: Dirent) => unknown): boolean {
    return this.#forEachFrom(dir, 0, (_position, entry) => visit(entry) === true);
  }

  /** Whether there are only `.` and `..` in it. Source: f2fs_empty_dir. */
  isEmpty(dir: Inode): boolean {
    return !this.forEach(dir, ({ name }) => !isDots(name));
  }

  /**
   * Up to `max` entries but `.` and `..` from position `cursor` on, and the position to go on from. A position is a slot,
   * counted through all blocks: it stays good when others are added or removed. Damage is thrown by the call that meets it at once:
   * what lies before it is read. Source: f2fs_readdir.
   */
  readFrom(dir: Inode, cursor: number, max: number): { entries: Dirent[]; cursor: number } {
    const entries: Dirent[] = [];
    let next = cursor;
    let isCut = true;
    try {
      isCut = this.#forEachFrom(dir, cursor, (position, entry, slots) => {
        if (entries.length === max) return true;
        if (!isDots(entry.name)) entries.push(entry);
        next = position + slots;
        return false;
      });
    } catch (error) {
      if (entries.length === 0) throw error;
    }
    return { entries, cursor: isCut ? next : Math.max(cursor, this.#end(dir)) };
  }

  /** The position past all slots. */
  #end(dir: Inode): number {
    if (dir.hasInline(INLINE.DENTRY)) return dentryLayout(dir.maxInlineData).slots;
    return this.#blocks.nrBlocks(dir) * dir.block.dentriesPerBlock;
  }

  /** The same from a position on; `slots`: those that the entry takes there. */
  #forEachFrom(
    dir: Inode,
    cursor: number,
    visit: (position: number, entry: Dirent, slots: number) => boolean,
  ): boolean {
    const { isEncrypted } = dir;
    return this.#forEachStored(dir, cursor, (position, entry, hash) => {
      const { name } = entry;
      const slots = dentrySlots(name.length);
      if (isDots(name)) this.#assertFirst(dir, name, position);
      else if (isEncrypted) return visit(position, { ...entry, name: shownWithoutKey(name, hash) }, slots);
      return visit(position, entry, slots);
    });
  }

  /** A second `.` or `..` is none that Linux makes: whoever passed over it would not see what it leads to. */
  #assertFirst(dir: Inode, name: Uint8Array, position: number): void {
    const first = this.#locate(dir, name);
    if (first === null || positionOf(first) === position) return;
    throw corrupt('dentry-dots-twice', { ino: dir.ino }, utf8Text(name));
  }

  #forEachStored(
    dir: Inode,
    cursor: number,
    visit: (position: number, entry: Dirent, hash: number) => boolean,
  ): boolean {
    if (dir.hasInline(INLINE.DENTRY)) {
      const layout = dentryLayout(dir.maxInlineData);
      return this.#dentries.forEach(dir, dir.inlineOffset, layout, visit, cursor);
    }
    return this.#blocks.forEach(dir, cursor, visit);
  }

  /**
   * Room for a name that is not there: the inline entries may have moved to a block for it, or the directory have a block
   * more. Room is made in memory in between. Throws EEXIST, ENOSPC, ENOMEM; ENOKEY in an encrypted directory, EINVAL as `stored` does.
   * Source: f2fs_add_dentry.
   */
  placeDentry(dir: Inode, name: Uint8Array): Place {
    if (dir.isEncrypted) this.#refuseName(dir, name);
    return this.#placeStored(dir, this.stored(dir, name) as StoredName);
  }

  #refuseName(dir: Inode, name: Uint8Array): never {
    if (this.lookup(dir, name) !== null) throw exists(name);
    throw withoutNewNames(dir);
  }

  #placeStored(dir: Inode, stored: StoredName): Place {
    const { bytes: name, hash } = stored;
    const slots = dentrySlots(name.length);
    if (dir.hasInline(INLINE.DENTRY)) {
      const layout = dentryLayout(dir.maxInlineData);
      const area = dir.inlineOffset;
      if (this.#findInline(dir, area, layout, stored) >= 0) throw exists(name);
      const slot = findRoom(this.#volume.pool.bytes, area, slots, layout);
      if (slot >= 0) return { area, layout, block: INLINE_AREA, slot, hash, slots };
      this.#convertInline(dir);
    }
    dir.index ??= this.#blocks.buildIndex(dir);
    if (this.#blocks.findIndexed(dir, dir.index, stored) !== null) throw exists(name);
    return this.#blocks.placeDentry(dir, dir.index, slots, hash);
  }

  /** Puts a name where `placeDentry` said. The caller sees to links and times. */
  put(dir: Inode, place: Place, name: Uint8Array, ino: number, fileType: number): void {
    dir.change();
    this.#dentries.put(place.area, place.layout, place.slot, name, place.hash, ino, fileType);
    if (place.block !== INLINE_AREA) this.#blocks.added(dir, place);
  }

  /** Adds a name as it is stored, in any directory. */
  addStored(dir: Inode, name: StoredName, ino: number, fileType: number): void {
    this.put(dir, this.#placeStored(dir, name), name.bytes, ino, fileType);
  }

  /** Lets a name that `find` found lead to another inode. Source: f2fs_set_link. */
  retarget(dir: Inode, place: Place, ino: number, fileType: number): void {
    dir.change();
    this.#dentries.retarget(place.area, place.layout, place.slot, ino, fileType);
    if (place.block !== INLINE_AREA) this.#blocks.changed(dir, place);
  }

  /**
   * Removes a name that `find` found; a block that is empty then becomes a hole. The caller sees to links and times.
   * Source: f2fs_delete_entry.
   */
  remove(dir: Inode, place: Place): void {
    dir.change();
    this.#dentries.clear(place.area, place.slot, place.slots);
    if (place.block !== INLINE_AREA) this.#blocks.removed(dir, place);
    this.#volume.space.nameRemoved();
  }

  /**
   * Moves inline dentries out of the inode: to block 0 as they are, when level 0 has that one bucket, else each to its
   * own. All of them or none. Source: f2fs_move_inline_dirents, f2fs_move_rehashed_dirents.
   */
  #convertInline(dir: Inode): void {
    const { pool, space } = this.#volume;
    const { bytes } = pool;
    const from = dentryLayout(dir.maxInlineData);
    const area = dir.inlineOffset;
    const { iCurrentDepth, iDirLevel } = dir.load();
    const entries: (Dirent & { hash: number })[] = [];
    if (iDirLevel > 0)
      this.#dentries.forEach(dir, area, from, (_slot, entry, hash) => {
        entries.push({ ...entry, hash });
        return false;
      });
    // A rehashed entry may need a block and three nodes on the way to it.
    const needed = Math.max(1, 4 * entries.length);
    space.reserveBlocks(needed);
    space.releaseBlocks(needed);
    const inline = bytes.slice(area - 4, area + from.size);
    const raw = dir.endInline(INLINE.DENTRY);
    zero(bytes, area - 4, area + from.size);
    raw.iCurrentDepth = 1;
    raw.iSize = dir.blockSize;
    dir.refreshLayout();
    try {
      if (iDirLevel > 0) this.#addAll(dir, entries);
      else
        copyInline(
          bytes,
          inline.subarray(4),
          from,
          this.#blocks.blockForChange(dir, 0) * dir.blockSize,
          dir.block.dentryBlock,
        );
    } catch (error) {
      dir.pages.truncate(0, Number.POSITIVE_INFINITY);
      this.#map.truncate(dir, 0);
      bytes.set(inline, area - 4);
      raw.iInline |= INLINE.DENTRY;
      raw.iCurrentDepth = iCurrentDepth;
      dir.refreshLayout();
      raw.iSize = dir.maxInlineData;
      throw error;
    }
  }

  /** Source: f2fs_add_inline_entries. */
  #addAll(dir: Inode, entries: readonly (Dirent & { hash: number })[]): void {
    const { dentriesPerBlock } = dir.block;
    const index = new DirectoryIndex(dentriesPerBlock);
    for (const { name, hash, ino, fileType } of entries) {
      const place = this.#blocks.placeDentry(dir, index, dentrySlots(name.length), hash);
      this.put(dir, place, name, ino, fileType);
      index.setFreeSlots(place.block, index.freeSlots(place.block, dentriesPerBlock) - place.slots);
    }
  }
}

/** Lays an inline area out as a dentry block at byte `to`. */
function copyInline(
  memory: Uint8Array,
  inline: Uint8Array,
  from: DentryLayout,
  to: number,
  { entries, names }: DentryLayout,
): void {
  memory.set(inline.subarray(0, from.bitmapBytes), to);
  memory.set(inline.subarray(from.entries, from.entries + from.slots * DIR_ENTRY_SIZE), to + entries);
  memory.set(inline.subarray(from.names), to + names);
}

/** Throws ENOKEY for a directory whose names can be removed, but neither made nor changed. */
export function assertRenames(dir: Inode): void {
  if (dir.isEncrypted) throw withoutNewNames(dir);
}

function withoutNewNames({ ino }: Inode): F2fsError {
  return withoutKey('names in an encrypted directory can be neither made nor changed', ino);
}

/** A place's position; see `readFrom`. */
function positionOf({ block, slot, layout }: Place): number {
  return block === INLINE_AREA ? slot : block * layout.slots + slot;
}

export function exists(name: Uint8Array): F2fsError {
  return new F2fsError('EEXIST', `"${display(name)}" exists already`);
}

function notFoldable(name: Uint8Array): F2fsError {
  const message = `invalid name '${display(name)}': expected one that is UTF-8 and can be folded, as the volume folds case strictly`;
  return new F2fsError('EINVAL', message);
}

function tooLong(name: Uint8Array): F2fsError {
  return new F2fsError('ENAMETOOLONG', `invalid name of ${name.length} bytes: expected 255 at most`);
}
