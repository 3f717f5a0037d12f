// A thread that squeezes and inflates clusters: takes jobs off the ring and works on the shared page frames. It decides
// nothing: what comes of a job depends on the job alone.
import { workerData } from 'node:worker_threads';
import type { SharedMemory } from '../pagecache/pool.ts';
import { Bench } from './cluster.ts';
import { Codecs } from './codecs.ts';
import { SqueezeSlots } from './squeeze-slots.ts';

interface WorkerData {
  memory: SharedMemory;
  slots: SharedArrayBuffer;
  /** Byte offsets of what is this thread's alone. */
  work: number;
  scratch: number;
}

const { memory, slots: buffer, work, scratch } = workerData as WorkerData;
const slots = new SqueezeSlots(buffer);
try {
  const bench = new Bench(new Codecs(memory, work), new Uint8Array(memory.buffer), scratch);
  while (slots.workOne(bench));
} catch (error) {
  slots.fail(error);
}
