// Reads tar archives to a tree: files as they lie there; what comes in a stream, or is compressed, by way of a temporary file without a
// name, as contents are read from it later. What an archive is tells its beginning, not its name.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { temporaryFile } from '../../device/temporary-file.ts';
import { abortError, F2fsError, hostError } from '../../errors.ts';
import { FOREIGN_BYTES, recognize } from '../../format/foreign.ts';
import type { SharedArchive } from '../source-tree.ts';
import type { ArchiveFile } from './archive-file.ts';
import { type AssemblyOptions, TarAssembly } from './assembly.ts';
import { stampOf } from './contents.ts';
import { compressionOf, decompressed } from './decompress.ts';
import { dialectOf, isHeader, isZeroBlock, TAR_BLOCK } from './header.ts';
import { TarReader } from './reader.ts';
import { TarTree } from './tree.ts';

/** A tar archive: the path of a file, or its bytes as they come. Either may be compressed. */
export type TarSource = string | AsyncIterable<Uint8Array>;

export interface TarScan extends Partial<AssemblyOptions> {
  /** Called now and then with the entries found so far; throws to end the scan. */
  turn(entries: number): Promise<void>;
  signal?: AbortSignal;
}

/** Members after which the caller is heard. */
const STEP = 256;
/** Empty archives are two blocks of zeros, which little else begins with. */
const END_BYTES = 2 * TAR_BLOCK;
const STREAM = 'the archive';
const INTERRUPTED = 'interrupted while the archive was read';

/** Whether bytes are the beginning of a tar archive. */
export function isTar(start: Uint8Array): boolean {
  if (start.length < TAR_BLOCK) return false;
  if (isHeader(start)) return true;
  return start.length >= END_BYTES && isZeroBlock(start) && isZeroBlock(start.subarray(TAR_BLOCK));
}

/** Reads archives, each applied on those before it. The tree has them open. Throws what TarReader throws, and EINVAL for what is no tar. */
export async function scanTars(sources: readonly TarSource[], scan: TarScan): Promise<TarTree> {
  const { whiteouts = false, xattrs = true, owner } = scan;
  const assembly = new TarAssembly({ whiteouts, xattrs, owner });
  const files: SharedArchive[] = [];
  try {
    let start = 0;
    for (const source of sources) {
      const archive = await Archive.open(source, scan.signal);
      files.push({ fd: archive.fd, start, stamp: archive.stamp });
      assembly.beginArchive(start);
      await readArchive(archive, assembly, scan);
      start += archive.bytes;
    }
    return new TarTree(assembly, files);
  } catch (error) {
    for (const { fd } of files) fs.closeSync(fd);
    throw error;
  }
}

async function readArchive(archive: Archive, assembly: TarAssembly, scan: TarScan): Promise<void> {
  let members = 0;
  try {
    for (const needed of new TarReader(archive, assembly).run()) {
      while (archive.bytes < needed && !archive.isWhole) await archive.pull();
      if (++members % STEP === 0) await scan.turn(assembly.table.count);
    }
    await archive.drain();
  } finally {
    await archive.endStream();
  }
}

class Archive implements ArchiveFile {
  readonly name: string;
  readonly fd: number;
  readonly stamp: SharedArchive['stamp'];
  readonly #signal: AbortSignal | undefined;
  /** What is to come; null: all is there. */
  #rest: AsyncIterator<Uint8Array> | null;
  bytes: number;

  private constructor(
    name: string,
    fd: number,
    bytes: number,
    rest: AsyncIterator<Uint8Array> | null,
    signal?: AbortSignal,
  ) {
    this.name = name;
    this.fd = fd;
    this.bytes = bytes;
    this.stamp = rest === null ? stampOf(fd) : null;
    this.#rest = rest;
    this.#signal = signal;
  }

  get isWhole(): boolean {
    return this.#rest === null;
  }

