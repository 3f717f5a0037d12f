// Loads koffi, through which the host's C library is called. It is an optional dependency: all that is used of it is declared here,
// so that this package compiles without it, too.
import { createRequire } from 'node:module';

export interface Koffi {
  /** null: the libraries that this process has loaded. */
  load(library: null): KoffiLibrary;
  /** errno of the last call. */
  errno(): number;
  sizeof(type: string): number;
  /** Address of the first byte. */
  address(memory: Uint8Array): number | bigint;
}

export interface KoffiLibrary {
  /** Throws when the library has no such symbol. */
  func(prototype: string): (...args: unknown[]) => number;
}

let loaded: Koffi | null | undefined;

/** null where it is not installed, does not fit this host, or F2FS_NO_KOFFI=1 asks to do without. */
export function loadKoffi(): Koffi | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  if (process.env.F2FS_NO_KOFFI === '1') return loaded;
  try {
    loaded = createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    // Who can't do without says so.
  }
  return loaded;
}
