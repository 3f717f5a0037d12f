// One node of the fsync chain put in force: attributes, xattrs, inline data or addresses of an inode become what the node says.
import { corrupt } from '../../errors.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../format/constants.ts';
import {
  ADVISE,
  fitsInExtra,
  I_ADDR_OFFSET,
  I_FLAGS,
  INLINE,
  InodeExtra,
  Inode as InodeView,
  inlineDataOffset,
} from '../../format/inode.ts';
import { firstPageOf, isDnodeOffset, XATTR_NODE_OFFSET } from '../../format/node.ts';
import { zero } from '../../pagecache/zero.ts';
import type { ChainNode } from '../../volume/fsync-chain.ts';
import type { Volume } from '../../volume/volume.ts';
import { type BlockMap, DnodeCursor, forgetExtent } from '../data/block-map.ts';
import type { Inode } from '../inode/inode.ts';
import type { Inodes } from '../inode/inodes.ts';
import type { Xattrs } from '../xattr/xattrs.ts';

/** What an inode is made of besides its contents, links and name. Source: recover_inode. */
const ATTRIBUTES = [
  'iMode',
  'iAdvise',
  'iUid',
  'iGid',
  'iSize',
  'iAtime',
  'iCtime',
  'iMtime',
  'iAtimeNsec',
  'iCtimeNsec',
  'iMtimeNsec',
  'iCurrentDepth',
  'iFlags',
] as const;
/** i_advise flags of files that have blocks behind their end. */
const BEHIND_END = ADVISE.KEEP_SIZE | ADVISE.VERITY;
/** i_inline flags that a chain's inode brings; the others follow from its contents. Source: recover_inline_flags. */
const INLINE_ATTRIBUTES = INLINE.PIN_FILE | INLINE.DATA_EXIST;

export class InodeRecovery {
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #map: BlockMap;
  readonly #dnode = new DnodeCursor();
  readonly #inodes: Inodes;
  readonly #xattrs: Xattrs;

  constructor(volume: Volume, map: BlockMap, inodes: Inodes, xattrs: Xattrs) {
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#map = map;
    this.#inodes = inodes;
    this.#xattrs = xattrs;
  }

