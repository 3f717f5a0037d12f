// POSIX ACLs: the form that the xattr system calls use, and the shorter one on disk, where only named users and groups
// have an id. Source: f2fs_acl_from_disk, f2fs_acl_to_disk, include/uapi/linux/posix_acl_xattr.h.
import { corrupt, F2fsError } from '../errors.ts';
import { viewOf } from '../format/struct.ts';

const DISK_VERSION = 1;
const SYSCALL_VERSION = 2;
const HEADER_SIZE = 4;
/** Tag and permissions, then the id. */
const SHORT_SIZE = 4;
const LONG_SIZE = 8;
const UNDEFINED_ID = 0xffffffff;

const TAG = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 0x10, OTHER: 0x20 } as const;
const TAGS = new Set<number>(Object.values(TAG));

function hasId(tag: number): boolean {
  return tag === TAG.USER || tag === TAG.GROUP;
}

/** The system calls' form of an ACL on disk. Throws EUCLEAN for bytes that are none. */
export function aclFromDisk(disk: Uint8Array, ino: number): Uint8Array {
  const bad = () => corrupt(`a POSIX ACL of inode ${ino} is damaged`, { ino });
  const from = viewOf(disk);
  if (disk.length < HEADER_SIZE || from.getUint32(0, true) !== DISK_VERSION) throw bad();
  const acl = new Uint8Array(HEADER_SIZE + Math.ceil((disk.length - HEADER_SIZE) / SHORT_SIZE) * LONG_SIZE);
  const to = viewOf(acl);
  to.setUint32(0, SYSCALL_VERSION, true);
  let out = HEADER_SIZE;
  for (let at = HEADER_SIZE; at < disk.length; out += LONG_SIZE) {
    if (at + SHORT_SIZE > disk.length) throw bad();
    const tag = from.getUint16(at, true);
    const size = hasId(tag) ? LONG_SIZE : SHORT_SIZE;
    if (!TAGS.has(tag) || at + size > disk.length) throw bad();
    to.setUint16(out, tag, true);
    to.setUint16(out + 2, from.getUint16(at + 2, true), true);
    to.setUint32(out + 4, hasId(tag) ? from.getUint32(at + 4, true) : UNDEFINED_ID, true);
    at += size;
  }
  return acl.subarray(0, out);
}

/** The form on disk of an ACL in the system calls' form. Throws EINVAL for bytes that are none. */
export function aclToDisk(acl: Uint8Array): Uint8Array {
  const from = viewOf(acl);
  const invalid = () => new F2fsError('EINVAL', 'the value is not a POSIX ACL in the form of the xattr system calls');
  if (acl.length < HEADER_SIZE || (acl.length - HEADER_SIZE) % LONG_SIZE !== 0) throw invalid();
  if (from.getUint32(0, true) !== SYSCALL_VERSION) throw invalid();
  const disk = new Uint8Array(acl.length);
  const to = viewOf(disk);
  to.setUint32(0, DISK_VERSION, true);
  let out = HEADER_SIZE;
  for (let at = HEADER_SIZE; at < acl.length; at += LONG_SIZE) {
    const tag = from.getUint16(at, true);
    if (!TAGS.has(tag)) throw invalid();
    to.setUint16(out, tag, true);
    to.setUint16(out + 2, from.getUint16(at + 2, true), true);
    if (hasId(tag)) to.setUint32(out + 4, from.getUint32(at + 4, true), true);
    out += hasId(tag) ? LONG_SIZE : SHORT_SIZE;
  }
  return disk.subarray(0, out);
}
