// The tree of hashes of one file, made while its pieces come in the order of its pages. It is kept whole, as what leads to the data's
// hashes comes before these.
import { BlockHasher, MerkleBuilder, MerkleShape, type VerityFormat, verityDescriptor } from '../file/verity/merkle.ts';

/** Bytes of a tree that is kept in memory, at most: that of a file of 2 GiB and less. */
const MAX_TREE_BYTES = 16 * 1024 * 1024;

/** Whether the tree of a file of `sizeBytes` can be made as it is written. */
export function isHashedAtOnce(sizeBytes: number, format: VerityFormat): boolean {
  return new MerkleShape(sizeBytes, format).treeBytes <= MAX_TREE_BYTES;
}

export class FileHashes {
  readonly #sizeBytes: number;
  readonly #format: VerityFormat;
  readonly #shape: MerkleShape;
  readonly #digestSize: number;
  readonly #tree: Uint8Array;
  readonly #builder: MerkleBuilder;
  /** The block of data whose hash is next. */
  #next = 0;

  /** Throws EFBIG. */
  constructor(sizeBytes: number, format: VerityFormat) {
    this.#sizeBytes = sizeBytes;
    this.#format = format;
    this.#shape = new MerkleShape(sizeBytes, format);
    this.#tree = new Uint8Array(this.#shape.treeBytes);
    const hasher = new BlockHasher(format);
    this.#digestSize = hasher.digestSize;
    const emit = (index: number, block: Uint8Array) => this.#tree.set(block, index * format.blockSize);
    this.#builder = new MerkleBuilder(this.#shape, hasher, emit);
  }

  /** Hashes of the blocks of data from `first` on; blocks before it that did not come are holes. Those past the end are left out. */
  add(first: number, hashes: Uint8Array): void {
    const digestSize = this.#digestSize;
    if (first >= this.#shape.nrDataBlocks) return;
    this.#builder.addZeros(first - this.#next);
    const count = Math.min(hashes.length / digestSize, this.#shape.nrDataBlocks - first);
    for (let i = 0; i < count; i++) this.#builder.addHash(hashes.subarray(i * digestSize, (i + 1) * digestSize));
    this.#next = first + count;
  }

  /** What stands behind the end of the file: the tree, then its descriptor, at byte `treeBytes`. */
  end(): { bytes: Uint8Array; treeBytes: number } {
    this.#builder.addZeros(this.#shape.nrDataBlocks - this.#next);
    const descriptor = verityDescriptor(this.#format, this.#sizeBytes, this.#builder.end());
    const { treeBytes } = this.#shape;
    const bytes = new Uint8Array(treeBytes + descriptor.length);
    bytes.set(this.#tree);
    bytes.set(descriptor, treeBytes);
    return { bytes, treeBytes };
  }
}
