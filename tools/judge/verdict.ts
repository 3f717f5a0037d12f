// What a kernel had to say about one image, read from the folder that judge_device (guestscript.ts) filled.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestResult } from './guest.js';
import { manifestOfListing } from './listing.js';
import type { Manifest } from './manifest.js';
import type { KernelName } from './paths.js';

/** One kernel's verdict on one image. */
export interface KernelVerdict {
  readonly kernel: KernelName;
  readonly complaints: string[];
  /** What the kernel saw, when it could mount and list. */
  readonly manifest?: Manifest;
  /** Everything the kernel logged while it had the image. */
  readonly dmesg: string;
  /** False when the guest stopped before it was done with this image. */
  readonly ended: boolean;
  /** Seconds of the whole boot, which may have judged other images too. */
  readonly seconds: number;
}

/** Kernel lines that a sound image brings forth. Any other line about F2FS is a complaint. */
const harmless = [
  /F2FS-fs \(\S+\): Mounted with checkpoint version = /,
  /F2FS-fs \(\S+\): Found nat_bits in checkpoint/,
  /F2FS-fs \(\S+\): recover fsync data on readonly fs/,
  /F2FS-fs \(\S+\): Using encoding defined by superblock/,
  // Linux 7.2 says so of whatever it mounts.
  /F2FS-fs \(\S+\): f2fs_recover_fsync_data: recovery fsync data, check_only: [01]$/,
  // Not the image's doing: the mount options or the device asked for less.
  /F2FS-fs \(\S+\): .*device does not support discard/,
  /F2FS-fs \(\S+\): compression algorithm .* not supported/,
];
/** More such lines, of an image that was not unmounted: files are rolled forward. */
const harmlessAfterPowerCut = [
  /F2FS-fs \(\S+\): recover_(inode|dentry|data|inline_data): .*(?<!err = -\d+)$/,
  /F2FS-fs \(\S+\): do_recover_data: (start to recover dnode|dnode: .* err: 0)$/,
  /F2FS-fs \(\S+\): Disable nat_bits due to incorrect cp_ver/,
  /F2FS-fs \(\S+\): checkpoint: version = /,
];
const alarming = /F2FS-fs|\bBUG\b|WARNING:|Oops|general protection|I\/O error|hung task|blocked for more|KASAN|UBSAN/;

function linesOf(folder: string, name: string): string[] {
  const path = join(folder, name);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'latin1')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** What {@link readVerdict} must know: whether the kernel was to write, and whether the image was cut off unmounted. */
export interface VerdictOptions {
  readonly writable: boolean;
  readonly powerCut: boolean;
}

/** The lines of a kernel's log that a sound image does not bring forth. */
export function kernelLogComplaints(dmesg: readonly string[], powerCut: boolean): string[] {
  const fine = powerCut ? [...harmless, ...harmlessAfterPowerCut] : harmless;
  return dmesg
    .filter((line) => alarming.test(line) && !fine.some((pattern) => pattern.test(line)))
    .map((line) => `kernel log: ${line}`);
}

/** Reads the verdict of a guest on the image whose reports are in `folder`. */
export function readVerdict(
  kernel: KernelName,
  folder: string,
  guest: GuestResult,
  { writable, powerCut }: VerdictOptions,
): KernelVerdict {
  const complaints: string[] = [];
  const steps = new Set(linesOf(folder, 'steps'));
  const ended = steps.has('end');
  const dmesg = linesOf(folder, 'dmesg');
  let manifest: Manifest | undefined;
  if (!ended) {
    const tail = `${guest.stderr}${guest.console}`.trim().split('\n').slice(-12).join(' | ');
    const how = guest.timedOut ? 'ran out of time' : 'stopped';
    complaints.push(
      `the kernel ${how} while it had the image (${[...steps].join(', ') || 'before mounting'}): ${tail}`,
    );
  } else if (!steps.has('mount')) {
    complaints.push(`cannot mount: ${linesOf(folder, 'mount.err').join(' ')}`);
  } else {
    if (!steps.has('list')) complaints.push(...linesOf(folder, 'errors').slice(0, 20), 'listing failed');
    if (writable && !steps.has('write'))
      complaints.push(`write test failed: ${linesOf(folder, 'write.err').join(' ')}`);
    if (!steps.has('umount')) complaints.push('cannot unmount');
    try {
      manifest = manifestOfListing(folder);
    } catch (error) {
      complaints.push(`listing unreadable: ${String(error)}`);
    }
  }
  complaints.push(...kernelLogComplaints(dmesg, powerCut));
  return { kernel, complaints, manifest, dmesg: dmesg.join('\n'), ended, seconds: guest.seconds };
}
