// Makes empty files in one directory of a new volume; prints how long it took, the last checkpoint included.
import type { ChildTask } from '../child.ts';

export interface NamesReport {
  names: number;
  seconds: number;
}

const IMAGE_BYTES = 16 * 2 ** 30;
const WARM_UP = 50_000;

const task = JSON.parse(process.argv[2]) as ChildTask;
const { openFileDevice } = (await import(
  `${task.dist}device/file-device.js`
)) as typeof import('../../../src/device/file-device.ts');
const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');
const { format } = (await import(`${task.dist}mkfs/format.js`)) as typeof import('../../../src/mkfs/format.ts');

/** Seconds from the first name to the end of the unmount, on a volume of its own. */
function makeNames(): number {
  const device = openFileDevice(task.image, { writable: true, create: { sizeBytes: IMAGE_BYTES, overwrite: true } });
  format(device);
  const volume = mount(device);
  volume.mkdir('/names');
  const started = performance.now();
  const directory = volume.openDirectory('/names');
  for (let i = 0; i < task.amount; i++) directory.createFile(Buffer.from(`name-${i}`)).close();
  directory.close();
  volume.close();
  const seconds = (performance.now() - started) / 1000;
  device.close();
  return seconds;
}

// Few names are made until as many were made as compile the code well: the first ones would flatter the many.
for (let made = 0; made < WARM_UP && task.amount < WARM_UP; made += task.amount) makeNames();
const report: NamesReport = { names: task.amount, seconds: makeNames() };
process.stdout.write(JSON.stringify(report));
