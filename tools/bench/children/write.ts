// Writes one large file in pieces of 1 MiB and syncs: through the library with one engine or the other, or with nothing
// but pwrite and fdatasync on a plain file. Prints what that took on the clock and of the CPUs, mounting not counted.
import * as fs from 'node:fs';
import type { ChildTask } from '../child.ts';

export interface WriteReport {
  seconds: number;
  cpuSeconds: number;
}

/** What the case asks for. */
export type WriteChoice = 'folios' | 'pages' | 'pwrite';

const PIECE = 1 << 20;

const task = JSON.parse(process.argv[2]) as ChildTask;
const choice = task.choice as WriteChoice;
const piece = new Uint8Array(PIECE);
for (let i = 0; i < PIECE; i++) piece[i] = (i * 2654435761) >>> 13;

function measured(work: () => void): WriteReport {
  const before = process.cpuUsage();
  const started = performance.now();
  work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

function writePlain(): WriteReport {
  const fd = fs.openSync(task.image, 'w');
  const report = measured(() => {
    for (let at = 0; at < task.amount; at += PIECE) fs.writeSync(fd, piece, 0, PIECE, at);
    fs.fdatasyncSync(fd);
  });
  fs.closeSync(fd);
  return report;
}

async function writeVolume(engine: 'folios' | 'pages'): Promise<WriteReport> {
  const { openFileDevice } = (await import(
    `${task.dist}device/file-device.js`
  )) as typeof import('../../../src/device/file-device.ts');
  const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');
  const { format } = (await import(`${task.dist}mkfs/format.js`)) as typeof import('../../../src/mkfs/format.ts');
  const sizeBytes = Math.ceil(task.amount * 1.2) + 256 * 2 ** 20;
  const device = openFileDevice(task.image, { writable: true, create: { sizeBytes, overwrite: true } });
  format(device);
  const volume = mount(device, { engine });
  const file = volume.root().createFile(Buffer.from('large'));
  const report = measured(() => {
    for (let at = 0; at < task.amount; at += PIECE) file.write(piece, at);
    volume.sync();
  });
  file.close();
  volume.close();
  device.close();
  return report;
}

process.stdout.write(JSON.stringify(choice === 'pwrite' ? writePlain() : await writeVolume(choice)));
