// Node blocks in the page cache, by nid: read and checked on first touch, edited in place, written to the node logs.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt, F2fsError, throwFault } from '../errors.ts';
import type { Report } from '../faults.ts';
import { type BlockGeometry, NODE_FOOTER_SIZE } from '../format/block-size.ts';
import { LOG, type Log, NEW_ADDR, NULL_ADDR } from '../format/constants.ts';
import { I_ADDR_OFFSET, INLINE, INODE_CHECKSUM_OFFSET, Inode, InodeExtra, inodeChecksum } from '../format/inode.ts';
import { isDnodeOffset, NODE_FLAG, NODE_OFFSET_SHIFT, NodeFooter, writeFooter } from '../format/node.ts';
import { AddressSpace, TAG } from '../pagecache/address-space.ts';
import type { Ioends } from '../pagecache/ioend.ts';
import type { FramePool } from '../pagecache/pool.ts';
import { BlockRun } from './block-run.ts';
import type { VolumeLayout } from './layout.ts';
import type { Logs } from './logs.ts';
import { type NodeTable, SINCE } from './nat.ts';
import type { SegmentTable } from './sit.ts';
import type { Space } from './space.ts';

// From a node's footer on.
const NID = NodeFooter.offsets.nid;
const INO = NodeFooter.offsets.ino;
const FLAG = NodeFooter.offsets.flag;
const CP_VER = NodeFooter.offsets.cpVer;
const CP_VER_CRC = NodeFooter.offsets.cpVerCrc;
const NEXT_BLKADDR = NodeFooter.offsets.nextBlkaddr;
// From an inode's start on.
const I_INLINE = Inode.offsets.iInline;
const EXTRA_ISIZE = I_ADDR_OFFSET + InodeExtra.offsets.iExtraIsize;
const CHECKSUM_END = InodeExtra.ends.iInodeChecksum;
const NODE_INO = 1;

export class NodeCache {
  readonly #given = new BlockRun();
  readonly #device: QueuedDevice;
  readonly #block: BlockGeometry;
  readonly #blockSize: number;
  /** From a node's start to its footer. */
  readonly #footer: number;
  readonly #pool: FramePool;
  readonly #nat: NodeTable;
  readonly #sit: SegmentTable;
  readonly #logs: Logs;
  readonly #space: Space;
  /** Seed of inode checksums; null when the volume has none. */
  readonly #checksumSeed: number | null;
  readonly pages: AddressSpace;
  readonly #ioends: Ioends;
  /**
   * The version that footers carry: the last checkpoint's, and its CRC. Before this mount has written one it is 0, which no
   * chain has: what an earlier mount left of the chain after its checkpoint must not come to follow a node of ours.
   */
  readonly #footerVersion = new Uint32Array(2);
  /** Dirty nodes of the chain, but for the inodes themselves, by inode. */
  readonly #dirtyDnodes = new Map<number, Set<number>>();

  constructor(
    device: QueuedDevice,
    { block }: VolumeLayout,
    pool: FramePool,
    nat: NodeTable,
    sit: SegmentTable,
    logs: Logs,
    space: Space,
    ioends: Ioends,
    checksumSeed: number | null,
  ) {
    this.#device = device;
    this.#block = block;
    this.#blockSize = block.blockSize;
    this.#footer = block.nodeFooterOffset;
    this.#pool = pool;
    this.#nat = nat;
    this.#sit = sit;
    this.#logs = logs;
    this.#space = space;
    this.#checksumSeed = checksumSeed;
    this.pages = new AddressSpace(pool, NODE_INO);
    this.#ioends = ioends;
  }

  /** Nodes in the chain since the last checkpoint. */
  chainLength = 0;

  setCheckpointVersion(version: number, crc: number): void {
    this.#footerVersion[0] = version;
    this.#footerVersion[1] = crc;
    this.chainLength = 0;
  }

