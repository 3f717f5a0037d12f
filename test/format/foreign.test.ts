// What is no F2FS volume is called by its name, with what to do about it; and no F2FS volume is called anything else.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { FOREIGN_BYTES, recognize } from '../../src/format/foreign.ts';
import { BLKSIZE, F2fsError, format, MemoryDevice, mount, openFileDevice, probe } from '../../src/index.ts';
import { contentsOf } from '../../src/mkfs/probe.ts';
import { imageDirectory } from '../device/temporary.ts';
import { random } from '../random.ts';

const MIB = 2 ** 20;
const temporary = imageDirectory();
afterAll(() => temporary.remove());

/** What mounting a file says, in one line. */
function saidOf(file: string): { code: string; message: string; path?: string } {
  try {
    const device = openFileDevice(file);
    try {
      mount(device, { readonly: true }).close();
    } finally {
      device.close();
    }
  } catch (error) {
    if (error instanceof F2fsError) return { code: error.code, message: error.message, path: error.path };
    throw error;
  }
  return { code: 'none', message: 'it is an F2FS volume' };
}

/** Bytes at places, the rest zeros. */
function bytesAt(places: Record<number, string>, sizeBytes = 128 * 1024): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const [at, text] of Object.entries(places)) bytes.write(text, Number(at), 'latin1');
  return bytes;
}

/** ext superblocks: 16 inodes, 64 blocks, the magic, and the three words of features. */
function ext(compat: string, incompat: string, roCompat: string): Buffer {
  return bytesAt({ 1024: '\x10\0\0\0\x40\0\0\0', 1080: '\x53\xef', 1116: compat, 1120: incompat, 1124: roCompat });
}

interface Kind {
  what: RegExp;
  cure: RegExp;
  /** What it begins with, by hand. */
  byHand: Buffer;
  /** A program, and a script that makes a real one at $1 with it, from the raw image $2 and the directory $3. */
  real?: [program: string, script: string];
}

const REBUILD = /copy its files into a directory .*f2fs build/;
const PARTITION = /name the device of its partition, or copy that partition/;
const UNPACK = /name the image that is in it, or unpack it/;
const CONVERT = /qemu-img convert -O raw/;
const truncate = 'truncate -s 64M "$1"';

