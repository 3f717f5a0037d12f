// Orphan inodes: without a name, but open when the checkpoint was written. Listed in the checkpoint pack.
import type { QueuedDevice } from '../device/queued-device.ts';
import type { Report } from '../faults.ts';
import type { BlockGeometry } from '../format/block-size.ts';
import { CP, OrphanFooter } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, NR_LOGS } from '../format/constants.ts';
import { f2fsCrc } from '../format/crc.ts';
import { viewOf } from '../format/struct.ts';
import type { CheckpointPack } from './checkpoint-pack.ts';
import type { VolumeLayout } from './layout.ts';

/** The inode numbers that a checkpoint lists; what can't be one is told, and left out. */
export function readOrphans(
  device: QueuedDevice,
  layout: VolumeLayout,
  pack: CheckpointPack,
  report: Report,
): number[] {
  if ((pack.cp.ckptFlags & CP.ORPHAN_PRESENT) === 0) return [];
  const inos: number[] = [];
  const { blockSize, orphansPerBlock } = layout.block;
  const block = new Uint8Array(blockSize);
  const view = viewOf(block);
  const footer = new OrphanFooter(view, blockSize - OrphanFooter.size);
  const first = pack.blkaddr + 1 + layout.cpPayload;
  for (let blkaddr = first; blkaddr < pack.blkaddr + pack.cp.cpPackStartSum; blkaddr++) {
    device.read(blkaddr, block);
    if (footer.entryCount > orphansPerBlock) {
      report('orphan-count', { blkaddr }, footer.entryCount, orphansPerBlock);
      continue;
    }
    for (let i = 0; i < footer.entryCount; i++) {
      const ino = view.getUint32(4 * i, true);
      if (ino <= layout.sb.rootIno || ino >= layout.maxNid) report('orphan-range', { ino, blkaddr });
      else inos.push(ino);
    }
  }
  return inos;
}

/** Orphans that a checkpoint pack has room for, besides its two checkpoint blocks and the summaries. Source: max_orphans. */
export function maxOrphans(layout: VolumeLayout): number {
  return (BLKS_PER_SEG - 2 - NR_LOGS - layout.cpPayload) * layout.block.orphansPerBlock;
}

/** Blocks that a list of orphans takes. */
export function orphanBlocks(nrOrphans: number, block: BlockGeometry): number {
  return Math.ceil(nrOrphans / block.orphansPerBlock);
}

/** Fills `into` (orphanBlocks of them) with a list of orphans. Source: write_orphan_inodes. */
export function writeOrphans(inos: readonly number[], into: Uint8Array, geometry: BlockGeometry): void {
  const { blockSize, orphansPerBlock } = geometry;
  const count = orphanBlocks(inos.length, geometry);
  for (let i = 0; i < count; i++) {
    const block = into.subarray(i * blockSize, (i + 1) * blockSize);
    const view = viewOf(block);
    const footer = new OrphanFooter(view, blockSize - OrphanFooter.size);
    const part = inos.slice(i * orphansPerBlock, (i + 1) * orphansPerBlock);
    part.forEach((ino, slot) => {
      view.setUint32(4 * slot, ino, true);
    });
    footer.entryCount = part.length;
    footer.blkAddr = i + 1;
    footer.blkCount = count;
    footer.checkSum = f2fsCrc(block.subarray(0, footer.base + OrphanFooter.offsets.checkSum));
  }
}
