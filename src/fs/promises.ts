// A mounted volume with promises, in the shape of node:fs/promises. The work itself is synchronous and done in this thread: a call is
// one step that no other call is seen half way of, and calls are done in the order in which they were made.
import { type Contents, display, type Name, nameBytes, type Path } from '../bytes.ts';
import { invalid, isFunction } from '../check.ts';
import type { BlockDevice } from '../device/device.ts';
import { corrupt, F2fsError } from '../errors.ts';
import type { Xattr } from '../file/xattr/xattrs.ts';
import { Buffer } from '../platform/buffer.ts';
import { utf8Text } from '../platform/bytes.ts';
import { W_OK, X_OK } from '../platform/open-constants.ts';
import { type ArgumentCounts, limitArguments } from './argument-counts.ts';
import { AsyncFileHandle, type TimeLike, timestampOf } from './async-file-handle.ts';
import type { XattrFlags } from './attributes.ts';
import { CallQueue } from './call-queue.ts';
import type { Directory, DirectoryEntry } from './directory-handle.ts';
import { type ParentPath, parentPathOf, VolumeDirent } from './dirent.ts';
import { readWhole } from './file-handle.ts';
import { FileSystem, mount, type VolumeStat } from './file-system.ts';
import type { MountOptions } from './mount-options.ts';
import type { OpenFlags } from './open-flags.ts';
import { endsWithSlash, leadsNowhere, notA } from './path-errors.ts';
import {
  accessMode,
  checkNoOptions,
  checkStatOptions,
  decoded,
  encoded,
  type MkdirOptions,
  mkdirOptions,
  nameIn,
  type OwnBuffer,
  ownerOf,
  type ReaddirOptions,
  type ReadFileOptions,
  type ReadlinkOptions,
  type RmOptions,
  readdirOptions,
  readFileOptions,
  readlinkOptions,
  rmOptions,
  type StatOptions,
  type WriteFileOptions,
  writeFileOptions,
} from './promise-options.ts';
import type { RenameFlags } from './rename.ts';
import type { FileStat } from './stat.ts';

const SLASH = 0x2f;
const NO_BYTES = new Uint8Array(0);
/** What node:fs takes for a symlink's type; it means something on Windows only. */
const SYMLINK_TYPES = [undefined, null, 'file', 'dir', 'junction'];

/** Mounts as `mount` does. The device stays the caller's to close, after `close`. */
export async function mountAsync(device: BlockDevice, options: MountOptions = {}): Promise<AsyncFileSystem> {
  return new AsyncFileSystem(mount(device, options));
}

/**
 * Every call is done as a whole: two writers of one file never mix within a call, and what a call has found stays true until it
 * ends. Failures reject with an F2fsError, and leave the other calls alone. Bytes that are passed must not change until their call is
 * done.
 */
export class AsyncFileSystem {
  static {
    limitArguments(AsyncFileSystem, {
      run: 1,
      open: 3,
      readFile: 2,
      writeFile: 3,
      appendFile: 3,
      truncate: 2,
      mkdir: 2,
      rmdir: 2,
      unlink: 1,
      rm: 2,
      rename: 3,
      link: 2,
      symlink: 3,
      readlink: 2,
      readdir: 2,
      stat: 2,
      lstat: 2,
      access: 2,
      chmod: 2,
      chown: 3,
      lchown: 3,
      utimes: 3,
      lutimes: 3,
      xattrs: 1,
      getXattr: 2,
      setXattr: 4,
      removeXattr: 2,
      statfs: 2,
      sync: 0,
      close: 0,
    } satisfies ArgumentCounts<AsyncFileSystem>);
  }

  readonly #fs: FileSystem;
  readonly #queue = new CallQueue();

  /** For a volume that is mounted already; calls of `fs` itself may be made in between. */
  constructor(fs: FileSystem) {
    if (!(fs instanceof FileSystem)) throw invalid('volume', fs, 'one that mount gave');
    this.#fs = fs;
  }

  /**
   * Runs `work` on the synchronous API as one call: what it does is not mixed with others. Where it returns a promise that goes on until
   * the promise settles: calls of this API that are made within have their turn, all others wait, so `work` must not wait for one that
   * was made outside.
   */
  async run<T>(work: (fs: FileSystem) => T | PromiseLike<T>): Promise<T> {
    isFunction(work, 'work');
    return this.#queue.hold(() => work(this.#fs));
  }

