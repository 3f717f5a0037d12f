// The codecs' WebAssembly module, from its file.
import * as fs from 'node:fs';

/** Its bytes. The file lies among the built modules; whoever runs the source takes it from there. */
export function codecBytes(): Uint8Array {
  const built = new URL('../compress/codecs.wasm', import.meta.url);
  // A loader may have added a query.
  const isSource = new URL(import.meta.url).pathname.endsWith('.ts');
  return fs.readFileSync(isSource ? new URL('../../dist/compress/codecs.wasm', import.meta.url) : built);
}
