// A copy of a base to be damaged: finds structures by what they are about, hands them out to be changed, and puts their
// checksums right, so that what is tested is the check of the value and not that of the checksum.

import { BLKSIZE } from '../../src/device/device.ts';
import { Checkpoint, checkpointCrc } from '../../src/format/checkpoint.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { f2fsCrc } from '../../src/format/crc.ts';
import { dentryLayout } from '../../src/format/dentry.ts';
import {
  checksumSeed,
  I_ADDR_OFFSET,
  INLINE,
  INODE_CHECKSUM_OFFSET,
  Inode,
  InodeExtra,
  inlineDataOffset,
  inodeChecksum,
  maxInlineData,
} from '../../src/format/inode.ts';
import { NAT_ENTRY_SIZE, NatEntry } from '../../src/format/nat.ts';
import { NodeFooter } from '../../src/format/node.ts';
import { SIT_ENTRY_SIZE, SitEntry } from '../../src/format/sit.ts';
import { viewOf } from '../../src/format/struct.ts';
import { JOURNAL_ENTRIES_OFFSET } from '../../src/format/summary.ts';
import { hasFeature, Superblock, superblockCrc } from '../../src/format/superblock.ts';
import type { VolumeLayout } from '../../src/volume/layout.ts';
import {
  BLOCK,
  I_NID_OFFSET,
  NAT_ENTRIES_PER_BLOCK,
  NODE_FOOTER_OFFSET,
  OrphanBlock,
  SIT_ENTRIES_PER_BLOCK,
  SUM_JOURNAL_SIZE,
} from '../blocks-of-4k.ts';
import type { Base } from './base.ts';
import { DentryArea, type DentrySlot } from './dentry-area.ts';
import type { MetadataKind } from './metadata.ts';
import { OverlayDevice } from './overlay-device.ts';

/** A node block about to be changed. In one that is no inode only `footer`, `bytes` and `dv` mean something. */
export interface NodeParts {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
  readonly inode: Inode;
  readonly extra: InodeExtra;
  readonly footer: NodeFooter;
  /** Byte offset of i_addr's first address. */
  readonly addrs: number;
  /** Byte offset of i_nid. */
  readonly nids: number;
  /** Byte offset of inline contents. */
  readonly inline: number;
}

/** A journal in the current checkpoint pack. */
export interface Journal {
  readonly dv: DataView;
  readonly bytes: Uint8Array;
  /** Byte offset of the journal in its block. */
  readonly at: number;
  readonly entrySize: number;
}

export class DamagedImage {
  readonly base: Base;
  readonly #blocks = new Map<number, Uint8Array>();
  /** Length that `truncate` set, in blocks. */
  #nrBlocks: number;

  constructor(base: Base) {
    this.base = base;
    this.#nrBlocks = base.bytes.length / BLKSIZE;
  }

  get layout(): VolumeLayout {
    return this.base.fs.volume.layout;
  }

