// What the options of a build mean, and which of them make no sense, whatever the tree and the target.
import { F2fsError } from '../errors.ts';
import { CompressPolicy } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { BLKSIZE } from '../format/constants.ts';
import { checkFormat, type FormatOptions, planSize } from '../mkfs/format.ts';
import { smallestGeometry } from '../mkfs/geometry.ts';
import { checkChoice } from './compress-choice.ts';
import type { SizeRules } from './image-size.ts';
import type { BuildOptions } from './options.ts';

/**
 * Throws EINVAL for values that there are not and options that do not go together, EOPNOTSUPP for features that are not written, ENOSPC
 * and EFBIG for a size that no volume has.
 */
export function checkBuildOptions(options: BuildOptions): void {
  const { size, freeBytes = 0, compress } = options;
  const wanted = formatOptions(options, { sec: 0, nsec: 0 });
  checkFormat(wanted);
  if (typeof size === 'number') planSize(size, wanted);
  smallestGeometry({ logPlacement: wanted.logPlacement }, Math.ceil(freeBytes / BLKSIZE));
  if (options.tight === true && !isAutoSized(options)) {
    throw new F2fsError('EINVAL', "with a size 'tight' has no effect: leave one out");
  }
  if (options.cacheBytes !== undefined && options.engine === undefined) {
    throw new F2fsError(
      'EINVAL',
      "without an engine there is no page cache, and 'cacheBytes' has no effect: name an engine",
    );
  }
  if (options.release === true && compress === undefined) {
    throw new F2fsError('EINVAL', 'there is nothing to release without compression: say how to compress too');
  }
  if (options.workers !== undefined && compress === undefined) {
    throw new F2fsError('EINVAL', 'workers have no effect without compression: say how to compress too');
  }
  if (compress === undefined) return;
  compressionPolicy(options);
  checkChoice(compress);
}

/** Throws EINVAL for options that do not go together, EOPNOTSUPP when the features lack compression. */
export function compressionPolicy({ compress, features }: BuildOptions): CompressPolicy {
  if (features !== undefined && !features.includes('compression')) {
    throw new F2fsError('EOPNOTSUPP', "compressed files need the feature 'compression': add it");
  }
  return new CompressPolicy({ ...compress, extensions: [], noExtensions: [] });
}

export function formatOptions(options: BuildOptions, now: Timestamp): FormatOptions {
  return {
    uuid: options.uuid,
    label: options.label,
    features: options.features,
    timestamp: now.sec,
    // One log after the other from the start: the end of the main area can be given back.
    logPlacement: 'packed',
  };
}

export function isAutoSized({ size = 'auto' }: BuildOptions): boolean {
  return size === 'auto';
}

export function sizeRules({
  freeBytes = 0,
  tight = false,
  release = false,
  holes = 'source',
}: BuildOptions): SizeRules {
  return { freeBlocks: Math.ceil(freeBytes / BLKSIZE), tight, exact: !release && holes === 'source' };
}
