// Reads all of one file of an image in pieces of 1 MiB; prints what that took on the clock and of the CPUs.
import type { ChildTask } from '../child.ts';

export interface ReadReport {
  bytes: number;
  seconds: number;
  cpuSeconds: number;
}

const task = JSON.parse(process.argv[2]) as ChildTask;
const { openFileDevice } = (await import(
  `${task.dist}device/file-device.js`
)) as typeof import('../../../src/device/file-device.ts');
const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');

const device = openFileDevice(task.image, { writable: false });
const volume = mount(device, { readonly: true, workers: task.amount });
const file = volume.openFile(task.choice);
const piece = new Uint8Array(1 << 20);
const before = process.cpuUsage();
const started = performance.now();
let bytes = 0;
for (let got = file.read(piece, 0); got > 0; got = file.read(piece, bytes)) bytes += got;
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(before);
file.close();
volume.close();
const report: ReadReport = { bytes, seconds, cpuSeconds: (user + system) / 1e6 };
process.stdout.write(JSON.stringify(report));
device.close();
