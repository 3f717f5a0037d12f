// The little of lz4js that is used; it comes without types.
declare module 'lz4js' {
  /** Decompresses the raw block of `length` bytes at `from`; returns where it ended in `dst`. It is given sound blocks: it checks nothing. */
  export function decompressBlock(src: Uint8Array, dst: Uint8Array, from: number, length: number, to: number): number;
}
