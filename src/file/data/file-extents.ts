// Where the contents of a file lie: data and holes, and the extents on disk. Source: f2fs_seek_block, f2fs_fiemap.
import { F2fsError } from '../../errors.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { INLINE } from '../../format/inode.ts';
import { TAG } from '../../pagecache/address-space.ts';
import { BlockRun } from '../../volume/block-run.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import type { BlockMap } from './block-map.ts';

/**
 * As FIEMAP_EXTENT_*: `last` of the file; `inline` in the inode, `not-aligned` there; `unwritten` allocated, reads as zeros;
 * `encoded` a compressed cluster; `encrypted`; `delalloc` and `unknown`: the inode itself was never written.
 */
export type ExtentFlag =
  | 'last'
  | 'inline'
  | 'not-aligned'
  | 'unwritten'
  | 'encoded'
  | 'encrypted'
  | 'delalloc'
  | 'unknown';

/** A part of a file that lies in a row. All numbers are bytes. Source: struct fiemap_extent. */
export interface Extent {
  /** Where it begins in the file. */
  logical: number;
  /** Where it begins on the device; 0 when it has no place yet. */
  physical: number;
  /** How much of the file it is: of a cluster all its pages, however few blocks they take. */
  length: number;
  /** What else is known of it. Source: FIEMAP_EXTENT_*. */
  flags: ExtentFlag[];
}

/** Bytes of a file that are alike: `reserved` ones have blocks and read as zeros, a `hole` has none. */
export interface Region {
  /** Data, blocks that are reserved and read as zeros, or a hole. */
  kind: 'data' | 'reserved' | 'hole';
  /** The byte where it ends, the end of the file at most; the next region may be of the same kind. */
  end: number;
}

export class FileExtents {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #run = new BlockRun();

