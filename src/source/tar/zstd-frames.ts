// Zstandard frames, one behind the other, as they come. The codecs of compress/ do the blocks; here are headers, window and checksum.
// Source: RFC 8878, 3.1.
import { type CodecExports, codecExports, WORKSPACE_BYTES } from '../../compress/codecs.ts';
import { makeSharedMemory } from '../../pagecache/pool.ts';
import type { ByteQueue } from './byte-queue.ts';
import { Damaged } from './damaged.ts';
import { nextMagic } from './frames.ts';

const MAGIC = 0xfd2fb528;
const BLOCK_BYTES = 128 * 1024;
const BLOCK = { RAW: 0, RLE: 1, COMPRESSED: 2 } as const;
/** What zstd takes, unless it is told to take more. */
const MAX_WINDOW = 128 * 2 ** 20;
/** What comes out between two moves of the window, at most. */
const MAX_STRIDE = 32 * 2 ** 20;
const HASH_BYTES = 128;

/** Where things lie in the memory: the codec's tables, the hash, a block as it came, then what comes out. */
const HASH_AT = WORKSPACE_BYTES;
const SRC_AT = HASH_AT + HASH_BYTES;
const DST_AT = SRC_AT + BLOCK_BYTES;

/** Tools for frames with windows of up to a size. */
class Room {
  readonly bytes: Uint8Array;
  readonly wasm: CodecExports;
  readonly windowBytes: number;

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes;
    const stride = Math.max(Math.min(windowBytes, MAX_STRIDE), 8 * BLOCK_BYTES);
    const memory = makeSharedMemory(DST_AT + windowBytes + stride, 'a window of zstd', 'decompress the archive first');
    this.bytes = new Uint8Array(memory.buffer);
    this.wasm = codecExports(memory);
  }
}

interface FrameHeader {
  readonly window: number;
  /** -1: it is not told. */
  readonly contentBytes: number;
  readonly hasChecksum: boolean;
}

/** What all frames hold. Throws Damaged. */
export async function* zstdFrames(input: ByteQueue): AsyncGenerator<Uint8Array> {
  let room: Room | null = null;
  for (;;) {
    const magic = await nextMagic(input);
    if (magic === null) return;
    if (magic !== MAGIC) throw new Damaged('something else follows a frame');
    const header = await readHeader(input);
    if (room === null || room.windowBytes < header.window) room = new Room(header.window);
    yield* readBlocks(input, header, room);
  }
}

async function readHeader(input: ByteQueue): Promise<FrameHeader> {
  const descriptor = (await input.exactly(5))[4];
  if ((descriptor & 0x08) !== 0) throw new Damaged('a bit is set that nobody knows');
  const isSingle = (descriptor & 0x20) !== 0;
  let window = 0;
  if (!isSingle) {
    const [byte] = await input.exactly(1);
    window = (2 ** (10 + (byte >> 3)) / 8) * (8 + (byte & 7));
  }
  const dictionary = await input.exactly([0, 1, 2, 4][descriptor & 3]);
  if (dictionary.some((byte) => byte !== 0)) throw new Damaged('it needs a dictionary');
  const width = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const size = await input.exactly(width);
  let contentBytes = -1;
  if (width === 8) contentBytes = Number(size.readBigUInt64LE());
  else if (width > 0) contentBytes = size.readUIntLE(0, width) + (width === 2 ? 256 : 0);
  if (isSingle) window = contentBytes;
  if (window > MAX_WINDOW) {
    throw new Damaged(
      `it wants a window of ${Math.ceil(window / 2 ** 20)} MiB, more than ${MAX_WINDOW / 2 ** 20}: decompress it first`,
    );
  }
  return { window, contentBytes, hasChecksum: (descriptor & 4) !== 0 };
}

async function* readBlocks(
  input: ByteQueue,
  { window, contentBytes, hasChecksum }: FrameHeader,
  { bytes, wasm }: Room,
): AsyncGenerator<Uint8Array> {
  const limit = Math.min(Math.max(window, 1), BLOCK_BYTES);
  wasm.zstdBegin(0);
  wasm.xxh64Begin(HASH_AT);
  let to = DST_AT;
  let total = 0;
  for (let isLast = false; !isLast; ) {
    const header = (await input.exactly(3)).readUIntLE(0, 3);
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (size > limit) throw new Damaged('a block is too large');
    if (to + limit > bytes.length) {
      bytes.copyWithin(DST_AT, to - window, to);
      to = DST_AT + window;
    }
    let written: number = size;
    if (type === BLOCK.RLE) bytes.fill((await input.exactly(1))[0], to, to + size);
    else if (type === BLOCK.RAW) bytes.set(await input.exactly(size), to);
    else if (type === BLOCK.COMPRESSED) {
      bytes.set(await input.exactly(size), SRC_AT);
      written = wasm.zstdBlock(SRC_AT, size, DST_AT, to, limit, 0);
      if (written < 0) throw new Damaged('a block can not be decompressed');
    } else throw new Damaged('a block has no type');
    if (hasChecksum) wasm.xxh64Update(HASH_AT, to, written);
    total += written;
    if (contentBytes >= 0 && total > contentBytes) throw new Damaged('it holds more than it says');
    yield Buffer.from(bytes.subarray(to, to + written));
    to += written;
  }
  if (contentBytes >= 0 && total !== contentBytes) throw new Damaged('it holds less than it says');
  if (hasChecksum && (await input.exactly(4)).readUInt32LE() !== wasm.xxh64End(HASH_AT) >>> 0)
    throw new Damaged('its checksum is another');
}
