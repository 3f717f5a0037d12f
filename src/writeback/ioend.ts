// What becomes of dirty pages on their way to disk: they join the bio of their log, under the writeback tag, until the
// bio is submitted. Source: struct iomap_ioend, and the kernel's merged bios, one for each log.
import { Bio } from '../device/bio.ts';
import type { BlockDevice } from '../device/device.ts';
import { F2fsError } from '../errors.ts';
import { BLKSIZE, type Log, NR_DATA_LOGS } from '../format/constants.ts';
import { type AddressSpace, TAG } from '../pagecache/address-space.ts';
import type { FramePool } from '../pagecache/pool.ts';

/** Blocks that a bio gathers before it is submitted: 4 MiB. */
const MAX_BIO_BLOCKS = 1024;

/** One log's bio and the pages in it. */
class Ioend {
  readonly #bio: Bio;
  /** The pages, as runs of one address space each. */
  readonly #mappings: AddressSpace[] = [];
  readonly #index = new Float64Array(MAX_BIO_BLOCKS);
  readonly #count = new Uint32Array(MAX_BIO_BLOCKS);
  #length = 0;

  constructor(device: BlockDevice, pool: FramePool) {
    this.#bio = new Bio(device, pool.bytes, MAX_BIO_BLOCKS);
  }

  add(mapping: AddressSpace, index: number, pfn: number, nrPages: number, blkaddr: number): void {
    if (!this.#bio.add(blkaddr, pfn * BLKSIZE, nrPages)) {
      this.submit();
      this.#bio.add(blkaddr, pfn * BLKSIZE, nrPages);
    }
    const last = this.#length - 1;
    if (last >= 0 && this.#mappings[last] === mapping && this.#index[last] + this.#count[last] === index) {
      this.#count[last] += nrPages;
      return;
    }
    this.#mappings[this.#length] = mapping;
    this.#index[this.#length] = index;
    this.#count[this.#length++] = nrPages;
  }

  /** Writes the bio. When that fails its pages are dirty again and their address spaces know; the next one still goes. */
  submit(): void {
    if (this.#length === 0) return;
    let failure: F2fsError | null = null;
    try {
      this.#bio.submit();
    } catch (error) {
      if (!(error instanceof F2fsError)) throw error;
      failure = error;
      this.#bio.reset();
    }
    for (let i = 0; i < this.#length; i++) {
      const mapping = this.#mappings[i];
      mapping.clearTag(TAG.WRITEBACK, this.#index[i], this.#count[i]);
      if (failure === null) continue;
      mapping.setDirty(this.#index[i], this.#count[i]);
      mapping.error ??= failure;
    }
    this.#mappings.length = 0;
    this.#length = 0;
  }
}

/** The ioends of a volume's data logs. */
export class Ioends {
  readonly #ioends: readonly Ioend[];

  constructor(device: BlockDevice, pool: FramePool) {
    this.#ioends = Array.from({ length: NR_DATA_LOGS }, () => new Ioend(device, pool));
  }

  /**
   * Sends `nrPages` pages, adjacent in the file and in memory, to the blocks from `blkaddr` on. They carry the writeback
   * tag until they are written; they may not leave the cache or change their frame before.
   */
  add(log: Log, mapping: AddressSpace, index: number, pfn: number, nrPages: number, blkaddr: number): void {
    mapping.setTag(TAG.WRITEBACK, index, nrPages);
    this.#ioends[log].add(mapping, index, pfn, nrPages, blkaddr);
  }

  /** Writes all that waits. Failures are left in the address spaces' `error`. */
  submit(): void {
    for (const ioend of this.#ioends) ioend.submit();
  }
}
