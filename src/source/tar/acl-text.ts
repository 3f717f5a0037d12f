// ACLs as tars write them, in words, made what Linux stores. Sources: acl(5) "ACL TEXT FORMS", linux/posix_acl_xattr.h, star(5).
import { display } from '../../bytes.ts';
import { F2fsError } from '../../errors.ts';

/** Finds the number of a user or group; null when it is not known. */
export type IdLookup = (kind: 'user' | 'group', name: Buffer) => number | null;

const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const NO_ID = 0xffffffff;
/** In the order in which entries stand. */
const TAGS = { userObj: 0x01, user: 0x02, groupObj: 0x04, group: 0x08, mask: 0x10, other: 0x20 } as const;

interface AclEntry {
  readonly tag: number;
  readonly perm: number;
  readonly id: number;
}

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
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
  const value = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  value.writeUInt32LE(VERSION, 0);
  for (const [i, { tag, perm, id }] of entries.entries()) {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    value.writeUInt16LE(tag, at);
    value.writeUInt16LE(perm, at + 2);
    value.writeUInt32LE(id, at + 4);
  }
  return value;
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
        ? { tag: TAGS.userObj, perm, id: NO_ID }
        : { tag: TAGS.user, perm, id: idOf('user', named, given, lookup) };
    case 'g':
    case 'group':
      return named === ''
        ? { tag: TAGS.groupObj, perm, id: NO_ID }
        : { tag: TAGS.group, perm, id: idOf('group', named, given, lookup) };
    case 'm':
    case 'mask':
      return { tag: TAGS.mask, perm, id: NO_ID };
    case 'o':
    case 'other':
      return { tag: TAGS.other, perm, id: NO_ID };
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
