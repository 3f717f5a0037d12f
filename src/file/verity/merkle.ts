// The tree of hashes over a file's blocks, and the digest that stands for both: what Linux calls its measurement. Knows bytes alone.
import { F2fsError } from '../../errors.ts';
import {
  MAX_VERITY_LEVELS,
  VERITY_HASH,
  VERITY_VERSION,
  VerityDescriptor,
  type VerityHash,
} from '../../format/verity.ts';
import { sha256 } from '../../platform/sha256.ts';
import { sha512 } from '../../platform/sha512.ts';

/** How a file is hashed. */
export interface VerityFormat {
  readonly algorithm: VerityHash;
  /** Bytes of a block, of data and of the tree. */
  readonly blockSize: number;
  /** Up to 32 bytes that go before each block. */
  readonly salt: Uint8Array;
}

const FUNCTIONS = { sha256, sha512 };

/** Hashes whole blocks. */
export class BlockHasher {
  readonly digestSize: number;
  readonly #hash: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** Filled up with zeros to what the algorithm takes at a time; null: none. */
  readonly #salt: Uint8Array | null;

  constructor({ algorithm, salt }: Pick<VerityFormat, 'algorithm' | 'salt'>) {
    const { bytes, saltUnit } = VERITY_HASH[algorithm];
    this.digestSize = bytes;
    this.#hash = FUNCTIONS[algorithm];
    this.#salt = salt.length === 0 ? null : new Uint8Array(saltUnit);
    this.#salt?.set(salt);
  }

  hash(block: Uint8Array): Uint8Array {
    return this.#salt === null ? this.#hash(block) : this.#hash(this.#salt, block);
  }
}

/** Where the hashes of a file stand. Level 0 has those of the data, and comes last; the highest has one block. */
export class MerkleShape {
  readonly blockSize: number;
  readonly hashesPerBlock: number;
  /** Blocks of data. */
  readonly nrDataBlocks: number;
  /** First block of each level, counted from the start of the tree. */
  readonly levelStart: readonly number[];
  /** Blocks of the tree. */
  readonly nrBlocks: number;

  /** Throws EFBIG for a file that would need more levels than there can be. Source: fsverity_init_merkle_tree_params. */
  constructor(sizeBytes: number, { algorithm, blockSize }: Pick<VerityFormat, 'algorithm' | 'blockSize'>) {
    this.blockSize = blockSize;
    this.hashesPerBlock = blockSize / VERITY_HASH[algorithm].bytes;
    this.nrDataBlocks = Math.ceil(sizeBytes / blockSize);
    const counts: number[] = [];
    for (let blocks = this.nrDataBlocks; blocks > 1; ) {
      blocks = Math.ceil(blocks / this.hashesPerBlock);
      counts.push(blocks);
    }
    if (counts.length > MAX_VERITY_LEVELS) {
      const message = `a tree of hashes over ${sizeBytes} bytes would have ${counts.length} levels, more than ${MAX_VERITY_LEVELS}: take larger blocks`;
      throw new F2fsError('EFBIG', message);
    }
    const levelStart = new Array<number>(counts.length);
    let next = 0;
    for (let level = counts.length - 1; level >= 0; level--) {
      levelStart[level] = next;
      next += counts[level];
    }
    this.levelStart = levelStart;
    this.nrBlocks = next;
  }

  get nrLevels(): number {
    return this.levelStart.length;
  }

  /** Bytes of the tree. */
  get treeBytes(): number {
    return this.nrBlocks * this.blockSize;
  }
}

/** A level that is being filled. */
interface Level {
  readonly block: Uint8Array;
  filled: number;
  /** Blocks done. */
  nrDone: number;
}

/** Makes the tree of a file from its blocks, in their order. */
export class MerkleBuilder {
  readonly #shape: MerkleShape;
  readonly #hasher: BlockHasher;
  readonly #levels: readonly Level[];
  readonly #emit: (index: number, block: Uint8Array) => void;
  #root: Uint8Array;
  #ofZeros: Uint8Array | null = null;

  /** @param emit gets each block of the tree, and its place in it; the block is used again afterwards */
  constructor(shape: MerkleShape, hasher: BlockHasher, emit: (index: number, block: Uint8Array) => void) {
    this.#shape = shape;
    this.#hasher = hasher;
    this.#emit = emit;
    this.#levels = shape.levelStart.map(() => ({ block: new Uint8Array(shape.blockSize), filled: 0, nrDone: 0 }));
    this.#root = new Uint8Array(hasher.digestSize);
  }

  /** The next block of data, filled up with zeros where the file ends in it. */
  add(block: Uint8Array): void {
    this.addHash(this.#hasher.hash(block));
  }

  /** The hash of the next block of data. */
  addHash(digest: Uint8Array): void {
    this.#put(0, digest);
  }

  /** Blocks of a hole. */
  addZeros(count: number): void {
    if (count > 0) this.#ofZeros ??= this.#hasher.hash(new Uint8Array(this.#shape.blockSize));
    for (let i = 0; i < count; i++) this.#put(0, this.#ofZeros as Uint8Array);
  }

  #put(at: number, digest: Uint8Array): void {
    if (at === this.#levels.length) {
      this.#root = digest;
      return;
    }
    const level = this.#levels[at];
    level.block.set(digest, level.filled);
    level.filled += digest.length;
    if (level.filled === level.block.length) this.#flush(at);
  }

  #flush(at: number): void {
    const level = this.#levels[at];
    this.#emit(this.#shape.levelStart[at] + level.nrDone++, level.block);
    const digest = this.#hasher.hash(level.block);
    level.block.fill(0);
    level.filled = 0;
    this.#put(at + 1, digest);
  }

  /** No data follows. Returns the hash of the whole tree; zeros for an empty file. */
  end(): Uint8Array {
    for (let at = 0; at < this.#levels.length; at++) if (this.#levels[at].filled > 0) this.#flush(at);
    return this.#root;
  }
}

/** The descriptor of a file of `sizeBytes` whose tree has the hash `root`. */
export function verityDescriptor(
  { algorithm, blockSize, salt }: VerityFormat,
  sizeBytes: number,
  root: Uint8Array,
): Uint8Array {
  const made = new Uint8Array(VerityDescriptor.size);
  const descriptor = new VerityDescriptor(new DataView(made.buffer));
  descriptor.version = VERITY_VERSION;
  descriptor.hashAlgorithm = VERITY_HASH[algorithm].number;
  descriptor.logBlocksize = Math.log2(blockSize);
  descriptor.saltSize = salt.length;
  descriptor.dataSize = sizeBytes;
  descriptor.rootHash = root;
  descriptor.salt = salt;
  return made;
}

/** The digest of a file by its descriptor; a signature has no part in it. Source: compute_file_digest. */
export function verityDigest(algorithm: VerityHash, descriptor: Uint8Array): Uint8Array {
  const unsigned = descriptor.slice(0, VerityDescriptor.size);
  new VerityDescriptor(new DataView(unsigned.buffer)).sigSize = 0;
  return FUNCTIONS[algorithm](unsigned);
}
