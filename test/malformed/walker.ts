// Reads all that can be reached on a volume, in bounded time whatever the volume says of itself.
import type { BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { crc32 } from '../../src/format/crc.ts';
import { Directory } from '../../src/fs/directory-handle.ts';
import { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { Handle } from '../../src/fs/handle.ts';
import type { Random } from './random.ts';

/** Where a failure happened: `mount`, or the path that was being read. */
export interface Failure {
  readonly path: string;
  readonly error: F2fsError;
}

/** What a walk saw. */
export interface WalkReport {
  readonly failures: Failure[];
  /** Path -> what stands there, in words that are equal when the contents are. Only of what could be read whole. */
  readonly seen: Map<string, string>;
}

export interface WalkLimits {
  /** Bytes read of each file, and its last 64 KiB besides. */
  fileBytes: number;
  /** Positions past those that are read too, where a file has them, a chunk at each; ascending. */
  probes?: readonly number[];
  /** Entries looked at. */
  entries: number;
}

export const DEFAULT_LIMITS: WalkLimits = { fileBytes: 64 << 20, entries: 20_000 };
const CHUNK = 1 << 16;
const CACHE_BYTES = 16 << 20;

/** Runs `read`; a failure of this package is noted under `path`, any other one is thrown: it is a bug. */
function attempt<T>(report: WalkReport, path: string, read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof F2fsError)) throw new Error(`${path}: not an F2fsError`, { cause: error });
    report.failures.push({ path, error });
    return null;
  }
}

export interface WalkOptions {
  cacheBytes?: number;
  /** Whether what was fsynced is rolled forward first; default: yes. */
  recovery?: boolean;
  /** Decides which directory is next, for walks that do not get to all of them. */
  random?: Random;
}

/** Mounts read-only and reads everything. */
export function readEverything(
  device: BlockDevice,
  limits: WalkLimits = DEFAULT_LIMITS,
  { cacheBytes = CACHE_BYTES, recovery = true, random }: WalkOptions = {},
): WalkReport {
  const report: WalkReport = { failures: [], seen: new Map() };
  const fs = attempt(report, 'mount', () => mount(device, { readonly: true, recovery, cacheBytes }));
  if (fs === null) return report;
  new Walk(fs, report, limits, random).directory(
    '/',
    attempt(report, '/', () => fs.root()),
  );
  attempt(report, 'mount', () => fs.statfs());
  attempt(report, 'mount', () => fs.close());
  return report;
}

class Walk {
  readonly #fs: FileSystem;
  readonly #report: WalkReport;
  readonly #limits: WalkLimits;
  readonly #directories = new Set<number>();
  /** What was seen of an inode, for its other names. */
  readonly #inodes = new Map<number, string | null>();
  readonly #chunk = new Uint8Array(CHUNK);
  readonly #random: Random | undefined;
  #entries = 0;

  constructor(fs: FileSystem, report: WalkReport, limits: WalkLimits, random?: Random) {
    this.#random = random;
    this.#fs = fs;
    this.#report = report;
    this.#limits = limits;
  }

  directory(path: string, start: Handle | null): void {
    if (start === null) return;
    const waiting = [{ path, handle: start }];
    this.#note(path, start);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path, handle } = next;
      if (!(handle instanceof Directory) || this.#directories.has(handle.ino)) {
        handle.close();
        continue;
      }
      this.#directories.add(handle.ino);
      const entries = attempt(this.#report, path, () => handle.entries()) ?? [];
      // Of a walk that ends early every part is to be seen by someone.
      const from = this.#random?.below(entries.length + 1) ?? 0;
      for (const { name, ino } of [...entries.slice(from), ...entries.slice(0, from)]) {
        if (++this.#entries > this.#limits.entries) return;
        const child = `${path === '/' ? '' : path}/${Buffer.from(name).toString()}`;
        const found = attempt(this.#report, child, () => handle.lookup(name));
        if (found !== null && found.ino !== ino && path !== child) this.#report.seen.set(`${child} (twice)`, 'twice');
        // By its number an inode that is not there is only stale; that a name leads there is the damage.
        const open = () => (found?.ino === ino ? handle.open(name) : this.#fs.openInode(ino));
        const opened = attempt(this.#report, child, open);
        if (opened === null) continue;
        this.#note(child, opened);
        if (opened instanceof Directory) waiting.push({ path: child, handle: opened });
        else opened.close();
      }
      handle.close();
    }
  }

  #note(path: string, handle: Handle): void {
    const known = this.#inodes.get(handle.ino);
    if (known !== undefined) {
      if (known !== null) this.#report.seen.set(path, known);
      return;
    }
    const before = this.#report.failures.length;
    const words: string[] = [];
    const take = (read: () => string) => words.push(attempt(this.#report, path, read) ?? '');
    let type = '';
    take(() => {
      const { ino, mode, size, nlink, uid, gid, mtime, rdev } = handle.stat();
      type = handle.stat().type;
      return JSON.stringify({
        ino,
        mode,
        nlink: type === 'directory' ? 0 : nlink,
        uid,
        gid,
        rdev,
        ...(type === 'directory' ? {} : { size, mtime }),
      });
    });
    take(() =>
      handle
        .xattrs()
        .map(({ name, value }) => `${name}=${crc32(0, value)}`)
        .join(),
    );
    if (handle instanceof FileHandle) take(() => this.#contents(handle));
    if (type === 'symlink') take(() => Buffer.from(this.#fs.readlink(path)).toString('latin1'));
    const whole = this.#report.failures.length === before;
    const text = words.join(' ');
    this.#inodes.set(handle.ino, whole ? text : null);
    if (whole) this.#report.seen.set(path, text);
  }

  #contents(file: FileHandle): string {
    const { size } = file.stat();
    let sum = 0;
    const { fileBytes, probes = [] } = this.#limits;
    for (let at = 0; at < size; ) {
      // A file may claim any size: of a longer one than the limit the last chunk is read besides.
      if (at >= fileBytes) at = probes.find((probe) => probe >= at && probe < size) ?? Math.max(at, size - CHUNK);
      const count = file.read(this.#chunk, at);
      if (count === 0) break;
      sum = crc32(sum, this.#chunk.subarray(0, count));
      at += count;
    }
    return `${sum}`;
  }
}
