// Archives that are compressed, by the tools that people have: what comes out is what went in, and damage is told.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scanTars } from '../../src/source/tar/scan.ts';
import { adversarialStream, prose } from '../../tools/judge/mixed-tree.ts';
import { noise } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';
import { contentsOf, tarOf } from './tar-maker.ts';

let dir: string;
let plain: Buffer;
const CONTENTS: Record<string, Buffer> = {
  prose: prose(1_500_000, 1),
  noise: noise(300_000, 2),
  zeros: Buffer.alloc(1_000_000),
  stream: adversarialStream(1_500_000, 3),
  small: Buffer.from('hello'),
};
const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

beforeAll(() => {
  dir = makeTempDir();
  plain = tarOf(Object.entries(CONTENTS).map(([path, contents]) => ({ path, contents })));
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

const compress = (program: string, input: Buffer, ...args: string[]) =>
  execFileSync(program, [...args, '-c'], { input, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] });

async function scan(source: string | AsyncIterable<Uint8Array>) {
  return await scanTars([source], { turn: async () => {} });
}

async function expectAll(bytes: Buffer): Promise<void> {
  const path = `${dir}/archive`;
  fs.writeFileSync(path, bytes);
  for (const source of [path, Readable.from([bytes]), inPieces(bytes, 10_007)]) {
    using tree = await scan(source);
    expect(tree.problems).toEqual([]);
    const found = contentsOf(tree);
    for (const [name, contents] of Object.entries(CONTENTS)) expect(found[name]?.equals(contents), name).toBe(true);
  }
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const halves = () => [plain.subarray(0, 1_000_001), plain.subarray(1_000_001)];

it('is read from a file, a pipe and in pieces without compression', async () => await expectAll(plain));

describe('gzip', () => {
  it('in one member', async () => await expectAll(gzipSync(plain, { level: 1 })));
  it('in several members, with zeros behind them', async () => {
    await expectAll(Buffer.concat([...halves().map((half) => gzipSync(half, { level: 1 })), Buffer.alloc(700)]));
  });
});

describe.skipIf(!has('zstd'))('zstd', () => {
  it.each(['-1', '-13', '--fast=5', '-3 --long=27', '-3 --no-check'])('by %s', async (options) => {
    await expectAll(compress('zstd', plain, ...options.split(' ')));
  });
  it('in several frames, with zeros behind them', async () => {
    await expectAll(Buffer.concat([...halves().map((half) => compress('zstd', half, '-1')), Buffer.alloc(3)]));
  });
  it('with a window that is too large', async () => {
    const path = `${dir}/archive`;
    fs.writeFileSync(path, compress('zstd', plain, '-1', '--long=28'));
    await expect(scan(path)).rejects.toMatchObject({
      code: 'EBADMSG',
      message: expect.stringContaining('window of 256 MiB'),
    });
  });
});

describe.skipIf(!has('lz4'))('lz4', () => {
  it.each(['-1', '-9', '-B4 -BD', '-B4 -BX', '-B7 --content-size', '-l', '--no-frame-crc'])(
    'by %s',
    async (options) => {
      await expectAll(compress('lz4', plain, ...options.split(' ')));
    },
  );
  it('in several frames', async () => {
    await expectAll(Buffer.concat(halves().map((half) => compress('lz4', half, '-1'))));
  });
});

describe.each([
  ['gzip', (bytes: Buffer) => gzipSync(bytes, { level: 1 })],
  ['zstd', (bytes: Buffer) => compress('zstd', bytes, '-1')],
  ['lz4', (bytes: Buffer) => compress('lz4', bytes, '-1', '-BX')],
] as const)('damage of %s', (program, packed) => {
  it.skipIf(!has(program)).each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 100)],
    ['without its last byte', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    [
      'with another byte',
      (bytes: Buffer) => {
        bytes[bytes.length >> 1] ^= 0x10;
        return bytes;
      },
    ],
  ])('%s', async (_, damage) => {
    const path = `${dir}/archive`;
    fs.writeFileSync(path, damage(Buffer.from(packed(plain))));
    await expect(scan(path)).rejects.toMatchObject({ code: 'EBADMSG' });
  });
});

it.each([
  [
    'xz',
    Buffer.from('\xfd7zXZ\0'.padEnd(2000, 'x'), 'latin1'),
    /compressed with xz, not a tar archive: decompress it first/,
  ],
  ['text', Buffer.from('hello\n'), /a text file, not a tar archive/],
  ['gzipped text', gzipSync('hello\n'), /a text file, not a tar archive/],
  ['nothing', Buffer.alloc(0), /empty, not a tar archive/],
])('what is no tar is named: %s', async (_, bytes, message) => {
  fs.writeFileSync(`${dir}/other`, bytes);
  await expect(scan(`${dir}/other`)).rejects.toMatchObject({ code: 'EINVAL', message: expect.stringMatching(message) });
  await expect(scan(Readable.from([bytes]))).rejects.toMatchObject({ code: 'EINVAL' });
});

it('an archive of no entries is an empty tree', async () => {
  fs.writeFileSync(`${dir}/none`, Buffer.alloc(10_240));
  using tree = await scan(`${dir}/none`);
  expect(tree.count).toBe(1);
});
