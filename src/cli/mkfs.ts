// f2fs mkfs: an empty volume on an image file or a block device.

import { F2fsError } from '../errors.ts';
import {
  BLKSIZE,
  checkFormat,
  contentsOf,
  type FileDevice,
  type FormatOptions,
  type Formatted,
  featureNames,
  format,
  formatUuid,
  openFileDevice,
  planSize,
  targetAt,
} from '../index.ts';
import { replacedNotes } from '../populate/replaced.ts';
import { type BlockSizeOptions, blockSizeOf } from './block-size.ts';
import { asUsage, complain, EXIT, UsageError } from './errors.ts';
import { expandFeatures } from './features.ts';
import { refuseDash } from './image.ts';
import { printable } from './names.ts';
import { isDone, printJson, printTable } from './output.ts';
import { longSize, shortSize } from './sizes.ts';

export interface MkfsOptions extends BlockSizeOptions {
  size?: number;
  label?: string;
  uuid?: string;
  features?: string[];
  encoding?: string;
  force?: boolean;
  segsPerSec?: number;
  secsPerZone?: number;
  overprovision?: number;
  coldExt?: string[];
  hotExt?: string[];
  rootOwner?: { uid: number; gid: number };
  json?: boolean;
}

/** Formats `image`. Throws EEXIST when something stands there and `force` is not given, and what format throws. */
export async function mkfs(image: string, options: MkfsOptions): Promise<number> {
  const wanted: FormatOptions = {
    blockSize: blockSizeOf(options),
    label: options.label,
    uuid: options.uuid,
    features: options.features && expandFeatures(options.features),
    encoding: options.encoding,
    segsPerSec: options.segsPerSec,
    secsPerZone: options.secsPerZone,
    overprovision: options.overprovision,
    coldExtensions: options.coldExt,
    hotExtensions: options.hotExt,
    rootUid: options.rootOwner?.uid,
    rootGid: options.rootOwner?.gid,
  };
  refuseDash(image, 'an image');
  asUsage(() => (options.size === undefined ? checkFormat(wanted) : planSize(options.size, wanted)));
  const notes = options.force ? replacedNotes(image) : [];
  const device = openTarget(image, options, wanted);
  let made: Formatted;
  try {
    made = format(device, { ...wanted, startSector: device.startSector });
  } finally {
    device.close();
  }
  for (const note of notes) complain('mkfs', `note: ${note}`);
  isDone(`${image} is formatted`);
  await print(image, device, made, options);
  return EXIT.ok;
}

/** Opens or creates the target, once nothing speaks against it. */
function openTarget(image: string, options: MkfsOptions, wanted: FormatOptions): FileDevice {
  const { size } = options;
  const { path, kind, sizeBytes } = targetAt(image);
  if (kind === null || (kind === 'file' && size !== undefined && sizeBytes !== size)) {
    if (size === undefined) throw new UsageError(`${image} does not exist: give the size of the new image with --size`);
    if (sizeBytes > 0) refuseUnlessForced(image, options, `exists, with ${sizeBytes} bytes`);
    return openFileDevice(path, { writable: true, create: { sizeBytes: size, overwrite: kind !== null } });
  }
  if (kind === 'file' && sizeBytes === 0) throw new UsageError(`${image} is empty: give its size with --size`);
  const device = openFileDevice(image, { writable: true });
  try {
    if (size !== undefined && Math.floor(size / BLKSIZE) !== device.nrBlocks) {
      throw new UsageError(
        `${image} has ${device.nrBlocks * BLKSIZE} bytes: the size of a block device can't be changed`,
      );
    }
    refuseUnlessForced(image, options, contentsOf(device)?.now ?? null);
    planSize(device.nrBlocks * BLKSIZE, { ...wanted, startSector: device.startSector });
    return device;
  } catch (error) {
    device.close();
    throw error;
  }
}

function refuseUnlessForced(image: string, { force }: MkfsOptions, what: string | null): void {
  if (force || what === null) return;
  throw new F2fsError('EEXIST', `${image} ${what}; formatting it destroys that, --force allows it`, { path: image });
}

async function print(image: string, device: FileDevice, made: Formatted, options: MkfsOptions): Promise<void> {
  const { geometry } = made;
  const features = featureNames(made.features);
  const label = options.label ?? '';
  const sizeBytes = device.nrBlocks * BLKSIZE;
  const uuid = formatUuid(made.uuid);
  const userBytes = geometry.userBlockCount * geometry.blockSize;
  const { segmentCount, segmentCountMain: mainSegments, sectionCount: sections, segsPerSec, secsPerZone } = geometry;
  if (options.json) {
    const layout = { segments: segmentCount, mainSegments, sections, segsPerSec, secsPerZone };
    await printJson({
      image,
      sizeBytes,
      userBytes,
      blockBytes: geometry.blockSize,
      ...layout,
      overprovision: geometry.overprovision,
      uuid,
      label,
      features,
    });
    return;
  }
  await printTable([
    ['image', printable(image)],
    ['size', longSize(sizeBytes)],
    ['blocks', geometry.blockSize === BLKSIZE ? null : `of ${shortSize(geometry.blockSize)}`],
    ['for files', longSize(userBytes)],
    ['segments', `${segmentCount}, ${mainSegments} of them for files and nodes`],
    ['sections', `${sections} of ${segsPerSec} segment${segsPerSec === 1 ? '' : 's'}`],
    ['uuid', uuid],
    ['label', label === '' ? null : printable(label)],
    ['features', features.join(', ') || 'none'],
  ]);
}
