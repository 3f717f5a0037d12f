// Volumes with a past: let go of without an unmount, with open files that have no name (orphans) or with nodes that fsync wrote
// after the last checkpoint (a chain to roll forward); or full of holes, for a cleaner to find its way by the SSA.
import { BLKSIZE } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { type Base, baseOn, pattern } from './base.ts';

const NR_BLOCKS = 16384;
const TIMESTAMP = 1_700_000_000;
/** Files that are unlinked while they are open: in the inode alone, with blocks, with nodes and xattrs. */
export const ORPHANS = ['/orphan inline', '/orphan direct', '/orphan wide'] as const;

function keep(fs: FileSystem): void {
  fs.mkdir('/kept');
  for (let i = 0; i < 20; i++) fs.writeFile(`/kept/file ${i}`, pattern(300 * i * i, i));
  fs.mkdir('/kept/directory');
  fs.writeFile('/kept/directory/file', pattern(5 * BLKSIZE, 50));
  fs.writeFile('/overwritten', pattern(30 * BLKSIZE, 51));
  fs.writeFile('/wide', new Uint8Array(0));
  using wide = fs.openFile('/wide');
  for (let page = 0; page < 2000; page += 90) wide.write(pattern(BLKSIZE, page), page * BLKSIZE);
}

function leaveOrphans(fs: FileSystem): void {
  fs.writeFile(ORPHANS[0], pattern(200, 1));
  fs.writeFile(ORPHANS[1], pattern(12 * BLKSIZE, 2));
  fs.writeFile(ORPHANS[2], pattern(BLKSIZE, 3));
  fs.setXattr(ORPHANS[2], 'user.large', pattern(2500, 4));
  const files = ORPHANS.map((path) => fs.openFile(path));
  files[2].write(pattern(20 * BLKSIZE, 5), 900 * BLKSIZE);
  fs.sync();
  for (const path of ORPHANS) fs.unlink(path);
  fs.sync();
}

/** Files that fsync left in the chain after the checkpoint: new ones, one with pages written anew, one by its nodes. */
export const FSYNCED = ['/fsynced', '/kept/fsynced inline', '/overwritten', '/wide'] as const;

function leaveChain(fs: FileSystem): void {
  // Roll-forward goes by the version of a checkpoint of this mount.
  fs.sync();
  const fsync = (path: string, change: (file: FileHandle) => void) => {
    using file = fs.openFile(path);
    change(file);
    file.fsync();
  };
  fs.writeFile(FSYNCED[0], pattern(6 * BLKSIZE, 1));
  fsync(FSYNCED[0], () => {});
  fs.writeFile(FSYNCED[1], pattern(300, 2));
  fsync(FSYNCED[1], () => {});
  fsync(FSYNCED[2], (file) => file.write(pattern(14 * BLKSIZE, 3), 5 * BLKSIZE));
  fsync(FSYNCED[3], (file) => {
    file.write(pattern(11 * BLKSIZE, 4), 1000 * BLKSIZE);
    file.write(pattern(2 * BLKSIZE, 5), 1950 * BLKSIZE);
  });
  fs.setXattr(FSYNCED[0], 'user.note', pattern(40, 6));
  fsync(FSYNCED[0], (file) => file.truncate(2 * BLKSIZE + 9));
  // Written, but not by fsync: it is not to come back.
  fs.writeFile('/unsynced', pattern(5 * BLKSIZE, 7));
  fs.writeBack();
}

/** Fills several segments of files and nodes, then removes two of three. */
function fragment(fs: FileSystem): void {
  const path = (i: number) => `/worn ${i % 8}/file ${i}`;
  for (let i = 0; i < 8; i++) fs.mkdir(`/worn ${i}`);
  for (let i = 0; i < 1000; i++) {
    fs.writeFile(path(i), pattern(i % 5 === 0 ? 6 * BLKSIZE + i : i % 300, i));
    if (i % 300 === 0) fs.sync();
  }
  fs.sync();
  for (let i = 0; i < 1000; i++) if (i % 3 !== 0) fs.unlink(path(i));
  fs.sync();
}

const PASTS = { orphans: leaveOrphans, chain: leaveChain, worn: fragment } as const;
export type WornName = keyof typeof PASTS;
export const WORN_NAMES = Object.keys(PASTS) as WornName[];

const made = new Map<WornName, Base>();

/** Such a volume by its name, made on first use. */
export function wornBase(name: WornName): Base {
  const known = made.get(name);
  if (known !== undefined) return known;
  const device = new MemoryDevice(NR_BLOCKS);
  format(device, { uuid: 'b5b1a1f6-5d0e-4a43-9c0a-3c6cf2f52010', timestamp: TIMESTAMP });
  const clock = { now: () => ({ sec: TIMESTAMP, nsec: 0 }), cacheBytes: 16 << 20 };
  {
    using fs = mount(device, clock);
    keep(fs);
  }
  const fs = mount(device, clock);
  PASTS[name](fs);
  fs.abandon();
  const bytes = new Uint8Array(NR_BLOCKS * BLKSIZE);
  device.read(0, bytes);
  const base = baseOn(name, device, bytes);
  made.set(name, base);
  return base;
}
