// Reads the headers of a tar archive in order, whichever tar wrote it, and says what each member is. Contents are passed over: they are
// ranges of the archive, as are the targets of symlinks. Relies on header.ts and pax.ts.
// Sources: POSIX.1-2017 "pax", "Tar Internals" of the manual of GNU tar, tar(5) of libarchive.
import { display } from '../../bytes.ts';
import { F2fsError } from '../../errors.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../../format/constants.ts';
import { EntryStat, NO_TIME } from '../entry-table.ts';
import { type ArchiveFile, ArchiveWindow } from './archive-file.ts';
import {
  dialectOf,
  FIELDS,
  type Field,
  isHeader,
  isZeroBlock,
  parseNumber,
  prefixOf,
  TAR_BLOCK,
  textLength,
  typeflagOf,
} from './header.ts';
import { type PlacedBytes, type SparseFormat, TarOverrides } from './overrides.ts';
import {
  MAX_MAP_NUMBERS,
  readSparseBlock,
  SPARSE_EXTENSION_AT,
  SPARSE_HEADER_AT,
  type SparseMap,
  sparseMapOf,
} from './sparse-map.ts';

/** Bytes of a header that only extends the next one, at most: bounds the memory for it. */
export const MAX_EXTENSION = 16 * 2 ** 20;
/** Digits of a number in a map, and what ends it. */
const MAX_NUMBER_BYTES = 20;

/** What a member is; one object, which is refilled for every one. */
export class TarMember {
  /** As it is in the archive, with whatever slashes and dots. */
  path: Uint8Array = new Uint8Array(0);
  /** Where its first header begins, in bytes of the archive. */
  at = 0;
  /** Its mode has the type's bits; of a hard link it says nothing. */
  readonly stat = new EntryStat();
  /** The path that it is another name of; null for what is no hard link. */
  linkTo: Uint8Array | null = null;
  /** Where its contents begin, or a symlink's target; `stat.sizeBytes` says how many bytes they are, but for holes. */
  contentsAt = 0;
  /** Where it has data; null: everywhere. */
  sparse: SparseMap | null = null;
  /** Where the PAX header with its extended attributes begins; -1: it has none. */
  xattrsAt = -1;
  /** The header itself, for the names of owners: a view. */
  block: Uint8Array = new Uint8Array(TAR_BLOCK);
}

/** What there is of a member that can't be taken. */
export interface MemberProblem {
  readonly code: string;
  readonly message: string;
}

/** What is told of an archive. */
export interface MemberReceiver {
  /** `member` is filled. */
  take(member: TarMember): void;
  /** A member, of which only path and place are filled, is passed over. */
  refuse(member: TarMember, problem: MemberProblem): void;
}

/** Kinds of members by their typeflags, as modes; those of files come with contents. */
const TYPE_BITS: Readonly<Record<string, number>> = {
  '\0': S_IFREG,
  '0': S_IFREG,
  '7': S_IFREG,
  S: S_IFREG,
  '2': S_IFLNK,
  '3': S_IFCHR,
  '4': S_IFBLK,
  '5': S_IFDIR,
  D: S_IFDIR,
  '6': S_IFIFO,
};
/** Hard links, too, but they may have contents. */
const WITHOUT_CONTENTS = '23456';
/** Kinds that say nothing about a tree, or nothing that can be made. */
const VOLUME_LABEL = 'V';
const CONTINUED = 'M';

const MAX_ID = 2 ** 32 - 1;
const SLASH = 0x2f;

export class TarReader {
  readonly #file: ArchiveFile;
  readonly #window: ArchiveWindow;
  readonly #to: MemberReceiver;
  readonly #member = new TarMember();
  readonly #global = new TarOverrides();
  #local = new TarOverrides();
  /** Whether what has been read says something about a member that must follow. */
  #isAnnounced = false;
  /** The next header or contents. */
  #at = 0;

