// The algorithms that F2FS knows: their numbers on disk, their names, their levels.

import { invalid, isOneOf, isWhole } from '../check.ts';
import { F2fsError } from '../errors.ts';
import { BLOCK_SIZES } from '../format/block-size.ts';

/** i_compress_algorithm. Source: enum compress_algorithm_type. */
export const ALGORITHM = { LZO: 0, LZ4: 1, ZSTD: 2, LZORLE: 3 } as const;
export type Algorithm = (typeof ALGORITHM)[keyof typeof ALGORITHM];

/** Names by number, as mount options spell them. */
export const ALGORITHM_NAMES = ['lzo', 'lz4', 'zstd', 'lzo-rle'] as const;
/** What F2FS compresses with. */
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

/** Pages of a cluster: a power of two. Source: MIN_COMPRESS_LOG_SIZE, MAX_COMPRESS_LOG_SIZE. */
export const MIN_CLUSTER_PAGES = 4;
export const MAX_CLUSTER_PAGES = 256;

/** Bytes of the clusters that there may be where a page has `pageSize`, one of BLOCK_SIZES. Throws EINVAL for another. */
export function clusterSizes(pageSize: number): number[] {
  if (!BLOCK_SIZES.includes(pageSize)) throw invalid('pageSize', pageSize, BLOCK_SIZES.join(', '));
  const nrSizes = Math.log2(MAX_CLUSTER_PAGES / MIN_CLUSTER_PAGES) + 1;
  return Array.from({ length: nrSizes }, (_, i) => (MIN_CLUSTER_PAGES << i) * pageSize);
}

/** Threads that compress, at most. */
export const MAX_WORKERS = 64;

/** Levels that an algorithm has; lz4's are those of its slow variant, lz4hc. Source: f2fs_set_lz4hc_level, f2fs_set_zstd_level. */
const LEVELS: Record<AlgorithmName, { from: number; to: number; byDefault: number } | null> = {
  lzo: null,
  lz4: { from: 3, to: 16, byDefault: 0 },
  zstd: { from: 1, to: 22, byDefault: 1 },
  'lzo-rle': null,
};

const isLevel = isWhole(0, 255);

/** An algorithm and how hard it tries; level 0: it has none, or for lz4 the fast variant. */
export interface Codec {
  /** Its number on disk: `parseCodec` makes it of a name. Source: enum compress_algorithm_type. */
  algorithm: Algorithm;
  /** zstd 1 to 22, lz4hc 3 to 16; 0: lz4, and what has no levels. */
  level: number;
}

/** Reads `lz4`, `lz4:9`, `zstd:3`, `lzo`, `lzo-rle`. Throws EINVAL for what is none, or a level out of range. */
export function parseCodec(text: string): Codec {
  if (typeof text !== 'string') throw invalid('codec', text, 'a string such as lz4 or zstd:3');
  const [name, level] = splitOnce(text, ':');
  const algorithm = ALGORITHM_NAMES.indexOf(name as AlgorithmName);
  if (algorithm < 0) {
    throw new F2fsError('EINVAL', `invalid compression algorithm '${name}': expected ${ALGORITHM_NAMES.join(', ')}`);
  }
  const levels = LEVELS[name as AlgorithmName];
  if (level === null) return { algorithm: algorithm as Algorithm, level: levels?.byDefault ?? 0 };
  if (levels === null) throw new F2fsError('EINVAL', `invalid level '${level}': ${name} has none, leave it out`);
  const number = Number(level);
  if (!/^\d+$/.test(level) || number < levels.from || number > levels.to) {
    throw new F2fsError('EINVAL', `invalid level '${level}' of ${name}: expected ${levels.from} to ${levels.to}`);
  }
  return { algorithm: algorithm as Algorithm, level: number };
}

/**
 * Throws EINVAL for an algorithm that there is not, or a level that it does not have: Linux would not read such a file. Source:
 * sanity_check_compress_inode.
 */
export function checkCodec({ algorithm, level }: Codec): void {
  const name = Number.isInteger(algorithm) ? ALGORITHM_NAMES[algorithm] : undefined;
  if (name === undefined) {
    throw new F2fsError('EINVAL', `invalid compression algorithm ${algorithm}: make the codec with parseCodec`);
  }
  const levels = LEVELS[name];
  if (level === (levels?.byDefault ?? 0)) return;
  if (levels !== null && Number.isInteger(level) && level >= levels.from && level <= levels.to) return;
  const possible = levels === null ? 'no levels, which is 0' : `levels ${levels.from} to ${levels.to}`;
  throw new F2fsError('EINVAL', `invalid level ${level}: ${name} has ${possible}`);
}

function splitOnce(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

/** `zstd:3`, or the name alone where there is no level: as parseCodec takes it. */
export function codecText(algorithm: AlgorithmName, level: number): string {
  isOneOf(ALGORITHM_NAMES)(algorithm, 'algorithm');
  isLevel(level, 'level');
  return level > 0 ? `${algorithm}:${level}` : algorithm;
}
