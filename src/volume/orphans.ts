// Orphan inodes: without a name, but open when the checkpoint was written. Listed in the checkpoint pack.
import type { QueuedDevice } from '../device/queued-device.ts';
import type { Report } from '../faults.ts';
import { CP, ORPHANS_PER_BLOCK, OrphanBlock } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, BLKSIZE, NR_LOGS } from '../format/constants.ts';
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
  const block = new Uint8Array(BLKSIZE);
  const orphan = new OrphanBlock(viewOf(block));
  const first = pack.blkaddr + 1 + layout.cpPayload;
  for (let blkaddr = first; blkaddr < pack.blkaddr + pack.cp.cpPackStartSum; blkaddr++) {
    device.read(blkaddr, block);
    if (orphan.entryCount > ORPHANS_PER_BLOCK) {
      report('orphan-count', { blkaddr }, orphan.entryCount, ORPHANS_PER_BLOCK);
      continue;
    }
    for (let i = 0; i < orphan.entryCount; i++) {
      const ino = orphan.dv.getUint32(4 * i, true);
      if (ino <= layout.sb.rootIno || ino >= layout.maxNid) report('orphan-range', { ino, blkaddr });
      else inos.push(ino);
    }
  }
  return inos;
}

/** Orphans that a checkpoint pack has room for, besides its two checkpoint blocks and the summaries. Source: max_orphans. */
export function maxOrphans(layout: VolumeLayout): number {
  return (BLKS_PER_SEG - 2 - NR_LOGS - layout.cpPayload) * ORPHANS_PER_BLOCK;
}

/** Blocks that a list of orphans takes. */
export function orphanBlocks(nrOrphans: number): number {
  return Math.ceil(nrOrphans / ORPHANS_PER_BLOCK);
}

/** Fills `into` (orphanBlocks of them) with a list of orphans. Source: write_orphan_inodes. */
export function writeOrphans(inos: readonly number[], into: Uint8Array): void {
  const count = orphanBlocks(inos.length);
  for (let i = 0; i < count; i++) {
    const block = into.subarray(i * BLKSIZE, (i + 1) * BLKSIZE);
    const orphan = new OrphanBlock(viewOf(block));
    const part = inos.slice(i * ORPHANS_PER_BLOCK, (i + 1) * ORPHANS_PER_BLOCK);
    part.forEach((ino, slot) => {
      orphan.dv.setUint32(4 * slot, ino, true);
    });
    orphan.entryCount = part.length;
    orphan.blkAddr = i + 1;
    orphan.blkCount = count;
    orphan.checkSum = f2fsCrc(block.subarray(0, OrphanBlock.offsets.checkSum));
  }
}
