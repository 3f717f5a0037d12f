// Writes a mounted volume, or a part of it, as a tar archive: PAX where more is to be said than the headers of POSIX can. Files with holes
// are in GNU's format 1.0. Relies on fs for the image, and on tar-member.ts for the headers.
import { setImmediate } from 'node:timers/promises';
import { display, nameBytes, type Path } from '../bytes.ts';
import { checkOptions, isBoolean, isFunction, isSignal, type OptionChecks } from '../check.ts';
import { checkSignal, F2fsError } from '../errors.ts';
import { ACL_TAG, aclFromXattr } from '../file/xattr/acl.ts';
import { Directory, openEntry } from '../fs/directory-handle.ts';
import { FileHandle } from '../fs/file-handle.ts';
import { checkFileSystem, type FileSystem } from '../fs/file-system.ts';
import type { Handle } from '../fs/handle.ts';
import type { FileStat } from '../fs/stat.ts';
import { walkTree } from '../fs/walk.ts';
import { kindOfMessage, Problems } from '../problems.ts';
import { fflagsText } from '../source/tar/fflags.ts';
import { TAR_BLOCK } from '../source/tar/header.ts';
import { lostAnywhere, Notes } from './notes.ts';
import type { ExtractProgress, ExtractReport } from './report.ts';
import { type Member, padding, type TarType, tarHeader } from './tar-member.ts';

/** What `extractTar` writes. */
export interface TarOptions {
  /** Extended attributes, ACLs and inode flags. Default: true. */
  xattrs?: boolean;
  /** Called after each entry. */
  onProgress?: (progress: ExtractProgress) => void;
  /** Ends it between two entries, with an AbortError (ECANCELED). */
  signal?: AbortSignal;
}

/** What `extractTar` has written: counts as of `extract`, entries that are not in the archive, and what others lost. */
export type TarReport = Omit<ExtractReport, 'directory' | 'seconds'>;

const OPTIONS: OptionChecks<TarOptions> = { xattrs: isBoolean, onProgress: isFunction, signal: isSignal };
/** Bytes that are written at a time, and to multiples of which the archive is filled up. */
const CHUNK_BYTES = 1 << 18;
const RECORD_BYTES = 20 * TAR_BLOCK;
const TURN_MS = 50;
const ENDED = 'the archive was ended before it was complete';
const ROOT = Buffer.from('./');
const SLASH = Buffer.from('/');
const ACLS: Readonly<Record<string, string>> = {
  'system.posix_acl_access': 'SCHILY.acl.access',
  'system.posix_acl_default': 'SCHILY.acl.default',
};
const TAGS = new Map<number, string>([
  [ACL_TAG.USER_OBJ, 'user'],
  [ACL_TAG.USER, 'user'],
  [ACL_TAG.GROUP_OBJ, 'group'],
  [ACL_TAG.GROUP, 'group'],
  [ACL_TAG.MASK, 'mask'],
  [ACL_TAG.OTHER, 'other'],
]);

/**
 * Writes what stands at `path` of the volume as a tar archive: the contents of a directory, and it as `./`; anything else by its name.
 * `write` is given the archive in pieces, each of which may be used again once it has resolved. What can't be read, and sockets, which
 * no tar holds, are in the report's `problems`; that a directory folds case, or a file is under verity, in its `notes`. Throws ENOENT and
 * ENOTDIR for the path, what `write` throws, and EIO or EUCLEAN for a file whose contents can't be read to their end when their
 * beginning is written: the archive is worth nothing then.
 */
export async function extractTar(
  volume: FileSystem,
  path: Path,
  write: (chunk: Uint8Array) => Promise<void> | void,
  options: TarOptions = {},
): Promise<TarReport> {
  checkFileSystem(volume);
  isFunction(write, 'write');
  checkOptions('extractTar', options, OPTIONS);
  const bytes = nameBytes(path, 'path');
  checkSignal(options.signal, ENDED);
  using start = volume.open(bytes, { follow: false });
  const archive = new TarArchive(options);
  let lastTurn = performance.now();
  for (const chunk of archive.run(start, bytes)) {
    if (chunk.length > 0) await write(chunk);
    if (performance.now() - lastTurn < TURN_MS) continue;
    await setImmediate();
    checkSignal(options.signal, ENDED);
    lastTurn = performance.now();
  }
  return archive.report;
}

class TarArchive {
  readonly #options: TarOptions;
  readonly #counts = { files: 0, directories: 0, symlinks: 0, special: 0, hardLinks: 0, contentBytes: 0, holeBytes: 0 };
  readonly #problems = new Problems();
  readonly #notes = new Notes();
  /** The path in the archive of each inode with several names, by number. */
  readonly #links = new Map<number, Uint8Array>();
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  #filled = 0;
  #written = 0;
  #entries = 0;

  constructor(options: TarOptions) {
    this.#options = options;
  }

