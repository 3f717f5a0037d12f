// What the contestants work on: made once, the same in every run, with nothing in it that could become a hole.
import { createCipheriv } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

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

/** What a corpus is made of. */
export type CorpusKind = 'text' | 'binary';

/** Bytes that one file gives to a corpus at most: none is to be all of it. */
const FROM_ONE_FILE = 256 * 1024;
const PLACES: Record<CorpusKind, readonly string[]> = {
  text: ['/usr/share', '/usr/include', fileURLToPath(new URL('../../node_modules', import.meta.url))],
  binary: ['/usr/bin', '/usr/lib', path.dirname(process.execPath)],
};

/** Text or programs as this machine has them, `sizeBytes` of them, the same in every run; what there is, over and over. */
export function corpus(kind: CorpusKind, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let length = 0;
  for (const place of PLACES[kind]) {
    for (const file of filesOfKind(place, kind)) {
      length += file.copy(bytes, length);
      if (length === sizeBytes) return bytes;
    }
  }
  if (length === 0) throw new Error(`no ${kind} is on this machine to compress`);
  for (let at = length; at < sizeBytes; at += length) bytes.copyWithin(at, 0, length);
  return bytes;
}

/** The starts of files of a kind below a directory, in the order of their names. */
function* filesOfKind(directory: string, kind: CorpusKind): Generator<Buffer> {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true });
  } catch {
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* filesOfKind(file, kind);
    if (!entry.isFile()) continue;
    const start = startOf(file);
    if (start.length >= 8192 && (kind === 'binary' ? isProgram(start) : isText(start))) yield start;
  }
}

function startOf(file: string): Buffer {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const start = Buffer.alloc(FROM_ONE_FILE);
    return start.subarray(0, fs.readSync(fd, start));
  } finally {
    fs.closeSync(fd);
  }
}

function isProgram(bytes: Buffer): boolean {
  return bytes.readUInt32BE() === 0x7f454c46;
}

function isText(bytes: Buffer): boolean {
  const control = bytes.subarray(0, 4096).filter((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13);
  return control.length === 0;
}

/** Makes a directory with one file that compresses as a system's files do: programs and text in turn. Returns its path. */
export function makeCompressibleFile(directory: string, sizeBytes: number): string {
  fs.mkdirSync(directory);
  const file = path.join(directory, 'large');
  const piece = Buffer.concat([corpus('binary', 2 * CHUNK), corpus('text', 2 * CHUNK)]);
  const fd = fs.openSync(file, 'w');
  for (let left = sizeBytes; left > 0; left -= piece.length) {
    fs.writeSync(fd, piece.subarray(0, Math.min(left, piece.length)));
  }
  fs.closeSync(fd);
  return file;
}
