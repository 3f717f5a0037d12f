// Ranges of bytes as the pages that they lie in.

/** The pages of `pageSize` bytes, [first, end), that ranges of bytes, in order, lie in; a page once. */
export function* pagesOf(
  ranges: Iterable<readonly [start: number, end: number]>,
  pageSize: number,
): Generator<[first: number, end: number]> {
  let done = 0;
  for (const [start, end] of ranges) {
    const first = Math.max(done, Math.floor(start / pageSize));
    done = Math.max(done, Math.ceil(end / pageSize));
    if (done > first) yield [first, done];
  }
}
