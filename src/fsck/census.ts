// Counts a volume from its inodes, node by node, and tells where its tables say something else. Blocks are read as they are on the
// device, not through the node cache.
import type { Report } from '../faults.ts';
import { checkPageAddress } from '../file/data/block-map.ts';
import { type DirectoryFacts, readDentries } from '../file/directory/dentries.ts';
import { checkInode } from '../file/inode/inode-checks.ts';
import { readXattrs } from '../file/xattr/xattrs.ts';
import type { BlockGeometry } from '../format/block-size.ts';
import { COMPRESS_ADDR, NEW_ADDR, NULL_ADDR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/constants.ts';
import { type DentryLayout, dentryLayout } from '../format/dentry.ts';
import {
  ADVISE,
  addrsPerInode,
  checksumSeed,
  extraIsizeOf,
  I_ADDR_OFFSET,
  I_FLAGS,
  INLINE,
  Inode,
  InodeExtra,
  inlineDataOffset,
  inlineXattrAddrsOf,
  maxInlineData,
} from '../format/inode.ts';
import { childOffset, firstPageOf, NODE_OFFSET_SHIFT, NodeFooter, XATTR_NODE_OFFSET } from '../format/node.ts';
import { viewOf } from '../format/struct.ts';
import { quotaInos } from '../format/superblock.ts';
import { checkNatAddress, checkNid } from '../volume/nat.ts';
import { checkFooter, checkInodeChecksum, checkNodeBlock } from '../volume/node-cache.ts';
import type { Volume } from '../volume/volume.ts';

/** A name of a tree, and what it leads to; the root has none. */
export interface CensusName {
  /** The directory that it stands in. */
  readonly parent: number;
  readonly ino: number;
}

/** An inode of a tree. */
export interface CensusInode {
  readonly isDirectory: boolean;
  readonly nlink: number;
}

/** All that can be reached on a volume, as its reader found it. */
export interface CensusTree {
  readonly inodes: ReadonlyMap<number, CensusInode>;
  readonly names: Iterable<CensusName>;
}

/** A node's block. */
interface NodeBlock {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
}

/** What of an inode its nodes' addresses are named by. */
interface Owner {
  readonly ino: number;
  /** Data addresses in the inode. */
  readonly inInode: number;
  /** Of a directory, what its blocks are checked by. */
  readonly directory: DirectoryFacts | null;
}

class Census {
  readonly #block: BlockGeometry;
  readonly #volume: Volume;
  readonly #report: Report;
  readonly #seed: number | null;
  /** Every block met, and the node that it is or that has its address. */
  readonly #owners = new Map<number, number>();
  nrNodes = 0;
  nrInodes = 0;
  /** Reserved addresses that have no block. */
  nrReserved = 0;

  constructor(volume: Volume, report: Report) {
    this.#volume = volume;
    this.#block = volume.layout.block;
    this.#report = report;
    this.#seed = volume.hasFeature('inode_checksum') ? checksumSeed(volume.layout.sb.uuid) : null;
  }

  get nrBlocks(): number {
    return this.#owners.size;
  }

  /** Node `nid` is at a block, or has it in one of its addresses. */
  #claim(blkaddr: number, nid: number): void {
    const other = this.#owners.get(blkaddr);
    if (other !== undefined) this.#report('block-two-owners', { blkaddr, nid }, other);
    this.#owners.set(blkaddr, nid);
  }

  #read(blkaddr: number): NodeBlock {
    const bytes = new Uint8Array(this.#block.blockSize);
    this.#volume.device.read(blkaddr, bytes);
    return { bytes, dv: viewOf(bytes) };
  }

  /** The block of a node that stands at `offset` of an inode's tree; null when it can't be read, or is another node. */
  #node(nid: number, ino: number, offset: number): NodeBlock | null {
    const { layout, nat, sit } = this.#volume;
    if (!checkNid(nid, layout, this.#report)) return null;
    const blkaddr = nat.entryOf(nid);
    if (!checkNatAddress(nid, blkaddr, layout, this.#report)) return null;
    if (!checkNodeBlock(nid, blkaddr, sit, this.#report)) return null;
    this.#claim(blkaddr, nid);
    this.nrNodes++;
    const block = this.#read(blkaddr);
    if (!checkFooter(block.dv, this.#block.nodeFooterOffset, nid, nat.inoOf(nid), blkaddr, this.#report)) return null;
    const footer = new NodeFooter(block.dv, this.#block.nodeFooterOffset);
    if (footer.ino !== ino) {
      this.#report('node-inode', { nid, ino }, footer.ino);
      return null;
    }
    const found = footer.flag >>> NODE_OFFSET_SHIFT;
    // Of an inode it is among the checks of an inode.
    if (nid !== ino && found !== offset) this.#report('node-offset', { nid, ino }, offset, found);
    if (this.#seed !== null) checkInodeChecksum(this.#seed, block.bytes, block.dv, 0, nid, blkaddr, this.#report);
    return block;
  }

  /** Counts the addresses of a node from byte `from` to `end`, the first of which is that of page `page`. */
  #addresses({ dv }: NodeBlock, nid: number, from: number, end: number, owner: Owner, page: number): number {
    const { layout, sit } = this.#volume;
    const { ino } = owner;
    let count = 0;
    for (let at = from, index = page; at < end; at += 4, index++) {
      const blkaddr = dv.getUint32(at, true);
      if (blkaddr === NULL_ADDR) continue;
      count++;
      if (blkaddr === NEW_ADDR || blkaddr === COMPRESS_ADDR) {
        this.nrReserved++;
        continue;
      }
      if (!checkPageAddress(ino, index, blkaddr, layout, this.#report)) continue;
      if (!sit.isValid(blkaddr)) this.#report('page-block-free', { ino, blkaddr }, index);
      this.#claim(blkaddr, nid);
      if (owner.directory !== null) this.#dentries(this.#read(blkaddr), 0, this.#block.dentryBlock, owner.directory);
    }
    return count;
  }

  /** Blocks of a node and what is under it. */
  #below(nid: number, level: number, offset: number, owner: Owner): number {
    const block = this.#node(nid, owner.ino, offset);
    if (block === null) return 0;
    const { addrsPerNode } = this.#block;
    if (level === 1) {
      const page = firstPageOf(offset, owner.inInode, addrsPerNode, this.#block);
      return 1 + this.#addresses(block, nid, 0, 4 * addrsPerNode, owner, page);
    }
    let count = 1;
    for (let i = 0; i < addrsPerNode; i++) {
      const child = block.dv.getUint32(4 * i, true);
      if (child !== 0) count += this.#below(child, level - 1, childOffset(offset, level, i, this.#block), owner);
    }
    return count;
  }

  #dentries({ bytes, dv }: NodeBlock, area: number, layout: DentryLayout, directory: DirectoryFacts): void {
    readDentries(directory, this.#volume.layout, bytes, dv, area, layout, this.#report, () => false);
  }

  inode(ino: number): void {
    const block = this.#node(ino, ino, 0);
    this.nrInodes++;
    if (block === null) return;
    const { layout } = this.#volume;
    const raw = new Inode(block.dv);
    const extra = new InodeExtra(block.dv, I_ADDR_OFFSET);
    checkInode(ino, raw, extra, layout, this.#report);
    const extraIsize = extraIsizeOf(raw, extra);
    const xattrAddrs = inlineXattrAddrsOf(raw, extra, layout.feature);
    const type = raw.iMode & S_IFMT;
    const isInline = (raw.iInline & (INLINE.DATA | INLINE.DENTRY)) !== 0;
    const directory = type === S_IFDIR ? factsOf(ino, raw) : null;
    const owner = { ino, inInode: addrsPerInode(extraIsize, xattrAddrs, 1, this.#block), directory };
    let count = 1;
    if (!isInline && (type === S_IFREG || type === S_IFDIR || type === S_IFLNK)) {
      const end = I_ADDR_OFFSET + 4 * (this.#block.addrsPerInode - xattrAddrs);
      count += this.#addresses(block, ino, I_ADDR_OFFSET + extraIsize, end, owner, 0);
    } else if (directory !== null) {
      const inline = dentryLayout(maxInlineData(extraIsize, xattrAddrs, this.#block));
      this.#dentries(block, inlineDataOffset(extraIsize), inline, directory);
    }
    this.#block.nodeSlots.forEach(({ level, offset }, slot) => {
      const nid = block.dv.getUint32(this.#block.inodeNidsOffset + 4 * slot, true);
      if (nid !== 0) count += this.#below(nid, level, offset, owner);
    });
    if (this.#xattrs(block, raw, xattrAddrs, ino)) count++;
    if (raw.iBlocks !== count) this.#report('inode-blocks', { ino }, raw.iBlocks, count);
  }

  /** Checks the attributes of an inode; whether it has a node of them. */
  #xattrs({ bytes }: NodeBlock, { iInline, iXattrNid }: Inode, xattrAddrs: number, ino: number): boolean {
    const node = iXattrNid === 0 ? null : this.#node(iXattrNid, ino, XATTR_NODE_OFFSET);
    const size = (iInline & INLINE.XATTR) !== 0 ? 4 * xattrAddrs : 0;
    const end = I_ADDR_OFFSET + 4 * this.#block.addrsPerInode;
    const area = new Uint8Array(size + (node === null ? 0 : this.#block.xattrBlockSize));
    area.set(bytes.subarray(end - size, end));
    if (node !== null) area.set(node.bytes.subarray(0, this.#block.xattrBlockSize), size);
    if (iXattrNid === 0 || node !== null) readXattrs(area, node !== null, ino, this.#report);
    return node !== null;
  }
}

function factsOf(ino: number, { iAdvise, iFlags }: Inode): DirectoryFacts {
  return { ino, isEncrypted: (iAdvise & ADVISE.ENCRYPT) !== 0, foldsCase: (iFlags & I_FLAGS.CASEFOLD) !== 0 };
}

/** Tells what a mounted volume's tables and link counts say that is not so, and what is wrong with the blocks on the way. */
export function census(volume: Volume, tree: CensusTree, report: Report): void {
  const count = new Census(volume, report);
  for (const ino of tree.inodes.keys()) count.inode(ino);
  if (volume.hasFeature('quota')) for (const ino of quotaInos(volume.layout.sb)) count.inode(ino);
  const { space, sit, layout } = volume;
  let inSit = 0;
  for (let segno = 0; segno < layout.nrMainSegments; segno++) inSit += sit.validBlocks(segno);
  const used = count.nrBlocks + count.nrReserved;
  if (inSit !== count.nrBlocks) report('sit-total', {}, inSit, count.nrBlocks);
  if (space.validBlockCount !== used) report('total-blocks', {}, space.validBlockCount, used);
  if (space.validNodeCount !== count.nrNodes) report('total-nodes', {}, space.validNodeCount, count.nrNodes);
  if (space.validInodeCount !== count.nrInodes) report('total-inodes', {}, space.validInodeCount, count.nrInodes);
  checkLinks(tree, volume.layout.sb.rootIno, report);
}

/** A directory has two links, its name and its dot, and one for the dots of each directory in it. */
function checkLinks({ inodes, names }: CensusTree, rootIno: number, report: Report): void {
  const links = new Map([[rootIno, 2]]);
  const add = (ino: number, by: number) => links.set(ino, (links.get(ino) ?? 0) + by);
  for (const { parent, ino } of names) {
    const isDirectory = inodes.get(ino)?.isDirectory === true;
    add(ino, isDirectory ? 2 : 1);
    if (isDirectory) add(parent, 1);
  }
  for (const [ino, { nlink }] of inodes) {
    const found = links.get(ino) ?? 0;
    if (found !== nlink) report('inode-link-count', { ino }, nlink, found);
  }
}
