// Makes the module that gives the codecs where no file can be read: dist/platform/browser/codec-bytes.js, in place of
// src/platform/codec-bytes.ts. Run by `npm run build`, when codecs.wasm is there.
import * as fs from 'node:fs';
import * as path from 'node:path';

const dist = path.resolve(import.meta.dirname, '../dist');
const base64 = fs.readFileSync(path.join(dist, 'compress/codecs.wasm'), 'base64');
const text = `// The codecs' WebAssembly module, as tools/browser-codecs.ts wrote it here.
const BASE64 = '${base64}';
export function codecBytes() {
    return Uint8Array.from(atob(BASE64), (character) => character.charCodeAt(0));
}
`;
fs.writeFileSync(path.join(dist, 'platform/browser/codec-bytes.js'), text);
