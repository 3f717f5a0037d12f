// Contents that the host makes when they are read, as in /proc and /sys: their size is not known before. The scan reads them, to their
// end, so that whoever plans an image knows what it takes.
import { F2fsError } from '../../errors.ts';
import { S_IFMT, S_IFREG } from '../../format/constants.ts';
import { devMajor } from '../../host/device-numbers.ts';
import { hostFailure } from '../../host/host.ts';
import type { EntryStat } from '../entry-table.ts';
import { closeHostFile, openHostFile, type ScannedFiles, verifyUnchanged } from './file.ts';

/** Bytes that are kept in memory, of all files together. */
const MAX_KEPT = 64 * 2 ** 20;
/** Size from which on a file without blocks is one of holes: what makes its contents states a page or so. */
const MAX_STATED = 8 * 2 ** 20;
const CHUNK_SIZE = 64 * 1024;
const chunk = Buffer.allocUnsafeSlow(CHUNK_SIZE);

/**
 * Whether only reading tells how much is in a file: it has no size, or no blocks, and its file system lies on no block device, which
 * would store what it tells.
 */
export function isSizeUncertain({ mode, sizeBytes, nrSectors, dev }: EntryStat): boolean {
  if ((mode & S_IFMT) !== S_IFREG || nrSectors > 0 || sizeBytes >= MAX_STATED) return false;
  // Windows has other device numbers, and tells no blocks.
  return process.platform !== 'win32' && devMajor(BigInt(dev)) === 0;
}

/** What was read of such files, by the index of their entries: contents, or why there are none. */
export class HostContents {
  readonly #read = new Map<number, Uint8Array | F2fsError>();
  #room = MAX_KEPT;

  /** Reads the file of an entry and gives it the size that it has. */
  read(tree: ScannedFiles, index: number): void {
    let fd = -1;
    try {
      fd = openHostFile(tree, index);
      const stated = tree.size(index);
      const bytes = this.#readToEnd(tree, fd, stated);
      verifyUnchanged(tree, fd, index);
      // Zeros may be holes, which whoever copies the file asks for.
      if (bytes === null || (bytes.length === stated && bytes.every((byte) => byte === 0))) return;
      this.#room -= bytes.length;
      this.#read.set(index, bytes);
      tree.table.setSize(index, bytes.length);
    } catch (error) {
      this.#read.set(index, hostFailure('cannot be read', error));
    } finally {
      if (fd >= 0) closeHostFile(tree, fd);
    }
  }

  /** null for an entry whose file is as large as its size says. */
  of(index: number): Uint8Array | F2fsError | null {
    return this.#read.get(index) ?? null;
  }

  /** null where there is no room for it and it has a size that may be true. */
  #readToEnd({ host }: ScannedFiles, fd: number, stated: number): Uint8Array | null {
    const chunks: Buffer[] = [];
    for (let length = 0; ; ) {
      const got = host.fs.readSync(fd, chunk, 0, CHUNK_SIZE, null);
      if (got === 0) return Buffer.concat(chunks, length);
      length += got;
      if (length > this.#room && stated > 0) return null;
      if (length > this.#room) throw tooMuch();
      chunks.push(Buffer.from(chunk.subarray(0, got)));
    }
  }
}

function tooMuch(): F2fsError {
  const message = `the host tells no size of it, and such files may have ${MAX_KEPT / 2 ** 20} MiB together: give a copy of it`;
  return new F2fsError('EFBIG', message);
}
