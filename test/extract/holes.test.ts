// What extraction makes of holes, reserved blocks and zeros: what the block map says, whatever else the inode counts.
import * as fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostLibc } from '../../src/host/libc.ts';
import { type ExtractOptions, extract, type FileSystem, format, MemoryDevice, mount } from '../../src/index.ts';
import { dataRanges } from '../../src/source/host/extents.ts';
import { makeTempDir } from '../host-fixture.ts';
import { baseOf } from '../malformed/base.ts';
import { DamagedImage } from '../malformed/damaged-image.ts';

const K4 = 4096;
const MIB = 2 ** 20;

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

function makeVolume(): FileSystem {
  const device = new MemoryDevice((128 * MIB) / K4);
  format(device);
  return mount(device);
}

function out(path: string): string {
  return `${dir}/out/${path}`;
}

/** Extracts all; the options are for who is root or not. */
async function extractAll(volume: FileSystem, options: ExtractOptions = {}) {
  const report = await extract(volume, '/', `${dir}/out`, { owner: false, ...options });
  expect(report.problems).toEqual([]);
  return report;
}

/** What the host says of holes: [start, end) of data, in pages. */
function dataOf(path: string): [number, number][] {
  const fd = fs.openSync(out(path), 'r');
  try {
    return [...dataRanges(fd, fs.fstatSync(fd).size, 0).ranges].map(([start, end]) => [start / K4, end / K4]);
  } finally {
    fs.closeSync(fd);
  }
}

test.each(['/direct', '/sparse', '/wide', '/inline', '/few/deeper/file'])(
  'all that is in %s comes out, though the inode counts one block',
  async (path) => {
    const image = new DamagedImage(baseOf('default'));
    image.inode(path, ({ inode }) => (inode.iBlocks = 1));
    const volume = mount(image.device(), { readonly: true });
    await extract(volume, path, `${dir}/out`, { owner: false });
    const file = volume.openFile(path);
    const host = fs.openSync(`${dir}/out/${path.slice(path.lastIndexOf('/') + 1)}`, 'r');
    expect(fs.fstatSync(host).size).toBe(file.stat().size);
    for (let at = 0; at < file.stat().size; at = nextData(at)) {
      const theirs = Buffer.alloc(K4);
      const ours = Buffer.alloc(K4);
      expect(fs.readSync(host, ours, 0, K4, at)).toBe(file.read(theirs, at));
      expect(ours.equals(theirs)).toBe(true);
    }
    fs.closeSync(host);

    function nextData(at: number): number {
      try {
        return file.seekData(at - (at % K4) + K4);
      } catch {
        return Number.POSITIVE_INFINITY;
      }
    }
  },
);

// Which blocks are data and which reserved, the C library tells, and sets.
test.runIf(hostLibc())(
  'the holes of the image are those of the host: zeros that are data are written, reserved blocks are reserved',
  async () => {
    const volume = makeVolume();
    {
      using file = volume.openFile('/file', { flags: 'w' });
      file.truncate(600 * K4 + 7);
      file.write(Buffer.alloc(16 * K4, 1), 64 * K4);
      file.write(Buffer.alloc(16 * K4), 128 * K4);
      file.allocate(256 * K4, 64 * K4);
      using nothing = volume.openFile('/nothing', { flags: 'w' });
      nothing.truncate(3 * 2 ** 40);
      volume.writeFile('/zeros', new Uint8Array(2 * MIB + 5));
    }
    const report = await extractAll(volume);
    // Reserved blocks are no data and no hole: the host says which as it likes, and counts them.
    const [first, second] = dataOf('file');
    expect([first, second]).toEqual([
      [64, 80],
      [128, 144],
    ]);
    expect(fs.statSync(out('file'))).toMatchObject({ size: 600 * K4 + 7, blocks: ((16 + 16 + 64) * K4) / 512 });
    expect(fs.statSync(out('nothing'))).toMatchObject({ size: 3 * 2 ** 40, blocks: 0 });
    expect(fs.statSync(out('zeros'))).toMatchObject({ size: 2 * MIB + 5, blocks: (2 * MIB + K4) / 512 });
    expect(report.contentBytes).toBe((16 + 16 + 64) * K4 + 2 * MIB + 5);
    expect(report.contentBytes + report.holeBytes).toBe(600 * K4 + 7 + 3 * 2 ** 40 + 2 * MIB + 5);
  },
);

test('with holes: zeros, blocks of zeros become holes, too', async () => {
  const volume = makeVolume();
  const contents = Buffer.alloc(3 * MIB + 5);
  contents.fill(1, MIB - 10, MIB + 10);
  contents.fill(2, 2 * MIB + K4, 2 * MIB + 2 * K4);
  volume.writeFile('/file', contents);
  {
    using reserved = volume.openFile('/reserved', { flags: 'w' });
    reserved.allocate(0, MIB);
  }
  await extractAll(volume, { holes: 'zeros' });
  expect(fs.readFileSync(out('file')).equals(contents)).toBe(true);
  expect(fs.statSync(out('file')).blocks * 512).toBe(3 * K4);
  expect(fs.statSync(out('reserved'))).toMatchObject({ size: MIB, blocks: 0 });
});

test('what was written and lies nowhere on the device yet is data', async () => {
  const volume = makeVolume();
  using file = volume.openFile('/file', { flags: 'w' });
  file.allocate(0, 100 * K4);
  volume.sync();
  for (const page of [3, 4, 50]) file.write(Buffer.alloc(K4, page), page * K4);
  await extractAll(volume);
  const expected = Buffer.alloc(100 * K4);
  for (const page of [3, 4, 50]) expected.fill(page, page * K4, (page + 1) * K4);
  expect(fs.readFileSync(out('file')).equals(expected)).toBe(true);
});

test('a policy that there is not is refused before anything is made', async () => {
  const holes = 'none' as unknown as ExtractOptions['holes'];
  await expect(extract(makeVolume(), '/', `${dir}/out`, { holes })).rejects.toMatchObject({ code: 'EINVAL' });
  expect(fs.existsSync(`${dir}/out`)).toBe(false);
});
