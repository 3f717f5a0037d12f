// Every kind of fault is met: by a recipe, by a case here, or it stands in a list that says why nothing meets it.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { deviceOf } from '../../src/device/checked-device.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { corrupt, F2fsError, throwFault } from '../../src/errors.ts';
import { FAULT_KINDS, type FaultKind, type Report } from '../../src/faults.ts';
import { readDentries } from '../../src/file/directory/dentries.ts';
import { checkInode } from '../../src/file/inode/inode-checks.ts';
import { QuotaTree } from '../../src/file/quota/quota-tree.ts';
import { readXattrs } from '../../src/file/xattr/xattrs.ts';
import { Checkpoint } from '../../src/format/checkpoint.ts';
import { BLKS_PER_SEG, SUPER_OFFSET } from '../../src/format/constants.ts';
import { FT } from '../../src/format/dentry.ts';
import { INLINE } from '../../src/format/inode.ts';
import { NodePath, nodePath } from '../../src/format/node.ts';
import { QT_BLOCK_SIZE, QUOTA_MAGICS, QuotaBlockHeader, QuotaHeader } from '../../src/format/quota.ts';
import { i64, struct, u64, viewOf } from '../../src/format/struct.ts';
import { quotaInoOf, Superblock } from '../../src/format/superblock.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { walkDirectories } from '../../src/fs/walk.ts';
import { type CensusTree, census } from '../../src/fsck/census.ts';
import { format } from '../../src/mkfs/format.ts';
import {
  type CheckpointPack,
  checkCheckpoint,
  setLogPosition,
  versionBitmap,
} from '../../src/volume/checkpoint-pack.ts';
import type { VolumeLayout } from '../../src/volume/layout.ts';
import { checkNatJournal } from '../../src/volume/nat.ts';
import { readOrphans } from '../../src/volume/orphans.ts';
import { checkSitEntry, checkSitJournal } from '../../src/volume/sit.ts';
import { checkSuperblock } from '../../src/volume/superblocks.ts';
import { BLOCK, DENTRY_BLOCK } from '../blocks-of-4k.ts';
import { baseOf } from './base.ts';
import { DamagedImage } from './damaged-image.ts';
import { DentryArea } from './dentry-area.ts';
import { metadataOf } from './metadata.ts';
import { wornBase } from './worn-bases.ts';

/** What a call tells of: by the error that it throws. */
function thrownBy(call: () => unknown): FaultKind | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof F2fsError) return error.fault;
    throw error;
  }
  return undefined;
}

/** The kinds that a check reports. */
function reportedBy(check: (report: Report) => unknown): FaultKind[] {
  const kinds: FaultKind[] = [];
  check((kind, ..._what) => void kinds.push(kind));
  return kinds;
}

/** Looks for ids in a new quota file of users that was damaged, or cut, and makes an entry. */
function quotaFile(damage: (file: DataView) => void, size?: number): () => FaultKind[] {
  return () => {
    const device = new MemoryDevice({ sizeBytes: 64 << 20 });
    format(device, { features: ['quota'] });
    const fs = mount(device, { readonly: true });
    using handle = fs.openInode(quotaInoOf(fs.volume.layout.sb, 0)) as FileHandle;
    const bytes = new Uint8Array(handle.stat().size);
    handle.read(bytes, 0);
    const view = viewOf(bytes);
    damage(view);
    const at = (blk: number) => blk * QT_BLOCK_SIZE;
    const blocks = { ino: 4, view, size: size ?? bytes.length, at, change: at, grow: () => {} };
    const kind = thrownBy(() => {
      const tree = new QuotaTree(blocks, 0);
      tree.find(0);
      tree.insert(1);
    });
    return kind === undefined ? [] : [kind];
  };
}

function damaged(damage: (image: DamagedImage) => void): DamagedImage {
  const image = new DamagedImage(baseOf('default'));
  damage(image);
  return image;
}

function opened(image: DamagedImage, readonly = false): FileSystem {
  return mount(image.device(), { cacheBytes: image.base.cacheBytes, readonly });
}

/** Met by a mount, or by what is done with it then. */
function mounted(damage: (image: DamagedImage) => void, work: (fs: FileSystem) => unknown = () => {}) {
  return () => [thrownBy(() => work(opened(damaged(damage))))];
}

/** Among the warnings of a mount. */
function warned(damage: (image: DamagedImage) => void) {
  return () => opened(damaged(damage), true).warnings.map(({ fault }) => fault);
}

