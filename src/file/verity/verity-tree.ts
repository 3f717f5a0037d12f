// What is known of the tree of hashes of one file.
import type { VerityHash } from '../../format/verity.ts';
import { BlockHasher, MerkleShape } from './merkle.ts';

/** What stands for the contents of a file under verity. */
export interface VerityMeasurement {
  /** What was hashed with. */
  readonly algorithm: VerityHash;
  /** Bytes of a block that was hashed. */
  readonly blockSize: number;
  /** Up to 32 bytes. */
  readonly salt: Uint8Array;
  /** The hash of the tree. */
  readonly rootHash: Uint8Array;
  /** What FS_IOC_MEASURE_VERITY and fsverity(1) tell: of contents, algorithm, blocks and salt. */
  readonly digest: Uint8Array;
}

/** The tree of one file, as far as it was needed. */
export class VerityTree {
  readonly measurement: VerityMeasurement;
  readonly shape: MerkleShape;
  readonly hasher: BlockHasher;
  /** Of each level the block that was last found good, and which it is: -1 for none. */
  readonly held: readonly { index: number; readonly block: Uint8Array }[];

  constructor(measurement: VerityMeasurement, sizeBytes: number) {
    this.measurement = measurement;
    this.shape = new MerkleShape(sizeBytes, measurement);
    this.hasher = new BlockHasher(measurement);
    this.held = this.shape.levelStart.map(() => ({ index: -1, block: new Uint8Array(this.shape.blockSize) }));
  }
}
