// The slots of a compressed file's clusters: slot 0 of a compressed cluster is COMPRESS_ADDR, then come its data blocks, the
// rest is reserved (NEW_ADDR) or, once released, empty. Relies on block-map.ts to find them. Source: fs/f2fs/compress.c.
import { MAX_CLUSTER_PAGES } from '../../compress/algorithms.ts';
import { corrupt, F2fsError } from '../../errors.ts';
import { COMPRESS_ADDR, type Log, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { INLINE } from '../../format/inode.ts';
import { BlockRun } from '../../volume/block-run.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import { ExtentList } from '../../writeback/extent-list.ts';
import type { Inode } from '../inode/inode.ts';
import { type BlockMap, DnodeCursor, forgetExtent } from './block-map.ts';

/** What the slots of a cluster say. Whoever looks them up owns it: it holds until that one looks again. */
export class ClusterSlots {
  /** Data blocks of a compressed cluster, 0 for a raw one. */
  nrBlocks = 0;
  /** The first nrBlocks of these are where they lie. */
  readonly blkaddr = new Uint32Array(MAX_CLUSTER_PAGES);
  /** Slots that are holes. */
  nrHoles = 0;

  /** Whether no slot is a hole. */
  get isReserved(): boolean {
    return this.nrHoles === 0;
  }
}

export class ClusterMap {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #taken = new ExtentList();

  readonly #slots = new ClusterSlots();
  readonly #dnode = new DnodeCursor();
  readonly #run = new BlockRun();

  constructor(volume: Volume, map: BlockMap) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
  }

  /**
   * Reads the slots of the cluster that begins at page `start`. Throws EUCLEAN for what no writer makes: COMPRESS_ADDR
   * elsewhere than in slot 0, a data block after a gap, one that is free. Source: f2fs_sanity_check_cluster.
   */
  lookup(inode: Inode, start: number, slots: ClusterSlots): void {
    slots.nrBlocks = 0;
    slots.nrHoles = inode.clusterPages;
    if (!this.#map.seekCluster(inode, start, this.#dnode)) return;
    const { at } = this.#dnode;
    const { ino, clusterPages } = inode;
    const { sit } = this.#volume;
    slots.nrHoles = 0;
    let gap = false;
    let isCompressed = false;
    for (let i = 0; i < clusterPages; i++) {
      const blkaddr = this.#map.addressAt(inode, at + 4 * i, start + i);
      if (blkaddr === NULL_ADDR) slots.nrHoles++;
      if (i === 0) {
        isCompressed = blkaddr === COMPRESS_ADDR;
        continue;
      }
      if (blkaddr === COMPRESS_ADDR) throw corrupt('cluster-mark', { ino }, start, i);
      if (!isCompressed) continue;
      if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
        gap = true;
        continue;
      }
      if (gap) throw corrupt('cluster-gap', { ino }, start, i);
      if (sit.validRun(blkaddr, 1) === 0) {
        throw corrupt('cluster-block-free', { ino, blkaddr }, start, i);
      }
      slots.blkaddr[slots.nrBlocks++] = blkaddr;
    }
    if (isCompressed && slots.nrBlocks === 0) throw corrupt('cluster-empty', { ino }, start);
  }

  /**
   * Throws EIO when a cluster is compressed, but the file is said to save no blocks: Linux has lost count of a released
   * file whose slots it allocated before it reserved them. Then nobody knows what a change of it would take. Source:
   * f2fs_reserve_compress_blocks, which takes such a file for one that has nothing to reserve.
   */
  assertCounted(inode: Inode, slots: ClusterSlots): void {
    if (slots.nrBlocks === 0 || inode.reservesSlots) return;
    const message =
      "the file counts fewer saved blocks than its clusters have, and can't be changed: put a copy in its place, or run fsck.f2fs -f";
    throw new F2fsError('EIO', message, { ino: inode.ino });
  }

  /**
   * Makes the reserved cluster at page `start` a compressed one of `nrBlocks` new blocks of `log`, which go to `extents`,
   * and frees those that it had. Throws ENOSPC, having changed nothing. Source: f2fs_write_compressed_pages.
   */
  allocate(inode: Inode, start: number, nrBlocks: number, log: Log, extents: ExtentList): void {
    const { pool, nodes, nat, logs } = this.#volume;
    const { view } = pool;
    const slots = this.#slots;
    this.lookup(inode, start, slots);
    if (!slots.isReserved) throw corrupt('cluster-unreserved', { ino: inode.ino }, start);
    const saved = slots.nrBlocks > 0 ? inode.clusterPages - slots.nrBlocks : 0;
    const { nid, ofsInNode } = this.#dnode;
    this.#take(log, nrBlocks, nid, nat.versionOf(nid), ofsInNode + 1);
    nodes.markDirty(nid);
    nat.note(inode.ino, SINCE.MOVED);
    inode.addComprBlocks(inode.clusterPages - nrBlocks - saved);
    const raw = inode.change();
    if (raw.extLen !== 0) forgetExtent(raw);
    const at = this.#addressesOf(inode, start);
    for (let i = 0; i < inode.clusterPages; i++) {
      const old = view.getUint32(at + 4 * i, true);
      if (old < COMPRESS_ADDR) logs.invalidate(old);
      view.setUint32(at + 4 * i, i === 0 ? COMPRESS_ADDR : NEW_ADDR, true);
    }
    const taken = this.#taken;
    let slot = at + 4;
    for (let i = 0; i < taken.length; i++) {
      extents.add(taken.blkaddr[i], taken.count[i]);
      for (let j = 0; j < taken.count[i]; j++, slot += 4) view.setUint32(slot, taken.blkaddr[i] + j, true);
    }
  }

  /** Takes all the blocks or none. */
  #take(log: Log, nrBlocks: number, nid: number, version: number, ofsInNode: number): void {
    const { logs } = this.#volume;
    const taken = this.#taken;
    taken.clear();
    try {
      for (let done = 0; done < nrBlocks; ) {
        logs.allocate(log, nrBlocks - done, nid, version, ofsInNode + done, this.#run);
        taken.add(this.#run.blkaddr, this.#run.count);
        done += this.#run.count;
      }
    } catch (error) {
      for (let i = 0; i < taken.length; i++) {
        for (let j = 0; j < taken.count[i]; j++) logs.invalidate(taken.blkaddr[i] + j);
      }
      throw error;
    }
  }

  /**
   * Makes a compressed cluster a raw one with all slots reserved and no data: its pages must be in the cache and dirty.
   * Source: what f2fs_write_raw_pages does page by page.
   */
  dissolve(inode: Inode, start: number): void {
    const { pool, nodes, logs } = this.#volume;
    const slots = this.#slots;
    this.lookup(inode, start, slots);
    if (slots.nrBlocks === 0) return;
    if (!slots.isReserved) throw corrupt('cluster-released', { ino: inode.ino }, start);
    nodes.markDirty(this.#dnode.nid);
    inode.addComprBlocks(slots.nrBlocks - inode.clusterPages);
    const at = this.#addressesOf(inode, start);
    for (let i = 0; i < inode.clusterPages; i++) pool.view.setUint32(at + 4 * i, NEW_ADDR, true);
    for (let i = 0; i < slots.nrBlocks; i++) logs.invalidate(slots.blkaddr[i]);
  }

  /** Byte offset in the pool's memory of slot 0 of a cluster that is there. */
  #addressesOf(inode: Inode, start: number): number {
    this.#map.seekCluster(inode, start, this.#dnode);
    return this.#dnode.at;
  }

  /**
   * Gives back the slots that compressed clusters save; the file can't be changed then. Returns the blocks. Throws
   * EINVAL for a file without compression or released before, EPERM for one that saves none: it stays as it is. Source:
   * f2fs_release_compress_blocks.
   */
  release(inode: Inode, balance: () => void): number {
    if (inode.clusterPages === 1) throw notCompressed(inode, 'release');
    if (inode.isReleased) throw new F2fsError('EINVAL', `the file's blocks were released before`, { ino: inode.ino });
    if (inode.comprBlocks === 0) {
      const message = 'the file has no blocks to release: compression saves none';
      throw new F2fsError('EPERM', message, { ino: inode.ino });
    }
    inode.change().iInline |= INLINE.COMPRESS_RELEASED;
    let released = 0;
    this.#eachCompressed(inode, balance, (at) => (released += this.#releaseCluster(inode, at)));
    inode.clearComprBlocks();
    return released;
  }

  /** The slot 0 that counted as a block counts no more, and nor do the reserved ones. */
  #releaseCluster(inode: Inode, at: number): number {
    const { pool, space } = this.#volume;
    for (let i = 1; i < inode.clusterPages; i++) {
      if (pool.view.getUint32(at + 4 * i, true) === NEW_ADDR) pool.view.setUint32(at + 4 * i, NULL_ADDR, true);
    }
    const saved = inode.clusterPages - this.#slots.nrBlocks;
    inode.addComprBlocks(-saved);
    space.releaseBlocks(saved);
    inode.countBlocks(-saved);
    return saved;
  }

  /**
   * Takes again the slots that `release` gave back, so that the file can be changed. Returns the blocks. Throws EINVAL for
   * a file that is not released, ENOSPC, having changed nothing. Source: f2fs_reserve_compress_blocks, which stops half way.
   */
  reserve(inode: Inode, balance: () => void): number {
    if (inode.clusterPages === 1) throw notCompressed(inode, 'reserve');
    if (!inode.isReleased) throw new F2fsError('EINVAL', 'no blocks of the file were released', { ino: inode.ino });
    const { pool, space } = this.#volume;
    // Where nothing is saved no cluster is whole: Linux lets slots be allocated in a released file, all but the first then count.
    const hasWhole = inode.comprBlocks > 0;
    let wanted = 0;
    this.#eachCompressed(inode, balance, () => {
      if (!hasWhole || !this.#isWhole(inode)) wanted += this.#slots.nrHoles + 1;
    });
    space.assertBlocks(wanted);
    let reserved = 0;
    this.#eachCompressed(inode, balance, (at) => {
      if (hasWhole && this.#isWhole(inode)) return;
      const missing = this.#slots.nrHoles + 1;
      space.reserveBlocks(missing);
      for (let i = 1; i < inode.clusterPages; i++) {
        if (pool.view.getUint32(at + 4 * i, true) === NULL_ADDR) pool.view.setUint32(at + 4 * i, NEW_ADDR, true);
      }
      inode.addComprBlocks(inode.clusterPages - this.#slots.nrBlocks);
      inode.countBlocks(missing);
      reserved += missing;
    });
    inode.change().iInline &= ~INLINE.COMPRESS_RELEASED;
    return reserved;
  }

  /**
   * Whether the cluster looked up was never released. One that saves a single block has nothing but its slot 0 to release,
   * which shows nowhere: it counts as released, as the kernel has it.
   */
  #isWhole(inode: Inode): boolean {
    return this.#slots.isReserved && this.#slots.nrBlocks < inode.clusterPages - 1;
  }

  /**
   * Calls `change` with the byte offset of slot 0 of each compressed cluster, whose node is dirty then; `balance` before,
   * when no offset is held.
   */
  #eachCompressed(inode: Inode, balance: () => void, change: (at: number) => void): void {
    const nrPages = Math.ceil(inode.size / this.#blockSize);
    for (let start = 0; start < nrPages; ) {
      balance();
      this.#map.lookup(inode, start, nrPages - start, this.#run);
      if (this.#run.blkaddr === NULL_ADDR) {
        // A hole may be a subtree that is not there: skipped as a whole.
        const skipped = this.#run.count - (this.#run.count % inode.clusterPages);
        start += Math.max(skipped, inode.clusterPages);
        continue;
      }
      this.lookup(inode, start, this.#slots);
      if (this.#slots.nrBlocks > 0) {
        this.#volume.nodes.markDirty(this.#dnode.nid);
        change(this.#addressesOf(inode, start));
      }
      start += inode.clusterPages;
    }
  }
}

function notCompressed(inode: Inode, what: string): F2fsError {
  return new F2fsError('EINVAL', `the file is not compressed: there is nothing to ${what}`, {
    ino: inode.ino,
  });
}
