// The kernels that judge, by name: user-mode Linux, and those that QEMU boots.

import { FEATURES } from '../../src/format/constants.ts';
import type { GuestJob, GuestResult } from './guest.js';
import { imageFacts } from './image-facts.ts';
import { blockSizeOf, findKernel, type KernelName } from './paths.js';
import { runInQemu } from './qemu.js';
import { runInUml } from './uml.js';

/** All of them for volumes with blocks of 4 KiB, the fastest first. */
export const KERNELS = ['uml', 'qemu', 'qemu-6.12', 'qemu-sid'] as const satisfies readonly KernelName[];

/** Those for larger blocks. */
export const LARGE_BLOCK_KERNELS = [
  'qemu-16k-6.12',
  'qemu-16k-sid',
  'qemu-64k-sid',
] as const satisfies readonly KernelName[];

/** Whether that kernel can be booted here: `tools/setup.sh` has unpacked it. */
export function kernelIsThere(kernel: KernelName): boolean {
  return findKernel(kernel) !== undefined;
}

/** The oldest and the newest that QEMU runs; those in between with F2FS_JUDGE_ALL=1. */
export const OLD_AND_NEW: readonly KernelName[] =
  process.env['F2FS_JUDGE_ALL'] === '1' ? ['qemu', 'qemu-6.12', 'qemu-sid'] : ['qemu', 'qemu-sid'];

/** The kernels for volumes with blocks of that many bytes that can be booted here. */
export function kernelsHere(blockSize = 4096): KernelName[] {
  return [...KERNELS, ...LARGE_BLOCK_KERNELS].filter((name) => blockSizeOf(name) === blockSize && kernelIsThere(name));
}

/** The fastest of {@link kernelsHere} for the blocks of that image. Throws when there is none. */
export function fastestKernelFor(image: string): KernelName {
  const { blockSize, featureBits = 0 } = imageFacts(image) ?? {};
  const foldsCase = (featureBits & FEATURES.casefold) !== 0;
  // User-mode Linux has no tables of Unicode.
  const kernel = kernelsHere(blockSize).find((name) => name !== 'uml' || !foldsCase);
  if (kernel !== undefined) return kernel;
  const large = blockSize === undefined || blockSize === 4096 ? '' : ' --large-pages';
  throw new Error(`no kernel here mounts ${image} with its blocks of ${blockSize} bytes: run tools/setup.sh${large}`);
}

/** Runs a job under that kernel; rejects when it is not there. */
export function runInKernel(kernel: KernelName, job: GuestJob): Promise<GuestResult> {
  return kernel === 'uml' ? runInUml(job) : runInQemu(job, kernel);
}