  device(): OverlayDevice {
    return new OverlayDevice(this.base.bytes, this.#blocks, this.#nrBlocks);
  }

  truncate(nrBlocks: number): void {
    this.#nrBlocks = nrBlocks;
  }

  /** The bytes of a block, to be changed in place. */
  block(blkaddr: number): Uint8Array {
    let block = this.#blocks.get(blkaddr);
    if (block === undefined) {
      block = this.base.bytes.slice(blkaddr * BLKSIZE, (blkaddr + 1) * BLKSIZE);
      this.#blocks.set(blkaddr, block);
    }
    return block;
  }

  ino(path: string): number {
    const ino = this.base.inos.get(path);
    if (ino === undefined) throw new Error(`the base has no ${path}`);
    return ino;
  }

  /** Changes superblocks (both, unless told which); checksums are put right unless `seal` is off. */
  superblock(change: (sb: Superblock) => void, { copies = [0, 1], seal = true } = {}): void {
    for (const copy of copies) {
      const sb = new Superblock(viewOf(this.block(copy)), SUPER_OFFSET);
      change(sb);
      if (seal && hasFeature(sb, 'sb_checksum')) sb.crc = superblockCrc(sb);
    }
  }

  /** Block addresses of a pack's first and last checkpoint block: of the current pack, or of the other one. */
  packBlocks(current = true): [number, number] {
    const { pack } = this.base.fs.volume.pack;
    const start = this.layout.cpBlkaddr + (current === (pack === 0) ? 0 : 512);
    const total = new Checkpoint(viewOf(this.block(start))).cpPackTotalBlockCount;
    return [start, start + total - 1];
  }

  /** Changes the current checkpoint's two blocks; checksums are put right unless `seal` is off. */
  checkpoint(change: (cp: Checkpoint) => void, { seal = true, ends = [0, 1] } = {}): void {
    const blocks = this.packBlocks();
    for (const end of ends) {
      const block = this.block(blocks[end]);
      const cp = new Checkpoint(viewOf(block));
      change(cp);
      if (seal && cp.checksumOffset <= BLKSIZE - 4) {
        viewOf(block).setUint32(cp.checksumOffset, checkpointCrc(block, cp.checksumOffset), true);
      }
    }
  }

  /** A journal of the current pack, which every base wrote with compact summaries. */
  journal(which: 'nat' | 'sit'): Journal {
    const { cp, blkaddr } = this.base.fs.volume.pack;
    const bytes = this.block(blkaddr + cp.cpPackStartSum);
    return {
      dv: viewOf(bytes),
      bytes,
      at: which === 'nat' ? 0 : SUM_JOURNAL_SIZE,
      entrySize: which === 'nat' ? 13 : 78,
    };
  }

  /** Byte offset of entry `index` of a journal; its key, then its table entry, stand there. */
  journalEntry(journal: Journal, index: number): number {
    return journal.at + JOURNAL_ENTRIES_OFFSET + index * journal.entrySize;
  }

  /** Byte offset in the journal's block of the entry for `key`, or -1. */
  #inJournal(journal: Journal, key: number): number {
    const count = journal.dv.getUint16(journal.at, true);
    for (let i = 0; i < count; i++) {
      const at = this.journalEntry(journal, i);
      if (journal.dv.getUint32(at, true) === key) return at + 4;
    }
    return -1;
  }

  /** The NAT entry that counts for a node: in the journal, else in its table block. */
  nat(nid: number): InstanceType<typeof NatEntry> {
    const journal = this.journal('nat');
    const at = this.#inJournal(journal, nid);
    if (at >= 0) return new NatEntry(journal.dv, at);
    return new NatEntry(viewOf(this.block(this.natBlkaddr(nid))), (nid % NAT_ENTRIES_PER_BLOCK) * NAT_ENTRY_SIZE);
  }

