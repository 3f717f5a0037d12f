// Node blocks: the footer that each carries, and the shape of the tree of direct and indirect nodes under an inode.
import { corrupt, F2fsError } from '../errors.ts';
import { type BlockGeometry, NODE_FOOTER_SIZE } from './block-size.ts';
import { struct, u32 } from './struct.ts';

/** Trailer of every node block. Source: struct node_footer. */
export const NodeFooter = struct('node_footer', NODE_FOOTER_SIZE, {
  nid: u32,
  ino: u32,
  /** Cold, fsync and dentry marks in the low 3 bits; the node's offset in its inode's tree above. */
  flag: u32,
  /** Checkpoint version; its high half is the checkpoint's CRC when CP.CRC_RECOVERY is set. */
  cpVer: u32,
  cpVerCrc: u32,
  /** Where the node log went on after this block: the chain that roll-forward recovery follows. */
  nextBlkaddr: u32,
});
export type NodeFooter = InstanceType<typeof NodeFooter>;

export const NODE_FLAG = { COLD: 1, FSYNC: 2, DENTRY: 4 } as const;
export const NODE_OFFSET_SHIFT = 3;
/** Begins the footer, zeros at byte `at`, of a new node at `offset` of its inode's tree. Source: fill_node_footer. */
export function writeFooter(
  view: DataView,
  at: number,
  nid: number,
  ino: number,
  offset: number,
  isCold: boolean,
): void {
  view.setUint32(at + NodeFooter.offsets.nid, nid, true);
  view.setUint32(at + NodeFooter.offsets.ino, ino, true);
  const flag = (offset << NODE_OFFSET_SHIFT) | (isCold ? NODE_FLAG.COLD : 0);
  view.setUint32(at + NodeFooter.offsets.flag, flag >>> 0, true);
}

/** Tree offset that an xattr node has: all ones. */
export const XATTR_NODE_OFFSET = 0xffffffff >>> NODE_OFFSET_SHIFT;

/** Data addresses in a direct node of a file with clusters of so many pages: whole clusters. Source: addrs_per_block. */
export function addrsPerBlock(clusterPages: number, { addrsPerNode }: BlockGeometry): number {
  return addrsPerNode - (addrsPerNode % clusterPages);
}

/**
 * Whether a node at this offset of its inode's tree holds data addresses (or is the inode, or its xattr block), as
 * opposed to nids. Source: IS_DNODE.
 */
export function isDnodeOffset(offset: number, { addrsPerNode: nids }: BlockGeometry): boolean {
  if (offset === XATTR_NODE_OFFSET) return true;
  if (offset === 3 || offset === 4 + nids || offset === 5 + 2 * nids) return false;
  const inDouble = offset - (6 + 2 * nids);
  return inDouble < 0 || inDouble % (nids + 1) !== 0;
}

/** Slots of i_nid. */
export const NODE_DIR1 = 0;
export const NODE_DIR2 = 1;
export const NODE_IND1 = 2;
export const NODE_DIND = 4;

/** Offset of child `i` of a node at `offset`, which has so many levels under it, itself included. */
export function childOffset(offset: number, level: number, i: number, { addrsPerNode: nids }: BlockGeometry): number {
  return offset + 1 + i * (level === 2 ? 1 : nids + 1);
}

/**
 * The pages that the nodes of a file can address, given the addresses in its inode and in a direct node: more than a file may
 * have, see BlockGeometry.maxFileBlocks.
 */
export function maxFileBlocks(
  addrsPerInode: number,
  addrsPerBlock: number,
  { addrsPerNode: nids }: BlockGeometry,
): number {
  return addrsPerInode + addrsPerBlock * (2 + 2 * nids + nids ** 2);
}

/**
 * The first page whose address a direct node at this offset of its inode's tree holds. Source: f2fs_start_bidx_of_node.
 */
export function firstPageOf(
  offset: number,
  addrsPerInode: number,
  addrsPerBlock: number,
  { addrsPerNode: nids }: BlockGeometry,
): number {
  if (offset === 0) return 0;
  const indirect = 2 * nids + 4;
  let dnodes: number;
  if (offset <= 2) dnodes = offset - 1;
  else if (offset <= indirect) dnodes = offset - 2 - Math.floor((offset - 4) / (nids + 1));
  else dnodes = offset - 5 - Math.floor((offset - indirect - 3) / (nids + 1));
  return addrsPerInode + dnodes * addrsPerBlock;
}

/** The way from an inode to the dnode that holds one page's address; filled in place, to be reused. */
export class NodePath {
  /** Node levels below the inode: 0 (in the inode) to 3. */
  level = 0;
  /** offset[0] is an index into i_nid (or, at level 0, into i_addr); later ones into the node at that level. */
  readonly offset = new Int32Array(4);
  /** Each level's offset in the inode's node tree, as the footer stores it. */
  readonly noffset = new Int32Array(4);

  /** Index of the address within its dnode. */
  get ofsInNode(): number {
    return this.offset[this.level];
  }
}

/**
 * Finds the path for page `index` of a file whose inode holds `addrsPerInode` addresses, and a direct node `addrsPerBlock`.
 * Source: get_node_path. Throws EFBIG past the format's end, EUCLEAN for an index that is no index.
 */
export function nodePath(
  index: number,
  addrsPerInode: number,
  addrsPerBlock: number,
  { addrsPerNode: nids }: BlockGeometry,
  path: NodePath,
): NodePath {
  if (!(index >= 0)) throw corrupt('page-range', {}, index);
  const { offset, noffset } = path;
  noffset[0] = 0;
  let block = index;
  if (block < addrsPerInode) {
    path.level = 0;
    offset[0] = block;
    return path;
  }
  block -= addrsPerInode;
  if (block < 2 * addrsPerBlock) {
    path.level = 1;
    const which = block < addrsPerBlock ? 0 : 1;
    offset[0] = NODE_DIR1 + which;
    noffset[1] = 1 + which;
    offset[1] = block - which * addrsPerBlock;
    return path;
  }
  block -= 2 * addrsPerBlock;
  const indirect = addrsPerBlock * nids;
  if (block < 2 * indirect) {
    path.level = 2;
    const which = block < indirect ? 0 : 1;
    block -= which * indirect;
    offset[0] = NODE_IND1 + which;
    noffset[1] = 3 + which * (nids + 1);
    offset[1] = Math.floor(block / addrsPerBlock);
    noffset[2] = noffset[1] + 1 + offset[1];
    offset[2] = block % addrsPerBlock;
    return path;
  }
  block -= 2 * indirect;
  if (block < indirect * nids) {
    path.level = 3;
    offset[0] = NODE_DIND;
    noffset[1] = 5 + 2 * nids;
    offset[1] = Math.floor(block / indirect);
    noffset[2] = noffset[1] + 1 + offset[1] * (nids + 1);
    offset[2] = Math.floor(block / addrsPerBlock) % nids;
    noffset[3] = noffset[2] + 1 + offset[2];
    offset[3] = block % addrsPerBlock;
    return path;
  }
  throw new F2fsError('EFBIG', `page ${index} is past the largest file that F2FS can hold`);
}
