// Ranges of bytes as the pages that they lie in.
import { BLKSIZE } from '../format/constants.ts';

/** The pages [first, end) that ranges of bytes, in order, lie in; a page once. */
export function* pagesOf(
  ranges: Iterable<readonly [start: number, end: number]>,
): Generator<[first: number, end: number]> {
  let done = 0;
  for (const [start, end] of ranges) {
    const first = Math.max(done, Math.floor(start / BLKSIZE));
    done = Math.max(done, Math.ceil(end / BLKSIZE));
    if (done > first) yield [first, done];
  }
}
