// Every algorithm, level and cluster size that Linux 6.1 can compress with, as mount options and as codecs.

import type { Variant } from './kernel-guest.ts';

/** Algorithms with their levels as mount options spell them; a level that is left out is the default one. */
export const KERNEL_CODECS = ['lz4', 'lz4:3', 'lz4:9', 'zstd:1', 'zstd:3', 'zstd:19', 'lzo', 'lzo-rle'] as const;

/** log2 of the pages of a cluster: 16 KiB to 1 MiB. */
export const CLUSTER_LOGS = [2, 3, 4, 5, 6, 7, 8] as const;

/** How a directory's files are compressed. */
export interface CodecVariant {
  /** Such as `zstd:3`. */
  readonly codec: string;
  readonly logClusterSize: number;
  readonly checksum: boolean;
}

/** All combinations; every other one has the checksum, so that each codec and each cluster size has both. */
export function allVariants(
  codecs: readonly string[] = KERNEL_CODECS,
  logs: readonly number[] = CLUSTER_LOGS,
): CodecVariant[] {
  return codecs.flatMap((codec, i) =>
    logs.map((logClusterSize, j) => ({ codec, logClusterSize, checksum: (i + j) % 2 === 1 })),
  );
}

/** `zstd-3-64k-checksum`. */
export function nameOfVariant({ codec, logClusterSize, checksum }: CodecVariant): string {
  return `${codec.replace(':', '-')}-${4 << logClusterSize}k${checksum ? '-checksum' : ''}`;
}

/** A directory for the kernel to make from `tree`. */
export function kernelVariant(variant: CodecVariant, tree: string): Variant {
  const { codec, logClusterSize, checksum } = variant;
  const options = [`compress_algorithm=${codec}`, `compress_log_size=${logClusterSize}`];
  if (checksum) options.push('compress_chksum');
  return { directory: nameOfVariant(variant), mountOptions: options.join(','), tree };
}

/** Bytes of a cluster. */
export function clusterBytesOf({ logClusterSize }: CodecVariant): number {
  return 4096 << logClusterSize;
}

/** A fifth of them, in which each codec and each cluster size is met, with checksums and without. */
export function someVariants(): CodecVariant[] {
  const perCodec = CLUSTER_LOGS.length;
  return allVariants().filter((_, i) => (Math.floor(i / perCodec) + i) % 5 === 0);
}