  async #call<T>(work: (fs: FileSystem) => T, signal?: AbortSignal | null): Promise<T> {
    return this.#queue.run(() => work(this.#fs), signal);
  }

  /** Opens a regular file, by the flags of node:fs, words or numbers; `mode` is for one that is made. */
  async open(path: Path, flags: OpenFlags | number | null = 'r', mode?: number | null): Promise<AsyncFileHandle> {
    const attributes = { mode: mode ?? undefined };
    return this.#call((fs) => new AsyncFileHandle(this.#queue, fs.openFile(path, { flags: flags ?? 'r', attributes })));
  }

  /** All bytes of a file, or its text. Throws EFBIG for 2 GiB or more, and for text longer than a string can be. */
  readFile(path: Path, options?: (ReadFileOptions & { encoding?: null }) | null): Promise<OwnBuffer>;
  readFile(path: Path, options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding })): Promise<string>;
  readFile(path: Path, options?: BufferEncoding | ReadFileOptions | null): Promise<OwnBuffer | string>;
  async readFile(path: Path, options?: BufferEncoding | ReadFileOptions | null): Promise<OwnBuffer | string> {
    const { encoding, flag, signal } = readFileOptions('readFile', options);
    return this.#call((fs) => {
      using file = fs.openFile(path, { flags: flag ?? 'r' });
      return decoded(readWhole(file, display(path)), encoding);
    }, signal);
  }

  /** Makes a file, or replaces the contents of one; other flags append (`a`) or want it new (`wx`). */
  async writeFile(path: Path, data: Contents, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    return this.#write('writeFile', path, data, options, 'w');
  }

  /** Writes at the end of a file, which is made when it is missing. */
  async appendFile(path: Path, data: Contents, options?: BufferEncoding | WriteFileOptions | null): Promise<void> {
    return this.#write('appendFile', path, data, options, 'a');
  }

  async #write(
    of: string,
    path: Path,
    data: Contents,
    options: BufferEncoding | WriteFileOptions | null | undefined,
    defaultFlag: OpenFlags,
  ): Promise<void> {
    const { encoding, mode, flag, flush, signal } = writeFileOptions(of, options);
    return this.#call((fs) => {
      // What can't be written must not empty the file.
      const bytes = encoded(data, encoding);
      using file = fs.openFile(path, { flags: flag ?? defaultFlag, attributes: { mode: mode ?? undefined } });
      file.write(bytes, 0);
      if (flush === true) file.fsync();
    }, signal);
  }

  /** Sets the size of a file in bytes. Throws ENOENT, EISDIR, EINVAL. */
  async truncate(path: Path, sizeBytes = 0): Promise<void> {
    return this.#call((fs) => fs.truncate(path, sizeBytes));
  }

  /** A number is a mode. With `recursive` it tells the path of the first directory that was made, if any. */
  async mkdir(path: Path, options?: MkdirOptions | number | null): Promise<string | undefined> {
    const { mode, recursive = false } = mkdirOptions(options);
    return this.#call((fs) => {
      // Set-id bits are not given by mkdir(2).
      const attributes = { mode: mode === null || mode === undefined ? undefined : mode & 0o1777 };
      if (recursive) return makeDirectories(fs, path, attributes);
      fs.mkdir(path, attributes);
      return undefined;
    });
  }

  /** Removes an empty directory. Throws ENOENT, ENOTDIR, ENOTEMPTY. */
  async rmdir(path: Path, options?: object | null): Promise<void> {
    checkNoOptions('rmdir', options);
    return this.#call((fs) => fs.rmdir(path));
  }

  /** Removes a name that is no directory's. Throws ENOENT, EISDIR. */
  async unlink(path: Path): Promise<void> {
    return this.#call((fs) => fs.unlink(path));
  }

  /** Removes a file, or with `recursive` anything. Throws ENOENT unless `force`, EISDIR. */
  async rm(path: Path, options?: RmOptions | null): Promise<void> {
    const { recursive = false, force = false } = rmOptions(options);
    return this.#call((fs) => {
      try {
        // A slash asks what it leads to.
        if (endsWithSlash(path)) fs.stat(path);
        if (recursive) fs.remove(path);
        else fs.unlink(path);
      } catch (error) {
        if (!force || !hasCode(error, 'ENOENT')) throw error;
      }
    });
  }

  /** Moves what one path names to another; what stood there is replaced unless `flags` says otherwise. */
  async rename(from: Path, to: Path, flags: RenameFlags = {}): Promise<void> {
    return this.#call((fs) => fs.rename(from, to, flags));
  }

  /** Gives a file one more name. Throws EEXIST, EPERM for a directory. */
  async link(existing: Path, path: Path): Promise<void> {
    return this.#call((fs) => fs.link(existing, path));
  }

  /** The type is that of node:fs, where it matters on Windows only. */
  async symlink(target: Path, path: Path, type?: 'file' | 'dir' | 'junction' | null): Promise<void> {
    if (!SYMLINK_TYPES.includes(type)) throw invalid('type', type, 'file, dir or junction');
    return this.#call((fs) => fs.symlink(target, path));
  }

  /** The bytes of a target are what they are: as UTF-8, in another encoding, or as a buffer. */
  readlink(
    path: Path,
    options?: BufferEncoding | (ReadlinkOptions & { encoding?: BufferEncoding | null }) | null,
  ): Promise<string>;
  readlink(path: Path, options: 'buffer' | { encoding: 'buffer' }): Promise<Buffer>;
  readlink(path: Path, options?: BufferEncoding | 'buffer' | ReadlinkOptions | null): Promise<Buffer | string>;
  async readlink(path: Path, options?: BufferEncoding | 'buffer' | ReadlinkOptions | null): Promise<Buffer | string> {
    const { encoding } = readlinkOptions(options);
    return this.#call((fs) => nameIn(fs.readlink(path), encoding));
  }

  /** Names as UTF-8, in another encoding or as buffers, or Dirents with such names. */
  readdir(
    path: Path,
    options?: BufferEncoding | (ReaddirOptions & { encoding?: BufferEncoding | null; withFileTypes?: false }) | null,
  ): Promise<string[]>;
  readdir(
    path: Path,
    options: 'buffer' | (ReaddirOptions & { encoding: 'buffer'; withFileTypes?: false }),
  ): Promise<Buffer[]>;
  readdir<P extends Path>(
    path: P,
    options: ReaddirOptions & { encoding?: BufferEncoding | null; withFileTypes: true },
  ): Promise<VolumeDirent<string, ParentPath<P>>[]>;
  readdir<P extends Path>(
    path: P,
    options: ReaddirOptions & { encoding: 'buffer'; withFileTypes: true },
  ): Promise<VolumeDirent<Buffer, ParentPath<P>>[]>;
  readdir(
    path: Path,
    options?: BufferEncoding | 'buffer' | ReaddirOptions | null,
  ): Promise<string[] | Buffer[] | VolumeDirent<string | Buffer, string | Buffer>[]>;
  async readdir(
    path: Path,
    options?: BufferEncoding | 'buffer' | ReaddirOptions | null,
  ): Promise<(string | Buffer | VolumeDirent<string | Buffer, string | Buffer>)[]> {
    const { encoding, withFileTypes = false, recursive = false } = readdirOptions(options);
    return this.#call((fs) => {
      const found = recursive ? entriesBelow(fs, path) : fs.readdir(path).map((entry) => ({ above: NO_BYTES, entry }));
      if (!withFileTypes) return found.map(({ above, entry: { name } }) => nameIn(joined(above, name), encoding));
      return found.map(
        ({ above, entry }) => new VolumeDirent(nameIn(entry.name, encoding), parentPathOf(path, above), entry),
      );
    });
  }

  /** What is known of what a path leads to, through symlinks. */
  async stat(path: Path, options?: StatOptions | null): Promise<FileStat> {
    checkStatOptions('stat', options);
    return this.#call((fs) => fs.stat(path));
  }

  /** The same of what stands at the path, which may be a symlink. */
  async lstat(path: Path, options?: StatOptions | null): Promise<FileStat> {
    checkStatOptions('lstat', options);
    return this.#call((fs) => fs.lstat(path));
  }

  /**
   * Resolves when there is something at `path` that may be used as `mode` says, in the numbers of fs.constants, by root: what nobody may
   * execute is EACCES, and writing is EROFS on a read-only mount.
   */
  async access(path: Path, mode?: number | null): Promise<void> {
    const wanted = accessMode(mode);
    return this.#call((fs) => {
      const stat = fs.stat(path);
      if ((wanted & W_OK) !== 0) fs.assertWritable();
      if ((wanted & X_OK) === 0 || stat.type === 'directory' || (stat.mode & 0o111) !== 0) return;
      throw new F2fsError('EACCES', 'nobody may execute it', { ino: stat.ino });
    });
  }

  /** Sets the permissions, 0 to 0o7777, of what a path leads to. */
  async chmod(path: Path, mode: number): Promise<void> {
    if (mode === undefined) throw invalid('mode', mode, 'a number');
    return this.#call((fs) => fs.setAttributes(path, { mode }, { follow: true }));
  }

  /** An owner of -1 stays. */
  async chown(path: Path, uid: number, gid: number): Promise<void> {
    return this.#chown(path, uid, gid, true);
  }

  /** An owner of -1 stays. */
  async lchown(path: Path, uid: number, gid: number): Promise<void> {
    return this.#chown(path, uid, gid, false);
  }

  /** Sets times of access and change of contents, in seconds or as a Date. */
  async utimes(path: Path, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#utimes(path, atime, mtime, true);
  }

  /** The same of what stands at the path, which may be a symlink. */
  async lutimes(path: Path, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#utimes(path, atime, mtime, false);
  }

  /** All extended attributes that Linux would show, of a last symlink itself. */
  async xattrs(path: Path): Promise<Xattr[]> {
    return this.#call((fs) => fs.xattrs(path));
  }

  /** The value of one attribute. Throws ENODATA. */
  async getXattr(path: Path, name: Name): Promise<Uint8Array> {
    return this.#call((fs) => fs.getXattr(path, name));
  }

  /** Sets one attribute, or removes it when the value is null. Throws EEXIST and ENODATA as `flags` asks for. */
  async setXattr(path: Path, name: Name, value: Contents | null, flags: XattrFlags = {}): Promise<void> {
    return this.#call((fs) => fs.setXattr(path, name, value, flags));
  }

  /** Removes one attribute. Throws ENODATA. */
  async removeXattr(path: Path, name: Name): Promise<void> {
    return this.#call((fs) => fs.removeXattr(path, name));
  }

  /** Of the volume, whatever path in it is given. */
  async statfs(path: Path = '/', options?: StatOptions | null): Promise<VolumeStat> {
    checkStatOptions('statfs', options);
    return this.#call((fs) => {
      fs.stat(path);
      return fs.statfs();
    });
  }

  /** All changes made so far outlive a crash once it resolves. */
  async sync(): Promise<void> {
    return this.#call((fs) => fs.sync());
  }

  /** Unmounts, when all calls made so far are done. */
  async close(): Promise<void> {
    return this.#call((fs) => fs.close());
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #chown(path: Path, uid: number, gid: number, follow: boolean): Promise<void> {
    const owner = { uid: ownerOf(uid), gid: ownerOf(gid) };
    return this.#call((fs) => fs.setAttributes(path, owner, { follow }));
  }

  async #utimes(path: Path, atime: TimeLike, mtime: TimeLike, follow: boolean): Promise<void> {
    const times = { atime: timestampOf(atime), mtime: timestampOf(mtime) };
    return this.#call((fs) => fs.setAttributes(path, times, { follow }));
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof F2fsError && error.code === code;
}

