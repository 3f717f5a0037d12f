// Small reads of a device that nobody changes, most of which go on where another one ended: several streams of them, as nodes, dentries
// and files lie in logs of their own. Each stream is read ahead, by more the longer it goes on.
import { BLKSIZE } from './device.ts';

/** Longer reads are made as they come. */
const MAX_SMALL = 64 * 1024;
/** Bytes that a stream begins to be read ahead by, and at most; and that it may skip. */
const FIRST_AHEAD = 8 * BLKSIZE;
const MAX_AHEAD = 256 * 1024;
const MAX_SKIP = 16 * BLKSIZE;
/** As many as there are logs. */
const NR_STREAMS = 6;

/** Fills `into` from byte `position` of a device on. */
type ReadBytes = (position: number, into: Uint8Array) => void;

class Stream {
  buffer: Uint8Array | null = null;
  /** Bytes of the device that are in the buffer: [start, end). Of a stream without a buffer yet `end` is where it ended. */
  start = 0;
  end = 0;
  /** Bytes to read with the next call. */
  ahead = FIRST_AHEAD;
  /** When it was last read from. */
  used = 0;
}

export class SequentialReads {
  readonly #read: ReadBytes;
  readonly #sizeBytes: number;
  readonly #streams = Array.from({ length: NR_STREAMS }, () => new Stream());
  #clock = 0;

  /** @param sizeBytes of the device */
  constructor(sizeBytes: number, read: ReadBytes) {
    this.#sizeBytes = sizeBytes;
    this.#read = read;
  }

  /** Throws what the device's own read does. */
  read(position: number, into: Uint8Array): void {
    if (into.length > MAX_SMALL) {
      this.#read(position, into);
      return;
    }
    this.#clock++;
    for (const stream of this.#streams) {
      if (position >= stream.start && position + into.length <= stream.end && stream.buffer !== null) {
        this.#take(stream, position, into);
        return;
      }
    }
    for (const stream of this.#streams) {
      if (stream.used > 0 && position >= stream.end && position - stream.end <= MAX_SKIP) {
        this.#fill(stream, position, into.length);
        this.#take(stream, position, into);
        return;
      }
    }
    this.#read(position, into);
    this.#begin(position + into.length);
  }

  #take(stream: Stream, position: number, into: Uint8Array): void {
    const at = position - stream.start;
    into.set((stream.buffer as Uint8Array).subarray(at, at + into.length));
    stream.used = this.#clock;
  }

  #fill(stream: Stream, position: number, least: number): void {
    const length = Math.min(Math.max(stream.ahead, least), this.#sizeBytes - position);
    if (stream.buffer === null || stream.buffer.length < length) stream.buffer = new Uint8Array(length);
    // Nothing is there if this fails.
    stream.start = stream.end = position;
    this.#read(position, stream.buffer.subarray(0, length));
    stream.end = position + length;
    stream.ahead = Math.min(2 * stream.ahead, MAX_AHEAD);
  }

  /** A read that belongs to no stream may be the first of one: it takes the place of the one unused for longest. */
  #begin(end: number): void {
    let oldest = this.#streams[0];
    for (const stream of this.#streams) if (stream.used < oldest.used) oldest = stream;
    oldest.start = oldest.end = end;
    oldest.ahead = FIRST_AHEAD;
    oldest.used = this.#clock;
  }
}
