// The promise of merged bios: a large write takes few system calls, and a tree of small files hardly more.

import * as fs from 'node:fs';
import { afterAll, expect, test, vi } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { FileDevice, openFileDevice } from '../../src/device/file-device.ts';
import { format } from '../../src/mkfs/format.ts';
import { build } from '../../src/populate/build.ts';
import { imageDirectory } from '../device/temporary.ts';
import { hostWriteCalls, MIB, mounted, writePieces } from './volumes.ts';

const images = imageDirectory();
afterAll(images.remove);

test('writing 256 MiB takes fewer than 0.02 system calls for each block', () => {
  const device = openFileDevice(images.file('large.img'), {
    writable: true,
    create: { sizeBytes: 384 * MIB, overwrite: true },
  });
  format(device);
  const syscallsBefore = device.counters.syscalls;
  const hostBefore = hostWriteCalls();
  const volume = mounted(device);
  const file = volume.root().createFile(Buffer.from('large'));
  writePieces(file, 256 * MIB);
  file.close();
  volume.close();
  const nrBlocks = (256 * MIB) / BLKSIZE;
  expect((device.counters.syscalls - syscallsBefore) / nrBlocks).toBeLessThan(0.02);
  const hostAfter = hostWriteCalls();
  device.close();
  // The device may not count itself cheap: the kernel has seen no more.
  if (hostBefore !== null && hostAfter !== null) expect((hostAfter - hostBefore) / nrBlocks).toBeLessThan(0.02);
});

test('a tree of 2,000 small files takes few system calls on the image', async () => {
  const source = images.file('source');
  for (let i = 0; i < 20; i++) fs.mkdirSync(`${source}/dir-${i}`, { recursive: true });
  for (let i = 0; i < 2000; i++) fs.writeFileSync(`${source}/dir-${i % 20}/file-${i}`, `${i}\n`.repeat(1 + (i % 2000)));
  const close = vi.spyOn(FileDevice.prototype, 'close');
  const report = await build(source, images.file('tree.img'), { sourceDateEpoch: 1 });
  const device = close.mock.contexts[0] as FileDevice;
  close.mockRestore();
  expect(report.files).toBe(2000);
  expect(report.problems).toEqual([]);
  expect(device.counters.syscalls).toBeLessThan(SYSCALLS_OF_SMALL_TREE);
});

/** Measured: 71. A call for each file or block would be thousands. */
const SYSCALLS_OF_SMALL_TREE = 110;