/** Ends of `a`, `a/b`, `a/b/c` of a path. */
function* prefixes(path: Uint8Array): Generator<number> {
  for (let at = 0; at < path.length; at++) {
    if (path[at] !== SLASH && (at + 1 === path.length || path[at + 1] === SLASH)) yield at + 1;
  }
}

/**
 * Makes what is missing of a path; returns the path of the first that was. Throws ENOTDIR, and EEXIST where the last is something
 * else.
 */
function makeDirectories(fs: FileSystem, given: Path, attributes: { mode?: number }): string | undefined {
  const path = nameBytes(given, 'path');
  const ends = [...prefixes(path)];
  let first: string | undefined;
  for (const [i, end] of ends.entries()) {
    const prefix = path.subarray(0, end);
    const type = typeAt(fs, prefix);
    const isLast = i === ends.length - 1;
    if (type !== null && (!isLast || type === 'directory')) continue;
    // With its slash, if it has one: what is to be a directory is none then.
    const made = isLast ? path : prefix;
    if (type !== null && endsWithSlash(made)) throw notA('directory', 'ENOTDIR', made);
    if (type === null && isThere(fs, prefix)) throw leadsNowhere(made);
    fs.mkdir(made, attributes);
    first ??= utf8Text(made).replace(/^(?!\/)/, '/');
  }
  return first;
}

