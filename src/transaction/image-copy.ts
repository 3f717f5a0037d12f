// A copy of an image file beside it, to be changed there and then put in its place: for the image's readers nothing happens in
// between. Knows ranges of bytes, nothing of a file system.
import * as fs from 'node:fs';
import * as nodePath from 'node:path';
import { copyAttributes } from '../device/file-attributes.ts';
import { targetAt } from '../device/host-target.ts';
import { flushDirectory, partPath } from '../device/new-image.ts';
import { checkSignal, F2fsError, hostError } from '../errors.ts';

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface CopyOptions {
  /** Ends the copying; it throws ECANCELED then. */
  signal?: AbortSignal;
  /** Bytes copied so far. */
  onProgress?: (bytes: number) => void;
}

/** Bytes that are read and written at a time. */
const CHUNK_SIZE = 4 * 1024 * 1024;
/** What reads as zeros is left out in pieces of this size, so that the copy has holes where the image has. */
const HOLE_SIZE = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE_SIZE);

export class ImageCopy {
  /** Of the copy. */
  readonly path: string;
  /** Of the image that it takes the place of, symlinks followed. */
  readonly #image: string;

  private constructor(image: string, path: string) {
    this.#image = image;
    this.path = path;
  }

  /**
   * Copies the ranges of `image` (in order, within its size) to a new file beside it; shares all blocks with it instead where
   * the host's file system can. Throws EOPNOTSUPP with the reason when a copy could not take the image's place: it is no file,
   * has other names, is another user's or a mount point; ENOSPC and what else the host says; nothing is left then.
   */
  static async make(image: string, ranges: Iterable<ByteRange>, options: CopyOptions = {}): Promise<ImageCopy> {
    const target = targetAt(image);
    if (target.kind !== 'file') throw unsuitable(image, 'it is a block device');
    const path = nodePath.resolve(target.path);
    const stats = fs.statSync(path);
    assertReplaceable(image, path, stats);
    const copy = new ImageCopy(path, partPath(path));
    try {
      if (!copy.#share()) await copy.#copy(ranges, stats.size, options);
      copyAttributes(path, copy.path);
      return copy;
    } catch (error) {
      copy.discard();
      throw hostError(`cannot copy ${image}`, error, { path: image });
    }
  }

  /** Puts the copy, which must be flushed, in the image's place. */
  commit(): void {
    try {
      fs.renameSync(this.path, this.#image);
      flushDirectory(nodePath.dirname(this.#image));
    } catch (error) {
      throw hostError(`cannot replace ${this.#image}`, error, { path: this.#image });
    }
  }

  /** Removes the copy. */
  discard(): void {
    fs.rmSync(this.path, { force: true });
  }

  /** Whether the host's file system made a copy that shares its blocks with the image. */
  #share(): boolean {
    const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = fs.constants;
    try {
      fs.copyFileSync(this.#image, this.path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      this.discard();
      return false;
    }
  }

  async #copy(ranges: Iterable<ByteRange>, sizeBytes: number, { signal, onProgress }: CopyOptions): Promise<void> {
    const from = await fs.promises.open(this.#image, 'r');
    try {
      const to = await fs.promises.open(this.path, 'wx', 0o600);
      try {
        await to.truncate(sizeBytes);
        const chunk = Buffer.allocUnsafeSlow(CHUNK_SIZE);
        let copied = 0;
        for (const { start, end } of ranges) {
          for (let at = start; at < end; ) {
            checkSignal(signal, 'interrupted');
            const { bytesRead } = await from.read(chunk, 0, Math.min(CHUNK_SIZE, end - at), at);
            if (bytesRead === 0) throw new F2fsError('EIO', 'it ended early: was it truncated?');
            await writeData(to, chunk.subarray(0, bytesRead), at);
            at += bytesRead;
            copied += bytesRead;
            onProgress?.(copied);
          }
        }
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  }
}

/** Writes what is not zeros of `bytes`, which belong at `position`. */
async function writeData(to: fs.promises.FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    while (from < bytes.length && isZero(bytes, from)) from += HOLE_SIZE;
    let end = from;
    while (end < bytes.length && !isZero(bytes, end)) end += HOLE_SIZE;
    end = Math.min(end, bytes.length);
    while (from < end) {
      const { bytesWritten } = await to.write(bytes, from, end - from, position + from);
      from += bytesWritten;
    }
  }
}

function isZero(bytes: Buffer, at: number): boolean {
  const end = Math.min(at + HOLE_SIZE, bytes.length);
  return bytes[at] === 0 && bytes.compare(ZEROS, 0, end - at, at, end) === 0;
}

function unsuitable(image: string, why: string): F2fsError {
  return new F2fsError('EOPNOTSUPP', `a changed copy can't take the place of ${image}: ${why}`, { path: image });
}

/** Throws EOPNOTSUPP where renaming a file to `path` would do more, or less, than change its contents. */
function assertReplaceable(image: string, path: string, { nlink, uid }: fs.Stats): void {
  if (nlink > 1) throw unsuitable(image, `it has ${nlink} names (hard links)`);
  const user = process.geteuid?.() ?? uid;
  if (user !== 0 && user !== uid) throw unsuitable(image, 'it belongs to another user');
  const quoted = path.replace(/[\\ \t\n]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  if (mountPoints().has(quoted)) throw unsuitable(image, 'it is a mount point');
  try {
    fs.accessSync(nodePath.dirname(path), fs.constants.W_OK);
  } catch (error) {
    throw new F2fsError('EOPNOTSUPP', unsuitable(image, 'its directory is not writable').message, {
      path: image,
      cause: error,
    });
  }
}

/** As /proc/self/mountinfo writes them; none where there is no such file. */
function mountPoints(): Set<string> {
  try {
    const lines = fs.readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
    return new Set(lines.map((line) => line.split(' ')[4]));
  } catch {
    return new Set();
  }
}
