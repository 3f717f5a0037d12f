// Entries within one area: a dentry block in its frame, or the inline area of an inode. An area is the byte offset where it
// begins in the pool's memory, and a layout.
import { corrupt, throwFault } from '../../errors.ts';
import type { Report } from '../../faults.ts';
import { foldsTo } from '../../format/casefold.ts';
import { NAME_LEN_MAX } from '../../format/constants.ts';
import {
  type DentryLayout,
  DIR_ENTRY_SIZE,
  DirEntry,
  dentrySlots,
  FT,
  putDentry,
  SLOT_LEN,
} from '../../format/dentry.ts';
import { nameHash } from '../../format/hash.ts';
import type { VolumeLayout } from '../../volume/layout.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import { isStoredAs, MIN_CIPHERTEXT_BYTES, type StoredName } from './stored-names.ts';

const HASH = DirEntry.offsets.hashCode;
const INO = DirEntry.offsets.ino;
const NAME_LEN = DirEntry.offsets.nameLen;
const FILE_TYPE = DirEntry.offsets.fileType;
const SLASH = 0x2f;
const DOT = 0x2e;

/** One name of a directory. */
export interface Dirent {
  /** As stored, of an encrypted directory ciphertext; or as shown, see stored-names.ts. */
  readonly name: Uint8Array;
  readonly ino: number;
  /** FT.* of the inode, as the entry has it. */
  readonly fileType: number;
}

/** What its entries are checked by. */
export interface DirectoryFacts {
  readonly ino: number;
  readonly isEncrypted: boolean;
  readonly foldsCase: boolean;
}

export class Dentries {
  readonly #volume: Volume;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /**
   * Slot of a name in a dentry area, or -1; without `byHash` of one that is not `.` or `..`, whatever its hash.
   * Source: f2fs_find_target_dentry.
   */
  find(dir: Inode, area: number, layout: DentryLayout, name: StoredName, byHash = true): number {
    const { bytes, view } = this.#volume.pool;
    for (let slot = 0; slot < layout.slots; ) {
      if ((bytes[area + (slot >>> 3)] & (1 << (slot & 7))) === 0) {
        slot++;
        continue;
      }
      const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
      const nameLen = view.getUint16(at + NAME_LEN, true);
      if (nameLen === 0) throw corrupt('dentry-name-length', { ino: dir.ino }, nameLen);
      const mayBe = byHash
        ? view.getUint32(at + HASH, true) === name.hash
        : !isDots(bytes, area + layout.names + slot * SLOT_LEN, nameLen);
      if (mayBe && this.sameName(area, layout, slot, name)) return slot;
      slot += dentrySlots(nameLen);
    }
    return -1;
  }

  sameName(area: number, layout: DentryLayout, slot: number, name: StoredName): boolean {
    const { bytes } = this.#volume.pool;
    const nameLen = this.#nameLen(area, layout, slot);
    const at = area + layout.names + slot * SLOT_LEN;
    if (name.digest !== null) return nameLen <= NAME_LEN_MAX && isStoredAs(bytes.slice(at, at + nameLen), name);
    if (this.#hasBytes(at, nameLen, name.bytes)) return true;
    return name.folded !== null && nameLen <= NAME_LEN_MAX && foldsTo(bytes.slice(at, at + nameLen), name.folded);
  }

  #hasBytes(at: number, nameLen: number, name: Uint8Array): boolean {
    if (nameLen !== name.length) return false;
    const { bytes } = this.#volume.pool;
    for (let i = 0; i < nameLen; i++) if (bytes[at + i] !== name[i]) return false;
    return true;
  }

  #nameLen(area: number, layout: DentryLayout, slot: number): number {
    return this.#volume.pool.view.getUint16(area + layout.entries + slot * DIR_ENTRY_SIZE + NAME_LEN, true);
  }

  /** Slots that the entry which begins at `slot` takes. */
  slotsAt(area: number, layout: DentryLayout, slot: number): number {
    return dentrySlots(this.#nameLen(area, layout, slot));
  }

  /** Writes an entry and marks its slots as taken. Source: f2fs_update_dentry. */
  put(
    area: number,
    layout: DentryLayout,
    slot: number,
    name: Uint8Array,
    hash: number,
    ino: number,
    type: number,
  ): void {
    const { bytes, view } = this.#volume.pool;
    putDentry(bytes, view, area, layout, slot, name, hash, ino, type);
  }

  /** Lets an entry lead to another inode. Source: f2fs_set_link. */
  retarget(area: number, layout: DentryLayout, slot: number, ino: number, fileType: number): void {
    const { view } = this.#volume.pool;
    const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
    view.setUint32(at + INO, ino, true);
    view.setUint8(at + FILE_TYPE, fileType);
  }

  /** Marks the slots of an entry as free. */
  clear(area: number, slot: number, slots: number): void {
    const { bytes } = this.#volume.pool;
    for (let i = slot; i < slot + slots; i++) bytes[area + (i >>> 3)] &= ~(1 << (i & 7));
  }

  /** Whether no slot is taken. */
  isEmpty(area: number, layout: DentryLayout): boolean {
    const { bytes } = this.#volume.pool;
    for (let slot = 0; slot < layout.slots; slot++)
      if ((bytes[area + (slot >>> 3)] & (1 << (slot & 7))) !== 0) return false;
    return true;
  }

  /**
   * Calls `visit` with every entry from slot `from` on, until it returns true; whether it did. A slot in the midst of a name, where
   * a shorter one had ended before, is passed over. Throws EUCLEAN for what can't be an entry. Source: f2fs_fill_dentries.
   */
  forEach(
    dir: Inode,
    area: number,
    layout: DentryLayout,
    visit: (slot: number, entry: Dirent, hash: number) => boolean,
    from = 0,
  ): boolean {
    const { pool, layout: volume } = this.#volume;
    return readDentries(dir, volume, pool.bytes, pool.view, area, layout, throwFault, visit, from);
  }

  /** An entry, once it is known to be one; `known`: the name that it was found by. */
  entry(dir: Inode, area: number, layout: DentryLayout, slot: number, known?: Uint8Array): Dirent {
    const { pool, layout: volume } = this.#volume;
    checkDentry(dir, volume, pool.bytes, pool.view, area, layout, slot, throwFault);
    return direntAt(pool.bytes, pool.view, area, layout, slot, known);
  }
}

