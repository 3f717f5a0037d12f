// What stands before a compressed cluster's bytes, and how many of them its blocks hold.
import { bytes, struct, u32 } from './struct.ts';

/** First bytes of a compressed cluster. Source: struct compress_data, f2fs.h. */
export const ClusterHeader = struct('compress_data', 24, {
  /** Bytes that follow: at least 1, at most clusterCapacity of the blocks. */
  clen: u32,
  /** f2fsCrc of those bytes if the inode's i_compress_flag says so, else 0. */
  chksum: u32,
  /** Zero. */
  reserved: bytes(16),
});
export type ClusterHeader = InstanceType<typeof ClusterHeader>;

/** Bytes that a cluster compressed into `nrBlocks` blocks can hold beside its header. */
export function clusterCapacity(nrBlocks: number, blockSize: number): number {
  return nrBlocks * blockSize - ClusterHeader.size;
}
