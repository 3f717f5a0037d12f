// How a file is put under verity, as callers say it.
import { type Check, checkBytes, checkOptions, invalid, isOneOf, isWhole, type OptionChecks } from '../../check.ts';
import { F2fsError } from '../../errors.ts';
import {
  DEFAULT_VERITY_BLOCK,
  MAX_VERITY_SALT,
  MIN_VERITY_BLOCK,
  VERITY_HASHES,
  type VerityHash,
} from '../../format/verity.ts';
import type { VerityFormat } from './merkle.ts';

/** How a file is hashed that is put under verity. */
export interface VerityOptions {
  /** Default: sha256. */
  algorithm?: VerityHash;
  /** Bytes of a block that is hashed: a power of two from 1024 to a block of the volume; before Linux 6.3 4096 alone. Default: 4096. */
  blockSize?: number;
  /** Up to 32 bytes that go before each block. Default: none. */
  salt?: Uint8Array;
}

const isSalt: Check = (value, what) => {
  checkBytes(value as Uint8Array, what);
  const { length } = value as Uint8Array;
  if (length > MAX_VERITY_SALT) throw invalid(what, value, `up to ${MAX_VERITY_SALT} bytes, not ${length}`);
};

export const VERITY_OPTIONS: OptionChecks<VerityOptions> = {
  algorithm: isOneOf(VERITY_HASHES),
  blockSize: isWhole(MIN_VERITY_BLOCK, Number.MAX_SAFE_INTEGER, 'bytes'),
  salt: isSalt,
};

/** Throws EINVAL for what can't be on a volume with blocks of `volumeBlockSize` bytes. */
export function verityFormat(options: VerityOptions, volumeBlockSize: number): VerityFormat {
  checkOptions('verity', options, VERITY_OPTIONS);
  const { algorithm = 'sha256', blockSize = DEFAULT_VERITY_BLOCK, salt = new Uint8Array(0) } = options;
  if (blockSize > volumeBlockSize || !Number.isInteger(Math.log2(blockSize))) {
    const message = `invalid blockSize ${blockSize} of verity: expected a power of two from ${MIN_VERITY_BLOCK} to ${volumeBlockSize}, the bytes of a block of the volume`;
    throw new F2fsError('EINVAL', message);
  }
  return { algorithm, blockSize, salt: salt.slice() };
}
