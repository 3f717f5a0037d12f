// What the contestants work on: made once, the same in every run, with nothing in it that could become a hole.
import { createCipheriv } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

const CHUNK = 1 << 22;

/** Bytes that look random and are the same every time, at the speed of AES. */
export class PseudoRandom {
  readonly #cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'f2fs bench'), Buffer.alloc(16));
  readonly #zeros = Buffer.alloc(CHUNK);

  /** At most 4 MiB. */
  next(sizeBytes: number): Buffer {
    return this.#cipher.update(this.#zeros.subarray(0, sizeBytes));
  }
}

/** Makes a directory with one file of `sizeBytes` bytes, none of its blocks zero; returns the file's path. */
export function makeLargeFile(directory: string, sizeBytes: number): string {
  fs.mkdirSync(directory);
  const file = path.join(directory, 'large');
  const fd = fs.openSync(file, 'w');
  const random = new PseudoRandom();
  for (let left = sizeBytes; left > 0; left -= CHUNK) fs.writeSync(fd, random.next(Math.min(left, CHUNK)));
  fs.closeSync(fd);
  return file;
}

/** Makes a tree of 10 directories with `nrFiles` files in all, from empty to 64 KiB. */
export function makeSmallTree(directory: string, nrFiles: number): void {
  const random = new PseudoRandom();
  for (let i = 0; i < 10; i++) fs.mkdirSync(path.join(directory, `dir-${i}`), { recursive: true });
  for (let i = 0; i < nrFiles; i++) {
    fs.writeFileSync(path.join(directory, `dir-${i % 10}`, `file-${i}`), random.next((i * 977) % 65537));
  }
}

/** What a tree holds, for sizing a peer's image. */
export interface TreeSize {
  entries: number;
  /** Bytes of the regular files, each rounded up to 4096. */
  contentBytes: number;
}

/** Walks a tree; hard links count as often as they have names. */
export function sizeOfTree(directory: string): TreeSize {
  const size = { entries: 0, contentBytes: 0 };
  const pending = [directory];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
      const child = path.join(at, entry.name);
      size.entries++;
      if (entry.isDirectory()) pending.push(child);
      else if (entry.isFile()) size.contentBytes += Math.ceil(fs.statSync(child).size / 4096) * 4096;
    }
  }
  return size;
}

/** Makes an empty file of `sizeBytes` bytes, all hole; one that is there is emptied. */
export function makeSparse(file: string, sizeBytes: number): void {
  const fd = fs.openSync(file, 'w');
  fs.ftruncateSync(fd, sizeBytes);
  fs.closeSync(fd);
}
