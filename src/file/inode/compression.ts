// Which new files are compressed, and how: what a mount was asked for, as the kernel's mount options ask it.
import { checkChoice } from '../../check.ts';
import { ALGORITHM, type Codec, checkCodec, MAX_CLUSTER_PAGES, MIN_CLUSTER_PAGES } from '../../compress/algorithms.ts';
import { F2fsError } from '../../errors.ts';
import { I_FLAGS } from '../../format/inode.ts';
import { type CompressContext, writeCompressContext } from '../../format/new-inode.ts';
import { isSameBytes, utf8Bytes, utf8Text } from '../../platform/bytes.ts';
import type { Inode } from './inode.ts';
import { ExtensionSet, type Extensions, isStar, lower } from './temperature.ts';

const DOT = 0x2e;

/** `fs`: dirty clusters are compressed as they are written. `user`: only when a file's `compress` is called. */
export const COMPRESS_MODES = ['fs', 'user'] as const;
/** When files are compressed: as they are written, or when they are asked to be. Source: compress_mode=. */
export type CompressMode = (typeof COMPRESS_MODES)[number];

/** How files are compressed that become so from now on; those that are keep their own way. */
export interface CompressOptions {
  /** Default: lz4. */
  codec?: Codec;
  /** Pages of a cluster, a power of two from 4 to 256. Default 4. */
  clusterPages?: number;
  /** Clusters get a checksum. */
  checksum?: boolean;
  /** When files are compressed. Default: fs. */
  mode?: CompressMode;
  /** Names that end in one of these extensions (without a dot) are compressed; `*`: all. */
  extensions?: readonly string[];
  /** Names that end in one of these are not. */
  noExtensions?: readonly string[];
}

/** Extensions of each kind that a mount can name, and bytes of each. Source: COMPRESS_EXT_NUM, F2FS_EXTENSION_LEN. */
const MAX_EXTENSIONS = 16;
const MAX_EXTENSION_BYTES = 7;

export class CompressPolicy {
  readonly codec: Codec;
  readonly clusterPages: number;
  readonly checksum: boolean;
  readonly mode: CompressMode;
  readonly #extensions: ExtensionSet;
  readonly #noExtensions: ExtensionSet;

  /** Throws EINVAL for a codec, a cluster size or a mode that there is not, or extensions that a mount can't name. */
  constructor(options: CompressOptions = {}) {
    this.codec = options.codec ?? { algorithm: ALGORITHM.LZ4, level: 0 };
    checkCodec(this.codec);
    this.clusterPages = checkClusterPages(options.clusterPages ?? MIN_CLUSTER_PAGES);
    this.checksum = options.checksum ?? false;
    this.mode = checkChoice(COMPRESS_MODES, options.mode ?? 'fs', 'compress.mode');
    for (const { length } of [options.extensions ?? [], options.noExtensions ?? []]) {
      if (length <= MAX_EXTENSIONS) continue;
      throw new F2fsError('EINVAL', `invalid list of ${length} extensions: expected ${MAX_EXTENSIONS} at most`);
    }
    const extensions = checkExtensions(options.extensions ?? []);
    const noExtensions = checkExtensions(options.noExtensions ?? []);
    if (noExtensions.some(isStar)) throw new F2fsError('EINVAL', 'no file could be compressed: "*" is excluded');
    for (const extension of noExtensions) {
      if (extensions.some((it) => isSameBytes(it, extension))) {
        throw new F2fsError(
          'EINVAL',
          `invalid extension '${utf8Text(extension)}': expected in one list only, of those that are compressed or of those that are not`,
        );
      }
    }
    this.#extensions = new ExtensionSet(extensions);
    this.#noExtensions = new ExtensionSet(noExtensions);
  }

  /** What a new inode's flags say of compression. Source: set_compress_new_inode. */
  flagsFor(parent: Inode, name: Uint8Array, isDirectory: boolean, hotNames: Extensions): number {
    if (!isDirectory) {
      if (hotNames.isHotAtEnd(name)) return 0;
      if (this.#noExtensions.fits(name, false)) return 0;
      if (this.#extensions.fits(name, false)) return I_FLAGS.COMPR;
    }
    const { iFlags } = parent.load();
    return (iFlags & I_FLAGS.NOCOMP) !== 0 ? I_FLAGS.NOCOMP : iFlags & I_FLAGS.COMPR;
  }
}

/** Throws EINVAL unless it is a power of two in range. */
export function checkClusterPages(clusterPages: number): number {
  const log = Math.log2(clusterPages);
  if (Number.isInteger(log) && clusterPages >= MIN_CLUSTER_PAGES && clusterPages <= MAX_CLUSTER_PAGES)
    return clusterPages;
  throw new F2fsError(
    'EINVAL',
    `invalid cluster of ${clusterPages} pages: expected a power of two from ${MIN_CLUSTER_PAGES} to ${MAX_CLUSTER_PAGES}`,
  );
}

/** Extensions in lower case. Throws EINVAL for what a superblock could not hold. */
export function checkExtensions(extensions: readonly string[]): Uint8Array[] {
  return extensions.map((extension) => {
    const bytes = Uint8Array.from(utf8Bytes(extension), lower);
    if (bytes[0] === DOT)
      throw new F2fsError('EINVAL', `invalid extension '${extension}': expected it without its dot`);
    if (bytes.length === 0 || bytes.length > MAX_EXTENSION_BYTES) {
      throw new F2fsError('EINVAL', `invalid extension '${extension}': expected 1 to ${MAX_EXTENSION_BYTES} bytes`);
    }
    return bytes;
  });
}

/** Makes an inode without blocks a compressed one. Source: set_compress_context. */
export function setCompressContext(inode: Inode, policy: CompressPolicy): void {
  const raw = inode.change();
  raw.iFlags |= I_FLAGS.COMPR;
  writeCompressContext(inode.loadExtra(), contextOf(policy));
  inode.refreshLayout();
}

/** How the clusters of new compressed files are. */
export function contextOf({ codec, clusterPages, checksum }: CompressPolicy): CompressContext {
  return {
    algorithm: codec.algorithm,
    logClusterSize: Math.log2(clusterPages),
    flag: (checksum ? 1 : 0) | (codec.level << 8),
  };
}
