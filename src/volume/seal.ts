// Makes a finished volume one that is never written: with the feature ro, no summaries, nothing kept back for cleaning, and of its main
// area the segments alone that hold something, one behind the other. Its layout is that of mkfs.f2fs -O ro.
import type { QueuedDevice } from '../device/queued-device.ts';
import { corrupt } from '../errors.ts';
import { Checkpoint, CP, checkpointCrc } from '../format/checkpoint.ts';
import {
  BLKS_PER_SEG,
  FEATURES,
  LOG,
  NR_DATA_LOGS,
  NR_LOGS,
  S_IFBLK,
  S_IFCHR,
  S_IFMT,
  SUPER_OFFSET,
} from '../format/constants.ts';
import {
  checksumSeed,
  extraIsizeOf,
  I_ADDR_OFFSET,
  INLINE,
  INODE_CHECKSUM_OFFSET,
  Inode,
  InodeExtra,
  inlineXattrAddrsOf,
  inodeChecksum,
} from '../format/inode.ts';
import { NatEntry } from '../format/nat.ts';
import { isDnodeOffset, NODE_OFFSET_SHIFT, NodeFooter, XATTR_NODE_OFFSET } from '../format/node.ts';
import { SIT_VBLOCKS_SHIFT, SitEntry } from '../format/sit.ts';
import { viewOf } from '../format/struct.ts';
import { SUM_TYPE, SUMMARY_ENTRY_SIZE, SummaryEntry } from '../format/summary.ts';
import { hasFeature, superblockCrc } from '../format/superblock.ts';
import { isSameBytes } from '../platform/bytes.ts';
import { setLogPosition } from './checkpoint-pack.ts';
import { ALLOC } from './current-segment.ts';
import type { Volume } from './volume.ts';

/** Blocks of a pack besides its payload: two checkpoint blocks, and a summary of each log. */
const PACK_BLOCKS = 2 + NR_LOGS;

/** What comes first behind the superblocks. */
const FIRST_BLKADDR = 2;

/** A segment that holds something. */
interface Kept {
  /** Where it was. */
  readonly from: number;
  readonly isNode: boolean;
  /** One more than its last block in use. */
  readonly end: number;
}

/** Where a log would go on. */
interface Position {
  readonly segno: number;
  readonly blkoff: number;
}