/** Of a superblock, nothing else of which is looked at. */
function ofSuperblock(change: (sb: Superblock) => void) {
  return () => {
    const block = baseOf('default').bytes.slice(0, BLKSIZE);
    const sb = new Superblock(viewOf(block), SUPER_OFFSET);
    change(sb);
    return reportedBy((report) => checkSuperblock(sb, 0, BLKSIZE, 16384, report));
  };
}

/** Among the problems of a walk. */
function walked(damage: (image: DamagedImage) => void) {
  return () => {
    const kinds: (FaultKind | undefined)[] = [];
    const fs = opened(damaged(damage), true);
    for (const _ of walkDirectories(fs.root(), '', (_place, error) => kinds.push(error.fault)));
    return kinds;
  };
}

function treeOf(fs: FileSystem): CensusTree {
  using root = fs.root();
  const names = [];
  const inos = new Set([root.ino]);
  for (const { directory, entries } of walkDirectories(root, '', () => {})) {
    for (const { ino } of entries) {
      names.push({ parent: directory.ino, ino });
      inos.add(ino);
    }
  }
  const inodes = new Map(
    [...inos].map((ino) => {
      using handle = fs.openInode(ino);
      const { type, nlink } = handle.stat();
      return [ino, { isDirectory: type === 'directory', nlink }];
    }),
  );
  return { inodes, names };
}

/** Told by a census of all that the sound volume has. */
function counted(damage: (image: DamagedImage) => void) {
  return () => {
    const image = damaged(damage);
    const fs = opened(image, true);
    const tree = treeOf(fs);
    return reportedBy((report) => census(fs.volume, tree, report));
  };
}

/** Met by the recovery of what was fsynced, when the last inode of the chain is one of the checkpoint, changed. */
function recovered(change: (node: Parameters<Parameters<DamagedImage['nodeAt']>[1]>[0]) => void) {
  return () => {
    const image = new DamagedImage(wornBase('chain'));
    for (const blkaddr of metadataOf(image.base).blocks.get('chain') as readonly number[]) {
      image.nodeAt(blkaddr, (node) => {
        if (node.footer.nid === image.ino('/overwritten')) change(node);
      });
    }
    return [thrownBy(() => opened(image))];
  };
}

const ONES = viewOf(new Uint8Array(8).fill(0x7f));
const hashedBlock = (image: DamagedImage) => image.pageBlkaddr('/hashed', 0);
const firstUsed = ({ volume }: FileSystem) => volume.nat.blkaddrOf(3);

