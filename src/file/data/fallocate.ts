// Blocks of a range of a file, without writing its contents: allocated, made a hole, made zeros. Each call leaves the file as
// it may be seen after a crash at every point where it lets memory be balanced. Source: f2fs_fallocate.
import { ADVISE } from '../../format/inode.ts';
import {
  assertChangeable,
  assertNotAppendOnly,
  assertNotCompressed,
  assertNotPinned,
  assertSizeFits,
  assertWritableUpTo,
} from '../inode/change-rules.ts';
import type { Inode } from '../inode/inode.ts';
import type { BlockMap } from './block-map.ts';
import { ClusterSlots } from './cluster-map.ts';
import { beforeChange } from './cluster-pages.ts';
import type { FileData, MemoryRules } from './file-data.ts';
import type { FilePages } from './file-pages.ts';
import { isPinned, type Pinned } from './pinned.ts';

/** Pages whose addresses are changed between two calls of `throttle`: 17 direct nodes at most. */
const STEP_PAGES = 16 * 1024;

/** What becomes of the size when a range ends past it. */
export interface AllocateOptions {
  /** The size stays; blocks past the end are the file's, until it is truncated. Default: the file grows. */
  keepSize?: boolean;
}

export class Fallocate {
  readonly #map: BlockMap;
  readonly #slots = new ClusterSlots();
  readonly #pages: FilePages;
  readonly #data: FileData;
  readonly #memory: MemoryRules;
  readonly #pinned: Pinned;

  constructor(map: BlockMap, pages: FilePages, data: FileData, memory: MemoryRules, pinned: Pinned) {
    this.#pinned = pinned;
    this.#map = map;
    this.#pages = pages;
    this.#data = data;
    this.#memory = memory;
  }

  /**
   * Reserves blocks for every hole in bytes [position, position + length): they read as zeros. Throws ENOSPC, having changed
   * nothing but that contents leave the inode; EPERM, EFBIG, E2BIG. A pinned file gets whole sections. Source: expand_inode_data.
   */
  allocate(inode: Inode, position: number, length: number, { keepSize = false }: AllocateOptions = {}): void {
    assertChangeable(inode);
    const end = position + length;
    assertWritableUpTo(inode, end);
    const grows = end > inode.size;
    this.#data.convertInline(inode);
    this.#data.makeReady(inode);
    const first = Math.floor(position / inode.blockSize);
    const last = Math.ceil(end / inode.blockSize);
    if (isPinned(inode)) {
      const before = () => {
        if (grows) this.#beginPastEnd(inode, keepSize);
        // The rest of its last section is the file's, too.
        if (this.#pinned.sectionEnd(last) * inode.blockSize > Math.max(inode.size, end))
          this.#beginPastEnd(inode, true);
      };
      this.#pinned.allocate(inode, first, last, before, () => this.#memory.throttle());
    } else {
      this.#map.assertRoom(inode, first, last - first);
      if (grows) this.#beginPastEnd(inode, keepSize);
      for (let page = first; page < last; page += STEP_PAGES) {
        this.#memory.throttle();
        this.#map.reserve(inode, page, Math.min(STEP_PAGES, last - page));
      }
    }
    if (grows && !keepSize) inode.change().iSize = end;
  }

  /**
   * Makes bytes [position, position + length) a hole: whole pages lose their blocks, parts of one become zeros; so do the
   * pages of a compressed cluster of which the hole is only a part (the kernel refuses compressed files). The size stays;
   * blocks past it go too. No page may be on its way to disk. Throws EPERM, EFBIG, EOPNOTSUPP. Source: punch_hole.
   */
  punch(inode: Inode, position: number, length: number): void {
    assertNotAppendOnly(inode);
    assertChangeable(inode);
    assertSizeFits(inode, position + length);
    assertNotPinned(inode, 'a hole');
    const { size } = inode;
    if (position >= size) return;
    this.#data.convertInline(inode);
    this.#data.makeReady(inode);
    const end = Math.min(position + length, size);
    if (inode.clusterPages > 1) {
      this.#punchClusters(inode, position, end);
      return;
    }
    const first = Math.ceil(position / inode.blockSize);
    const stop = Math.floor((position + length) / inode.blockSize);
    // Of the page in which the file ends nothing past the end could stay.
    const last = end === size ? Math.max(stop, Math.ceil(end / inode.blockSize)) : stop;
    if (position % inode.blockSize !== 0) this.#zeroWithin(inode, position, Math.min(end, first * inode.blockSize));
    if (last >= first && last * inode.blockSize < end) this.#zeroWithin(inode, last * inode.blockSize, end);
    for (let page = first; page < last; page += STEP_PAGES) {
      this.#memory.throttle();
      this.#punchPages(inode, page, Math.min(page + STEP_PAGES, last));
    }
  }

  /**
   * Makes bytes [position, position + length) zeros that need no blocks to be found for when they are written: whole pages
   * are reserved without contents. Throws ENOSPC, having changed nothing but that contents leave the inode; EPERM, EFBIG;
   * EOPNOTSUPP for a compressed or pinned file. Source: f2fs_zero_range.
   */
  zeroRange(inode: Inode, position: number, length: number, { keepSize = false }: AllocateOptions = {}): void {
    assertNotAppendOnly(inode);
    assertChangeable(inode);
    const end = position + length;
    assertSizeFits(inode, end);
    assertNotCompressed(inode, 'a zeroed range');
    assertNotPinned(inode, 'a zeroed range');
    const { size } = inode;
    this.#data.convertInline(inode);
    const first = Math.floor(position / inode.blockSize);
    const last = Math.ceil(end / inode.blockSize);
    this.#map.assertRoom(inode, first, last - first);
    if (end > size) this.#beginPastEnd(inode, keepSize);
    for (let at = position; at < end; ) {
      this.#memory.throttle();
      const page = Math.floor(at / inode.blockSize);
      // A page past the end of the file holds nothing that could stay.
      const isWhole = (at % inode.blockSize === 0 && end - at >= inode.blockSize) || page * inode.blockSize >= size;
      let next = page + 1;
      if (isWhole) {
        next = Math.min(page + STEP_PAGES, end > size ? last : Math.floor(end / inode.blockSize));
        this.#pages.waitStable(inode, page, next - page);
        inode.pages.truncate(page, next);
        this.#map.unwrite(inode, page, next - page);
      } else {
        this.#map.reserve(inode, page, 1);
        this.#data.zeroPart(inode, at, Math.min(end, next * inode.blockSize));
      }
      at = next * inode.blockSize;
    }
    if (end > size && !keepSize) inode.change().iSize = end;
  }

  /** A range will end past the file's end. Roll-forward must know of blocks to be kept there before it sees the first. */
  #beginPastEnd(inode: Inode, keepSize: boolean): void {
    if (keepSize) inode.change().iAdvise |= ADVISE.KEEP_SIZE;
    else this.#data.clearPastEnd(inode);
  }

