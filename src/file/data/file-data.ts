// The contents of regular files and symlinks: inline in the inode while they fit, else in pages.
import { corrupt, F2fsError } from '../../errors.ts';
import { NULL_ADDR } from '../../format/constants.ts';
import { ADVISE, I_FLAGS, INLINE } from '../../format/inode.ts';
import { MAX_FOLIO_PAGES } from '../../pagecache/pool.ts';
import { zero } from '../../pagecache/zero.ts';
import { isSameBytes } from '../../platform/bytes.ts';
import { BlockRun } from '../../volume/block-run.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import {
  assertChangeable,
  assertMutable,
  assertNotAppendOnly,
  assertSizeFits,
  assertWritableUpTo,
  RESERVE_FIRST,
} from '../inode/change-rules.ts';
import { assertReadable } from '../inode/encryption.ts';
import type { Inode, Timestamp } from '../inode/inode.ts';
import type { VerityMeasurement } from '../verity/verity-tree.ts';
import type { BlockMap } from './block-map.ts';
import { ClusterSlots } from './cluster-map.ts';
import { beforeChange } from './cluster-pages.ts';
import type { FilePages } from './file-pages.ts';
import { FrameRun } from './frames.ts';
import { isPinned, type Pinned } from './pinned.ts';

/** Where bytes to be written come from: they go straight into page frames. */
export interface ByteSource {
  /**
   * Fills `length` bytes of `memory` from `offset` on with those that belong at byte `position` of the file; all, or throws. Nothing
   * may be read or written in the mount meanwhile: that is EBUSY.
   */
  fill(memory: Uint8Array, offset: number, length: number, position: number): void;
}

/** Called between folios, when no frame number is held: the owner may write back and reclaim. */
export interface MemoryRules {
  balance(): void;
  /** On behalf of a writer, who is told of failures in the background. */
  throttle(): void;
}

/** How bytes are written. */
export interface WriteOptions {
  /** Pages that turn out to be all zeros stay holes. */
  sparse?: boolean;
  /** What mtime and ctime become; default: they stay. */
  time?: Timestamp;
}

export class FileData {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #zeroPage: Uint8Array;
  readonly #map: BlockMap;
  readonly #slots = new ClusterSlots();
  readonly #run = new BlockRun();
  readonly #frames = new FrameRun();
  readonly #pages: FilePages;
  readonly #memory: MemoryRules;
  readonly #pinned: Pinned;
  /** Whether a source is filling frames, which nothing may take away then. */
  isFilling = false;

  constructor(volume: Volume, map: BlockMap, pages: FilePages, memory: MemoryRules, pinned: Pinned) {
    this.#pinned = pinned;
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#zeroPage = new Uint8Array(volume.layout.block.blockSize);
    this.#map = map;
    this.#pages = pages;
    this.#memory = memory;
  }

