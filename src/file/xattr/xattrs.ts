// Extended attributes of an inode: one list that begins in the inode and goes on in a node block when it must.
import { display, type Name, nameBytes } from '../../bytes.ts';
import { corrupt, F2fsError, throwFault } from '../../errors.ts';
import type { Report } from '../../faults.ts';
import type { BlockGeometry } from '../../format/block-size.ts';
import { INLINE } from '../../format/inode.ts';
import { XATTR_NODE_OFFSET } from '../../format/node.ts';
import { viewOf } from '../../format/struct.ts';
import {
  XATTR_INDEX,
  XATTR_MAGIC,
  XATTR_PREFIXES,
  XattrEntry,
  XattrHeader,
  xattrEntrySize,
} from '../../format/xattr.ts';
import { isSameBytes, latin1Bytes, latin1Text, utf8Text } from '../../platform/bytes.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import { aclFromDisk, aclFromXattr, aclToDisk, aclToXattr } from './acl.ts';
import { CAPABILITY, shownCapability } from './capability.ts';

/** One attribute by its full name (`user.note`), with its value in the form that the xattr system calls use. */
export interface Xattr {
  /** With U+FFFD where its bytes are not UTF-8. */
  readonly name: string;
  /** As stored. */
  readonly nameBytes: Uint8Array;
  /** Bytes; a text need not end in NUL. */
  readonly value: Uint8Array;
}

/** An attribute as it is stored. */
export interface StoredXattr {
  readonly index: number;
  /** Name after its prefix, one character for each byte. */
  readonly name: string;
  readonly value: Uint8Array;
}

/** What becomes of one attribute. */
export interface XattrChange {
  /** With its prefix. */
  readonly name: Name;
  /** Null removes it. */
  readonly value: Uint8Array | null;
  /** It must not be there before: EEXIST. */
  readonly create?: boolean;
  /** It must be there before: ENODATA. */
  readonly replace?: boolean;
}

/** As it is stored. */
const CAPABILITY_NAME = CAPABILITY.slice('security.'.length);
/** The longest name, its prefix included. Source: XATTR_NAME_MAX. */
const NAME_MAX = 255;

export class Xattrs {
  readonly #volume: Volume;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** All attributes that have a name in a system call, in the order stored. Others (encryption contexts) are left out. */
  list(inode: Inode): Xattr[] {
    const attributes: Xattr[] = [];
    for (const stored of this.#read(inode)) {
      const nameBytes = fullName(stored);
      if (nameBytes === null) continue;
      attributes.push({ name: utf8Text(nameBytes), nameBytes, value: shownValue(stored, inode.ino) });
    }
    return attributes;
  }

  /** The value of one attribute, or null. */
  get(inode: Inode, name: Name): Uint8Array | null {
    if (this.#isBare(inode)) return null;
    const wanted = storedName(name);
    const found = this.#read(inode).find((one) => one.index === wanted.index && one.name === wanted.name);
    return found === undefined ? null : shownValue(found, inode.ino);
  }

  /** The value of one that has no name in a system call, or null. */
  stored(inode: Inode, index: number, name: string): Uint8Array | null {
    if (this.#isBare(inode)) return null;
    return this.#read(inode).find((one) => one.index === index && one.name === name)?.value ?? null;
  }

  /** Sets such a one. Throws ENOSPC, E2BIG. */
  store(inode: Inode, index: number, name: string, value: Uint8Array): void {
    const others = this.#read(inode).filter((one) => one.index !== index || one.name !== name);
    this.#write(inode, [...others, { index, name, value }]);
  }

  /** Whether an inode never had any, or lost the last one. */
  #isBare(inode: Inode): boolean {
    if (inode.load().iXattrNid !== 0) return false;
    return inlineXattrSize(inode) === 0 || this.#volume.pool.view.getUint32(inode.inlineXattrOffset, true) === 0;
  }

  /**
   * Sets attributes, in place of those of the same names: all of them, or none. Throws EOPNOTSUPP for a name whose prefix F2FS has
   * no place for, ERANGE for one too long, EEXIST and ENODATA as asked for, ENOSPC, E2BIG when the list would not fit its inode and
   * block. Source: __f2fs_setxattr.
   */
  set(inode: Inode, changes: readonly XattrChange[]): void {
    const stored = this.#read(inode);
    let isChanged = false;
    for (const change of changes) isChanged = apply(inode.ino, stored, change) || isChanged;
    if (!isChanged) return;
    inode.hasNoCapabilities = false;
    this.#write(inode, stored);
    // What is made in a directory may depend on them. Source: XATTR_DIR_INO.
    if (inode.isDirectory) this.#volume.nat.note(inode.ino, SINCE.NEEDS_CHECKPOINT);
  }

  /** The frame of an inode's xattr node, made when there is none, about to be changed. Throws ENOSPC, EUCLEAN. */
  nodeForChange(inode: Inode): number {
    const { nodes } = this.#volume;
    if (inode.load().iXattrNid === 0) {
      const nid = nodes.create(inode.ino, XATTR_NODE_OFFSET, !inode.isDirectory);
      inode.countBlocks(1);
      inode.change().iXattrNid = nid;
    }
    const { iXattrNid } = inode.load();
    const pfn = this.#node(inode, iXattrNid);
    nodes.markDirty(iXattrNid);
    return pfn;
  }

  /** Frees the node block of an inode that goes away. */
  free(inode: Inode): void {
    const { iXattrNid } = inode.load();
    if (iXattrNid === 0) return;
    this.#node(inode, iXattrNid);
    this.#volume.nodes.remove(iXattrNid, false);
    inode.countBlocks(-1);
    inode.change().iXattrNid = 0;
  }

  /** Source: read_all_xattrs, __find_xattr. */
  #read(inode: Inode): StoredXattr[] {
    const raw = inode.load();
    const { bytes } = this.#volume.pool;
    const inlineSize = inlineXattrSize(inode);
    const xnid = raw.iXattrNid;
    if (inlineSize === 0 && xnid === 0) return [];
    const area = new Uint8Array(inlineSize + (xnid === 0 ? 0 : inode.block.xattrBlockSize));
    if (inlineSize > 0) area.set(bytes.subarray(inode.inlineXattrOffset, inode.inlineXattrOffset + inlineSize));
    if (xnid !== 0) {
      const base = this.#node(inode, xnid) * inode.blockSize;
      area.set(bytes.subarray(base, base + inode.block.xattrBlockSize), inlineSize);
    }
    return readXattrs(area, xnid !== 0, inode.ino, throwFault);
  }

