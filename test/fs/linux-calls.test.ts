// What 476 calls return in Linux 7.2 and 6.12, and here: the same, but for what is listed, each with its reason, as in the table "Where
// we differ from the kernel" of DESIGN.md. How the tables were made: linux-calls/README.md.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { MemoryDevice } from '../../src/device/memory-device.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { copyOf } from '../devices.ts';
import { compressing, freshDevice, fsckComplaints, mountOf } from './compressed-volume.ts';
import { prepareFlags, run } from './linux-calls/interpreter.ts';

/** What the table says of it. */
const REASONS = {
  'no I/O on special files': '`openFile` takes regular files only',
  'moved pages': 'it is dirty until the next sync',
  'zeros past the end': 'those pages are reserved like the others',
  'directories have no extents': 'on files only',
  punch: 'they can, whole clusters and parts',
  'released stays': 'EPERM, as for a write',
  'tail first': 'it may lie before them',
};

/** A call that returns something else here. */
interface Difference {
  ours: string;
  why: keyof typeof REASONS;
  /** What it does would change what later calls return: it is done on a copy of the volume. */
  apart?: boolean;
}

/** By the number of the line in ops.txt. */
const DIFFERENCES: Record<number, Difference> = {
  137: { ours: 'EINVAL', why: 'no I/O on special files' },
  167: { ours: 'open EINVAL', why: 'no I/O on special files' },
  192: { ours: '[0+12288 1800 phys0][28672+77824 1800 phys0][196608+57344 1801 phys0]', why: 'moved pages' },
  193: {
    ours: '[0+8192 1800 phys0][8192+4096 1000][28672+77824 1000][196608+57344 1801 phys0]',
    why: 'zeros past the end',
  },
  237: { ours: 'no such call', why: 'directories have no extents' },
  247: { ours: 'no such call', why: 'directories have no extents' },
  248: { ours: 'no such call', why: 'directories have no extents' },
  313: { ours: '0', why: 'punch', apart: true },
  314: { ours: '0', why: 'punch', apart: true },
  335: { ours: 'EPERM', why: 'released stays' },
  336: { ours: 'EPERM', why: 'released stays' },
  337: { ours: 'EPERM', why: 'punch' },
  373: { ours: '[0+98304 1000][98304+4096 1001]', why: 'tail first' },
  390: { ours: 'EPERM', why: 'released stays' },
  391: { ours: '24', why: 'released stays' },
  392: { ours: 'size 2000000 blocks 256 nlink 1 mode 100644', why: 'released stays' },
  394: { ours: 'size 2000000 blocks 3912 nlink 1 mode 100644', why: 'released stays' },
};

function linesOf(name: string): string[] {
  const text = readFileSync(new URL(`./linux-calls/${name}`, import.meta.url), 'latin1');
  return text.split('\n').slice(0, -1);
}

/** What each call returned there. */
function results(name: string): string[] {
  return linesOf(name).map((line) => line.slice(line.lastIndexOf(' -> ') + 4));
}

const options = { compress: compressing('lz4', 4, { extensions: ['txt'] }) };

function runApart(device: MemoryDevice, fs: FileSystem, line: string): string {
  fs.sync();
  const copy = mountOf(copyOf(device), options);
  const result = run(copy, line);
  copy.close();
  return result;
}

test('calls return what they return in Linux', async () => {
  const expected = results('ops.k72');
  expect(results('ops.k612')).toEqual(expected);
  const device = freshDevice(256);
  const fs = mountOf(device, options);
  const different: Record<number, { line: string; linux: string; ours: string }> = {};
  let call = 0;
  for (const [i, line] of linesOf('ops.txt').entries()) {
    if (line === '# immutable, append') prepareFlags(fs);
    if (line.startsWith('#')) continue;
    const linux = line.startsWith('crc ') ? expected[call].split(' ')[0] : expected[call];
    call++;
    const ours = DIFFERENCES[i + 1]?.apart ? runApart(device, fs, line) : run(fs, line);
    if (ours !== linux) different[i + 1] = { line, linux, ours };
  }
  expect(call).toBe(476);
  const found = Object.fromEntries(
    Object.entries(different).map(([number, { line, ours }]) => [number, `${line}: ${ours}`]),
  );
  const known = Object.fromEntries(
    Object.entries(DIFFERENCES).map(([number, { ours }]) => [
      number,
      `${linesOf('ops.txt')[Number(number) - 1]}: ${ours}`,
    ]),
  );
  expect(found).toEqual(known);
  fs.close();
  expect(await fsckComplaints(device)).toEqual([]);
});

test('every difference stands in DESIGN.md with its reason', () => {
  const design = readFileSync(new URL('../../DESIGN.md', import.meta.url), 'utf8');
  for (const { why } of Object.values(DIFFERENCES)) expect(design).toContain(`| ${REASONS[why]} |`);
});
