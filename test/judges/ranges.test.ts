// Random programs of writes, truncates and fallocates, run by a kernel on its F2FS and by us on ours: the same results, errors,
// sizes, bytes, blocks, data and holes; and each reads the other's volume. F2FS_RANGES programs (default 36), F2FS_SEED.
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { extract } from '../../src/extract/extract.ts';
import type { ExtentFlag } from '../../src/file/data/file-extents.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { hostLibc } from '../../src/host/libc.ts';
import { format } from '../../src/mkfs/format.ts';
import { dataRanges } from '../../src/source/host/extents.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { runInUml, umlIsThere } from '../../tools/judge/uml.ts';
import {
  planOf,
  RANGE_OPERATIONS,
  type RangeOperation,
  type RangeProgram,
  type RangeStep,
  readProgram,
  runProgram,
} from './ranges-guest.ts';

const SEED = Number(process.env.F2FS_SEED ?? 20_261_122);
const NR_PROGRAMS = Number(process.env.F2FS_RANGES ?? 36);
const K4 = 4096;
const FLAG_BITS: Partial<Record<ExtentFlag, number>> = { last: 1, encoded: 8, inline: 0x200, unwritten: 0x800 };

/** What programs do, and what of a look at their file is the kernel's to the letter. */
interface Kind {
  readonly name: string;
  readonly operations: readonly RangeOperation[];
  /** Places and lengths are whole blocks, but for writes and truncates. */
  readonly aligned: boolean;
  readonly blocks: boolean;
  readonly map: boolean;
}

const KINDS: readonly Kind[] = [
  {
    name: 'reserve',
    operations: ['allocate', 'keep', 'punch', 'zero', 'zeroKeep'],
    aligned: true,
    blocks: true,
    map: true,
  },
  // The kernel makes nodes for holes that it moves; we do not.
  { name: 'shift', operations: ['punch', 'collapse', 'insert'], aligned: true, blocks: false, map: true },
  // The kernel fills a block when a part of a hole is punched, and when a reserved block moves.
  { name: 'any', operations: RANGE_OPERATIONS, aligned: false, blocks: false, map: false },
];

function program(nr: number): RangeProgram & { readonly kind: Kind } {
  const random = new SeededRandom(Math.imul(SEED + nr, 0x9e3779b1));
  const kind = KINDS[nr % KINDS.length];
  const pages = [3, 40, 950, 1500][random.below(4)];
  const place = (aligned: boolean): number => {
    const at = random.below(pages) * K4;
    return aligned || random.below(2) === 0 ? at : at + random.below(K4);
  };
  const length = (aligned: boolean): number => {
    const most = random.below(8) === 0 ? pages : Math.min(pages, 12);
    const bytes = (1 + random.below(most)) * K4;
    return aligned || random.below(2) === 0 ? bytes : 1 + random.below(bytes);
  };
  const steps: RangeStep[] = [];
  for (let i = 0; i < 30; i++) {
    const dice = random.below(20);
    if (dice < 7) steps.push(['write', place(false), length(false), 1 + random.below(255)]);
    else if (dice < 9) steps.push(['truncate', place(false)]);
    else if (dice < 10) steps.push(['fsync']);
    else {
      const operation = kind.operations[random.below(kind.operations.length)];
      // Whole blocks are often what is asked for by those who move them.
      const aligned = kind.aligned || ((operation === 'collapse' || operation === 'insert') && random.below(8) > 0);
      steps.push([operation, place(aligned), length(aligned)]);
    }
    if (i % 5 === 4) steps.push(['look']);
  }
  return { name: `${kind.name}-${nr}`, steps, kind };
}

