// The outside judges of a format: mkfs.f2fs and fsck.f2fs; and a look at superblock and checkpoint field by field.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { BLKSIZE } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { Checkpoint } from '../../src/format/checkpoint.ts';
import { BLKS_PER_SEG, SUPER_OFFSET } from '../../src/format/constants.ts';
import { type StructView, viewOf } from '../../src/format/struct.ts';
import { Superblock } from '../../src/format/superblock.ts';
import { type FormatOptions, format } from '../../src/mkfs/format.ts';

export const UUID = '12345678-9abc-def0-1234-56789abcdef0';
export const TIMESTAMP = 1_600_000_000;
export const DEFAULT_FEATURE_LIST = 'extra_attr,inode_checksum,inode_crtime,lost_found,sb_checksum,compression';

export function hasTool(name: string): boolean {
  return spawnSync(name, ['-V'], { stdio: 'ignore' }).error === undefined;
}

/** Runs mkfs.f2fs on a fresh sparse file; false when it refuses. */
export function mkfsAccepts(image: string, sizeBytes: number, args: readonly string[]): boolean {
  fs.rmSync(image, { force: true });
  fs.writeFileSync(image, '');
  fs.truncateSync(image, sizeBytes);
  return spawnSync('mkfs.f2fs', ['-q', '-f', ...args, image], { stdio: 'ignore' }).status === 0;
}

export function formatFile(image: string, sizeBytes: number, options: FormatOptions): void {
  const device = openFileDevice(image, { writable: true, create: { sizeBytes, overwrite: true } });
  try {
    format(device, options);
  } finally {
    device.close();
  }
}

/** Lines in which fsck.f2fs complains, or its last lines when it fails without one; empty when all is well. */
export function fsckComplaints(image: string, ...args: string[]): string[] {
  const run = spawnSync('fsck.f2fs', [...args, '--dry-run', image], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const lines = `${run.stdout}${run.stderr}`.split('\n');
  const complaints = lines.filter((line) =>
    /\[Fail\]|ASSERT|\[FIX\]|Fixing Quota|Invalid|Corrupted \S*(SB|CP|CRC)/i.test(line),
  );
  if (complaints.length === 0 && run.status !== 0) return [`exit ${run.status}`, ...lines.slice(-10)];
  return complaints;
}

export type Fields = Record<string, number | string>;

function fieldsOf(view: StructView, offsets: Readonly<Record<string, number>>): Fields {
  const fields: Fields = {};
  for (const name of Object.keys(offsets)) {
    const value: unknown = Reflect.get(view, name);
    fields[name] = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : Number(value);
  }
  return fields;
}

export interface Parts {
  superblocks: Fields[];
  /** First and last block of each pack. */
  checkpoints: Fields[];
  /** Every block that mkfs.f2fs writes otherwise than with zeros, as hexadecimal by name. */
  blocks: Record<string, string>;
  version: Uint8Array;
}

/** Reads what a fresh volume consists of. */
export function readParts(image: string): Parts {
  const device = openFileDevice(image, { writable: false });
  const block = (blkaddr: number): Uint8Array => {
    const bytes = new Uint8Array(BLKSIZE);
    device.read(blkaddr, bytes);
    return bytes;
  };
  const blocks: Record<string, string> = {};
  const take = (name: string, blkaddr: number): Uint8Array => {
    const bytes = block(blkaddr);
    blocks[name] = Buffer.from(bytes).toString('hex');
    return bytes;
  };
  try {
    const sb = new Superblock(viewOf(block(0)), SUPER_OFFSET);
    const superblocks = [0, 1].map((copy) => {
      return fieldsOf(new Superblock(viewOf(take(`superblock ${copy}`, copy)), SUPER_OFFSET), Superblock.offsets);
    });
    const cp = new Checkpoint(viewOf(block(sb.cpBlkaddr)));
    const last = cp.cpPackTotalBlockCount - 1;
    const checkpoints: Fields[] = [];
    for (const pack of [sb.cpBlkaddr, sb.cpBlkaddr + BLKS_PER_SEG]) {
      for (const at of [pack, pack + last]) {
        checkpoints.push(fieldsOf(new Checkpoint(viewOf(block(at))), Checkpoint.offsets));
      }
    }
    for (let i = 0; i < 2 * BLKS_PER_SEG; i++) take(`checkpoint area ${i}`, sb.cpBlkaddr + i);
    take('SIT 0', sb.sitBlkaddr);
    take('NAT 0', sb.natBlkaddr);
    take('SSA 0', sb.ssaBlkaddr);
    const logs = new Uint32Array(6);
    for (let i = 0; i < 3; i++) {
      logs[i] = cp.dv.getUint32(Checkpoint.offsets.curDataSegno + 4 * i, true);
      logs[i + 3] = cp.dv.getUint32(Checkpoint.offsets.curNodeSegno + 4 * i, true);
    }
    logs.forEach((segno, log) => {
      for (let i = 0; i < 9; i++) take(`log ${log} block ${i}`, sb.mainBlkaddr + segno * BLKS_PER_SEG + i);
    });
    return { superblocks, checkpoints, blocks, version: sb.version.slice() };
  } finally {
    device.close();
  }
}

/** Names of the fields or blocks that differ, each with both values cut short. */
export function differences(ours: Readonly<Record<string, unknown>>, theirs: Readonly<Record<string, unknown>>) {
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [...names]
    .filter((name) => ours[name] !== theirs[name])
    .map((name) => `${name}: ours ${String(ours[name]).slice(0, 80)}, mkfs.f2fs ${String(theirs[name]).slice(0, 80)}`);
}
