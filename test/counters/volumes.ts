// New volumes to count on, and an outside witness of what a process asked of its host.
import * as fs from 'node:fs';
import type { BlockDevice } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** A formatted volume in memory; only what is written of it takes any. */
export function memoryVolume(sizeBytes: number): MemoryDevice {
  const device = new MemoryDevice({ sizeBytes });
  format(device, { timestamp: 1 });
  return device;
}

/** Mounts a volume whose clock stands still. */
export function mounted(device: BlockDevice, options: MountOptions = {}): FileSystem {
  return mount(device, { now: () => ({ sec: 1, nsec: 0 }), ...options });
}

/** Writes `sizeBytes` bytes, none of them zero, in pieces of 2 MiB, the largest folio; `after` is called after each. */
export function writePieces(file: FileHandle, sizeBytes: number, after?: () => void): void {
  const piece = new Uint8Array(2 * MIB).fill(0xa5);
  for (let at = 0; at < sizeBytes; at += piece.length) {
    file.write(piece, at);
    after?.();
  }
}

/** Calls of the write family that this process has made, by the kernel's count; null where it does not tell. */
export function hostWriteCalls(): number | null {
  try {
    return Number(/^syscw: (\d+)$/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return null;
  }
}
