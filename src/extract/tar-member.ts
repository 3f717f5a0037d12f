// What stands before the contents of a member of a tar archive: a header of POSIX, and a PAX header before it with what that has no room
// for. Sources: POSIX.1-2017 "pax", "Storing Sparse Files" in the manual of GNU tar, star(5) for attributes, ACLs and devices.
import { utf8 } from '../escaped-bytes.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { TAR_BLOCK } from '../source/tar/header.ts';

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const SLASH = 0x2f;
/** What octal digits of a header hold: 7 of them, and 11. */
const MAX_SHORT = 8 ** 7 - 1;
const MAX_LONG = 8 ** 11 - 1;

export type TarType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';
const TYPEFLAGS: Readonly<Record<TarType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** What a member says, but for its contents. */
export interface Member {
  readonly type: TarType;
  /** From the root of the archive; of a directory with a slash at its end. */
  readonly path: Uint8Array;
  /** Permissions, 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
  /** Bytes that follow. */
  readonly size: number;
  /** Of links. */
  readonly target?: Uint8Array;
  readonly rdev?: { readonly major: number; readonly minor: number };
  /** Records beyond those that follow from the rest. */
  readonly records: readonly (readonly [key: string | Uint8Array, value: string | Uint8Array])[];
}

/** The blocks before the contents. */
export function tarHeader(member: Member): Buffer {
  const { type, path, uid, gid, mtime, size, target, rdev } = member;
  const place = placeOf(path);
  const records: Buffer[] = [];
  const add = (key: string | Uint8Array, value: string | Uint8Array) => records.push(record(key, value));
  const texts = [path, ...(target === undefined ? [] : [target])];
  const arePlaced = place !== null && (target === undefined || target.length <= NAME_BYTES);
  // Readers take what PAX says as UTF-8 otherwise.
  if (!arePlaced && texts.some((text) => utf8(text) === null)) add('hdrcharset', 'BINARY');
  if (place === null) add('path', path);
  if (target !== undefined && target.length > NAME_BYTES) add('linkpath', target);
  if (size > MAX_LONG) add('size', String(size));
  if (uid > MAX_SHORT) add('uid', String(uid));
  if (gid > MAX_SHORT) add('gid', String(gid));
  const hasTime = mtime.nsec === 0 && mtime.sec >= 0 && mtime.sec <= MAX_LONG;
  if (!hasTime) add('mtime', timeText(mtime));
  const isFarDevice = rdev !== undefined && (rdev.major > MAX_SHORT || rdev.minor > MAX_SHORT);
  if (isFarDevice) {
    add('SCHILY.devmajor', String(rdev.major));
    add('SCHILY.devminor', String(rdev.minor));
  }
  for (const [key, value] of member.records) add(key, value);
  const header = block({
    name: place?.name ?? path.subarray(0, NAME_BYTES),
    prefix: place?.prefix,
    typeflag: TYPEFLAGS[type],
    mode: member.mode,
    uid: uid > MAX_SHORT ? 0 : uid,
    gid: gid > MAX_SHORT ? 0 : gid,
    size: size > MAX_LONG ? 0 : size,
    mtime: mtime.sec < 0 || mtime.sec > MAX_LONG ? 0 : mtime.sec,
    link: target?.subarray(0, NAME_BYTES),
    rdev: isFarDevice ? undefined : rdev,
  });
  if (records.length === 0) return header;
  const extension = Buffer.concat(records);
  const before = block({ name: Buffer.from('./PaxHeaders/x'), typeflag: 'x', mode: 0o644, size: extension.length });
  return Buffer.concat([before, extension, padding(extension.length), header]);
}

/** Zeros that fill the last block of so many bytes. */
export function padding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

interface BlockFields {
  readonly name: Uint8Array;
  readonly prefix?: Uint8Array;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size: number;
  readonly mtime?: number;
  readonly link?: Uint8Array;
  readonly rdev?: { readonly major: number; readonly minor: number };
}

function block(fields: BlockFields): Buffer {
  const bytes = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, at: number, digits: number) => bytes.write(value.toString(8).padStart(digits, '0'), at);
  bytes.set(fields.name);
  octal(fields.mode, 100, 7);
  octal(fields.uid ?? 0, 108, 7);
  octal(fields.gid ?? 0, 116, 7);
  octal(fields.size, 124, 11);
  octal(fields.mtime ?? 0, 136, 11);
  bytes.fill(' ', 148, 156);
  bytes.write(fields.typeflag, 156);
  if (fields.link !== undefined) bytes.set(fields.link, 157);
  bytes.write('ustar\x0000', 257, 'latin1');
  octal(fields.rdev?.major ?? 0, 329, 7);
  octal(fields.rdev?.minor ?? 0, 337, 7);
  if (fields.prefix !== undefined) bytes.set(fields.prefix, 345);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

/** A path in the two fields of a header, parted at a slash; null where it has no room there. */
function placeOf(path: Uint8Array): { name: Uint8Array; prefix?: Uint8Array } | null {
  if (path.length <= NAME_BYTES) return { name: path };
  // The first slash from where the rest fits: nothing may be empty, so the one at the end of a directory is none.
  const at = path.indexOf(SLASH, path.length - NAME_BYTES - 1);
  if (at <= 0 || at > PREFIX_BYTES || at >= path.length - 1) return null;
  return { name: path.subarray(at + 1), prefix: path.subarray(0, at) };
}

/** A PAX record, whose length counts itself. */
function record(key: string | Uint8Array, value: string | Uint8Array): Buffer {
  const rest = Buffer.concat([
    Buffer.from(' '),
    Buffer.from(key),
    Buffer.from('='),
    Buffer.from(value),
    Buffer.from('\n'),
  ]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Seconds as a decimal number: -5 and 750,000,000 nanoseconds are -4.25. */
function timeText({ sec, nsec }: Timestamp): string {
  const [whole, fraction] = sec < 0 && nsec > 0 ? [-sec - 1, 1e9 - nsec] : [Math.abs(sec), nsec];
  const digits = fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
  return `${sec < 0 ? '-' : ''}${whole}${digits}`;
}
