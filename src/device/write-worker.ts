// The writing thread: takes requests off the ring in order and writes pieces of the shared page frames to their place. It
// moves bytes and decides nothing.
import * as fs from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  FAILED,
  FINISHED,
  FLUSH_ERRNO,
  FLUSHING,
  NR_VECTORS,
  POSITION,
  POSTED,
  SYSCALLS,
  WriteSlots,
} from './write-slots.ts';

interface WorkerData {
  fd: number;
  memory: SharedArrayBuffer;
  depth: number;
  slots: SharedArrayBuffer;
}

/**
 * Bytes after which the host is told to begin with its own writing: the final flush then finds little left to do.
 */
const FLUSH_EVERY = 64 * 1024 * 1024;

const { fd, memory, depth, slots: buffer } = workerData as WorkerData;
const bytes = new Uint8Array(memory);
const slots = new WriteSlots(depth, buffer);
const { header } = slots;
let unflushed = 0;

function views(slot: number): Uint8Array[] {
  const vectors: Uint8Array[] = [];
  const table = slots.vectors[slot];
  for (let i = 0; i < slots.numbers[slot][NR_VECTORS]; i++) {
    vectors.push(bytes.subarray(table[2 * i], table[2 * i] + table[2 * i + 1]));
  }
  return vectors;
}

/** Writes all vectors from byte `position` on, going on after a short write; returns the system calls made. */
function writeAll(vectors: Uint8Array[], position: number): number {
  let calls = 0;
  let at = position;
  let left = vectors;
  while (left.length > 0) {
    let written = fs.writevSync(fd, left, at);
    calls++;
    at += written;
    unflushed += written;
    let done = 0;
    while (done < left.length && written >= left[done].length) written -= left[done++].length;
    left = left.slice(done);
    if (left.length > 0) left[0] = left[0].subarray(written);
  }
  return calls;
}

function fail(slot: number, error: unknown): void {
  const { code = 'EIO', message = String(error) } = error as NodeJS.ErrnoException;
  const text = slots.texts[slot];
  text.fill(0);
  text.set(Buffer.from(`${code}\n${message}`).subarray(0, text.length - 1));
  slots.numbers[slot][FAILED] = 1;
}

for (let finished = 0, slot = 0; ; finished = (finished + 1) | 0, slot = (slot + 1) % depth) {
  while (Atomics.load(header, POSTED) === finished) {
    // Idle: a good time to let the host catch up.
    if (unflushed >= FLUSH_EVERY) {
      flushEarly();
      continue;
    }
    Atomics.wait(header, POSTED, finished);
  }
  const numbers = slots.numbers[slot];
  try {
    numbers[SYSCALLS] = writeAll(views(slot), numbers[POSITION]);
  } catch (error) {
    fail(slot, error);
  }
  Atomics.store(header, FINISHED, (finished + 1) | 0);
  Atomics.notify(header, FINISHED);
}

function flushEarly(): void {
  unflushed = 0;
  Atomics.store(header, FLUSHING, 1);
  try {
    fs.fdatasyncSync(fd);
  } catch (error) {
    // The host tells of a lost write once: the committer's next flush passes it on.
    Atomics.store(header, FLUSH_ERRNO, (error as NodeJS.ErrnoException).errno ?? -5);
  }
  Atomics.store(header, FLUSHING, 0);
  Atomics.notify(header, FLUSHING);
}
