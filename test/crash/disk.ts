// Devices for crash tests: one that keeps changes apart from a disk that stays as it is, and one that logs what it is asked.
import type { Bio } from '../../src/device/bio.ts';
import { BLKSIZE, type BlockDevice, IoCounters } from '../../src/device/device.ts';
import { checkRange, checkWritable, wholeBlocks } from '../../src/device/range.ts';
import { crc32 } from '../../src/format/crc.ts';

export const ZEROS = new Uint8Array(BLKSIZE);
export const SECTOR = 512;
export const SECTORS = BLKSIZE / SECTOR;

/** A block of a disk: what it holds, and two hashes of that. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly hash: number;
  readonly hash2: number;
}

export function blockOf(bytes: Uint8Array): Block {
  return { bytes, hash: crc32(0, bytes), hash2: crc32(0x5bd1e995, bytes) };
}

const ZERO_BLOCK = blockOf(ZEROS);

/** What a device was asked to do, one block at a time. */
export type DiskEvent =
  | { readonly kind: 'write'; readonly blkaddr: number; readonly block: Block; readonly request: number }
  | { readonly kind: 'discard'; readonly blkaddr: number; readonly request: number }
  | { readonly kind: 'flush' };

/** Blocks by their address, over those of a disk below. */
export type Blocks = Map<number, Block>;

/** A disk that can be read. */
export type Disk = Pick<BlockDevice, 'read' | 'nrBlocks'>;

/** `under` with the blocks of `over` in place of its own. What is written is kept apart; neither of them is changed. */
export class CowDevice implements BlockDevice {
  readonly name: string = 'crashed';
  readonly nrBlocks: number;
  readonly blockSize = BLKSIZE;
  readonly readonly = false;
  readonly counters = new IoCounters();
  readonly #under: Disk;
  readonly #over: ReadonlyMap<number, Block>;
  /** What was written here. */
  readonly written = new Map<number, Uint8Array>();

  constructor(under: Disk, over: ReadonlyMap<number, Block> = new Map()) {
    this.nrBlocks = under.nrBlocks;
    this.#under = under;
    this.#over = over;
  }

  /** Addresses of the blocks that may differ from those of the disk below. */
  changed(): Set<number> {
    return new Set([...this.#over.keys(), ...this.written.keys()]);
  }

  read(blkaddr: number, into: Uint8Array): void {
    const count = wholeBlocks(this, blkaddr, into.length);
    checkRange(this, 'read', blkaddr, count);
    if (count > 1) this.#under.read(blkaddr, into);
    for (let i = 0; i < count; i++) {
      const block = this.written.get(blkaddr + i) ?? this.#over.get(blkaddr + i)?.bytes;
      if (block !== undefined) into.set(block, i * BLKSIZE);
      else if (count === 1) this.#under.read(blkaddr, into);
    }
  }

  write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    let at = blkaddr;
    for (const vector of vectors) {
      const count = wholeBlocks(this, blkaddr, vector.length);
      checkRange(this, 'write', at, count);
      for (let i = 0; i < count; i++) this.writeBlock(at + i, vector.slice(i * BLKSIZE, (i + 1) * BLKSIZE));
      at += count;
    }
  }

  /** Keeps one block; `bytes` belong to the device from then on. */
  protected writeBlock(blkaddr: number, bytes: Uint8Array): void {
    this.written.set(blkaddr, bytes);
  }

  queue(): null {
    return null;
  }

  finishWrite(_bio: Bio): void {
    throw new Error('internal: this device has no queue');
  }

  flush(): void {}

  zero(blkaddr: number, nrBlocks: number): void {
    checkRange(this, 'zero', blkaddr, nrBlocks);
    for (let i = 0; i < nrBlocks; i++) this.writeBlock(blkaddr + i, ZEROS);
  }

  discard(blkaddr: number, nrBlocks: number): void {
    checkRange(this, 'discard', blkaddr, nrBlocks);
    for (let i = 0; i < nrBlocks; i++) this.written.set(blkaddr + i, ZEROS);
  }

  resize(): void {
    checkWritable(this, 'resize');
    throw new Error('internal: a crash test does not resize');
  }

  close(): void {}
}

/** A disk over another one, that logs every block written or discarded, and every flush. */
export class RecordingDevice extends CowDevice {
  readonly events: DiskEvent[] = [];
  #request = 0;

  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    this.#request++;
    super.write(blkaddr, vectors);
  }

  protected override writeBlock(blkaddr: number, bytes: Uint8Array): void {
    super.writeBlock(blkaddr, bytes);
    this.events.push({ kind: 'write', blkaddr, block: blockOf(bytes), request: this.#request });
  }

  override flush(): void {
    this.events.push({ kind: 'flush' });
  }

  override zero(blkaddr: number, nrBlocks: number): void {
    this.#request++;
    super.zero(blkaddr, nrBlocks);
  }

  override discard(blkaddr: number, nrBlocks: number): void {
    super.discard(blkaddr, nrBlocks);
    this.#request++;
    for (let i = 0; i < nrBlocks; i++) {
      this.events.push({ kind: 'discard', blkaddr: blkaddr + i, request: this.#request });
    }
  }
}

/** What a discarded block reads as when the device took the hint. */
export function discardedBlock(): Block {
  return ZERO_BLOCK;
}
