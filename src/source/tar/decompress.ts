// Archives that are compressed, as streams: gzip, with one member or several.
import { pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { F2fsError } from '../../errors.ts';

/** Formats that archives are compressed with. */
export type Compression = 'gzip';

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [['gzip', [0x1f, 0x8b, 0x08]]];
/** Bytes that come out at a time. */
const CHUNK_BYTES = 1 << 18;

/** How something that begins so is compressed; null when it is not. */
export function compressionOf(start: Uint8Array): Compression | null {
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
  const whole = Readable.from(chain(beginning, rest), { objectMode: false });
  const inflater = zlib.createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(whole, inflater, () => {});
  return named(name, compression, inflater);
}

async function* chain(beginning: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield beginning;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
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
    if (!code.startsWith('Z_')) throw cause;
    const why = (cause as Error).message;
    const message = `${name} is compressed with ${compression}, and damaged or not all there: ${why}`;
    throw new F2fsError('EBADMSG', message, { path: name, cause });
  }
}