  constructor(file: ArchiveFile, to: MemberReceiver) {
    this.#file = file;
    this.#window = new ArchiveWindow(file);
    this.#to = to;
  }

  /**
   * Yields how many bytes of the archive it needs to go on, after each member. Throws EBADMSG for what is damaged or cut short,
   * EOPNOTSUPP and E2BIG for what is not read here, with the member's name and its place.
   */
  *run(): Generator<number> {
    for (;;) {
      const member = this.#member;
      member.at = this.#at;
      member.path = new Uint8Array(0);
      this.#local = new TarOverrides();
      this.#isAnnounced = false;
      let block = yield* this.#header();
      while (block !== null && (yield* this.#extend(block))) {
        block = yield* this.#header();
        if (block === null && this.#isAnnounced) throw this.#damaged('it ends where a member should follow');
      }
      if (block === null) return;
      yield* this.#readMember(block);
      yield this.#at;
    }
  }

  /** The header at hand; null at the end of the archive: a block of zeros, or nothing. */
  *#header(): Generator<number, Buffer | null> {
    if (!this.#isThere(TAR_BLOCK)) yield this.#at + TAR_BLOCK;
    const block = this.#window.view(this.#at, TAR_BLOCK);
    if (block.length === 0) return null;
    if (block.length < TAR_BLOCK) throw this.#cutShort();
    if (block[0] === 0 && isZeroBlock(block)) return null;
    if (!isHeader(block)) throw this.#damaged(`there is no header at byte ${this.#at}: its checksum is wrong`);
    this.#at += TAR_BLOCK;
    return block;
  }

  #isThere(length: number): boolean {
    return this.#file.isWhole || this.#at + length <= this.#file.bytes;
  }

  /** Reads a header that says something about the next one; false for a member. */
  *#extend(block: Buffer): Generator<number, boolean> {
    const typeflag = typeflagOf(block);
    if (!'xXgLK'.includes(typeflag)) return false;
    this.#isAnnounced ||= typeflag !== 'g';
    const headerAt = this.#at - TAR_BLOCK;
    const size = this.#number(block, FIELDS.SIZE, 'size');
    if (size > MAX_EXTENSION) {
      const message = `a header of ${size} bytes: at most ${MAX_EXTENSION} are read`;
      throw new F2fsError('E2BIG', this.#message(message), { path: this.#file.name });
    }
    if (!this.#isThere(size)) yield this.#at + size;
    const bytes = this.#window.view(this.#at, size);
    if (bytes.length < size) throw this.#cutShort();
    if (typeflag === 'L') this.#local.longName = textOf(bytes);
    else if (typeflag === 'K') this.#local.longLink = { bytes: textOf(bytes), at: this.#at };
    else {
      const overrides = typeflag === 'g' ? this.#global : this.#local;
      const wrong = overrides.read(bytes, this.#at, headerAt);
      if (wrong !== null) throw this.#damaged(`its PAX header at byte ${headerAt} ${wrong}`);
      if (typeflag === 'g' && this.#global.xattrsAt >= 0) {
        const message = 'extended attributes for all members, in a global PAX header, are not read';
        throw new F2fsError('EOPNOTSUPP', this.#message(message), { path: this.#file.name });
      }
    }
    this.#at += padded(size);
    return true;
  }

  *#readMember(view: Buffer): Generator<number> {
    const member = this.#member;
    const { stat } = member;
    const typeflag = typeflagOf(view);
    const local = this.#local;
    // For some more of the archive is read before the header is done with.
    const block = typeflag === '1' || typeflag === 'S' || local.sparse !== null ? Buffer.from(view) : view;
    member.block = block;
    member.path = this.#pathOf(block);
    member.sparse = null;
    member.linkTo = null;
    member.xattrsAt = local.xattrsAt;
    const isBare = WITHOUT_CONTENTS.includes(typeflag);
    let stored = isBare ? 0 : this.#sizeOf(block);
    if (typeflag === '1') {
      const { bytes } = this.#linkOf(block);
      member.linkTo = bytes;
      if (stored > 0 && !(yield* this.#hasContents(block))) stored = 0;
    }
    let bits = typeflag === '1' ? S_IFREG : (TYPE_BITS[typeflag] ?? 0);
    if (bits === S_IFREG && typeflag !== '1' && member.path[member.path.length - 1] === SLASH) bits = S_IFDIR;
    const refused = bits === 0 ? refusalOf(typeflag) : this.#fillStat(block, bits);
    const contentsAt = this.#at;
    member.contentsAt = contentsAt;
    stat.sizeBytes = bits === S_IFREG && typeflag !== '1' ? stored : 0;
    if (bits === S_IFLNK) {
      const { at, bytes } = this.#linkOf(block);
      member.contentsAt = at;
      stat.sizeBytes = bytes.length;
    }
    if (bits === S_IFREG) yield* this.#readSparse(block, typeflag, stored);
    stat.nrSectors = Math.ceil(stat.sizeBytes / 512);
    const map = member.sparse as SparseMap | null;
    if (map !== null) stat.nrSectors = Math.floor(map.dataBytes / 512);
    // The blocks of a map that follow its header come before the contents, and count for themselves.
    if (typeflag === 'S') this.#at = member.contentsAt;
    this.#at += padded(stored);
    if (!Number.isSafeInteger(this.#at)) throw this.#damaged(`its size is ${stored} bytes`);
    const end = (typeflag === 'S' ? member.contentsAt : contentsAt) + stored;
    if (end > this.#file.bytes && !this.#file.isWhole) yield end;
    if (end > this.#file.bytes) throw this.#cutShort(stored);
    if (refused === null) this.#to.take(member);
    else if (bits !== 0 || typeflag !== VOLUME_LABEL) this.#to.refuse(member, refused);
  }

  /** Whether a hard link's size counts: tars without PAX state the size of the file, whose contents came with its first name. */
  *#hasContents(block: Buffer): Generator<number, boolean> {
    if (dialectOf(block) === 'gnu') return false;
    if (!this.#isThere(TAR_BLOCK)) yield this.#at + TAR_BLOCK;
    const next = this.#window.view(this.#at, TAR_BLOCK);
    return next.length === TAR_BLOCK && !isZeroBlock(next) && !isHeader(next);
  }

  /** Owner, mode, time and device of a member; what can't be taken of it, or null. */
  #fillStat(block: Buffer, bits: number): MemberProblem | null {
    const { stat } = this.#member;
    const local = this.#local;
    const global = this.#global;
    stat.mode = bits | (this.#number(block, FIELDS.MODE, 'mode') & 0o7777);
    stat.uid = this.#id(said(local.uid, global.uid) ?? this.#number(block, FIELDS.UID, 'uid'));
    stat.gid = this.#id(said(local.gid, global.gid) ?? this.#number(block, FIELDS.GID, 'gid'));
    const time = said(local.mtime, global.mtime);
    stat.mtimeSec = time?.sec ?? this.#number(block, FIELDS.MTIME, 'mtime');
    stat.mtimeNsec = time?.nsec ?? 0;
    stat.atimeSec = stat.ctimeSec = stat.mtimeSec;
    stat.atimeNsec = stat.ctimeNsec = stat.mtimeNsec;
    stat.birthtimeNsec = NO_TIME;
    stat.flags = local.flags;
    stat.nlink = 1;
    stat.rdevMajor = stat.rdevMinor = 0;
    if (bits === S_IFCHR || bits === S_IFBLK) {
      stat.rdevMajor = said(local.major, global.major) ?? this.#number(block, FIELDS.MAJOR, 'device number');
      stat.rdevMinor = said(local.minor, global.minor) ?? this.#number(block, FIELDS.MINOR, 'device number');
      if (!isWord(stat.rdevMajor) || !isWord(stat.rdevMinor))
        return { code: 'EOVERFLOW', message: `there is no device ${stat.rdevMajor}:${stat.rdevMinor}` };
    }
    if (!isWord(stat.uid) || !isWord(stat.gid))
      return { code: 'EOVERFLOW', message: `there is no owner ${stat.uid}:${stat.gid}: at most ${MAX_ID} can be kept` };
    return null;
  }

  /** Negative ones are those of 32 bits, as -2 for nobody. */
  #id(id: number): number {
    return id < 0 && id >= -(2 ** 31) ? id + 2 ** 32 : id;
  }

  #sizeOf(block: Buffer): number {
    const size = said(this.#local.size, this.#global.size) ?? this.#number(block, FIELDS.SIZE, 'size');
    if (size < 0) throw this.#damaged(`its size is ${size}`);
    return size;
  }

  #number(block: Buffer, field: Field, what: string): number {
    const value = parseNumber(block, field);
    if (Number.isFinite(value)) return value;
    throw this.#damaged(Number.isNaN(value) ? `its ${what} is no number` : `its ${what} is out of all bounds`);
  }

  #pathOf(block: Buffer): Uint8Array {
    const { sparse, path, longName } = this.#local;
    const given = sparse?.name ?? path ?? longName ?? said(path, this.#global.path);
    if (given !== undefined && given !== null) return given;
    const name = fieldOf(block, FIELDS.NAME);
    if (dialectOf(block) !== 'ustar') return Buffer.from(name);
    const prefix = fieldOf(block, prefixOf(block));
    return prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.of(SLASH), name]);
  }

  /** The target of a link, and where it lies in the archive. */
  #linkOf(block: Buffer): PlacedBytes {
    const { link, longLink } = this.#local;
    const given = link ?? longLink ?? said(link, this.#global.link);
    if (given !== undefined && given !== null) return given;
    const bytes = Buffer.from(fieldOf(block, FIELDS.LINK));
    return { bytes, at: this.#at - TAR_BLOCK + FIELDS.LINK.at };
  }

  *#readSparse(block: Buffer, typeflag: string, stored: number): Generator<number> {
    const member = this.#member;
    if (typeflag === 'S') {
      yield* this.#readOldSparse(block, stored);
      return;
    }
    const { sparse } = this.#local;
    if (sparse === null || typeflag === '1') return;
    if (sparse.major > 1 || sparse.minor > (sparse.major === 0 ? 1 : 0)) {
      const message = `a sparse file in a format that is not read here (${sparse.major}.${sparse.minor})`;
      throw new F2fsError('EOPNOTSUPP', this.#message(message), { path: this.#file.name });
    }
    const inContents = sparse.major === 1;
    const ranges = inContents ? yield* this.#readMapInContents(stored) : sparse.ranges;
    this.#setSparse(ranges, sparse.realSize ?? Number.NaN, stored - (member.contentsAt - this.#at), sparse);
  }

  /** GNU's own: four ranges in the header, more in blocks behind it. */
  *#readOldSparse(block: Buffer, stored: number): Generator<number> {
    const ranges: number[] = [];
    let isMore = readSparseBlock(block, SPARSE_HEADER_AT, ranges);
    const realSize = parseNumber(block, SPARSE_HEADER_AT.realSize);
    let at = this.#at;
    while (isMore) {
      if (!this.#file.isWhole && at + TAR_BLOCK > this.#file.bytes) yield at + TAR_BLOCK;
      const more = this.#window.view(at, TAR_BLOCK);
      if (more.length < TAR_BLOCK) throw this.#cutShort();
      isMore = readSparseBlock(more, SPARSE_EXTENSION_AT, ranges);
      at += TAR_BLOCK;
      this.#checkRanges(ranges.length);
    }
    this.#member.contentsAt = at;
    this.#setSparse(ranges, realSize, stored, null);
  }

  /** PAX 1.0: numbers, each on a line, before the contents: how many ranges, then offset and length of each; padded to a block. */
  *#readMapInContents(stored: number): Generator<number, number[]> {
    const start = this.#at;
    const ranges: number[] = [];
    let wanted = -1;
    let at = start;
    for (let left = 1; left > 0; left = wanted < 0 ? 1 : wanted - ranges.length) {
      const room = Math.min(MAX_NUMBER_BYTES, start + stored - at);
      if (!this.#file.isWhole && at + room > this.#file.bytes) yield at + room;
      const text = this.#window.view(at, room);
      let value = 0;
      let length = 0;
      for (; length < text.length && text[length] >= 0x30 && text[length] <= 0x39; length++)
        value = value * 10 + text[length] - 0x30;
      if (length === 0 || length === text.length || text[length] !== 0x0a || !Number.isSafeInteger(value))
        throw this.#damaged('its map of holes is no list of numbers');
      at += length + 1;
      if (wanted >= 0) ranges.push(value);
      else {
        this.#checkRanges(2 * value);
        wanted = 2 * value;
      }
    }
    this.#member.contentsAt = start + padded(at - start);
    return ranges;
  }

  #checkRanges(nrNumbers: number): void {
    if (nrNumbers <= MAX_MAP_NUMBERS) return;
    const message = `its map of holes has more than the ${MAX_MAP_NUMBERS / 2} ranges that are read`;
    throw new F2fsError('E2BIG', this.#message(message), { path: this.#file.name });
  }

  #setSparse(ranges: number[], realSize: number, dataBytes: number, format: SparseFormat | null): void {
    this.#checkRanges(ranges.length);
    const map = sparseMapOf(ranges, realSize, dataBytes);
    if (map === null) {
      const which = format === null ? '' : ` (${format.major}.${format.minor})`;
      throw this.#damaged(`its map of holes${which} does not fit its size of ${realSize} bytes, ${dataBytes} of data`);
    }
    this.#member.stat.sizeBytes = realSize;
    if (map.dataBytes < realSize) this.#member.sparse = map;
  }

  #message(what: string): string {
    const { path, at } = this.#member;
    const known = path.length > 0 ? path : (this.#local.path ?? this.#local.longName ?? path);
    const name = known.length > 0 ? `"${display(known)}" at byte ${at}` : `byte ${at}`;
    return `${this.#file.name}, ${name}: ${what}`;
  }

  #damaged(what: string): F2fsError {
    return new F2fsError('EBADMSG', `${this.#message(what)}; the archive is damaged`, { path: this.#file.name });
  }

  #cutShort(stored?: number): F2fsError {
    const wants = stored === undefined ? '' : `, though ${stored} bytes should follow`;
    const message = `the archive ends after ${this.#file.bytes} bytes${wants}: it is cut short`;
    return new F2fsError('EBADMSG', this.#message(message), { path: this.#file.name });
  }
}

function refusalOf(typeflag: string): MemberProblem {
  if (typeflag === CONTINUED)
    return { code: 'EOPNOTSUPP', message: 'it goes on from another volume of the archive: join the volumes first' };
  return {
    code: 'EOPNOTSUPP',
    message: `it is of the type '${display(Buffer.from(typeflag, 'latin1'))}', which is not known`,
  };
}

/** What the member's own records say, also that they take back what is said for all. */
function said<T>(local: T | undefined, global: T | undefined): T | undefined {
  return local === undefined ? global : local;
}

function padded(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
}

function isWord(value: number): boolean {
  return value >= 0 && value <= MAX_ID;
}

function fieldOf(block: Buffer, field: Field): Buffer {
  return block.subarray(field.at, field.at + textLength(block, field));
}

/** The contents of a GNU long name: a copy, without the NUL at its end. */
function textOf(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
}
