// Files of the host with several names, over several puts of one copy.
import type { EntryStat } from '../source/entry-table.ts';

/**
 * To be given to every put of one copy: a file that comes again by another name, from another source, becomes a hard link. Nothing
 * else may change the volume in between.
 */
export class PutLinks {
  /** Inodes of the volume, by device and inode of the host; and the other way. */
  readonly #inos = new Map<string, number>();
  readonly #keys = new Map<number, string>();

  /** The inode that a file of the host was put to. */
  get(file: EntryStat): number | undefined {
    return this.#inos.get(keyOf(file));
  }

  set(file: EntryStat, ino: number): void {
    const key = keyOf(file);
    this.#inos.set(key, ino);
    this.#keys.set(ino, key);
  }

  /** An inode that is no more. */
  forget(ino: number): void {
    const key = this.#keys.get(ino);
    if (key === undefined) return;
    this.#keys.delete(ino);
    this.#inos.delete(key);
  }
}

function keyOf({ dev, inoHigh, inoLow }: EntryStat): string {
  return `${dev} ${inoHigh} ${inoLow}`;
}
