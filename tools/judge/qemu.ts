// A real machine's kernel, emulated: slower than user-mode Linux, but the distribution's own, with F2FS compression.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestJob, type GuestResult, jobFiles, readOutcome } from './guest.js';
import { refuseUnseenFeatures } from './image-facts.ts';
import { initramfs, maxDrives } from './initramfs.js';
import { type Architecture, findKernel, type QemuName, type UnpackedKernel } from './paths.js';
import { run } from './run.js';

/** Whether `tools/setup.sh` has unpacked a kernel for QEMU. */
export function qemuIsThere(name: QemuName = 'qemu'): boolean {
  return findKernel(name) !== undefined;
}

function vmlinuz({ dir, version }: UnpackedKernel): string {
  // Debian after 13 has it among the modules.
  for (const path of [join(dir, `boot/vmlinuz-${version}`), join(dir, `usr/lib/modules/${version}/vmlinuz`)]) {
    if (existsSync(path)) return path;
  }
  throw new Error(`no kernel image below ${dir}`);
}

/** How an architecture is emulated. */
interface Machine {
  readonly program: string;
  readonly options: readonly string[];
  /** Of the kernel's command line. */
  readonly append: string;
}

const MACHINES: Readonly<Record<Architecture, Machine>> = {
  amd64: {
    program: 'qemu-system-x86_64',
    options: ['-cpu', 'max'],
    append: 'console=ttyS0 tsc=reliable no_timer_check',
  },
  arm64: {
    program: 'qemu-system-aarch64',
    // Pointers are signed in the way that is quickly emulated.
    options: ['-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
    append: 'console=ttyAMA0',
  },
  ppc64el: {
    program: 'qemu-system-ppc64',
    // What TCG lacks, and warns of otherwise.
    options: ['-M', 'pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off', '-cpu', 'power9'],
    append: 'console=hvc0',
  },
};

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
  refuseUnseenFeatures(kernel, images);
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
  const machine = MACHINES[kernel.architecture];
  const result = await run(
    machine.program,
    [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
      ...machine.options,
      ...['-accel', 'tcg,thread=multi', '-smp', `${kernel.cpus}`, '-m', `${job.memoryMiB ?? 1024}M`],
      ...['-kernel', vmlinuz(kernel), '-initrd', await initramfs(kernel)],
      ...['-append', `${machine.append} quiet panic=-1${job.cutOff ? ' cutoff' : ''}`],
      ...['-virtfs', `local,path=${option(job.share)},mount_tag=share,security_model=none`],
      ...(job.hostRoot
        ? [
            '-virtfs',
            `local,path=${option(kernel.root ?? '/')},mount_tag=host,security_model=none,readonly=on,multidevs=remap`,
          ]
        : []),
      ...drives,
    ],
    { timeoutMs: job.timeoutMs ?? 600_000, diesWithUs: true },
  );
  const console = result.stdout.toString('latin1') + result.stderr.toString('latin1');
  return { ...readOutcome(job.share), timedOut: result.timedOut, console, seconds: result.seconds };
}
