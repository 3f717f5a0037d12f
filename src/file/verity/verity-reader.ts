// Pages of files under verity, held against their tree of hashes as they come from the disk.
import { corrupt, F2fsError } from '../../errors.ts';
import { type FaultArguments, type FaultKind, faultText } from '../../faults.ts';
import { viewOf } from '../../format/struct.ts';
import {
  MAX_VERITY_DESCRIPTOR,
  MAX_VERITY_SALT,
  MIN_VERITY_BLOCK,
  VERITY_HASH,
  VERITY_HASHES,
  VERITY_VERSION,
  VERITY_XATTR_NAME,
  VerityDescriptor,
  VerityLocation,
  verityMetadataPos,
} from '../../format/verity.ts';
import { XATTR_INDEX } from '../../format/xattr.ts';
import { isSameBytes } from '../../platform/bytes.ts';
import type { Volume } from '../../volume/volume.ts';
import type { Inode } from '../inode/inode.ts';
import type { Xattrs } from '../xattr/xattrs.ts';
import { verityDigest } from './merkle.ts';
import { type VerityMeasurement, VerityTree } from './verity-tree.ts';

/** What a reader takes of a file's pages. */
export interface VerityPages {
  /** The frame of a page, read as it is. */
  readAsIs(inode: Inode, index: number): number;
  /** Where a page lies, if it has a block; else undefined. */
  blkaddrOf(inode: Inode, index: number): number | undefined;
}

export class VerityReader {
  readonly #volume: Volume;
  readonly #pageSize: number;
  readonly #xattrs: Xattrs;
  readonly #pages: VerityPages;

  constructor(volume: Volume, xattrs: Xattrs, pages: VerityPages) {
    this.#volume = volume;
    this.#pageSize = volume.layout.block.blockSize;
    this.#xattrs = xattrs;
    this.#pages = pages;
  }

  /** Throws EUCLEAN where what should say it is damaged, EOPNOTSUPP for an algorithm that is not known here. */
  measurement(inode: Inode): VerityMeasurement {
    return this.#treeOf(inode).measurement;
  }

  /**
   * How many of `nrPages` pages from `index` on, which lie in frames from `pfn` on, are what the tree says. Throws EIO when the first is
   * not, or what the tree says of it is not to be trusted; takes no frames away. Source: verify_data_block.
   */
  verify(inode: Inode, index: number, pfn: number, nrPages: number): number {
    const tree = this.#treeOf(inode);
    for (let i = 0; i < nrPages; i++) {
      try {
        this.#verifyPage(inode, tree, index + i, pfn + i);
      } catch (error) {
        if (i === 0 || !(error instanceof F2fsError)) throw error;
        return i;
      }
    }
    return nrPages;
  }

