// Writes one large file through the library; prints what the writeback engine and the device counted.
import type { ChildTask } from '../child.ts';

export interface EngineReport {
  pages: number;
  runs: number;
  mapBlocksCalls: number;
  folios: number;
  /** From the mount to the end of the unmount. */
  syscalls: number;
  writes: number;
  writeBytes: number;
  seconds: number;
}

const PIECE = 1 << 20;

const task = JSON.parse(process.argv[2]) as ChildTask;
const { openFileDevice } = (await import(
  `${task.dist}device/file-device.js`
)) as typeof import('../../../src/device/file-device.ts');
const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');
const { format } = (await import(`${task.dist}mkfs/format.js`)) as typeof import('../../../src/mkfs/format.ts');

const sizeBytes = Math.ceil(task.amount * 1.2) + 256 * 2 ** 20;
const device = openFileDevice(task.image, { writable: true, create: { sizeBytes, overwrite: true } });
format(device);
const before = { ...device.counters };
const started = performance.now();
const volume = mount(device);
const file = volume.root().createFile(Buffer.from('large'));
const piece = new Uint8Array(PIECE).fill(0xa5);
for (let at = 0; at < task.amount; at += PIECE) file.write(piece, at);
file.close();
volume.close();
const seconds = (performance.now() - started) / 1000;
const { pages, runs, mapBlocksCalls, folios } = volume.writebackCounters;
const { syscalls, writes, writeBytes } = device.counters;
const report: EngineReport = {
  pages,
  runs,
  mapBlocksCalls,
  folios,
  syscalls: syscalls - before.syscalls,
  writes: writes - before.writes,
  writeBytes: writeBytes - before.writeBytes,
  seconds,
};
process.stdout.write(JSON.stringify(report));
device.close();
