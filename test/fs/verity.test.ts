// Files under verity: their digests, what may still be done with them, and that nothing is read that was changed behind their back.
import { describe, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { F2fsError } from '../../src/errors.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { DEFAULT_FEATURES, type FormatOptions, format, parseCodec, type VerityHash } from '../../src/index.ts';
import { codeOf, expectSound } from './full-volume.ts';

const MIB = 1 << 20;
const FEATURES = [...DEFAULT_FEATURES, 'verity'];

/** Digests as fsverity 1.5 tells them, of `contents(bytes)`. */
const DIGESTS: readonly [bytes: number, algorithm: VerityHash, blockSize: number, salt: string, digest: string][] = [
  [0, 'sha256', 4096, '', '3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95'],
  [0, 'sha256', 1024, '0102fe', 'fe90ef4b55b5266b1f7333949e1478725d56a60b7b904ce65c21bf9663386aad'],
  [
    0,
    'sha512',
    4096,
    '',
    'ccf9e5aea1c2a64efa2f2354a6024b90dffde6bbc017825045dce374474e13d10adb9dadcc6ca8e17a3c075fbd31336e8f266ae6fa93a6c3bed66f9e784e5abf',
  ],
  [
    0,
    'sha512',
    1024,
    '0102fe',
    '29ffdc015f0954aa8eaa7195b587e61302cdc1dad0f7e1c970e679792096ce6fcfc00a54206bfc5b77032be2bac0fdf4f8f7c4e2233b81b3d2b213d96ac19e4f',
  ],
  [1, 'sha256', 4096, '', 'b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551'],
  [1, 'sha256', 1024, '0102fe', 'f2a812bb42a85dd78998a6084a19706d12e4c313886fe76e21594785bd3bec80'],
  [4096, 'sha256', 4096, '', '04ddc758e703b42bd4d12e92257260fbd2203420f3c43d99fbd2a904f0099f29'],
  [4096, 'sha256', 1024, '0102fe', 'ec2a0d1553be97cc4b070cf8a7c3ab42931765939aceabc1e61ee1bca94febb4'],
  [100000, 'sha256', 4096, '', '9ea89d4aa4e8909d9fb6481c110bf29089ac33e3af69fec7f9e8a4d7d2c2b1c0'],
  [100000, 'sha256', 1024, '0102fe', '52c93c7bb0037c6782cd208752cc807f15e9ec2da9957c7ffd99359ea6adbcb5'],
  [
    100000,
    'sha512',
    4096,
    '',
    '9d0967364da8279343f399f27084f21b64dc3046977ff77ccde368b733a4a25e7ed1e557bcaae9a33772519fb30a3dfabe8c8edc3f30513e7ccad712107c75de',
  ],
  [
    100000,
    'sha512',
    1024,
    '0102fe',
    '5761ae8cc2a74334314a2b0bc38845e6cc61449fa9b1da5c2ab5f7804da36dc8a8708f78f005e8852c95f0bd4bfc333d4ab892c65892f9703a76250c3fa2d4f0',
  ],
  [700001, 'sha256', 4096, '', '067fb5d05306cbba114b03c7df87aae0aa7d2a5afaeee75480e90dcad5eb6e35'],
  [700001, 'sha256', 1024, '0102fe', '03ee30728396c70c69e3d033e503b5e8c6b5a4a423a7fb9d733701a281a3067e'],
  [
    700001,
    'sha512',
    4096,
    '',
    '9eb44781b52148e9f85803742a4ff132cdae7c330816f692dcfb85797c3c8681af81ab2b7eb661fe06ddc139c3bf63b7112230538f2c8b15d5c8a356fa58479a',
  ],
  [
    700001,
    'sha512',
    1024,
    '0102fe',
    '543c4494c91f57588d6f13bb0d87b85c30d06da614897caa176833495229c8dc57dec7acf644b9aa781e2104acff8e5f8c5106bb1f2489d1ac0371f5ce6f824f',
  ],
];

function contents(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7919) >>> 5);
}

const hexOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');

function volume(options: FormatOptions & MountOptions = {}, sizeMib = 64): { device: MemoryDevice; fs: FileSystem } {
  const { features = FEATURES, blockSize, ...mounting } = options;
  const device = new MemoryDevice({ sizeBytes: sizeMib * MIB });
  format(device, { features, blockSize });
  return { device, fs: mount(device, mounting) };
}

