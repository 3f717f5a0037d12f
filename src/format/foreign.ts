// What a file or device is when it is no F2FS volume, by the bytes at its start, and what its owner can do about it.
// Sources: libmagic's database, blkid's probes and the formats' own documents, for the bytes alone.
import { F2fsError } from '../errors.ts';
import { SUPER_OFFSET } from './constants.ts';
import { viewOf } from './struct.ts';

/** Something other than an F2FS volume. */
export interface Foreign {
  /** With its article: `an ext4 file system`. */
  what: string;
  /** What to do, for people who took it for an F2FS volume. */
  cure: string;
}

interface Signature extends Foreign {
  /** Bytes from the start. */
  at: number;
  /** Bytes, as text of one character each. */
  magic: string;
  /** It has the whole device to itself, and its first blocks are needed. */
  isVolume?: boolean;
  /** What else must hold. */
  also?: (start: DataView) => boolean;
}

/** Bytes from the start within which all signatures lie. */
export const FOREIGN_BYTES = 1 << 20;

const REBUILD = "copy its files into a directory and make an image of that ('f2fs build')";
const PARTITION = "name the device of its partition, or copy that partition into a file ('losetup -P' shows them)";
const CONTENTS = "name the image that is in it, or unpack it and make an image of its directory ('f2fs build')";

function fileSystem(name: string, at: number, magic: string, also?: Signature['also']): Signature {
  return {
    what: `${/^([aeAENX]|HFS)/.test(name) ? 'an' : 'a'} ${name} file system`,
    cure: REBUILD,
    at,
    magic,
    also,
    isVolume: true,
  };
}

function compressed(name: string, tool: string, magic: string, at = 0, also?: Signature['also']): Signature {
  return { what: `compressed with ${name}`, cure: `decompress it first ('${tool}')`, at, magic, also };
}

function archive(what: string, at: number, magic: string, also?: Signature['also']): Signature {
  return { what, cure: CONTENTS, at, magic, also };
}

function virtualDisk(name: string, magic: string, at = 0): Signature {
  return { what: `a virtual disk (${name})`, cure: "convert it first ('qemu-img convert -O raw')", at, magic };
}

const EXT_AT = SUPER_OFFSET;
/** A journal makes ext3; what only ext4 has: extents, 64bit, flex_bg and the like. */
const EXT3_COMPAT = 0x4;
const EXT4_INCOMPAT = 0x2c0;
const EXT4_RO_COMPAT = 0x478;

function extVersion(start: DataView): 2 | 3 | 4 {
  const [compat, incompat, roCompat] = [0x5c, 0x60, 0x64].map((at) => start.getUint32(EXT_AT + at, true));
  if ((incompat & EXT4_INCOMPAT) !== 0 || (roCompat & EXT4_RO_COMPAT) !== 0) return 4;
  return (compat & EXT3_COMPAT) !== 0 ? 3 : 2;
}

/** Two bytes of magic are few: inodes, blocks and a block size of 1 to 64 KiB there must be, too. */
function isExt(version: 2 | 3 | 4): Signature['also'] {
  return (start) =>
    start.getUint32(EXT_AT, true) > 0 &&
    start.getUint32(EXT_AT + 4, true) > 0 &&
    start.getUint32(EXT_AT + 24, true) <= 6 &&
    extVersion(start) === version;
}

/** A dictionary of a power of two, and a length that is not known or below 2^56. */
function isLzma(start: DataView): boolean {
  const dictionary = start.getUint32(1, true);
  return (dictionary & (dictionary - 1)) === 0 && [0, 0xff].includes(start.getUint8(12));
}

const JFFS2_NODES = [0xe001, 0xe002, 0x2003, 0x2004, 0x2006];

function isJffs2(start: DataView): boolean {
  return JFFS2_NODES.includes(start.getUint16(2, true));
}

const BOOT_MARK_AT = 510;
const BOOT_MARK = 0xaa55;

function isBootSector(start: DataView): boolean {
  return start.getUint16(BOOT_MARK_AT, true) === BOOT_MARK;
}

const MBR_TABLE = 446;

/** A partition table: some entry is used, and each has a boot flag that exists, and a length if it is used. */
function hasPartitions(start: DataView): boolean {
  let used = 0;
  for (let at = MBR_TABLE; at < MBR_TABLE + 64; at += 16) {
    const type = start.getUint8(at + 4);
    if ((start.getUint8(at) & 0x7f) !== 0) return false;
    if (type === 0) continue;
    if (start.getUint32(at + 12, true) === 0) return false;
    used++;
  }
  return used > 0;
}

