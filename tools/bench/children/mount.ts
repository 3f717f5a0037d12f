// Mounts a volume and looks at its root; prints how long that took and what it read.
import type { ChildTask } from '../child.ts';

const started = performance.now();

export interface MountReport {
  /** From the first statement of the program, the library still to be loaded, to the root directory listed. */
  sinceStartMs: number;
  /** The same without loading the library. */
  mountMs: number;
  reads: number;
  readBytes: number;
  /** Bytes of cp_payload and of the checkpoint's version bitmaps, which grow with the volume. */
  bitmapBytes: number;
}

const task = JSON.parse(process.argv[2]) as ChildTask;
const { openFileDevice } = (await import(
  `${task.dist}device/file-device.js`
)) as typeof import('../../../src/device/file-device.ts');
const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');

const loaded = performance.now();
const device = openFileDevice(task.image, { writable: true });
const volume = mount(device);
volume.readdir('/');
const ended = performance.now();
const { reads, readBytes } = device.counters;
const { cp } = volume.volume.pack;
const report: MountReport = {
  sinceStartMs: ended - started,
  mountMs: ended - loaded,
  reads,
  readBytes,
  bitmapBytes: volume.volume.layout.cpPayload * 4096 + cp.sitVerBitmapBytesize + cp.natVerBitmapBytesize,
};
process.stdout.write(JSON.stringify(report));
device.close();