  /**
   * Makes the inode that a chain's node is of, when no checkpoint has it: with nothing in it yet. Throws EUCLEAN when it can't be
   * one that fsync wrote. Source: f2fs_recover_inode_page.
   */
  create(node: ChainNode): void {
    const { ino } = node;
    const contents = new Uint8Array(this.#blockSize);
    const from = new InodeView(node.view);
    contents.set(node.bytes.subarray(0, InodeView.offsets.extFofs));
    const raw = new InodeView(new DataView(contents.buffer));
    raw.iSize = 0;
    raw.iBlocks = 1;
    raw.iLinks = 1;
    raw.iXattrNid = 0;
    raw.iInline = from.iInline & (INLINE.XATTR | INLINE.EXTRA_ATTR);
    if ((raw.iInline & INLINE.EXTRA_ATTR) !== 0) {
      const size = Math.min(new InodeExtra(node.view, I_ADDR_OFFSET).iExtraIsize, InodeExtra.size);
      contents.set(node.bytes.subarray(I_ADDR_OFFSET, I_ADDR_OFFSET + size), I_ADDR_OFFSET);
    }
    this.#volume.nodes.adopt(ino, contents);
  }

  /** Puts a node in force. Throws EUCLEAN for what fsync can't have written. Source: recover_inode, do_recover_data. */
  apply(inode: Inode, node: ChainNode): void {
    if (node.isInode) {
      // Linux goes on with the chain when a file is no longer compressed; before that none of its nodes has the fsync mark.
      if (!node.hasFsyncMark && this.#isCompressed(node)) return;
      this.#checkInode(inode, node);
      this.#recoverAttributes(inode, node);
      this.#recoverInlineXattrs(inode, node);
    } else if (node.offset === XATTR_NODE_OFFSET) {
      this.#recoverXattrNode(inode, node);
      return;
    }
    if (this.#recoverInlineData(inode, node)) return;
    this.#recoverAddresses(inode, node);
  }

  /** After the last node of an inode: what lies past its end is of before it was cut. Throws EUCLEAN for what is no inode. */
  finish(inode: Inode): void {
    inode.verify();
    const raw = inode.load();
    if (inode.hasInline(INLINE.DATA) || (raw.iAdvise & BEHIND_END) !== 0) return;
    this.#map.truncate(inode, Math.ceil(raw.iSize / this.#blockSize));
  }

  /** Throws EUCLEAN unless the node can be a later state of the inode. */
  #checkInode(inode: Inode, node: ChainNode): void {
    const raw = new InodeView(node.view);
    const extra = new InodeExtra(node.view, I_ADDR_OFFSET);
    const extraIsize = (raw.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
    const own = inode.load();
    const isSame =
      extraIsize === inode.extraIsize &&
      ((raw.iInline ^ own.iInline) & INLINE.XATTR) === 0 &&
      (!this.#volume.hasFeature('flexible_inline_xattr') || extra.iInlineXattrSize === inode.inlineXattrAddrs);
    if (!isSame || !inode.isRegular || (raw.iMode ^ own.iMode) >>> 12 !== 0 || node.offset !== 0) {
      throw corrupt('fsynced-kind', placeOf(node));
    }
    // Their fsync is a checkpoint; and a file may become a plain one while it is empty.
    if (this.#isCompressed(node) || (inode.isCompressed && !this.#map.isEmpty(inode))) {
      throw corrupt('fsynced-compressed', placeOf(node));
    }
    if ((raw.iInline & INLINE.DENTRY) !== 0) throw corrupt('fsynced-inline-dentry', placeOf(node));
  }

  #isCompressed(node: ChainNode): boolean {
    const { iFlags, iInline } = new InodeView(node.view);
    const extraIsize = (iInline & INLINE.EXTRA_ATTR) !== 0 ? new InodeExtra(node.view, I_ADDR_OFFSET).iExtraIsize : 0;
    const isCompressed = (iFlags & I_FLAGS.COMPR) !== 0 && fitsInExtra('iLogClusterSize', extraIsize);
    return isCompressed && this.#volume.hasFeature('compression');
  }

  #recoverAttributes(inode: Inode, node: ChainNode): void {
    const { pool } = this.#volume;
    inode.countForOwners(-1);
    const raw = inode.change();
    const { offsets, ends } = InodeView;
    for (const field of ATTRIBUTES) {
      pool.bytes.set(node.bytes.subarray(offsets[field], ends[field]), raw.base + offsets[field]);
    }
    const from = new InodeView(node.view);
    raw.iInline = (raw.iInline & ~INLINE_ATTRIBUTES) | (from.iInline & INLINE_ATTRIBUTES);
    if (inode.hasExtra('iProjid')) inode.loadExtra().iProjid = new InodeExtra(node.view, I_ADDR_OFFSET).iProjid;
    inode.refreshLayout();
    inode.countForOwners(1);
    // The chain tells of an xattr node that is there, not of one that is not.
    if (from.iXattrNid === 0) this.#xattrs.free(inode);
  }

  /** Source: f2fs_recover_inline_xattr. */
  #recoverInlineXattrs(inode: Inode, node: ChainNode): void {
    if (!inode.hasInline(INLINE.XATTR)) return;
    const at = I_ADDR_OFFSET + 4 * (inode.block.addrsPerInode - inode.inlineXattrAddrs);
    const area = node.bytes.subarray(at, at + 4 * inode.inlineXattrAddrs);
    this.#volume.pool.bytes.set(area, inode.inlineXattrOffset);
  }

  /** Source: f2fs_recover_xattr_data, which gives the block a new number. */
  #recoverXattrNode(inode: Inode, node: ChainNode): void {
    const base = this.#xattrs.nodeForChange(inode) * this.#blockSize;
    this.#volume.pool.bytes.set(node.bytes.subarray(0, inode.block.xattrBlockSize), base);
  }

