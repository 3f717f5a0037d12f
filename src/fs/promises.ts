// A mounted volume with promises, in the shape of node:fs/promises. The work itself is synchronous and done in this thread: a call is
// one step that no other call is seen half way of, and calls are done in the order in which they were made.
import type { BlockDevice } from '../device/device.ts';
import { F2fsError } from '../errors.ts';
import type { Xattr } from '../file/xattrs.ts';
import { AsyncFileHandle, bytesOf, decoded, type TimeLike, timestampOf } from './async-file-handle.ts';
import { CallQueue } from './call-queue.ts';
import type { MountOptions } from './core.ts';
import type { DirectoryEntry } from './directory-handle.ts';
import { type FileSystem, mount, type Path, type VolumeStat } from './file-system.ts';
import type { OpenFlags } from './open-flags.ts';
import type { FileStat } from './stat.ts';

const SLASH = 0x2f;

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
  readonly #fs: FileSystem;
  readonly #queue = new CallQueue();

  /** For a volume that is mounted already; calls of `fs` itself may be made in between. */
  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** Runs `work` on the synchronous API as one call: what it does is not mixed with others. */
  run<T>(work: (fs: FileSystem) => T): Promise<T> {
    return this.#queue.run(() => work(this.#fs));
  }

  /** Opens a regular file, by the flags of node:fs; `mode` is for one that is made. */
  open(path: Path, flags: OpenFlags = 'r', mode?: number): Promise<AsyncFileHandle> {
    return this.run((fs) => new AsyncFileHandle(this.#queue, fs.openFile(path, { flags, attributes: { mode } })));
  }

  /** All bytes of a file, or its text. Throws EFBIG for 2 GiB or more, and for text longer than a string can be. */
  readFile(path: Path): Promise<Buffer>;
  readFile(path: Path, encoding: BufferEncoding): Promise<string>;
  readFile(path: Path, encoding?: BufferEncoding): Promise<Buffer | string> {
    return this.run((fs) => decoded(fs.readFile(path), encoding));
  }

  /** Makes a file, or replaces the contents of one; other flags append (`a`) or want it new (`wx`). */
  writeFile(
    path: Path,
    data: Uint8Array | string,
    { mode, flag = 'w' }: { mode?: number; flag?: OpenFlags } = {},
  ): Promise<void> {
    return this.run((fs) => {
      // What can't be written must not empty the file.
      const bytes = bytesOf(data);
      using file = fs.openFile(path, { flags: flag, attributes: { mode } });
      file.write(bytes, 0);
    });
  }

  /** Writes at the end of a file, which is made when it is missing. */
  appendFile(path: Path, data: Uint8Array | string, { mode }: { mode?: number } = {}): Promise<void> {
    return this.writeFile(path, data, { mode, flag: 'a' });
  }

  truncate(path: Path, sizeBytes = 0): Promise<void> {
    return this.run((fs) => fs.truncate(path, sizeBytes));
  }

  /** With `recursive` also what is missing above it; a directory that is there is fine then. */
  mkdir(path: Path, { mode, recursive = false }: { mode?: number; recursive?: boolean } = {}): Promise<void> {
    return this.run((fs) => {
      if (!recursive) fs.mkdir(path, { mode });
      else makeDirectories(fs, [...prefixes(path)], mode);
    });
  }

  rmdir(path: Path): Promise<void> {
    return this.run((fs) => fs.rmdir(path));
  }

  unlink(path: Path): Promise<void> {
    return this.run((fs) => fs.unlink(path));
  }

  /** With `recursive` a directory and all below it; with `force` what is missing is fine. */
  rm(path: Path, { recursive = false, force = false }: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
    return this.run((fs) => {
      try {
        if (recursive) fs.remove(path);
        else fs.unlink(path);
      } catch (error) {
        if (!force || !hasCode(error, 'ENOENT')) throw error;
      }
    });
  }

  rename(from: Path, to: Path, flags: { noReplace?: boolean; exchange?: boolean } = {}): Promise<void> {
    return this.run((fs) => fs.rename(from, to, flags));
  }

  link(existing: Path, path: Path): Promise<void> {
    return this.run((fs) => fs.link(existing, path));
  }

  symlink(target: Path, path: Path): Promise<void> {
    return this.run((fs) => fs.symlink(target, path));
  }

  /** The bytes of a target are what they are: as UTF-8 unless asked for as a buffer. */
  readlink(path: Path): Promise<string>;
  readlink(path: Path, encoding: 'buffer'): Promise<Buffer>;
  readlink(path: Path, encoding?: 'buffer'): Promise<Buffer | string> {
    return this.run((fs) => {
      const target = Buffer.from(fs.readlink(path));
      return encoding === undefined ? target.toString() : target;
    });
  }

  /** Names as UTF-8, as buffers, or whole entries with the bytes of their names. */
  readdir(path: Path): Promise<string[]>;
  readdir(path: Path, options: { encoding: 'buffer' }): Promise<Buffer[]>;
  readdir(path: Path, options: { withFileTypes: true }): Promise<DirectoryEntry[]>;
  readdir(
    path: Path,
    options: { encoding?: 'buffer'; withFileTypes?: true } = {},
  ): Promise<(string | Buffer | DirectoryEntry)[]> {
    return this.run((fs) => {
      const entries = fs.readdir(path);
      if (options.withFileTypes) return entries;
      return entries.map(({ name }) =>
        options.encoding === 'buffer' ? Buffer.from(name) : Buffer.from(name).toString(),
      );
    });
  }

  stat(path: Path): Promise<FileStat> {
    return this.run((fs) => fs.stat(path));
  }

  lstat(path: Path): Promise<FileStat> {
    return this.run((fs) => fs.lstat(path));
  }

  /** Resolves when there is something at `path`. */
  async access(path: Path): Promise<void> {
    await this.stat(path);
  }

  chmod(path: Path, mode: number): Promise<void> {
    return this.run((fs) => fs.setAttributes(path, { mode }, { follow: true }));
  }

  chown(path: Path, uid: number, gid: number): Promise<void> {
    return this.run((fs) => fs.setAttributes(path, { uid, gid }, { follow: true }));
  }

  lchown(path: Path, uid: number, gid: number): Promise<void> {
    return this.run((fs) => fs.setAttributes(path, { uid, gid }));
  }

  utimes(path: Path, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#utimes(path, atime, mtime, true);
  }

  lutimes(path: Path, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.#utimes(path, atime, mtime, false);
  }

  xattrs(path: Path): Promise<Xattr[]> {
    return this.run((fs) => fs.xattrs(path));
  }

  getXattr(path: Path, name: string): Promise<Uint8Array> {
    return this.run((fs) => fs.getXattr(path, name));
  }

  setXattr(
    path: Path,
    name: string,
    value: Uint8Array,
    flags: { create?: boolean; replace?: boolean } = {},
  ): Promise<void> {
    return this.run((fs) => fs.setXattr(path, name, value, flags));
  }

  removeXattr(path: Path, name: string): Promise<void> {
    return this.run((fs) => fs.removeXattr(path, name));
  }

  statfs(): Promise<VolumeStat> {
    return this.run((fs) => fs.statfs());
  }

  /** All changes made so far outlive a crash once it resolves. */
  sync(): Promise<void> {
    return this.run((fs) => fs.sync());
  }

  /** Unmounts, when all calls made so far are done. */
  close(): Promise<void> {
    return this.run((fs) => fs.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #utimes(path: Path, atime: TimeLike, mtime: TimeLike, follow: boolean): Promise<void> {
    return this.run((fs) =>
      fs.setAttributes(path, { atime: timestampOf(atime), mtime: timestampOf(mtime) }, { follow }),
    );
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof F2fsError && error.code === code;
}

/** `a`, `a/b`, `a/b/c` of a path. */
function* prefixes(path: Path): Generator<Uint8Array> {
  const bytes = bytesOf(path);
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== SLASH && (at + 1 === bytes.length || bytes[at + 1] === SLASH)) yield bytes.subarray(0, at + 1);
  }
}

/** Makes what is missing of paths that lead through each other. Throws ENOTDIR, and EEXIST where the last is something else. */
function makeDirectories(fs: FileSystem, paths: readonly Uint8Array[], mode: number | undefined): void {
  for (const [i, path] of paths.entries()) {
    const type = typeAt(fs, path);
    const isLast = i === paths.length - 1;
    if (type === null || (isLast && type !== 'directory')) fs.mkdir(path, { mode });
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