  get report(): TarReport {
    return { ...this.#counts, problems: this.#problems.list, notes: this.#notes.list };
  }

  *run(start: Handle, path: Uint8Array): Generator<Uint8Array> {
    if (start instanceof Directory) yield* this.#tree(start, path);
    else {
      const names = Buffer.from(path).toString('latin1').split('/');
      const name = Buffer.from(names.findLast((one) => one.length > 0) ?? '', 'latin1');
      yield* this.#entry(start, Buffer.concat([ROOT, name]));
    }
    const end = 2 * TAR_BLOCK;
    const total = Math.ceil((this.#written + this.#filled + end) / RECORD_BYTES) * RECORD_BYTES;
    yield* this.#put(Buffer.alloc(total - this.#written - this.#filled));
    yield this.#chunk.subarray(0, this.#filled);
  }

  *#tree(start: Directory, path: Uint8Array): Generator<Uint8Array> {
    const dirs: Uint8Array[] = [];
    const problem = (place: { readonly path: Uint8Array }, error: F2fsError) => this.#problem(place.path, error);
    for (const event of walkTree(start, path, problem)) {
      if (event.at === 'leave') {
        dirs.pop();
        continue;
      }
      const parent = dirs.at(-1);
      if (event.at === 'enter') {
        const { step } = event;
        const own = parent === undefined ? ROOT : Buffer.concat([parent, step.name, SLASH]);
        yield* this.#member(step.directory, 'directory', own, 0, []);
        dirs.push(own);
        this.#counts.directories++;
        this.#tell(own);
        continue;
      }
      const own = Buffer.concat([parent as Uint8Array, event.entry.name]);
      try {
        using handle = openEntry(event.step.directory, event.entry);
        yield* this.#entry(handle, own);
      } catch (error) {
        if (!(error instanceof F2fsError) || error instanceof Cut) throw error;
        this.#problem(own, error);
      }
    }
  }

  /** What is no directory. */
  *#entry(handle: Handle, path: Uint8Array): Generator<Uint8Array> {
    const stat = handle.stat();
    const first = stat.nlink > 1 ? this.#links.get(handle.ino) : undefined;
    if (first !== undefined) {
      yield* this.#put(tarHeader({ ...attributesOf(stat), type: 'link', path, size: 0, target: first, records: [] }));
      this.#counts.hardLinks++;
    } else if (handle instanceof FileHandle) {
      yield* this.#file(handle, stat, path);
      this.#counts.files++;
    } else if (stat.type === 'symlink') {
      yield* this.#member(handle, 'symlink', path, 0, [], handle.readlink());
      this.#counts.symlinks++;
    } else if (stat.type === 'socket') {
      throw new F2fsError('EOPNOTSUPP', 'a tar archive has no place for a socket');
    } else {
      yield* this.#member(handle, stat.type as TarType, path, 0, []);
      this.#counts.special++;
    }
    if (stat.nlink > 1 && first === undefined) this.#links.set(handle.ino, path);
    this.#tell(path);
  }

  *#file(handle: FileHandle, stat: FileStat, path: Uint8Array): Generator<Uint8Array> {
    const { size } = stat;
    // An empty one has no contents that could not be read, but who has the key may know better.
    if (stat.encrypted) handle.read(new Uint8Array(0), 0);
    const ranges = rangesOf(handle, size);
    const dataBytes = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
    // What can't be read at all is found before a header promises it.
    const first = new Uint8Array(Math.min(CHUNK_BYTES, dataBytes));
    if (first.length > 0)
      handle.read(first.subarray(0, Math.min(first.length, ranges[0][1] - ranges[0][0])), ranges[0][0]);
    if (dataBytes === size) yield* this.#member(handle, 'file', path, size, []);
    else {
      const map = mapOf(ranges, size);
      const name = path.subarray(path.lastIndexOf(0x2f) + 1);
      const records: Member['records'] = [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.name', path],
        ['GNU.sparse.realsize', String(size)],
      ];
      const stored = Buffer.concat([Buffer.from('./GNUSparseFile.0/'), name]);
      yield* this.#member(handle, 'file', stored, map.length + dataBytes, records);
      yield* this.#put(map);
    }
    for (const [from, to] of ranges) yield* this.#contents(handle, path, from, to);
    yield* this.#put(padding(dataBytes));
    this.#counts.contentBytes += dataBytes;
    this.#counts.holeBytes += size - dataBytes;
  }

