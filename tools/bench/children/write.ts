// Writes one large file in pieces of 1 MiB and syncs: through the library with one engine or the other, on an image or on a
// device that keeps none of it, or with nothing but pwrite and fdatasync on a plain file. Prints
// what that took on the clock and of the CPUs, mounting not counted.
import * as fs from 'node:fs';
import type { ChildTask } from '../child.ts';

export interface WriteReport {
  seconds: number;
  /** Of all threads, and what of it was not the host's kernel. */
  cpuSeconds: number;
  userSeconds: number;
}

/** What the case asks for; `nowhere`: nothing is copied into the pages, and what is written is dropped. */
export type WriteChoice = 'folios' | 'pages' | 'pwrite' | 'folios nowhere' | 'pages nowhere';

const PIECE = 1 << 20;
/** Writes of this many bytes or more are file data, or nodes that are not read again here. */
const DROPPED_BYTES = 16 * 4096;

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
  return { seconds, cpuSeconds: (user + system) / 1e6, userSeconds: user / 1e6 };
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

/** A device in memory that drops what is large, once it is told to. */
async function nowhere(sizeBytes: number) {
  const { MemoryDevice } = (await import(
    `${task.dist}device/memory-device.js`
  )) as typeof import('../../../src/device/memory-device.ts');
  return new (class extends MemoryDevice {
    drops = false;

    override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
      const size = vectors.reduce((sum, vector) => sum + vector.length, 0);
      if (!this.drops || size < DROPPED_BYTES) super.write(blkaddr, vectors);
    }
  })(sizeBytes / 4096);
}

async function writeVolume(engine: 'folios' | 'pages', stored: boolean): Promise<WriteReport> {
  const { openFileDevice } = (await import(
    `${task.dist}device/file-device.js`
  )) as typeof import('../../../src/device/file-device.ts');
  const { mount } = (await import(`${task.dist}fs/file-system.js`)) as typeof import('../../../src/fs/file-system.ts');
  const { format } = (await import(`${task.dist}mkfs/format.js`)) as typeof import('../../../src/mkfs/format.ts');
  const sizeBytes = 1.25 * task.amount + 256 * 2 ** 20;
  const memory = stored ? null : await nowhere(sizeBytes);
  const device = memory ?? openFileDevice(task.image, { writable: true, create: { sizeBytes, overwrite: true } });
  format(device);
  const volume = mount(device, { engine });
  const file = volume.root().createFile(Buffer.from('large'));
  if (memory !== null) memory.drops = true;
  const source = {
    fill: stored
      ? (into: Uint8Array, offset: number, length: number) => into.set(piece.subarray(0, length), offset)
      : () => undefined,
  };
  const report = measured(() => {
    for (let at = 0; at < task.amount; at += PIECE) file.writeFrom(source, at, PIECE);
    volume.sync();
  });
  file.close();
  if (stored) volume.close();
  device.close();
  return report;
}

function report(): WriteReport | Promise<WriteReport> {
  switch (choice) {
    case 'pwrite':
      return writePlain();
    case 'folios':
    case 'pages':
      return writeVolume(choice, true);
    case 'folios nowhere':
      return writeVolume('folios', false);
    case 'pages nowhere':
      return writeVolume('pages', false);
  }
}

process.stdout.write(JSON.stringify(await report()));