const SWAP = { isVolume: true, what: 'swap space', cure: 'it holds no files: name another file or device' };
const LVM = {
  isVolume: true,
  what: 'a physical volume of LVM',
  cure: "name the device of a logical volume (see 'lvs')",
};
const GPT = { isVolume: true, what: 'a disk with GPT partitions', cure: PARTITION };
const RAID = {
  isVolume: true,
  what: 'a member of a Linux RAID',
  cure: "assemble it ('mdadm --assemble') and name its /dev/md device",
};
const LUKS = {
  isVolume: true,
  what: 'an encrypted LUKS volume',
  cure: "open it ('cryptsetup open') and name the device below /dev/mapper",
};

/** The first that fits is the answer: what has its magic at the very start stands before what may be left of earlier contents. */
const SIGNATURES: readonly Signature[] = [
  compressed('gzip', 'gzip -d', '\x1f\x8b\x08'),
  compressed('xz', 'xz -d', '\xfd7zXZ\0'),
  compressed('zstd', 'zstd -d', '\x28\xb5\x2f\xfd'),
  compressed('bzip2', 'bzip2 -d', '1AY&SY', 4),
  compressed('lz4', 'lz4 -d', '\x04\x22\x4d\x18'),
  compressed('lz4', 'lz4 -d', '\x02\x21\x4c\x18'),
  compressed('lzop', 'lzop -d', '\x89LZO\0\r\n\x1a\n'),
  compressed('lzma', 'xz -d', '\x5d\0\0', 0, isLzma),
  archive('a zip archive', 0, 'PK\x03\x04'),
  archive('an empty zip archive', 0, 'PK\x05\x06'),
  archive('a 7z archive', 0, '7z\xbc\xaf\x27\x1c'),
  archive('a rar archive', 0, 'Rar!\x1a\x07'),
  archive('a tar archive', 257, 'ustar'),
  archive('a cpio archive', 0, '070701'),
  archive('a cpio archive', 0, '070702'),
  archive('a cpio archive', 0, '070707'),
  {
    what: 'an Android sparse image',
    cure: "convert it first ('simg2img')",
    at: 0,
    magic: '\x3a\xff\x26\xed',
  },
  {
    what: "an Android image of dynamic partitions ('super')",
    cure: "unpack the partition first ('lpunpack')",
    at: 4096,
    magic: 'gDla',
  },
  { what: 'an Android boot image', cure: 'it holds no file system: name another image', at: 0, magic: 'ANDROID!' },
  virtualDisk('qcow2', 'QFI\xfb'),
  virtualDisk('VMDK', 'KDMV'),
  virtualDisk('VMDK', 'COWD'),
  virtualDisk('VMDK', '# Disk DescriptorFile'),
  virtualDisk('VHDX', 'vhdxfile'),
  virtualDisk('VHD', 'conectix'),
  virtualDisk('VDI', '\x7f\x10\xda\xbe', 64),
  { ...LUKS, at: 0, magic: 'LUKS\xba\xbe' },
  {
    isVolume: true,
    what: 'an encrypted BitLocker volume',
    cure: "open it ('cryptsetup bitlkOpen') and name the device below /dev/mapper",
    at: 3,
    magic: '-FVE-FS-',
  },
  fileSystem('squashfs', 0, 'hsqs'),
  fileSystem('XFS', 0, 'XFSB'),
  fileSystem('cramfs', 0, '\x45\x3d\xcd\x28'),
  fileSystem('romfs', 0, '-rom1fs-'),
  fileSystem('UBIFS', 0, '\x31\x18\x10\x06'),
  { what: 'a UBI image', cure: 'it holds raw flash: name another image', at: 0, magic: 'UBI#' },
  fileSystem('JFFS2', 0, '\x85\x19', isJffs2),
  fileSystem('exFAT', 3, 'EXFAT   '),
  fileSystem('NTFS', 3, 'NTFS    '),
  fileSystem('FAT', 54, 'FAT', isBootSector),
  fileSystem('FAT', 82, 'FAT32', isBootSector),
  fileSystem('APFS', 32, 'NXSB'),
  fileSystem('EROFS', 1024, '\xe2\xe1\xf5\xe0'),
  fileSystem('ext4', EXT_AT + 56, '\x53\xef', isExt(4)),
  fileSystem('ext3', EXT_AT + 56, '\x53\xef', isExt(3)),
  fileSystem('ext2', EXT_AT + 56, '\x53\xef', isExt(2)),
  fileSystem('HFS+', 1024, 'H+\0\x04'),
  fileSystem('HFSX', 1024, 'HX\0\x05'),
  fileSystem('NILFS2', 1030, '\x34\x34', (start) => start.getUint32(1024, true) === 2),
  { ...LVM, at: 512, magic: 'LABELONE' },
  { ...LVM, at: 0, magic: 'LABELONE' },
  { ...LVM, at: 1024, magic: 'LABELONE' },
  { ...LVM, at: 1536, magic: 'LABELONE' },
  { ...RAID, at: 4096, magic: '\xfc\x4e\x2b\xa9' },
  { ...RAID, at: 0, magic: '\xfc\x4e\x2b\xa9' },
  ...[4096, 8192, 16384, 65536].flatMap((page) =>
    ['SWAPSPACE2', 'SWAP-SPACE', 'S1SUSPEND\0', 'LINHIB0001'].map((magic) => ({ ...SWAP, at: page - 10, magic })),
  ),
  { what: 'an ISO 9660 image', cure: CONTENTS, at: 32769, magic: 'CD001' },
  { what: 'a UDF image', cure: CONTENTS, at: 32769, magic: 'BEA01' },
  { ...GPT, at: 512, magic: 'EFI PART' },
  { ...GPT, at: 4096, magic: 'EFI PART' },
  {
    isVolume: true,
    what: 'a disk with MBR partitions',
    cure: PARTITION,
    at: BOOT_MARK_AT,
    magic: '\x55\xaa',
    also: hasPartitions,
  },
  fileSystem('btrfs', 65600, '_BHRfS_M'),
  fileSystem('JFS', 32768, 'JFS1'),
  fileSystem('ReiserFS', 65588, 'ReIsEr'),
  fileSystem('bcachefs', 4120, '\xc6\x85\x73\xf6\x4e\x1a\x45\xca'),
  fileSystem('bcachefs', 4120, '\xc6\x85\x73\xf6\x66\xce\x90\xa9'),
  {
    what: 'an F2FS volume with its bytes in big-endian order',
    cure: 'F2FS is little-endian everywhere, and no kernel mounts this',
    at: SUPER_OFFSET,
    magic: '\xf2\xf5\x20\x10',
  },
  { what: 'a program (ELF)', cure: 'name another file', at: 0, magic: '\x7fELF' },
  {
    what: 'a pointer of Git LFS to a file',
    cure: "get the file itself ('git lfs pull')",
    at: 0,
    magic: 'version https://git-lfs.',
  },
];

