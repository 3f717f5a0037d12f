// What a mount has written so far, in blocks: by it the amplification of writes is known.
import { LOG } from '../format/constants.ts';

/** What a mount has written so far, in blocks. */
export class VolumeCounters {
  /** Blocks that each log has given. */
  readonly given = [0, 0, 0, 0, 0, 0];
  /** Blocks of files that were written over. */
  inPlaceBlocks = 0;
  /** Data blocks that cleaning moved. */
  movedBlocks = 0;
  /** Node blocks that cleaning had written again. */
  movedNodes = 0;
  /** Sections that cleaning emptied. */
  cleanedSections = 0;
  /** Summaries, SIT, NAT and checkpoint packs. */
  metaBlocks = 0;
  /** Checkpoints that were written. */
  checkpoints = 0;
  /** Blocks that the device was told to be free. */
  discardedBlocks = 0;

  /** Blocks of files and directories, new ones and those written over; not those that cleaning moved. */
  get userBlocks(): number {
    const { given } = this;
    return given[LOG.HOT_DATA] + given[LOG.WARM_DATA] + given[LOG.COLD_DATA] + this.inPlaceBlocks - this.movedBlocks;
  }

  /** Blocks of nodes, those that cleaning had written again too. */
  get nodeBlocks(): number {
    const { given } = this;
    return given[LOG.HOT_NODE] + given[LOG.WARM_NODE] + given[LOG.COLD_NODE];
  }

  /** All blocks written for each one that the user wrote; 0 before the first. */
  get amplification(): number {
    const { userBlocks } = this;
    return userBlocks === 0 ? 0 : (userBlocks + this.nodeBlocks + this.movedBlocks + this.metaBlocks) / userBlocks;
  }
}