  #node(inode: Inode, nid: number): number {
    const pfn = this.#volume.nodes.get(nid, inode.ino);
    if (this.#volume.nodes.offsetOf(pfn) !== XATTR_NODE_OFFSET) {
      throw corrupt('xattr-node', { ino: inode.ino, nid });
    }
    return pfn;
  }

  /** Source: write_all_xattrs. */
  #write(inode: Inode, stored: readonly StoredXattr[]): void {
    const inlineSize = inlineXattrSize(inode);
    const area = new Uint8Array(inlineSize + inode.block.xattrBlockSize);
    const used = compose(stored, area, inode.ino);
    const { pool, nodes } = this.#volume;
    let xnid = inode.load().iXattrNid;
    if (used > inlineSize && xnid === 0) {
      xnid = nodes.create(inode.ino, XATTR_NODE_OFFSET, !inode.isDirectory);
      inode.countBlocks(1);
      inode.change().iXattrNid = xnid;
    } else if (used <= inlineSize && xnid !== 0) {
      this.#node(inode, xnid);
      nodes.remove(xnid, false);
      inode.countBlocks(-1);
      inode.change().iXattrNid = 0;
      xnid = 0;
    }
    inode.change();
    pool.bytes.set(area.subarray(0, inlineSize), inode.inlineXattrOffset);
    if (xnid === 0) return;
    const base = this.#node(inode, xnid) * inode.blockSize;
    nodes.markDirty(xnid);
    pool.bytes.set(area.subarray(inlineSize), base);
  }
}

/** Bytes of the list that the inode holds. Source: inline_xattr_size. */
function inlineXattrSize(inode: Inode): number {
  return inode.hasInline(INLINE.XATTR) ? inode.inlineXattrAddrs * 4 : 0;
}

/**
 * The list of an inode, up to where it is damaged. `area` is what the inode holds of it, then what its xattr node does, where it
 * has one. Source: read_all_xattrs.
 */
export function readXattrs(area: Uint8Array, hasNode: boolean, ino: number, report: Report): StoredXattr[] {
  const stored: StoredXattr[] = [];
  if (area.length < XattrHeader.size) return stored;
  const dv = viewOf(area);
  const { magic } = new XattrHeader(dv);
  // An inode that never had any has zeros there.
  if (magic === 0 && !hasNode && (area.length === XattrHeader.size || dv.getUint32(XattrHeader.size, true) === 0))
    return stored;
  if (magic !== XATTR_MAGIC) {
    report('xattr-magic', { ino }, magic);
    return stored;
  }
  const entry = new XattrEntry(dv);
  let at = XattrHeader.size;
  while (at + 4 <= area.length && dv.getUint32(at, true) !== 0) {
    entry.base = at;
    const { nameIndex, nameLen, valueSize } = entry;
    const name = at + XattrEntry.size;
    const value = name + nameLen;
    if (value + valueSize > area.length) {
      report('xattr-end', { ino });
      return stored;
    }
    stored.push({
      index: nameIndex,
      name: latin1Text(area.subarray(name, value)),
      value: area.slice(value, value + valueSize),
    });
    at += xattrEntrySize(nameLen, valueSize);
  }
  return stored;
}