  static async open(source: TarSource, signal?: AbortSignal): Promise<Archive> {
    if (typeof source !== 'string') return await Archive.#ofStream(STREAM, source, signal);
    let fd: number;
    try {
      fd = fs.openSync(source, 'r');
    } catch (error) {
      throw hostError(`cannot read ${source}`, error, { path: source });
    }
    let isKept = false;
    try {
      const stat = fs.fstatSync(fd);
      if (stat.isFile()) {
        const start = Buffer.alloc(Math.min(stat.size, FOREIGN_BYTES));
        fs.readSync(fd, start, 0, start.length, 0);
        if (compressionOf(start) === null) {
          if (!isTar(start)) throw noTar(source, start);
          isKept = true;
          return new Archive(source, fd, stat.size, null);
        }
      }
      // It closes the descriptor.
      isKept = true;
      return await Archive.#ofStream(source, fs.createReadStream(source, { fd, highWaterMark: 1 << 18 }), signal);
    } catch (error) {
      throw hostError(`cannot read ${source}`, error, { path: source });
    } finally {
      if (!isKept) fs.closeSync(fd);
    }
  }

  static async #ofStream(name: string, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Archive> {
    const iterator = source[Symbol.asyncIterator]();
    try {
      const beginning = await gather(iterator, END_BYTES, name, signal);
      const plain = decompressed(name, beginning, iterator);
      const start = plain === null ? beginning : await gather(plain, END_BYTES, name, signal);
      if (!isTar(start)) throw noTar(name, start);
      const archive = new Archive(name, temporaryFile(spooling(name), name), 0, plain ?? iterator, signal);
      archive.#write(start);
      return archive;
    } catch (error) {
      void iterator.return?.().catch(() => {});
      throw error;
    }
  }

  /** Waits for some more. */
  async pull(): Promise<void> {
    const chunk = await this.#next();
    if (chunk !== null) this.#write(chunk);
  }

  /** Reads what is left, and is not wanted: whoever writes it is not cut off, and checksums at the end are held against it. */
  async drain(): Promise<void> {
    while ((await this.#next()) !== null);
  }

  /** Lets go of the stream, when there is one. */
  async endStream(): Promise<void> {
    const rest = this.#rest;
    this.#rest = null;
    // Not waited for: it may stand in a read that does not end.
    void rest?.return?.().catch(() => {});
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.#rest === null) return null;
    const chunk = await nextOf(this.#rest, this.name, this.#signal);
    if (chunk === null) this.#rest = null;
    return chunk;
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += fs.writeSync(this.fd, bytes, done, bytes.length - done, this.bytes + done);
    } catch (error) {
      throw hostError(spooling(this.name), error, { path: this.name });
    }
    this.bytes += bytes.length;
  }
}

function spooling(name: string): string {
  return `cannot keep ${name} in a temporary file in ${os.tmpdir()} (TMPDIR names another place)`;
}

/** At least `length` bytes of what comes, or all. */
async function gather(
  iterator: AsyncIterator<Uint8Array>,
  length: number,
  name: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let got = 0; got < length; ) {
    const chunk = await nextOf(iterator, name, signal);
    if (chunk === null) break;
    chunks.push(chunk);
    got += chunk.length;
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/** The next chunk, null at the end. Throws ECANCELED as soon as the signal is given. */
async function nextOf(
  iterator: AsyncIterator<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | null> {
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal as AbortSignal, INTERRUPTED));
  });
  if (signal?.aborted) throw abortError(signal, INTERRUPTED);
  signal?.addEventListener('abort', stop);
  try {
    const { done, value } = await (signal === undefined ? iterator.next() : Promise.race([iterator.next(), stopped]));
    return done === true ? null : value;
  } catch (error) {
    throw hostError(`cannot read ${name}`, error, { path: name });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function noTar(name: string, start: Uint8Array): F2fsError {
  if (start.length >= TAR_BLOCK && dialectOf(start) !== 'v7') {
    const message = `${name} is a tar archive whose first header is damaged: its checksum is wrong`;
    return new F2fsError('EBADMSG', message, { path: name });
  }
  const foreign = start.length === 0 ? { what: 'empty', cure: 'name another file' } : recognize(start);
  const what =
    foreign === null ? 'neither a directory nor a tar archive' : `${foreign.what}, not a tar archive: ${foreign.cure}`;
  return new F2fsError('EINVAL', `${name} is ${what}`, { path: name });
}