  *#contents(handle: FileHandle, path: Uint8Array, from: number, to: number): Generator<Uint8Array> {
    for (let at = from; at < to; ) {
      if (this.#filled === CHUNK_BYTES) yield* this.#flush();
      const length = Math.min(CHUNK_BYTES - this.#filled, to - at);
      let got: number;
      try {
        got = handle.read(this.#chunk.subarray(this.#filled, this.#filled + length), at);
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
        throw new Cut(
          error.code,
          `${display(path)} can't be read to its end: ${error.message}; the archive ends there`,
        );
      }
      if (got === 0) throw new Cut('EIO', `${display(path)} became shorter; the archive ends there`);
      this.#filled += got;
      at += got;
    }
  }

  *#member(
    handle: Handle,
    type: TarType,
    path: Uint8Array,
    size: number,
    records: Member['records'],
    target?: Uint8Array,
  ): Generator<Uint8Array> {
    const stat = handle.stat();
    const all = [...records, ...this.#extras(handle, stat, path)];
    const rdev = type === 'char' || type === 'block' ? (stat.rdev ?? undefined) : undefined;
    yield* this.#put(tarHeader({ ...attributesOf(stat), type, path, size, target, rdev, records: all }));
  }

  /** Records of attributes and flags. A list that can't be read is a problem; the entry comes without. */
  #extras(handle: Handle, stat: FileStat, path: Uint8Array): [string | Uint8Array, string | Uint8Array][] {
    if (this.#options.xattrs === false) return [];
    const records: [string | Uint8Array, string | Uint8Array][] = [];
    try {
      for (const { nameBytes: name, value } of handle.xattrs()) {
        const key = ACLS[display(name)];
        records.push(key === undefined ? [xattrKey(name), value] : [key, aclText(value)]);
      }
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      this.#problem(path, error);
    }
    const flags = fflagsText(stat.flags);
    if (flags !== '') records.push(['SCHILY.fflags', flags]);
    for (const message of lostAnywhere(stat)) this.#notes.add(message, { path: display(path) });
    return records;
  }

  *#put(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === CHUNK_BYTES) yield* this.#flush();
      const length = Math.min(CHUNK_BYTES - this.#filled, bytes.length - at);
      this.#chunk.set(bytes.subarray(at, at + length), this.#filled);
      this.#filled += length;
      at += length;
    }
  }

  *#flush(): Generator<Uint8Array> {
    yield this.#chunk.subarray(0, this.#filled);
    this.#written += this.#filled;
    this.#filled = 0;
  }

  #tell(path: Uint8Array): void {
    this.#entries++;
    const { contentBytes: bytes } = this.#counts;
    this.#options.onProgress?.({
      entries: this.#entries,
      bytes,
      get path() {
        return display(path);
      },
    });
  }

  #problem(path: Uint8Array, { code, message }: F2fsError): void {
    this.#problems.add(code, kindOfMessage(message), () => ({ path: display(path), message }));
  }
}

/** A failure after which the archive can't go on. */
class Cut extends F2fsError {}

function attributesOf({ mode, uid, gid, mtime }: FileStat): Pick<Member, 'mode' | 'uid' | 'gid' | 'mtime'> {
  return { mode: mode & 0o7777, uid, gid, mtime };
}

function rangesOf(handle: FileHandle, size: number): [start: number, end: number][] {
  const ranges: [number, number][] = [];
  for (let at = 0; at < size; ) {
    const { kind, end } = handle.regionAt(at);
    const to = Math.min(end, size);
    if (kind === 'data') {
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === at) last[1] = to;
      else ranges.push([at, to]);
    }
    at = to;
  }
  return ranges;
}

/** Numbers, each on a line: how many ranges, then offset and length of each, one of no bytes at the end of a file that ends in a hole. */
function mapOf(ranges: readonly [number, number][], size: number): Buffer {
  const pairs = ranges.map(([from, to]) => [from, to - from]);
  if (ranges.length === 0 || ranges[ranges.length - 1][1] < size) pairs.push([size, 0]);
  const text = Buffer.from([pairs.length, ...pairs.flat()].map((number) => `${number}\n`).join(''));
  return Buffer.concat([text, padding(text.length)]);
}

/** `=` ends a key, so it is %3D in one, and % is %25, as GNU tar and libarchive have it. */
function xattrKey(name: Uint8Array): Buffer {
  const escaped = Buffer.from(name)
    .toString('latin1')
    .replace(/[%=]/g, (one) => (one === '%' ? '%25' : '%3D'));
  return Buffer.concat([Buffer.from('SCHILY.xattr.'), Buffer.from(escaped, 'latin1')]);
}

/** An ACL of the form that the xattr calls use in words, with numbers for names. */
function aclText(value: Uint8Array): string {
  const lines = (aclFromXattr(value) ?? []).map(({ tag, perm, id }) => {
    const who = tag === ACL_TAG.USER || tag === ACL_TAG.GROUP ? id : '';
    const rights = `${perm & 4 ? 'r' : '-'}${perm & 2 ? 'w' : '-'}${perm & 1 ? 'x' : '-'}`;
    return `${TAGS.get(tag)}:${who}:${rights}`;
  });
  return lines.join('\n');
}
