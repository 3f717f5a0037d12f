// How large an image file is made: the least size that holds its tree and, unless it is to be tight, can be grown by resize.f2fs
// (f2fs-tools 1.15 and 1.16). That tool moves what lies where the larger tables will be, then gives each log a new place, all of it
// within the old main area. Where it finds no place it stops, and the volume is lost if anything was moved already.
import { BLKS_PER_SEG, NR_LOGS } from '../format/constants.ts';
import type { FileSystem } from '../fs/file-system.ts';
import { type Geometry, type GeometryRequest, geometryFor, smallestGeometry, spaceOf } from '../mkfs/geometry.ts';
import type { VolumeLayout } from '../volume/layout.ts';
import { type MainArea, shrinkMain, usedSegments } from '../volume/resize.ts';
import type { SegmentTable } from '../volume/sit.ts';
import type { Volume } from '../volume/volume.ts';

/** Free segments that the tool leaves alone, besides the reserved ones. */
const NEVER_TAKEN = 1;
/** Segments that an image is made with besides those it should need: for blocks that were written twice, and what `canGrow` refuses. */
const MARGIN_SEGMENTS = 4;
/** What the layouts that are tried have in common: one log after the other from the start, so that the end can be given back. */
type Shape = Pick<GeometryRequest, 'blockSize' | 'logPlacement' | 'packedSsa'>;

/** What decides the size of an image. */
export interface SizeRules {
  /** Blocks to stay free for files. */
  freeBlocks: number;
  /** The least size, whatever growing takes. */
  tight: boolean;
  /** What the tree takes is known to the block before it is written. */
  exact: boolean;
}

export interface ImageSize {
  /** Bytes of the image. */
  sizeBytes: number;
  /** False: no size that holds the tree leaves resize.f2fs the places that it looks for. */
  canGrow: boolean;
  /** Bytes that resize.f2fs must not grow it to less than: its tables were made for an image of that size. Null: no such bound. */
  growthBound: number | null;
}

/** The layout to begin with, for a tree of `treeBlocks` blocks. Throws EFBIG. */
export function firstGeometry(treeBlocks: number, { freeBlocks, tight }: SizeRules, shape: Shape): Geometry {
  let geometry = smallestGeometry(shape, treeBlocks + freeBlocks);
  // A log may leave a segment that it did not fill, and has one of its own at the end.
  const used = Math.ceil(treeBlocks / BLKS_PER_SEG) + 2 * NR_LOGS;
  const isEnough = ({ segmentCountMain, reservedSegments }: Geometry) =>
    segmentCountMain >= used + reservedSegments + NEVER_TAKEN + MARGIN_SEGMENTS;
  while (!tight && !isEnough(geometry))
    geometry = geometryFor({ ...shape, nrBlocks: geometry.blockCount + BLKS_PER_SEG });
  return geometry;
}

/**
 * Ends a volume that was made with `firstGeometry` for `foretold` blocks: gives back the end of its main area, and closes it. What the
 * host refused to read was foretold, and is not there.
 */
export function closeAtLeastSize(fs: FileSystem, rules: SizeRules, foretold: number): ImageSize {
  fs.sync();
  const { volume } = fs;
  const exact = rules.exact && volume.space.validBlockCount >= foretold;
  const growable = rules.tight ? null : leastArea(volume, { ...rules, exact });
  const area = growable ?? (exact && !rules.tight ? null : leastArea(volume, { ...rules, tight: true }));
  const { nrBlocks: madeBlocks } = volume.device;
  let nrBlocks = madeBlocks;
  if (area !== null) {
    if (growable !== null) volume.logs.restart(area.segmentCountMain - NR_LOGS);
    nrBlocks = shrinkMain(volume, area);
  }
  fs.close();
  return {
    sizeBytes: nrBlocks * volume.device.blockSize,
    canGrow: growable !== null,
    growthBound: growable === null ? null : growthBound(nrBlocks, madeBlocks, volume.layout),
  };
}

/** Closes the volume of an image file that keeps its size; resize.f2fs can grow it if it has enough free. */
export function closeAtItsSize(fs: FileSystem): void {
  fs.sync();
  const { layout, sit, logs, pack } = fs.volume;
  const end = layout.nrMainSegments - NR_LOGS;
  if (usedSegments(fs.volume) <= end && canGrow(sit, end, pack.cp.rsvdSegmentCount)) logs.restart(end);
  fs.close();
}