class Sealing {
  readonly #volume: Volume;
  readonly #device: QueuedDevice;
  readonly #kept: Kept[] = [];
  /** By the number of a segment before, its number now; -1: it holds nothing. */
  readonly #segno: Int32Array;
  readonly #mainBlkaddr: number;
  readonly #seed: number | null;
  /** Blocks by which all areas move to the front: segments of such a volume are not aligned. */
  readonly #shift: number;

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#device = volume.device;
    const { layout, sit } = volume;
    this.#shift = layout.cpBlkaddr - FIRST_BLKADDR;
    this.#mainBlkaddr = layout.ssaBlkaddr - this.#shift;
    this.#seed = volume.hasFeature('inode_checksum') ? checksumSeed(layout.sb.uuid) : null;
    this.#segno = new Int32Array(layout.nrMainSegments).fill(-1);
    for (let from = 0; from < layout.nrMainSegments; from++) {
      if (sit.validBlocks(from) === 0) continue;
      this.#segno[from] = this.#kept.length;
      let end = 0;
      for (let at = sit.nextValid(from, 0); at < BLKS_PER_SEG; at = sit.nextValid(from, end)) {
        end = sit.nextInvalid(from, at);
      }
      this.#kept.push({ from, isNode: sit.typeOf(from) >= NR_DATA_LOGS, end });
    }
  }

  /** Returns the blocks of the volume. */
  run(): number {
    const data = this.#positionOf(false, this.#kept.length);
    const node = this.#positionOf(true, this.#kept.length + (data.segno === this.#kept.length ? 1 : 0));
    const nrSegments = Math.max(this.#kept.length, data.segno + 1, node.segno + 1);
    const tables = { nat: this.#natBlocks(), sit: this.#sitBlocks(nrSegments) };
    const pack = this.#pack(data, node, nrSegments);
    this.#moveSegments();
    this.#writeTables(tables, pack);
    return this.#writeSuperblocks(nrSegments);
  }

  /** The end of a segment of that kind, or the start of a further one. */
  #positionOf(isNode: boolean, further: number): Position {
    const segno = this.#kept.findIndex((kept) => kept.isNode === isNode && kept.end < BLKS_PER_SEG);
    return segno < 0 ? { segno: further, blkoff: 0 } : { segno, blkoff: this.#kept[segno].end };
  }

  /** Where a block of the main area comes to stand; what is no such address stays. */
  #moved(blkaddr: number): number {
    const { layout } = this.#volume;
    if (!layout.inMain(blkaddr)) return blkaddr;
    const segno = this.#segno[layout.segnoOf(blkaddr)];
    if (segno < 0) throw corrupt('node-block-free', { nid: 0, blkaddr });
    return this.#mainBlkaddr + segno * BLKS_PER_SEG + ((blkaddr - layout.mainBlkaddr) % BLKS_PER_SEG);
  }

  /** Blocks of the table of nodes that are not empty, by their index. */
  #natBlocks(): Map<number, Uint8Array> {
    const { layout, nat } = this.#volume;
    const { natEntriesPerBlock, blockSize } = layout.block;
    const blocks = new Map<number, Uint8Array>();
    for (let index = 0; index < layout.nrNatBlocks; index++) {
      const block = new Uint8Array(blockSize);
      const entry = new NatEntry(viewOf(block));
      let isEmpty = true;
      for (let i = 0; i < natEntriesPerBlock; i++) {
        const nid = index * natEntriesPerBlock + i;
        const blkaddr = nat.entryOf(nid);
        if (blkaddr === 0) continue;
        isEmpty = false;
        entry.base = i * NatEntry.size;
        entry.version = nat.versionOf(nid);
        entry.ino = nat.inoOf(nid);
        entry.blockAddr = this.#moved(blkaddr);
      }
      if (!isEmpty) blocks.set(index, block);
    }
    return blocks;
  }

  #sitBlocks(nrSegments: number): Uint8Array[] {
    const { layout, sit } = this.#volume;
    const { sitEntriesPerBlock, blockSize } = layout.block;
    const blocks = Array.from({ length: Math.ceil(nrSegments / sitEntriesPerBlock) }, () => new Uint8Array(blockSize));
    for (let segno = 0; segno < nrSegments; segno++) {
      const view = viewOf(blocks[Math.floor(segno / sitEntriesPerBlock)]);
      const entry = new SitEntry(view, (segno % sitEntriesPerBlock) * SitEntry.size);
      // One that was added is of nodes when it is the last of two.
      const kept = this.#kept[segno];
      const type = (kept?.isNode ?? segno > this.#kept.length) ? LOG.HOT_NODE : LOG.HOT_DATA;
      entry.vblocks = (type << SIT_VBLOCKS_SHIFT) | (kept === undefined ? 0 : sit.validBlocks(kept.from));
      if (kept === undefined) continue;
      const { validMap } = entry;
      for (let at = sit.nextValid(kept.from, 0); at < BLKS_PER_SEG; at = sit.nextValid(kept.from, at + 1))
        validMap[at >>> 3] |= 0x80 >>> (at & 7);
      entry.mtime = sit.mtimeOf(kept.from);
    }
    return blocks;
  }

  /** The checkpoint, the payload, a summary of each log, and the checkpoint again. */
  #pack(data: Position, node: Position, nrSegments: number): Uint8Array[] {
    const { layout, pack } = this.#volume;
    const { blockSize } = layout.block;
    const block = new Uint8Array(blockSize);
    const { cp: old } = pack;
    block.set(new Uint8Array(old.dv.buffer, old.dv.byteOffset + old.base, Checkpoint.size));
    const cp = new Checkpoint(viewOf(block));
    cp.checkpointVer = old.checkpointVer + 1;
    cp.userBlockCount = nrSegments * BLKS_PER_SEG;
    cp.rsvdSegmentCount = 0;
    cp.overprovSegmentCount = 0;
    cp.freeSegmentCount = 0;
    cp.ckptFlags = (old.ckptFlags & (CP.CRC_RECOVERY | CP.TRIMMED | CP.LARGE_NAT_BITMAP)) | CP.UMOUNT;
    cp.cpPackTotalBlockCount = PACK_BLOCKS + layout.cpPayload;
    cp.cpPackStartSum = 1 + layout.cpPayload;
    for (let log = 0; log < NR_LOGS; log++) {
      const position = log === LOG.HOT_DATA ? data : log === LOG.HOT_NODE ? node : { segno: 0, blkoff: 0 };
      setLogPosition(cp, log, position.segno, position.blkoff, ALLOC.LFS);
    }
    cp.dv.setUint32(cp.checksumOffset, checkpointCrc(block, cp.checksumOffset), true);
    const payload = Array.from({ length: layout.cpPayload }, () => new Uint8Array(blockSize));
    const summaries = Array.from({ length: NR_LOGS }, (_, log) => {
      const summary = new Uint8Array(blockSize);
      if (log === LOG.HOT_DATA) this.#fillSummary(summary, data.segno);
      if (log === LOG.HOT_NODE) this.#fillSummary(summary, node.segno);
      summary[layout.block.summaryFooterOffset] = log < NR_DATA_LOGS ? SUM_TYPE.DATA : SUM_TYPE.NODE;
      return summary;
    });
    return [block, ...payload, ...summaries, block];
  }

  /** Who owns the blocks of a segment. */
  #fillSummary(summary: Uint8Array, segno: number): void {
    const { layout, sit, logs, nat } = this.#volume;
    const kept = this.#kept[segno];
    if (kept === undefined) return;
    const block = new Uint8Array(layout.block.blockSize);
    const footer = new NodeFooter(viewOf(block), layout.block.nodeFooterOffset);
    for (let at = sit.nextValid(kept.from, 0); at < BLKS_PER_SEG; at = sit.nextValid(kept.from, at + 1)) {
      const entry = new SummaryEntry(viewOf(summary), at * SUMMARY_ENTRY_SIZE);
      const blkaddr = layout.segmentStart(kept.from) + at;
      if (kept.isNode) {
        this.#device.read(blkaddr, block);
        entry.nid = footer.nid;
        continue;
      }
      const { nid, ofsInNode } = logs.ownerOf(blkaddr);
      entry.nid = nid;
      entry.version = nat.versionOf(nid);
      entry.ofsInNode = ofsInNode;
    }
  }

  /** Each goes to where one was that lies before it, or the summaries were: so none is written over before it was read. */
  #moveSegments(): void {
    const { layout } = this.#volume;
    const { blockSize } = layout.block;
    const segment = new Uint8Array(BLKS_PER_SEG * blockSize);
    for (const [segno, { from, isNode }] of this.#kept.entries()) {
      this.#device.read(layout.segmentStart(from), segment);
      const to = this.#mainBlkaddr + segno * BLKS_PER_SEG;
      this.#eachRun(
        from,
        (at, end) => {
          const run = segment.subarray(at * blockSize, end * blockSize);
          if (isNode) for (let i = 0; i < run.length; i += blockSize) this.#moveNode(run.subarray(i, i + blockSize));
          this.#device.write(to + at, [run]);
        },
        (at, end) => this.#device.zero(to + at, end - at),
      );
    }
  }

  /** The runs of blocks in use of a segment, and those of others. */
  #eachRun(segno: number, used: (at: number, end: number) => void, unused: (at: number, end: number) => void): void {
    const { sit } = this.#volume;
    for (let at = 0; at < BLKS_PER_SEG; ) {
      const start = sit.nextValid(segno, at);
      if (start > at) unused(at, start);
      if (start === BLKS_PER_SEG) return;
      at = sit.nextInvalid(segno, start);
      used(start, at);
    }
  }

  /** The addresses in a node become those that the blocks will have. */
  #moveNode(block: Uint8Array): void {
    const { layout } = this.#volume;
    const geometry = layout.block;
    const view = viewOf(block);
    const footer = new NodeFooter(view, geometry.nodeFooterOffset);
    const offset = footer.flag >>> NODE_OFFSET_SHIFT;
    footer.nextBlkaddr = 0;
    if (footer.nid === footer.ino) {
      const raw = new Inode(view);
      const extra = new InodeExtra(view, I_ADDR_OFFSET);
      const type = raw.iMode & S_IFMT;
      const isDevice = type === S_IFCHR || type === S_IFBLK;
      const extraIsize = extraIsizeOf(raw, extra);
      if ((raw.iInline & (INLINE.DATA | INLINE.DENTRY)) === 0 && !isDevice) {
        const count = geometry.addrsPerInode - extraIsize / 4 - inlineXattrAddrsOf(raw, extra, layout.feature);
        this.#moveAddresses(view, I_ADDR_OFFSET + extraIsize, count);
      }
      raw.extFofs = 0;
      raw.extBlk = 0;
      raw.extLen = 0;
      if (this.#seed !== null) view.setUint32(INODE_CHECKSUM_OFFSET, inodeChecksum(this.#seed, block, view, 0), true);
    } else if (offset !== XATTR_NODE_OFFSET && isDnodeOffset(offset, geometry)) {
      this.#moveAddresses(view, 0, geometry.addrsPerNode);
    }
  }

  #moveAddresses(view: DataView, from: number, count: number): void {
    for (let at = from; at < from + 4 * count; at += 4) view.setUint32(at, this.#moved(view.getUint32(at, true)), true);
  }

  #writeTables(
    { nat, sit }: { nat: ReadonlyMap<number, Uint8Array>; sit: readonly Uint8Array[] },
    pack: readonly Uint8Array[],
  ): void {
    const { layout } = this.#volume;
    const cpBlkaddr = FIRST_BLKADDR;
    this.#clear(cpBlkaddr, this.#mainBlkaddr);
    // With the version bitmaps all zeros the first copy of each block counts.
    for (const [i, block] of sit.entries()) this.#device.write(layout.sitBlock(i, false) - this.#shift, [block]);
    for (const [i, block] of nat) this.#device.write(layout.natBlock(i, false) - this.#shift, [block]);
    this.#device.write(cpBlkaddr, pack);
    // The second pack is an older one, of version 0, which says nothing, as after a format.
    const older = pack[0].slice();
    const cp = new Checkpoint(viewOf(older));
    cp.checkpointVer = 0;
    cp.dv.setUint32(cp.checksumOffset, checkpointCrc(older, cp.checksumOffset), true);
    this.#device.write(cpBlkaddr + BLKS_PER_SEG, [older]);
    this.#device.write(cpBlkaddr + BLKS_PER_SEG + pack.length - 1, [older]);
  }

  /** Zeros what is not; holes of an image file stay. */
  #clear(from: number, end: number): void {
    const { blockSize } = this.#volume.layout.block;
    const piece = new Uint8Array(BLKS_PER_SEG * blockSize);
    const zeros = new Uint8Array(blockSize);
    for (let at = from; at < end; at += BLKS_PER_SEG) {
      const nrBlocks = Math.min(BLKS_PER_SEG, end - at);
      this.#device.read(at, piece.subarray(0, nrBlocks * blockSize));
      for (let i = 0; i < nrBlocks; i++)
        if (!isSameBytes(zeros, piece.subarray(i * blockSize, (i + 1) * blockSize))) this.#device.zero(at + i, 1);
    }
  }

  #writeSuperblocks(nrSegments: number): number {
    const { sb, block } = this.#volume.layout;
    sb.segmentCountSsa = 0;
    sb.segment0Blkaddr = FIRST_BLKADDR;
    sb.cpBlkaddr = FIRST_BLKADDR;
    sb.sitBlkaddr -= this.#shift;
    sb.natBlkaddr -= this.#shift;
    sb.ssaBlkaddr = this.#mainBlkaddr;
    sb.mainBlkaddr = this.#mainBlkaddr;
    sb.segmentCountMain = nrSegments;
    sb.sectionCount = nrSegments / sb.segsPerSec;
    sb.segmentCount = sb.segmentCountCkpt + sb.segmentCountSit + sb.segmentCountNat + nrSegments;
    sb.blockCount = this.#mainBlkaddr + nrSegments * BLKS_PER_SEG;
    sb.feature |= FEATURES.ro;
    if (hasFeature(sb, 'sb_checksum')) sb.crc = superblockCrc(sb);
    const bytes = new Uint8Array(sb.dv.buffer, sb.dv.byteOffset + sb.base - SUPER_OFFSET, block.blockSize);
    this.#device.flush();
    this.#device.write(0, [bytes, bytes]);
    this.#device.flush();
    return sb.blockCount;
  }
}

/**
 * Makes it of a volume that was closed, and is mounted for reading: that mount must be left then. Sections of one segment only. Returns
 * the blocks of the volume, to which its device may be cut. A failure leaves no volume.
 */
export function sealReadOnly(volume: Volume): number {
  return new Sealing(volume).run();
}
