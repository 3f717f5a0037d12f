// Opens what a benchmark writes to, by the same rules as build: what exists, or is not empty, is touched with `force` only.
import * as fs from 'node:fs';
import { BLKSIZE } from '../device/device.ts';
import { type FileDevice, openFileDevice } from '../device/file-device.ts';
import { F2fsError } from '../errors.ts';
import { planFormat } from '../mkfs/format.ts';
import { smallestGeometry } from '../mkfs/geometry.ts';
import { contentsOf } from '../mkfs/probe.ts';

/** Blocks for logs, directories and what a checkpoint needs, besides what the workloads write. */
const SLACK_BLOCKS = 16 * 512;
/** Node blocks and the like, as a part of the data. */
const NODE_SHARE = 0.05;

export interface TargetOptions {
  /** Replace an image file, or what a block device holds. */
  force?: boolean;
  /** Around the host's page cache. */
  direct?: boolean;
  /** Depth of the write queue; default: openFileDevice's. */
  queueDepth?: number;
}

/** What a workload takes of a volume. */
export interface Room {
  workload: string;
  bytes: number;
  /** Options by which that becomes less. */
  lessBy: string;
}

/** Whether a path names a block device. Throws EISDIR. */
export function isBlockDevice(path: string): boolean {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    throw new F2fsError('EISDIR', `${path} is a directory: name an image file or a block device`, { path });
  }
  return stat?.isBlockDevice() ?? false;
}

function wantedBlocks(roomBytes: number): number {
  return Math.ceil((roomBytes / BLKSIZE) * (1 + NODE_SHARE)) + SLACK_BLOCKS;
}

/** Blocks of the least volume on which `roomBytes` bytes can be written once. Throws EFBIG where there is none. */
export function leastBlocks(roomBytes: number): number {
  return smallestGeometry({}, wantedBlocks(roomBytes)).blockCount;
}

/**
 * Opens a target on which the bytes of `room` can be written once: a new image file gets the size for that, a block device
 * must have it. Throws EEXIST without `force`, ENOSPC for a block device that is too small, and what openFileDevice throws.
 */
export function openTarget(path: string, room: Room, options: TargetOptions): FileDevice {
  const { force, direct, queueDepth } = options;
  const wanted = wantedBlocks(room.bytes);
  const least = leastBlocks(room.bytes);
  if (!isBlockDevice(path)) {
    if (!force && fs.existsSync(path)) {
      throw new F2fsError('EEXIST', `${path} exists; a benchmark formats it, --force allows that`, { path });
    }
    const create = { sizeBytes: least * BLKSIZE, overwrite: force === true };
    return openFileDevice(path, { writable: true, create, direct, queueDepth });
  }
  const device = openFileDevice(path, { writable: true, direct, queueDepth });
  try {
    const contents = force ? null : contentsOf(device);
    if (contents !== null) {
      throw new F2fsError('EEXIST', `${path} ${contents.now}; a benchmark formats it, --force allows that`, { path });
    }
    const { userBlockCount } = planFormat(device.nrBlocks, { startSector: device.startSector }).geometry;
    if (userBlockCount < wanted) {
      const needs = `${room.workload} needs ${least * BLKSIZE} bytes (${Math.ceil((least * BLKSIZE) / 2 ** 20)} MiB)`;
      const message = `${path} is too small: ${needs}, it has ${device.nrBlocks * BLKSIZE}; make ${room.lessBy} smaller`;
      throw new F2fsError('ENOSPC', message, { path });
    }
    return device;
  } catch (error) {
    device.close();
    throw error;
  }
}
