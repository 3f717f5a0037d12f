// Where a sparse file of the host has data, so that its holes are neither read nor counted.
import { type HostLibc, hostLibc, type LinuxCalls } from '../../host/libc.ts';
import type { DataRanges } from '../source-tree.ts';
import { rangesByTar } from './tar-holes.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Bytes of holes from which on a child process that tells where they are costs less than reading them. */
const LEAST_HOLES = 8 << 20;

/**
 * Where an open file of `sizeBytes` bytes has data, of which the host stores `storedBytes`. Where it can't tell holes, the whole file may
 * be data.
 */
export function dataRanges(
  fd: number,
  sizeBytes: number,
  storedBytes: number,
  libc: HostLibc | null = hostLibc(),
): DataRanges {
  const linux = libc?.linux;
  if (libc && linux) {
    const areExact = linux.lseek(fd, 0, SEEK_DATA) >= 0 || libc.errorCode() === 'ENXIO';
    return { ranges: rangesBySeeking(fd, sizeBytes, libc, linux), areExact };
  }
  const ranges = sizeBytes - storedBytes < LEAST_HOLES ? null : rangesByTar(fd, sizeBytes);
  return { ranges: ranges ?? [[0, sizeBytes]], areExact: ranges !== null };
}

function* rangesBySeeking(
  fd: number,
  sizeBytes: number,
  libc: HostLibc,
  linux: LinuxCalls,
): Generator<readonly [start: number, end: number]> {
  for (let at = 0; at < sizeBytes; ) {
    const start = linux.lseek(fd, at, SEEK_DATA);
    if (start < 0) {
      // ENXIO: no data from here on. Anything else: this host or file system can't tell.
      if (libc.errorCode() !== 'ENXIO') yield [at, sizeBytes];
      return;
    }
    const end = linux.lseek(fd, start, SEEK_HOLE);
    yield [start, end <= start ? sizeBytes : Math.min(end, sizeBytes)];
    if (end <= start) return;
    at = end;
  }
}