const CASES: Partial<Record<FaultKind, () => readonly (FaultKind | undefined)[]>> = {
  'u64-range': () => [thrownBy(() => new (struct('of u64', 8, { field: u64 }))(ONES).field)],
  'i64-range': () => [thrownBy(() => new (struct('of i64', 8, { field: i64 }))(ONES).field)],
  'page-range': () => [thrownBy(() => nodePath(-1, 923, 1018, BLOCK, new NodePath()))],
  'superblock-magic': ofSuperblock((sb) => (sb.magic = 1)),
  'superblock-main-size': ofSuperblock((sb) => (sb.segmentCountMain = 5)),
  'superblock-checkpoint-segments': ofSuperblock((sb) => (sb.segmentCountCkpt = 1)),
  'superblock-sit-segments': ofSuperblock((sb) => (sb.segmentCountSit = 3)),
  'superblock-nat-segments': ofSuperblock((sb) => (sb.segmentCountNat = 1)),
  'superblock-sit-size': ofSuperblock((sb) => (sb.segmentCountMain = 0x10000)),
  'superblock-main-end': ofSuperblock((sb) => (sb.segmentCountMain = 0x10000)),
  'superblock-device-end': ofSuperblock((sb) => (sb.segmentCountMain = 0x10000)),
  'superblock-unread': () => {
    const device = damaged(() => {}).device();
    const read = device.read.bind(device);
    device.read = (blkaddr, into) => {
      if (blkaddr === 0) throw new F2fsError('EIO', 'a bad sector', { blkaddr });
      read(blkaddr, into);
    };
    return mount(device, { readonly: true }).warnings.map(({ fault }) => fault);
  },
  'superblocks-differ': warned((image) => image.superblock((sb) => sb.version[0]++, { copies: [1] })),
  'volume-cut-short': mounted((image) => image.truncate(8192)),
  'checkpoint-spare': warned((image) => {
    for (const blkaddr of image.packBlocks(false)) image.block(blkaddr).fill(0);
  }),
  'checkpoint-bitmap-fit': () => {
    const pack = { block: new Uint8Array(BLKSIZE), cp: { ckptFlags: 0, sitVerBitmapBytesize: BLKSIZE } };
    return [
      thrownBy(() =>
        versionBitmap(pack as unknown as CheckpointPack, 'sit', { cpPayload: 0, block: BLOCK } as VolumeLayout),
      ),
    ];
  },
  'log-on-used-block': mounted((image) => {
    const { logs } = image.base.fs.volume;
    image.checkpoint((cp) => setLogPosition(cp, 1, logs.current[1].segno, 0, 0));
  }),
  'nat-journal-address': mounted((image) => (image.nat(image.ino('/late')).blockAddr = 1)),
  'valid-block-count': mounted(
    () => {},
    ({ volume }) => volume.space.releaseBlocks(2 ** 30),
  ),
  'valid-node-count': mounted(
    () => {},
    ({ volume }) => {
      volume.space.validNodeCount = 0;
      volume.space.releaseNode(false);
    },
  ),
  'block-in-use': mounted(
    () => {},
    (fs) => {
      const { layout, sit } = fs.volume;
      const at = firstUsed(fs) - layout.mainBlkaddr;
      sit.setValid(Math.floor(at / BLKS_PER_SEG), at % BLKS_PER_SEG, 1, 0, 0);
    },
  ),
  'inode-block-count': mounted(
    (image) => {
      const another = hashedBlock(image);
      image.inode('/few/deeper/file', ({ inode, dv, addrs }) => {
        inode.iBlocks = 1;
        dv.setUint32(addrs, another, true);
      });
    },
    (fs) => fs.unlink('/few/deeper/file'),
  ),
  'dentry-encrypted-length': () => {
    const image = damaged(() => {});
    const bytes = image.block(hashedBlock(image));
    const dir = { ino: image.ino('/hashed'), isEncrypted: true, foldsCase: false };
    const visit = () => false;
    const { layout } = image;
    return reportedBy((report) => readDentries(dir, layout, bytes, viewOf(bytes), 0, DENTRY_BLOCK, report, visit));
  },
  'dentry-twice': mounted(
    (image) =>
      image.dentry('/hashed', 'name-0299', ({ area, entry, name }) => {
        let free = 0;
        while (area.isUsed(free) || area.isUsed(free + 1)) free++;
        const { hashCode, ino, nameLen, fileType } = entry;
        const copy = area.at(free);
        Object.assign(copy.entry, { hashCode, ino, nameLen, fileType });
        area.at(free).name.set(name);
        for (const slot of [free, free + 1]) area.setUsed(slot, true);
      }),
    (fs) => fs.writeFile('/hashed/new', ''),
  ),
  'dentry-dotdot': mounted(
    (image) => image.dentry('/few', '..', ({ entry }) => (entry.fileType = FT.REG_FILE)),
    (fs) => fs.rename('/hashed', '/few/hashed'),
  ),
  'directory-loop': mounted(
    (image) => image.dentry('/few', '..', ({ entry }) => (entry.ino = image.ino('/few'))),
    (fs) => fs.rename('/hashed', '/few/hashed'),
  ),
  'directory-parent': mounted(
    (image) => image.dentry('/few', '..', ({ entry }) => (entry.ino = image.ino('/inline'))),
    (fs) => fs.rename('/hashed', '/few/hashed'),
  ),
  'directory-second-name': walked((image) =>
    image.dentry('/', 'few', ({ entry }) => (entry.ino = image.ino('/hashed'))),
  ),
  'name-of-directory': walked((image) => image.dentry('/', 'few', ({ entry }) => (entry.ino = image.ino('/inline')))),
  'fsynced-kind': recovered(({ inode }) => (inode.iInline ^= INLINE.XATTR)),
  'fsynced-inline-dentry': recovered(({ inode }) => (inode.iInline |= INLINE.DENTRY)),
  'block-two-owners': counted((image) => {
    const another = hashedBlock(image);
    image.inode('/direct', ({ dv, addrs }) => dv.setUint32(addrs, another, true));
  }),
  'inode-blocks': counted((image) => image.inode('/direct', ({ inode }) => inode.iBlocks++)),
  'inode-link-count': counted((image) => image.inode('/direct', ({ inode }) => inode.iLinks++)),
  'sit-total': counted((image) => {
    const entry = image.sit(image.layout.nrMainSegments - 1);
    entry.vblocks++;
    entry.validMap[0] |= 0x80;
  }),
  'total-blocks': counted((image) => image.checkpoint((cp) => cp.validBlockCount++)),
  'total-nodes': counted((image) => image.checkpoint((cp) => cp.validNodeCount++)),
  'total-inodes': counted((image) => image.checkpoint((cp) => cp.validInodeCount++)),
  'quota-size': quotaFile(() => {}, 2000),
  'quota-magic': quotaFile((file) => file.setUint32(0, QUOTA_MAGICS[1], true)),
  'quota-blocks': quotaFile((file) => file.setUint32(QuotaHeader.offsets.blocks, 7, true)),
  'quota-reference': quotaFile((file) => file.setUint32(QT_BLOCK_SIZE, 6, true)),
  'quota-entry': quotaFile((file) => file.setUint32(5 * QT_BLOCK_SIZE + QuotaBlockHeader.size, 1, true)),
  'quota-free-entry': quotaFile((file) =>
    file.setUint16(5 * QT_BLOCK_SIZE + QuotaBlockHeader.offsets.entries, 2, true),
  ),
};

