// Where an open file has data, told by GNU tar where lseek can't be called: with --sparse it stores a map of the ranges before all else,
// which it finds by lseek itself. No more is read of what it writes.
import { spawnSync } from 'node:child_process';

/** Bytes of tar's output that are looked at: room for some 100,000 ranges. */
const MOST_BYTES = 4 << 20;
const BLOCK = 512;
/** The archive member's type flag, in its header. */
const TYPE_AT = 156;
const SIZE_AT = 124;
const PAX_HEADER = 'x';
const SCRIPT =
  'exec tar -h -S --hole-detection=seek --format=posix --sparse-version=1.0 -cf - /dev/fd/3 2>/dev/null | head -c "$0"';

let isGnuTar: boolean | undefined;

function hasGnuTar(): boolean {
  isGnuTar ??= process.platform === 'linux' && /GNU tar/.test(run('tar --version', 'ignore').toString('latin1'));
  return isGnuTar;
}

/** What a script prints; `fd` is its descriptor 3. */
function run(script: string, fd: number | 'ignore', ...args: string[]): Buffer {
  const { stdout } = spawnSync('sh', ['-c', script, ...args], {
    stdio: ['ignore', 'pipe', 'ignore', fd],
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 * MOST_BYTES,
  });
  return stdout ?? Buffer.alloc(0);
}

/** The ranges of bytes [start, end) of an open file that are no holes, in order; null where there is no tar to tell. */
export function rangesByTar(fd: number, sizeBytes: number): [start: number, end: number][] | null {
  if (!hasGnuTar()) return null;
  return parseMap(run(SCRIPT, fd, String(MOST_BYTES)), sizeBytes);
}

/**
 * Reads the map of an archive's first member, in the PAX format 1.0: decimal numbers, each on a line; how many ranges, then offset and
 * length of each. Null when there is none, or it is cut off. Source: "Storing Sparse Files" in the manual of GNU tar.
 */
export function parseMap(archive: Buffer, sizeBytes: number): [start: number, end: number][] | null {
  if (archive.toString('latin1', TYPE_AT, TYPE_AT + 1) !== PAX_HEADER) return null;
  const recordBytes = Number.parseInt(archive.toString('latin1', SIZE_AT, SIZE_AT + 12), 8);
  const records = archive.toString('latin1', BLOCK, BLOCK + recordBytes);
  if (!records.includes('GNU.sparse.major=1\n') || !records.includes('GNU.sparse.minor=0\n')) return null;
  const map = BLOCK + Math.ceil(recordBytes / BLOCK) * BLOCK + BLOCK;
  const numbers: number[] = [];
  let wanted = 1;
  for (let at = map; numbers.length < wanted; ) {
    const end = archive.indexOf(0x0a, at);
    const text = end < 0 ? '' : archive.toString('latin1', at, end);
    if (!/^\d{1,15}$/.test(text)) return null;
    numbers.push(Number(text));
    if (numbers.length === 1) wanted = 1 + 2 * numbers[0];
    at = end + 1;
  }
  const ranges: [number, number][] = [];
  for (let i = 1; i < numbers.length; i += 2) {
    const start = numbers[i];
    const end = Math.min(start + numbers[i + 1], sizeBytes);
    // The last may be empty: it tells the size.
    if (end > start) ranges.push([start, end]);
  }
  return ranges;
}