/** Makes one change to a list; whether it is another one then. */
function apply(ino: number, stored: StoredXattr[], { name, value, create, replace }: XattrChange): boolean {
  const { index, name: rest } = storedName(name);
  const at = stored.findIndex((entry) => entry.index === index && entry.name === rest);
  if (at >= 0 && create === true)
    throw new F2fsError('EEXIST', `the extended attribute ${display(name)} exists already`, { ino });
  if (at < 0 && replace === true) throw missing(ino, name);
  const bytes = value !== null && isAcl(index) ? aclToDisk(aclFromXattr(value) ?? []) : value;
  if (at < 0 && bytes === null) return false;
  if (at >= 0 && bytes !== null && isSameBytes(stored[at].value, bytes)) return false;
  if (at >= 0) stored.splice(at, 1);
  if (bytes !== null) stored.push({ index, name: rest, value: bytes });
  return true;
}

/**
 * The list of a new inode, which has `inlineSize` bytes for it and `own` that no system call sets: what the inode holds, and what its xattr
 * node does, if it needs one. Throws as `Xattrs.set` does.
 */
export function newXattrs(
  changes: readonly XattrChange[],
  inlineSize: number,
  { xattrBlockSize }: BlockGeometry,
  ino: number,
  own: readonly StoredXattr[] = [],
): { inline: Uint8Array; node: Uint8Array | null } {
  const stored: StoredXattr[] = [...own];
  for (const change of changes) apply(ino, stored, change);
  const area = new Uint8Array(inlineSize + xattrBlockSize);
  const used = compose(stored, area, ino);
  return { inline: area.subarray(0, inlineSize), node: used > inlineSize ? area.subarray(inlineSize) : null };
}

/** Lays the list out; returns the bytes used, header included, or 0 for an empty list. */
function compose(stored: readonly StoredXattr[], area: Uint8Array, ino: number): number {
  if (stored.length === 0) return 0;
  const dv = viewOf(area);
  const header = new XattrHeader(dv);
  header.magic = XATTR_MAGIC;
  header.refcount = 1;
  const entry = new XattrEntry(dv);
  let at = XattrHeader.size;
  for (const { index, name, value } of stored) {
    const size = xattrEntrySize(name.length, value.length);
    // The list ends with a zero word, unless it ends with its area.
    if (at + size > area.length) {
      throw new F2fsError(
        'E2BIG',
        `the extended attributes are too long: F2FS has ${area.length} bytes for all of a file`,
        {
          ino,
        },
      );
    }
    entry.base = at;
    entry.nameIndex = index;
    entry.nameLen = name.length;
    entry.valueSize = value.length;
    area.set(latin1Bytes(name), at + XattrEntry.size);
    area.set(value, at + XattrEntry.size + name.length);
    at += size;
  }
  return at;
}

function isAcl(index: number): boolean {
  return index === XATTR_INDEX.POSIX_ACL_ACCESS || index === XATTR_INDEX.POSIX_ACL_DEFAULT;
}

/** In the form of the system calls. */
function shownValue({ index, name, value }: StoredXattr, ino: number): Uint8Array {
  if (isAcl(index)) return aclToXattr(aclFromDisk(value, ino));
  return index === XATTR_INDEX.SECURITY && name === CAPABILITY_NAME ? shownCapability(value) : value;
}

function fullName({ index, name }: StoredXattr): Uint8Array | null {
  const prefix = XATTR_PREFIXES.find((known) => known.index === index);
  if (prefix === undefined) return null;
  return latin1Bytes(prefix.exact ? prefix.prefix : prefix.prefix + name);
}

/** The error for an attribute that is not there. */
export function missing(ino: number, name: Name): F2fsError {
  return new F2fsError('ENODATA', `there is no extended attribute ${display(name)}`, { ino });
}

/** Throws as `set` does for a name that can't be stored. Source: xattr_resolve_name. */
export function checkXattrName(name: Name): void {
  storedName(name);
}

function storedName(full: Name): { index: number; name: string } {
  const name = latin1Text(nameBytes(full, 'name of an attribute'));
  if (name.length === 0 || name.length > NAME_MAX)
    throw new F2fsError(
      'ERANGE',
      `invalid attribute name '${display(full)}' of ${name.length} bytes: expected 1 to ${NAME_MAX} behind its prefix`,
    );
  const prefix = XATTR_PREFIXES.find((known) => (known.exact ? name === known.prefix : name.startsWith(known.prefix)));
  if (prefix === undefined) {
    throw new F2fsError(
      'EOPNOTSUPP',
      `invalid attribute name '${display(full)}': expected user.*, trusted.*, security.* or a POSIX ACL`,
    );
  }
  const rest = prefix.exact ? '' : name.slice(prefix.prefix.length);
  if (rest.length === 0 && !prefix.exact)
    throw new F2fsError('EINVAL', `invalid attribute name '${name}': expected a name behind the prefix`);
  return { index: prefix.index, name: rest };
}