/** Why nothing meets them. */
const UNMET: Partial<Record<FaultKind, string>> = {
  'quota-kind': 'told by a warning: test/fs/quota.test.ts',
  'page-unreserved': 'pages are reserved before they are written: it would be a bug',
  'cluster-unreserved': 'clusters are reserved before they are written: it would be a bug',
  'cluster-released': 'a released file is not written: it would be a bug',
  'directory-levels': 'a directory of so many levels is larger than a file can be',
  'summary-no-dnode':
    'the summary of an indirect node would have to agree with the NAT in its version: by the fuzz only',
  'fsynced-compressed': 'no fsync is of a compressed file, whose fsync is a checkpoint',
  'fsynced-block-in-use': 'a summary that names another block would have to agree with the NAT: by the fuzz only',
  'verity-location': 'no base has a file under verity: test/fs/verity.test.ts',
  'verity-descriptor': 'no base has a file under verity: test/fs/verity.test.ts',
  'verity-inline': 'no base has a file under verity: test/fs/verity.test.ts',
  'verity-data': 'no base has a file under verity: test/fs/verity.test.ts',
  'verity-tree': 'no base has a file under verity: test/fs/verity.test.ts',
  'name-of-other': 'told by extract, by its words: test/extract/host.test.ts',
  'name-of-mode': 'an open file is a directory, a file, a symlink or a special one: it would be a bug',
  'name-escapes': 'told by extract, by its words: test/extract/host-writer.test.ts',
  'bench-recovered': 'a check of the benchmark of itself: it would be a bug',
  'bench-contents': 'a check of the benchmark of itself: it would be a bug',
};

describe('a case of its own', () => {
  test.each(Object.entries(CASES))('%s', (kind, meet) => {
    expect(meet()).toContain(kind);
  });
});

test('every kind has a recipe or a case, or is known to have none', () => {
  const diagnoses: Record<string, string> = JSON.parse(
    readFileSync(new URL('diagnoses.json', import.meta.url), 'utf8'),
  );
  const ofRecipes = Object.values(diagnoses).map((diagnosis) => diagnosis.slice(diagnosis.lastIndexOf(' ') + 1));
  const met = new Set<string>([...ofRecipes, ...Object.keys(CASES)].filter((it) => FAULT_KINDS.includes(it as never)));
  expect(FAULT_KINDS.filter((kind) => !met.has(kind)).sort()).toEqual(Object.keys(UNMET).sort());
});

