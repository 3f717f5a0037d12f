// The reading thread: opens small files in the order that they will be wanted and reads them into the shared ring. Whatever
// is not as the scan saw it is left to the populator, which then says what is wrong.
import * as fs from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  DEV,
  FINISHED,
  GOOD,
  INO_HIGH,
  INO_LOW,
  MTIME_NSEC,
  MTIME_SEC,
  NR_SLOTS,
  OFFSET,
  POSTED,
  ReadSlots,
  SIZE,
} from './read-ahead-slots.ts';
import { isAsScanned, QuietOpener } from './shared-files.ts';

const slots = new ReadSlots((workerData as { slots: SharedArrayBuffer }).slots);
const { header, contents } = slots;

const opener = new QuietOpener();

/** The file is the one that the scan saw: asked after reading, it was so before too. */
function isSame(fd: number, slot: number): boolean {
  const ino = slots.get(slot, INO_HIGH) * 2 ** 32 + slots.get(slot, INO_LOW);
  const mtimeMs = slots.get(slot, MTIME_SEC) * 1000 + slots.get(slot, MTIME_NSEC) / 1e6;
  return isAsScanned(fs.fstatSync(fd), slots.get(slot, DEV), ino, slots.get(slot, SIZE), mtimeMs);
}

function read(slot: number): boolean {
  const fd = opener.open(Buffer.from(slots.path(slot)));
  try {
    const offset = slots.get(slot, OFFSET);
    const size = slots.get(slot, SIZE);
    for (let done = 0; done < size; ) {
      const got = fs.readSync(fd, contents, offset + done, size - done, done);
      if (got === 0) return false;
      done += got;
    }
    return isSame(fd, slot);
  } finally {
    fs.closeSync(fd);
  }
}

for (let finished = 0; ; finished = (finished + 1) | 0) {
  while (Atomics.load(header, POSTED) === finished) Atomics.wait(header, POSTED, finished);
  const slot = (finished >>> 0) % NR_SLOTS;
  let good = false;
  try {
    good = read(slot);
  } catch {
    // The populator meets the same failure, and reports it.
  }
  slots.set(slot, GOOD, good ? 1 : 0);
  Atomics.store(header, FINISHED, (finished + 1) | 0);
  Atomics.notify(header, FINISHED);
}
