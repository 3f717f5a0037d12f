// How large a volume's blocks are made, and for whom: as large as the pages of the kernel that is to mount it.
import { InvalidArgumentError, Option } from 'commander';
import { BLOCK_SIZES } from '../limits.ts';
import { choicesOfSizes } from '../size-text.ts';
import { parseSize } from './sizes.ts';

/** Bytes of a page of the kernels that machines run with, by what people call these. */
const PAGES_OF: Readonly<Record<string, number>> = {
  pc: 4 * 1024,
  pi4: 4 * 1024,
  pi5: 16 * 1024,
  asahi: 16 * 1024,
  android16k: 16 * 1024,
  loongarch: 16 * 1024,
  ppc64le: 64 * 1024,
  arm64k: 64 * 1024,
};

export interface BlockSizeOptions {
  blockSize?: number;
  for?: string;
}

/** Bytes of a block as asked for; undefined: as by default. */
export function blockSizeOf({ blockSize, for: machine }: BlockSizeOptions): number | undefined {
  return machine === undefined ? blockSize : PAGES_OF[machine];
}

function parseBlockSize(text: string): number {
  const bytes = parseSize(text);
  if (BLOCK_SIZES.includes(bytes)) return bytes;
  throw new InvalidArgumentError(`Expected ${choicesOfSizes(BLOCK_SIZES)}.`);
}

export function blockSizeOption(): Option {
  const description = 'of a block: as large as a page of the kernel that mounts it, 4K to 64K (default: 4K)';
  return new Option('--block-size <size>', description).argParser(parseBlockSize).conflicts('for');
}

export function forOption(): Option {
  return new Option('--for <machine>', 'blocks as large as the pages of its kernel').choices(Object.keys(PAGES_OF));
}
