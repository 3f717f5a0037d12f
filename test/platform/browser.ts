// The built library without the devices of a host, bundled as for a browser, in a world that has what a worker there has, and nothing
// of Node.
import { join, resolve } from 'node:path';
import vm from 'node:vm';
import { build } from 'esbuild';
import type * as library from '../../src/index.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');

/** What runs where there is no Node. */
export type Portable = Pick<
  typeof library,
  'BLKSIZE' | 'F2fsError' | 'format' | 'MemoryDevice' | 'mount' | 'mountAsync' | 'parseCodec' | 'probe' | 'volumeInfo'
>;

const ENTRY = `
export { parseCodec } from './compress/algorithms.js';
export { MemoryDevice } from './device/memory-device.js';
export { F2fsError } from './errors.js';
export { BLKSIZE } from './device/device.js';
export { mount } from './fs/file-system.js';
export { mountAsync } from './fs/promises.js';
export { volumeInfo } from './inspect/info.js';
export { format } from './mkfs/format.js';
export { probe } from './mkfs/probe.js';
`;

/** One script that sets \`f2fs\`, and the modules in it. Fails for what a browser has not, as a module of Node. */
export async function bundle(): Promise<{ script: string; modules: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: ENTRY, resolveDir: join(PACKAGE, 'dist'), sourcefile: 'entry.js' },
    absWorkingDir: PACKAGE,
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'f2fs',
    write: false,
    metafile: true,
    // A script has no import.meta; it is told of where threads would be started.
    logOverride: { 'empty-import-meta': 'silent' },
    logLevel: 'silent',
  });
  return { script: outputFiles[0].text, modules: Object.keys(metafile.inputs) };
}

/** What the standards of the web give a worker, besides what JavaScript itself has. */
const WEB_GLOBALS = [
  'AbortController',
  'AbortSignal',
  'atob',
  'btoa',
  'crypto',
  'MessageChannel',
  'performance',
  'TextDecoder',
  'TextEncoder',
  'URL',
] as const;

function webGlobals(): object {
  return Object.fromEntries(WEB_GLOBALS.map((name) => [name, globalThis[name]]));
}

/** What browsers have, and V8 in Node 20 has not by itself: Node adds it to its own world. */
const DISPOSE = `
for (const name of ['dispose', 'asyncDispose'])
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol('Symbol.' + name) });
`;

/** Calls a function that needs nothing of its surroundings in such a world, with the library and what else it takes. */
export function inBrowser<A extends unknown[], T>(
  script: string,
  program: (f2fs: Portable, ...rest: A) => T,
  ...rest: A
): T {
  const world = vm.createContext(webGlobals());
  vm.runInContext(DISPOSE, world);
  vm.runInContext(script, world, { filename: 'f2fs.js' });
  return vm.runInContext(`(...rest) => (${program})(f2fs, ...rest)`, world)(...rest);
}
