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

/** Processors that guests have, by Debian's names. amd64 is this machine's own, and so are the programs of its guests. */
export type Architecture = 'amd64' | 'arm64' | 'ppc64el';

/** What is known of a kernel before it is there. */
interface KernelTraits {
  /** Below the cache. */
  readonly folder: string;
  readonly architecture: Architecture;
  /** Bytes of its pages; it mounts volumes with blocks of that size, and no others. */
  readonly blockSize: number;
  /** Default 2. */
  readonly cpus?: number;
}

/**
 * uml: user-mode Linux, without compression. qemu: the distribution's kernel, emulated, with it. The others, likewise,
 * are Debian 13's (6.12) and the newest that Debian has (sid); 16k and 64k are the sizes of their pages.
 */
const KERNEL_TRAITS = {
  uml: { folder: 'uml', architecture: 'amd64', blockSize: 4096 },
  qemu: { folder: 'kernel', architecture: 'amd64', blockSize: 4096 },
  // These patch their own code while they run; another processor of QEMU 7.2 may see the old one, then they stop (one boot in ten).
  'qemu-6.12': { folder: 'kernel-6.12', architecture: 'amd64', blockSize: 4096, cpus: 1 },
  'qemu-sid': { folder: 'kernel-sid', architecture: 'amd64', blockSize: 4096, cpus: 1 },
  'qemu-16k-6.12': { folder: 'kernel-16k-6.12', architecture: 'arm64', blockSize: 16_384 },
  'qemu-16k-sid': { folder: 'kernel-16k-sid', architecture: 'arm64', blockSize: 16_384 },
  'qemu-64k-sid': { folder: 'kernel-64k-sid', architecture: 'ppc64el', blockSize: 65_536 },
} as const satisfies Record<string, KernelTraits>;

export type KernelName = keyof typeof KERNEL_TRAITS;
export type QemuName = Exclude<KernelName, 'uml'>;

export function isKernelName(name: string): name is KernelName {
  return Object.hasOwn(KERNEL_TRAITS, name);
}

/** Bytes of a block in the volumes that a kernel mounts. */
export function blockSizeOf(name: KernelName): number {
  return KERNEL_TRAITS[name].blockSize;
}

/** A kernel that `tools/setup.sh` has unpacked: where, and which version. */
export interface UnpackedKernel {
  readonly dir: string;
  /** Such as `6.12.118+deb13-amd64`. */
  readonly version: string;
  readonly architecture: Architecture;
  /** The folder that has the programs of its guests; undefined: they are this machine's. */
  readonly root: string | undefined;
  /** How many processors a guest has. */
  readonly cpus: number;
}

/** The unpacked kernel of that name, or undefined when `tools/setup.sh` has not run or found none. */
export function findKernel(name: KernelName): UnpackedKernel | undefined {
  const { folder, architecture, cpus = 2 }: KernelTraits = KERNEL_TRAITS[name];
  const dir = join(cacheDir, folder);
  const stamp = join(dir, 'version');
  const root = architecture === 'amd64' ? undefined : join(cacheDir, `root-${architecture}`);
  if (!existsSync(stamp) || (root !== undefined && !existsSync(root))) return undefined;
  return { dir, version: readFileSync(stamp, 'utf8').trim(), architecture, root, cpus };
}

/** The environment for host tools: f2fs-tools and kmod live in sbin, which an ordinary user's PATH may lack. */
export function toolEnv(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
}
