// Where the areas of a volume lie, taken from a superblock that was found sane.
import { type BlockGeometry, blockGeometry } from '../format/block-size.ts';
import { CaseFolding, ENCODING_UTF8_12_1 } from '../format/casefold.ts';
import { BLKS_PER_SEG, LOG_BLKS_PER_SEG } from '../format/constants.ts';
import { hasFeature, type Superblock } from '../format/superblock.ts';

/** Block addresses and counts of a volume's areas. Addresses are in blocks from the start of the device. */
export class VolumeLayout {
  readonly sb: Superblock;
  /** What follows from the size of its blocks. */
  readonly block: BlockGeometry;
  readonly cpBlkaddr: number;
  readonly cpPayload: number;
  readonly sitBlkaddr: number;
  /** Blocks of one copy of the SIT. */
  readonly nrSitBlocks: number;
  readonly natBlkaddr: number;
  /** Blocks of one copy of the NAT. */
  readonly nrNatBlocks: number;
  /** One more than the greatest node number. */
  readonly maxNid: number;
  readonly ssaBlkaddr: number;
  readonly mainBlkaddr: number;
  readonly segsPerSec: number;
  readonly feature: number;
  /** How directories with the flag for it fold case; null where none do, or nobody here knows how. */
  readonly folding: CaseFolding | null;

  constructor(sb: Superblock) {
    this.sb = sb;
    this.block = blockGeometry(2 ** sb.logBlocksize, hasFeature(sb, 'packed_ssa'));
    this.cpBlkaddr = sb.cpBlkaddr;
    this.cpPayload = sb.cpPayload;
    this.sitBlkaddr = sb.sitBlkaddr;
    this.nrSitBlocks = (sb.segmentCountSit / 2) * BLKS_PER_SEG;
    this.natBlkaddr = sb.natBlkaddr;
    this.nrNatBlocks = (sb.segmentCountNat / 2) * BLKS_PER_SEG;
    this.maxNid = this.nrNatBlocks * this.block.natEntriesPerBlock;
    this.ssaBlkaddr = sb.ssaBlkaddr;
    this.mainBlkaddr = sb.mainBlkaddr;
    this.segsPerSec = sb.segsPerSec;
    this.feature = sb.feature;
    const isKnown = hasFeature(sb, 'casefold') && sb.sEncoding === ENCODING_UTF8_12_1;
    this.folding = isKnown ? new CaseFolding(sb.sEncodingFlags) : null;
  }

  get nrMainSegments(): number {
    return this.sb.segmentCountMain;
  }

  /** One more than the last block address of the main area. */
  get mainEnd(): number {
    return this.mainBlkaddr + this.nrMainSegments * BLKS_PER_SEG;
  }

  inMain(blkaddr: number): boolean {
    return blkaddr >= this.mainBlkaddr && blkaddr < this.mainEnd;
  }

  segnoOf(blkaddr: number): number {
    return (blkaddr - this.mainBlkaddr) >>> LOG_BLKS_PER_SEG;
  }

  /** Address of the block that holds the summary of a segment. */
  summaryBlock(segno: number): number {
    return this.ssaBlkaddr + Math.floor(segno / this.block.summariesPerBlock);
  }

  /** Byte of that block where the summary begins. */
  summaryOffset(segno: number): number {
    return (segno % this.block.summariesPerBlock) * this.block.summarySize;
  }

  segmentStart(segno: number): number {
    return this.mainBlkaddr + segno * BLKS_PER_SEG;
  }

  /** Address of NAT block `index` in the copy that its version bit names. Source: current_nat_addr. */
  natBlock(index: number, second: boolean): number {
    const pair = this.natBlkaddr + ((index >>> LOG_BLKS_PER_SEG) << (LOG_BLKS_PER_SEG + 1));
    return pair + (index & (BLKS_PER_SEG - 1)) + (second ? BLKS_PER_SEG : 0);
  }

  /** Address of SIT block `index` in the copy that its version bit names. Source: current_sit_addr. */
  sitBlock(index: number, second: boolean): number {
    return this.sitBlkaddr + index + (second ? this.nrSitBlocks : 0);
  }
}
