// Where a sparse file of the host has data, so that its holes are neither read nor counted.
import { BLKSIZE } from '../format/constants.ts';
import { type HostLibc, hostLibc } from './host-libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Whether the host can tell where an open file has holes. */
export function tellsHoles(fd: number, libc: HostLibc | null = hostLibc()): boolean {
  return (libc?.linux?.lseek(fd, 0, SEEK_DATA) ?? -1) >= 0 || libc?.errorCode() === 'ENXIO';
}

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

/**
 * The ranges of bytes [start, end) of an open file that may hold data, in order; where the host can't tell holes, the whole
 * file.
 */
export function* dataRanges(
  fd: number,
  sizeBytes: number,
  libc: HostLibc | null = hostLibc(),
): Generator<[start: number, end: number]> {
  if (!libc?.linux) {
    yield [0, sizeBytes];
    return;
  }
  for (let at = 0; at < sizeBytes; ) {
    const start = libc.linux.lseek(fd, at, SEEK_DATA);
    if (start < 0) {
      // ENXIO: no data from here on. Anything else: this host or file system can't tell.
      if (libc.errorCode() !== 'ENXIO') yield [at, sizeBytes];
      return;
    }
    const end = libc.linux.lseek(fd, start, SEEK_HOLE);
    yield [start, end <= start ? sizeBytes : Math.min(end, sizeBytes)];
    if (end <= start) return;
    at = end;
  }
}
