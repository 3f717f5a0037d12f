// Archives that are compressed, as streams: gzip, zstd and lz4, each with one member or frame, or several. zlib does gzip in a thread.
import { pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { F2fsError } from '../../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { Damaged } from './damaged.ts';
import { lz4Frames } from './lz4-frames.ts';
import { zstdFrames } from './zstd-frames.ts';

/** Formats that archives are compressed with. */
type Compression = 'gzip' | 'zstd' | 'lz4';

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
];
/** Bytes that come out of zlib at a time. */
const CHUNK_BYTES = 1 << 18;

/** How something that begins so is compressed; null when it is not. */
export function compressionOf(start: Uint8Array): Compression | null {
  const isSkipped = start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18 && start[0] >> 4 === 5;
  // Both have frames to be skipped, which pzstd begins with.
  if (isSkipped) return 'zstd';
  return MAGICS.find(([, magic]) => magic.every((byte, i) => start[i] === byte))?.[0] ?? null;
}

/** What `beginning`, followed by `rest`, holds when it is compressed; null when it is not. Reading throws EBADMSG for what is damaged. */
export function decompressed(
  name: string,
  beginning: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncIterator<Uint8Array> | null {
  const compression = compressionOf(beginning);
  if (compression === null) return null;
  const whole = chain(beginning, rest);
  if (compression === 'gzip') return named(name, compression, gunzipped(whole));
  const queue = new ByteQueue(whole);
  return named(name, compression, compression === 'zstd' ? zstdFrames(queue) : lz4Frames(queue));
}

function gunzipped(whole: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  const inflater = zlib.createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(whole, { objectMode: false }), inflater, () => {});
  return inflater;
}

async function* chain(beginning: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield beginning;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    void rest.return?.();
  }
}

async function* named(
  name: string,
  compression: Compression,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (!(cause instanceof Damaged) && !code.startsWith('Z_')) throw cause;
    const why = (cause as Error).message;
    const message = `${name} is compressed with ${compression}, and damaged or not all there: ${why}`;
    throw new F2fsError('EBADMSG', message, { path: name, cause });
  }
}