/** Several faults in one block, in the order in which they are told. */
const SEVERAL: [name: string, kinds: FaultKind[], check: (report: Report) => unknown][] = [
  [
    'superblock',
    ['superblock-magic', 'superblock-checksum', 'superblock-zone-sections', 'superblock-reserved-inodes'],
    (report) => {
      const sb = new Superblock(viewOf(baseOf('default').bytes.slice(0, BLKSIZE)), SUPER_OFFSET);
      Object.assign(sb, { magic: 1, secsPerZone: 0, rootIno: 4 });
      checkSuperblock(sb, 0, BLKSIZE, 16384, report);
    },
  ],
  [
    'checkpoint',
    ['checkpoint-no-reserve', 'checkpoint-field-range', 'checkpoint-free-segments', 'checkpoint-summary-start'],
    (report) => {
      const { volume } = baseOf('default').fs;
      const cp = new Checkpoint(viewOf(volume.pack.block.slice()));
      Object.assign(cp, { rsvdSegmentCount: 0, userBlockCount: 2 ** 60, freeSegmentCount: 9999, cpPackStartSum: 0 });
      checkCheckpoint(cp, volume.layout, { blkaddr: volume.pack.blkaddr }, report);
    },
  ],
  [
    'SIT journal',
    ['sit-journal-segment', 'sit-journal-twice'],
    (report) => {
      const journal = new DataView(new ArrayBuffer(507));
      journal.setUint16(0, 3, true);
      for (const [i, segno] of [9999, 5, 5].entries()) journal.setUint32(2 + 78 * i, segno, true);
      checkSitJournal(journal, baseOf('default').fs.volume.layout, report);
    },
  ],
  [
    'NAT journal',
    ['node-range', 'nat-journal-twice', 'node-range'],
    (report) => {
      const journal = new DataView(new ArrayBuffer(507));
      journal.setUint16(0, 4, true);
      for (const [i, nid] of [0, 5, 5, 2 ** 32 - 1].entries()) journal.setUint32(2 + 13 * i, nid, true);
      checkNatJournal(journal, baseOf('default').fs.volume.layout, report);
    },
  ],
  [
    'list of orphans',
    ['orphan-range', 'orphan-range'],
    (report) => {
      const { layout, pack, orphans } = wornBase('orphans').fs.volume;
      const image = new DamagedImage(wornBase('orphans'));
      const list = viewOf(image.block(pack.blkaddr + 1 + layout.cpPayload));
      list.setUint32(0, 3, true);
      list.setUint32(4, 2 ** 32 - 1, true);
      const device = deviceOf(image.device());
      expect(readOrphans(device, layout, pack, report)).toHaveLength(orphans.size - 2);
    },
  ],
  [
    'SIT entry',
    ['sit-valid-blocks', 'sit-type'],
    (report) => checkSitEntry(new Uint8Array(74).fill(0xff, 0, 2), 0, 7, report),
  ],
  [
    'inode',
    ['inode-mode', 'inode-field-range', 'inode-extent', 'inode-name-length'],
    (report) => {
      const image = new DamagedImage(baseOf('default'));
      const { layout } = image;
      image.inode('/direct', ({ inode, extra }) => {
        Object.assign(inode, { iMode: 0, iSize: 2 ** 60, extLen: 1, extBlk: 1, iNamelen: 256 });
        checkInode(image.ino('/direct'), inode, extra, layout, report);
      });
    },
  ],
  [
    'dentry block',
    ['dentry-type', 'dentry-inode'],
    (report) => {
      const image = new DamagedImage(baseOf('default'));
      const bytes = image.block(hashedBlock(image)).slice();
      const area = DentryArea.block(bytes);
      Object.assign(area.at(0).entry, { fileType: 99 });
      Object.assign(area.at(1).entry, { ino: 0 });
      const dir = { ino: image.ino('/hashed'), isEncrypted: false, foldsCase: false };
      let nrEntries = 0;
      const visit = () => ++nrEntries < 0;
      readDentries(dir, image.layout, bytes, viewOf(bytes), 0, DENTRY_BLOCK, report, visit);
      // The dots were passed over, the rest was not.
      expect(nrEntries).toBeGreaterThan(90);
    },
  ],
  [
    'xattr list',
    ['xattr-magic'],
    (report) => expect(readXattrs(new Uint8Array(200).fill(7), false, 9, report)).toEqual([]),
  ],
];

test.each(SEVERAL)('one check tells all that is wrong with a %s, or throws the first', (_name, kinds, check) => {
  expect(reportedBy(check)).toEqual(kinds);
  expect(thrownBy(() => check(throwFault))).toBe(kinds[0]);
});

test('TypeScript refuses a kind that there is not, and what a kind does not take', () => {
  // @ts-expect-error no such kind
  expect(() => corrupt('inode-colour', { ino: 9 })).toThrow();
  // @ts-expect-error a place that lacks its inode
  corrupt('inode-mode', {}, 0);
  // @ts-expect-error no data
  corrupt('inode-links', { ino: 9 });
  // @ts-expect-error data of another type
  corrupt('inode-links', { ino: 9 }, 'two');
  // @ts-expect-error too much data
  corrupt('inode-links', { ino: 9 }, 2, 3);
  expect(corrupt('inode-mode', { ino: 9 }, 0)).toMatchObject({ code: 'EUCLEAN', ino: 9, fault: 'inode-mode' });
});

test('a sound volume passes the census', () => {
  expect(counted(() => {})()).toEqual([]);
});