const KINDS: Record<string, Kind> = {
  ext2: {
    what: /^an ext2 file system$/,
    cure: REBUILD,
    byHand: ext('', '\x02', '\x03'),
    real: ['mke2fs', `${truncate}; mke2fs -q -t ext2 "$1"`],
  },
  ext3: {
    what: /^an ext3 file system$/,
    cure: REBUILD,
    byHand: ext('\x04', '\x02', '\x03'),
    real: ['mke2fs', `${truncate}; mke2fs -q -t ext3 "$1"`],
  },
  ext4: {
    what: /^an ext4 file system$/,
    cure: REBUILD,
    byHand: ext('\x04', '\xc2\x02', ''),
    real: ['mke2fs', `${truncate}; mke2fs -q -t ext4 "$1"`],
  },
  btrfs: {
    what: /^a btrfs file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 65600: '_BHRfS_M' }),
    real: ['mkfs.btrfs', 'truncate -s 128M "$1"; mkfs.btrfs -q "$1"'],
  },
  xfs: {
    what: /^an XFS file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 0: 'XFSB' }),
    real: ['mkfs.xfs', 'truncate -s 320M "$1"; mkfs.xfs -q "$1"'],
  },
  erofs: {
    what: /^an EROFS file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 1024: '\xe2\xe1\xf5\xe0' }),
    real: ['mkfs.erofs', 'mkfs.erofs "$1" "$3"'],
  },
  squashfs: {
    what: /^a squashfs file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 0: 'hsqs' }),
    real: ['mksquashfs', 'mksquashfs "$3" "$1" -quiet'],
  },
  FAT12: {
    what: /^a FAT file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 54: 'FAT12   ', 510: '\x55\xaa' }),
    real: ['mkfs.vfat', 'truncate -s 2M "$1"; mkfs.vfat "$1"'],
  },
  FAT16: {
    what: /^a FAT file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 54: 'FAT16   ', 510: '\x55\xaa' }),
    real: ['mkfs.vfat', `${truncate}; mkfs.vfat -F 16 "$1"`],
  },
  FAT32: {
    what: /^a FAT file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 82: 'FAT32   ', 510: '\x55\xaa' }),
    real: ['mkfs.vfat', `${truncate}; mkfs.vfat -F 32 "$1"`],
  },
  exFAT: {
    what: /^an exFAT file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 3: 'EXFAT   ', 510: '\x55\xaa' }),
    real: ['mkfs.exfat', `${truncate}; mkfs.exfat "$1"`],
  },
  NTFS: {
    what: /^an NTFS file system$/,
    cure: REBUILD,
    byHand: bytesAt({ 3: 'NTFS    ', 510: '\x55\xaa' }),
    real: ['mkntfs', `${truncate}; mkntfs -q -F "$1"`],
  },
  ISO: {
    what: /^an ISO 9660 image$/,
    cure: UNPACK,
    byHand: bytesAt({ 32769: 'CD001' }),
    real: ['xorriso', 'xorriso -as mkisofs -quiet -o "$1" "$3"'],
  },
  GPT: {
    what: /^a disk with GPT partitions$/,
    cure: PARTITION,
    byHand: bytesAt({ 512: 'EFI PART' }),
    real: ['sfdisk', `${truncate}; printf 'label: gpt\\n,32M\\n,\\n' | sfdisk -q "$1"`],
  },
  MBR: {
    what: /^a disk with MBR partitions$/,
    cure: PARTITION,
    byHand: bytesAt({ 446: '\x80\0\0\0\x83\0\0\0\0\x08\0\0\0\0\x01\0', 510: '\x55\xaa' }),
    real: ['sfdisk', `${truncate}; printf 'label: dos\\n,32M\\n,\\n' | sfdisk -q "$1"`],
  },
  gzip: {
    what: /^compressed with gzip$/,
    cure: /gzip -d/,
    byHand: bytesAt({ 0: '\x1f\x8b\x08' }),
    real: ['gzip', 'gzip <"$2" >"$1"'],
  },
  xz: {
    what: /^compressed with xz$/,
    cure: /xz -d/,
    byHand: bytesAt({ 0: '\xfd7zXZ\0' }),
    real: ['xz', 'xz -0 <"$2" >"$1"'],
  },
  lzma: {
    what: /^compressed with lzma$/,
    cure: /xz -d/,
    byHand: bytesAt({ 0: '\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff' }),
    real: ['xz', 'xz -0 --format=lzma <"$2" >"$1"'],
  },
  zstd: {
    what: /^compressed with zstd$/,
    cure: /zstd -d/,
    byHand: bytesAt({ 0: '\x28\xb5\x2f\xfd' }),
    real: ['zstd', 'zstd -q <"$2" >"$1"'],
  },
  bzip2: {
    what: /^compressed with bzip2$/,
    cure: /bzip2 -d/,
    byHand: bytesAt({ 0: 'BZh91AY&SY' }),
    real: ['bzip2', 'bzip2 <"$2" >"$1"'],
  },
  lz4: {
    what: /^compressed with lz4$/,
    cure: /lz4 -d/,
    byHand: bytesAt({ 0: '\x04\x22\x4d\x18' }),
    real: ['lz4', 'lz4 -q <"$2" >"$1"'],
  },
  'lz4 of old': {
    what: /^compressed with lz4$/,
    cure: /lz4 -d/,
    byHand: bytesAt({ 0: '\x02\x21\x4c\x18' }),
    real: ['lz4', 'lz4 -q -l <"$2" >"$1"'],
  },
  lzop: {
    what: /^compressed with lzop$/,
    cure: /lzop -d/,
    byHand: bytesAt({ 0: '\x89LZO\0\r\n\x1a\n' }),
    real: ['lzop', 'lzop <"$2" >"$1"'],
  },
  zip: {
    what: /^a zip archive$/,
    cure: UNPACK,
    byHand: bytesAt({ 0: 'PK\x03\x04' }),
    real: ['zip', 'zip -q "$1.zip" "$2"; mv "$1.zip" "$1"'],
  },
  '7z': {
    what: /^a 7z archive$/,
    cure: UNPACK,
    byHand: bytesAt({ 0: '7z\xbc\xaf\x27\x1c' }),
    real: ['7z', '7z a -mx=1 -t7z "$1.7z" "$2" >"$1.log"; mv "$1.7z" "$1"'],
  },
  tar: {
    what: /^a tar archive$/,
    cure: UNPACK,
    byHand: bytesAt({ 257: 'ustar' }),
    real: ['tar', 'tar -cf "$1" -C "$3" .'],
  },
  cpio: {
    what: /^a cpio archive$/,
    cure: UNPACK,
    byHand: bytesAt({ 0: '070701' }),
    real: ['cpio', '(cd "$3"; ls | cpio -o -H newc --quiet) >"$1"'],
  },
  'cpio of old': {
    what: /^a cpio archive$/,
    cure: UNPACK,
    byHand: bytesAt({ 0: '070707' }),
    real: ['cpio', '(cd "$3"; ls | cpio -o -H odc --quiet) >"$1"'],
  },
  sparse: {
    what: /^an Android sparse image$/,
    cure: /simg2img/,
    byHand: bytesAt({ 0: '\x3a\xff\x26\xed' }),
    real: ['img2simg', 'img2simg "$2" "$1"'],
  },
  super: { what: /^an Android image of dynamic partitions/, cure: /lpunpack/, byHand: bytesAt({ 4096: 'gDla' }) },
  qcow2: {
    what: /^a virtual disk \(qcow2\)$/,
    cure: CONVERT,
    byHand: bytesAt({ 0: 'QFI\xfb' }),
    real: ['qemu-img', 'qemu-img convert -O qcow2 "$2" "$1"'],
  },
  VMDK: {
    what: /^a virtual disk \(VMDK\)$/,
    cure: CONVERT,
    byHand: bytesAt({ 0: 'KDMV' }),
    real: ['qemu-img', 'qemu-img convert -O vmdk "$2" "$1"'],
  },
  VHD: {
    what: /^a virtual disk \(VHD\)$/,
    cure: CONVERT,
    byHand: bytesAt({ 0: 'conectix' }),
    real: ['qemu-img', 'qemu-img convert -O vpc "$2" "$1"'],
  },
  VHDX: {
    what: /^a virtual disk \(VHDX\)$/,
    cure: CONVERT,
    byHand: bytesAt({ 0: 'vhdxfile' }),
    real: ['qemu-img', 'qemu-img convert -O vhdx "$2" "$1"'],
  },
  VDI: {
    what: /^a virtual disk \(VDI\)$/,
    cure: CONVERT,
    byHand: bytesAt({ 64: '\x7f\x10\xda\xbe' }),
    real: ['qemu-img', 'qemu-img convert -O vdi "$2" "$1"'],
  },
  LUKS: {
    what: /^an encrypted LUKS volume$/,
    cure: /cryptsetup open/,
    byHand: bytesAt({ 0: 'LUKS\xba\xbe' }),
    real: [
      'cryptsetup',
      `${truncate}; echo secret | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$1" -`,
    ],
  },
  LVM: { what: /^a physical volume of LVM$/, cure: /logical volume/, byHand: bytesAt({ 512: 'LABELONE' }) },
  RAID: { what: /^a member of a Linux RAID$/, cure: /mdadm/, byHand: bytesAt({ 4096: '\xfc\x4e\x2b\xa9' }) },
  swap: {
    what: /^swap space$/,
    cure: /holds no files/,
    byHand: bytesAt({ 4086: 'SWAPSPACE2' }),
    real: ['mkswap', `${truncate}; mkswap "$1"`],
  },
  text: {
    what: /^a text file$/,
    cure: /name another file/,
    byHand: Buffer.from('Zeilen, auch mit Umlauten: äöü\n'.repeat(500)),
  },
  'big-endian': {
    what: /^an F2FS volume with its bytes in big-endian order$/,
    cure: /little-endian/,
    byHand: bytesAt({ 1024: '\xf2\xf5\x20\x10' }),
  },
  zeros: { what: /^all zeros$/, cure: /f2fs mkfs/, byHand: Buffer.alloc(128 * 1024) },
  'zeros, many': { what: /^all zeros at its start$/, cure: /f2fs mkfs/, byHand: Buffer.alloc(2 * MIB) },
};

