// Reading the files of a scanned tree in threads that share its table. What is not as the scan saw it just fails here: whoever owns the
// tree meets the same failure, and says what is wrong.
import * as fs from 'node:fs';
import { EntryStat, EntryTable } from '../entry-table.ts';
import type { SharedHostFiles, SourceFile } from '../source-tree.ts';
import { TreePaths } from './paths.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NOATIME = 0, O_NONBLOCK = 0 } = fs.constants;

/** Opens host files so that reading leaves no trace, where that is allowed. */
export class QuietOpener {
  #flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME;

  /** Throws what the host says. */
  open(path: Buffer): number {
    try {
      return fs.openSync(path, this.#flags);
    } catch (error) {
      // O_NOATIME is the owner's and root's.
      if ((error as NodeJS.ErrnoException).code !== 'EPERM' || (this.#flags & O_NOATIME) === 0) throw error;
      this.#flags &= ~O_NOATIME;
      return fs.openSync(path, this.#flags);
    }
  }
}

/** Whether an open file is the one that the scan saw, to a millisecond's thousandth. */
export function isAsScanned(stat: fs.Stats, dev: number, ino: number, size: number, mtimeMs: number): boolean {
  return (
    stat.size === size &&
    stat.dev === dev &&
    stat.ino === ino &&
    Math.abs(stat.mtimeMs - mtimeMs) < 0.001 &&
    stat.isFile()
  );
}

/** One file at a time. */
export class SharedReader {
  readonly #table: EntryTable;
  readonly #paths: TreePaths;
  readonly #opener = new QuietOpener();
  readonly #stat = new EntryStat();
  readonly #file: Pick<SourceFile, 'fill' | 'verify' | 'close'>;
  #index = 0;
  #fd = -1;

  constructor({ root, entries }: SharedHostFiles) {
    this.#table = new EntryTable(entries);
    this.#paths = new TreePaths(Buffer.from(root), this.#table, fs);
    this.#file = {
      fill: (memory, offset, length, position) => this.#fill(memory, offset, length, position),
      verify: () => this.#verify(),
      close: () => fs.closeSync(this.#fd),
    };
  }

  size(index: number): number {
    return this.#table.sizeBytes(index);
  }

  /** The file before it must be closed. */
  open(index: number): Pick<SourceFile, 'fill' | 'verify' | 'close'> {
    this.#index = index;
    this.#fd = this.#opener.open(this.#paths.pathZ(index).subarray(0, -1));
    return this.#file;
  }

  #fill(memory: Uint8Array, offset: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const got = fs.readSync(this.#fd, memory, offset + done, length - done, position + done);
      if (got === 0) throw new Error('the file became shorter');
      done += got;
    }
  }

  #verify(): void {
    const { dev, inoHigh, inoLow, sizeBytes, mtimeSec, mtimeNsec } = this.#table.read(this.#index, this.#stat);
    const mtimeMs = mtimeSec * 1000 + mtimeNsec / 1e6;
    if (!isAsScanned(fs.fstatSync(this.#fd), dev, inoHigh * 2 ** 32 + inoLow, sizeBytes, mtimeMs)) {
      throw new Error('the file changed');
    }
  }
}
