// Whether a block can be an inode that the kernel would take. Reads what it is given, and nothing else.

import { ALGORITHM_NAMES } from '../../compress/algorithms.ts';
import type { InodeField, Report } from '../../faults.ts';
import type { BlockGeometry } from '../../format/block-size.ts';
import {
  FEATURES,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../format/constants.ts';
import { MAX_DIR_HASH_DEPTH } from '../../format/dentry.ts';
import {
  ADVISE,
  addrsPerInode,
  extraIsizeOf,
  fitsInExtra,
  I_FLAGS,
  INLINE,
  Inode,
  InodeExtra,
  inlineXattrAddrsOf,
  maxInlineData,
  TOTAL_EXTRA_ISIZE,
} from '../../format/inode.ts';
import { addrsPerBlock, maxFileBlocks, NODE_OFFSET_SHIFT, NodeFooter } from '../../format/node.ts';
import { fitsI64, fitsU64 } from '../../format/struct.ts';
import { XattrHeader } from '../../format/xattr.ts';
import type { VolumeLayout } from '../../volume/layout.ts';

/** i_extra_isize and i_inline_xattr_size themselves. Source: F2FS_MIN_EXTRA_ATTR_SIZE. */
const MIN_EXTRA_ISIZE = InodeExtra.ends.iInlineXattrSize;
const MAX_NAME_BYTES = 255;
/** From a node's footer on. */
const FLAG = NodeFooter.offsets.flag;
const VALID_TYPES = new Set<number>([S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO]);

const COUNTS = ['iSize', 'iBlocks'] as const;
const TIMES = ['iAtime', 'iCtime', 'iMtime'] as const;

/**
 * Tells what is wrong with inode `ino`, whose block `raw` and `extra` lie on. Where one fault leaves others without meaning, these are
 * not looked for. Source: sanity_check_inode.
 */
export function checkInode(ino: number, raw: Inode, extra: InodeExtra, volume: VolumeLayout, report: Report): void {
  const { block } = volume;
  const offset = raw.dv.getUint32(raw.base + block.nodeFooterOffset + FLAG, true) >>> NODE_OFFSET_SHIFT;
  if (offset !== 0) report('inode-footer-offset', { ino }, offset);
  const { iMode, iXattrNid } = raw;
  if (!VALID_TYPES.has(iMode & S_IFMT)) report('inode-mode', { ino }, iMode);
  if (iXattrNid === ino) report('inode-xattr-self', { ino });
  else if (iXattrNid !== 0 && (iXattrNid < 3 || iXattrNid >= volume.maxNid))
    report('inode-xattr-nid', { ino }, iXattrNid);
  const hasLayout = checkExtra(ino, raw, extra, volume, report);
  checkInline(ino, raw, report);
  const isReadable = checkRanges(ino, raw, COUNTS, fitsU64, report);
  if (isReadable) checkDirectory(ino, raw, block.blockSize, report);
  checkFeatures(ino, raw, volume.feature, report);
  const { extLen, extBlk } = raw;
  if (extLen > 0 && !(volume.inMain(extBlk) && volume.inMain(extBlk + extLen - 1)))
    report('inode-extent', { ino }, extLen, extBlk);
  if (raw.iNamelen > MAX_NAME_BYTES) report('inode-name-length', { ino }, raw.iNamelen);
  if (hasLayout) checkCompression(ino, raw, extra, volume, report);
  checkRanges(ino, raw, TIMES, fitsI64, report);
  if (hasLayout) checkCreationTime(ino, raw, extra, volume.feature, report);
  if (!isReadable) return;
  const { iSize } = raw;
  if (hasLayout && (raw.iInline & INLINE.DATA) !== 0) {
    const most = maxInlineData(extraIsizeOf(raw, extra), inlineXattrAddrsOf(raw, extra, volume.feature), block);
    if (iSize > most) report('inode-inline-size', { ino }, iSize);
  }
  if (iSize > maxOldFileBytes(block)) report('inode-size', { ino }, iSize);
}

/** Bytes of the largest file of older kernels, for which what is addressed within the inode did count. */
function maxOldFileBytes(block: BlockGeometry): number {
  return maxFileBlocks(block.addrsPerInode, block.addrsPerNode, block) * block.blockSize;
}

/** The extra attributes; whether they tell where the rest of the inode lies. */
function checkExtra(
  ino: number,
  raw: Inode,
  extra: InodeExtra,
  { feature, block }: VolumeLayout,
  report: Report,
): boolean {
  const { iInline } = raw;
  const hasExtra = (iInline & INLINE.EXTRA_ATTR) !== 0;
  const isFlexible = (feature & FEATURES.flexible_inline_xattr) !== 0;
  if (isFlexible && !hasExtra) {
    report('inode-no-extra', { ino });
    return false;
  }
  if ((feature & FEATURES.inode_checksum) !== 0 && !fitsInExtra('iInodeChecksum', extraIsizeOf(raw, extra)))
    report('inode-no-checksum', { ino });
  if (hasExtra && (feature & FEATURES.extra_attr) === 0) report('inode-extra', { ino });
  if (hasExtra) {
    const { iExtraIsize } = extra;
    if (iExtraIsize < MIN_EXTRA_ISIZE || iExtraIsize > TOTAL_EXTRA_ISIZE || iExtraIsize % 4 !== 0) {
      report('inode-extra-size', { ino }, iExtraIsize);
      return false;
    }
  }
  if (!isFlexible) return true;
  const { iInlineXattrSize } = extra;
  const least = (iInline & INLINE.XATTR) !== 0 ? XattrHeader.size / 4 : 0;
  if (iInlineXattrSize <= block.maxInlineXattrAddrs && iInlineXattrSize >= least) return true;
  report('inode-inline-xattr-size', { ino }, iInlineXattrSize);
  return false;
}

function checkInline(ino: number, { iInline, iMode }: Inode, report: Report): void {
  const type = iMode & S_IFMT;
  const hasData = (iInline & INLINE.DATA) !== 0;
  const hasDentries = (iInline & INLINE.DENTRY) !== 0;
  if (hasData && hasDentries) report('inode-inline-both', { ino });
  if (hasData && type !== S_IFREG && type !== S_IFLNK) report('inode-inline-data', { ino });
  if (hasDentries && type !== S_IFDIR) report('inode-inline-dentry', { ino });
}

function checkDirectory(ino: number, raw: Inode, blockSize: number, report: Report): void {
  if ((raw.iMode & S_IFMT) !== S_IFDIR) return;
  const { iCurrentDepth, iDirLevel, iSize } = raw;
  if (iCurrentDepth > MAX_DIR_HASH_DEPTH || iDirLevel > MAX_DIR_HASH_DEPTH)
    report('inode-depth', { ino }, iCurrentDepth, iDirLevel);
  // One in blocks has at least the one with its dots, until it is removed.
  if ((raw.iInline & INLINE.DENTRY) !== 0 || raw.iLinks === 0) return;
  if (iSize === 0 || iSize % blockSize !== 0 || iCurrentDepth === 0)
    report('inode-directory-size', { ino }, iSize, iCurrentDepth);
}

function checkFeatures(ino: number, { iFlags, iAdvise }: Inode, feature: number, report: Report): void {
  if ((iFlags & I_FLAGS.CASEFOLD) !== 0 && (feature & FEATURES.casefold) === 0) report('inode-casefold', { ino });
  if ((iAdvise & ADVISE.ENCRYPT) !== 0 && (feature & FEATURES.encrypt) === 0) report('inode-encrypt', { ino });
  if ((iAdvise & ADVISE.VERITY) !== 0 && (feature & FEATURES.verity) === 0) report('inode-verity', { ino });
}

/** Source: sanity_check_compress_inode. */
function checkCompression(
  ino: number,
  raw: Inode,
  extra: InodeExtra,
  { feature, block }: VolumeLayout,
  report: Report,
): void {
  const extraIsize = extraIsizeOf(raw, extra);
  if ((raw.iFlags & I_FLAGS.COMPR) === 0 || (feature & FEATURES.compression) === 0) return;
  if (!fitsInExtra('iLogClusterSize', extraIsize)) return;
  const { iCompressAlgorithm, iLogClusterSize } = extra;
  if (iCompressAlgorithm >= ALGORITHM_NAMES.length) report('inode-compress-algorithm', { ino }, iCompressAlgorithm);
  if (iLogClusterSize < 2 || iLogClusterSize > 8) {
    report('inode-cluster-size', { ino }, iLogClusterSize);
    return;
  }
  if (!fitsU64(extra.dv, extra.base + InodeExtra.offsets.iComprBlocks)) {
    report('inode-field-range', { ino }, 'iComprBlocks');
    return;
  }
  const clusterPages = (raw.iMode & S_IFMT) === S_IFREG ? 1 << iLogClusterSize : 1;
  const inInode = addrsPerInode(extraIsize, inlineXattrAddrsOf(raw, extra, feature), clusterPages, block);
  if (extra.iComprBlocks > maxFileBlocks(inInode, addrsPerBlock(clusterPages, block), block))
    report('inode-saved-blocks', { ino }, extra.iComprBlocks);
}

/** Whether the 64-bit fields can be read. */
function checkRanges(
  ino: number,
  { dv, base }: Inode,
  fields: readonly (InodeField & keyof typeof Inode.offsets)[],
  fits: (dv: DataView, at: number) => boolean,
  report: Report,
): boolean {
  let isReadable = true;
  for (const field of fields) {
    if (fits(dv, base + Inode.offsets[field])) continue;
    report('inode-field-range', { ino }, field);
    isReadable = false;
  }
  return isReadable;
}

function checkCreationTime(ino: number, raw: Inode, extra: InodeExtra, feature: number, report: Report): void {
  const hasIt = (feature & FEATURES.inode_crtime) !== 0 && fitsInExtra('iCrtime', extraIsizeOf(raw, extra));
  if (hasIt && !fitsI64(extra.dv, extra.base + InodeExtra.offsets.iCrtime))
    report('inode-field-range', { ino }, 'iCrtime');
}
