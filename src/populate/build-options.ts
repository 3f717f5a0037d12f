// What the options of a build mean, and which of them make no sense, whatever the tree and the target.
import { F2fsError } from '../errors.ts';
import { CompressPolicy } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import type { VerityFormat } from '../file/verity/merkle.ts';
import { verityFormat } from '../file/verity/options.ts';
import { type BlockGeometry, blockGeometry, DEFAULT_BLOCK_SIZE } from '../format/block-size.ts';
import { CaseFolding, parseEncoding } from '../format/casefold.ts';
import { FEATURES } from '../format/constants.ts';
import { DEFAULT_FEATURES, featureBits } from '../mkfs/features.ts';
import { checkFormat, type FormatOptions, planSize } from '../mkfs/format.ts';
import { type GeometryRequest, smallestGeometry } from '../mkfs/geometry.ts';
import { checkChoice } from './compress-choice.ts';
import type { SizeRules } from './image-size.ts';
import type { BuildOptions } from './options.ts';
import { pathMatcher } from './path-matcher.ts';

/**
 * Throws EINVAL for values that there are not and options that do not go together, EOPNOTSUPP for features that are not written, ENOSPC
 * and EFBIG for a size that no volume has.
 */
export function checkBuildOptions(options: BuildOptions): void {
  const { size, freeBytes = 0, compress } = options;
  const wanted = formatOptions(options, { sec: 0, nsec: 0 });
  checkFormat(wanted);
  if (typeof size === 'number') planSize(size, wanted);
  smallestGeometry(shapeOf(options), Math.ceil(freeBytes / blockOf(options).blockSize));
  if (options.tight === true && !isAutoSized(options)) {
    throw new F2fsError('EINVAL', "with a size 'tight' has no effect: leave one out");
  }
  if (options.cacheBytes !== undefined && options.engine === undefined) {
    throw new F2fsError(
      'EINVAL',
      "without an engine there is no page cache, and 'cacheBytes' has no effect: name an engine",
    );
  }
  if (options.readOnly === true) checkReadOnly(options);
  if (options.release === true && compress === undefined) {
    throw new F2fsError('EINVAL', 'there is nothing to release without compression: say how to compress too');
  }
  if (options.workers !== undefined && compress === undefined) {
    throw new F2fsError('EINVAL', 'workers have no effect without compression: say how to compress too');
  }
  if (options.casefold !== undefined) pathMatcher(options.casefold);
  verityOf(options);
  pathMatcher(options.immutable ?? []);
  if (compress === undefined) return;
  compressionPolicy(options);
  checkChoice(compress);
}

/** Options of a volume's size. */
const ROOMY = [
  ['size', "and 'size' has no effect"],
  ['freeBytes', "and 'freeBytes' has no effect"],
  ['tight', "and 'tight' has no effect"],
] as const;

/** Throws EINVAL for what has no effect on a volume that is never written. */
function checkReadOnly(options: BuildOptions): void {
  const roomy = ROOMY.find(([name]) => ![undefined, 'auto'].includes(options[name] as string));
  if (roomy !== undefined) {
    throw new F2fsError('EINVAL', `a volume that is never written has the least size, ${roomy[1]}: leave it out`);
  }
  const unused = ['packed_ssa', 'quota', 'project_quota'].find((name) => featuresOf(options).includes(name));
  if (unused !== undefined) {
    const message = `on a volume that is never written the feature '${unused}' has no effect: leave it out`;
    throw new F2fsError('EINVAL', message);
  }
  if (options.release === true) {
    throw new F2fsError(
      'EINVAL',
      "a volume that is never written keeps nothing back, and 'release' has no effect: leave it out",
    );
  }
}

/** Throws EINVAL for options that do not go together, EOPNOTSUPP when the features lack compression. */
export function compressionPolicy({ compress, features }: BuildOptions): CompressPolicy {
  if (features !== undefined && !features.includes('compression')) {
    throw new F2fsError('EOPNOTSUPP', "compressed files need the feature 'compression': add it");
  }
  return new CompressPolicy({ ...compress, extensions: [], noExtensions: [] });
}

/** The features of the volume. Where they are not named, what is asked for besides brings its own. */
export function featuresOf(options: BuildOptions): readonly string[] {
  if (options.features !== undefined) return options.features;
  const features: string[] = [...DEFAULT_FEATURES];
  if (options.verity !== undefined) features.push('verity');
  if (encodingOf(options) !== undefined) features.push('casefold');
  return features;
}

/** How files are hashed, null for none. Throws EINVAL for options that can't be, EOPNOTSUPP when the features lack verity. */
export function verityOf(options: BuildOptions): VerityFormat | null {
  if (options.verity === undefined) return null;
  if (!featuresOf(options).includes('verity')) {
    throw new F2fsError('EOPNOTSUPP', "files under verity need the feature 'verity': add it");
  }
  const { globs, ...how } = options.verity;
  pathMatcher(globs);
  return verityFormat(how, blockOf(options).blockSize);
}

/** What follows from the size of the image's blocks. */
export function blockOf(options: BuildOptions): BlockGeometry {
  const { blockSize = DEFAULT_BLOCK_SIZE } = options;
  return blockGeometry(blockSize, (featureBits(featuresOf(options)) & FEATURES.packed_ssa) !== 0);
}

/** What of the image's layout does not depend on its size: one log after the other, so that the end of the main area can be given back. */
export function shapeOf(options: BuildOptions): Pick<GeometryRequest, 'blockSize' | 'logPlacement' | 'packedSsa'> {
  const { blockSize, summariesPerBlock } = blockOf(options);
  return { blockSize, packedSsa: summariesPerBlock > 1, logPlacement: 'packed' };
}

export function formatOptions(options: BuildOptions, now: Timestamp): FormatOptions {
  return {
    blockSize: options.blockSize,
    uuid: options.uuid,
    label: options.label,
    features: featuresOf(options),
    encoding: encodingOf(options),
    coldExtensions: options.coldExtensions,
    hotExtensions: options.hotExtensions,
    timestamp: now.sec,
    logPlacement: shapeOf(options).logPlacement,
  };
}

/** Who wants directories to fold case means the only way that there is, unless told otherwise. */
function encodingOf({ encoding, casefold }: BuildOptions): string | undefined {
  return encoding ?? (casefold === undefined ? undefined : 'utf8');
}

/** How directories are to fold case that fit a pattern; null where there are none. */
export function casefoldOf(options: BuildOptions): CaseFolding | null {
  return options.casefold === undefined ? null : new CaseFolding(parseEncoding(encodingOf(options) as string));
}

export function isAutoSized({ size = 'auto' }: BuildOptions): boolean {
  return size === 'auto';
}

export function sizeRules({
  freeBytes = 0,
  tight = false,
  release = false,
  holes = 'source',
  readOnly = false,
  blockSize = DEFAULT_BLOCK_SIZE,
}: BuildOptions): SizeRules {
  return {
    freeBlocks: Math.ceil(freeBytes / blockSize),
    tight: tight || readOnly,
    exact: !release && holes === 'source',
  };
}
