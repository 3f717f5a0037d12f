// What is kept of a tree: one record of 92 bytes and the name's bytes an entry, in chunks, no object an entry.
import { F2fsError } from '../errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../format/constants.ts';
import { I_FLAGS } from '../format/inode.ts';

export type SourceType = 'file' | 'dir' | 'symlink' | 'fifo' | 'socket' | 'char' | 'block';

/**
 * The inode flags that an image takes over: what they say is about the file. Others (sync, noatime, compressed, ...) are about how
 * the host keeps it.
 */
export const KEPT_FLAGS = I_FLAGS.IMMUTABLE | I_FLAGS.APPEND | I_FLAGS.NODUMP;

/** What one lstat tells, or an archive; one object is refilled for every entry. Times: seconds since 1970 and nanoseconds below 1e9. */
export class EntryStat {
  /** Type and permissions, 16 bits. */
  mode = 0;
  /** Some of KEPT_FLAGS; 0 where the host does not tell. */
  flags = 0;
  uid = 0;
  gid = 0;
  nlink = 0;
  sizeBytes = 0;
  /** Units of 512 bytes. */
  nrSectors = 0;
  rdevMajor = 0;
  rdevMinor = 0;
  /** As Node's stat numbers it. */
  dev = 0;
  inoHigh = 0;
  inoLow = 0;
  atimeSec = 0;
  atimeNsec = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  /** NO_TIME in the nanoseconds when the host does not tell. */
  birthtimeSec = 0;
  birthtimeNsec = 0;
}

/** What blocks of a source are counted in. */
const SECTOR_BYTES = 512;

/** Bytes that a source has stored of a file: fewer than its size where it has holes. */
export function storedBytes({ nrSectors }: EntryStat): number {
  return nrSectors * SECTOR_BYTES;
}

/** Nanoseconds of a time that is not known. */
export const NO_TIME = -1;

