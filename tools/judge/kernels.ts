// The kernels that judge, by name: user-mode Linux, and two that QEMU boots.

import type { GuestJob, GuestResult } from './guest.js';
import { findKernel, type KernelName } from './paths.js';
import { runInQemu } from './qemu.js';
import { runInUml } from './uml.js';

/** All of them, the fastest first. */
export const KERNELS = ['uml', 'qemu', 'qemu-6.12'] as const satisfies readonly KernelName[];

/** Whether that kernel can be booted here: `tools/setup.sh` has unpacked it. */
export function kernelIsThere(kernel: KernelName): boolean {
  return findKernel(kernel) !== undefined;
}

/** Those of {@link KERNELS} that can be booted here. */
export function kernelsHere(): KernelName[] {
  return KERNELS.filter(kernelIsThere);
}

/** Runs a job under that kernel; rejects when it is not there. */
export function runInKernel(kernel: KernelName, job: GuestJob): Promise<GuestResult> {
  return kernel === 'uml' ? runInUml(job) : runInQemu(job, kernel);
}