function look(fs: FileSystem, file: FileHandle, name: string): string {
  const { size, blocks } = file.stat();
  const hash = createHash('sha256').update(fs.readFile(name)).digest('hex');
  const map: number[] = [];
  try {
    for (let at = 0, data = true; ; data = !data) {
      at = data ? file.seekData(at) : file.seekHole(at);
      map.push(at);
      if (at >= size) break;
    }
  } catch (error) {
    expect((error as F2fsError).code).toBe('ENXIO');
  }
  return `${size} ${blocks - 1} ${hash} ${map.join(',')}`;
}

function extentsOf(file: FileHandle): string {
  return file
    .extents()
    .map(({ logical, physical, length, flags }) => {
      const bits = flags.reduce((sum, flag) => sum | (FLAG_BITS[flag] ?? 0), 0);
      return `${logical}:${physical}:${length}:${bits}`;
    })
    .join(' ');
}

function apply(file: FileHandle, step: RangeStep): void {
  const [operation, at = 0, length = 0] = step;
  if (operation === 'write') file.write(Buffer.alloc(length, step[3]), at);
  else if (operation === 'truncate') file.truncate(at);
  else if (operation === 'fsync') file.fsync();
  else if (operation === 'allocate' || operation === 'keep')
    file.allocate(at, length, { keepSize: operation === 'keep' });
  else if (operation === 'zero' || operation === 'zeroKeep') {
    file.zeroRange(at, length, { keepSize: operation === 'zeroKeep' });
  } else if (operation === 'punch') file.punch(at, length);
  else if (operation === 'collapse') file.collapseRange(at, length);
  else if (operation === 'insert') file.insertRange(at, length);
}

/** A line for each step, as run.pl prints them. */
function run(fs: FileSystem, { name, steps }: RangeProgram): string[] {
  using file = fs.openFile(name, { flags: 'w+' });
  return [
    '0',
    ...steps.map((step) => {
      if (step[0] === 'look') return look(fs, file, name);
      try {
        apply(file, step);
        return '0';
      } catch (error) {
        if (!(error instanceof F2fsError)) throw error;
        return String(constants.errno[error.code as keyof typeof constants.errno]);
      }
    }),
  ];
}

/** What of a line is to be the same. */
function comparable(line: string, kind: Kind): string {
  const [size, blocks, hash, map] = line.split(' ');
  if (hash === undefined) return line;
  return [size, kind.blocks ? blocks : '', hash, kind.map ? map : ''].join(' ');
}

interface ReadExtent {
  start: number;
  end: number;
  isWritten: boolean;
}

/** A line of read.pl: extents up to the end of the file, in bytes. */
function readExtents(line: string, size: number): ReadExtent[] {
  const found = line.split(' ').filter((one) => one !== '');
  return found.map((one) => {
    const [logical, , length, flags] = one.split(':').map(Number);
    const isWritten = (flags & (FLAG_BITS.unwritten ?? 0)) === 0;
    return { start: logical, end: Math.min(logical + length, size), isWritten };
  });
}

function pagesOf(ranges: readonly { start: number; end: number }[]): number[] {
  return ranges.flatMap(({ start, end }) => {
    const first = Math.floor(start / K4);
    return Array.from({ length: Math.max(0, Math.ceil(end / K4) - first) }, (_, i) => first + i);
  });
}

