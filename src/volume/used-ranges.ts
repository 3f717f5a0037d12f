// Which blocks of a volume its last checkpoint needs: what has to be copied, and nothing else; and which nobody needs.
import { BLKS_PER_SEG } from '../format/constants.ts';
import type { Volume } from './volume.ts';

/** A run of blocks of the device. */
export interface BlockRange {
  blkaddr: number;
  nrBlocks: number;
}

/** All before the main area, then what is in use of that, in the order of the device; neighbours are one range. */
export function* usedRanges({ layout, sit, logs }: Volume): Generator<BlockRange> {
  let range: BlockRange = { blkaddr: 0, nrBlocks: layout.mainBlkaddr };
  for (let segno = 0; segno < layout.nrMainSegments; segno++) {
    if (logs.free.isFree(segno)) continue;
    const start = layout.segmentStart(segno);
    for (let at = sit.nextValid(segno, 0); at < BLKS_PER_SEG; ) {
      const end = sit.nextInvalid(segno, at);
      if (range.blkaddr + range.nrBlocks !== start + at) {
        yield range;
        range = { blkaddr: start + at, nrBlocks: 0 };
      }
      range.nrBlocks += end - at;
      at = sit.nextValid(segno, end);
    }
  }
  yield range;
}

/**
 * The blocks of the main area that a volume just mounted could do without: neither its checkpoint needs them, nor what was fsynced
 * after it, which the mount must have looked for. In the order of the device; neighbours are one range.
 */
export function* unneededRanges({ layout, sit }: Volume): Generator<BlockRange> {
  let range: BlockRange = { blkaddr: layout.mainBlkaddr, nrBlocks: 0 };
  for (let segno = 0; segno < layout.nrMainSegments; segno++) {
    const start = layout.segmentStart(segno);
    for (let at = sit.nextWritable(segno, 0); at < BLKS_PER_SEG; ) {
      const end = sit.nextKept(segno, at);
      if (range.blkaddr + range.nrBlocks !== start + at) {
        if (range.nrBlocks > 0) yield range;
        range = { blkaddr: start + at, nrBlocks: 0 };
      }
      range.nrBlocks += end - at;
      at = sit.nextWritable(segno, end);
    }
  }
  if (range.nrBlocks > 0) yield range;
}
