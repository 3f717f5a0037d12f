// A golden image taken apart with plain byte offsets, so that hashes and checksums are held against what Linux wrote and
// not against our own reading of it. Only the node table is borrowed from the volume.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { mount } from '../../src/fs/file-system.ts';

const BLOCK = 4096;

export interface GoldenInode {
  readonly nid: number;
  readonly mode: number;
  /** The inode's block, a copy. */
  readonly block: Buffer;
}

export interface GoldenDentry {
  readonly name: Uint8Array;
  /** As stored. */
  readonly hash: number;
  readonly dir: number;
  readonly dirLevel: number;
  /** Page of the directory, -1 for an inline one. */
  readonly page: number;
}

export interface Golden {
  readonly bytes: Buffer;
  readonly inodes: GoldenInode[];
  readonly dentries: GoldenDentry[];
}

const opened = new Map<string, Golden>();

/** The image of that name in images/, unpacked once. */
export function openGolden(name: string): Golden {
  const golden = opened.get(name) ?? takeApart(name);
  opened.set(name, golden);
  return golden;
}

function takeApart(name: string): Golden {
  const bytes = Buffer.from(gunzipSync(readFileSync(join(import.meta.dirname, `../../images/${name}.img.gz`))));
  const device = new MemoryDevice(bytes.length / BLOCK);
  device.write(0, [bytes]);
  const { volume } = mount(device, { readonly: true });
  const inodes: GoldenInode[] = [];
  for (let nid = 3; nid < volume.layout.maxNid; nid++) {
    const blkaddr = volume.nat.blkaddrOf(nid);
    if (blkaddr === 0 || volume.nat.inoOf(nid) !== nid) continue;
    const block = Buffer.from(bytes.subarray(blkaddr * BLOCK, (blkaddr + 1) * BLOCK));
    inodes.push({ nid, mode: block.readUInt16LE(0), block });
  }
  return {
    bytes,
    inodes,
    dentries: inodes.filter(({ mode }) => mode >> 12 === 4).flatMap((dir) => dentriesOf(dir, bytes)),
  };
}

function dentriesOf({ nid, block }: GoldenInode, image: Buffer): GoldenDentry[] {
  const inline = block[3];
  const extra = inline & 0x20 ? block.readUInt16LE(360) : 0;
  const dirLevel = block[347];
  if (inline & 0x04) {
    // 50 words of xattrs, unless flexible_inline_xattr (0x40 of the features) says otherwise; one word is reserved.
    const flexible = (image.readUInt32LE(1024 + 2180) & 0x40) !== 0;
    const xattrWords = flexible ? block.readUInt16LE(362) : 50;
    const start = 360 + extra + 4;
    const end = 4052 - 4 * xattrWords;
    const slots = Math.floor(((end - start) * 8) / 153);
    return areaOf(block.subarray(start, end), slots).map((one) => ({ ...one, dir: nid, dirLevel, page: -1 }));
  }
  if (block.readUInt32LE(4052) !== 0) throw new Error(`directory ${nid} has more pages than this helper looks at`);
  const dentries: GoldenDentry[] = [];
  const addresses = 923 - extra / 4 - 50;
  for (let page = 0; page < addresses; page++) {
    const blkaddr = block.readUInt32LE(360 + extra + 4 * page);
    if (blkaddr === 0) continue;
    const area = image.subarray(blkaddr * BLOCK, (blkaddr + 1) * BLOCK);
    dentries.push(...areaOf(area, 214).map((one) => ({ ...one, dir: nid, dirLevel, page })));
  }
  return dentries;
}

function areaOf(area: Buffer, slots: number): { name: Uint8Array; hash: number }[] {
  const names = area.length - 8 * slots;
  const entries = names - 11 * slots;
  const found: { name: Uint8Array; hash: number }[] = [];
  for (let slot = 0; slot < slots; ) {
    const used = (area[slot >> 3] & (1 << (slot & 7))) !== 0;
    const length = area.readUInt16LE(entries + 11 * slot + 8);
    if (used) {
      const start = names + 8 * slot;
      found.push({
        name: Buffer.from(area.subarray(start, start + length)),
        hash: area.readUInt32LE(entries + 11 * slot),
      });
    }
    slot += used ? Math.ceil(length / 8) : 1;
  }
  return found;
}