/** A file under verity, and the volume mounted anew for reading. */
function verityFile(bytes: Uint8Array, options: MountOptions = {}): { device: MemoryDevice; fs: FileSystem } {
  const { device, fs } = volume(options);
  fs.writeFile('/file', bytes);
  using file = fs.openFile('/file');
  file.enableVerity();
  fs.close();
  return { device, fs: mount(device, { readonly: true }) };
}

/** The device, with a bit flipped at a byte of what a file has, which may lie behind its end. */
function flipped(device: BlockDevice, position: number, path = '/file'): { blkaddr: number } {
  const fs = mount(device, { readonly: true });
  using file = fs.openFile(path, { flags: 'r' });
  const [extent] = file.extents(position, 1);
  fs.abandon();
  const at = extent.physical + position - extent.logical;
  const blkaddr = Math.floor(at / BLKSIZE);
  const block = new Uint8Array(BLKSIZE);
  device.read(blkaddr, block);
  block[at % BLKSIZE] ^= 4;
  device.write(blkaddr, [block]);
  return { blkaddr };
}

function errorOf(work: () => unknown): F2fsError {
  try {
    work();
  } catch (error) {
    return error as F2fsError;
  }
  throw new Error('nothing was thrown');
}

describe('measurement', () => {
  test('is that of fsverity(1), and stays over a mount', async () => {
    const { device, fs } = volume();
    const measure = (file: FileHandle) => {
      const { algorithm, blockSize, salt, digest } = file.measureVerity() ?? {};
      return [algorithm, blockSize, hexOf(salt), hexOf(digest)];
    };
    for (const [i, [bytes, algorithm, blockSize, salt, digest]] of DIGESTS.entries()) {
      fs.writeFile(`/${i}`, contents(bytes));
      using file = fs.openFile(`/${i}`);
      expect(file.measureVerity()).toBeNull();
      expect(file.stat().verity).toBe(false);
      file.enableVerity({ algorithm, blockSize, salt: Buffer.from(salt, 'hex') });
      expect(file.stat().verity).toBe(true);
      expect(measure(file)).toEqual([algorithm, blockSize, salt, digest]);
      expect(file.stat().size).toBe(bytes);
    }
    fs.close();
    const again = mount(device);
    for (const [i, [bytes, algorithm, blockSize, salt, digest]] of DIGESTS.entries()) {
      using file = again.openFile(`/${i}`, { flags: 'r' });
      expect(measure(file)).toEqual([algorithm, blockSize, salt, digest]);
      expect(again.readFile(`/${i}`)).toEqual(contents(bytes));
    }
    again.close();
    await expectSound(device);
  });

  test.each([
    ['pages', { engine: 'pages' }, 700_001],
    ['a small page cache', { cacheBytes: 4 * MIB }, 9 * MIB],
    ['blocks of 16 KiB', { blockSize: 16384 }, 700_001],
    ['clusters', { compress: { codec: parseCodec('lz4'), clusterPages: 16, extensions: ['*'] } }, 700_001],
  ] as [string, FormatOptions & MountOptions, number][])('is the same with %s', (_, options, bytes) => {
    const { device, fs } = volume(options, options.blockSize === undefined ? 64 : 256);
    const { device: other, fs: plain } = volume();
    for (const each of [fs, plain]) {
      each.writeFile('/file', contents(bytes));
      using file = each.openFile('/file');
      file.enableVerity();
      each.close();
    }
    const { blockSize: __, ...mounting } = options;
    const digests = [mount(device, mounting), mount(other)].map((each) => {
      using file = each.openFile('/file', { flags: 'r' });
      expect(Buffer.compare(each.readFile('/file'), contents(bytes))).toBe(0);
      const piece = new Uint8Array(5000);
      for (const at of [bytes - 5000, 123_456, 0]) {
        file.read(piece, at);
        expect(piece).toEqual(contents(at + 5000).subarray(at));
      }
      const digest = hexOf(file.measureVerity()?.digest);
      each.close();
      return digest;
    });
    expect(digests[0]).toBe(digests[1]);
  });

  test('holes are hashed as zeros', () => {
    const { fs } = volume();
    for (const name of ['hole', 'zeros']) {
      using file = fs.openFile(`/${name}`, { flags: 'w+' });
      file.write(contents(10), 0);
      if (name === 'zeros') file.write(new Uint8Array(MIB - 10), 10);
      file.write(contents(10), MIB);
      file.enableVerity();
    }
    const digests = ['hole', 'zeros'].map((name) => fs.openFile(`/${name}`, { flags: 'r' }).measureVerity()?.digest);
    expect(digests[0]).toEqual(digests[1]);
    expect(fs.stat('/hole').blocks).toBeLessThan(20);
    fs.close();
  });
});

