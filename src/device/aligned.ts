// Memory that begins at a page boundary, which direct I/O asks for. Node gives it in one way only: WebAssembly's.

/** The little of WebAssembly that is used; the standard types declare it with the DOM only. */
interface MemoryMaker {
  WebAssembly: { Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer } };
}

const WASM_PAGE = 65536;

/** `sizeBytes` bytes of zeros whose address is a multiple of the page size. */
export function alignedMemory(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const { WebAssembly } = globalThis as unknown as MemoryMaker;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / WASM_PAGE) });
  return new Uint8Array(memory.buffer, 0, sizeBytes);
}