/** Pages of a file that the host has as data. */
function hostData(file: string): number[] {
  const fd = openSync(file, 'r');
  try {
    return pagesOf([...dataRanges(fd, statSync(file).size, 0).ranges].map(([start, end]) => ({ start, end })));
  } finally {
    closeSync(fd);
  }
}

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-ranges-'));
  console.log(`ranges: F2FS_SEED=${SEED}`);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe.skipIf(!umlIsThere())('ranges of files, as the kernel has them', () => {
  it('results, sizes, bytes, blocks, data and holes', async () => {
    const programs = Array.from({ length: NR_PROGRAMS }, (_, i) => program(i));
    const [theirs, ours] = ['theirs.img', 'ours.img'].map((name) => join(work, name));
    for (const path of [theirs, ours]) {
      const device = openFileDevice(path, { writable: true, create: { sizeBytes: 1 << 30, overwrite: true } });
      format(device, { features: ['extra_attr', 'inode_checksum', 'flexible_inline_xattr', 'inode_crtime'] });
      device.close();
    }
    const device = openFileDevice(ours, { writable: true });
    const fs = mount(device, { cacheBytes: 16 << 20 });
    const found = programs.map((one) => run(fs, one));
    const extents = programs.map(({ name }) => {
      using file = fs.openFile(name);
      return [look(fs, file, name), extentsOf(file)];
    });
    fs.close();
    device.close();
    expect((await fsck(ours)).complaints).toEqual([]);

    const share = join(work, 'share');
    mkdirSync(share);
    writeFileSync(join(share, 'plan'), planOf(programs));
    writeFileSync(join(share, 'run.pl'), runProgram);
    writeFileSync(join(share, 'read.pl'), readProgram);
    cpSync(ours, join(work, 'copy.img'));
    const names = programs.map(({ name }) => name).join(' ');
    const guest = await runInUml({
      images: [theirs, join(work, 'copy.img')],
      share,
      script: `set -e
mount -t f2fs $DEV0 /mnt
perl $SHARE/run.pl /mnt $SHARE/plan > $SHARE/run
umount /mnt
mount -t f2fs $DEV0 /mnt
perl $SHARE/read.pl /mnt ${names} > $SHARE/theirs
umount /mnt
mount -t f2fs $DEV1 /mnt
perl $SHARE/read.pl /mnt ${names} > $SHARE/ours
umount /mnt
`,
    });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    const lines = (name: string): string[] => readFileSync(join(share, name), 'latin1').trimEnd().split('\n');

    const results = lines('run');
    let at = 0;
    programs.forEach(({ name, steps, kind }, nr) => {
      const said = found[nr];
      for (let i = 0; i < said.length; i++, at++) {
        const done = ['file', ...steps.slice(0, i).map((step) => step.join(' '))];
        if (comparable(said[i], kind) === comparable(results[at], kind)) continue;
        expect.fail(`${name}: the kernel has\n${results[at]}, we\n${said[i]} after\n${done.join('\n')}`);
      }
    });
    expect(at).toBe(results.length);

    expect(lines('ours')).toEqual(extents.flat());
    expect((await fsck(theirs)).complaints).toEqual([]);
    const theirDevice = openFileDevice(theirs, { writable: false });
    const theirFs = mount(theirDevice, { readonly: true });
    const read = programs.flatMap(({ name }) => {
      using file = theirFs.openFile(name);
      return [look(theirFs, file, name), extentsOf(file)];
    });
    expect(read).toEqual(lines('theirs'));
    const out = join(work, 'out');
    await extract(theirFs, '/', out, { owner: false });
    theirDevice.close();
    programs.forEach(({ name }, nr) => {
      const [sizeBytes, , hash] = lines('theirs')[2 * nr].split(' ');
      const extents = readExtents(lines('theirs')[2 * nr + 1], Number(sizeBytes));
      const file = join(out, name);
      const { size, blocks } = statSync(file);
      expect([name, size]).toEqual([name, Number(sizeBytes)]);
      expect([name, createHash('sha256').update(readFileSync(file)).digest('hex')]).toEqual([name, hash]);
      if (hostLibc() === null) return;
      // Of reserved blocks beside data ext4 makes zeros.
      const data = hostData(file);
      expect([name, data]).toEqual([name, expect.arrayContaining(pagesOf(extents.filter((one) => one.isWritten)))]);
      expect([name, pagesOf(extents)]).toEqual([name, expect.arrayContaining(data)]);
      // The host counts what it needs to find the blocks, too.
      const spare = (blocks * 512) / K4 - pagesOf(extents).length;
      expect(spare).toBeGreaterThanOrEqual(0);
      expect(spare).toBeLessThan(16);
    });
  });
});
