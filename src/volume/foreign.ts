// What else a device may hold whose first superblock is gone. Writing to it then could destroy what took the volume's place.
import { BLKSIZE } from '../format/constants.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** What stands in the first block of other things, and where; in bytes. As libblkid has them. */
const SIGNATURES: readonly [string, number, Uint8Array][] = [
  ['swap space', BLKSIZE - 10, bytes('SWAPSPACE2')],
  ['swap space', BLKSIZE - 10, bytes('SWAP-SPACE')],
  ['an ext file system', 0x438, bytes('\x53\xef')],
  ['EROFS', 1024, bytes('\xe2\xe1\xf5\xe0')],
  ['XFS', 0, bytes('XFSB')],
  ['SquashFS', 0, bytes('hsqs')],
  ['a LUKS container', 0, bytes('LUKS\xba\xbe')],
  ['an LVM volume', 512, bytes('LABELONE')],
  ['NTFS', 3, bytes('NTFS    ')],
  ['exFAT', 3, bytes('EXFAT   ')],
  ['FAT', 0x52, bytes('FAT32   ')],
  ['FAT', 0x36, bytes('FAT1')],
];

/** Name of what the first block, of 4096 bytes, belongs to besides F2FS, or null. */
export function foreignSignature(block: Uint8Array): string | null {
  const found = SIGNATURES.find(
    ([, at, signature]) => Buffer.compare(block.subarray(at, at + signature.length), signature) === 0,
  );
  return found?.[0] ?? null;
}