  /** Zeroes bytes [from, to) of one page. */
  #zeroWithin(inode: Inode, from: number, to: number): void {
    this.#memory.throttle();
    this.#data.zeroPart(inode, from, to);
  }

  /** Frees pages [first, end), whole clusters of a compressed file. */
  #punchPages(inode: Inode, first: number, end: number): void {
    if (end <= first) return;
    this.#pages.waitStable(inode, first, end - first);
    inode.pages.truncate(first, end);
    this.#map.punch(inode, first, end - first);
  }

  #punchClusters(inode: Inode, position: number, end: number): void {
    const unit = inode.clusterPages;
    const lastPage = end === inode.size ? Math.ceil(end / inode.blockSize) : Math.floor(end / inode.blockSize);
    for (let at = position; at < end; ) {
      this.#memory.throttle();
      const page = Math.floor(at / inode.blockSize);
      const clusterEnd = page - (page % unit) + unit;
      // Past the last page of the file a cluster has nothing that could stay.
      if (at % (unit * inode.blockSize) === 0 && (clusterEnd <= lastPage || end === inode.size)) {
        this.#punchPages(inode, page, clusterEnd);
        at = clusterEnd * inode.blockSize;
        continue;
      }
      const to = Math.min(end, clusterEnd * inode.blockSize);
      this.#punchPart(inode, at, to);
      at = to;
    }
  }

  /** A hole within a cluster: in a raw one whole pages lose their blocks, in a compressed one they become zeros. */
  #punchPart(inode: Inode, position: number, end: number): void {
    const { clusterMap } = this.#pages;
    const page = Math.floor(position / inode.blockSize);
    const start = page - (page % inode.clusterPages);
    // One on its way through compression has the slots of a raw one still.
    this.#pages.waitStable(inode, start, inode.clusterPages);
    beforeChange(inode, () => clusterMap.lookup(inode, start, this.#slots));
    if (this.#slots.nrBlocks === 0) {
      const last = end === inode.size ? Math.ceil(end / inode.blockSize) : Math.floor(end / inode.blockSize);
      this.#punchPages(inode, Math.ceil(position / inode.blockSize), last);
    }
    for (let at = position; at < end; ) {
      const pageEnd = Math.min(end, (Math.floor(at / inode.blockSize) + 1) * inode.blockSize);
      this.#data.zeroPart(inode, at, pageEnd);
      at = pageEnd;
    }
  }
}
