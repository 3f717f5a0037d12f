// A device that fails at one chosen read, write or flush, once or from then on, in the ways that real ones fail.
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { checkRange, wholeBlocks } from '../../src/device/range.ts';
import { F2fsError } from '../../src/errors.ts';

export type Call = 'read' | 'write' | 'flush';

/**
 * What becomes of the failing call. `nothing`: no byte moved. `part`: the first half did. `lose`: of a flush: what was
 * written since the last one is lost, as in a drive whose cache did not make it. `full`: of a write: ENOSPC, as from an image
 * file on a full disk.
 */
export type Manner = 'nothing' | 'part' | 'lose' | 'full';

/** Whether it fails this one time, from then on, or whenever it comes to the same place. */
export type Duration = 'once' | 'lasting' | 'place';

export interface Fault {
  call: Call;
  /** The first is 1. */
  nth: number;
  manner: Manner;
  duration: Duration;
}

/** What a discarded block reads as. */
const DISCARDED = new Uint8Array(BLKSIZE).fill(0xdc);

/** Calls past which a run counts as one that will not end. */
const MAX_CALLS = 200_000;

/** The blocks of `under` with those of `over` in place of its own: thousands of runs can begin with one image. */
export class FaultyDevice extends MemoryDevice {
  readonly #under: Uint8Array;
  readonly #over: Map<number, Uint8Array>;
  fault: Fault | null = null;
  readonly calls: Record<Call, number> = { read: 0, write: 0, flush: 0 };
  /** Whether the fault has come about. */
  failed = false;
  /** The first block of the call that failed first. */
  #place = -1;
  /** Called after each flush. */
  onFlush: () => void = () => undefined;
  /** Where writes failed. */
  readonly failedWrites: number[] = [];
  /** Blocks as they were before what was written since the last flush. */
  readonly #unflushed = new Map<number, Uint8Array>();

  constructor(under: Uint8Array, over: ReadonlyMap<number, Uint8Array> = new Map()) {
    super(under.length / BLKSIZE, { name: 'faulty' });
    this.#under = under;
    this.#over = new Map(over);
  }

  /** A sound device with what a crash now would leave at the least: without what was written since the last flush. */
  afterCrash(): FaultyDevice {
    // Blocks are never changed in place, so they can be shared.
    const device = new FaultyDevice(this.#under, this.#over);
    for (const [blkaddr, block] of this.#unflushed) device.#over.set(blkaddr, block);
    return device;
  }

  /** The code of the fault's error. */
  get code(): string {
    return this.fault?.manner === 'full' ? 'ENOSPC' : 'EIO';
  }

  override read(blkaddr: number, into: Uint8Array): void {
    if (!this.#fails('read', blkaddr, into.length)) {
      this.#get(blkaddr, into);
      return;
    }
    const half = Math.floor(into.length / BLKSIZE / 2) * BLKSIZE;
    if (this.fault?.manner === 'part' && half > 0) this.#get(blkaddr, into.subarray(0, half));
    throw this.#error('read', blkaddr);
  }

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(vectors);
    if (!this.#fails('write', blkaddr, bytes.length)) {
      this.#put(blkaddr, bytes);
      return;
    }
    this.failedWrites.push(blkaddr);
    const half = Math.floor(bytes.length / BLKSIZE / 2) * BLKSIZE;
    if (this.fault?.manner === 'part' && half > 0) this.#put(blkaddr, bytes.subarray(0, half));
    throw this.#error('write', blkaddr);
  }

  override flush(): void {
    if (!this.#fails('flush', 0, 0)) {
      this.#unflushed.clear();
      this.onFlush();
      return;
    }
    if (this.fault?.manner === 'lose') {
      for (const [blkaddr, block] of this.#unflushed) this.#over.set(blkaddr, block);
      this.#unflushed.clear();
    }
    throw this.#error('flush', 0);
  }

  override zero(blkaddr: number, nrBlocks: number): void {
    this.write(blkaddr, [new Uint8Array(nrBlocks * BLKSIZE)]);
  }

  override discard(blkaddr: number, nrBlocks: number): void {
    // What is discarded may read as anything.
    for (let at = blkaddr; at < blkaddr + nrBlocks; at++) this.#over.set(at, DISCARDED);
  }

  #fails(call: Call, blkaddr: number, sizeBytes: number): boolean {
    if (++this.calls[call] > MAX_CALLS) throw new Error(`${MAX_CALLS} calls of ${call}: this does not end`);
    const { fault } = this;
    if (fault?.call !== call) return false;
    const nth = this.calls[call];
    if (nth === fault.nth) {
      this.failed = true;
      this.#place = blkaddr;
      return true;
    }
    if (nth < fault.nth || fault.duration === 'once') return false;
    return fault.duration === 'lasting' || (blkaddr <= this.#place && this.#place < blkaddr + sizeBytes / BLKSIZE);
  }

  #block(blkaddr: number): Uint8Array {
    return this.#over.get(blkaddr) ?? this.#under.subarray(blkaddr * BLKSIZE, (blkaddr + 1) * BLKSIZE);
  }

  #get(blkaddr: number, into: Uint8Array): void {
    const count = wholeBlocks(this, blkaddr, into.length);
    checkRange(this, 'read', blkaddr, count);
    for (let i = 0; i < count; i++) into.set(this.#block(blkaddr + i), i * BLKSIZE);
  }

  #put(blkaddr: number, bytes: Buffer): void {
    const count = wholeBlocks(this, blkaddr, bytes.length);
    checkRange(this, 'write', blkaddr, count);
    for (let i = 0; i < count; i++) {
      const at = blkaddr + i;
      if (!this.#unflushed.has(at)) this.#unflushed.set(at, this.#block(at));
      this.#over.set(at, bytes.subarray(i * BLKSIZE, (i + 1) * BLKSIZE));
    }
  }

  #error(call: Call, blkaddr: number): F2fsError {
    return new F2fsError(this.code, `the device fails to ${call} at block ${blkaddr}`, { path: this.name, blkaddr });
  }
}
