// Where a sparse member of a tar archive has data: ranges of the file, whose bytes follow each other in the archive.
// Source: "Storing Sparse Files" in the manual of GNU tar.
import { type Field, parseNumber } from './header.ts';

/** Ranges of GNU's own headers: each is an offset and a length of 12 digits. */
interface RangeFields {
  readonly at: number;
  readonly nrRanges: number;
  /** A byte that says whether another block follows. */
  readonly isMoreAt: number;
}

const RANGE_BYTES = 24;
const NUMBER_BYTES = 12;
/** In the header of the member, which has the file's size, too. */
export const SPARSE_HEADER_AT: RangeFields & { realSize: Field } = {
  at: 386,
  nrRanges: 4,
  isMoreAt: 482,
  realSize: { at: 483, length: 12 },
};
/** In a block that follows it. */
export const SPARSE_EXTENSION_AT: RangeFields = { at: 0, nrRanges: 21, isMoreAt: 504 };

/** Adds the ranges of a block; whether another block follows. A number that is none is NaN, which no map takes. */
export function readSparseBlock(block: Uint8Array, { at, nrRanges, isMoreAt }: RangeFields, into: number[]): boolean {
  for (let i = 0; i < nrRanges; i++) {
    const from = at + i * RANGE_BYTES;
    // An empty field ends the list; a range of no bytes at the end of the file tells its size.
    if (block[from] === 0) break;
    into.push(parseNumber(block, { at: from, length: NUMBER_BYTES }));
    into.push(parseNumber(block, { at: from + NUMBER_BYTES, length: NUMBER_BYTES }));
  }
  return block[isMoreAt] !== 0;
}

/** Most numbers of one map, two a range: bounds the memory. */
export const MAX_MAP_NUMBERS = 2 << 20;

/** The ranges with data, [offset, length] one after the other: in order, none empty, none overlapping. */
export interface SparseMap {
  readonly ranges: readonly number[];
  readonly dataBytes: number;
}

/** Null for ranges that are out of order or overlap, lie past `realSize`, or are not as long together as the data that is there. */
export function sparseMapOf(ranges: readonly number[], realSize: number, dataBytes: number): SparseMap | null {
  if (!Number.isSafeInteger(realSize) || realSize < 0 || ranges.length % 2 !== 0) return null;
  const kept: number[] = [];
  let end = 0;
  let sum = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const offset = ranges[i];
    const length = ranges[i + 1];
    // Not the other way around, for NaN.
    if (!(offset >= end && length >= 0 && offset + length <= realSize)) return null;
    end = offset + length;
    sum += length;
    if (length > 0) kept.push(offset, length);
  }
  return sum === dataBytes ? { ranges: kept, dataBytes } : null;
}
