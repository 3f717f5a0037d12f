// From a page of a file to its block: finds, reserves, allocates and frees addresses, a run within one dnode at a time.
import { corrupt, throwFault } from '../../errors.ts';
import type { Report } from '../../faults.ts';
import { COMPRESS_ADDR, type Log, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import { INLINE } from '../../format/inode.ts';
import { childOffset, NodePath, nodePath } from '../../format/node.ts';
import { BlockRun } from '../../volume/block-run.ts';
import type { CurrentSegment } from '../../volume/current-segment.ts';
import type { VolumeLayout } from '../../volume/layout.ts';
import { SINCE } from '../../volume/nat.ts';
import type { Volume } from '../../volume/volume.ts';
import type { ExtentList } from '../../writeback/extent-list.ts';
import type { Inode } from '../inode/inode.ts';

/** Nodes that the pages of one folio can need, which lie under two dnodes at most. */
const MAX_NEW_NODES = 6;

/** Pages under a node of a level: 1 a direct node, 2 an indirect one, 3 the double indirect one. */
function pagesUnder(level: number, { addrsPerBlock, block }: Inode): number {
  return addrsPerBlock * block.addrsPerNode ** (level - 1);
}

/** Where the address of a page stands, or that it does not. Whoever looks it up owns it: it holds until that one looks again. */
export class DnodeCursor {
  /** The dnode. */
  nid = 0;
  /** Byte offset in the pool's memory of the address; until a frame may be taken. */
  at = 0;
  /** The same as the address's place in its dnode. */
  ofsInNode = 0;
  /** Addresses from there to the dnode's end; for a hole in the tree, pages to the hole's end. */
  left = 0;
  /** For a hole in the tree: the highest level of its path (1: below the inode) whose node is not there. */
  missingLevel = 0;
  /** The way to it. */
  readonly path = new NodePath();
}

/** What pages lack of blocks and nodes of their own. */
export class Lack {
  /** Pages without a block. */
  holes = 0;
  nodes = 0;
}

export class BlockMap {
  readonly #volume: Volume;
  readonly #dnode = new DnodeCursor();
  /** Of `reserve`, which others call while they are at a dnode. */
  readonly #reserved = new DnodeCursor();
  readonly #given = new BlockRun();
  /** Of `hasRoom` and `assertRoom`. */
  readonly #lack = new Lack();

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /**
   * Finds the dnode of page `index`. False when it does not exist (and `create` is off), or could not: the size of a compressed file
   * may lie past what its nodes can address. Throws EUCLEAN when a node on the way is not the one that its place calls for.
   * Source: f2fs_get_dnode_of_data.
   */
  #seek(inode: Inode, index: number, create: boolean, dnode: DnodeCursor): boolean {
    const { nodes, pool } = this.#volume;
    const addrsPerInode = inode.addrsPerInode;
    if (!create && index >= inode.maxPages) {
      dnode.left = Number.POSITIVE_INFINITY;
      return false;
    }
    const path = nodePath(index, addrsPerInode, inode.addrsPerBlock, inode.block, dnode.path);
    if (path.level === 0) {
      dnode.nid = inode.ino;
      dnode.ofsInNode = path.offset[0];
      dnode.at = inode.addrOffset + 4 * path.offset[0];
      dnode.left = addrsPerInode - path.offset[0];
      return true;
    }
    let parent = inode.ino;
    let slotAt = inode.nidOffset + 4 * path.offset[0];
    let pfn = 0;
    for (let level = 1; level <= path.level; level++) {
      let nid = pool.view.getUint32(slotAt, true);
      if (nid === 0) {
        if (!create) {
          dnode.left = this.#holeEnd(inode, index, path, level) - index;
          dnode.missingLevel = level;
          return false;
        }
        nid = nodes.create(inode.ino, path.noffset[level], !inode.isDirectory);
        nodes.markDirty(parent);
        pool.view.setUint32(slotAt, nid, true);
        inode.countBlocks(1);
      }
      pfn = this.#node(inode, nid, path.noffset[level]);
      parent = nid;
      slotAt = pfn * inode.blockSize + 4 * path.offset[level];
    }
    dnode.nid = parent;
    dnode.ofsInNode = path.offset[path.level];
    dnode.at = slotAt;
    dnode.left = inode.addrsPerBlock - dnode.ofsInNode;
    return true;
  }

  /** The frame of a node that must stand at `offset` of the inode's tree. */
  #node(inode: Inode, nid: number, offset: number): number {
    if (nid === inode.ino) throw corrupt('node-is-inode', { ino: inode.ino, nid });
    const pfn = this.#volume.nodes.get(nid, inode.ino);
    const found = this.#volume.nodes.offsetOf(pfn);
    if (found !== offset) {
      throw corrupt('node-offset', { ino: inode.ino, nid }, offset, found);
    }
    return pfn;
  }

  /** First page after a missing subtree: the node at `level` of the path is not there. */
  #holeEnd(inode: Inode, index: number, path: NodePath, level: number): number {
    const { nodeSlots } = inode.block;
    const pages = pagesUnder(path.level - level + 1, inode);
    const { offset } = path;
    let start = inode.addrsPerInode;
    for (let slot = 0; slot < offset[0]; slot++) start += pagesUnder(nodeSlots[slot].level, inode);
    return start + (Math.floor((index - start) / pages) + 1) * pages;
  }

  /** Finds where page `index` is, an address or NULL_ADDR, NEW_ADDR or COMPRESS_ADDR, and for how many pages, at most `max`, its run goes on. */
  lookup(inode: Inode, index: number, max: number, run: BlockRun): void {
    const dnode = this.#dnode;
    if (!this.#seek(inode, index, false, dnode)) {
      run.blkaddr = NULL_ADDR;
      run.count = Math.min(max, dnode.left);
      return;
    }
    const { view } = this.#volume.pool;
    const limit = Math.min(max, dnode.left);
    const first = this.#address(inode, dnode.at, index);
    const step = first === NULL_ADDR || first === NEW_ADDR || first === COMPRESS_ADDR ? 0 : 1;
    let count = 1;
    while (count < limit && view.getUint32(dnode.at + 4 * count, true) === first + step * count) count++;
    if (step === 1 && !this.#volume.layout.inMain(first + count - 1))
      this.#address(inode, dnode.at + 4 * (count - 1), index);
    run.blkaddr = first;
    run.count = count;
  }

  /** Whether an inode has neither a block nor a node besides itself, whatever it counts. Contents may lie within it. */
  isEmpty(inode: Inode): boolean {
    if (inode.hasInline(INLINE.DATA) || inode.hasInline(INLINE.DENTRY)) return true;
    const { view } = this.#volume.pool;
    inode.load();
    const { addrOffset, addrsPerInode, nidOffset } = inode;
    for (let i = 0; i < addrsPerInode; i++) if (view.getUint32(addrOffset + 4 * i, true) !== NULL_ADDR) return false;
    return inode.block.nodeSlots.every((_, slot) => view.getUint32(nidOffset + 4 * slot, true) === 0);
  }

  /** An address read from disk, once it is known to be one. */
  #address(inode: Inode, at: number, index: number): number {
    const blkaddr = this.#volume.pool.view.getUint32(at, true);
    checkPageAddress(inode.ino, index, blkaddr, this.#volume.layout, throwFault);
    return blkaddr;
  }

  /**
   * Promises blocks for pages [index, index + nrPages): holes become NEW_ADDR and count in i_blocks. Throws ENOSPC; what
   * it had promised before stays. Source: f2fs_reserve_new_blocks.
   */
  reserve(inode: Inode, index: number, nrPages: number): void {
    const dnode = this.#reserved;
    const { pool, nodes, space } = this.#volume;
    const { view } = pool;
    for (let done = 0; done < nrPages; ) {
      this.#seek(inode, index + done, true, dnode);
      const count = Math.min(nrPages - done, dnode.left);
      let holes = 0;
      for (let i = 0; i < count; i++) if (view.getUint32(dnode.at + 4 * i, true) === NULL_ADDR) holes++;
      if (holes > 0) {
        space.reserveBlocks(holes);
        inode.countBlocks(holes);
        nodes.markDirty(dnode.nid);
        for (let i = 0; i < count; i++) {
          if (view.getUint32(dnode.at + 4 * i, true) === NULL_ADDR) view.setUint32(dnode.at + 4 * i, NEW_ADDR, true);
        }
      }
      done += count;
    }
  }

  /**
   * Makes pages [index, index + nrPages) reserved ones without contents: they read as zeros, their blocks are freed. No
   * page of them may be in the cache. Throws ENOSPC; what it had done before stays. Source: f2fs_do_zero_range.
   */
  unwrite(inode: Inode, index: number, nrPages: number): void {
    const dnode = this.#dnode;
    const { pool, nodes, logs } = this.#volume;
    const { view } = pool;
    for (let done = 0; done < nrPages; ) {
      this.#seek(inode, index + done, true, dnode);
      const count = Math.min(nrPages - done, dnode.left);
      this.reserve(inode, index + done, count);
      nodes.markDirty(dnode.nid);
      for (let i = 0; i < count; i++) {
        const at = dnode.at + 4 * i;
        const old = this.#address(inode, at, index + done + i);
        if (old >= COMPRESS_ADDR) continue;
        logs.invalidate(old);
        view.setUint32(at, NEW_ADDR, true);
      }
      forgetExtent(inode.change());
      done += count;
    }
  }

  /** Whether `reserve` of these pages finds room. */
  hasRoom(inode: Inode, index: number, nrPages: number): boolean {
    const { space } = this.#volume;
    if (nrPages + MAX_NEW_NODES <= Math.min(space.freeBlocks, space.freeNodes)) return true;
    const lack = this.#lack;
    this.missing(inode, index, nrPages, lack);
    return lack.holes + lack.nodes <= space.freeBlocks && lack.nodes <= space.freeNodes;
  }

  /** Throws ENOSPC when `reserve` of these pages would, telling what all of them need; the volume stays as it is. */
  assertRoom(inode: Inode, index: number, nrPages: number): void {
    const { space } = this.#volume;
    const lack = this.#lack;
    this.missing(inode, index, nrPages, lack);
    if (lack.holes + lack.nodes > space.freeBlocks) this.missing(inode, index, nrPages, lack, Number.POSITIVE_INFINITY);
    space.assertBlocks(lack.holes + lack.nodes);
    space.assertNodes(lack.nodes);
  }

  /** Counts what pages [index, index + nrPages) lack; it stops counting where that takes more than `most` blocks. */
  missing(inode: Inode, index: number, nrPages: number, lack: Lack, most = this.#volume.space.freeBlocks): void {
    const dnode = this.#dnode;
    const { pool } = this.#volume;
    const end = index + nrPages;
    let nrNodes = 0;
    let holes = 0;
    for (let at = index; at < end && holes + nrNodes <= most; ) {
      const isThere = this.#seek(inode, at, false, dnode);
      // A missing subtree is looked at a dnode at a time: it takes one node each, and those above where one begins.
      const left = isThere ? dnode.left : inode.addrsPerBlock - dnode.path.ofsInNode;
      const count = Math.min(end - at, left);
      if (isThere) {
        for (let i = 0; i < count; i++) if (pool.view.getUint32(dnode.at + 4 * i, true) === NULL_ADDR) holes++;
      } else {
        holes += count;
        nrNodes += newNodes(dnode, at === index);
      }
      at += count;
    }
    lack.holes = holes;
    lack.nodes = nrNodes;
  }

  /**
   * Gives pages [index, index + nrPages), reserved before, new blocks off a log, and frees the ones that they had; with
   * `inPlace` a page that has a block keeps it. The blocks go to `extents`, in page order. Throws ENOSPC. Source:
   * f2fs_map_blocks, f2fs_outplace_write_data, f2fs_inplace_write_data.
   */
  allocate(inode: Inode, index: number, nrPages: number, log: Log, extents: ExtentList, inPlace = false): void {
    const dnode = this.#dnode;
    const { pool, nodes, nat, logs } = this.#volume;
    const { view } = pool;
    if (inode.load().extLen !== 0) forgetExtent(inode.change());
    for (let done = 0; done < nrPages; ) {
      this.#seek(inode, index + done, true, dnode);
      const count = Math.min(nrPages - done, dnode.left);
      const version = nat.versionOf(dnode.nid);
      let kept = 0;
      let replaced = 0;
      for (let i = 0; i < count; ) {
        if (inPlace && this.#keepBlock(inode, dnode.at + 4 * i, index + done + i, extents)) {
          i++;
          kept++;
          continue;
        }
        nodes.markDirty(dnode.nid);
        logs.allocate(log, inPlace ? 1 : count - i, dnode.nid, version, dnode.ofsInNode + i, this.#given);
        const { blkaddr, count: given } = this.#given;
        for (let j = 0; j < given; j++) {
          const at = dnode.at + 4 * (i + j);
          const old = this.#address(inode, at, index + done + i + j);
          if (old === NULL_ADDR || old === COMPRESS_ADDR) {
            throw corrupt('page-unreserved', { ino: inode.ino }, index + done + i + j);
          }
          if (old !== NEW_ADDR) {
            logs.invalidate(old);
            replaced++;
          }
          view.setUint32(at, blkaddr + j, true);
        }
        extents.add(blkaddr, given);
        i += given;
      }
      let since = replaced > 0 ? SINCE.REPLACED : 0;
      if (kept > 0) since |= SINCE.OVERWRITTEN;
      if (kept < count) since |= SINCE.MOVED;
      nat.note(inode.ino, since);
      done += count;
    }
  }

  /**
   * Gives those of pages [index, index + nrPages), all reserved before, that have no block consecutive ones of a log that
   * `Logs.beginPinned` has begun; what stands there is what they hold. Source: f2fs_map_blocks with F2FS_GET_BLOCK_PRE_DIO.
   */
  allocatePinned(inode: Inode, index: number, nrPages: number, section: CurrentSegment): void {
    const dnode = this.#dnode;
    const { pool, nodes, nat, logs } = this.#volume;
    const { view } = pool;
    forgetExtent(inode.change());
    for (let done = 0; done < nrPages; ) {
      this.#seek(inode, index + done, true, dnode);
      const count = Math.min(nrPages - done, dnode.left);
      nodes.markDirty(dnode.nid);
      for (let i = 0; i < count; ) {
        let run = 0;
        while (i + run < count && view.getUint32(dnode.at + 4 * (i + run), true) === NEW_ADDR) run++;
        if (run === 0) {
          i++;
          continue;
        }
        logs.allocatePinned(section, run, dnode.nid, nat.versionOf(dnode.nid), dnode.ofsInNode + i, this.#given);
        const { blkaddr, count: given } = this.#given;
        for (let j = 0; j < given; j++) view.setUint32(dnode.at + 4 * (i + j), blkaddr + j, true);
        i += given;
      }
      done += count;
    }
    nat.note(inode.ino, SINCE.MOVED);
  }

  /** Lists the block that a page has, to be written in place; false when it has none. */
  #keepBlock(inode: Inode, at: number, index: number, extents: ExtentList): boolean {
    const blkaddr = this.#address(inode, at, index);
    if (blkaddr === NULL_ADDR || blkaddr >= COMPRESS_ADDR) return false;
    if (this.#volume.sit.validRun(blkaddr, 1) === 0) {
      throw corrupt('page-block-free', { ino: inode.ino, blkaddr }, index);
    }
    extents.add(blkaddr, 1, true);
    this.#volume.counters.inPlaceBlocks++;
    return true;
  }

  /** Frees the blocks of pages [index, index + nrPages), whole clusters of a compressed file. Nodes stay. Source: f2fs_truncate_hole. */
  punch(inode: Inode, index: number, nrPages: number): void {
    const dnode = this.#dnode;
    const end = index + nrPages;
    for (let at = index; at < end; ) {
      if (!this.#seek(inode, at, false, dnode)) {
        at += dnode.left;
        continue;
      }
      const count = Math.min(end - at, dnode.left);
      const ofs = dnode.ofsInNode;
      const addrs = dnode.at - 4 * ofs;
      this.#volume.nodes.markDirty(dnode.nid);
      this.#freeAddresses(inode, dnode.nid, addrs, ofs, ofs + count, at - ofs);
      forgetExtent(inode.load());
      at += count;
    }
  }

  /**
   * Frees every block and node of pages [index, end of file); a compressed cluster goes whole, so `index` must not be
   * within one. Source: f2fs_truncate_blocks.
   */
  truncate(inode: Inode, index: number): void {
    const { addrsPerInode, block } = inode;
    const { nodeSlots } = block;
    forgetExtent(inode.change());
    if (index < addrsPerInode) {
      this.#freeAddresses(inode, inode.ino, inode.addrOffset, index, addrsPerInode, 0);
    }
    let start = addrsPerInode;
    for (let slot = 0; slot < nodeSlots.length; slot++) {
      const { level, offset } = nodeSlots[slot];
      const pages = pagesUnder(level, inode);
      if (index < start + pages) {
        const at = inode.nidOffset + 4 * slot;
        this.#freeSlot(inode, at, level, Math.max(0, index - start), offset, start);
      }
      start += pages;
    }
  }

  /** Frees pages [from, ...) under the node whose nid stands at byte `at`, and the node too when nothing of it is left. */
  #freeSlot(inode: Inode, at: number, level: number, from: number, offset: number, firstPage: number): void {
    const { pool, nodes } = this.#volume;
    const nid = pool.view.getUint32(at, true);
    if (nid === 0) return;
    const base = this.#node(inode, nid, offset) * inode.blockSize;
    nodes.markDirty(nid);
    if (level === 1) {
      this.#freeAddresses(inode, nid, base, from, inode.addrsPerBlock, firstPage);
    } else {
      const pages = pagesUnder(level - 1, inode);
      for (let slot = Math.floor(from / pages); slot < inode.block.addrsPerNode; slot++) {
        const inSlot = Math.max(0, from - slot * pages);
        const start = firstPage + slot * pages;
        this.#freeSlot(inode, base + 4 * slot, level - 1, inSlot, childOffset(offset, level, slot, inode.block), start);
      }
    }
    if (from === 0) {
      nodes.remove(nid, false);
      pool.view.setUint32(at, 0, true);
      inode.countBlocks(-1);
    }
  }

  /**
   * Frees the addresses [from, end) of the dnode `nid`, which stand at byte `addrs` of the pool's memory. They leave i_blocks as they
   * are freed: a later node may fail to be read. Source: f2fs_truncate_data_blocks_range.
   */
  #freeAddresses(inode: Inode, nid: number, addrs: number, from: number, end: number, firstPage: number): void {
    const { pool, logs, space } = this.#volume;
    const cluster = inode.clusterPages;
    const last = this.#loadSegments(inode, nid, addrs, from, end, firstPage);
    let freed = 0;
    // The slots of a released file's clusters were given back when it was released.
    const released = cluster > 1 && !inode.reservesSlots;
    let isCompressed = false;
    let nrData = 0;
    for (let i = from; i < last; i++) {
      const at = addrs + 4 * i;
      const blkaddr = this.#address(inode, at, firstPage + i);
      if (cluster > 1 && i % cluster === 0) {
        if (isCompressed) inode.addComprBlocks(nrData - cluster);
        isCompressed = blkaddr === COMPRESS_ADDR && !released;
        nrData = 0;
      }
      if (blkaddr === NULL_ADDR) continue;
      if (blkaddr < COMPRESS_ADDR) {
        logs.invalidate(blkaddr);
        nrData++;
      }
      pool.view.setUint32(at, NULL_ADDR, true);
      if (!released || blkaddr !== COMPRESS_ADDR) freed++;
    }
    if (isCompressed) inode.addComprBlocks(nrData - cluster);
    space.releaseBlocks(freed);
    inode.countBlocks(-freed);
  }

  /**
   * Reads the SIT blocks of what is about to be freed: one that can't be read must fail before anything is. Returns the end of
   * the addresses that are not NULL_ADDR. Throws EUCLEAN, having freed nothing of the dnode, when the inode counts fewer blocks than
   * it has there and they are not all its own.
   */
  #loadSegments(inode: Inode, nid: number, addrs: number, from: number, end: number, firstPage: number): number {
    const { layout, sit, pool } = this.#volume;
    let lastSegno = -1;
    let last = from;
    let nrBlocks = 0;
    for (let i = from; i < end; i++) {
      if (pool.view.getUint32(addrs + 4 * i, true) === NULL_ADDR) continue;
      last = i + 1;
      const blkaddr = this.#address(inode, addrs + 4 * i, firstPage + i);
      if (blkaddr >= COMPRESS_ADDR) continue;
      nrBlocks++;
      const segno = layout.segnoOf(blkaddr);
      if (segno !== lastSegno) sit.validBlocks(segno);
      lastSegno = segno;
    }
    if (nrBlocks >= inode.load().iBlocks) this.#assertOwn(inode, nid, addrs, from, last);
    return last;
  }

  /**
   * Either the count is wrong or the addresses are: by the summaries, which say of each block whose it is. Throws EUCLEAN for a block
   * that is another's, which must not be freed.
   */
  #assertOwn(inode: Inode, nid: number, addrs: number, from: number, end: number): void {
    const { pool, logs } = this.#volume;
    for (let i = from; i < end; i++) {
      const blkaddr = pool.view.getUint32(addrs + 4 * i, true);
      if (blkaddr === NULL_ADDR || blkaddr >= COMPRESS_ADDR) continue;
      const owner = logs.ownerOf(blkaddr);
      if (owner.nid === nid && owner.ofsInNode === i) continue;
      throw corrupt('inode-block-count', { ino: inode.ino, blkaddr });
    }
  }

  /**
   * Finds the first address of the cluster that begins at page `start`; false when its dnode does not exist. All of a cluster's
   * addresses lie in one dnode.
   */
  seekCluster(inode: Inode, start: number, dnode: DnodeCursor): boolean {
    return this.#seek(inode, start, false, dnode);
  }

  /** Finds the address of page `index`, whose dnode is made when there is none. Throws ENOSPC. */
  seekForChange(inode: Inode, index: number, dnode: DnodeCursor): void {
    this.#seek(inode, index, true, dnode);
  }

  /** The address at byte `at` of the pool's memory, of page `index`. Throws EUCLEAN for one outside the main area. */
  addressAt(inode: Inode, at: number, index: number): number {
    return this.#address(inode, at, index);
  }
}

/** Nodes that a hole in the tree needs for one dnode more; those above the dnode only where they begin. */
function newNodes({ path: { level, offset }, missingLevel }: DnodeCursor, isFirst: boolean): number {
  let nrNodes = 1;
  for (let above = level - 1; above >= missingLevel; above--) {
    if (!isFirst && offset[above] !== 0) break;
    nrNodes++;
  }
  return nrNodes;
}

/** The largest extent is a cache, which readers trust: it must not outlive the blocks that it names. */
export function forgetExtent(raw: ReturnType<Inode['load']>): void {
  raw.extLen = 0;
  raw.extFofs = 0;
  raw.extBlk = 0;
}

/** Tells of an address of page `index` that none can have; whether one can. Source: f2fs_is_valid_blkaddr. */
export function checkPageAddress(
  ino: number,
  index: number,
  blkaddr: number,
  layout: VolumeLayout,
  report: Report,
): boolean {
  if (blkaddr === NULL_ADDR || blkaddr >= COMPRESS_ADDR || layout.inMain(blkaddr)) return true;
  report('page-address', { ino, blkaddr }, index);
  return false;
}
