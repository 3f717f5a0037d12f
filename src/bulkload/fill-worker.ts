// The filling thread: takes jobs in the order in which they were handed over. It decides nothing: what comes of a job depends on the
// job alone.
import { CodecContext } from '../compress/cluster.ts';
import { Codecs } from '../compress/codecs.ts';
import type { SharedMemory } from '../pagecache/pool.ts';
import { threadData } from '../platform/threads.ts';
import { SharedReader } from '../source/host/shared-files.ts';
import type { SharedFiles } from '../source/source-tree.ts';
import { ArchiveContents } from '../source/tar/contents.ts';
import { type ClusterTools, type HashTools, PieceFiller } from './fill-pieces.ts';
import { FillSlots, type JobShape, POSTED } from './fill-slots.ts';

/** What a filling thread is started with. */
export interface FillThreadData {
  memory: SharedMemory;
  shape: JobShape;
  slots: SharedArrayBuffer;
  files: SharedFiles;
  /** Null: nothing is compressed. */
  compress: (Omit<ClusterTools, 'context'> & { work: number; scratch: number }) | null;
  /** Null: nothing is hashed. */
  hash: HashTools | null;
}

const { memory, shape, slots: buffer, files, compress, hash } = threadData() as FillThreadData;
const bytes = new Uint8Array(memory.buffer);
const slots = new FillSlots(shape, buffer);
const { header } = slots;
const tools = compress && {
  ...compress,
  context: new CodecContext(new Codecs(memory, compress.work), bytes, compress.scratch, shape.pageSize),
};
const contents = files.kind === 'host' ? new SharedReader(files) : new ArchiveContents(files);
const filler = new PieceFiller(slots, bytes, contents, tools, hash);

for (;;) {
  const posted = Atomics.load(header, POSTED);
  const slot = slots.claim();
  if (slot >= 0) filler.fillJob(slot);
  else Atomics.wait(header, POSTED, posted);
}