describe('a file under verity', () => {
  test('never changes, but can be renamed, removed and given attributes', async () => {
    const { device, fs } = volume();
    fs.writeFile('/file', contents(9000));
    const file = fs.openFile('/file');
    file.enableVerity();
    expect(codeOf(() => file.write(contents(1), 0))).toBe('EPERM');
    expect(codeOf(() => file.truncate(9000))).toBe('EPERM');
    expect(codeOf(() => file.allocate(0, 20_000))).toBe('EPERM');
    expect(codeOf(() => file.punch(0, 4096))).toBe('EPERM');
    expect(codeOf(() => file.enableVerity())).toBe('EEXIST');
    for (const flags of ['r+', 'w', 'a'] as const) expect(codeOf(() => fs.openFile('/file', { flags }))).toBe('EPERM');
    expect(codeOf(() => fs.writeFile('/file', 'x'))).toBe('EPERM');
    fs.rename('/file', '/other');
    fs.link('/other', '/second');
    fs.setAttributes('/other', { mode: 0o600, uid: 7 });
    fs.setXattr('/other', 'user.note', 'x'.repeat(300));
    file.fsync();
    file.close();
    expect(fs.readFile('/second')).toEqual(contents(9000));
    expect(fs.xattrs('/other').map(({ name }) => name)).toEqual(['user.note']);
    const before = fs.statfs().freeBlocks;
    const { blocks } = fs.stat('/other');
    fs.unlink('/other');
    fs.unlink('/second');
    expect(fs.statfs().freeBlocks).toBe(before + blocks);
    fs.close();
    await expectSound(device);
  });

  test('is refused where the kernel refuses it, and is as it was', () => {
    const { fs } = volume();
    fs.writeFile('/file', contents(9000));
    using file = fs.openFile('/file');
    {
      using _other = fs.openFile('/file', { flags: 'r+' });
      expect(codeOf(() => file.enableVerity())).toBe('ETXTBSY');
    }
    for (const flag of ['immutable', 'append'] as const) {
      file.setFlags([flag]);
      expect(codeOf(() => file.enableVerity())).toBe('EPERM');
    }
    file.setFlags([]);
    for (const blockSize of [512, 3000, 8192]) expect(codeOf(() => file.enableVerity({ blockSize }))).toBe('EINVAL');
    expect(codeOf(() => file.enableVerity({ salt: new Uint8Array(33) }))).toBe('EINVAL');
    expect(codeOf(() => file.enableVerity({ algorithm: 'md5' as VerityHash }))).toBe('EINVAL');
    using large = fs.openFile('/large', { flags: 'w+' });
    large.truncate(Math.floor(3.92 * 2 ** 40));
    expect(codeOf(() => large.enableVerity())).toBe('EFBIG');
    expect(file.stat().verity).toBe(false);
    file.write(contents(1), 9000);
    fs.close();
    const { fs: without } = volume({ features: DEFAULT_FEATURES });
    without.writeFile('/file', 'x');
    expect(codeOf(() => without.openFile('/file').enableVerity())).toBe('EOPNOTSUPP');
    without.close();
  });

  test('that finds no room is as it was', async () => {
    const { device, fs } = volume();
    fs.writeFile('/file', contents(4 * MIB));
    using filler = fs.openFile('/filler', { flags: 'w+' });
    filler.allocate(0, (fs.statfs().freeBlocks - 6) * BLKSIZE);
    const { blocks } = fs.stat('/file');
    using file = fs.openFile('/file');
    expect(codeOf(() => file.enableVerity())).toBe('ENOSPC');
    expect(file.stat()).toMatchObject({ blocks, verity: false, size: 4 * MIB });
    file.write(contents(1), 0);
    fs.close();
    await expectSound(device);
  });

  test('is kept by a power cut after its fsync, with what followed', () => {
    const { device, fs } = volume();
    fs.writeFile('/file', contents(300_000));
    fs.sync();
    using file = fs.openFile('/file');
    file.enableVerity();
    file.fsync();
    file.setAttributes({ mode: 0o444 });
    file.fsync();
    fs.abandon();
    const again = mount(device);
    expect(again.stat('/file')).toMatchObject({ verity: true, size: 300_000, mode: 0o100444 });
    expect(again.readFile('/file')).toEqual(contents(300_000));
    again.close();
  });
});

