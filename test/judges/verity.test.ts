// Files under verity, ours in Linux and Linux's here: each measures the other's as that one does, and reads them; what was changed
// behind their back neither gives away.
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { F2fsError } from '../../src/errors.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import {
  build,
  DEFAULT_FEATURES,
  format,
  mount,
  openFileDevice,
  parseCodec,
  type VerityOptions,
} from '../../src/index.ts';
import { fsck, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { OLD_AND_NEW } from '../../tools/judge/kernels.ts';
import { blockSizeOf, type KernelName } from '../../tools/judge/paths.ts';
import { noise } from '../fs/compressed-volume.ts';

const FEATURES = [...DEFAULT_FEATURES, 'verity'];
const SALT = Uint8Array.of(1, 2, 3, 0xfe, 5);
const MIB = 1 << 20;

/** perl: what a kernel says of verity. Numbers are those of all processors but ppc64's. Source: linux/fsverity.h. */
const VERITY_PROGRAM = `
my ($action, @args) = @ARGV;
if ($action eq 'enable') {
  my ($path, $algorithm, $size, $hex) = @args;
  my $salt = pack('H*', $hex);
  open(my $f, '<', $path) or die "$path: $!";
  my $arg = pack('L4', 1, $algorithm, $size, length $salt) . pack('P', $salt) . pack('L2Q', 0, 0, 0) . "\\0" x 88;
  defined ioctl($f, 0x40806685, $arg) or print "$path: $!\\n";
} else {
  for my $path (@args) {
    open(my $f, '<', $path) or do { print "$path open: $!\\n"; next };
    my $arg = pack('S2', 0, 64) . "\\0" x 64;
    defined ioctl($f, 0xc0046686, $arg) or do { print "$path measure: $!\\n"; next };
    my ($algorithm, $length) = unpack('S2', $arg);
    print "$path $algorithm:", unpack('H*', substr($arg, 4, $length)), "\\n";
  }
}
`;

interface Case extends VerityOptions {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly compress?: boolean;
}

/** Bytes that compress, every page other ones. */
function text(length: number): Uint8Array {
  return Buffer.from(
    Array.from({ length: Math.ceil(length / 8) }, (_, i) => String(i % 9973).padEnd(8)).join(''),
  ).subarray(0, length);
}

/** Kernels before 6.3 take blocks of a page alone, and 6.1 has SHA-512 in a module that its guest does not. */
const algorithmsOf = (kernel: KernelName) =>
  kernel === 'qemu' ? (['sha256'] as const) : (['sha256', 'sha512'] as const);

const sizesOf = (kernel: KernelName) => (kernel === 'qemu' ? [4096] : [1024, blockSizeOf(kernel)]);

function casesFor(kernel: KernelName): Case[] {
  const page = blockSizeOf(kernel);
  const cases: Case[] = [];
  for (const blockSize of sizesOf(kernel)) {
    for (const algorithm of algorithmsOf(kernel)) {
      for (const salt of [new Uint8Array(0), SALT]) {
        const of = { algorithm, blockSize, salt };
        const name = `${algorithm}-${blockSize}-${salt.length}`;
        cases.push({ name: `${name}-small`, bytes: noise(100, 1), ...of });
        cases.push({ name: `${name}-large`, bytes: noise(3_000_001, 2), ...of });
      }
    }
  }
  const of = { algorithm: 'sha256', blockSize: page } as const;
  for (const name of ['highest', 'lowest'])
    cases.push({ name, bytes: noise(3_000_001, 6), algorithm: 'sha256', blockSize: sizesOf(kernel)[0] });
  cases.push({ name: 'empty', bytes: new Uint8Array(0), ...of });
  cases.push({ name: 'block', bytes: noise(page, 3), ...of });
  cases.push({ name: 'aligned', bytes: noise(2 * 65536, 3), ...of });
  cases.push({ name: 'hole', bytes: Buffer.concat([noise(page, 4), new Uint8Array(9 * page), noise(77, 5)]), ...of });
  for (const size of [200_000, 1_048_576, 1_500_000]) {
    cases.push({ name: `compressed-${size}`, bytes: text(size), compress: true, ...of });
  }
  return cases;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const NUMBER = { sha256: 1, sha512: 2 };

/** As the guest's program tells it. */
function measured(fs: FileSystem, folder: string, { name }: Case): string {
  using file = fs.openFile(`/${name}`, { flags: 'r' });
  const measurement = file.measureVerity();
  return measurement === null
    ? `${name} none`
    : `${folder}/${name} ${NUMBER[measurement.algorithm]}:${hex(measurement.digest)}`;
}

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-verity-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What `work` gives for the volume of an image. */
function on<T>(image: string, readonly: boolean, work: (fs: FileSystem) => T): T {
  const device = openFileDevice(image, { writable: !readonly });
  try {
    using fs = mount(device, { readonly, compress: { codec: parseCodec('lz4'), clusterPages: 4 } });
    return work(fs);
  } finally {
    device.close();
  }
}

/** A volume of files that are under verity, or are to be put under it by the kernel. */
function makeVolume(image: string, cases: readonly Case[], blockSize: number, enabled: boolean): void {
  const sizeBytes = blockSize === 4096 ? 160 * MIB : 512 * MIB;
  const device = openFileDevice(image, { writable: true, create: { sizeBytes } });
  format(device, { features: FEATURES, blockSize });
  device.close();
  on(image, false, (fs) => {
    for (const { name, bytes, compress, algorithm, blockSize, salt } of cases) {
      using file = fs.openFile(`/${name}`, { flags: 'wx+', attributes: { compress } });
      const source = {
        fill: (memory: Uint8Array, at: number, length: number, from: number) =>
          memory.set(bytes.subarray(from, from + length), at),
      };
      file.writeFrom(source, 0, bytes.length, { sparse: true });
      if (enabled) file.enableVerity({ algorithm, blockSize, salt });
    }
  });
}

/** What is changed of a volume: of which file, and at which byte, which may lie behind its end. */
interface Change {
  readonly name: string;
  readonly position: number;
}

/** Flips a bit at each place. Returns the block that each lies in. */
function flipBits(image: string, changes: readonly Change[]): number[] {
  const at = on(image, true, (fs) =>
    changes.map(({ name, position }) => {
      using file = fs.openFile(`/${name}`, { flags: 'r' });
      const [extent] = file.extents(position, 1);
      return extent.physical + position - extent.logical;
    }),
  );
  const fd = openSync(image, 'r+');
  try {
    const byte = new Uint8Array(1);
    for (const place of at) {
      readSync(fd, byte, 0, 1, place);
      byte[0] ^= 0x10;
      writeSync(fd, byte, 0, 1, place);
    }
  } finally {
    closeSync(fd);
  }
  return at.map((place) => Math.floor(place / fsBlockSize(image)));
}

function fsBlockSize(image: string): number {
  return on(image, true, (fs) => fs.statfs().blockBytes);
}

/** Bytes that can be read of a file before the one that fails, and how that does. */
function readUpTo(fs: FileSystem, name: string): { bytes: number; error: F2fsError | null } {
  using file = fs.openFile(`/${name}`, { flags: 'r' });
  const { blockBytes } = fs.statfs();
  const { size } = file.stat();
  for (let at = 0; at < size; at += blockBytes) {
    try {
      file.read(new Uint8Array(blockBytes), at);
    } catch (error) {
      return { bytes: at, error: error as F2fsError };
    }
  }
  return { bytes: size, error: null };
}

const KERNELS: readonly KernelName[] = [...OLD_AND_NEW, 'qemu-16k-sid'];

describe.each(KERNELS)('with %s', { timeout: 600_000 }, (kernel) => {
  it.skipIf(!kernelIsThere(kernel))('each measures and reads the files of the other, and finds changes', async () => {
    const folder = join(work, kernel);
    mkdirSync(folder);
    const page = blockSizeOf(kernel);
    const cases = casesFor(kernel);
    const [ours, theirs, changed, built] = ['ours', 'theirs', 'changed', 'built'].map((name) =>
      join(folder, `${name}.img`),
    );
    makeVolume(ours, cases, page, true);
    makeVolume(theirs, cases, page, false);
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    for (const { name, bytes } of cases) writeFileSync(join(tree, name), bytes);
    const compress = { codec: parseCodec('lz4'), clusterPages: 4, noExtensions: [] };
    await build(tree, built, { blockSize: page, compress, release: true, verity: { globs: ['*'], blockSize: page } });
    copyFileSync(ours, changed);
    const large = Math.ceil(3_000_001 / 65536) * 65536;
    const changes: Change[] = [
      { name: `sha256-${page}-0-large`, position: 40 * page + 17 },
      { name: `${algorithmsOf(kernel).at(-1)}-${page}-5-large`, position: 2_999_000 },
      { name: 'highest', position: large + 100 },
      { name: 'lowest', position: large + sizesOf(kernel)[0] + 200 },
      { name: 'compressed-200000', position: 199_000 },
      { name: 'block', position: page - 1 },
    ];
    const blocks = flipBits(changed, changes);
    const enableAll = cases.map(
      ({ name, algorithm = 'sha256', blockSize, salt = new Uint8Array(0) }) =>
        `perl verity.pl enable /mnt/${name} ${NUMBER[algorithm]} ${blockSize} '${hex(salt)}'`,
    );
    const share = mkdtempSync(join(folder, 'share-'));
    writeFileSync(join(share, 'verity.pl'), VERITY_PROGRAM);
    const look = `for file in ${cases.map(({ name }) => name).join(' ')}; do sha256sum < /mnt/$file; perl verity.pl measure /mnt/$file; done`;
    const script = `cd "$SHARE"
mount -t f2fs "$DEV0" /mnt || exit 1
{ ${look}; } > ours 2>&1
echo x 2> /dev/null >> /mnt/block && exit 5
mv /mnt/block /mnt/moved && chmod 600 /mnt/moved && mv /mnt/moved /mnt/block || exit 6
umount /mnt
mount -t f2fs "$DEV1" /mnt || exit 2
{ ${enableAll.join('\n')}
} > enabled 2>&1
umount /mnt; mount -t f2fs "$DEV1" /mnt || exit 3
{ ${look}; } > theirs 2>&1
umount /mnt
mount -t f2fs "$DEV3" /mnt || exit 7
{ ${look}; } > built 2>&1
umount /mnt
mount -t f2fs "$DEV2" /mnt || exit 4
for file in ${changes.map(({ name }) => name).join(' ')}; do
  : > read; dd if=/mnt/$file of=read bs=${page} 2> error && echo "$file is read"; echo "$file $(stat -c %s read) $(grep -c 'Input/output error' error)"; rm -f read
done
umount /mnt
`;
    const guest = await runInKernel(kernel, { images: [ours, theirs, changed, built], share, script });
    expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
    const linesOf = (name: string) => readFileSync(join(share, name), 'latin1').trimEnd().split('\n');
    expect(linesOf('enabled')).toEqual(['']);
    for (const [image, lines] of [
      [ours, 'ours'],
      [theirs, 'theirs'],
      [built, 'built'],
    ] as const) {
      const expected = on(image, true, (fs) =>
        cases.flatMap((it) => {
          expect(sha256(fs.readFile(`/${it.name}`)), it.name).toBe(sha256(it.bytes));
          return [`${sha256(it.bytes)}  -`, measured(fs, '/mnt', it)];
        }),
      );
      expect(linesOf(lines)).toEqual(expected);
      if (page === 4096) expect((await fsck(image)).complaints).toEqual([]);
    }
    const found = on(changed, true, (fs) =>
      changes.map(({ name }, i) => {
        const { bytes, error } = readUpTo(fs, name);
        expect([error?.code, error?.fault, error?.blkaddr], name).toEqual([
          'EIO',
          expect.stringMatching(/^verity-(data|tree)$/),
          blocks[i],
        ]);
        return `${name} ${bytes} 1`;
      }),
    );
    expect(guest.stdout.trimEnd().split('\n')).toEqual(found);
  });
});
