// Compressed files that Linux makes and fsck.f2fs does not take: what is valid in them is read, changed and removed, and what Linux
// lost count of is refused by its name. How the images were made: images/README.md.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLKSIZE, type FileSystem, format, mount, openFileDevice, parseCodec } from '../../src/index.ts';
import { fsckOldAndNew } from '../../tools/judge/fsck.ts';
import { fsck, judgeCodecs, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { projectRoot } from '../../tools/judge/paths.ts';

const MOST = 4_329_687_105_536;
const FAR = 5000 * BLKSIZE;
const TEXT = Buffer.from(Array.from({ length: 10_000 }, (_, i) => `line ${i} of a text that is compressed\n`).join(''));
const CONTENTS = TEXT.subarray(0, 300_000);

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-odd-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function unpack(name: string): string {
  const image = join(work, `${name}.img`);
  writeFileSync(image, gunzipSync(readFileSync(join(projectRoot, `images/${name}.img.gz`))));
  return image;
}

function during<T>(image: string, use: (fs: FileSystem) => T): T {
  const device = openFileDevice(image, { writable: true });
  try {
    const fs = mount(device, { compress: { codec: parseCodec('lz4'), clusterPages: 16, extensions: ['txt'] } });
    const result = use(fs);
    fs.close();
    return result;
  } finally {
    device.close();
  }
}

const isSame = (found: Uint8Array, expected: Uint8Array) => Buffer.compare(found, expected) === 0;

/** What fsck.f2fs says of clusters behind nodes that are not there. */
const FALSE_ALARM =
  /dn\.addr\[\d+\] = 0|i_blocks|i_compr_blocks|ch(ec)?ksum|valid_block_count|other corrupted bugs|exits with/;

describe('data behind nodes that are not there', () => {
  test('is read as Linux wrote it, and only fsck.f2fs 1.15 and 1.16 take it for damaged', async () => {
    const image = unpack('kernel-far');
    during(image, (fs) => {
      const file = fs.readFile('/far.txt');
      expect(isSame(file.subarray(FAR), CONTENTS)).toBe(true);
      expect(file.subarray(0, FAR).every((byte) => byte === 0)).toBe(true);
    });
    const { complaints } = await fsckOldAndNew(image);
    expect(complaints.length).toBeGreaterThan(0);
    expect(complaints.filter((line) => !FALSE_ALARM.test(line))).toEqual([]);
    expect(judgeCodecs(image).complaints).toEqual([]);
    during(image, (fs) => fs.unlink('/far.txt'));
    expect((await fsckOldAndNew(image)).complaints).toEqual([]);
  });

  test('is the same when we wrote it: Linux reads it, fsck.f2fs complains', async () => {
    const image = join(work, 'ours.img');
    const device = openFileDevice(image, { writable: true, create: { sizeBytes: 64 << 20 } });
    format(device, { features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression'] });
    device.close();
    during(image, (fs) => {
      fs.writeFile('/far.txt', '');
      using file = fs.openFile('/far.txt');
      file.write(CONTENTS, FAR);
      file.fsync();
      expect(file.stat().compression?.savedBlocks).toBeGreaterThan(40);
    });
    const { complaints } = await fsck(image);
    expect(complaints.some((line) => /dn\.addr/.test(line))).toBe(true);
    expect(complaints.filter((line) => !FALSE_ALARM.test(line))).toEqual([]);
    expect(judgeCodecs(image).complaints).toEqual([]);
    if (!kernelIsThere('qemu-6.12')) return;
    const share = mkdtempSync(join(work, 'share-'));
    const script = 'mount -t f2fs -o ro "$DEV0" /mnt && tail -c 300000 /mnt/far.txt > "$SHARE/tail" && umount /mnt';
    const { exitCode, stderr } = await runInKernel('qemu-6.12', { images: [image], script, share });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(isSame(readFileSync(join(share, 'tail')), CONTENTS)).toBe(true);
  });
});

test('a size past what the nodes of a compressed file can address is valid', async () => {
  const image = unpack('kernel-far');
  during(image, (fs) => {
    fs.unlink('/far.txt');
    expect([fs.stat('/large.txt').size, fs.stat('/hole.txt').size]).toEqual([MOST, 4_325_430_689_792]);
    using large = fs.openFile('/large.txt');
    const bytes = Buffer.alloc(400_000, 1);
    large.read(bytes, 0);
    expect(isSame(bytes, Buffer.concat([CONTENTS, Buffer.alloc(100_000)]))).toBe(true);
    expect(large.read(bytes, MOST - 100)).toBe(100);
    expect(bytes.subarray(0, 100).every((byte) => byte === 0)).toBe(true);
    expect(() => large.write('x', MOST - 1)).toThrow(expect.objectContaining({ code: 'E2BIG' }));
    fs.rename('/hole.txt', '/moved.txt');
    fs.truncate('/moved.txt', MOST);
    large.truncate(MOST - 1);
    large.write('L', 0);
  });
  expect((await fsckOldAndNew(image)).complaints).toEqual([]);
  during(image, (fs) => {
    fs.truncate('/large.txt', 200_000);
    expect(isSame(fs.readFile('/large.txt').subarray(1), CONTENTS.subarray(1, 200_000))).toBe(true);
    fs.truncate('/moved.txt', 0);
    fs.truncate('/moved.txt', MOST);
    fs.unlink('/moved.txt');
  });
  expect((await fsckOldAndNew(image)).complaints).toEqual([]);
});

describe('a released file whose slots Linux allocated before it reserved them', () => {
  const REFUSED = expect.objectContaining({ code: 'EIO', message: expect.stringMatching(/fewer saved blocks/) });

  test('is read whole, and not written; all else is', () => {
    const image = unpack('kernel-lost-count');
    during(image, (fs) => {
      expect(isSame(fs.readFile('/lost.txt'), CONTENTS)).toBe(true);
      using file = fs.openFile('/lost.txt');
      expect(file.stat().compression).toMatchObject({ released: false, savedBlocks: 0 });
      for (const change of [
        () => file.write('x', 5),
        () => file.write(CONTENTS, 0),
        () => file.truncate(100_001),
        () => file.punch(5, 10),
      ])
        expect(change).toThrow(REFUSED);
      expect(() => file.reserveBlocks()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
      // The volume goes on.
      fs.writeFile('/new.txt', CONTENTS);
      fs.truncate('/other.txt', 100_001);
      fs.setAttributes('/lost.txt', { mode: 0o600 });
      fs.rename('/lost.txt', '/found.txt');
    });
    during(image, (fs) => {
      expect(isSame(fs.readFile('/found.txt'), CONTENTS)).toBe(true);
      expect(isSame(fs.readFile('/other.txt'), CONTENTS.subarray(0, 100_001))).toBe(true);
    });
  });

  test.each([
    ['removed', (fs: FileSystem) => fs.unlink('/lost.txt')],
    ['cut to nothing', (fs: FileSystem) => fs.truncate('/lost.txt', 0)],
    ['replaced', (fs: FileSystem) => fs.writeFile('/lost.txt', CONTENTS.subarray(0, 150_000))],
  ])('%s, it leaves counts that fsck.f2fs finds right', async (_, change) => {
    const image = unpack('kernel-lost-count');
    expect((await fsck(image)).complaints.join()).toMatch(/i_compr_blocks=0x0+ -> 0x36/);
    during(image, change);
    expect((await fsckOldAndNew(image)).complaints).toEqual([]);
  });
});
