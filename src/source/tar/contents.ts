// Reading the contents of files that are ranges of archives, in any thread.
import * as fs from 'node:fs';
import { F2fsError } from '../../errors.ts';
import { hostFailure } from '../../host/host.ts';
import { zero } from '../../pagecache/zero.ts';
import type { ArchiveStamp, DataRanges, SharedArchive, SharedArchives, SourceFile } from '../source-tree.ts';

/** Numbers of a map before its ranges, and of each range. */
export const MAP_HEADER = 1;
export const RANGE_NUMBERS = 3;

/** What tells whether an open file is what it was. */
export function stampOf(fd: number): ArchiveStamp {
  const { size, mtimeMs } = fs.fstatSync(fd);
  return { bytes: size, mtimeMs };
}

/** One file at a time: `open` gives one object, which is filled anew. */
export class ArchiveContents {
  readonly #shared: SharedArchives;
  readonly #file: SourceFile;
  /** Of the file at hand: where its contents begin; of one with holes its ranges in `maps`. */
  #place = 0;
  #index = 0;
  #rangesAt = 0;
  #nrRanges = 0;

  constructor(shared: SharedArchives) {
    this.#shared = shared;
    this.#file = {
      data: () => this.#data(),
      fill: (memory, offset, length, position) => this.#fill(memory, offset, length, position),
      verify: () => this.#verify(),
      close: () => {},
    };
  }

  size(index: number): number {
    return this.#shared.sizes[index];
  }

  open(index: number): SourceFile {
    const { places, maps } = this.#shared;
    this.#index = index;
    this.#place = places[index];
    if (this.#place < 0) {
      const at = -1 - this.#place;
      this.#nrRanges = maps[at];
      this.#rangesAt = at + MAP_HEADER;
    }
    return this.#file;
  }

  #archiveAt(place: number): SharedArchive {
    const { files } = this.#shared;
    let at = files.length - 1;
    while (at > 0 && files[at].start > place) at--;
    return files[at];
  }

  #data(): DataRanges {
    return { ranges: dataRangesOf(this.#shared, this.#index), areExact: true };
  }

  #fill(memory: Uint8Array, offset: number, length: number, position: number): void {
    if (this.#place >= 0) this.read(memory, offset, length, this.#place + position);
    else this.#fillSparse(memory, offset, length, position);
  }

  #fillSparse(memory: Uint8Array, offset: number, length: number, position: number): void {
    const { maps } = this.#shared;
    const end = position + length;
    let at = position;
    for (let range = this.#rangeAt(position); at < end && range < this.#nrRanges; range++) {
      const from = this.#rangesAt + range * RANGE_NUMBERS;
      const start = Math.max(at, Math.min(maps[from], end));
      const stop = Math.min(maps[from + 1], end);
      zero(memory, offset + at - position, offset + start - position);
      if (start < stop) this.read(memory, offset + start - position, stop - start, maps[from + 2] + start - maps[from]);
      at = Math.max(start, stop);
    }
    zero(memory, offset + at - position, offset + length);
  }

  /** The first range that ends behind a position. */
  #rangeAt(position: number): number {
    const { maps } = this.#shared;
    let low = 0;
    for (let high = this.#nrRanges; low < high; ) {
      const middle = (low + high) >>> 1;
      if (maps[this.#rangesAt + middle * RANGE_NUMBERS + 1] <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Reads bytes from their place in the archives. */
  read(memory: Uint8Array, offset: number, length: number, place: number): void {
    const { fd, start } = this.#archiveAt(place);
    for (let done = 0; done < length; ) {
      let got: number;
      try {
        got = fs.readSync(fd, memory, offset + done, length - done, place - start + done);
      } catch (error) {
        throw hostFailure('cannot be read from the archive', error);
      }
      if (got === 0) throw changed();
      done += got;
    }
  }

  #verify(): void {
    const { fd, stamp } = this.#archiveAt(this.#place < 0 ? this.#shared.maps[this.#rangesAt + 2] : this.#place);
    if (stamp === null) return;
    const now = stampOf(fd);
    if (now.bytes !== stamp.bytes || now.mtimeMs !== stamp.mtimeMs) throw changed();
  }
}

/** The ranges of bytes [start, end) of a file that hold data. */
export function* dataRangesOf(
  { places, sizes, maps }: SharedArchives,
  index: number,
): Generator<readonly [start: number, end: number]> {
  const place = places[index];
  if (place >= 0) {
    yield [0, sizes[index]];
    return;
  }
  const at = -1 - place + MAP_HEADER;
  const end = at + RANGE_NUMBERS * maps[at - MAP_HEADER];
  for (let i = at; i < end; i += RANGE_NUMBERS) yield [maps[i], maps[i + 1]];
}

export function changed(): F2fsError {
  return new F2fsError('ESTALE', 'the archive changed while it was read');
}
