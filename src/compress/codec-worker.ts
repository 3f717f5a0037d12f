// A thread that compresses and decompresses clusters: takes jobs off the ring and works on the shared page frames. It decides
// nothing: what comes of a job depends on the job alone.
import type { SharedMemory } from '../pagecache/pool.ts';
import { threadData } from '../platform/threads.ts';
import { CodecContext } from './cluster.ts';
import { Codecs } from './codecs.ts';
import { JobSlots } from './job-slots.ts';

interface WorkerData {
  memory: SharedMemory;
  pageSize: number;
  slots: SharedArrayBuffer;
  /** Byte offsets of what is this thread's alone. */
  work: number;
  scratch: number;
}

const { memory, pageSize, slots: buffer, work, scratch } = threadData() as WorkerData;
const slots = new JobSlots(pageSize, buffer);
try {
  const context = new CodecContext(new Codecs(memory, work), new Uint8Array(memory.buffer), scratch, pageSize);
  while (slots.workOne(context));
} catch (error) {
  slots.fail(error);
}
