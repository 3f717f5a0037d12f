// Whole blocks taken out of a file, or put into it: what follows them moves. Contents are copied to new blocks, never addresses
// alone: a block of the last checkpoint keeps its owner in the SSA. Source: f2fs_collapse_range, f2fs_insert_range.
import { F2fsError } from '../../errors.ts';
import { NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { BlockRun } from '../../volume/block-run.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import {
  assertChangeable,
  assertNotAppendOnly,
  assertNotCompressed,
  assertNotPinned,
  assertSizeFits,
} from '../inode/change-rules.ts';
import type { Inode } from '../inode/inode.ts';
import { type BlockMap, Lack } from './block-map.ts';
import type { FileData, MemoryRules } from './file-data.ts';
import type { FilePages } from './file-pages.ts';
import { FrameRun } from './frames.ts';

/**
 * Pages moved between two calls of `throttle`, source and destination in the cache. What moves no more than this is one step: a
 * checkpoint has all of it or nothing. Of more it may have a part: each page then is in one of its two places.
 */
const STEP_PAGES = 128;

export class Shift {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #run = new BlockRun();
  readonly #frames = new FrameRun();
  readonly #pages: FilePages;
  readonly #data: FileData;
  readonly #memory: MemoryRules;

  constructor(volume: Volume, map: BlockMap, pages: FilePages, data: FileData, memory: MemoryRules) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
    this.#pages = pages;
    this.#data = data;
    this.#memory = memory;
  }

  /**
   * Takes bytes [position, position + length) out of a file: it gets shorter by them. Throws EINVAL unless they are whole
   * blocks that end before the file does; EPERM; EOPNOTSUPP for a compressed or pinned file; ENOSPC, having changed nothing.
   * `write` must have every page of the file written. Source: f2fs_collapse_range.
   */
  collapse(inode: Inode, position: number, length: number, write: () => void): void {
    this.#assertShiftable(inode, 'taking out a range');
    const { size } = inode;
    if (position + length >= size) {
      throw invalid(
        inode,
        `the range ends at byte ${position + length}, but the file has ${size}: truncate it instead`,
      );
    }
    assertBlocks(inode, position, length);
    const to = position / this.#blockSize;
    const from = to + length / this.#blockSize;
    const last = Math.ceil(size / this.#blockSize);
    write();
    this.#assertRoom(Math.min(STEP_PAGES, last - from), 0);
    inode.pages.truncate(to, Number.POSITIVE_INFINITY);
    for (let page = from; page < last; page += STEP_PAGES) {
      page += this.#holeLength(inode, page, to - from, last - page);
      if (page >= last) break;
      this.#memory.throttle();
      this.#moveDown(inode, page, page - (from - to), Math.min(STEP_PAGES, last - page));
    }
    // Without a balance in between: the last step and the new size are one.
    this.#data.truncate(inode, size - length);
  }

  /**
   * Puts a hole of `length` bytes into a file at `position`: it gets longer by it. Throws EINVAL unless both are whole blocks and
   * the position lies in the file; EFBIG, EPERM; EOPNOTSUPP for a compressed or pinned file; ENOSPC, having changed nothing
   * but that contents leave the inode. `write` must have every page of the file written. Source: f2fs_insert_range.
   */
  insert(inode: Inode, position: number, length: number, write: () => void): void {
    this.#assertShiftable(inode, 'putting in a range');
    const { size } = inode;
    assertSizeFits(inode, size + length);
    if (position >= size) {
      throw invalid(inode, `byte ${position} is not within the file's ${size}: allocate or truncate it instead`);
    }
    assertBlocks(inode, position, length);
    this.#data.convertInline(inode);
    // Blocks kept past the end would come to lie among the contents.
    this.#data.truncate(inode, size);
    write();
    const first = position / this.#blockSize;
    const delta = length / this.#blockSize;
    const last = Math.ceil(size / this.#blockSize);
    // A page that moves takes three new nodes at most.
    const lack = new Lack();
    this.#map.missing(inode, first + delta, last - first, lack);
    this.#assertRoom(
      Math.min(STEP_PAGES, last - first),
      Math.min(lack.nodes, 3 * this.#countBlocks(inode, first, last)),
    );
    inode.pages.truncate(first, Number.POSITIVE_INFINITY);
    this.#memory.throttle();
    // What lies past the end of the file would not be written.
    inode.change().iSize = size + length;
    let isFirst = true;
    this.#upwards(inode, first, last, delta, (start, end) => {
      if (!isFirst) this.#memory.throttle();
      isFirst = false;
      this.#moveUp(inode, start, start + delta, end - start);
    });
  }

  /** Pages of [first, last) that have a block. */
  #countBlocks(inode: Inode, first: number, last: number): number {
    let nrBlocks = 0;
    for (let page = first; page < last; page += this.#run.count) {
      this.#memory.balance();
      this.#map.lookup(inode, page, last - page, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) nrBlocks += this.#run.count;
    }
    return nrBlocks;
  }

  /** Calls `step` for pages [first, last) in steps, the last ones first, but where there is nothing, nor in the places `delta` above. */
  #upwards(inode: Inode, first: number, last: number, delta: number, step: (start: number, end: number) => void): void {
    if (last - first <= STEP_PAGES) {
      step(first, last);
      return;
    }
    const nrPages = last - first;
    if (this.#holeLength(inode, first, delta, nrPages) === nrPages) return;
    const middle = last - STEP_PAGES * Math.ceil(nrPages / STEP_PAGES / 2);
    this.#upwards(inode, middle, last, delta, step);
    this.#upwards(inode, first, middle, delta, step);
  }

  /** Of `max` pages from `page` on, how many are missing here and `delta` pages further on: a missing subtree is one look. */
  #holeLength(inode: Inode, page: number, delta: number, max: number): number {
    let length = 0;
    for (let looks = 1; length < max; looks++) {
      // Nodes without an address are read, too.
      if (looks % STEP_PAGES === 0) this.#memory.throttle();
      this.#map.lookup(inode, page + length, max - length, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) break;
      const { count } = this.#run;
      this.#map.lookup(inode, page + length + delta, count, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) break;
      length += this.#run.count;
    }
    return length;
  }

  #assertShiftable(inode: Inode, operation: string): void {
    assertNotAppendOnly(inode);
    assertChangeable(inode);
    assertNotCompressed(inode, operation);
    assertNotPinned(inode, operation);
  }

  /** Moves give a page's block back once it has its new one: more than a step's is never needed. */
  #assertRoom(nrBlocks: number, nrNodes: number): void {
    const { space } = this.#volume;
    space.reserveBlocks(nrBlocks + nrNodes);
    space.releaseBlocks(nrBlocks + nrNodes);
    space.assertNodes(nrNodes);
  }

  /** Moves pages to lower places, first ones first: no more at once than the places are apart. */
  #moveDown(inode: Inode, from: number, to: number, nrPages: number): void {
    for (let done = 0; done < nrPages; ) {
      done += this.#move(inode, from + done, to + done, Math.min(nrPages - done, from - to));
    }
  }

  /** Moves pages to higher places, last ones first. */
  #moveUp(inode: Inode, from: number, to: number, nrPages: number): void {
    const apart = Math.min(to - from, nrPages);
    for (let end = nrPages; end > 0; end -= apart) {
      const start = Math.max(0, end - apart);
      for (let done = start; done < end; ) done += this.#move(inode, from + done, to + done, end - done);
    }
  }

  /** Moves at most `max` pages between places that do not overlap; returns how many. They are clean, or not in the cache. */
  #move(inode: Inode, from: number, to: number, max: number): number {
    const { pages } = inode;
    this.#map.lookup(inode, from, max, this.#run);
    const { blkaddr } = this.#run;
    let { count } = this.#run;
    if (blkaddr === NULL_ADDR) {
      pages.truncate(to, to + count);
      this.#map.punch(inode, to, count);
      return count;
    }
    if (blkaddr === NEW_ADDR) {
      pages.truncate(to, to + count);
      this.#map.unwrite(inode, to, count);
    } else {
      const pfn = this.#pages.read(inode, from, count, this.#frames);
      ({ count } = this.#frames);
      this.#copy(inode, pfn, to, count);
    }
    pages.truncate(from, from + count);
    this.#map.punch(inode, from, count);
    return count;
  }

  /** Makes frames [pfn, pfn + nrPages) the contents of pages from `to` on. */
  #copy(inode: Inode, pfn: number, to: number, nrPages: number): void {
    const { bytes } = this.#volume.pool;
    inode.pages.truncate(to, to + nrPages);
    // Not to be written over what the place had: an fsync would not be one step then.
    this.#map.unwrite(inode, to, nrPages);
    // The inode that an fsync sends has neither what that was nor where these were: the copies must be there before it.
    this.#volume.nat.note(inode.ino, SINCE.REPLACED);
    for (let done = 0; done < nrPages; ) {
      const copy = this.#pages.allocate(to + done, nrPages - done, this.#frames);
      const { count } = this.#frames;
      bytes.copyWithin(copy * this.#blockSize, (pfn + done) * this.#blockSize, (pfn + done + count) * this.#blockSize);
      inode.pages.insertRun(to + done, copy, count);
      done += count;
    }
    this.#pages.setDirty(inode, to, nrPages);
  }
}

function assertBlocks(inode: Inode, position: number, length: number): void {
  if (position % inode.blockSize === 0 && length % inode.blockSize === 0) return;
  throw invalid(inode, `byte ${position} and ${length} bytes are no whole blocks of ${inode.blockSize} bytes`);
}

function invalid(inode: Inode, why: string): F2fsError {
  return new F2fsError('EINVAL', `invalid range: ${why}`, { ino: inode.ino });
}
