// Writes a checkpoint: the tables that changed go to their other copies, then one pack to the place of the older pack.
// The pack's last block makes it valid, so a crash at any point leaves the old checkpoint or the new one.
import { Bio } from '../device/bio.ts';
import type { QueuedDevice } from '../device/queued-device.ts';
import { Checkpoint, CP, checkpointCrc } from '../format/checkpoint.ts';
import { BLKS_PER_SEG, NR_DATA_LOGS, NR_LOGS } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { type CheckpointPack, setLogPosition } from './checkpoint-pack.ts';
import type { VolumeCounters } from './counters.ts';
import type { VolumeLayout } from './layout.ts';
import type { Logs } from './logs.ts';
import type { NodeTable } from './nat.ts';
import { orphanBlocks, writeOrphans } from './orphans.ts';
import type { QuotaUsage } from './quota-usage.ts';
import type { SegmentTable } from './sit.ts';
import type { Space } from './space.ts';
import { dataSummaryBlocks, type Journals, writeDataSummaries, writeNodeSummaries } from './summaries.ts';

/** What a checkpoint is made of. */
export interface CheckpointState {
  readonly device: QueuedDevice;
  readonly layout: VolumeLayout;
  readonly nat: NodeTable;
  readonly sit: SegmentTable;
  readonly logs: Logs;
  readonly journals: Journals;
  readonly space: Space;
  readonly orphans: ReadonlySet<number>;
  readonly quotas: QuotaUsage;
  readonly counters: VolumeCounters;
  /** Seconds that the volume has been mounted in all. */
  readonly elapsedTime: number;
  /** The last one. */
  readonly pack: CheckpointPack;
}

/** Flags that a checkpoint takes over from the one before; all others it sets by its own state. */
const KEPT_FLAGS = CP.LARGE_NAT_BITMAP | CP.QUOTA_NEED_FSCK;

/** Table blocks on their way out: copied one after the other, so that neighbours go in one write. */
class TableWriter {
  readonly #blockSize: number;
  readonly #buffer: Uint8Array;
  readonly #bio: Bio;
  /** Blocks handed over so far. */
  nrBlocks = 0;

  constructor(device: QueuedDevice) {
    this.#blockSize = device.blockSize;
    this.#buffer = new Uint8Array(this.#blockSize * 256);
    this.#bio = new Bio(device, this.#buffer, 256);
  }

  write(blkaddr: number, block: Uint8Array): void {
    const { nrBlocks } = this.#bio;
    if (nrBlocks > 0 && (nrBlocks === 256 || blkaddr !== this.#bio.blkaddr + nrBlocks)) this.#bio.submit();
    const offset = this.#bio.nrBlocks * this.#blockSize;
    this.#buffer.set(block, offset);
    this.#bio.add(blkaddr, offset, 1);
    this.nrBlocks++;
  }

  finish(): void {
    this.#bio.submit();
  }
}

/**
 * Writes NAT, SIT and a checkpoint pack for the volume's present state, whose data and nodes are on their way already.
 * Returns the new pack. Source: do_checkpoint.
 */
export function writeCheckpoint(volume: CheckpointState, umount: boolean): CheckpointPack {
  const { device, layout, logs, journals } = volume;
  const { blockSize, journalSize } = layout.block;
  logs.leaveSegments();
  volume.counters.metaBlocks += logs.summaries.write();
  const tables = new TableWriter(device);
  volume.nat.flush(new Uint8Array(journalSize), (blkaddr, block) => tables.write(blkaddr, block));
  volume.sit.flush(new Uint8Array(journalSize), (blkaddr, block) => tables.write(blkaddr, block));
  tables.finish();

  const dataBlocks = dataSummaryBlocks(logs.current, layout.block);
  const nrOrphanBlocks = orphanBlocks(volume.orphans.size, layout.block);
  const startSum = 1 + layout.cpPayload + nrOrphanBlocks;
  const total = startSum + dataBlocks + (umount ? NR_LOGS - NR_DATA_LOGS : 0) + 1;
  const head = checkpointBlock(volume, umount, { dataBlocks, startSum, total });

  const pack = new Uint8Array(total * blockSize);
  pack.set(head, 0);
  const orphans = pack.subarray((1 + layout.cpPayload) * blockSize, startSum * blockSize);
  writeOrphans([...volume.orphans], orphans, layout.block);
  const nodeSum = startSum + dataBlocks;
  const data = pack.subarray(startSum * blockSize, nodeSum * blockSize);
  writeDataSummaries(logs.current, journals, layout.block, data);
  const last = (total - 1) * blockSize;
  if (umount) writeNodeSummaries(logs.current, journals, layout.block, pack.subarray(nodeSum * blockSize, last));
  pack.copyWithin(last, 0, blockSize);

  const which = volume.pack.pack === 0 ? 1 : 0;
  const blkaddr = layout.cpBlkaddr + which * BLKS_PER_SEG;
  device.write(blkaddr, [pack.subarray(0, last)]);
  device.flush();
  device.write(blkaddr + total - 1, [pack.subarray(last)]);
  device.flush();
  volume.counters.metaBlocks += tables.nrBlocks + total;
  const dv = viewOf(head);
  const cp = new Checkpoint(dv);
  return { block: head, cp, pack: which, blkaddr, crc: dv.getUint32(cp.checksumOffset, true), hasWholeSpare: true };
}

/** The checkpoint block and its payload blocks. */
function checkpointBlock(
  volume: CheckpointState,
  umount: boolean,
  { dataBlocks, startSum, total }: { dataBlocks: number; startSum: number; total: number },
): Uint8Array {
  const { device, space, logs } = volume;
  // The version bitmaps are views on the old block, turned already: copying it takes them along.
  const block = volume.pack.block;
  const cp = new Checkpoint(viewOf(block));
  cp.checkpointVer += 1;
  cp.userBlockCount = space.userBlockCount;
  cp.validBlockCount = space.validBlockCount;
  cp.validNodeCount = space.validNodeCount;
  cp.validInodeCount = space.validInodeCount;
  cp.freeSegmentCount = logs.freeAfterCheckpoint;
  cp.nextFreeNid = volume.nat.nextFreeNid;
  cp.elapsedTime = volume.elapsedTime;
  for (const segment of logs.current) setLogPosition(cp, segment.log, segment.segno, segment.blkoff, segment.allocType);
  let flags = (cp.ckptFlags & KEPT_FLAGS) | CP.CRC_RECOVERY;
  if (umount) flags |= CP.UMOUNT;
  if (dataBlocks < NR_DATA_LOGS) flags |= CP.COMPACT_SUM;
  if (volume.orphans.size > 0) flags |= CP.ORPHAN_PRESENT;
  if (volume.quotas.failure !== null) flags |= CP.QUOTA_NEED_FSCK;
  cp.ckptFlags = flags;
  cp.cpPackStartSum = startSum;
  cp.cpPackTotalBlockCount = total;
  viewOf(block).setUint32(
    cp.checksumOffset,
    checkpointCrc(block.subarray(0, device.blockSize), cp.checksumOffset),
    true,
  );
  return block;
}