  /** Whether the contents are inline from now on; else none of them are any more. Source: f2fs_recover_inline_data. */
  #recoverInlineData(inode: Inode, node: ChainNode): boolean {
    const { pool } = this.#volume;
    const isInline = node.isInode && (new InodeView(node.view).iInline & INLINE.DATA) !== 0;
    if (isInline) {
      if (!inode.hasInline(INLINE.DATA)) this.#map.truncate(inode, 0);
      inode.change().iInline |= INLINE.DATA;
      const from = inlineDataOffset(inode.extraIsize);
      pool.bytes.set(node.bytes.subarray(from, from + inode.maxInlineData), inode.inlineOffset);
    } else if (inode.hasInline(INLINE.DATA)) {
      inode.endInline(node.isInode ? INLINE.DATA : INLINE.DATA | INLINE.DATA_EXIST);
      zero(pool.bytes, inode.inlineOffset, inode.inlineOffset + inode.maxInlineData);
    }
    return isInline;
  }

  #recoverAddresses(inode: Inode, node: ChainNode): void {
    const { addrsPerInode, addrsPerBlock } = inode;
    const count = node.isInode ? addrsPerInode : addrsPerBlock;
    const first = firstPageOf(node.offset, addrsPerInode, addrsPerBlock, inode.block);
    if (
      (node.offset === 0) !== node.isInode ||
      !isDnodeOffset(node.offset, inode.block) ||
      first + count > inode.maxPages
    ) {
      throw corrupt('fsynced-offset', placeOf(node), node.offset);
    }
    this.#map.seekForChange(inode, first, this.#dnode);
    const { nid, at } = this.#dnode;
    const from = node.isInode ? I_ADDR_OFFSET + inode.extraIsize : 0;
    const { view } = this.#volume.pool;
    for (let i = 0; i < count; i++) {
      const source = view.getUint32(at + 4 * i, true);
      const target = node.view.getUint32(from + 4 * i, true);
      if (source !== target)
        this.#recoverAddress(inode, node, { nid, at: at + 4 * i, ofsInNode: i, page: first + i }, target);
    }
  }

  /** Source: the loop of do_recover_data. */
  #recoverAddress(inode: Inode, node: ChainNode, place: Place, target: number): void {
    const { pool, nodes, space, logs, layout, nat } = this.#volume;
    const source = this.#map.addressAt(inode, place.at, place.page);
    if (source === COMPRESS_ADDR || target === COMPRESS_ADDR) throw corrupt('fsynced-cluster', placeOf(node));
    if (target !== NULL_ADDR && target !== NEW_ADDR && !layout.inMain(target)) {
      throw corrupt('fsynced-address', placeOf(node), place.page, target);
    }
    nodes.markDirty(place.nid);
    const raw = inode.change();
    forgetExtent(raw);
    if (target === NULL_ADDR) {
      if (source !== NEW_ADDR) logs.invalidate(source);
      space.releaseBlocks(1);
      inode.countBlocks(-1);
      pool.view.setUint32(place.at, NULL_ADDR, true);
      return;
    }
    const end = (place.page + 1) * this.#blockSize;
    if ((raw.iAdvise & BEHIND_END) === 0 && raw.iSize <= end - this.#blockSize) raw.iSize = end;
    if (source === NULL_ADDR) {
      space.reserveBlocks(1);
      inode.countBlocks(1);
    } else if (source !== NEW_ADDR) {
      logs.invalidate(source);
    }
    // Until the block is this page's it may be the page's whose block it was before.
    pool.view.setUint32(place.at, NEW_ADDR, true);
    if (target === NEW_ADDR) return;
    this.#takeFromOwner(node, target);
    logs.adopt(target, place.nid, nat.versionOf(place.nid), place.ofsInNode);
    pool.view.setUint32(place.at, target, true);
  }

  /**
   * A block in use as of the checkpoint was freed since, if it is another page's now: frees it there. Throws EUCLEAN when it stays
   * in use. Source: check_index_in_prev_nodes.
   */
  #takeFromOwner(node: ChainNode, blkaddr: number): void {
    const { sit, logs, nat, nodes, pool, space } = this.#volume;
    if (!sit.isValid(blkaddr)) return;
    const { nid, ofsInNode } = logs.ownerOf(blkaddr);
    nat.check(nid);
    const owner = this.#inodes.get(nat.inoOf(nid));
    const pfn = nodes.get(nid, owner.ino);
    const count = nid === owner.ino ? owner.addrsPerInode : owner.addrsPerBlock;
    const at = (nid === owner.ino ? owner.addrOffset : pfn * this.#blockSize) + 4 * ofsInNode;
    const isAddress = nid !== owner.ino || (!owner.hasInline(INLINE.DATA) && !owner.hasInline(INLINE.DENTRY));
    const isDnode = isDnodeOffset(nodes.offsetOf(pfn), owner.block) && nodes.offsetOf(pfn) !== XATTR_NODE_OFFSET;
    if (isAddress && isDnode && ofsInNode < count && pool.view.getUint32(at, true) === blkaddr) {
      nodes.markDirty(nid);
      forgetExtent(owner.change());
      logs.invalidate(blkaddr);
      space.releaseBlocks(1);
      owner.countBlocks(-1);
      pool.view.setUint32(at, NULL_ADDR, true);
    }
    if (sit.isValid(blkaddr)) throw corrupt('fsynced-block-in-use', placeOf(node), blkaddr);
  }
}

function placeOf({ ino, nid, blkaddr }: ChainNode) {
  return { ino, nid, blkaddr };
}

/** Where an address stands: its node, its byte in the pool's memory, its place in the node, its page of the file. */
interface Place {
  readonly nid: number;
  readonly at: number;
  readonly ofsInNode: number;
  readonly page: number;
}
