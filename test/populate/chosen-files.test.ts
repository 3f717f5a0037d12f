// Builds with files that patterns choose. Under verity: the same digests whichever way they are made, of clusters, holes and files with
// several names too. Immutable ones. And extensions of hot and cold files.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  BlockHasher,
  MerkleBuilder,
  MerkleShape,
  verityDescriptor,
  verityDigest,
} from '../../src/file/verity/merkle.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { Superblock } from '../../src/format/superblock.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { DEFAULT_FEATURES, openFileDevice, parseCodec } from '../../src/index.ts';
import { COLD_EXTENSIONS, HOT_EXTENSIONS } from '../../src/mkfs/extensions.ts';
import { type BuildReport, build } from '../../src/populate/build.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { noise, prose, UUID } from '../fs/compressed-volume.ts';
import { makeTempDir } from '../host-fixture.ts';
import { lookInto } from '../look-into.ts';

const MIB = 1 << 20;
const EPOCH = 1_700_000_000;

let work: string;
let tree: string;

function put(name: string, bytes: Uint8Array): void {
  fs.mkdirSync(join(tree, name, '..'), { recursive: true });
  fs.writeFileSync(join(tree, name), bytes);
}

beforeAll(() => {
  work = makeTempDir();
  tree = join(work, 'tree');
  put('bin/empty', new Uint8Array(0));
  put('bin/small', prose(50, 1));
  put('bin/block', noise(4096, 2));
  put('bin/even', noise(65536, 3));
  put('bin/text', prose(900_001, 4));
  put('bin/noise', noise(MIB + 77, 5));
  put('bin/zeros', Buffer.concat([noise(5000, 6), new Uint8Array(200_000), noise(5000, 7)]));
  put('bin/media.mp4', noise(100_000, 8));
  put('bin/hole', new Uint8Array(0));
  fs.truncateSync(join(tree, 'bin/hole'), 3_000_000);
  const fd = fs.openSync(join(tree, 'bin/hole'), 'r+');
  fs.writeSync(fd, noise(9000, 9), 0, 9000, 1_234_567);
  fs.closeSync(fd);
  fs.copyFileSync(join(tree, 'bin/hole'), join(tree, 'bin/hole-at-end'), fs.constants.COPYFILE_FICLONE);
  fs.truncateSync(join(tree, 'bin/hole-at-end'), 9_000_000);
  put('other/plain', prose(20_000, 10));
  fs.linkSync(join(tree, 'bin/text'), join(tree, 'other/linked'));
  fs.symlinkSync('text', join(tree, 'bin/link'));
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** The digest of a file of the host; how it is made is held against fsverity(1) in test/fs/verity.test.ts. */
function digestOf(name: string, { algorithm = 'sha256', blockSize = 4096, salt = new Uint8Array(0) }: Verity): string {
  const bytes = fs.readFileSync(join(tree, name));
  const format = { algorithm, blockSize, salt };
  const builder = new MerkleBuilder(new MerkleShape(bytes.length, format), new BlockHasher(format), () => undefined);
  for (let at = 0; at < bytes.length; at += blockSize) {
    const block = new Uint8Array(blockSize);
    block.set(bytes.subarray(at, at + blockSize));
    builder.add(block);
  }
  return Buffer.from(verityDigest(algorithm, verityDescriptor(format, bytes.length, builder.end()))).toString('hex');
}

type Verity = Partial<NonNullable<BuildOptions['verity']>>;

let count = 0;
async function made(options: BuildOptions): Promise<{ image: string; report: BuildReport }> {
  const image = join(work, `${count++}.img`);
  const report = await build(tree, image, { uuid: UUID, sourceDateEpoch: EPOCH, ...options });
  return { image, report };
}

const measured = (volume: FileSystem, path: string) => {
  using file = volume.openFile(path, { flags: 'r' });
  const { digest } = file.measureVerity() ?? {};
  return digest && Buffer.from(digest).toString('hex');
};
const binFiles = () => fs.readdirSync(join(tree, 'bin')).filter((name) => name !== 'link');

const compress = { codec: parseCodec('lz4'), clusterPages: 4 };
/** What is asked of `build` besides, and of verity. */
const WAYS: readonly (Omit<BuildOptions, 'verity'> & { verity?: Verity; poured?: boolean })[] = [
  { poured: true },
  { holes: 'zeros' },
  { verity: { algorithm: 'sha512', blockSize: 1024, salt: Uint8Array.of(1, 2, 3) }, poured: true },
  { verity: { blockSize: 2048 } },
  { compress },
  { compress, release: true, workers: 2, poured: true },
  { blockSize: 16384, verity: { blockSize: 16384 } },
  { blockSize: 16384 },
];

describe.each(WAYS.map((way) => [JSON.stringify(way).slice(0, 80), way] as const))(
  '%s',
  (_, { poured = false, ...way }) => {
    test.each(poured ? [undefined, 'folios' as const] : [undefined])('engine %s', async (engine) => {
      const verity = { globs: ['bin/*'], ...way.verity };
      const { image, report } = await made({ ...way, engine, verity });
      expect(report.problems).toEqual([]);
      expect(report.verityFiles).toBe(binFiles().length);
      lookInto(image, (volume) => {
        for (const name of binFiles()) {
          expect(measured(volume, `/bin/${name}`), name).toBe(digestOf(`bin/${name}`, verity));
          expect(Buffer.compare(volume.readFile(`/bin/${name}`), fs.readFileSync(join(tree, 'bin', name)))).toBe(0);
        }
        // By any of its names.
        expect(measured(volume, '/other/linked')).toBe(measured(volume, '/bin/text'));
        expect(measured(volume, '/other/plain')).toBeUndefined();
        expect(volume.stat('/bin/empty')).toMatchObject({ size: 0, verity: true });
      });
      if (way.blockSize === undefined) expect((await fsck(image)).complaints).toEqual([]);
    });
  },
);

test('both ways take the same blocks, as many as were foretold, and the image does not depend on the threads', async () => {
  const verity = { globs: ['bin/*'] };
  const blocksOf = (image: string) =>
    lookInto(image, (volume) => binFiles().map((name) => [name, volume.stat(`/bin/${name}`).blocks]));
  const first = await made({ verity, compress, workers: 0 });
  const again = await made({ verity, compress, workers: 3 });
  expect(fs.readFileSync(first.image).equals(fs.readFileSync(again.image))).toBe(true);
  const poured = await made({ verity, compress, engine: 'folios' });
  expect(blocksOf(first.image)).toEqual(blocksOf(poured.image));
  expect(first.report.usedBlocks).toBe(poured.report.usedBlocks);
});

test('the attribute that leads to the hashes is not among those that are shown', async () => {
  const image = join(work, 'xattrs.img');
  const source = makeTempDir();
  try {
    fs.writeFileSync(join(source, 'file'), 'x');
    const { problems } = await build(source, image, { verity: { globs: ['file'] } });
    expect(problems).toEqual([]);
    lookInto(image, (volume) => expect(volume.xattrs('/file')).toEqual([]));
  } finally {
    fs.rmSync(source, { recursive: true, force: true });
  }
});

test('a tree of hashes that is too large to be kept is made afterwards, of an immutable file too', async () => {
  const source = makeTempDir();
  try {
    fs.writeFileSync(join(source, 'large'), '');
    fs.truncateSync(join(source, 'large'), 260 * MIB);
    const image = join(work, 'large.img');
    const verity = { globs: ['large'], algorithm: 'sha512', blockSize: 1024 } as const;
    const { problems, verityFiles } = await build(source, image, { verity, immutable: ['large'] });
    expect([problems, verityFiles]).toEqual([[], 1]);
    expect((await fsck(image)).complaints).toEqual([]);
    lookInto(image, (volume) => {
      expect(volume.stat('/large')).toMatchObject({ verity: true, size: 260 * MIB, flags: ['immutable'] });
      using file = volume.openFile('/large', { flags: 'r' });
      expect(file.read(new Uint8Array(100_000), 200 * MIB)).toBe(100_000);
    });
  } finally {
    fs.rmSync(source, { recursive: true, force: true });
  }
});

test('options that can not be are refused', async () => {
  const codeOf = async (options: BuildOptions) => {
    try {
      await made(options);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return null;
  };
  expect(await codeOf({ verity: { globs: ['*'] }, features: DEFAULT_FEATURES })).toBe('EOPNOTSUPP');
  expect(await codeOf({ verity: { globs: ['*'], blockSize: 8192 } })).toBe('EINVAL');
  expect(await codeOf({ verity: {} as never })).toBe('EINVAL');
});

test('files that a pattern names are immutable, by all their names; directories are not', async () => {
  for (const engine of [undefined, 'folios'] as const) {
    const { image } = await made({
      immutable: ['bin/{text,small}', 'other'],
      verity: { globs: ['bin/small'] },
      engine,
    });
    lookInto(image, (volume) => {
      const flagsOf = (path: string) => volume.stat(path).flags;
      expect(['/bin/text', '/other/linked', '/bin/small'].map(flagsOf)).toEqual(Array(3).fill(['immutable']));
      expect(['/bin/noise', '/other', '/other/plain'].map(flagsOf)).toEqual([[], [], []]);
      expect(volume.stat('/bin/small').verity).toBe(true);
    });
    expect((await fsck(image)).complaints).toEqual([]);
  }
});

test('extensions of the image are those by default and more, each once', async () => {
  const { image } = await made({ coldExtensions: ['raw', 'RAW', 'gif'], hotExtensions: ['log'] });
  const device = openFileDevice(image, { writable: false });
  const block = new Uint8Array(4096);
  device.read(0, block);
  device.close();
  const sb = new Superblock(viewOf(block), SUPER_OFFSET);
  const names = Array.from({ length: sb.extensionCount + sb.hotExtCount }, (_, i) =>
    Buffer.from(sb.extensionList.subarray(i * 8, i * 8 + 8))
      .toString()
      .replace(/\0+$/, ''),
  );
  expect(names.slice(0, sb.extensionCount)).toEqual([...COLD_EXTENSIONS, 'raw']);
  expect(names.slice(sb.extensionCount)).toEqual([...HOT_EXTENSIONS, 'log']);
  await expect(made({ hotExtensions: ['GIF'] })).rejects.toMatchObject({ code: 'EINVAL' });
});
