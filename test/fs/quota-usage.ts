// What the quota files of a volume say, read from their bytes by their format alone, and what its inodes say.

import { quotaInoOf } from '../../src/format/superblock.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { readTree } from '../crash/tree.ts';

const BLOCK = 1024;
const MAGICS = [0xd9c01f11, 0xd9c01927, 0xd9c03f14];
const LETTERS = ['u', 'g', 'p'] as const;

export interface Quota {
  inodes: number;
  bytes: number;
  /** KiB. */
  bhard: number;
  bsoft: number;
  ihard: number;
  isoft: number;
}

/** By `u1000`, `g5`, `p7`, in that order of types and ascending ids. */
export type Quotas = Map<string, Quota>;

/** What the files say. Throws for a tree that leads elsewhere than to the ids that it should, and for lists that are not so. */
export function quotasOf(fs: FileSystem): Quotas {
  const quotas: Quotas = new Map();
  for (const type of [0, 1, 2]) {
    const ino = quotaInoOf(fs.volume.layout.sb, type);
    if (ino === 0) continue;
    using handle = fs.openInode(ino) as FileHandle;
    const { size } = handle.stat();
    const bytes = Buffer.alloc(size);
    handle.read(bytes, 0);
    const u64 = (at: number) => Number(bytes.readBigUInt64LE(at));
    const check = (holds: boolean, what: string) => {
      if (!holds) throw new Error(`quota file ${ino}: ${what}`);
    };
    check(bytes.readUInt32LE(0) === MAGICS[type] && bytes.readUInt32LE(4) === 1, 'its header');
    const nrBlocks = bytes.readUInt32LE(20);
    check(nrBlocks * BLOCK === size, `${nrBlocks} blocks, ${size} bytes`);
    const leaves = new Map<number, number>();
    const met = new Set([0, 1]);
    const walk = (blk: number, level: number, prefix: number) => {
      for (let i = 0; i < 256; i++) {
        const next = bytes.readUInt32LE(blk * BLOCK + 4 * i);
        if (next === 0) continue;
        check(next > 1 && next < nrBlocks, `block ${blk} leads to ${next}`);
        const id = prefix * 256 + i;
        if (level < 3) {
          check(!met.has(next), `block ${next} is met twice`);
          met.add(next);
          walk(next, level + 1, id);
          continue;
        }
        met.add(next);
        leaves.set(next, (leaves.get(next) ?? 0) + 1);
        const at = Array.from({ length: 14 }, (_, n) => next * BLOCK + 16 + 72 * n).find(
          (it) => bytes.readUInt32LE(it) === id && bytes.subarray(it, it + 72).some((byte) => byte !== 0),
        );
        check(at !== undefined, `${id} is not in block ${next}`);
        const entry = at as number;
        quotas.set(`${LETTERS[type]}${id}`, {
          inodes: u64(entry + 24),
          bytes: u64(entry + 48),
          bhard: u64(entry + 32),
          bsoft: u64(entry + 40),
          ihard: u64(entry + 8),
          isoft: u64(entry + 16),
        });
      }
    };
    walk(1, 0, 0);
    // A block with room is in the list of those, and only once; none is lost.
    let before = 0;
    for (let blk = bytes.readUInt32LE(28); blk !== 0; blk = bytes.readUInt32LE(blk * BLOCK)) {
      check(leaves.has(blk), `block ${blk} is listed, and no leaf`);
      check(bytes.readUInt32LE(blk * BLOCK + 4) === before, `block ${blk} has another neighbour`);
      check(bytes.readUInt16LE(blk * BLOCK + 8) === leaves.get(blk), `block ${blk} counts its entries wrongly`);
      check((leaves.get(blk) as number) < 14, `block ${blk} is listed, and full`);
      leaves.delete(blk);
      before = blk;
    }
    for (const [blk, count] of leaves) check(count === 14, `block ${blk} is not listed, and has ${count} entries`);
    for (let blk = bytes.readUInt32LE(24); blk !== 0; blk = bytes.readUInt32LE(blk * BLOCK)) {
      check(!met.has(blk), `block ${blk} is free, and in use`);
      met.add(blk);
    }
    check(met.size === nrBlocks, `${nrBlocks} blocks, ${met.size} of them met`);
  }
  return quotas;
}

/** What the inodes of a volume come to, by the kinds of quota that it has. */
export function usageOf(fs: FileSystem): Map<string, { inodes: number; bytes: number }> {
  const usage = new Map<string, { inodes: number; bytes: number }>();
  const { blockBytes } = fs.statfs();
  for (const ino of readTree(fs).inodes.keys()) {
    using handle = fs.openInode(ino);
    const { uid, gid, projectId, blocks } = handle.stat();
    [uid, gid, projectId ?? 0].forEach((id, type) => {
      if (quotaInoOf(fs.volume.layout.sb, type) === 0) return;
      const key = `${LETTERS[type]}${id}`;
      const sum = usage.get(key) ?? { inodes: 0, bytes: 0 };
      usage.set(key, { inodes: sum.inodes + 1, bytes: sum.bytes + (blocks - 1) * blockBytes });
    });
  }
  return usage;
}

/** Where the files do not say what the inodes do. */
export function quotaComplaints(fs: FileSystem): string[] {
  const quotas = quotasOf(fs);
  const usage = usageOf(fs);
  const complaints: string[] = [];
  for (const key of new Set([...quotas.keys(), ...usage.keys()])) {
    const said = quotas.get(key) ?? { inodes: 0, bytes: 0 };
    const found = usage.get(key) ?? { inodes: 0, bytes: 0 };
    if (said.inodes === found.inodes && said.bytes === found.bytes) continue;
    complaints.push(`${key}: ${said.inodes} inodes and ${said.bytes} bytes are ${found.inodes} and ${found.bytes}`);
  }
  return complaints;
}