  constructor(volume: Volume, map: BlockMap) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
  }

  /**
   * The first byte from `position` on that is data, or that is not; the end of the file ends its last data. Reserved blocks are
   * data once something was written to them, and never a hole. Throws ENXIO at or past the end, and when only a hole
   * follows. Source: f2fs_seek_block; that compressed clusters are data throughout is of later kernels.
   */
  seek(inode: Inode, position: number, what: 'data' | 'hole'): number {
    const { size } = inode;
    if (position < 0 || position >= size) throw nothing(inode, position, size);
    if (inode.hasInline(INLINE.DATA)) return what === 'data' ? position : size;
    const end = Math.ceil(size / this.#blockSize);
    for (let page = Math.floor(position / this.#blockSize); page < end; ) {
      const found = this.#find(inode, page, end, what);
      if (found >= 0) return Math.min(Math.max(position, found * this.#blockSize), size);
      page += this.#run.count;
    }
    if (what === 'data') throw nothing(inode, position, size);
    return size;
  }

  /** What lies at `position`, by the block map alone. It looks at one node. Throws ENXIO at or past the end of the file. */
  regionAt(inode: Inode, position: number): Region {
    const { size } = inode;
    if (position >= size) throw nothing(inode, position, size);
    if (inode.hasInline(INLINE.DATA)) return { kind: 'data', end: size };
    const page = Math.floor(position / this.#blockSize);
    if (page >= inode.maxPages) return { kind: 'hole', end: size };
    const end = Math.min(Math.ceil(size / this.#blockSize), inode.maxPages);
    const data = this.#find(inode, page, end, 'data');
    const next = page + this.#run.count;
    const to = (last: number) => Math.min(last * this.#blockSize, size);
    // Of reserved pages each that was written counts for itself.
    if (data === page) return { kind: 'data', end: to(this.#run.blkaddr === NEW_ADDR ? page + 1 : next) };
    if (this.#run.blkaddr === NULL_ADDR) return { kind: 'hole', end: to(next) };
    return { kind: 'reserved', end: to(data < 0 ? next : data) };
  }

  /** The first page of the run at `page` that is what is sought, or -1; `#run` says how long the run is. */
  #find(inode: Inode, page: number, end: number, what: 'data' | 'hole'): number {
    const unit = inode.clusterPages;
    if (unit > 1) {
      this.#map.lookup(inode, page - (page % unit), 1, this.#run);
      if (this.#run.blkaddr === COMPRESS_ADDR) {
        this.#run.count = unit - (page % unit);
        return what === 'data' ? page : -1;
      }
    }
    // A run ends before a compressed cluster.
    this.#map.lookup(inode, page, end - page, this.#run);
    const { blkaddr, count } = this.#run;
    if (what === 'hole') return blkaddr === NULL_ADDR ? page : -1;
    if (blkaddr === NULL_ADDR) return -1;
    if (blkaddr !== NEW_ADDR) return page;
    const dirty = inode.pages.nextTagged(TAG.DIRTY, page, page + count);
    // Pages of a cluster that is being compressed have no block yet.
    const written = inode.pages.nextTagged(TAG.WRITEBACK, page, page + count);
    return dirty < 0 || (written >= 0 && written < dirty) ? written : dirty;
  }

  /** The extents that touch bytes [position, position + length), whole ones. Dirty pages lie nowhere yet. Source: f2fs_fiemap. */
  list(inode: Inode, position: number, length: number): Extent[] {
    const size = inode.maxPages * this.#blockSize;
    if (position > size) {
      throw new F2fsError('EFBIG', `byte ${position} is past the largest file, of ${size} bytes`, { ino: inode.ino });
    }
    if (inode.hasInline(INLINE.DATA)) return this.#inline(inode, position, length);
    const extents: Extent[] = [];
    const stop = Math.ceil(Math.min(position + length, size) / this.#blockSize);
    let page = Math.floor(position / this.#blockSize);
    page -= page % inode.clusterPages;
    while (page < stop) page += this.#add(inode, page, stop, extents);
    const last = extents.at(-1);
    if (last !== undefined && !this.#hasMore(inode, page)) last.flags.push('last');
    return extents;
  }

  /** Adds what begins at `page`; returns how many pages it is. */
  #add(inode: Inode, page: number, stop: number, extents: Extent[]): number {
    this.#map.lookup(inode, page, stop - page, this.#run);
    const { blkaddr, count } = this.#run;
    if (blkaddr === NULL_ADDR) return count;
    if (blkaddr === COMPRESS_ADDR) return this.#addCluster(inode, page, extents);
    const isWritten = blkaddr !== NEW_ADDR;
    const flags: ExtentFlag[] = isWritten ? [] : ['unwritten'];
    if (inode.isEncrypted) flags.push('encrypted');
    const extent = {
      logical: page * this.#blockSize,
      physical: isWritten ? blkaddr * this.#blockSize : 0,
      length: count * this.#blockSize,
      flags,
    };
    const before = extents.at(-1);
    if (before === undefined || !goesOn(before, extent)) extents.push(extent);
    else before.length += extent.length;
    return count;
  }

  /** A compressed cluster: an extent for each run of its blocks, the last one to the cluster's end. */
  #addCluster(inode: Inode, start: number, extents: Extent[]): number {
    const end = start + inode.clusterPages;
    // Slot 0 has no block, but counts as the first run's.
    let logical = start;
    for (let page = start + 1; page < end; ) {
      this.#map.lookup(inode, page, end - page, this.#run);
      const { blkaddr, count } = this.#run;
      if (blkaddr >= COMPRESS_ADDR || blkaddr === NULL_ADDR) break;
      extents.push({
        logical: logical * this.#blockSize,
        physical: blkaddr * this.#blockSize,
        length: count * this.#blockSize,
        flags: ['encoded'],
      });
      logical += count;
      page += count;
    }
    const last = extents.at(-1);
    if (last !== undefined && logical > start) last.length = end * this.#blockSize - last.logical;
    return inode.clusterPages;
  }

  /** Whether the file has a block from `page` on. */
  #hasMore(inode: Inode, page: number): boolean {
    const { maxPages } = inode;
    for (let at = page; at < maxPages; at += this.#run.count) {
      this.#map.lookup(inode, at, maxPages - at, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) return true;
    }
    return false;
  }

  /** Source: f2fs_inline_data_fiemap. */
  #inline(inode: Inode, position: number, length: number): Extent[] {
    const end = Math.min(position + length, inode.size);
    if (position >= end) return [];
    const blkaddr = this.#volume.nat.blkaddrOf(inode.ino);
    const flags: ExtentFlag[] = ['inline', 'not-aligned', 'last'];
    const isWritten = blkaddr !== NEW_ADDR;
    if (!isWritten) flags.push('delalloc', 'unknown');
    const within = inode.inlineOffset % this.#blockSize;
    return [
      {
        logical: position,
        physical: isWritten ? blkaddr * this.#blockSize + within : 0,
        length: end - position,
        flags,
      },
    ];
  }
}

/** Whether `next` follows on in the file and on disk. */
function goesOn(extent: Extent, next: Extent): boolean {
  if (extent.logical + extent.length !== next.logical || extent.flags.join() !== next.flags.join()) return false;
  return extent.physical === 0 ? next.physical === 0 : extent.physical + extent.length === next.physical;
}

function nothing(inode: Inode, position: number, size: number): F2fsError {
  let why = position >= size ? `the file ends at ${size}` : 'only a hole follows';
  if (position < 0) why = 'the file begins at 0';
  return new F2fsError('ENXIO', `nothing is found from byte ${position} on: ${why}`, {
    ino: inode.ino,
  });
}
