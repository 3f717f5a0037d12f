// A real machine's kernel, emulated: slower than user-mode Linux, but the distribution's own, with F2FS compression.

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestJob, type GuestResult, jobFiles, readOutcome } from './guest.js';
import { initramfs, maxDrives } from './initramfs.js';
import { findKernel, type QemuName } from './paths.js';
import { run } from './run.js';

/** Whether `tools/setup.sh` has unpacked a kernel for QEMU. */
export function qemuIsThere(name: QemuName = 'qemu'): boolean {
  return findKernel(name) !== undefined;
}

function vmlinuz(dir: string): string {
  for (const boot of [join(dir, 'boot'), join(dir, 'usr/lib/modules')]) {
    const name = existsSync(boot) ? readdirSync(boot).find((file) => file.startsWith('vmlinuz-')) : undefined;
    if (name !== undefined) return join(boot, name);
  }
  throw new Error(`no kernel image below ${dir}`);
}

const inHost = 'in_host() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /host "$@"; }\n';

/**
 * Runs a job in QEMU, without KVM. The guest's root is an initramfs: what the script leaves outside of `$SHARE` and
 * the images is gone. Rejects when the kernel is not there, or with more than 96 images.
 */
export async function runInQemu(job: GuestJob, name: QemuName = 'qemu'): Promise<GuestResult> {
  const kernel = findKernel(name);
  if (!kernel) throw new Error(`no kernel ${name} to boot: run tools/setup.sh`);
  const images = job.images ?? [];
  if (images.length > maxDrives) throw new Error(`${images.length} images: a guest takes at most ${maxDrives}`);
  for (const name of Object.values(jobFiles)) rmSync(join(job.share, name), { force: true });
  writeFileSync(join(job.share, jobFiles.script), `${inHost}${job.script}`);
  // In QEMU's option syntax a comma is doubled.
  const option = (path: string) => path.replaceAll(',', ',,');
  const drives = images.flatMap((path, i) => [
    '-drive',
    `file=${option(path)},format=raw,if=none,id=d${i},cache=unsafe,discard=unmap`,
    '-device',
    // Eight of them are the functions of one PCI device, from the fifth slot on.
    `virtio-blk-pci,drive=d${i},multifunction=on,addr=0x${(5 + (i >> 3)).toString(16)}.${i & 7}`,
  ]);
  const result = await run(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', `${job.memoryMiB ?? 1024}M`],
      ...['-kernel', vmlinuz(kernel.dir), '-initrd', await initramfs(kernel)],
      ...['-append', `console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check${job.cutOff ? ' cutoff' : ''}`],
      ...['-virtfs', `local,path=${option(job.share)},mount_tag=share,security_model=none`],
      ...(job.hostRoot
        ? ['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap']
        : []),
      ...drives,
    ],
    { timeoutMs: job.timeoutMs ?? 600_000, diesWithUs: true },
  );
  const console = result.stdout.toString('latin1') + result.stderr.toString('latin1');
  return { ...readOutcome(job.share), timedOut: result.timedOut, console, seconds: result.seconds };
}
