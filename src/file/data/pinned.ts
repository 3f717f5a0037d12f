// Pinned files: their blocks stay where they are, since somebody else reads or writes them there (a boot loader, swap). So they
// are given whole sections, written in place or not at all, and never cleaned. Source: F2FS_IOC_SET_PIN_FILE, expand_inode_data.
import { F2fsError } from '../../errors.ts';
import { BLKS_PER_SEG, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { INLINE } from '../../format/inode.ts';
import { isSameBytes } from '../../platform/bytes.ts';
import { sizesApart } from '../../size-text.ts';
import { BlockRun } from '../../volume/block-run.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import type { BlockMap } from './block-map.ts';

/** What pinned files ask of the mount. */
export interface PinnedRules {
  /** Whether blocks of the last checkpoint may be overwritten. It is asked only for someone who wants to. */
  mayOverwrite(): boolean;
  /** Sections that can be taken, after some were cleaned where there were fewer than `wanted`. */
  freeSections(wanted: number): number;
}

export function isPinned(inode: Inode): boolean {
  return inode.hasInline(INLINE.PIN_FILE);
}

export class Pinned {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #run = new BlockRun();
  readonly #rules: PinnedRules;
  #buffer: Uint8Array | null = null;

  constructor(volume: Volume, map: BlockMap, rules: PinnedRules) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
    this.#rules = rules;
  }

  /** Pages of a section: what a pinned file's size and place are multiples of. */
  get sectionPages(): number {
    return this.#volume.layout.segsPerSec * BLKS_PER_SEG;
  }

  /** The first page of a section from page `page` on. */
  sectionEnd(page: number): number {
    return Math.ceil(page / this.sectionPages) * this.sectionPages;
  }

  /**
   * Throws EIO unless bytes [position, position + length) of a pinned file lie within it and have blocks, and EOPNOTSUPP when these
   * must stay as they are until the next checkpoint. Source: f2fs_overwrite_io.
   */
  assertWritable(inode: Inode, position: number, length: number): void {
    const end = position + length;
    const { size } = inode;
    if (end > size) {
      throw refused(
        'EIO',
        inode,
        `it ends at byte ${size}, and only what has blocks can be written; allocate more first (fallocate)`,
      );
    }
    const last = Math.ceil(end / this.#blockSize);
    for (let page = Math.floor(position / this.#blockSize); page < last; page += this.#run.count) {
      this.#map.lookup(inode, page, last - page, this.#run);
      const { blkaddr } = this.#run;
      if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
        const at = Math.max(position, page * this.#blockSize);
        throw refused(
          'EIO',
          inode,
          `it has no block at byte ${at}, and only what has can be written; allocate it first (fallocate)`,
        );
      }
      if (this.#volume.logs.isNewlyPinned(blkaddr) || this.#rules.mayOverwrite()) continue;
      const why =
        "its blocks are overwritten at once, not when the volume is synced: mount it with checkpoints: 'auto' to do so";
      throw refused('EOPNOTSUPP', inode, why);
    }
  }

  /** Throws EINVAL unless a pinned file may get this size: whole sections, no more than it has. Source: f2fs_setattr. */
  assertSize(inode: Inode, sizeBytes: number): void {
    const unit = this.sectionPages * this.#blockSize;
    if (sizeBytes <= inode.size && sizeBytes % unit === 0) return;
    const why =
      sizeBytes > inode.size
        ? 'it grows by allocating blocks only (fallocate)'
        : `it can only be cut to whole sections of ${unit} bytes`;
    throw refused('EINVAL', inode, why);
  }

  /**
   * Gives pages [first, last), whole sections of them, blocks where they have none, of free sections; they hold zeros. `before` is
   * called once all is known to fit, and `throttle` between sections. Throws ENOSPC, having changed nothing.
   */
  allocate(inode: Inode, first: number, last: number, before: () => void, throttle: () => void): void {
    const unit = this.sectionPages;
    const start = first - (first % unit);
    const end = this.sectionEnd(last);
    this.#map.assertRoom(inode, start, end - start);
    let nrSections = 0;
    for (let page = start; page < end; page += unit) if (this.#nrMissing(inode, page) > 0) nrSections++;
    this.#assertSections(nrSections);
    before();
    for (let page = start; page < end; page += unit) {
      throttle();
      this.#fill(inode, page);
    }
  }

  /** A section is taken whole for the pages that have no block, as in the kernel, though some may have one. */
  #fill(inode: Inode, page: number): void {
    const { logs } = this.#volume;
    const nrBlocks = this.#nrMissing(inode, page);
    if (nrBlocks === 0) return;
    const section = logs.beginPinned();
    this.#clear(this.#volume.layout.segmentStart(section.segno), nrBlocks);
    this.#map.reserve(inode, page, this.sectionPages);
    this.#map.allocatePinned(inode, page, this.sectionPages, section);
    logs.endPinned(section);
  }

  /** Makes free blocks zeros, which most are in an image. The kernel leaves what was there before. */
  #clear(blkaddr: number, nrBlocks: number): void {
    const { device } = this.#volume;
    const buffer = (this.#buffer ??= new Uint8Array(this.#volume.layout.block.segmentSize));
    for (let done = 0; done < nrBlocks; done += BLKS_PER_SEG) {
      const count = Math.min(BLKS_PER_SEG, nrBlocks - done);
      const bytes = buffer.subarray(0, count * this.#blockSize);
      device.read(blkaddr + done, bytes);
      // All bytes are the first, and that is zero.
      if (bytes[0] !== 0 || !isSameBytes(bytes.subarray(1), bytes.subarray(0, -1))) device.zero(blkaddr + done, count);
    }
  }

  /** Of the pages of one section from `page` on, those that have no block. */
  #nrMissing(inode: Inode, page: number): number {
    let missing = 0;
    for (let done = 0; done < this.sectionPages; done += this.#run.count) {
      this.#map.lookup(inode, page + done, this.sectionPages - done, this.#run);
      const { blkaddr, count } = this.#run;
      if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) missing += count;
    }
    return missing;
  }

  #assertSections(nrSections: number): void {
    if (nrSections === 0) return;
    const most = this.#rules.freeSections(nrSections);
    if (nrSections <= most) return;
    const unit = this.sectionPages * this.#blockSize;
    const [needed, had] = sizesApart(nrSections * unit, most * unit);
    const message = `no space left: a pinned file takes whole free sections, and it needs ${needed} of them; ${had} can be had`;
    throw new F2fsError('ENOSPC', message);
  }
}

function refused(code: string, inode: Inode, why: string): F2fsError {
  return new F2fsError(code, `the file is pinned: ${why}`, { ino: inode.ino });
}
