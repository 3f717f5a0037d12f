// User-mode Linux: a kernel that is an ordinary program and sees the host's files. Fast to boot, near native in speed,
// but without F2FS compression.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestJob, type GuestResult, jobFiles, readOutcome, runJob } from './guest.js';
import { refuseUnseenFeatures } from './image-facts.ts';
import { findKernel, toolEnv } from './paths.js';
import { run } from './run.js';

const modules = [
  'crypto/crc32_generic',
  'drivers/block/loop',
  'fs/quota/quota_tree',
  'fs/quota/quota_v2',
  'fs/f2fs/f2fs',
];

/** Whether `tools/setup.sh` has found a user-mode Linux. */
export function umlIsThere(): boolean {
  return findKernel('uml') !== undefined;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A CPU to stay on. User-mode Linux stops and continues a process at every system call of the guest; across two CPUs
 * that costs 57 us each, on one 6.5 us.
 */
function someCpu(): string {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const cpus = allowed.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return String(cpus[Math.floor(Math.random() * cpus.length)]);
}

/**
 * Runs a job under user-mode Linux. The host's programs are at hand; what the script writes outside of the images and
 * /mnt lands on the host, so it should keep to `$SHARE`. Rejects when user-mode Linux is not there.
 */
export async function runInUml(job: GuestJob): Promise<GuestResult> {
  const kernel = findKernel('uml');
  if (!kernel) throw new Error('user-mode Linux is not there: run tools/setup.sh');
  const images = job.images ?? [];
  refuseUnseenFeatures(kernel, images);
  for (const name of Object.values(jobFiles)) rmSync(join(job.share, name), { force: true });
  const moduleDir = join(kernel.dir, 'usr/lib/uml/modules', kernel.version, 'kernel');
  const init = `#!/bin/sh
# The first process of the guest: its root is the host's, so nothing is written outside of $SHARE.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C
export SHARE=${quote(job.share)}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /mnt
for module in ${modules.join(' ')}; do insmod ${quote(moduleDir)}/$module.ko 2> /dev/null; done
${images.map((path, i) => `export DEV${i}=$(losetup -f --show ${quote(path)})`).join('\n')}
${runJob}
sync
halt -f -p 2> /dev/null || busybox poweroff -f
`;
  // Present where setup.sh found a CPU that user-mode Linux alone cannot run on.
  const shim = join(kernel.dir, 'xstate.so');
  const initPath = join(job.share, '.init.sh');
  writeFileSync(join(job.share, jobFiles.script), `in_host() { "$@"; }\n${job.script}`);
  writeFileSync(initPath, init, { mode: 0o755 });
  const result = await run(
    'taskset',
    [
      ...['-c', someCpu(), join(kernel.dir, 'usr/bin/linux.uml')],
      `mem=${job.memoryMiB ?? 1024}M`,
      'root=/dev/root',
      'rootfstype=hostfs',
      'rootflags=/',
      'rw',
      `init=${initPath}`,
      'con=null',
      'con0=fd:0,fd:1',
      'panic=-1',
    ],
    {
      env: { ...toolEnv(), ...(existsSync(shim) ? { LD_PRELOAD: shim } : {}) },
      timeoutMs: job.timeoutMs ?? 600_000,
      diesWithUs: true,
    },
  );
  const console = result.stdout.toString('latin1') + result.stderr.toString('latin1');
  return { ...readOutcome(job.share), timedOut: result.timedOut, console, seconds: result.seconds };
}
