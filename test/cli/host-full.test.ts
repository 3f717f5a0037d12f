// A command that fails gives the host back what it wrote: the image takes no more room than before, and the next command finds it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BLKSIZE, format, mount, openFileDevice } from '../../src/index.ts';
import { usedRanges } from '../../src/volume/used-ranges.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { f2fs, makeImage } from './command.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const MIB = 2 ** 20;
const FILES = 2000;

const usedBytes = (file: string) => fs.statSync(file).blocks * 512;

/** A file that does not fit into the images. */
function large(): string {
  const file = temporary.file('large');
  fs.writeFileSync(file, Buffer.alloc(70 * MIB, 'large'));
  return file;
}

/** A hash of all that the last checkpoint of an image needs. */
function hashOf(image: string): string {
  const device = openFileDevice(image);
  const hash = createHash('sha1');
  try {
    for (const { blkaddr, nrBlocks } of usedRanges(mount(device, { readonly: true }).volume)) {
      const bytes = new Uint8Array(nrBlocks * BLKSIZE);
      device.read(blkaddr, bytes);
      hash.update(bytes);
    }
  } finally {
    device.close();
  }
  return hash.digest('hex');
}

it('a command that fails after it wrote leaves no more of the image on the host than was there', async () => {
  const image = makeImage(temporary.file('failed.img'), (volume) => volume.writeFile('/kept', Buffer.alloc(MIB, 'k')));
  const before = { used: usedBytes(image), hash: hashOf(image) };
  const { code, stderr } = await f2fs(['put', '--quiet', image, large(), '/large']);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/ENOSPC/) });
  expect(hashOf(image)).toBe(before.hash);
  expect(usedBytes(image)).toBeLessThanOrEqual(before.used);
  expect((await fsck(image)).complaints).toEqual([]);
});

it('an image whose room is reserved keeps it', async () => {
  const image = makeImage(temporary.file('reserved.img'), () => {});
  if (spawnSync('fallocate', ['-l', `${64 * MIB}`, image]).status !== 0) return;
  const before = usedBytes(image);
  const { code } = await f2fs(['put', '--quiet', image, large(), '/large']);
  expect(code).toBe(1);
  expect(usedBytes(image)).toBe(before);
});

describe('on a host that is full', () => {
  const disk = temporary.file('disk');
  const image = `${disk}/m.img`;
  let isMounted = false;
  const freeBytes = () => {
    const { bavail, bsize } = fs.statfsSync(disk);
    return bavail * bsize;
  };

  /** An image of 256 MiB with 36 MiB in use, and `left` bytes besides. */
  function fill(left: number): void {
    const device = openFileDevice(image, { writable: true, create: { sizeBytes: 256 * MIB } });
    format(device);
    const volume = mount(device);
    for (let i = 0; i < FILES; i++) volume.writeFile(`/f${i}`, Buffer.alloc(12_000, `${i}`));
    volume.close();
    device.close();
    fs.writeFileSync(`${disk}/else`, Buffer.alloc(freeBytes() - left));
  }

  beforeEach(({ skip }) => {
    fs.mkdirSync(disk, { recursive: true });
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk], {
      encoding: 'utf8',
    });
    isMounted = status === 0;
    if (!isMounted) skip(`no tmpfs can be mounted here: ${stderr}`);
  });
  afterEach(() => {
    if (isMounted) spawnSync('umount', [disk]);
  });

  it('what fails says that it is the host, leaves the image as it was, and its room to the next', async () => {
    fill(3 * MIB);
    const before = { used: usedBytes(image), hash: hashOf(image) };
    const { code, stderr } = await f2fs(['chown', image, '-R', '1:1', '/']);
    const place = `cannot write ${image} at block`;
    expect(stderr).toMatch(
      /^f2fs: chown: cannot write \S+ at block \d+: the file system of the host that holds it is full; make room there \(ENOSPC\)\n$/,
    );
    expect(stderr).toContain(place);
    expect(code).toBe(1);
    expect(hashOf(image)).toBe(before.hash);
    expect(usedBytes(image)).toBeLessThanOrEqual(before.used);
    expect(freeBytes()).toBeGreaterThanOrEqual(3 * MIB - 2 * BLKSIZE);
    expect(await f2fs(['rm', image, '-r', '/f1'])).toMatchObject({ code: 0, stderr: '' });
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it('what a command that was killed left is given back, too', async () => {
    // As SIGKILL leaves it: blocks that no checkpoint knows are no hole any more.
    fill(3 * MIB);
    const left = freeBytes();
    const file = fs.openSync(image, 'r+');
    fs.writeSync(file, Buffer.alloc(left, 'x'), 0, left, 128 * MIB);
    fs.closeSync(file);
    expect(freeBytes()).toBe(0);
    expect((await f2fs(['rm', image, '-r', '/f1'])).code).toBe(1);
    expect(await f2fs(['rm', image, '-r', '/f1'])).toMatchObject({ code: 0, stderr: '' });
    expect((await fsck(image)).complaints).toEqual([]);
  });
});

it.runIf(process.platform === 'linux')(
  'a limit of address space is named, where no page cache would be small enough',
  () => {
    const image = makeImage(temporary.file('limited.img'), () => {});
    const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
    const under = (limit: string) =>
      spawnSync('sh', ['-c', `ulimit -v ${limit}; exec "$0" "$@"`, process.execPath, main, 'ls', image], {
        encoding: 'utf8',
      });
    expect(under('unlimited')).toMatchObject({ status: 0, stderr: '' });
    expect(under('4000000')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^f2fs: ls: there is no memory for a page cache of \S+ MiB: .*ulimit -v sets\? \(ENOMEM\)\n$/,
      ),
    });
  },
);