  #verifyPage(inode: Inode, tree: VerityTree, index: number, pfn: number): void {
    const { shape, hasher } = tree;
    const { bytes } = this.#volume.pool;
    const perPage = this.#pageSize / shape.blockSize;
    for (let i = 0; i < perPage; i++) {
      const at = pfn * this.#pageSize + i * shape.blockSize;
      const block = bytes.subarray(at, at + shape.blockSize);
      const position = index * perPage + i;
      const isGood =
        position < shape.nrDataBlocks
          ? isSameBytes(hasher.hash(block), this.#hashAt(inode, tree, 0, position))
          : block.every((byte) => byte === 0);
      if (isGood) continue;
      throw untrue('verity-data', { ino: inode.ino, blkaddr: this.#pages.blkaddrOf(inode, index) }, index);
    }
  }

  /** The hash that stands at a position of a level; past the highest, that of the whole tree. It holds until the next one is asked for. */
  #hashAt(inode: Inode, tree: VerityTree, level: number, position: number): Uint8Array {
    const { shape, hasher, held } = tree;
    if (level === shape.nrLevels) return tree.measurement.rootHash;
    const index = Math.floor(position / shape.hashesPerBlock);
    const kept = held[level];
    if (kept.index !== index) {
      const wanted = this.#hashAt(inode, tree, level + 1, index);
      kept.index = -1;
      const at = verityMetadataPos(inode.size) + (shape.levelStart[level] + index) * shape.blockSize;
      this.#read(inode, at, kept.block);
      if (!isSameBytes(hasher.hash(kept.block), wanted)) {
        const page = Math.floor(at / this.#pageSize);
        throw untrue('verity-tree', { ino: inode.ino, blkaddr: this.#pages.blkaddrOf(inode, page) }, page, level);
      }
      kept.index = index;
    }
    const from = (position % shape.hashesPerBlock) * hasher.digestSize;
    return kept.block.subarray(from, from + hasher.digestSize);
  }

  /** Bytes behind the end of the file. */
  #read(inode: Inode, position: number, into: Uint8Array): void {
    const { bytes } = this.#volume.pool;
    for (let done = 0; done < into.length; ) {
      const at = position + done;
      const within = at % this.#pageSize;
      const count = Math.min(into.length - done, this.#pageSize - within);
      const from = this.#pages.readAsIs(inode, Math.floor(at / this.#pageSize)) * this.#pageSize + within;
      into.set(bytes.subarray(from, from + count), done);
      done += count;
    }
  }

  #treeOf(inode: Inode): VerityTree {
    inode.verity ??= new VerityTree(this.#describe(inode), inode.size);
    return inode.verity;
  }

  /** Source: f2fs_get_verity_descriptor, fsverity_get_descriptor. */
  #describe(inode: Inode): VerityMeasurement {
    const { ino, size } = inode;
    const value = this.#xattrs.stored(inode, XATTR_INDEX.VERITY, VERITY_XATTR_NAME);
    if (value === null || value.length !== VerityLocation.size) throw corrupt('verity-location', { ino });
    const { version, size: length, pos } = new VerityLocation(viewOf(value));
    const isInReach = pos >= verityMetadataPos(size) && pos + length <= inode.block.maxFileBytes;
    if (version !== VERITY_VERSION || !isInReach) throw corrupt('verity-location', { ino });
    if (length < VerityDescriptor.size || length > MAX_VERITY_DESCRIPTOR) throw corrupt('verity-descriptor', { ino });
    const bytes = new Uint8Array(VerityDescriptor.size);
    this.#read(inode, pos, bytes);
    const descriptor = new VerityDescriptor(viewOf(bytes));
    const { hashAlgorithm, logBlocksize, saltSize, sigSize, rootHash, salt } = descriptor;
    const isWhole =
      descriptor.version === VERITY_VERSION &&
      saltSize <= MAX_VERITY_SALT &&
      descriptor.dataSize === size &&
      sigSize <= length - VerityDescriptor.size &&
      descriptor.reserved.every((byte) => byte === 0) &&
      2 ** logBlocksize >= MIN_VERITY_BLOCK &&
      2 ** logBlocksize <= this.#pageSize;
    if (!isWhole) throw corrupt('verity-descriptor', { ino });
    const algorithm = VERITY_HASHES.find((one) => VERITY_HASH[one].number === hashAlgorithm);
    if (algorithm === undefined) {
      const message = `the file is under verity by hash algorithm ${hashAlgorithm}, which is not known here: it can't be verified`;
      throw new F2fsError('EOPNOTSUPP', message, { ino });
    }
    return {
      algorithm,
      blockSize: 2 ** logBlocksize,
      salt: salt.slice(0, saltSize),
      rootHash: rootHash.slice(0, VERITY_HASH[algorithm].bytes),
      digest: verityDigest(algorithm, bytes),
    };
  }
}

/** What is on the disk is not what the file had when it was put under verity: EIO, as for a reader in Linux. */
function untrue<K extends FaultKind>(kind: K, ...what: FaultArguments<K>): F2fsError {
  return new F2fsError('EIO', faultText(kind, ...what), { ...what[0], fault: kind });
}
