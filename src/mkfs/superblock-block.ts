// Builds the block that a superblock stands in.
import { ENCODING_UTF8_12_1 } from '../format/casefold.ts';
import { F2FS_SUPER_MAGIC, FEATURES, LOG_BLKS_PER_SEG, SUPER_OFFSET } from '../format/constants.ts';
import { viewOf } from '../format/struct.ts';
import { SB_CHECKSUM_OFFSET, Superblock, setQuotaIno, superblockCrc } from '../format/superblock.ts';
import { type FormatPlan, META_INO, NODE_INO, quotaIno, ROOT_INO } from './plan.ts';

const MAJOR_VERSION = 1;
const MINOR_VERSION = 15;

/** The block of either superblock copy; the two are the same. Source: f2fs_prepare_super_block. */
export function superblockBlock(plan: FormatPlan): Uint8Array {
  const block = new Uint8Array(plan.geometry.blockSize);
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  const { geometry } = plan;
  sb.magic = F2FS_SUPER_MAGIC;
  sb.majorVer = MAJOR_VERSION;
  sb.minorVer = MINOR_VERSION;
  sb.logSectorsize = geometry.logSectorsize;
  sb.logSectorsPerBlock = geometry.logSectorsPerBlock;
  sb.logBlocksize = Math.log2(geometry.blockSize);
  sb.logBlocksPerSeg = LOG_BLKS_PER_SEG;
  sb.segsPerSec = geometry.segsPerSec;
  sb.secsPerZone = geometry.secsPerZone;
  sb.blockCount = geometry.blockCount;
  sb.sectionCount = geometry.sectionCount;
  sb.segmentCount = geometry.segmentCount;
  sb.segmentCountCkpt = geometry.segmentCountCkpt;
  sb.segmentCountSit = geometry.segmentCountSit;
  sb.segmentCountNat = geometry.segmentCountNat;
  sb.segmentCountSsa = geometry.segmentCountSsa;
  sb.segmentCountMain = geometry.segmentCountMain;
  sb.segment0Blkaddr = geometry.segment0Blkaddr;
  sb.cpBlkaddr = geometry.cpBlkaddr;
  sb.sitBlkaddr = geometry.sitBlkaddr;
  sb.natBlkaddr = geometry.natBlkaddr;
  sb.ssaBlkaddr = geometry.ssaBlkaddr;
  sb.mainBlkaddr = geometry.mainBlkaddr;
  sb.cpPayload = geometry.cpPayload;
  sb.rootIno = ROOT_INO;
  sb.nodeIno = NODE_INO;
  sb.metaIno = META_INO;
  sb.uuid = plan.uuid;
  sb.volumeName = plan.label;
  sb.extensionList = plan.extensions.list;
  sb.extensionCount = plan.extensions.coldCount;
  sb.hotExtCount = plan.extensions.hotCount;
  sb.version = plan.version;
  sb.initVersion = plan.version;
  sb.feature = plan.features;
  plan.quotaTypes.forEach((type, nth) => {
    setQuotaIno(sb, type, quotaIno(nth));
  });
  if ((plan.features & FEATURES.casefold) !== 0) {
    sb.sEncoding = ENCODING_UTF8_12_1;
    sb.sEncodingFlags = plan.encodingFlags;
  }
  if ((plan.features & FEATURES.sb_checksum) !== 0) {
    sb.checksumOffset = SB_CHECKSUM_OFFSET;
    sb.crc = superblockCrc(sb);
  }
  return block;
}