/**
 * Calls `visit` with every entry of an area from slot `from` on, until it returns true; whether it did. What can't be an entry is
 * told and passed over; what is only in the wrong place is told and visited. Source: f2fs_fill_dentries.
 */
export function readDentries(
  dir: DirectoryFacts,
  volume: VolumeLayout,
  bytes: Uint8Array,
  view: DataView,
  area: number,
  layout: DentryLayout,
  report: Report,
  visit: (slot: number, entry: Dirent, hash: number) => boolean,
  from = 0,
): boolean {
  const hashOfName = hashFunction(dir, volume);
  let within = from > 0;
  for (let slot = from; slot < layout.slots; ) {
    const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
    const isFree = (bytes[area + (slot >>> 3)] & (1 << (slot & 7))) === 0;
    if (isFree || (within && view.getUint16(at + NAME_LEN, true) === 0)) {
      if (isFree) within = false;
      slot++;
      continue;
    }
    within = false;
    if (!checkDentry(dir, volume, bytes, view, area, layout, slot, report)) {
      slot++;
      within = true;
      continue;
    }
    const entry = direntAt(bytes, view, area, layout, slot);
    const hash = view.getUint32(at + HASH, true);
    if (hashOfName !== null && hash !== hashOfName(entry.name)) report('dentry-hash', { ino: dir.ino });
    if (visit(slot, entry, hash)) return true;
    slot += dentrySlots(entry.name.length);
  }
  return false;
}

/**
 * What the names of a directory must be hashed by. Null for one that folds case: names that an older kernel folded in another way may
 * lie elsewhere, if the volume does not say otherwise; and where it is encrypted too it takes the key.
 */
function hashFunction(dir: DirectoryFacts, { folding }: VolumeLayout): ((name: Uint8Array) => number) | null {
  if (!dir.foldsCase) return nameHash;
  if (folding === null || !folding.isHashOnly || dir.isEncrypted) return null;
  return (name) => (isDots(name, 0, name.length) ? 0 : folding.hash(name));
}

/** Tells why the entry that begins at `slot` can't be one; whether it can. */
export function checkDentry(
  dir: DirectoryFacts,
  volume: VolumeLayout,
  bytes: Uint8Array,
  view: DataView,
  area: number,
  layout: DentryLayout,
  slot: number,
  report: Report,
): boolean {
  const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
  const nameLen = view.getUint16(at + NAME_LEN, true);
  if (nameLen === 0 || nameLen > NAME_LEN_MAX) {
    report('dentry-name-length', { ino: dir.ino }, nameLen);
    return false;
  }
  const end = slot + dentrySlots(nameLen);
  if (end > layout.slots) {
    report('dentry-name-end', { ino: dir.ino });
    return false;
  }
  for (let i = slot + 1; i < end; i++) {
    if ((bytes[area + (i >>> 3)] & (1 << (i & 7))) !== 0) continue;
    report('dentry-slots-free', { ino: dir.ino });
    return false;
  }
  const ino = view.getUint32(at + INO, true);
  if (ino < volume.sb.rootIno || ino >= volume.maxNid) {
    report('dentry-inode', { ino: dir.ino }, ino);
    return false;
  }
  const fileType = view.getUint8(at + FILE_TYPE);
  if (fileType === FT.UNKNOWN || fileType > FT.SYMLINK) {
    report('dentry-type', { ino: dir.ino }, fileType);
    return false;
  }
  const name = area + layout.names + slot * SLOT_LEN;
  if (dir.isEncrypted && !isDots(bytes, name, nameLen)) {
    if (nameLen >= MIN_CIPHERTEXT_BYTES) return true;
    report('dentry-encrypted-length', { ino: dir.ino }, nameLen);
    return false;
  }
  for (let i = name; i < name + nameLen; i++) {
    if (bytes[i] !== SLASH && bytes[i] !== 0) continue;
    report('dentry-name-bytes', { ino: dir.ino });
    return false;
  }
  if (nameLen !== 1 || bytes[name] !== DOT || ino === dir.ino) return true;
  report('dentry-dot', { ino: dir.ino }, ino);
  return false;
}

function direntAt(
  bytes: Uint8Array,
  view: DataView,
  area: number,
  layout: DentryLayout,
  slot: number,
  known?: Uint8Array,
): Dirent {
  const at = area + layout.entries + slot * DIR_ENTRY_SIZE;
  const start = area + layout.names + slot * SLOT_LEN;
  const name = known ?? bytes.slice(start, start + view.getUint16(at + NAME_LEN, true));
  return { name, ino: view.getUint32(at + INO, true), fileType: view.getUint8(at + FILE_TYPE) };
}

function isDots(bytes: Uint8Array, at: number, length: number): boolean {
  return bytes[at] === DOT && (length === 1 || (length === 2 && bytes[at + 1] === DOT));
}
