// Blocks on their way to the device, in long writes that go on in another thread: from jobs' buffers, and from buffers of its own, in
// which single blocks (nodes, dentries) gather by their log.
import { Bio } from '../device/bio.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { F2fsError } from '../errors.ts';
import { type Log, NR_LOGS } from '../format/constants.ts';

/** Bytes of a buffer for single blocks. */
export const STAGE_BYTES = 1024 * 1024;
/** Buffers for single blocks: one that is being filled for each log, and those that are being written. */
export const NR_STAGES = NR_LOGS + 4;
const MAX_BIO_BLOCKS = 1024;
/** Writes of fewer bytes are not worth another thread. */
const MIN_QUEUED_BYTES = 256 * 1024;

/** Memory that writes under way are made from. */
class Buffer {
  readonly offset: number;
  /** Bios that are made of it. */
  nrBios = 0;

  constructor(offset: number) {
    this.offset = offset;
  }
}

/** A write, and the buffer that is free again with it. */
class Write {
  readonly bio: Bio;
  buffer: Buffer | null = null;

  constructor(device: QueuedDevice, memory: Uint8Array) {
    this.bio = new Bio(device, memory, MAX_BIO_BLOCKS);
  }
}

/** The single blocks of one log that wait. */
interface Stage {
  buffer: Buffer;
  nrBlocks: number;
  write: Write;
}

export class BlockWriter {
  readonly #device: QueuedDevice;
  readonly #memory: SharedArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #jobs: readonly Buffer[];
  readonly #stages: (Stage | null)[] = new Array(NR_LOGS).fill(null);
  readonly #freeStages: Buffer[] = [];
  readonly #underWay: Write[] = [];
  readonly #idle: Write[] = [];
  /** The write that a job's blocks go to. */
  #job: Write | null = null;

  /** @param stagesAt byte offset, in `memory`, of NR_STAGES * STAGE_BYTES bytes; `jobsAt`: of each job's buffer */
  constructor(device: QueuedDevice, memory: SharedArrayBuffer, jobsAt: readonly number[], stagesAt: number) {
    this.#device = device;
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory);
    this.#jobs = jobsAt.map((offset) => new Buffer(offset));
    for (let i = 0; i < NR_STAGES; i++) this.#freeStages.push(new Buffer(stagesAt + i * STAGE_BYTES));
  }

  /** Writes one block of a log to `blkaddr`; it is copied. Throws what an earlier write met. */
  put(log: Log, blkaddr: number, block: Uint8Array): void {
    let stage = this.#stages[log];
    if (stage !== null && !this.#isNext(stage, blkaddr)) {
      this.#post(stage.write);
      stage = null;
    }
    stage ??= this.#newStage();
    this.#stages[log] = stage;
    const at = stage.buffer.offset + stage.nrBlocks++ * this.#device.blockSize;
    this.#bytes.set(block, at);
    stage.write.bio.add(blkaddr, at, 1);
  }

  #isNext({ write, nrBlocks }: Stage, blkaddr: number): boolean {
    return (nrBlocks + 1) * this.#device.blockSize <= STAGE_BYTES && blkaddr === write.bio.blkaddr + write.bio.nrBlocks;
  }

  #newStage(): Stage {
    while (this.#freeStages.length === 0) this.#complete();
    const buffer = this.#freeStages.pop() as Buffer;
    return { buffer, nrBlocks: 0, write: this.#newWrite(buffer) };
  }

  /** Writes blocks of a job's buffer, from byte `offset` of the memory on, to `blkaddr`. They may not change until the job is free. */
  putOfJob(slot: number, blkaddr: number, offset: number, nrBlocks: number): void {
    const write = (this.#job ??= this.#newWrite(this.#jobs[slot]));
    if (write.bio.add(blkaddr, offset, nrBlocks)) return;
    this.#post(write);
    this.#job = this.#newWrite(this.#jobs[slot]);
    this.#job.bio.add(blkaddr, offset, nrBlocks);
  }

  /** No more blocks of the job come. */
  endJob(): void {
    if (this.#job !== null) this.#post(this.#job);
    this.#job = null;
  }

  /** Whether nothing of a job's buffer is still to be written; what was written meanwhile is taken note of. */
  isFree(slot: number): boolean {
    while (this.#underWay.length > 0 && this.#device.queue(this.#memory)?.isReady) this.#complete();
    return this.#jobs[slot].nrBios === 0;
  }

  /** Waits for the oldest write; false when there is none. */
  settleOldest(): boolean {
    if (this.#underWay.length === 0) return false;
    this.#complete();
    return true;
  }

  /** Waits for what is under way, whatever comes of it. What waits is not written. */
  close(): void {
    for (;;) {
      try {
        if (!this.settleOldest()) return;
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
      }
    }
  }

  /** Writes all that waits, and waits for it. */
  drain(): void {
    this.endJob();
    for (let log = 0; log < NR_LOGS; log++) {
      const stage = this.#stages[log];
      this.#stages[log] = null;
      if (stage !== null) this.#post(stage.write);
    }
    while (this.settleOldest());
  }

  #newWrite(buffer: Buffer): Write {
    const write = this.#idle.pop() ?? new Write(this.#device, this.#bytes);
    write.buffer = buffer;
    buffer.nrBios++;
    return write;
  }

  #post(write: Write): void {
    const isWorthwhile = write.bio.sizeBytes >= MIN_QUEUED_BYTES || this.#underWay.length > 0;
    const queue = isWorthwhile ? this.#device.queue(this.#memory) : null;
    if (queue === null) {
      write.bio.submit();
      this.#end(write);
      return;
    }
    while (queue.isReady || queue.isFull) this.#complete();
    queue.post(write.bio);
    this.#underWay.push(write);
  }

  #complete(): void {
    const write = this.#underWay.shift() as Write;
    this.#device.finishWrite(write.bio);
    this.#end(write);
  }

  #end(write: Write): void {
    const buffer = write.buffer as Buffer;
    write.buffer = null;
    write.bio.reset();
    this.#idle.push(write);
    if (--buffer.nrBios === 0 && !this.#jobs.includes(buffer)) this.#freeStages.push(buffer);
  }
}
