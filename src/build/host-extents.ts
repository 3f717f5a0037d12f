// Where a sparse file of the host has data, so that its holes are neither read nor counted.
import { type HostLibc, hostLibc } from './host-libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

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
