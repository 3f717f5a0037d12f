// Gives back the end of a volume's main area. Source: f2fs_resize_fs, whose order of writes this keeps.
import { F2fsError } from '../errors.ts';
import { BLKS_PER_SEG, SUPER_OFFSET } from '../format/constants.ts';
import { hasFeature, superblockCrc } from '../format/superblock.ts';
import type { Volume } from './volume.ts';

/** The new main area: segments, those of them kept for cleaning, those kept from users, and users' blocks. */
export interface MainArea {
  segmentCountMain: number;
  reservedSegments: number;
  overprovSegments: number;
  userBlockCount: number;
}

/** Segments from the start of the main area up to the last one that is in use or a log's own. */
export function usedSegments(volume: Volume): number {
  const { sit, logs, layout } = volume;
  let used = Math.max(...logs.current.map(({ segno }) => segno)) + 1;
  for (let segno = layout.nrMainSegments - 1; segno >= used; segno--) if (!sit.isFree(segno)) used = segno + 1;
  return used;
}

/**
 * Shortens the main area. What lies past its new end must be free (EBUSY otherwise). The next checkpoint, which must
 * follow at once, completes it; the device may be cut to the block returned after that.
 */
export function shrinkMain(volume: Volume, area: MainArea): number {
  const { device, layout, logs, space } = volume;
  const { sb } = layout;
  volume.assertWritable();
  const removed = sb.segmentCountMain - area.segmentCountMain;
  if (removed < 0 || area.segmentCountMain < usedSegments(volume) || area.userBlockCount < space.validBlockCount) {
    throw new F2fsError(
      'EBUSY',
      `the main area can't shrink to ${area.segmentCountMain} segments: they do not hold what is in use`,
    );
  }
  sb.segmentCountMain = area.segmentCountMain;
  sb.sectionCount = area.segmentCountMain / sb.segsPerSec;
  sb.segmentCount -= removed;
  sb.blockCount = layout.mainEnd;
  if (hasFeature(sb, 'sb_checksum')) sb.crc = superblockCrc(sb);
  logs.free.cut(removed);
  space.userBlockCount = area.userBlockCount;
  volume.pack.cp.rsvdSegmentCount = area.reservedSegments;
  volume.pack.cp.overprovSegmentCount = area.overprovSegments;
  const block = new Uint8Array(sb.dv.buffer, sb.dv.byteOffset + sb.base - SUPER_OFFSET, device.blockSize);
  for (const blkaddr of [0, 1]) device.write(blkaddr, [block]);
  return layout.mainBlkaddr + area.segmentCountMain * BLKS_PER_SEG;
}
