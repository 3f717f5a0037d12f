// Counts a volume from its root, node by node, and compares with what its tables say.
import { BLKSIZE, COMPRESS_ADDR, NEW_ADDR, NULL_ADDR } from '../../src/format/constants.ts';
import {
  DEF_ADDRS_PER_INODE,
  DEFAULT_INLINE_XATTR_ADDRS,
  I_ADDR_OFFSET,
  I_NID_OFFSET,
  INLINE,
  Inode,
  InodeExtra,
} from '../../src/format/inode.ts';
import { ADDRS_PER_BLOCK, NIDS_PER_BLOCK, NODE_FOOTER_OFFSET, NodeFooter } from '../../src/format/node.ts';
import { viewOf } from '../../src/format/struct.ts';
import type { Volume } from '../../src/volume/volume.ts';
import type { Disk } from './disk.ts';
import { parentOf, type Tree } from './tree.ts';

/** Node levels under each slot of i_nid; 1: a direct node. */
const LEVELS = [1, 1, 2, 2, 3];

class Census {
  readonly complaints: string[] = [];
  readonly #disk: Disk;
  readonly #volume: Volume;
  /** Every block met, and who has it. */
  readonly #owners = new Map<number, string>();
  nrNodes = 0;
  nrInodes = 0;
  /** Reserved addresses that have no block. */
  nrReserved = 0;

  constructor(disk: Disk, volume: Volume) {
    this.#disk = disk;
    this.#volume = volume;
  }

  get nrBlocks(): number {
    return this.#owners.size;
  }

  #claim(blkaddr: number, owner: string): void {
    if (!this.#volume.layout.inMain(blkaddr))
      this.complaints.push(`${owner} is at block ${blkaddr}, not in the main area`);
    else if (!this.#volume.sit.isValid(blkaddr))
      this.complaints.push(`${owner} is at block ${blkaddr}, which the SIT has free`);
    const other = this.#owners.get(blkaddr);
    if (other !== undefined) this.complaints.push(`block ${blkaddr} is both ${other}'s and ${owner}'s`);
    this.#owners.set(blkaddr, owner);
  }

  /** The block of a node, once it is found to be that node. */
  #node(nid: number, ino: number): DataView | null {
    const blkaddr = this.#volume.nat.blkaddrOf(nid);
    if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) {
      this.complaints.push(`node ${nid} of inode ${ino} has no block`);
      return null;
    }
    this.#claim(blkaddr, `node ${nid} of inode ${ino}`);
    this.nrNodes++;
    const bytes = new Uint8Array(BLKSIZE);
    this.#disk.read(blkaddr, bytes);
    const dv = viewOf(bytes);
    const footer = new NodeFooter(dv, NODE_FOOTER_OFFSET);
    if (footer.nid !== nid || footer.ino !== ino || this.#volume.nat.inoOf(nid) !== ino)
      this.complaints.push(`block ${blkaddr} of node ${nid} of inode ${ino} says ${footer.nid} of ${footer.ino}`);
    return dv;
  }

  #addresses(dv: DataView, from: number, end: number, ino: number): number {
    let count = 0;
    for (let at = from; at < end; at += 4) {
      const blkaddr = dv.getUint32(at, true);
      if (blkaddr === NULL_ADDR) continue;
      count++;
      if (blkaddr === NEW_ADDR || blkaddr === COMPRESS_ADDR) this.nrReserved++;
      else this.#claim(blkaddr, `data of inode ${ino}`);
    }
    return count;
  }

  /** Blocks of a node and what is under it. */
  #below(nid: number, level: number, ino: number): number {
    const dv = this.#node(nid, ino);
    if (dv === null) return 0;
    if (level === 1) return 1 + this.#addresses(dv, 0, 4 * ADDRS_PER_BLOCK, ino);
    let count = 1;
    for (let i = 0; i < NIDS_PER_BLOCK; i++) {
      const child = dv.getUint32(4 * i, true);
      if (child !== 0) count += this.#below(child, level - 1, ino);
    }
    return count;
  }

  inode(ino: number): void {
    const dv = this.#node(ino, ino);
    this.nrInodes++;
    if (dv === null) return;
    const raw = new Inode(dv);
    let count = 1;
    if ((raw.iInline & (INLINE.DATA | INLINE.DENTRY)) === 0 && !this.#isDevice(raw.iMode)) {
      const extra = new InodeExtra(dv, I_ADDR_OFFSET);
      const extraIsize = (raw.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
      const flexible = this.#volume.hasFeature('flexible_inline_xattr');
      const xattrAddrs =
        (raw.iInline & INLINE.XATTR) === 0 ? 0 : flexible ? extra.iInlineXattrSize : DEFAULT_INLINE_XATTR_ADDRS;
      const end = I_ADDR_OFFSET + 4 * (DEF_ADDRS_PER_INODE - xattrAddrs);
      count += this.#addresses(dv, I_ADDR_OFFSET + extraIsize, end, ino);
    }
    LEVELS.forEach((level, slot) => {
      const nid = dv.getUint32(I_NID_OFFSET + 4 * slot, true);
      if (nid !== 0) count += this.#below(nid, level, ino);
    });
    if (raw.iXattrNid !== 0 && this.#node(raw.iXattrNid, ino) !== null) count++;
    if (raw.iBlocks !== count) this.complaints.push(`inode ${ino} says ${raw.iBlocks} blocks, it has ${count}`);
  }

  #isDevice(mode: number): boolean {
    const type = mode & 0o170000;
    return type !== 0o100000 && type !== 0o040000 && type !== 0o120000;
  }
}

/** What a mounted volume's tables and link counts say that is not so. `tree` is all that can be reached on it. */
export function census(disk: Disk, volume: Volume, tree: Tree): string[] {
  const count = new Census(disk, volume);
  for (const ino of tree.inodes.keys()) count.inode(ino);
  const { complaints } = count;
  const { space, sit, layout } = volume;
  let inSit = 0;
  for (let segno = 0; segno < layout.nrMainSegments; segno++) inSit += sit.validBlocks(segno);
  const say = (what: string, says: number, has: number) => {
    if (says !== has) complaints.push(`${what}: the volume says ${says}, it has ${has}`);
  };
  say('blocks in the SIT', inSit, count.nrBlocks);
  say('valid blocks', space.validBlockCount, count.nrBlocks + count.nrReserved);
  say('valid nodes', space.validNodeCount, count.nrNodes);
  say('valid inodes', space.validInodeCount, count.nrInodes);
  complaints.push(...linkComplaints(tree));
  return complaints;
}

function linkComplaints(tree: Tree): string[] {
  const complaints: string[] = [];
  const links = new Map<number, number>();
  const add = (ino: number | undefined, by: number) => {
    if (ino !== undefined) links.set(ino, (links.get(ino) ?? 0) + by);
  };
  for (const [path, ino] of tree.names) {
    if (tree.inodes.get(ino)?.type !== 'directory') add(ino, 1);
    else {
      add(ino, 2);
      if (path !== '') add(tree.names.get(parentOf(path)), 1);
    }
  }
  for (const [ino, { nlink }] of tree.inodes) {
    if (links.get(ino) !== nlink) complaints.push(`inode ${ino} says ${nlink} links, it has ${links.get(ino)}`);
  }
  return complaints;
}