/** The least main area that will do; null when it is what there is. */
function leastArea(volume: Volume, { freeBlocks, tight, exact }: SizeRules): MainArea | null {
  const { layout, space, sit } = volume;
  const wanted = space.validBlockCount + freeBlocks;
  const used = usedSegments(volume);
  let tries = 0;
  for (let main = used + (tight ? 0 : NR_LOGS); main <= layout.nrMainSegments; main++) {
    const area = spaceOf(main, layout.segsPerSec, layout.block.blockSize);
    if (area === null || area.userBlockCount < wanted) continue;
    if (!tight && !canGrow(sit, main - NR_LOGS, area.reservedSegments, used)) {
      // What more free segments could change, as many as are in use have.
      if (++tries > used + area.reservedSegments + NR_LOGS * NR_LOGS) return null;
      continue;
    }
    const end = layout.mainBlkaddr + main * BLKS_PER_SEG;
    if (!tight && exact && geometryOf(end, layout).mainBlkaddr < layout.mainBlkaddr) continue;
    return { segmentCountMain: main, ...area };
  }
  return null;
}

/**
 * Whether resize.f2fs can grow a volume to any size, when what is in use lies in the first `end` segments, and each log has an empty
 * segment of its own behind them. The first `k` segments, whose place the larger tables take, are moved: block by block to holes of
 * segments of the same log, and to free segments. Where these run out the whole main area is moved instead, which always works.
 * Otherwise each log must find a place then. Source: f2fs_defragment, move_curseg_info, find_next_free_block.
 * @param used segments from the start of which some are in use: the others are free
 */
export function canGrow(
  sit: Pick<SegmentTable, 'validBlocks' | 'typeOf'>,
  end: number,
  reservedSegments: number,
  used = end,
): boolean {
  const moved = new Array<number>(NR_LOGS).fill(0);
  const holes = new Array<number>(NR_LOGS).fill(0);
  const last = Math.min(end, used);
  let free = end - last;
  for (let segno = 0; segno < last; segno++) {
    const valid = sit.validBlocks(segno);
    if (valid === 0) free++;
    else holes[sit.typeOf(segno)] += BLKS_PER_SEG - valid;
  }
  // What is moved takes no more free segments than it leaves.
  const takeable = free - reservedSegments - NEVER_TAKEN;
  const missing = (log: number) => moved[log] - holes[log];
  for (let k = 0; k <= last; k++) {
    let taken = 0;
    for (let log = 0; log < NR_LOGS; log++) taken += Math.max(0, Math.ceil(missing(log) / BLKS_PER_SEG));
    if (taken > free) break;
    // Further on nothing changes but `free`, down to what is taken: the last of those steps finds the least.
    if (k === last) return free === 0 || findPlaces(missing, Math.min(takeable, 0));
    // Of each log a free segment may have been taken before a hole.
    const left = k === 0 ? free : Math.max(0, free - taken - NR_LOGS);
    if (!findPlaces(missing, Math.min(takeable, left))) return false;
    const valid = sit.validBlocks(k);
    const type = sit.typeOf(k);
    moved[type] += valid;
    if (valid === 0) free--;
    else holes[type] -= BLKS_PER_SEG - valid;
  }
  return true;
}

/** Whether each log, in their order, finds a hole or one of `free` segments: that which it leaves is one more for the next. */
function findPlaces(missingHoles: (log: number) => number, free: number): boolean {
  let left = free;
  for (let log = 0; log < NR_LOGS; log++) {
    const missing = missingHoles(log);
    if (missing < 0 || missing % BLKS_PER_SEG !== 0) left++;
    else if (left < 1) return false;
  }
  return true;
}

/** For a smaller image mkfs.f2fs and resize.f2fs have smaller tables than this one, which was made with `madeBlocks`. */
function growthBound(nrBlocks: number, madeBlocks: number, layout: VolumeLayout): number | null {
  const fits = (blocks: number) => geometryOf(blocks, layout).mainBlkaddr >= layout.mainBlkaddr;
  if (fits(nrBlocks)) return null;
  let least = madeBlocks;
  for (let less = nrBlocks; least - less > BLKS_PER_SEG; ) {
    const middle = less + Math.floor((least - less) / 2 / BLKS_PER_SEG) * BLKS_PER_SEG;
    if (fits(middle)) least = middle;
    else less = middle;
  }
  return least * layout.block.blockSize;
}

/** The layout that a format would have for so many blocks like those of a volume. */
function geometryOf(nrBlocks: number, { block }: VolumeLayout): Geometry {
  const { blockSize, summariesPerBlock } = block;
  return geometryFor({ logPlacement: 'packed', blockSize, packedSsa: summariesPerBlock > 1, nrBlocks });
}