/** Bits of a mode below its type. */
const TYPE_SHIFT = 12;
/** By the type's bits. */
const TYPES: SourceType[] = new Array(16);
for (const [bits, type] of [
  [S_IFREG, 'file'],
  [S_IFDIR, 'dir'],
  [S_IFLNK, 'symlink'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
] as const)
  TYPES[bits >>> TYPE_SHIFT] = type;

export function typeOf(mode: number): SourceType {
  return TYPES[(mode & S_IFMT) >>> TYPE_SHIFT];
}

const CHUNK_LOG = 14;
const CHUNK_MASK = (1 << CHUNK_LOG) - 1;
const NAMES_LOG = 20;
const NAMES_SIZE = 1 << NAMES_LOG;
const MAX_NAME_CHUNKS = 2 ** 32 / NAMES_SIZE;

// Words of a record. A time takes two: the low 32 bits of the seconds; nanoseconds with the epoch in the top 2 bits.
const NAME = 0;
const PARENT = 1;
/** Mode, length of the name << 16, FLAG_XATTRS, KEPT_FLAGS << FLAGS_SHIFT. */
const MODE = 2;
const UID = 3;
const GID = 4;
const NLINK = 5;
/** Devices: major, minor. Directories: first child, count. Others: -, 1 + first entry of the same inode. */
const A = 6;
const B = 7;
const DEV = 8;
const INO_LOW = 9;
const INO_HIGH = 10;
const SIZE_LOW = 11;
const SIZE_HIGH = 12;
const SECTORS_LOW = 13;
const SECTORS_HIGH = 14;
const ATIME = 15;
const MTIME = 17;
const CTIME = 19;
const BIRTHTIME = 21;
const WORDS = 23;

const FLAG_XATTRS = 1 << 24;
/** From the bits 4 to 6 of the flags to 25 to 27. */
const FLAGS_SHIFT = 21;
const NSEC_MASK = 0x3fffffff;
/** Nanoseconds that stand for "not known" and for "seconds out of reach: see farTimes". */
const NSEC_UNKNOWN = NSEC_MASK;
const NSEC_FAR = NSEC_MASK - 1;
const TWO32 = 2 ** 32;
const MIN_SEC = -(2 ** 31);
const MAX_SEC = MIN_SEC + 2 ** 34 - 1;

function isDevice(mode: number): boolean {
  return (mode & S_IFMT) === S_IFCHR || (mode & S_IFMT) === S_IFBLK;
}

/** A table that is complete, for other threads: its records and names are the same memory, what else it has is copied. */
export interface SharedEntries {
  readonly count: number;
  readonly rows: readonly Uint32Array[];
  readonly names: readonly Uint8Array[];
  readonly devs: readonly number[];
  readonly farTimes: ReadonlyMap<number, readonly [number, number]>;
}

/** Entries by index, in scan order; 0 is the root. */
export class EntryTable {
  #count = 0;
  readonly #rows: Uint32Array[] = [];
  readonly #names: Uint8Array[] = [];
  #nameEnd = 0;
  /** Device numbers; a record holds an index of it. */
  readonly #devs: number[] = [];
  /** [seconds, nanoseconds] of times before 1901 or after 2446, by index * WORDS + field. */
  readonly #farTimes: Map<number, readonly [number, number]>;
  /** Open-addressed set of the first entry (1 + index) of each inode with several links. */
  #links = new Uint32Array(256);
  #nrLinks = 0;
  /** First entry of a device node with several links, whose record has no room for it. */
  readonly #deviceLinks = new Map<number, number>();

  /** @param shared what another thread has shared; nothing may be added to that */
  constructor(shared?: SharedEntries) {
    this.#count = shared?.count ?? 0;
    this.#rows.push(...(shared?.rows ?? []));
    this.#names.push(...(shared?.names ?? []));
    this.#devs.push(...(shared?.devs ?? []));
    this.#farTimes = new Map(shared?.farTimes);
  }

  get count(): number {
    return this.#count;
  }

  /** For the threads that look up paths, sizes and what tells whether a file has changed: links are not known there. */
  share(): SharedEntries {
    return {
      count: this.#count,
      rows: this.#rows,
      names: this.#names,
      devs: this.#devs,
      farTimes: this.#farTimes,
    };
  }

  /** Bytes of memory held, to keep an eye on compactness. */
  get memoryBytes(): number {
    const rows = this.#rows.length * ((4 * WORDS) << CHUNK_LOG);
    return rows + this.#names.length * NAMES_SIZE + this.#links.byteLength;
  }

  /** `names[start..end)` is the name. Returns the index. Throws EOVERFLOW past 4 GiB of names. */
  append(parent: number, names: Uint8Array, start: number, end: number, stat: EntryStat): number {
    const index = this.#count++;
    if ((index & CHUNK_MASK) === 0) this.#rows.push(new Uint32Array(new SharedArrayBuffer((4 * WORDS) << CHUNK_LOG)));
    const row = this.#rows[index >>> CHUNK_LOG];
    const at = (index & CHUNK_MASK) * WORDS;
    row[at + NAME] = this.#addName(names, start, end);
    row[at + PARENT] = parent;
    this.#write(row, at, index, end - start, stat);
    if (isDevice(stat.mode)) {
      row[at + A] = stat.rdevMajor;
      row[at + B] = stat.rdevMinor;
    }
    if (stat.nlink > 1 && (stat.mode & S_IFMT) !== S_IFDIR) this.#addLink(index);
    return index;
  }

  /** Gives a directory another stat: it keeps its name, its place and its children, but not that it has attributes. */
  replaceDirectory(index: number, stat: EntryStat): void {
    const row = this.#rows[index >>> CHUNK_LOG];
    this.#write(row, (index & CHUNK_MASK) * WORDS, index, this.nameLength(index), stat);
  }

  #write(row: Uint32Array, at: number, index: number, nameLength: number, stat: EntryStat): void {
    row[at + MODE] = stat.mode | (nameLength << 16) | (stat.flags << FLAGS_SHIFT);
    row[at + UID] = stat.uid;
    row[at + GID] = stat.gid;
    row[at + NLINK] = stat.nlink;
    row[at + DEV] = this.#devIndex(stat.dev);
    row[at + INO_LOW] = stat.inoLow;
    row[at + INO_HIGH] = stat.inoHigh;
    row[at + SIZE_LOW] = stat.sizeBytes % TWO32;
    row[at + SIZE_HIGH] = stat.sizeBytes / TWO32;
    row[at + SECTORS_LOW] = stat.nrSectors % TWO32;
    row[at + SECTORS_HIGH] = stat.nrSectors / TWO32;
    this.#setTime(row, at, ATIME, index, stat.atimeSec, stat.atimeNsec);
    this.#setTime(row, at, MTIME, index, stat.mtimeSec, stat.mtimeNsec);
    this.#setTime(row, at, CTIME, index, stat.ctimeSec, stat.ctimeNsec);
    this.#setTime(row, at, BIRTHTIME, index, stat.birthtimeSec, stat.birthtimeNsec);
  }

  setChildren(dir: number, first: number, count: number): void {
    this.#set(dir, A, first);
    this.#set(dir, B, count);
  }

  setHasXattrs(index: number): void {
    this.#set(index, MODE, this.#get(index, MODE) | FLAG_XATTRS);
  }

  hasXattrs(index: number): boolean {
    return (this.#get(index, MODE) & FLAG_XATTRS) !== 0;
  }

  setFlags(index: number, flags: number): void {
    this.#set(index, MODE, this.#get(index, MODE) | ((flags & KEPT_FLAGS) << FLAGS_SHIFT));
  }

  /** Some of KEPT_FLAGS. */
  flags(index: number): number {
    return (this.#get(index, MODE) >>> FLAGS_SHIFT) & KEPT_FLAGS;
  }

  mode(index: number): number {
    return this.#get(index, MODE) & 0xffff;
  }

  parent(index: number): number {
    return this.#get(index, PARENT);
  }

  /** Directories only. */
  firstChild(dir: number): number {
    return this.#get(dir, A);
  }

  /** 0 unless a directory. */
  nrChildren(dir: number): number {
    return (this.mode(dir) & S_IFMT) === S_IFDIR ? this.#get(dir, B) : 0;
  }

  sizeBytes(index: number): number {
    return this.#get(index, SIZE_HIGH) * TWO32 + this.#get(index, SIZE_LOW);
  }

  /** Where reading told another size than the host. */
  setSize(index: number, sizeBytes: number): void {
    this.#set(index, SIZE_LOW, sizeBytes % TWO32);
    this.#set(index, SIZE_HIGH, sizeBytes / TWO32);
  }

  nameLength(index: number): number {
    return (this.#get(index, MODE) >>> 16) & 0xff;
  }

  /** The name's bytes: a view of the table, not to be changed. */
  name(index: number): Uint8Array {
    const at = this.#get(index, NAME);
    const length = (this.#get(index, MODE) >>> 16) & 0xff;
    return this.#names[at >>> NAMES_LOG].subarray(at & (NAMES_SIZE - 1), (at & (NAMES_SIZE - 1)) + length);
  }

  /** First entry in scan order of the same inode, -1 for a file with one link. */
  linkGroup(index: number): number {
    const mode = this.mode(index);
    if ((mode & S_IFMT) === S_IFDIR) return -1;
    return isDevice(mode) ? (this.#deviceLinks.get(index) ?? -1) : this.#get(index, B) - 1;
  }

  read(index: number, stat: EntryStat): EntryStat {
    stat.mode = this.mode(index);
    stat.flags = this.flags(index);
    stat.uid = this.#get(index, UID);
    stat.gid = this.#get(index, GID);
    stat.nlink = this.#get(index, NLINK);
    stat.sizeBytes = this.sizeBytes(index);
    stat.nrSectors = this.#get(index, SECTORS_HIGH) * TWO32 + this.#get(index, SECTORS_LOW);
    stat.rdevMajor = isDevice(stat.mode) ? this.#get(index, A) : 0;
    stat.rdevMinor = isDevice(stat.mode) ? this.#get(index, B) : 0;
    stat.dev = this.#devs[this.#get(index, DEV)];
    stat.inoHigh = this.#get(index, INO_HIGH);
    stat.inoLow = this.#get(index, INO_LOW);
    stat.atimeSec = this.#seconds(index, ATIME);
    stat.atimeNsec = this.#nanoseconds(index, ATIME);
    stat.mtimeSec = this.#seconds(index, MTIME);
    stat.mtimeNsec = this.#nanoseconds(index, MTIME);
    stat.ctimeSec = this.#seconds(index, CTIME);
    stat.ctimeNsec = this.#nanoseconds(index, CTIME);
    stat.birthtimeSec = this.#seconds(index, BIRTHTIME);
    stat.birthtimeNsec = this.#nanoseconds(index, BIRTHTIME);
    return stat;
  }

  /** Whether inode, size and mtime are those of the record. */
  isUnchanged(index: number, stat: EntryStat): boolean {
    return (
      this.isSameInode(index, stat) &&
      this.sizeBytes(index) === stat.sizeBytes &&
      this.#nanoseconds(index, MTIME) === stat.mtimeNsec &&
      this.#seconds(index, MTIME) === stat.mtimeSec
    );
  }

  isSameInode(index: number, stat: EntryStat): boolean {
    return (
      this.#get(index, INO_LOW) === stat.inoLow &&
      this.#get(index, INO_HIGH) === stat.inoHigh &&
      this.#devs[this.#get(index, DEV)] === stat.dev &&
      ((this.mode(index) ^ stat.mode) & S_IFMT) === 0
    );
  }

  #get(index: number, field: number): number {
    return this.#rows[index >>> CHUNK_LOG][(index & CHUNK_MASK) * WORDS + field];
  }

  #set(index: number, field: number, value: number): void {
    this.#rows[index >>> CHUNK_LOG][(index & CHUNK_MASK) * WORDS + field] = value;
  }

  #addName(names: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > 255) throw new F2fsError('ENAMETOOLONG', `invalid name of ${length} bytes: expected 255 at most`);
    let chunk = this.#names.length - 1;
    if (chunk < 0 || this.#nameEnd + length > NAMES_SIZE) {
      if (chunk + 1 === MAX_NAME_CHUNKS) throw new F2fsError('EOVERFLOW', 'the names in the source exceed 4 GiB');
      this.#names.push(new Uint8Array(new SharedArrayBuffer(NAMES_SIZE)));
      this.#nameEnd = 0;
      chunk++;
    }
    const bytes = this.#names[chunk];
    const at = this.#nameEnd;
    for (let i = 0; i < length; i++) bytes[at + i] = names[start + i];
    this.#nameEnd += length;
    // A name of no bytes at the very end of a chunk must not point past it.
    return chunk * NAMES_SIZE + (length === 0 ? 0 : at);
  }

  #devIndex(dev: number): number {
    const last = this.#devs.length - 1;
    if (last >= 0 && this.#devs[last] === dev) return last;
    const found = this.#devs.indexOf(dev);
    return found >= 0 ? found : this.#devs.push(dev) - 1;
  }

  #setTime(row: Uint32Array, at: number, field: number, index: number, sec: number, nsec: number): void {
    if (nsec === NO_TIME) {
      row[at + field + 1] = NSEC_UNKNOWN;
    } else if (sec < MIN_SEC || sec > MAX_SEC) {
      row[at + field + 1] = NSEC_FAR;
      this.#farTimes.set(index * WORDS + field, [sec, nsec]);
    } else {
      const since = sec - MIN_SEC;
      row[at + field] = since;
      row[at + field + 1] = nsec | (Math.floor(since / TWO32) << 30);
    }
  }

  #seconds(index: number, field: number): number {
    const packed = this.#get(index, field + 1);
    const nsec = packed & NSEC_MASK;
    if (nsec === NSEC_UNKNOWN) return 0;
    if (nsec === NSEC_FAR) return this.#farTimes.get(index * WORDS + field)![0];
    return (packed >>> 30) * TWO32 + this.#get(index, field) + MIN_SEC;
  }

  #nanoseconds(index: number, field: number): number {
    const nsec = this.#get(index, field + 1) & NSEC_MASK;
    if (nsec === NSEC_UNKNOWN) return NO_TIME;
    return nsec === NSEC_FAR ? this.#farTimes.get(index * WORDS + field)![1] : nsec;
  }

  #addLink(index: number): void {
    if (++this.#nrLinks * 2 > this.#links.length) {
      const old = this.#links;
      this.#links = new Uint32Array(old.length * 2);
      for (const first of old) if (first !== 0) this.#links[this.#linkSlot(first - 1)] = first;
    }
    const slot = this.#linkSlot(index);
    if (this.#links[slot] === 0) this.#links[slot] = index + 1;
    else this.#nrLinks--;
    const first = this.#links[slot];
    if (isDevice(this.mode(index))) this.#deviceLinks.set(index, first - 1);
    else this.#set(index, B, first);
  }

  /** The slot that holds the inode of this entry, or the empty one where it belongs. */
  #linkSlot(index: number): number {
    const dev = this.#get(index, DEV);
    const low = this.#get(index, INO_LOW);
    const high = this.#get(index, INO_HIGH);
    const mask = this.#links.length - 1;
    let slot = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ dev) >>> 0;
    for (slot = (slot ^ (slot >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const other = this.#links[slot] - 1;
      if (other < 0) return slot;
      if (this.#get(other, INO_LOW) === low && this.#get(other, INO_HIGH) === high && this.#get(other, DEV) === dev) {
        return slot;
      }
    }
  }
}