  /** Reads up to `into.length` bytes from `position` on; returns how many there were. Throws ENOKEY. */
  read(inode: Inode, position: number, into: Uint8Array): number {
    assertReadable(inode);
    const length = Math.max(0, Math.min(into.length, inode.size - position));
    const { bytes } = this.#volume.pool;
    if (inode.hasInline(INLINE.DATA)) {
      if (inode.isVerity) throw corrupt('verity-inline', { ino: inode.ino });
      const at = inode.inlineOffset + position;
      into.set(bytes.subarray(at, at + length));
      return length;
    }
    for (let done = 0; done < length; ) {
      this.#memory.balance();
      const index = Math.floor((position + done) / this.#blockSize);
      const within = (position + done) % this.#blockSize;
      const wanted = Math.ceil((within + length - done) / this.#blockSize);
      const pfn = this.#pages.read(inode, index, Math.min(wanted, MAX_FOLIO_PAGES), this.#frames);
      const count = Math.min(this.#frames.count * this.#blockSize - within, length - done);
      const at = pfn * this.#blockSize + within;
      into.set(bytes.subarray(at, at + count), done);
      done += count;
    }
    return length;
  }

  /**
   * Writes `length` bytes at `position`. Throws EFBIG past the format's end, E2BIG past that of clusters, and ENOSPC (what was
   * written before stays), EPERM over what an append-only file has, EIO and EOPNOTSUPP for a pinned file (see Pinned), and what
   * the source throws. Source: f2fs_write_begin, f2fs_write_end.
   */
  write(inode: Inode, position: number, length: number, source: ByteSource, options: WriteOptions = {}): void {
    assertChangeable(inode);
    if (length === 0) return;
    const { iInline, iSize, iFlags } = inode.load();
    if ((iFlags & I_FLAGS.APPEND) !== 0 && position < iSize) assertNotAppendOnly(inode);
    if (isPinned(inode)) this.#pinned.assertWritable(inode, position, length);
    const most = inode.maxWrittenBytes;
    if (position + length > most) {
      if (position < most) this.write(inode, position, most - position, source, options);
      // The first byte that can't be written says why.
      assertWritableUpTo(inode, Math.max(position, most) + 1);
    }
    const end = position + length;
    if ((iInline & INLINE.DATA) !== 0) {
      if (end <= inode.maxInlineData) {
        this.#writeInline(inode, position, length, source, options.time);
        return;
      }
      this.convertInline(inode);
    }
    this.makeReady(inode);
    if (end > iSize) this.clearPastEnd(inode);
    for (let at = position; at < end; ) {
      this.#memory.throttle();
      const { size } = inode;
      const length = this.#fitting(inode, at, end - at);
      if (at < size) this.#assertCounted(inode, at, Math.min(at + length, size));
      at += this.#writeFolio(inode, size, at, length, source, options.sparse === true);
      if (at > size) inode.change().iSize = at;
      if (options.time !== undefined) inode.touch(options.time);
    }
  }

  /**
   * Sets the size; what lies past it is freed, blocks kept past the end too unless the file grows, and what lies between
   * the old end and it reads as zeros. Throws EPERM, EFBIG, EINVAL for a released or a pinned file. Source: f2fs_setattr,
   * f2fs_truncate.
   */
  truncate(inode: Inode, sizeBytes: number): void {
    assertMutable(inode);
    assertNotAppendOnly(inode);
    const clusterBytes = inode.clusterPages * this.#blockSize;
    if (inode.isReleased && (sizeBytes > inode.size || sizeBytes % clusterBytes !== 0)) {
      throw new F2fsError(
        'EINVAL',
        `the file had its compressed blocks released: it can be cut to whole clusters of ${clusterBytes} bytes; for other sizes ${RESERVE_FIRST}`,
        { ino: inode.ino },
      );
    }
    assertSizeFits(inode, sizeBytes);
    if (isPinned(inode)) this.#pinned.assertSize(inode, sizeBytes);
    if (sizeBytes % clusterBytes !== 0 || sizeBytes > inode.size) this.#prepare(inode);
    const { bytes } = this.#volume.pool;
    const old = inode.size;
    if (inode.hasInline(INLINE.DATA)) {
      if (sizeBytes <= inode.maxInlineData) {
        const at = inode.inlineOffset;
        const raw = inode.change();
        if (sizeBytes < old) zero(bytes, at + sizeBytes, at + old);
        raw.iSize = sizeBytes;
        if (sizeBytes === 0) raw.iInline &= ~INLINE.DATA_EXIST;
        return;
      }
      this.convertInline(inode);
    }
    if (sizeBytes > old) this.clearPastEnd(inode);
    const pages = Math.ceil(sizeBytes / this.#blockSize);
    if (sizeBytes < old) {
      if (pages % inode.clusterPages !== 0) this.#dissolveCluster(inode, pages);
      if (sizeBytes % this.#blockSize !== 0) this.zeroPart(inode, sizeBytes, pages * this.#blockSize);
      inode.pages.truncate(pages, Number.POSITIVE_INFINITY);
      this.#map.truncate(inode, pages);
    } else if (sizeBytes === old) {
      this.freePastEnd(inode, pages);
    }
    const raw = inode.change();
    raw.iSize = sizeBytes;
    if (sizeBytes > 0) return;
    raw.iInline &= ~INLINE.COMPRESS_RELEASED;
    if (clusterBytes > this.#blockSize) inode.clearComprBlocks();
  }

  /** Before pages of a compressed file are made dirty, it must be sure that they can be written. Throws ENOMEM. */
  #prepare(inode: Inode): void {
    if (inode.clusterPages > 1) this.#pages.clusters.prepare();
  }

  /** The same for a writer, with room made first. Plain files need none before their first folio. */
  makeReady(inode: Inode): void {
    if (inode.clusterPages === 1) return;
    this.#memory.throttle();
    this.#prepare(inode);
  }

  /** Throws EIO for compressed clusters among bytes [from, to) that are not counted; at most a folio is looked at. */
  #assertCounted(inode: Inode, from: number, to: number): void {
    const { clusterPages } = inode;
    if (clusterPages === 1 || inode.reservesSlots) return;
    const { clusterMap } = this.#pages;
    const first = Math.floor(from / this.#blockSize);
    const end = Math.min(Math.ceil(to / this.#blockSize), first + MAX_FOLIO_PAGES);
    for (let start = first - (first % clusterPages); start < end; start += clusterPages) {
      beforeChange(inode, () => clusterMap.lookup(inode, start, this.#slots));
      clusterMap.assertCounted(inode, this.#slots);
    }
  }

  /** Zeroes bytes [from, to) of one page, unless it is a hole. */
  zeroPart(inode: Inode, from: number, to: number): void {
    const page = Math.floor(from / this.#blockSize);
    this.#map.lookup(inode, page, 1, this.#run);
    if (this.#run.blkaddr === NULL_ADDR) return;
    this.#assertCounted(inode, from, to);
    const pfn = beforeChange(inode, () => this.#pages.read(inode, page, 1, this.#frames));
    this.#pages.waitStable(inode, page, 1);
    const at = pfn * this.#blockSize + (from % this.#blockSize);
    zero(this.#volume.pool.bytes, at, at + to - from);
    this.#pages.setDirty(inode, page, 1);
  }

  /**
   * Before the file ends at page `end`, within a cluster: a compressed one becomes raw, its pages up to there dirty. So
   * nothing of it is left past the end. Source: f2fs_truncate_partial_cluster.
   */
  #dissolveCluster(inode: Inode, end: number): void {
    const { clusterMap, clusters } = this.#pages;
    const start = end - (end % inode.clusterPages);
    this.#pages.waitStable(inode, start, inode.clusterPages);
    beforeChange(inode, () => clusterMap.lookup(inode, start, this.#slots));
    if (this.#slots.nrBlocks === 0) return;
    clusterMap.assertCounted(inode, this.#slots);
    // What is all in the cache may never have got to disk.
    if (!inode.pages.hasAll(start, end)) beforeChange(inode, () => clusters.read(inode, start, end));
    this.#pages.setDirty(inode, start, end - start);
    clusterMap.dissolve(inode, start);
  }

  /**
   * Before the file grows: what another writer left past the end (blocks allocated for direct writes that never came; a
   * compressed cluster that goes on, or blocks of one that was) must not come to light. Source: finish_preallocate_blocks.
   */
  clearPastEnd(inode: Inode): void {
    const { size, clusterPages } = inode;
    const end = Math.ceil(size / this.#blockSize);
    if ((inode.load().iAdvise & ADVISE.TRUNC) !== 0) {
      this.freePastEnd(inode, end);
      inode.change().iAdvise &= ~ADVISE.TRUNC;
    }
    if (clusterPages === 1 || end % clusterPages === 0) return;
    this.#dissolveCluster(inode, end);
    const next = end - (end % clusterPages) + clusterPages;
    for (let page = end; page < next; page++) {
      this.#map.lookup(inode, page, 1, this.#run);
      if (this.#run.blkaddr === NULL_ADDR) continue;
      this.#pages.waitStable(inode, page, 1);
      inode.pages.truncate(page, page + 1);
      this.#map.punch(inode, page, 1);
    }
  }

  /** Before something is written behind the end, for good: nothing is there, and what is left of the last page is zeros. */
  clearBehindEnd(inode: Inode): void {
    const { size } = inode;
    this.clearPastEnd(inode);
    this.freePastEnd(inode);
    if (size % this.#blockSize !== 0) this.zeroPart(inode, size, Math.ceil(size / this.#blockSize) * this.#blockSize);
  }

  /**
   * Writes what a file has behind its end, while `inode.writtenEnd` says how far that goes; the size stays. Throws ENOSPC. Source:
   * pagecache_write in verity.c.
   */
  writeBehindEnd(inode: Inode, position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      this.#memory.throttle();
      const at = position + done;
      const index = Math.floor(at / this.#blockSize);
      const within = at % this.#blockSize;
      const count = Math.min(bytes.length - done, this.#blockSize - within);
      const pfn = this.#pages.read(inode, index, 1, this.#frames);
      this.#pages.waitStable(inode, index, 1);
      this.#dirty(inode, index, 1);
      this.#volume.pool.bytes.set(bytes.subarray(done, done + count), pfn * this.#blockSize + within);
      done += count;
    }
  }

  /** What stands for the contents of a file under verity. Throws EUCLEAN, EOPNOTSUPP. */
  measure(inode: Inode): VerityMeasurement {
    return this.#pages.verity.measurement(inode);
  }

  /** Frees the blocks, if it has any, from page `end`, where the file ends, on; those of the last cluster stay. */
  freePastEnd(inode: Inode, end = Math.ceil(inode.size / this.#blockSize)): void {
    if (inode.hasInline(INLINE.DATA)) return;
    const unit = inode.clusterPages;
    const from = Math.ceil(end / unit) * unit;
    inode.pages.truncate(from, Number.POSITIVE_INFINITY);
    this.#map.truncate(inode, from);
  }

  /** Frees all blocks of an inode that goes away; of its pages none may be on its way to disk. */
  free(inode: Inode): void {
    if (inode.isDevice || inode.hasInline(INLINE.DATA) || inode.hasInline(INLINE.DENTRY)) return;
    inode.pages.truncate(0, Number.POSITIVE_INFINITY);
    this.#map.truncate(inode, 0);
  }

  #writeInline(inode: Inode, position: number, length: number, source: ByteSource, time?: Timestamp): void {
    const raw = inode.change();
    this.#fill(source, inode.inlineOffset + position, length, position);
    raw.iInline |= INLINE.DATA_EXIST;
    raw.iSize = Math.max(raw.iSize, position + length);
    if (time !== undefined) inode.touch(time);
  }

  /** The target of a new symlink, at most a page. No room is made in memory: no frame is taken away. Throws ENOSPC. */
  writeTarget(inode: Inode, target: Uint8Array): void {
    const source = { fill: (memory: Uint8Array, offset: number) => memory.set(target, offset) };
    if (target.length <= inode.maxInlineData) {
      this.#writeInline(inode, 0, target.length, source);
      return;
    }
    this.convertInline(inode);
    this.#writeFolio(inode, 0, 0, target.length, source, false);
    inode.change().iSize = target.length;
  }

  /** Moves inline contents, if it has them, to page 0. Throws ENOSPC. Source: f2fs_convert_inline_inode. */
  convertInline(inode: Inode): void {
    if (!inode.hasInline(INLINE.DATA)) return;
    const { pool, space } = this.#volume;
    const { bytes } = pool;
    const size = this.#hasInlineContents(inode) ? inode.size : 0;
    if (size > 0) {
      // Once the contents are gone from the inode nothing may fail for want of a block.
      space.reserveBlocks(1);
      space.releaseBlocks(1);
    }
    const at = inode.inlineOffset;
    const contents = bytes.slice(at, at + size);
    inode.endInline(INLINE.DATA | INLINE.DATA_EXIST);
    zero(bytes, at, at + inode.maxInlineData);
    if (size === 0) return;
    const pfn = this.#pages.allocate(0, 1, this.#frames);
    pool.zero(pfn, 1);
    bytes.set(contents, pfn * this.#blockSize);
    inode.pages.insert(0, pfn);
    this.#map.reserve(inode, 0, 1);
    this.#pages.setDirty(inode, 0, 1);
    // The inode that an fsync sends has them no more: the page must be there before it.
    this.#volume.nat.note(inode.ino, SINCE.REPLACED);
  }

  /** Whether inline contents are more than the hole that a truncate leaves. Source: f2fs_exist_data. */
  #hasInlineContents(inode: Inode): boolean {
    if (inode.hasInline(INLINE.DATA_EXIST)) return true;
    const at = inode.inlineOffset;
    return this.#volume.pool.bytes.subarray(at, at + inode.size).some((byte) => byte !== 0);
  }

  /** Of `length` bytes at `position` those to be written in one go: near the end of the space a page, so that the last one is taken. */
  #fitting(inode: Inode, position: number, length: number): number {
    const within = position % this.#blockSize;
    const nrPages = Math.min(Math.ceil((within + length) / this.#blockSize), MAX_FOLIO_PAGES);
    if (nrPages === 1 || this.#map.hasRoom(inode, Math.floor(position / this.#blockSize), nrPages)) return length;
    return this.#blockSize - within;
  }

  /** Writes at most `length` bytes at `position` of a file of `size`, within one run of frames; returns how many. */
  #writeFolio(
    inode: Inode,
    size: number,
    position: number,
    length: number,
    source: ByteSource,
    sparse: boolean,
  ): number {
    const { pages } = inode;
    const index = Math.floor(position / this.#blockSize);
    const within = position % this.#blockSize;
    const wholePages = Math.floor(length / this.#blockSize);
    // A page of which only a part is written must be there first, unless the rest lies past the end of the file.
    const replaced = position + length >= size ? Math.ceil(length / this.#blockSize) : wholePages;
    const cached = this.#pages.cached(
      inode,
      index,
      Math.min(Math.ceil((within + length) / this.#blockSize), MAX_FOLIO_PAGES),
      this.#frames,
    );
    if (cached >= 0 || within !== 0 || replaced === 0) {
      // Only what is in the cache goes further than the page at hand: the next one may be replaced whole.
      const pfn = cached >= 0 ? cached : this.#pages.read(inode, index, 1, this.#frames);
      const count = Math.min(this.#frames.count * this.#blockSize - within, length);
      this.#pages.waitStable(inode, index, Math.ceil((within + count) / this.#blockSize));
      const nrPages = Math.ceil((within + count) / this.#blockSize);
      // What finds no room must not be read back: it is promised first.
      this.#map.reserve(inode, index, nrPages);
      this.#fill(source, pfn * this.#blockSize + within, count, position);
      this.#pages.setDirty(inode, index, nrPages);
      return count;
    }
    const wanted = Math.min(replaced, MAX_FOLIO_PAGES - (index % MAX_FOLIO_PAGES));
    const next = wanted === 1 ? -1 : pages.nextPresent(index, index + wanted);
    const pfn = this.#pages.allocate(index, next >= 0 ? next - index : wanted, this.#frames);
    const { count } = this.#frames;
    const filled = Math.min(count * this.#blockSize, length);
    try {
      this.#fill(source, pfn * this.#blockSize, filled, position);
    } catch (error) {
      this.#pages.discard(pfn, count);
      throw error;
    }
    zero(this.#volume.pool.bytes, pfn * this.#blockSize + filled, (pfn + count) * this.#blockSize);
    pages.insertRun(index, pfn, count);
    try {
      if (sparse) this.#dirtyNonZero(inode, index, pfn, count);
      else this.#dirty(inode, index, count);
    } catch (error) {
      // What found no room must not be read back either.
      pages.truncate(index, index + count);
      throw error;
    }
    return filled;
  }

  #fill(source: ByteSource, offset: number, length: number, position: number): void {
    this.isFilling = true;
    try {
      source.fill(this.#volume.pool.bytes, offset, length, position);
    } finally {
      this.isFilling = false;
    }
  }

  #dirty(inode: Inode, index: number, nrPages: number): void {
    this.#map.reserve(inode, index, nrPages);
    this.#pages.setDirty(inode, index, nrPages);
  }

  /**
   * Dirties the runs of pages that are not all zeros; the others stay in the cache as what a hole reads as. A cluster is a
   * hole as a whole or not at all, also where it came in several runs: one with holes in it could not be compressed.
   */
  #dirtyNonZero(inode: Inode, index: number, pfn: number, count: number): void {
    const unit = inode.clusterPages;
    const next = (i: number) => Math.min(count, i + unit - ((index + i) % unit));
    for (let i = 0; i < count; i = next(i)) {
      const start = i;
      while (i < count && !this.#staysHole(inode, index + i, pfn + i, next(i) - i)) i = next(i);
      if (i > start) {
        this.#dirty(inode, index + start, i - start);
        this.#fillCluster(inode, index + start);
      }
      if (i === count) break;
    }
  }

  /** Whether pages are all zeros, there is nothing on disk that they take the place of, and their cluster has no data before them. */
  #staysHole(inode: Inode, index: number, pfn: number, nrPages: number): boolean {
    for (let i = 0; i < nrPages; i++) {
      if (!this.#isZero(pfn + i)) return false;
      this.#map.lookup(inode, index + i, 1, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) return false;
    }
    const before = index - (index % inode.clusterPages);
    if (before === index) return true;
    this.#map.lookup(inode, before, index - before, this.#run);
    return this.#run.blkaddr === NULL_ADDR && this.#run.count === index - before;
  }

  /** The pages of a cluster before `index`, which were zeros, are no hole either. */
  #fillCluster(inode: Inode, index: number): void {
    for (let page = index - (index % inode.clusterPages); page < index; page++) {
      this.#map.lookup(inode, page, index - page, this.#run);
      if (this.#run.blkaddr !== NULL_ADDR) return;
      this.#pages.read(inode, page, 1, this.#frames);
      this.#dirty(inode, page, 1);
    }
  }

  #isZero(pfn: number): boolean {
    const { view } = this.#volume.pool;
    if (view.getUint32(pfn * this.#blockSize, true) !== 0) return false;
    return isSameBytes(this.#zeroPage, this.#volume.pool.page(pfn));
  }
}