  /** Address of the NAT block that is current for a node. */
  natBlkaddr(nid: number): number {
    const index = Math.floor(nid / NAT_ENTRIES_PER_BLOCK);
    const bitmap = this.base.fs.volume.nat.versionBitmap;
    return this.layout.natBlock(index, (bitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0);
  }

  /** The SIT entry that counts for a segment. */
  sit(segno: number): InstanceType<typeof SitEntry> {
    const journal = this.journal('sit');
    const at = this.#inJournal(journal, segno);
    if (at >= 0) return new SitEntry(journal.dv, at);
    return new SitEntry(viewOf(this.block(this.sitBlkaddr(segno))), (segno % SIT_ENTRIES_PER_BLOCK) * SIT_ENTRY_SIZE);
  }

  sitBlkaddr(segno: number): number {
    const index = Math.floor(segno / SIT_ENTRIES_PER_BLOCK);
    const bitmap = this.base.fs.volume.sit.versionBitmap;
    return this.layout.sitBlock(index, (bitmap[index >>> 3] & (0x80 >>> (index & 7))) !== 0);
  }

  /** Where the base has a node. */
  blkaddrOf(nid: number): number {
    return this.base.fs.volume.nat.blkaddrOf(nid);
  }

  /** Changes a node block; an inode's checksum is put right unless `seal` is off. */
  node(nid: number, change: (node: NodeParts) => void, seal = true): void {
    this.nodeAt(this.blkaddrOf(nid), change, seal);
  }

  /** Changes the node block at an address. */
  nodeAt(blkaddr: number, change: (node: NodeParts) => void, seal = true): void {
    const bytes = this.block(blkaddr);
    change(this.#parts(bytes));
    if (seal) this.sealNode(bytes);
  }

  /** Changes the inode of a path. */
  inode(path: string, change: (node: NodeParts) => void, seal = true): void {
    this.node(this.ino(path), change, seal);
  }

  /** A u32 of a path's inode block or of one of its nodes, as the base has it. */
  peek(nid: number, offset: (node: NodeParts) => number): number {
    const parts = this.#parts(this.block(this.blkaddrOf(nid)));
    return parts.dv.getUint32(offset(parts), true);
  }

  /** Number of the node in slot `slot` of i_nid. */
  nidOf(path: string, slot: number): number {
    return this.peek(this.ino(path), ({ nids }) => nids + 4 * slot);
  }

  xattrNidOf(path: string): number {
    return this.peek(this.ino(path), () => Inode.offsets.iXattrNid);
  }

  /** Address of the block of a path's page `index`, which its inode must hold itself. */
  pageBlkaddr(path: string, index: number): number {
    return this.peek(this.ino(path), ({ addrs }) => addrs + 4 * index);
  }

  /** Puts the checksum of a block right, if blocks of its kind have one. */
  seal(kind: MetadataKind, blkaddr: number): void {
    const bytes = this.block(blkaddr);
    const dv = viewOf(bytes);
    if (kind === 'superblock') {
      const sb = new Superblock(dv, SUPER_OFFSET);
      if (hasFeature(sb, 'sb_checksum')) sb.crc = superblockCrc(sb);
    } else if (kind === 'checkpoint') {
      const { checksumOffset } = new Checkpoint(dv);
      if (checksumOffset <= BLKSIZE - 4) dv.setUint32(checksumOffset, checkpointCrc(bytes, checksumOffset), true);
    } else if (kind === 'orphans') {
      new OrphanBlock(dv).checkSum = f2fsCrc(bytes.subarray(0, BLKSIZE - 4));
    } else if (kind === 'inode' || kind === 'chain') {
      this.sealNode(bytes);
    }
  }

  sealNode(bytes: Uint8Array): void {
    const dv = viewOf(bytes);
    const footer = new NodeFooter(dv, NODE_FOOTER_OFFSET);
    const inode = new Inode(dv);
    const extraIsize = new InodeExtra(dv, I_ADDR_OFFSET).iExtraIsize;
    if (footer.nid !== footer.ino || (inode.iInline & INLINE.EXTRA_ATTR) === 0) return;
    if (!hasFeature(this.layout.sb, 'inode_checksum') || extraIsize < InodeExtra.ends.iInodeChecksum) return;
    const seed = checksumSeed(this.layout.sb.uuid);
    dv.setUint32(INODE_CHECKSUM_OFFSET, inodeChecksum(seed, bytes, dv, 0), true);
  }

  /** The dentry area of a directory that holds a name (`.` and `..` too), and the name's slot. */
  dentry(directory: string, name: string, change: (slot: DentrySlot) => void): void {
    const ino = this.ino(directory);
    const bytes = this.block(this.blkaddrOf(ino));
    const { inode, inline, addrs, extra } = this.#parts(bytes);
    if ((inode.iInline & INLINE.DENTRY) !== 0) {
      const extraIsize = (inode.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
      const area = new DentryArea(
        bytes,
        inline,
        dentryLayout(maxInlineData(extraIsize, this.#xattrAddrs(bytes), BLOCK)),
      );
      change(area.find(name) as DentrySlot);
      this.sealNode(bytes);
      return;
    }
    for (let page = 0; page < inode.iSize / BLKSIZE; page++) {
      const blkaddr = viewOf(bytes).getUint32(addrs + 4 * page, true);
      if (blkaddr === 0) continue;
      const slot = DentryArea.block(this.block(blkaddr)).find(name);
      if (slot === null) continue;
      change(slot);
      return;
    }
    throw new Error(`the base has no ${directory}/${name}`);
  }

  /** Byte offset of a path's inline xattr area within its inode. */
  xattrOffset(path: string): number {
    const bytes = this.block(this.blkaddrOf(this.ino(path)));
    return I_NID_OFFSET - 4 * this.#xattrAddrs(bytes);
  }

  #xattrAddrs(bytes: Uint8Array): number {
    const extra = new InodeExtra(viewOf(bytes), I_ADDR_OFFSET);
    return hasFeature(this.layout.sb, 'flexible_inline_xattr') ? extra.iInlineXattrSize : 50;
  }

  #parts(bytes: Uint8Array): NodeParts {
    const dv = viewOf(bytes);
    const inode = new Inode(dv);
    const extra = new InodeExtra(dv, I_ADDR_OFFSET);
    const extraIsize = (inode.iInline & INLINE.EXTRA_ATTR) !== 0 ? extra.iExtraIsize : 0;
    return {
      bytes,
      dv,
      inode,
      extra,
      footer: new NodeFooter(dv, NODE_FOOTER_OFFSET),
      addrs: I_ADDR_OFFSET + extraIsize,
      nids: I_NID_OFFSET,
      inline: inlineDataOffset(extraIsize),
    };
  }
}
