// LZ4 frames, one behind the other, as they come, the legacy ones of `lz4 -l` too. The codecs of compress/ do the blocks.
// Source: "LZ4 Frame Format Description" 1.6.
import { type CodecExports, codecExports } from '../../compress/codecs.ts';
import { makeSharedMemory } from '../../pagecache/pool.ts';
import type { ByteQueue } from './byte-queue.ts';
import { Damaged } from './damaged.ts';
import { isSkipped, nextMagic } from './frames.ts';
import { Xxh32 } from './xxh32.ts';

const MAGIC = 0x184d2204;
const LEGACY_MAGIC = 0x184c2102;
const KIB = 1024;
/** By the number in the header. */
const BLOCK_SIZES = new Map([
  [4, 64 * KIB],
  [5, 256 * KIB],
  [6, 1024 * KIB],
  [7, 4096 * KIB],
]);
const LEGACY_BLOCK = 8192 * KIB;
/** How far matches reach back. */
const WINDOW = 64 * KIB;
const UNCOMPRESSED = 0x80000000;
const FLAG = { DICTIONARY: 1, CONTENT_CHECKSUM: 4, CONTENT_SIZE: 8, BLOCK_CHECKSUM: 16, INDEPENDENT: 32 } as const;

/** A block as it came, then what came out before, then room for what comes out. */
class Room {
  readonly bytes: Uint8Array;
  readonly wasm: CodecExports;
  readonly srcBytes: number;
  readonly blockBytes: number;
  readonly historyAt: number;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
    // What can't be compressed takes some more.
    this.srcBytes = blockBytes + Math.ceil(blockBytes / 255) + 64;
    this.historyAt = this.srcBytes;
    const memory = makeSharedMemory(
      this.historyAt + WINDOW + blockBytes,
      'a block of lz4',
      'decompress the archive first',
    );
    this.bytes = new Uint8Array(memory.buffer);
    this.wasm = codecExports(memory);
  }
}

/** What all frames hold. Throws Damaged. */
export async function* lz4Frames(input: ByteQueue): AsyncGenerator<Uint8Array> {
  let room: Room | null = null;
  const roomFor = (blockBytes: number): Room => {
    if (room === null || room.blockBytes < blockBytes) room = new Room(blockBytes);
    return room;
  };
  for (;;) {
    const magic = await nextMagic(input);
    if (magic === null) return;
    if (magic === LEGACY_MAGIC) yield* readLegacy(input, roomFor(LEGACY_BLOCK));
    else if (magic === MAGIC) yield* readFrame(input, roomFor);
    else throw new Damaged('something else follows a frame');
  }
}

async function* readFrame(input: ByteQueue, roomFor: (blockBytes: number) => Room): AsyncGenerator<Uint8Array> {
  await input.exactly(4);
  const [flags, sizes] = await input.peek(2);
  const blockBytes = BLOCK_SIZES.get((sizes >> 4) & 7);
  if (flags >> 6 !== 1 || (flags & 2) !== 0 || (sizes & 0x8f) !== 0 || blockBytes === undefined)
    throw new Damaged('its header can not be');
  if ((flags & FLAG.DICTIONARY) !== 0) throw new Damaged('it needs a dictionary');
  const hasSize = (flags & FLAG.CONTENT_SIZE) !== 0;
  const header = Buffer.from(await input.exactly(hasSize ? 10 : 2));
  if ((await input.exactly(1))[0] !== ((Xxh32.of(header) >>> 8) & 0xff))
    throw new Damaged('the checksum of its header is another');
  const room = roomFor(blockBytes);
  const { bytes, wasm, historyAt } = room;
  const isLinked = (flags & FLAG.INDEPENDENT) === 0;
  const content = (flags & FLAG.CONTENT_CHECKSUM) !== 0 ? new Xxh32() : null;
  let history = 0;
  let total = 0;
  for (;;) {
    const word = (await input.exactly(4)).readUInt32LE();
    if (word === 0) break;
    const size = word % UNCOMPRESSED;
    if (size > room.srcBytes) throw new Damaged('a block is too large');
    const block = await input.exactly(size);
    const to = historyAt + history;
    let written = size;
    if (word >= UNCOMPRESSED) {
      if (size > blockBytes) throw new Damaged('a block is too large');
      bytes.set(block, to);
    } else {
      bytes.set(block, 0);
      written = wasm.lz4DecompressAfter(0, size, historyAt, to, blockBytes);
      if (written < 0) throw new Damaged('a block can not be decompressed');
    }
    if ((flags & FLAG.BLOCK_CHECKSUM) !== 0) {
      const sum = Xxh32.of(block);
      if ((await input.exactly(4)).readUInt32LE() !== sum) throw new Damaged('the checksum of a block is another');
    }
    const out = Buffer.from(bytes.subarray(to, to + written));
    content?.update(out);
    total += written;
    if (isLinked) {
      const end = to + written;
      history = Math.min(WINDOW, end - historyAt);
      bytes.copyWithin(historyAt, end - history, end);
    }
    yield out;
  }
  if (hasSize && BigInt(total) !== header.readBigUInt64LE(2)) throw new Damaged('its length is another');
  if (content !== null && (await input.exactly(4)).readUInt32LE() !== content.digest())
    throw new Damaged('its checksum is another');
}

/** It ends where nothing, or another frame, follows. */
async function* readLegacy(input: ByteQueue, { bytes, wasm, srcBytes, historyAt }: Room): AsyncGenerator<Uint8Array> {
  await input.exactly(4);
  for (;;) {
    const start = await input.peek(4);
    if (start.length === 0) return;
    if (start.length < 4) throw new Damaged('it ends too early');
    const size = Buffer.from(start).readUInt32LE();
    if (size === 0 || size === MAGIC || size === LEGACY_MAGIC || isSkipped(size)) return;
    if (size > srcBytes) throw new Damaged('a block is too large');
    const block = (await input.exactly(4 + size)).subarray(4);
    bytes.set(block, 0);
    const written = wasm.lz4DecompressAfter(0, size, historyAt, historyAt, LEGACY_BLOCK);
    if (written < 0) throw new Damaged('a block can not be decompressed');
    yield Buffer.from(bytes.subarray(historyAt, historyAt + written));
  }
}
