// ACLs as tars write them, in words, made what Linux stores. Sources: acl(5) "ACL TEXT FORMS", linux/posix_acl_xattr.h, star(5).
import { display } from '../../bytes.ts';
import { F2fsError } from '../../errors.ts';
import { ACL_TAG, type AclEntry, aclToXattr } from '../../file/xattr/acl.ts';

/** Finds the number of a user or group; null when it is not known. */
export type IdLookup = (kind: 'user' | 'group', name: Buffer) => number | null;

const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const NO_ID = 0xffffffff;

/** Whether an ACL says no more than a mode does. */
export function isMinimalAcl(value: Uint8Array): boolean {
  return value.length <= HEADER_BYTES + 3 * ENTRY_BYTES;
}

/**
 * The value of system.posix_acl_access or _default. Entries are parted by commas or lines; a name may be a number, or be followed by one
 * in a fourth field. Throws EINVAL for what is no ACL, ENOENT for a name that has no number.
 */
export function parseAclText(text: Buffer, lookup: IdLookup): Uint8Array {
  const entries: AclEntry[] = [];
  for (const line of text.toString('latin1').split(/[,\n]/)) {
    const words = line.replace(/#.*/, '').trim();
    if (words !== '') entries.push(parseEntry(words, lookup));
  }
  // The tags' numbers are in the order in which entries stand.
  return aclToXattr(entries.sort((a, b) => a.tag - b.tag || a.id - b.id));
}

function parseEntry(words: string, lookup: IdLookup): AclEntry {
  const [type, name = '', rights = '', given] = words.split(':').map((word) => word.trim());
  // `other:r--` and `mask:r--`, as Solaris has them, lack the empty name.
  const isShort = words.split(':').length === 2;
  const perm = permOf(isShort ? name : rights, words);
  const named = isShort ? '' : name;
  switch (type) {
    case 'u':
    case 'user':
      return named === ''
        ? { tag: ACL_TAG.USER_OBJ, perm, id: NO_ID }
        : { tag: ACL_TAG.USER, perm, id: idOf('user', named, given, lookup) };
    case 'g':
    case 'group':
      return named === ''
        ? { tag: ACL_TAG.GROUP_OBJ, perm, id: NO_ID }
        : { tag: ACL_TAG.GROUP, perm, id: idOf('group', named, given, lookup) };
    case 'm':
    case 'mask':
      return { tag: ACL_TAG.MASK, perm, id: NO_ID };
    case 'o':
    case 'other':
      return { tag: ACL_TAG.OTHER, perm, id: NO_ID };
  }
  throw invalidEntry(words);
}

function permOf(rights: string, words: string): number {
  if (/^[0-7]$/.test(rights)) return Number(rights);
  if (!/^[rwx-]+$/.test(rights)) throw invalidEntry(words);
  return (rights.includes('r') ? 4 : 0) | (rights.includes('w') ? 2 : 0) | (rights.includes('x') ? 1 : 0);
}

function idOf(kind: 'user' | 'group', name: string, given: string | undefined, lookup: IdLookup): number {
  const number = given !== undefined && given !== '' ? given : name;
  if (/^\d+$/.test(number)) {
    if (Number(number) < NO_ID) return Number(number);
    throw invalidEntry(`${kind}:${number}`);
  }
  const bytes = Buffer.from(name, 'latin1');
  const id = lookup(kind, bytes);
  if (id !== null) return id;
  throw new F2fsError('ENOENT', `nothing tells the number of the ${kind} '${display(bytes)}' in the ACL`);
}

function invalidEntry(words: string): F2fsError {
  return new F2fsError('EINVAL', `invalid ACL entry '${display(Buffer.from(words, 'latin1'))}'`);
}
