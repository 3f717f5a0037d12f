// Images that are compressed with gzip are read as they are without, whatever wrote them, in bounded memory; what is cut short or damaged
// is refused, and nothing is left of the temporary file.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { gzipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BLKSIZE,
  type FileDevice,
  format,
  isGzipped,
  mount,
  openFileDevice,
  openGzipped,
  volumeInfo,
} from '../../src/index.ts';
import { random, seedOf } from '../random.ts';
import { imageDirectory } from './temporary.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
const SEED = seedOf('gzipped');
const path = temporary.file('image.gz');

let image: Buffer;
/** The host's directory for temporary files, of this test alone. */
const place = temporary.file('tmp');
const usual = process.env.TMPDIR;

beforeAll(() => {
  const plain = temporary.file('image');
  const device = openFileDevice(plain, { writable: true, create: { sizeBytes: 52 << 20 } });
  format(device);
  const volume = mount(device);
  volume.writeFile('/file', Buffer.alloc(300_000, 'contents '));
  volume.close();
  device.close();
  image = fs.readFileSync(plain);
  fs.mkdirSync(place);
});
beforeEach(() => {
  process.env.TMPDIR = place;
});
afterEach(() => {
  if (usual === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = usual;
  expect(fs.readdirSync(place)).toEqual([]);
});

function hashOf(device: FileDevice): string {
  const hash = createHash('sha256');
  const blocks = new Uint8Array(256 * BLKSIZE);
  for (let at = 0; at < device.nrBlocks; at += 256) {
    const part = blocks.subarray(0, Math.min(256, device.nrBlocks - at) * BLKSIZE);
    device.read(at, part);
    hash.update(part);
  }
  device.close();
  return hash.digest('hex');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const MIB = 1 << 20;

describe('is read', () => {
  it.each<[string, () => Uint8Array]>([
    ['by zlib', () => zlib.gzipSync(image, { level: 1 })],
    ['by fflate', () => gzipSync(image, { level: 1, filename: 'image' })],
    ['without compression', () => zlib.gzipSync(image, { level: 0 })],
    [
      'in several members, one of them empty',
      () => {
        const parts = [image.subarray(0, MIB), Buffer.alloc(0), image.subarray(MIB, MIB + 5), image.subarray(MIB + 5)];
        return Buffer.concat(parts.map((part) => zlib.gzipSync(part, { level: 1 })));
      },
    ],
    [
      'in a member for each MiB',
      () => {
        const parts = Array.from({ length: 52 }, (_, i) => zlib.gzipSync(image.subarray(i * MIB, (i + 1) * MIB)));
        return Buffer.concat(parts);
      },
    ],
  ])('what was compressed %s', async (_, compress) => {
    fs.writeFileSync(path, compress());
    expect(isGzipped(path)).toBe(true);
    const device = await openGzipped(path);
    expect([device.name, device.readonly, device.nrBlocks]).toEqual([path, true, image.length / BLKSIZE]);
    expect(volumeInfo(device).deviceBytes).toBe(image.length);
    expect(hashOf(device)).toBe(sha256(image));
  });

  it('a GiB of zeros in little memory and room', async () => {
    const zeros = zlib.gzipSync(Buffer.alloc(256 * MIB));
    fs.writeFileSync(path, Buffer.concat(Array.from({ length: 4 }, () => zeros)));
    const before = process.memoryUsage().rss;
    const device = await openGzipped(path);
    expect(device.nrBlocks).toBe((4 * 256 * MIB) / BLKSIZE);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
    device.close();
  });
});

describe('is refused', () => {
  const refused = async (bytes: Uint8Array) => {
    fs.writeFileSync(path, bytes);
    return openGzipped(path).then(
      (device) => `opened: ${hashOf(device)}`,
      (error) => error.code as string,
    );
  };

  it('what is cut short anywhere', async () => {
    const whole = zlib.gzipSync(image);
    const rng = random(SEED);
    const ends = [11, 17, 18, whole.length - 1, whole.length - 4, whole.length - 8, whole.length - 9];
    for (let i = 0; i < 20; i++) ends.push(4 + rng.below(whole.length - 4));
    for (const end of ends) expect(await refused(whole.subarray(0, end)), `${end}`).toBe('EBADMSG');
  });

  it('a flipped bit anywhere, unless it says the same in another way', async () => {
    const same = `opened: ${sha256(image)}`;
    const whole = zlib.gzipSync(image);
    const rng = random(SEED);
    // Behind the header: it has a time and the name of a system.
    const places = [whole.length - 1, whole.length - 5, whole.length - 8, 10];
    for (let i = 0; i < 40; i++) places.push(10 + rng.below(whole.length - 10));
    for (const at of places) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 1 << rng.below(8);
      expect(['EBADMSG', same], `${at}`).toContain(await refused(damaged));
    }
  });

  it.each<[string, () => Uint8Array, string]>([
    ['what follows its end', () => Buffer.concat([zlib.gzipSync(image), Buffer.from('and more')]), 'EBADMSG'],
    ['what is not compressed so', () => Buffer.alloc(100, 'text'), 'EBADMSG'],
    ['less than a block', () => zlib.gzipSync(Buffer.alloc(4095)), 'EINVAL'],
    ['nothing', () => zlib.gzipSync(Buffer.alloc(0)), 'EINVAL'],
    [
      'a member whose checksum is wrong before one that is sound',
      () => {
        const first = zlib.gzipSync(image.subarray(0, MIB));
        first[first.length - 8] ^= 1;
        return Buffer.concat([first, zlib.gzipSync(image.subarray(MIB))]);
      },
      'EBADMSG',
    ],
  ])('%s', async (_, compress, code) => {
    expect(await refused(compress())).toBe(code);
  });

  it('when a signal comes', async () => {
    fs.writeFileSync(path, zlib.gzipSync(Buffer.alloc(256 * MIB)));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    await expect(openGzipped(path, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('when there is no place for temporary files', async () => {
    fs.writeFileSync(path, zlib.gzipSync(image));
    process.env.TMPDIR = temporary.file('nothing');
    await expect(openGzipped(path)).rejects.toMatchObject({ code: 'ENOENT', path });
  });
});

it('is told by its first bytes', () => {
  fs.writeFileSync(path, Buffer.of(0x1f, 0x8b));
  expect(isGzipped(path)).toBe(false);
  expect(isGzipped(temporary.directory)).toBe(false);
  expect(isGzipped(temporary.file('nothing'))).toBe(false);
});

it.skipIf(spawnSync('gzip', ['--version']).status !== 0)("what gzip(1) writes is the host's own", async () => {
  fs.writeFileSync(path, spawnSync('gzip', ['-c'], { input: image, maxBuffer: 1 << 28 }).stdout);
  expect(hashOf(await openGzipped(path))).toBe(sha256(image));
});