function isHere(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { env: withSbin() }).status === 0;
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

/** An F2FS image of 64 MiB, and a directory with a file. */
function rawImage(): string {
  const file = temporary.file('raw.img');
  if (fs.existsSync(file)) return file;
  const device = openFileDevice(file, { writable: true, create: { sizeBytes: 64 * MIB } });
  format(device);
  device.close();
  fs.mkdirSync(temporary.file('tree'));
  fs.writeFileSync(join(temporary.file('tree'), 'file'), 'contents\n');
  return file;
}

const IMAGES = fileURLToPath(new URL('../../images/', import.meta.url));

describe('what is no F2FS volume is named, and what to do', () => {
  it.each(Object.entries(KINDS))('%s, by its signature', (name, { what, cure, byHand }) => {
    const file = temporary.file(`${name}-by-hand.img`);
    fs.writeFileSync(file, byHand);
    const { code, message, path } = saidOf(file);
    expect({ code, path }).toEqual({ code: 'EINVAL', path: file });
    const [, named, advice] = /^\S.*? is (.*), not an F2FS volume: (.*)$/.exec(message) ?? [];
    expect(named).toMatch(what);
    expect(advice).toMatch(cure);
    expect(recognize(byHand.subarray(0, FOREIGN_BYTES))).toEqual({ what: named, cure: advice });
  });

  const real = Object.entries(KINDS).flatMap(([name, { what, real }]) =>
    real === undefined ? [] : [{ name, what, real }],
  );
  for (const {
    name,
    what,
    real: [program, script],
  } of real) {
    it.skipIf(!isHere(program))(`${name}, made by ${program}`, () => {
      const raw = rawImage();
      const file = temporary.file(`${name}-real.img`);
      const done = spawnSync('sh', ['-ec', script, 'sh', file, raw, join(dirname(raw), 'tree')], { env: withSbin() });
      expect(done.status, done.stderr.toString()).toBe(0);
      const { code, message } = saidOf(file);
      expect(code).toBe('EINVAL');
      expect(/ is (.*), not an F2FS volume: /.exec(message)?.[1]).toMatch(what);
    });
  }

  it('what is empty or smaller than a block', () => {
    const small: [string, string | Buffer, RegExp][] = [
      ['empty', '', /empty\.img is empty, not an F2FS volume: make a volume/],
      ['note', 'a note\n', /note\.img is a text file, not an F2FS volume: /],
      ['small', Buffer.from('1f8b08000000', 'hex'), /small\.img is compressed with gzip, not an F2FS volume: /],
      ['bytes', Buffer.from('fefdfc', 'hex'), /bytes\.img is too small: it has 3 bytes/],
      ['block', Buffer.alloc(BLKSIZE, 0xfe), /block\.img is not an F2FS volume, nor any other format that is known/],
    ];
    for (const [name, contents, message] of small) {
      const file = temporary.file(`${name}.img`);
      fs.writeFileSync(file, contents);
      expect(saidOf(file)).toMatchObject({ code: 'EINVAL', message: expect.stringMatching(message), path: file });
    }
  });

  it('a volume that is cut short, with both sizes', () => {
    const file = temporary.file('cut.img');
    fs.copyFileSync(rawImage(), file);
    fs.truncateSync(file, 20 * MIB);
    const { code, message } = saidOf(file);
    expect(code).toBe('EUCLEAN');
    expect(message).toBe(
      `${file} is cut short: its volume takes ${64 * MIB} bytes, it has ${20 * MIB}; copy it again, in full`,
    );
  });
});

