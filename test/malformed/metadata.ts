// Where the metadata of a volume lies, block by block, by what it is: found through a sound mount, whoever made the volume.

import { BLKSIZE } from '../../src/device/device.ts';
import { Checkpoint } from '../../src/format/checkpoint.ts';
import { BLKS_PER_SEG, COMPRESS_ADDR, LOG, NEW_ADDR, NULL_ADDR, S_IFDIR, S_IFMT } from '../../src/format/constants.ts';
import { I_ADDR_OFFSET, INLINE, Inode, InodeExtra } from '../../src/format/inode.ts';
import { isDnodeOffset, NODE_OFFSET_SHIFT, NodeFooter, XATTR_NODE_OFFSET } from '../../src/format/node.ts';
import { viewOf } from '../../src/format/struct.ts';
import type { Volume } from '../../src/volume/volume.ts';
import { BLOCK, NAT_ENTRIES_PER_BLOCK, NODE_FOOTER_OFFSET, SIT_ENTRIES_PER_BLOCK } from '../blocks-of-4k.ts';
import type { Base } from './base.ts';

export const KINDS = [
  'superblock',
  'checkpoint',
  'orphans',
  'summaries',
  'nat',
  'sit',
  'ssa',
  'inode',
  'dnode',
  'indirect',
  'xattr',
  'dentry',
  'cluster',
  'chain',
] as const;
export type MetadataKind = (typeof KINDS)[number];

/** Block addresses of each kind that a volume has, and its node numbers in use. */
export interface Metadata {
  readonly blocks: ReadonlyMap<MetadataKind, readonly number[]>;
  readonly nids: readonly number[];
}

/** Nodes of a chain that are looked for. */
const MAX_CHAIN = 2000;

const found = new WeakMap<Base, Metadata>();

/** The metadata of a base, found on first use. */
export function metadataOf(base: Base): Metadata {
  const known = found.get(base);
  if (known !== undefined) return known;
  const finder = new Finder(base);
  const metadata = { blocks: finder.blocks, nids: finder.nids };
  found.set(base, metadata);
  return metadata;
}

class Finder {
  readonly blocks = new Map<MetadataKind, number[]>();
  readonly nids: number[] = [];
  readonly #base: Base;
  readonly #volume: Volume;

  constructor(base: Base) {
    this.#base = base;
    this.#volume = base.fs.volume;
    this.#pack();
    this.#tables();
    for (const nid of this.nids) this.#node(this.#volume.nat.blkaddrOf(nid));
    this.#chain();
  }

  #add(kind: MetadataKind, blkaddr: number): void {
    const known = this.blocks.get(kind);
    if (known === undefined) this.blocks.set(kind, [blkaddr]);
    else if (!known.includes(blkaddr)) known.push(blkaddr);
  }

  #view(blkaddr: number): DataView {
    return viewOf(this.#base.bytes.subarray(blkaddr * BLKSIZE, (blkaddr + 1) * BLKSIZE));
  }

  #pack(): void {
    for (const blkaddr of [0, 1]) this.#add('superblock', blkaddr);
    const { layout, pack } = this.#volume;
    const { cpPackTotalBlockCount: total, cpPackStartSum: startSum } = new Checkpoint(this.#view(pack.blkaddr));
    for (const end of [0, total - 1]) this.#add('checkpoint', pack.blkaddr + end);
    for (let at = 1 + layout.cpPayload; at < startSum; at++) this.#add('orphans', pack.blkaddr + at);
    for (let at = startSum; at < total - 1; at++) this.#add('summaries', pack.blkaddr + at);
  }

  #tables(): void {
    const { layout, nat, sit } = this.#volume;
    const isSecond = (bitmap: Uint8Array, index: number) => (bitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0;
    for (let nid = layout.sb.rootIno; nid < layout.maxNid; nid++) {
      const blkaddr = nat.blkaddrOf(nid);
      if (blkaddr === NULL_ADDR || blkaddr === NEW_ADDR) continue;
      this.nids.push(nid);
      const index = Math.floor(nid / NAT_ENTRIES_PER_BLOCK);
      this.#add('nat', layout.natBlock(index, isSecond(nat.versionBitmap, index)));
    }
    for (let segno = 0; segno < layout.nrMainSegments; segno++) {
      if (segno % SIT_ENTRIES_PER_BLOCK === 0) {
        const index = segno / SIT_ENTRIES_PER_BLOCK;
        this.#add('sit', layout.sitBlock(index, isSecond(sit.versionBitmap, index)));
      }
      if (sit.validBlocks(segno) > 0) this.#add('ssa', layout.ssaBlkaddr + segno);
    }
  }

  #node(blkaddr: number): void {
    const dv = this.#view(blkaddr);
    const offset = new NodeFooter(dv, NODE_FOOTER_OFFSET).flag >>> NODE_OFFSET_SHIFT;
    if (offset === XATTR_NODE_OFFSET) this.#add('xattr', blkaddr);
    else if (!isDnodeOffset(offset, BLOCK)) this.#add('indirect', blkaddr);
    else if (offset > 0) this.#add('dnode', blkaddr);
    else this.#inode(blkaddr, dv);
  }

  #inode(blkaddr: number, dv: DataView): void {
    this.#add('inode', blkaddr);
    const inode = new Inode(dv);
    const isDirectory = (inode.iMode & S_IFMT) === S_IFDIR;
    if ((inode.iInline & (INLINE.DATA | INLINE.DENTRY)) !== 0) return;
    const hasExtra = (inode.iInline & INLINE.EXTRA_ATTR) !== 0;
    const addrs = I_ADDR_OFFSET + (hasExtra ? new InodeExtra(dv, I_ADDR_OFFSET).iExtraIsize : 0);
    const at = (slot: number) => dv.getUint32(addrs + 4 * slot, true);
    for (let slot = 0; slot < 256; slot++) {
      if (isDirectory && this.#volume.layout.inMain(at(slot))) this.#add('dentry', at(slot));
      if (at(slot) === COMPRESS_ADDR && this.#volume.layout.inMain(at(slot + 1))) this.#add('cluster', at(slot + 1));
    }
  }

  /** The nodes written after the checkpoint, whether they are to be rolled forward or not. */
  #chain(): void {
    const { layout, pack, logs } = this.#volume;
    const { segno, blkoff } = logs.current[LOG.WARM_NODE];
    let blkaddr = layout.segmentStart(segno) + blkoff;
    for (let left = MAX_CHAIN; left > 0 && blkoff < BLKS_PER_SEG && layout.inMain(blkaddr); left--) {
      const footer = new NodeFooter(this.#view(blkaddr), NODE_FOOTER_OFFSET);
      if (footer.cpVer !== pack.cp.checkpointVer % 2 ** 32) return;
      this.#add('chain', blkaddr);
      blkaddr = footer.nextBlkaddr;
    }
  }
}
