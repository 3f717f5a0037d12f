// Verity: what a file under it has behind its end, a tree of hashes (Merkle tree) and a descriptor, and the attribute that leads there.
import { bytes, struct, u8, u32, u64, viewOf } from './struct.ts';

/** The algorithms, by the words that fsverity(1) has for them. Source: FS_VERITY_HASH_ALG_* in linux/fsverity.h. */
export const VERITY_HASHES = ['sha256', 'sha512'] as const satisfies readonly VerityHash[];
/** What a file under verity is hashed with. */
export type VerityHash = 'sha256' | 'sha512';

/** Number on disk, bytes of a hash, and bytes that the salt is filled up to. */
export const VERITY_HASH: Readonly<Record<VerityHash, { number: number; bytes: number; saltUnit: number }>> = {
  sha256: { number: 1, bytes: 32, saltUnit: 64 },
  sha512: { number: 2, bytes: 64, saltUnit: 128 },
};

/** Bytes of a salt at most. */
export const MAX_VERITY_SALT = 32;
/** Bytes of a block of data or hashes at least; at most it is a page. Source: fsverity_init_merkle_tree_params. */
export const MIN_VERITY_BLOCK = 1024;
/** What fsverity(1) takes unless told otherwise. */
export const DEFAULT_VERITY_BLOCK = 4096;
/** Levels of a tree at most. Source: FS_VERITY_MAX_LEVELS. */
export const MAX_VERITY_LEVELS = 8;
/** Bytes of a descriptor with its signature at most. Source: FS_VERITY_MAX_DESCRIPTOR_SIZE. */
export const MAX_VERITY_DESCRIPTOR = 16384;
/** The tree begins behind the end of the file, at a multiple of it. Source: f2fs_verity_metadata_pos. */
const METADATA_UNIT = 65536;

export const VERITY_VERSION = 1;

/** Source: struct fsverity_descriptor; a signature may follow. */
export const VerityDescriptor = struct('fsverity_descriptor', 256, {
  version: u8,
  hashAlgorithm: u8,
  logBlocksize: u8,
  saltSize: u8,
  /** Bytes of the signature, which no hash covers. */
  sigSize: u32,
  /** Bytes of the file. */
  dataSize: u64,
  /** Filled up with zeros. */
  rootHash: bytes(64),
  salt: bytes(32),
  reserved: bytes(144),
});
export type VerityDescriptor = InstanceType<typeof VerityDescriptor>;

/** Value of the attribute. Source: struct fsverity_descriptor_location. */
export const VerityLocation = struct('fsverity_descriptor_location', 16, {
  version: u32,
  /** Bytes of the descriptor. */
  size: u32,
  /** Byte of the file at which it begins. */
  pos: u64,
});

/** What the attribute is called, under its index. Source: F2FS_XATTR_NAME_VERITY. */
export const VERITY_XATTR_NAME = 'v';

/** The value of the attribute that leads to a descriptor of `size` bytes at byte `pos`. */
export function verityLocation(pos: number, size: number): Uint8Array {
  const value = new Uint8Array(VerityLocation.size);
  const location = new VerityLocation(viewOf(value));
  location.version = VERITY_VERSION;
  location.size = size;
  location.pos = pos;
  return value;
}

/** Byte at which the tree of a file of `sizeBytes` begins. */
export function verityMetadataPos(sizeBytes: number): number {
  return Math.ceil(sizeBytes / METADATA_UNIT) * METADATA_UNIT;
}