describe('what was changed behind its back', () => {
  const SIZE = 1_000_000;
  const TREE = Math.ceil(SIZE / 65536) * 65536;

  test.each([
    ['data', 5 * BLKSIZE + 1, 'verity-data', 5],
    ['the last byte', SIZE - 1, 'verity-data', Math.floor(SIZE / BLKSIZE)],
    ['hashes of the data', TREE + BLKSIZE + 1, 'verity-tree', 0],
    ['the highest hashes', TREE, 'verity-tree', 0],
  ])('%s: is found by who reads it', (_, position, fault, page) => {
    const { device, fs } = verityFile(contents(SIZE));
    fs.close();
    const { blkaddr } = flipped(device, position);
    const changed = mount(device, { readonly: true });
    const error = errorOf(() => changed.readFile('/file'));
    expect(error).toMatchObject({ code: 'EIO', fault, blkaddr, path: '/file', ino: changed.stat('/file').ino });
    using file = changed.openFile('/file', { flags: 'r' });
    const block = new Uint8Array(BLKSIZE);
    // Time and again, and only there.
    for (let i = 0; i < 2; i++) expect(codeOf(() => file.read(block, page * BLKSIZE))).toBe('EIO');
    if (fault === 'verity-tree') return;
    expect(file.read(block, (page - 1) * BLKSIZE)).toBe(BLKSIZE);
    expect(block).toEqual(contents(page * BLKSIZE).subarray(-BLKSIZE));
    changed.close();
  });

  test('zeros that were no data, where a hole is', () => {
    const { device, fs } = volume();
    using file = fs.openFile('/file', { flags: 'w+' });
    file.write(contents(100), 0);
    file.write(contents(100), 20 * BLKSIZE);
    file.enableVerity();
    fs.close();
    const other = mount(device, { readonly: true });
    expect(other.readFile('/file').length).toBe(20 * BLKSIZE + 100);
    other.close();
  });

  test.each([
    [
      'what describes the hashes',
      'verity-descriptor',
      (device: BlockDevice) => flipped(device, TREE + 3 * BLKSIZE + 8),
    ],
    [
      'the size',
      'verity-descriptor',
      (device: BlockDevice) => onInode(device, ({ inode }) => (inode.change().iSize -= 1)),
    ],
    [
      'the attribute that leads to them',
      'verity-location',
      (device: BlockDevice) =>
        onInode(device, ({ inode, core }) => core.xattrs.store(inode, 11, 'v', new Uint8Array(16))),
    ],
    [
      'an attribute that is too short',
      'verity-location',
      (device: BlockDevice) =>
        onInode(device, ({ inode, core }) => core.xattrs.store(inode, 11, 'v', new Uint8Array(4))),
    ],
  ])('%s: EUCLEAN', (_, fault, change) => {
    const { device, fs } = verityFile(contents(SIZE));
    fs.close();
    change(device);
    const changed = mount(device, { readonly: true });
    expect(errorOf(() => changed.readFile('/file'))).toMatchObject({ code: 'EUCLEAN', fault });
    using file = changed.openFile('/file', { flags: 'r' });
    expect(codeOf(() => file.measureVerity())).toBe('EUCLEAN');
    changed.close();
  });

  test('contents within the inode: EUCLEAN', () => {
    const { device, fs } = volume();
    fs.writeFile('/file', 'short');
    fs.close();
    onInode(device, ({ inode }) => (inode.change().iAdvise |= 0x40));
    const changed = mount(device, { readonly: true });
    expect(errorOf(() => changed.readFile('/file'))).toMatchObject({ code: 'EUCLEAN', fault: 'verity-inline' });
    changed.close();
  });

  test('an algorithm that is not known: EOPNOTSUPP', () => {
    const { device, fs } = verityFile(contents(SIZE));
    fs.close();
    // sha256 is 1.
    flipped(device, TREE + 3 * BLKSIZE + 1);
    const changed = mount(device, { readonly: true });
    expect(errorOf(() => changed.readFile('/file'))).toMatchObject({ code: 'EOPNOTSUPP' });
    changed.close();
  });
});

/** Changes the inode of the file as no caller could. */
function onInode(device: BlockDevice, change: (file: FileHandle) => unknown): void {
  const fs = mount(device);
  using file = fs.openFile('/file', { flags: 'r' });
  change(file);
  fs.close();
}
