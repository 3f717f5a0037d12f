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

/** Absolute path of the newer fsck.f2fs, 1.16, where `tools/setup.sh` has found one that runs here. */
export const newerFsck = join(cacheDir, 'f2fs-tools-1.16/usr/sbin/fsck.f2fs');

/** A kernel that `tools/setup.sh` has unpacked: where, and which version. */
export interface UnpackedKernel {
  readonly dir: string;
  readonly version: string;
}

/**
 * uml: user-mode Linux, without compression. qemu: the distribution's kernel, emulated, with it. qemu-6.12: Debian 13's
 * kernel, likewise.
 */
export type KernelName = 'uml' | QemuName;
export type QemuName = 'qemu' | 'qemu-6.12';

const folders: Readonly<Record<KernelName, string>> = { uml: 'uml', qemu: 'kernel', 'qemu-6.12': 'kernel-6.12' };

/** The unpacked kernel of that name, or undefined when `tools/setup.sh` has not run or found none. */
export function findKernel(name: KernelName): UnpackedKernel | undefined {
  const dir = join(cacheDir, folders[name]);
  const stamp = join(dir, 'version');
  if (!existsSync(stamp)) return undefined;
  return { dir, version: readFileSync(stamp, 'utf8').trim() };
}

/** The environment for host tools: f2fs-tools and kmod live in sbin, which an ordinary user's PATH may lack. */
export function toolEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
}
