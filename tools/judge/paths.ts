// Where the harness keeps things: the project root, found from this file, and the git-ignored cache below it.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the checkout. */
export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Absolute path of the judges' cache: unpacked kernels and the initramfs. */
export const cacheDir = join(projectRoot, '.cache', 'judge');

/** Absolute path of the programs that `tools/setup.sh --bench` builds. */
export const peersDir = join(projectRoot, '.cache', 'peers');

/** A kernel that `tools/setup.sh` has unpacked: where, and which version. */
export interface UnpackedKernel {
  readonly dir: string;
  readonly version: string;
}

/**
 * The unpacked kernel of that kind, or undefined when `tools/setup.sh` has not run or found none.
 * `kernel` is the distribution's own (for QEMU), `uml` is user-mode Linux.
 */
export function findKernel(kind: 'kernel' | 'uml'): UnpackedKernel | undefined {
  const dir = join(cacheDir, kind);
  const stamp = join(dir, 'version');
  if (!existsSync(stamp)) return undefined;
  return { dir, version: readFileSync(stamp, 'utf8').trim() };
}

/** The environment for host tools: f2fs-tools and kmod live in sbin, which an ordinary user's PATH may lack. */
export function toolEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
}