/** Whether something has that name, though it lead nowhere. */
function isThere(fs: FileSystem, path: Uint8Array): boolean {
  try {
    fs.lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function typeAt(fs: FileSystem, path: Uint8Array): string | null {
  try {
    return fs.stat(path).type;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** An entry, and the path of its directory from the one that was asked for on; empty for that one. */
interface EntryBelow {
  above: Uint8Array;
  entry: DirectoryEntry;
}

/** All that lies below a directory, level by level. */
function entriesBelow(fs: FileSystem, path: Path): EntryBelow[] {
  const found: EntryBelow[] = [];
  using start = fs.openDirectory(path);
  const waiting: { ino: number; path: Uint8Array }[] = [{ ino: start.ino, path: NO_BYTES }];
  const seen = new Set([start.ino]);
  for (const { ino, path: above } of waiting) {
    using directory = fs.openInode(ino) as Directory;
    for (const entry of directory.entries()) {
      found.push({ above, entry });
      if (entry.type !== 'directory') continue;
      if (seen.has(entry.ino)) throw corrupt('directory-second-name', { ino: entry.ino });
      seen.add(entry.ino);
      waiting.push({ ino: entry.ino, path: joined(above, entry.name) });
    }
  }
  return found;
}

function joined(above: Uint8Array, name: Uint8Array): Uint8Array {
  return above.length === 0 ? name : Buffer.concat([above, Buffer.of(SLASH), name]);
}
