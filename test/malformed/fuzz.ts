// Random damage to metadata: a seed says which blocks, which bytes, and whether their checksums are put right.
import { Checkpoint, checkpointCrc } from '../../src/format/checkpoint.ts';
import { BLKSIZE, SUPER_OFFSET } from '../../src/format/constants.ts';
import { NODE_DIND, NODE_DIR1, NODE_IND1 } from '../../src/format/node.ts';
import { viewOf } from '../../src/format/struct.ts';
import { hasFeature, Superblock, superblockCrc } from '../../src/format/superblock.ts';
import { BASE_NAMES, type Base, baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { Random } from './random.ts';

const MAX_FLIPS = 16;
/** Bytes that break more than a random one: bounds, signs, all ones. */
const TELLING_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** A kind of metadata block: where one is, and how its checksum is put right. */
interface Target {
  readonly name: string;
  readonly blkaddrs: (image: DamagedImage) => readonly number[];
  readonly seal?: (image: DamagedImage, bytes: Uint8Array) => void;
  /** Bytes [from, to) of the block that mean something. */
  readonly from?: number;
  readonly to?: number;
}

const INODES = [
  '/',
  '/inline',
  '/direct',
  '/sparse',
  '/wide',
  '/few',
  '/hashed',
  '/short',
  '/long',
  '/char',
  '/noted',
  '/loaded',
  '/guarded',
  '/late',
  '/few/deeper',
];
const OF_CHECKPOINT = 192 + 128 + 64;

const TARGETS: readonly Target[] = [
  {
    name: 'superblock',
    blkaddrs: () => [0, 1],
    seal: (_, bytes) => {
      const sb = new Superblock(viewOf(bytes), SUPER_OFFSET);
      if (hasFeature(sb, 'sb_checksum')) sb.crc = superblockCrc(sb);
    },
    from: SUPER_OFFSET,
    to: SUPER_OFFSET + 3072,
  },
  {
    name: 'checkpoint',
    blkaddrs: (image) => image.packBlocks(),
    seal: (_, bytes) => {
      const { checksumOffset } = new Checkpoint(viewOf(bytes));
      if (checksumOffset > BLKSIZE - 4) return;
      viewOf(bytes).setUint32(checksumOffset, checkpointCrc(bytes, checksumOffset), true);
    },
    to: OF_CHECKPOINT,
  },
  {
    name: 'summaries and journals',
    blkaddrs: (image) => {
      const [start, end] = image.packBlocks();
      return Array.from({ length: end - start - 1 }, (_, i) => start + 1 + i);
    },
    to: 1100,
  },
  { name: 'NAT', blkaddrs: (image) => [image.natBlkaddr(0)], to: 9 * 100 },
  { name: 'SIT', blkaddrs: (image) => [image.sitBlkaddr(0)], to: 74 * 24 },
  {
    name: 'inode',
    blkaddrs: (image) => INODES.map((path) => image.blkaddrOf(image.ino(path))),
    seal: (image, bytes) => image.sealNode(bytes),
  },
  {
    name: 'inode header',
    blkaddrs: (image) => INODES.map((path) => image.blkaddrOf(image.ino(path))),
    seal: (image, bytes) => image.sealNode(bytes),
    to: 400,
  },
  {
    name: 'node',
    blkaddrs: (image) => [
      image.blkaddrOf(image.nidOf('/wide', NODE_DIR1)),
      ...[NODE_DIR1, NODE_IND1, NODE_DIND].map((slot) => image.blkaddrOf(image.nidOf('/sparse', slot))),
      image.blkaddrOf(image.xattrNidOf('/loaded')),
    ],
  },
  {
    name: 'dentry',
    blkaddrs: (image) => [image.pageBlkaddr('/', 0), ...[0, 1].map((page) => image.pageBlkaddr('/hashed', page))],
  },
];

/** One damaged image and what was done to it. */
export interface Fuzzed {
  readonly base: Base;
  readonly image: DamagedImage;
  readonly what: string;
}

export function fuzz(seed: number): Fuzzed {
  const random = new Random(seed);
  const base = baseOf(random.pick(BASE_NAMES));
  const image = new DamagedImage(base);
  const target = random.pick(TARGETS);
  const sealed = target.seal !== undefined && random.below(4) > 0;
  const flips = 1 + random.below(MAX_FLIPS);
  const from = target.from ?? 0;
  const to = target.to ?? BLKSIZE;
  const blkaddrs = target.blkaddrs(image);
  const touched = new Set<number>();
  const what: string[] = [];
  // Copies are damaged alike, so that the damage is not merely stepped over.
  const alike = target.name === 'superblock' || target.name === 'checkpoint';
  for (let i = 0; i < flips; i++) {
    const at = from + random.below(to - from);
    const byte = random.below(2) === 0 ? random.pick(TELLING_BYTES) : random.below(256);
    for (const blkaddr of alike ? blkaddrs : [random.pick(blkaddrs)]) {
      image.block(blkaddr)[at] = byte;
      touched.add(blkaddr);
      what.push(`${blkaddr}+${at}=${byte}`);
    }
  }
  if (sealed) for (const blkaddr of touched) target.seal?.(image, image.block(blkaddr));
  return { base, image, what: `${base.name} ${target.name}${sealed ? ' sealed' : ''} ${what.join(' ')}` };
}
