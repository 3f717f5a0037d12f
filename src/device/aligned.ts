// Memory that begins at a page boundary, which direct I/O asks for. Node gives it in one way only: WebAssembly's.

/** The little of WebAssembly that is used; the standard types declare it with the DOM only. */
interface MemoryMaker {
  WebAssembly: { Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer } };
}

const WASM_PAGE = 65536;
const aligned = new WeakSet<ArrayBufferLike>();

/** `sizeBytes` bytes of zeros whose address is a multiple of the page size. */
export function alignedMemory(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const { WebAssembly } = globalThis as unknown as MemoryMaker;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / WASM_PAGE) });
  aligned.add(memory.buffer);
  return new Uint8Array(memory.buffer, 0, sizeBytes);
}

/**
 * Whether `vector` is known to begin at a page boundary: it is alignedMemory's, or shared, as only page frames are. Hosts must not
 * be asked: zram (Linux 6.18) takes direct I/O from any memory, and reads and writes whole pages beside the buffer.
 */
export function isAligned(vector: Uint8Array, pageSize: number): boolean {
  if (vector.byteOffset % pageSize !== 0) return false;
  return vector.buffer instanceof SharedArrayBuffer || aligned.has(vector.buffer);
}