  /**
   * The frame that holds node `nid` of inode `ino`, read if need be. Throws EUCLEAN when the node is free, its block is
   * not that node, or an inode's checksum is wrong. Source: f2fs_get_node_page.
   */
  get(nid: number, ino: number): number {
    const cached = this.pages.find(nid);
    const pfn = cached >= 0 ? cached : this.#read(nid);
    const view = this.#pool.view;
    const base = pfn * this.#blockSize;
    if (view.getUint32(base + this.#footer + INO, true) !== ino) {
      throw corrupt('node-inode', { nid, ino }, view.getUint32(base + this.#footer + INO, true));
    }
    return pfn;
  }

  #read(nid: number): number {
    this.#nat.check(nid);
    const blkaddr = this.#nat.blkaddrOf(nid);
    checkNodeBlock(nid, blkaddr, this.#sit, throwFault);
    const pfn = this.#allocFrame();
    try {
      this.#device.read(blkaddr, this.#pool.page(pfn));
      const { view } = this.#pool;
      const base = pfn * this.#blockSize;
      checkFooter(view, base + this.#footer, nid, this.#nat.inoOf(nid), blkaddr, throwFault);
      if (this.#checksumSeed !== null)
        checkInodeChecksum(this.#checksumSeed, this.#pool.page(pfn), view, base, nid, blkaddr, throwFault);
    } catch (error) {
      this.#pool.freeFolio(pfn);
      throw error;
    }
    this.pages.insert(nid, pfn);
    return pfn;
  }

  /** A new node: reserved, numbered, its block zeroed but for the footer, dirty. `ino` 0 makes an inode of its own. */
  create(ino: number, offset: number, cold: boolean): number {
    const pfn = this.#allocFrame();
    let nid: number;
    try {
      this.#space.reserveNode(ino === 0);
      try {
        nid = this.#nat.allocate(ino);
      } catch (error) {
        this.#space.releaseNode(ino === 0);
        throw error;
      }
    } catch (error) {
      this.#pool.freeFolio(pfn);
      throw error;
    }
    this.#pool.zero(pfn, 1);
    const base = pfn * this.#blockSize;
    const { view } = this.#pool;
    writeFooter(view, base + this.#footer, nid, ino === 0 ? nid : ino, offset, cold);
    this.pages.insert(nid, pfn);
    this.#setDirty(nid, base);
    return nid;
  }

  /** An inode that roll-forward found: like `create`, but its number and contents are given. Throws EUCLEAN, ENOSPC. */
  adopt(ino: number, contents: Uint8Array): void {
    const pfn = this.#allocFrame();
    try {
      this.#space.reserveNode(true);
      this.#nat.claim(ino);
    } catch (error) {
      this.#pool.freeFolio(pfn);
      throw error;
    }
    this.#pool.page(pfn).set(contents);
    const base = pfn * this.#blockSize;
    const { view } = this.#pool;
    writeFooter(view, base + this.#footer, ino, ino, 0, true);
    this.pages.insert(ino, pfn);
    this.#setDirty(ino, base);
  }

  /** A node that is clean leaves the cache: it is written anew by another way. */
  forget(nid: number): void {
    this.pages.truncate(nid, nid + 1);
  }

  /** Offset of a loaded node in its inode's tree. */
  offsetOf(pfn: number): number {
    return this.#pool.view.getUint32(pfn * this.#blockSize + this.#footer + FLAG, true) >>> NODE_OFFSET_SHIFT;
  }

  /**
   * To be called before a node is changed: it waits for a write of the old contents, which would else be half old and
   * half new. Source: f2fs_wait_on_page_writeback.
   */
  markDirty(nid: number): void {
    if (this.pages.isTagged(TAG.DIRTY, nid)) return;
    if (this.pages.isTagged(TAG.WRITEBACK, nid)) this.#ioends.submit();
    this.#setDirty(nid, this.pages.find(nid) * this.#blockSize);
  }

  #setDirty(nid: number, base: number): void {
    this.pages.setDirty(nid, 1);
    const { view } = this.#pool;
    const ino = view.getUint32(base + this.#footer + INO, true);
    if (ino === nid || this.#logOf(view.getUint32(base + this.#footer + FLAG, true)) !== LOG.WARM_NODE) return;
    const dnodes = this.#dirtyDnodes.get(ino);
    if (dnodes === undefined) this.#dirtyDnodes.set(ino, new Set([nid]));
    else dnodes.add(nid);
  }

  #clearDirty(nid: number, ino: number): void {
    this.pages.clearDirty(nid, 1);
    if (ino === nid) return;
    const dnodes = this.#dirtyDnodes.get(ino);
    if (dnodes?.delete(nid) === true && dnodes.size === 0) this.#dirtyDnodes.delete(ino);
  }

  /** Frees a node: its number, its block and its frame. */
  remove(nid: number, isInode: boolean): void {
    const blkaddr = this.#nat.blkaddrOf(nid);
    const ino = this.#nat.inoOf(nid);
    if (blkaddr !== NULL_ADDR && blkaddr !== NEW_ADDR) {
      this.#logs.invalidate(blkaddr);
      // The chain tells of nodes that are there, not of those that are not.
      if (!isInode) this.#nat.note(ino, SINCE.NEEDS_CHECKPOINT);
    }
    if (this.pages.isTagged(TAG.WRITEBACK, nid)) this.#ioends.submit();
    if (this.pages.isTagged(TAG.DIRTY, nid)) this.#clearDirty(nid, ino);
    this.pages.truncate(nid, nid + 1);
    this.#nat.release(nid);
    this.#space.releaseNode(isInode);
  }

  /**
   * Sends dirty nodes to their logs; written when the ioends are submitted. Without `directories` those of directories
   * stay: they change with every name, and whoever changes a node waits for its write. Source: f2fs_sync_node_pages.
   */
  writeback(directories: boolean): void {
    const { pages } = this;
    const end = Number.POSITIVE_INFINITY;
    for (let nid = pages.nextTagged(TAG.DIRTY, 0, end); nid >= 0; nid = pages.nextTagged(TAG.DIRTY, nid + 1, end)) {
      const pfn = pages.find(nid);
      if (
        !directories &&
        (this.#pool.view.getUint32(pfn * this.#blockSize + this.#footer + FLAG, true) & NODE_FLAG.COLD) === 0
      )
        continue;
      this.#write(nid, pfn, 0);
    }
  }

  /** Whether nodes of the chain, besides the inode itself, are dirty. */
  hasDirtyDnodes(ino: number): boolean {
    return this.#dirtyDnodes.has(ino);
  }

  /** Sends an inode's dirty nodes of the chain to their log, but for the inode itself. */
  writeDnodes(ino: number): void {
    const nids = [...(this.#dirtyDnodes.get(ino) ?? [])].sort((a, b) => a - b);
    for (const nid of nids) this.#write(nid, this.get(nid, ino), 0);
  }

  /**
   * Sends an inode to its log with the fsync mark, and the dentry mark while no checkpoint and no fsync has it: roll-forward
   * then makes its name. Source: f2fs_fsync_node_pages.
   */
  writeFsynced(ino: number): void {
    const pfn = this.get(ino, ino);
    this.markDirty(ino);
    const isUnknown = (this.#nat.since(ino) & (SINCE.NEW | SINCE.FSYNCED)) === SINCE.NEW;
    this.#write(ino, pfn, isUnknown ? NODE_FLAG.FSYNC | NODE_FLAG.DENTRY : NODE_FLAG.FSYNC);
  }

  /** Gives a dirty node its new block and adds it to the log's bio. Source: __write_node_page, f2fs_do_write_node_page. */
  #write(nid: number, pfn: number, marks: number): void {
    const { view } = this.#pool;
    const base = pfn * this.#blockSize;
    const flag = view.getUint32(base + this.#footer + FLAG, true);
    const ino = view.getUint32(base + this.#footer + INO, true);
    const log = this.#logOf(flag);
    const old = this.#nat.blkaddrOf(nid);
    this.#clearDirty(nid, ino);
    this.#logs.allocate(log, 1, nid, 0, 0, this.#given);
    const { blkaddr } = this.#given;
    if (log === LOG.WARM_NODE) this.chainLength++;
    if (old !== NULL_ADDR && old !== NEW_ADDR) this.#logs.invalidate(old);
    this.#nat.setBlkaddr(nid, blkaddr);
    if (marks === 0) {
      this.#nat.note(ino, SINCE.UNMARKED);
    } else {
      this.#nat.note(ino, SINCE.FSYNCED);
      this.#nat.unnote(ino, SINCE.UNMARKED);
    }
    view.setUint32(base + this.#footer + FLAG, ((flag & ~(NODE_FLAG.FSYNC | NODE_FLAG.DENTRY)) | marks) >>> 0, true);
    this.seal(this.#pool.page(pfn), view, base, nid, log);
    this.#ioends.add(log, this.pages, nid, pfn, 1, blkaddr);
  }

  /**
   * Ends a node that was given a block of `log`, the last one that it gave: the footer says where the log goes on, an inode gets its
   * checksum. `block` is what lies at byte `base` of `view`.
   */
  seal(block: Uint8Array, view: DataView, base: number, nid: number, log: Log): void {
    view.setUint32(base + this.#footer + CP_VER, this.#footerVersion[0], true);
    view.setUint32(base + this.#footer + CP_VER_CRC, this.#footerVersion[1], true);
    view.setUint32(base + this.#footer + NEXT_BLKADDR, this.#logs.nextBlkaddr(log), true);
    if (this.#checksumSeed === null || !hasChecksum(block, view, base, nid)) return;
    view.setUint32(base + INODE_CHECKSUM_OFFSET, inodeChecksum(this.#checksumSeed, block, view, base), true);
  }

  /**
   * Whether a node outside the cache is as it was sent: an inode says so, of others nobody knows. An inode without its checksum is
   * none that was sent: its first sectors are missing.
   */
  isWhole(block: Uint8Array, view: DataView, nid: number): boolean {
    if (this.#checksumSeed === null || view.getUint32(this.#footer + INO, true) !== nid) return true;
    if (!hasChecksum(block, view, 0, nid)) return false;
    return view.getUint32(INODE_CHECKSUM_OFFSET, true) === inodeChecksum(this.#checksumSeed, block, view, 0);
  }

  #allocFrame(): number {
    const pfn = this.#pool.allocRun(1);
    if (pfn < 0)
      throw new F2fsError('ENOMEM', 'the page cache has no page left for a node: mount with more cacheBytes');
    return pfn;
  }

  /** The log of a node with these footer flags; the warm one is the chain that roll-forward follows. */
  #logOf(flag: number): Log {
    if (!isDnodeOffset(flag >>> NODE_OFFSET_SHIFT, this.#block)) return LOG.COLD_NODE;
    return (flag & NODE_FLAG.COLD) !== 0 ? LOG.WARM_NODE : LOG.HOT_NODE;
  }
}

/** Whether `block`, the bytes of `view` from `base` on, is an inode with room for a checksum. Source: f2fs_enable_inode_chksum. */
function hasChecksum(block: Uint8Array, view: DataView, base: number, nid: number): boolean {
  const footer = base + block.length - NODE_FOOTER_SIZE;
  if (view.getUint32(footer + INO, true) !== nid || (view.getUint8(base + I_INLINE) & INLINE.EXTRA_ATTR) === 0)
    return false;
  return view.getUint16(base + EXTRA_ISIZE, true) >= CHECKSUM_END;
}

/** Tells when a node that is referred to has no block, or one that is free; whether it has a block. */
export function checkNodeBlock(nid: number, blkaddr: number, sit: SegmentTable, report: Report): boolean {
  if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
    report('node-missing', { nid });
    return false;
  }
  if (!sit.isValid(blkaddr)) report('node-block-free', { nid, blkaddr });
  return true;
}

/**
 * Tells what is wrong with a node's footer, at byte `at`: it should be node `nid`, of inode `ino` as the NAT has it. Whether
 * it is that node. Source: f2fs_get_node_page.
 */
export function checkFooter(
  view: DataView,
  at: number,
  nid: number,
  ino: number,
  blkaddr: number,
  report: Report,
): boolean {
  const found = view.getUint32(at + NID, true);
  if (found !== nid) {
    report('node-footer', { nid, blkaddr }, found);
    return false;
  }
  if (view.getUint32(at + INO, true) === ino) return true;
  report('node-nat-inode', { nid, blkaddr });
  return false;
}

/** Tells of an inode whose checksum does not hold. `block` is what lies at byte `base`. Source: f2fs_inode_chksum_verify. */
export function checkInodeChecksum(
  seed: number,
  block: Uint8Array,
  view: DataView,
  base: number,
  nid: number,
  blkaddr: number,
  report: Report,
): void {
  if (!hasChecksum(block, view, base, nid)) return;
  if (view.getUint32(base + INODE_CHECKSUM_OFFSET, true) === inodeChecksum(seed, block, view, base)) return;
  report('inode-checksum', { ino: nid, blkaddr });
}
