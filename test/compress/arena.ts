// A memory in which a codec is watched: each call runs twice, once with what it reads and once with what it writes
// against the end of the memory (beyond lies a trap), with other garbage in the workspace and all around; both must
// give the same.
import * as fs from 'node:fs';
import { WORKSPACE_BYTES } from '../../src/compress/codecs.ts';

export type Name = 'lz4' | 'lzo' | 'lzo-rle';

interface Exports {
  lz4Compress(src: number, length: number, dst: number, capacity: number, level: number, work: number): number;
  lz4Decompress(src: number, length: number, dst: number, capacity: number): number;
  lzoCompress(src: number, length: number, dst: number, capacity: number, work: number): number;
  lzoRleCompress(src: number, length: number, dst: number, capacity: number, work: number): number;
  lzoDecompress(src: number, length: number, dst: number, capacity: number): number;
}

interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: unknown) => { exports: unknown };
}

const MIB = 1024 * 1024;
const SIZE = 16 * MIB;
const WORK = 0;
const MIDDLE = 6 * MIB;
const GUARD = 4096;

const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
const memory = new api.Memory({ initial: SIZE / 65536, maximum: SIZE / 65536, shared: true });
const bytes = new Uint8Array(memory.buffer);
const wasm = new api.Instance(
  new api.Module(fs.readFileSync(new URL('../../dist/compress/codecs.wasm', import.meta.url))),
  { env: { memory } },
).exports as Exports;

/**
 * Calls with `input` at src and `capacity` bytes at dst; what it wrote, or null for a failure (0 or -1, as `failure`
 * says).
 */
function watch(
  input: Uint8Array,
  capacity: number,
  failure: number,
  call: (src: number, dst: number) => number,
): Uint8Array | null {
  const results = [0, 1].map((turn) => {
    const src = turn === 0 ? SIZE - input.length : MIDDLE;
    const dst = turn === 0 ? MIDDLE : SIZE - capacity;
    const garbage = turn === 0 ? 0xa5 : 0x01;
    // The second time, what the first left there.
    if (turn === 0) bytes.fill(garbage, WORK, WORK + WORKSPACE_BYTES);
    bytes.fill(garbage, MIDDLE - GUARD, MIDDLE + Math.max(input.length, capacity) + GUARD);
    bytes.fill(garbage, SIZE - Math.max(input.length, capacity) - GUARD);
    bytes.set(input, src);
    const length = call(src, dst);
    if (length !== failure && (length < 0 || length > capacity)) {
      throw new Error(`returned ${length}, with a capacity of ${capacity}`);
    }
    for (let i = 1; i <= GUARD; i++) {
      if (bytes[dst - i] !== garbage) throw new Error(`wrote ${i} bytes before dst`);
      if (dst + capacity + i <= SIZE && bytes[dst + capacity + i - 1] !== garbage) {
        throw new Error(`wrote ${i} bytes beyond dst, with a capacity of ${capacity}`);
      }
    }
    return length === failure ? null : Buffer.from(bytes.slice(dst, dst + length));
  });
  const [one, other] = results as [Buffer | null, Buffer | null];
  if (one === null ? other !== null : other === null || !one.equals(other))
    throw new Error('not the same result twice');
  return one && new Uint8Array(one.buffer, one.byteOffset, one.length);
}

/** Room for whatever a codec makes of `length` bytes. */
export function roomFor(length: number): number {
  return length + (length >>> 4) + 80;
}

/** Squeezes; null when the result is larger than `capacity`. */
export function squeeze(
  name: Name,
  source: Uint8Array,
  level = 0,
  capacity = roomFor(source.length),
): Uint8Array | null {
  return watch(source, capacity, 0, (src, dst) => {
    switch (name) {
      case 'lz4':
        return wasm.lz4Compress(src, source.length, dst, capacity, level, WORK);
      case 'lzo':
        return wasm.lzoCompress(src, source.length, dst, capacity, WORK);
      case 'lzo-rle':
        return wasm.lzoRleCompress(src, source.length, dst, capacity, WORK);
    }
  });
}

/** Inflates; null when the block is refused. */
export function inflate(name: Name, packed: Uint8Array, capacity: number): Uint8Array | null {
  const call = name === 'lz4' ? wasm.lz4Decompress : wasm.lzoDecompress;
  return watch(packed, capacity, -1, (src, dst) => call(src, packed.length, dst, capacity));
}
