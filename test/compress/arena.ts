// A memory in which a codec is watched: each call runs twice, once with what it reads and once with what it writes
// against the end of the memory (beyond lies a trap), with other garbage in the workspace and all around; both must
// give the same, and change nothing but dst and the workspace.
import * as fs from 'node:fs';
import type { AlgorithmName } from '../../src/compress/algorithms.ts';
import { type CodecExports, WORKSPACE_BYTES } from '../../src/compress/codecs.ts';

interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: unknown) => { exports: unknown };
}

const MIB = 1024 * 1024;
const SIZE = 16 * MIB;
const MIDDLE = 6 * MIB;
const GUARD = 4096;
const WORK = GUARD;
const WORK_END = WORK + WORKSPACE_BYTES;

const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
const memory = new api.Memory({ initial: SIZE / 65536, maximum: SIZE / 65536, shared: true });
const bytes = new Uint8Array(memory.buffer);
const wasm = new api.Instance(
  new api.Module(fs.readFileSync(new URL('../../dist/compress/codecs.wasm', import.meta.url))),
  { env: { memory } },
).exports as CodecExports;

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
    const span = Math.max(input.length, capacity) + GUARD;
    bytes.fill(garbage, WORK - GUARD, WORK);
    // The second time the workspace holds what the first left there.
    if (turn === 0) bytes.fill(garbage, WORK, WORK_END);
    bytes.fill(garbage, WORK_END, WORK_END + GUARD);
    bytes.fill(garbage, MIDDLE - GUARD, MIDDLE + span);
    bytes.fill(garbage, SIZE - span);
    bytes.set(input, src);
    const length = call(src, dst);
    if (length !== failure && (length < 0 || length > capacity)) {
      throw new Error(`returned ${length}, with a capacity of ${capacity}`);
    }
    for (const [from, to] of [
      [WORK - GUARD, WORK],
      [WORK_END, WORK_END + GUARD],
      [dst - GUARD, dst],
      [dst + capacity, Math.min(SIZE, dst + capacity + GUARD)],
    ] as const) {
      for (let at = from; at < to; at++) {
        if (bytes[at] !== garbage) throw new Error(`wrote at ${at - dst} of dst, with a capacity of ${capacity}`);
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

/** Compresses; null when the result is larger than `capacity`. */
export function compress(
  name: AlgorithmName,
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
      case 'zstd':
        return wasm.zstdCompress(src, source.length, dst, capacity, level, WORK);
    }
  });
}

/** Decompresses; null when the block is refused. */
export function decompress(name: AlgorithmName, packed: Uint8Array, capacity: number): Uint8Array | null {
  return watch(packed, capacity, -1, (src, dst) => {
    switch (name) {
      case 'lz4':
        return wasm.lz4Decompress(src, packed.length, dst, capacity);
      case 'lzo':
      case 'lzo-rle':
        return wasm.lzoDecompress(src, packed.length, dst, capacity);
      case 'zstd':
        return wasm.zstdDecompress(src, packed.length, dst, capacity, WORK);
    }
  });
}