describe('an F2FS volume is called nothing else', () => {
  const names = fs.readdirSync(IMAGES).filter((name) => name.endsWith('.img.gz'));
  it.each(names)('%s, its superblocks gone', (name) => {
    const start = Buffer.from(gunzipSync(fs.readFileSync(join(IMAGES, name)))).subarray(0, FOREIGN_BYTES);
    for (const copy of [0, 1]) start.writeUInt32LE(0, copy * BLKSIZE + SUPER_OFFSET);
    expect(recognize(start)).toBeNull();
  });

  it('whatever stands before its superblock', () => {
    for (const [name, { byHand }] of Object.entries(KINDS)) {
      const device = new MemoryDevice((64 * MIB) / BLKSIZE);
      format(device);
      const block = Buffer.alloc(BLKSIZE);
      device.read(0, block);
      byHand.copy(block, 0, 0, SUPER_OFFSET);
      device.write(0, [block]);
      expect(contentsOf(device), name).toMatchObject({ kind: 'f2fs', now: 'holds an F2FS volume' });
      expect(probe(device), name).toBe('f2fs');
      mount(device, { readonly: true }).close();
    }
  });

  it('nor are random bytes', () => {
    const { below } = random(1);
    for (let round = 0; round < 500; round++) {
      const bytes = Uint8Array.from({ length: 8192 }, () => below(256));
      expect(recognize(bytes)).toBeNull();
    }
  });
});