/** Bytes that the checks of signatures look at, at most; what is shorter is filled up with zeros. */
const CHECKED_BYTES = 2048;
/** Bytes that must be text for all of it to be called that. */
const TEXT_BYTES = 4096;
/** The controls that texts have. */
const TEXT_CONTROLS = '\t\n\r\f\u001b';

/**
 * What begins with these bytes, FOREIGN_BYTES of them unless it has less; null for what is not known. To be asked once it is known
 * that neither superblock has the magic of F2FS: what stands before a superblock may be anything.
 */
export function recognize(start: Uint8Array): Foreign | null {
  if (start.length === 0) return { what: 'empty', cure: "make a volume with 'f2fs mkfs --size' or 'f2fs build'" };
  if (start.every((byte) => byte === 0)) {
    // What lies behind may be of use: no advice to overwrite it.
    if (start.length < FOREIGN_BYTES) return { what: 'all zeros', cure: "'f2fs mkfs' makes a volume of it" };
    return {
      what: 'all zeros at its start',
      cure: "is it the right file or device? 'f2fs mkfs' makes a volume of an empty one",
    };
  }
  const found = signatureIn(start, SIGNATURES);
  if (found !== undefined) return { what: found.what, cure: found.cure };
  return isText(start.subarray(0, TEXT_BYTES)) ? { what: 'a text file', cure: 'name another file' } : null;
}

const VOLUMES = SIGNATURES.filter(({ isVolume }) => isVolume);

/**
 * What, other than F2FS, needs the first blocks, or null: it seems to have been made there since. To be asked once it is known that
 * superblock 1 is bad: a boot sector with partitions may stand before one that is good.
 */
export function volumeIn(start: Uint8Array): Foreign | null {
  const found = signatureIn(start, VOLUMES);
  return found === undefined ? null : { what: found.what, cure: found.cure };
}

function signatureIn(start: Uint8Array, signatures: readonly Signature[]): Signature | undefined {
  const checked = new Uint8Array(CHECKED_BYTES);
  checked.set(start.subarray(0, CHECKED_BYTES));
  const view = viewOf(checked);
  return signatures.find(({ at, magic, also }) => stands(start, at, magic) && also?.(view) !== false);
}

/** EINVAL for what begins with these bytes, none of them F2FS's magic, by name. */
export function notF2fsError(name: string, start: Uint8Array): F2fsError {
  const foreign = recognize(start);
  const message =
    foreign === null
      ? `${name} is not an F2FS volume, nor any other format that is known here: is it the right file or device?`
      : `${name} is ${foreign.what}, not an F2FS volume: ${foreign.cure}`;
  return new F2fsError('EINVAL', message, { path: name });
}

function stands(start: Uint8Array, at: number, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (start[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** UTF-8 with no control characters but those of texts; the last character may be cut. */
function isText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return [...text].every((character) => TEXT_CONTROLS.includes(character) || !/\p{Cc}/u.test(character));
  } catch {
    return false;
  }
}
