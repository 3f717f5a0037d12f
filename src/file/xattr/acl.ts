// POSIX ACLs as lists of entries, in the form that the xattr system calls use, and the shorter one on disk, where only named
// users and groups have an id. Source: f2fs_acl_from_disk, f2fs_acl_to_disk, include/uapi/linux/posix_acl_xattr.h.
import { corrupt, F2fsError } from '../../errors.ts';
import { viewOf } from '../../format/struct.ts';

const DISK_VERSION = 1;
const SYSCALL_VERSION = 2;
const HEADER_SIZE = 4;
/** Tag and permissions, then the id. */
const SHORT_SIZE = 4;
const LONG_SIZE = 8;
/** Of entries that are no named user or group. */
const UNDEFINED_ID = 0xffffffff;

/** Whom an entry is about. */
export const ACL_TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 0x10, OTHER: 0x20 } as const;
const TAGS = new Set<number>(Object.values(ACL_TAG));

export interface AclEntry {
  readonly tag: number;
  /** rwx, as in a mode. */
  readonly perm: number;
  /** Of a named user or group. */
  readonly id: number;
}
export type Acl = readonly AclEntry[];

function hasId(tag: number): boolean {
  return tag === ACL_TAG.USER || tag === ACL_TAG.GROUP;
}

/** An ACL as it is on disk. Throws EUCLEAN for bytes that are none. */
export function aclFromDisk(disk: Uint8Array, ino: number): Acl {
  const bad = () => corrupt('acl', { ino });
  const from = viewOf(disk);
  if (disk.length < HEADER_SIZE || from.getUint32(0, true) !== DISK_VERSION) throw bad();
  const acl: AclEntry[] = [];
  for (let at = HEADER_SIZE; at < disk.length; ) {
    if (at + SHORT_SIZE > disk.length) throw bad();
    const tag = from.getUint16(at, true);
    const size = hasId(tag) ? LONG_SIZE : SHORT_SIZE;
    if (!TAGS.has(tag) || at + size > disk.length) throw bad();
    const id = hasId(tag) ? from.getUint32(at + 4, true) : UNDEFINED_ID;
    acl.push({ tag, perm: from.getUint16(at + 2, true), id });
    at += size;
  }
  return acl;
}

export function aclToDisk(acl: Acl): Uint8Array {
  const disk = new Uint8Array(HEADER_SIZE + acl.length * LONG_SIZE);
  const to = viewOf(disk);
  to.setUint32(0, DISK_VERSION, true);
  let out = HEADER_SIZE;
  for (const { tag, perm, id } of acl) {
    to.setUint16(out, tag, true);
    to.setUint16(out + 2, perm, true);
    if (hasId(tag)) to.setUint32(out + 4, id, true);
    out += hasId(tag) ? LONG_SIZE : SHORT_SIZE;
  }
  return disk.subarray(0, out);
}

/**
 * The ACL that a system call gave; null for one without entries, or nothing at all, which stand for none. Throws EINVAL for bytes that are none,
 * EOPNOTSUPP for another version. Source: posix_acl_from_xattr.
 */
export function aclFromXattr(value: Uint8Array): Acl | null {
  const from = viewOf(value);
  const invalid = () => new F2fsError('EINVAL', 'the value is not a POSIX ACL in the form of the xattr system calls');
  if (value.length === 0) return null;
  if (value.length < HEADER_SIZE) throw invalid();
  const version = from.getUint32(0, true);
  if (version !== SYSCALL_VERSION) throw new F2fsError('EOPNOTSUPP', `POSIX ACLs of version ${version} are not known`);
  if ((value.length - HEADER_SIZE) % LONG_SIZE !== 0) throw invalid();
  const acl: AclEntry[] = [];
  for (let at = HEADER_SIZE; at < value.length; at += LONG_SIZE) {
    const tag = from.getUint16(at, true);
    const id = hasId(tag) ? from.getUint32(at + 4, true) : UNDEFINED_ID;
    if (!TAGS.has(tag) || (hasId(tag) && id === UNDEFINED_ID)) throw invalid();
    acl.push({ tag, perm: from.getUint16(at + 2, true), id });
  }
  return acl.length === 0 ? null : acl;
}

/** Source: posix_acl_to_xattr. */
export function aclToXattr(acl: Acl): Uint8Array {
  const value = new Uint8Array(HEADER_SIZE + acl.length * LONG_SIZE);
  const to = viewOf(value);
  to.setUint32(0, SYSCALL_VERSION, true);
  acl.forEach(({ tag, perm, id }, i) => {
    to.setUint16(HEADER_SIZE + i * LONG_SIZE, tag, true);
    to.setUint16(HEADER_SIZE + i * LONG_SIZE + 2, perm, true);
    to.setUint32(HEADER_SIZE + i * LONG_SIZE + 4, id, true);
  });
  return value;
}
