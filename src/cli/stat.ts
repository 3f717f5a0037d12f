// f2fs stat: all that is known of one entry.

import {
  type CompressionStat,
  codecText,
  FileHandle,
  type FileStat,
  type FileType,
  type Timestamp,
  type VerityMeasurement,
  type VolumeStat,
  type Xattr,
} from '../index.ts';
import { EXIT } from './errors.ts';
import { type ReadOptions, ReadVolume } from './image.ts';
import { escaped, jsonName, volumePath } from './names.ts';
import { printJson, printTable } from './output.ts';
import { counted, longSize, shortSize } from './sizes.ts';
import { exactTime, modeString } from './stat-text.ts';
import { measurementText } from './verity-text.ts';

export interface StatOptions extends ReadOptions {
  follow?: boolean;
  json?: boolean;
  escaped?: boolean;
}

/** What is ciphertext of an encrypted inode. */
const ENCRYPTED: Partial<Record<FileType, string>> = { directory: 'names', symlink: 'target' };

/** Prints the stat, symlink target and extended attributes of `path`. Throws what the image and the path throw. */
export async function stat(image: string, argument: string, options: StatOptions): Promise<number> {
  using volume = await ReadVolume.open('stat', image, options);
  const path = volumePath(argument, options.escaped);
  using handle = volume.fs.open(path, { follow: options.follow ?? false });
  const found = handle.stat();
  const target = found.type === 'symlink' && !found.encrypted ? volume.fs.readlink(path) : null;
  const xattrs = handle.xattrs();
  const pinned = handle instanceof FileHandle && handle.pinned;
  const measurement = handle instanceof FileHandle ? handle.measureVerity() : null;
  if (options.json) await printJson(jsonOf(path, found, target, xattrs, pinned, measurement));
  else await printTable(rowsOf(path, found, volume.fs.statfs(), target, xattrs, pinned, measurement));
  return EXIT.ok;
}

function rowsOf(
  path: Uint8Array,
  found: FileStat,
  { blockBytes }: VolumeStat,
  target: Uint8Array | null,
  xattrs: readonly Xattr[],
  pinned: boolean,
  measurement: VerityMeasurement | null,
): [string, string | null][] {
  const permissions = (found.mode & 0o7777).toString(8).padStart(4, '0');
  return [
    ['path', escaped(path)],
    ['target', target === null ? null : escaped(target)],
    ['type', found.type],
    ['inode', String(found.ino)],
    ['mode', `${permissions} ${modeString(found.type, found.mode)}`],
    ['links', String(found.nlink)],
    ['owner', `${found.uid}:${found.gid}`],
    ['project', found.projectId === null ? null : String(found.projectId)],
    ['size', longSize(found.size)],
    ['blocks', `${found.blocks} of ${blockBytes} bytes${found.inline ? ', contents within the inode' : ''}`],
    ['encrypted', found.encrypted ? `${ENCRYPTED[found.type] ?? 'contents'}, for which the key is needed` : null],
    ['compression', found.compression === null ? null : compressionText(found.compression)],
    ['verity', measurement === null ? null : measurementText(measurement)],
    ['flags', found.flags.join(', ') || null],
    ['pinned', pinned ? 'to its blocks: it is written where it lies' : null],
    ['device', found.rdev === null ? null : `${found.rdev.major}, ${found.rdev.minor}`],
    ['accessed', exactTime(found.atime)],
    ['modified', exactTime(found.mtime)],
    ['changed', exactTime(found.ctime)],
    ['created', found.crtime === null ? null : exactTime(found.crtime)],
    ...xattrs.map(({ nameBytes, value }): [string, string] => [
      'xattr',
      `${escaped(nameBytes)} (${value.length} bytes)`,
    ]),
  ];
}

function jsonOf(
  path: Uint8Array,
  found: FileStat,
  target: Uint8Array | null,
  xattrs: readonly Xattr[],
  pinned: boolean,
  measurement: VerityMeasurement | null,
): object {
  const time = (one: Timestamp) => ({ ...one, iso: exactTime(one) });
  return {
    ...jsonName('path', path),
    ...(target === null ? {} : jsonName('target', target)),
    ...found,
    pinned,
    verity: measurement && verityJson(measurement),
    atime: time(found.atime),
    mtime: time(found.mtime),
    ctime: time(found.ctime),
    crtime: found.crtime === null ? null : time(found.crtime),
    xattrs: xattrs.map(({ nameBytes, value }) => ({
      ...jsonName('name', nameBytes),
      size: value.length,
      valueBase64: Buffer.from(value).toString('base64'),
    })),
  };
}

function verityJson({ algorithm, blockSize, salt, rootHash, digest }: VerityMeasurement): object {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return { algorithm, blockSize, salt: hex(salt), rootHash: hex(rootHash), digest: hex(digest) };
}

/** `lz4 in clusters of 64 KiB, 812 blocks saved` */
function compressionText(how: CompressionStat): string {
  const checksum = how.checksum ? ' with checksums' : '';
  const saved = how.released ? 'released' : `${counted(how.savedBlocks, 'block')} saved`;
  return `${codecText(how.algorithm, how.level)} in clusters of ${shortSize(how.clusterBytes)}${checksum}, ${saved}`;
}
