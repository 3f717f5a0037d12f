// Where a sparse file of the host has data, so that its holes are neither read nor counted.
import { hostLibc } from './host-libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * Calls `visit` with each range of bytes [start, end) of an open file that may hold data, in order; where the host can't
 * tell holes, once with the whole file.
 */
export function forEachDataRange(fd: number, sizeBytes: number, visit: (start: number, end: number) => void): void {
  const linux = hostLibc()?.linux;
  if (!linux) {
    visit(0, sizeBytes);
    return;
  }
  for (let at = 0; at < sizeBytes; ) {
    const start = linux.lseek(fd, at, SEEK_DATA);
    if (start < 0) {
      // ENXIO: no data from here on. Anything else: this file system can't tell.
      if (hostLibc()?.errorCode() !== 'ENXIO') visit(at, sizeBytes);
      return;
    }
    const end = linux.lseek(fd, start, SEEK_HOLE);
    if (end <= start) {
      visit(start, sizeBytes);
      return;
    }
    visit(start, Math.min(end, sizeBytes));
    at = end;
  }
}
