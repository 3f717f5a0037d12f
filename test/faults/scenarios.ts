// What is done to a volume while its device fails. Each keeps to few calls of the device, so that every one of them can fail.
import { parseCodec } from '../../src/compress/algorithms.ts';
import { F2fsError } from '../../src/errors.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import type { Scenario } from './trial.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** `length` bytes that are not all the same, others for each seed. */
function bytes(length: number, seed: number): Uint8Array {
  const into = new Uint8Array(length);
  for (let i = 0, state = seed + 1; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    into[i] = state >>> 24;
  }
  return into;
}

/** Bytes that compress to a third or so. */
function text(length: number, seed: number): Uint8Array {
  return bytes(length, seed).map((byte, i) => (i % 3 === 0 ? byte : 0x61 + (i % 7)));
}

function files(fs: FileSystem, dir: string, count: number, size: number): void {
  fs.mkdir(dir);
  for (let i = 0; i < count; i++) fs.writeFile(`${dir}/f${i}`, bytes(size + i, i));
}

function patch(fs: FileSystem, path: string, at: number, content: Uint8Array): void {
  using file = fs.openFile(path);
  file.write(content, at);
}

const COMPRESSION = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression'];
const COMPRESS: MountOptions = {
  cacheBytes: 16 * MIB,
  compress: { codec: parseCodec('lz4'), clusterPages: 4, extensions: ['*'], checksum: true },
};

/** A tree of a bit of everything. */
function mixed(fs: FileSystem): void {
  files(fs, '/dir', 12, 3000);
  files(fs, '/other', 3, 20 * KIB);
  fs.mkdir('/dir/sub');
  fs.writeFile('/dir/sub/large', bytes(300 * KIB, 99));
  fs.symlink('dir/f1', '/link');
  fs.link('/dir/f2', '/hard');
  fs.mknod('/fifo', 'fifo');
  fs.setXattr('/dir/f3', 'user.small', bytes(20, 1));
  fs.setXattr('/dir/f4', 'user.large', bytes(2000, 2));
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'mount and unmount', prepare: mixed, run: () => undefined },
  {
    name: 'list a tree',
    prepare: mixed,
    run: (fs) => {
      for (const dir of ['/', '/dir', '/dir/sub', '/other'])
        for (const { ino } of fs.readdir(dir)) fs.openInode(ino).stat();
    },
  },
  {
    name: 'read a file of several nodes',
    prepare: (fs) => fs.writeFile('/file', bytes(5 * MIB, 1)),
    run: (fs) => {
      using file = fs.openFile('/file');
      const into = new Uint8Array(100 * KIB);
      for (let at = 0; at < 5 * MIB; at += MIB / 2) file.read(into, at);
    },
  },
  {
    name: 'read xattrs, symlinks, devices',
    prepare: mixed,
    run: (fs) => {
      for (const path of ['/dir/f3', '/dir/f4']) fs.xattrs(path);
      fs.readlink('/link');
      fs.readFile('/link');
      fs.stat('/fifo');
    },
  },
  {
    name: 'a small file',
    run: (fs, kept) => {
      fs.writeFile('/small', bytes(100, 1));
      fs.sync();
      kept();
      fs.writeFile('/larger', bytes(10_000, 1));
    },
  },
  {
    name: 'a large file',
    prepare: mixed,
    run: (fs, kept) => {
      fs.writeFile('/large', bytes(6 * MIB, 5));
      fs.sync();
      kept();
    },
  },
  {
    name: 'overwrite',
    prepare: (fs) => fs.writeFile('/file', bytes(MIB, 1)),
    run: (fs, kept) => {
      patch(fs, '/file', 100 * KIB + 17, bytes(50 * KIB, 2));
      fs.sync();
      kept();
      patch(fs, '/file', 300 * KIB, bytes(5, 3));
      fs.sync();
      kept();
    },
  },
  {
    name: 'overwrite in place',
    options: { ipuPolicies: ['force'] },
    prepare: (fs) => fs.writeFile('/file', bytes(MIB, 1)),
    run: (fs, kept) => {
      patch(fs, '/file', 100 * KIB + 17, bytes(50 * KIB, 2));
      patch(fs, '/file', 600 * KIB, bytes(50 * KIB, 3));
      fs.sync();
      kept();
    },
    inPlace: ['/file'],
  },
  {
    name: 'many creates',
    prepare: mixed,
    run: (fs, kept) => {
      files(fs, '/new', 120, 10);
      fs.sync();
      kept();
      files(fs, '/newer', 60, 5000);
      fs.sync();
      kept();
    },
  },
  {
    name: 'directories',
    run: (fs, kept) => {
      for (let i = 0; i < 20; i++) fs.mkdir(`/d${i}`);
      fs.sync();
      kept();
      for (let i = 0; i < 20; i++) fs.mkdir(`/d0/${'s'.repeat(i + 1)}`);
      fs.sync();
      kept();
    },
  },
  {
    name: 'a directory that grows',
    run: (fs, kept) => {
      fs.mkdir('/dir');
      for (let i = 0; i < 400; i++) fs.mknod(`/dir/a longer name ${i}`, 'fifo');
      fs.sync();
      kept();
      for (let i = 0; i < 400; i += 2) fs.unlink(`/dir/a longer name ${i}`);
      fs.sync();
      kept();
    },
  },
  {
    name: 'unlink',
    prepare: mixed,
    run: (fs, kept) => {
      for (let i = 0; i < 12; i++) fs.unlink(`/dir/f${i}`);
      fs.unlink('/dir/sub/large');
      fs.sync();
      kept();
      fs.unlink('/hard');
      fs.unlink('/link');
      fs.unlink('/fifo');
    },
  },
  {
    name: 'hard links and symlinks',
    prepare: mixed,
    run: (fs, kept) => {
      fs.link('/dir/f0', '/again');
      fs.symlink('a/target', '/short');
      fs.symlink('t'.repeat(4000), '/long');
      fs.sync();
      kept();
      fs.unlink('/dir/f0');
    },
  },
  {
    name: 'device nodes',
    run: (fs, kept) => {
      fs.mknod('/char', 'char', {}, { major: 1, minor: 3 });
      fs.mknod('/block', 'block', { mode: 0o600 }, { major: 300, minor: 70_000 });
      fs.mknod('/socket', 'socket');
      fs.sync();
      kept();
    },
  },
  {
    name: 'attributes',
    prepare: mixed,
    run: (fs, kept) => {
      for (let i = 0; i < 12; i++)
        fs.setAttributes(`/dir/f${i}`, { mode: 0o600 + i, uid: i, mtime: { sec: i, nsec: 0 } });
      fs.sync();
      kept();
    },
  },
  {
    name: 'truncate',
    prepare: (fs) => {
      for (let i = 0; i < 4; i++) fs.writeFile(`/f${i}`, bytes((4 - i) * MIB, i));
    },
    run: (fs, kept) => {
      const sizes = [100 * KIB + 5, 5, 0, 9 * MIB];
      for (const [i, size] of sizes.entries()) fs.openFile(`/f${i}`).truncate(size);
      fs.sync();
      kept();
    },
  },
  {
    name: 'punch',
    prepare: (fs) => fs.writeFile('/file', bytes(5 * MIB, 1)),
    run: (fs, kept) => {
      using file = fs.openFile('/file');
      file.punch(5, 100 * KIB);
      file.punch(MIB, 3 * MIB);
      fs.sync();
      kept();
    },
  },
  {
    name: 'inline data that grows and shrinks',
    prepare: mixed,
    run: (fs, kept) => {
      for (let i = 0; i < 8; i++) patch(fs, `/dir/f${i}`, 3000, bytes(2000, i));
      fs.sync();
      kept();
      fs.openFile('/dir/f1').truncate(100);
    },
  },
  {
    name: 'xattrs',
    prepare: mixed,
    run: (fs, kept) => {
      fs.setXattr('/dir/f3', 'user.small', bytes(30, 3));
      fs.setXattr('/dir/f4', 'user.large', null);
      fs.setXattr('/dir/f5', 'user.large', bytes(3000, 4));
      fs.setXattr('/dir', 'trusted.dir', bytes(50, 5));
      fs.sync();
      kept();
    },
  },
  {
    name: 'write compressed',
    features: COMPRESSION,
    options: COMPRESS,
    run: (fs, kept) => {
      fs.writeFile('/text', text(500 * KIB, 1));
      fs.sync();
      kept();
      patch(fs, '/text', 100 * KIB, bytes(40 * KIB, 2));
      fs.sync();
      kept();
    },
  },
  {
    name: 'read compressed',
    features: COMPRESSION,
    options: COMPRESS,
    prepare: (fs) => fs.writeFile('/text', text(500 * KIB, 1)),
    run: (fs) => {
      fs.readFile('/text');
    },
  },
  {
    name: 'cut and punch compressed',
    features: COMPRESSION,
    options: COMPRESS,
    prepare: (fs) => {
      for (let i = 0; i < 3; i++) fs.writeFile(`/t${i}`, text(300 * KIB, i));
    },
    run: (fs, kept) => {
      fs.openFile('/t0').truncate(100 * KIB + 5);
      fs.openFile('/t1').punch(20 * KIB, 50 * KIB);
      fs.openFile('/t2').releaseBlocks();
      fs.sync();
      kept();
    },
  },
  {
    name: 'more than the cache holds',
    prepare: (fs) => fs.writeFile('/old', bytes(MIB, 1)),
    run: (fs, kept) => {
      for (let i = 0; i < 5; i++) fs.writeFile(`/f${i}`, bytes(2 * MIB, i));
      fs.readFile('/old');
      fs.sync();
      kept();
    },
  },
  {
    name: 'more than the cache holds, engine pages',
    options: { engine: 'pages' },
    prepare: (fs) => fs.writeFile('/old', bytes(MIB, 1)),
    run: (fs, kept) => {
      for (let i = 0; i < 3; i++) fs.writeFile(`/f${i}`, bytes(3 * MIB, i));
      fs.sync();
      kept();
    },
  },
  {
    name: 'checkpoints one after the other',
    prepare: mixed,
    run: (fs, kept) => {
      for (let i = 0; i < 4; i++) {
        fs.writeFile(`/dir/f${i}`, bytes(100 * i, i));
        fs.sync();
        kept();
      }
    },
  },
  {
    name: 'full tables, so that journals do not do',
    prepare: (fs) => files(fs, '/dir', 70, 10),
    run: (fs, kept) => {
      for (let i = 0; i < 70; i++) fs.setAttributes(`/dir/f${i}`, { uid: i });
      fs.sync();
      kept();
    },
  },
  {
    name: 'rename',
    prepare: mixed,
    run: (fs, kept) => {
      fs.rename('/dir/f0', '/dir/moved');
      fs.rename('/dir/f1', '/other/f1');
      fs.rename('/dir/sub', '/other/sub');
      fs.sync();
      kept();
      fs.rename('/other/f1', '/dir/moved', { exchange: true });
      fs.rename('/hard', '/other/sub/large');
    },
  },
  {
    name: 'rmdir and rm -r',
    prepare: (fs) => {
      mixed(fs);
      for (let i = 0; i < 10; i++) fs.mkdir(`/empty${i}`);
    },
    run: (fs, kept) => {
      for (let i = 0; i < 10; i++) fs.rmdir(`/empty${i}`);
      fs.sync();
      kept();
      fs.remove('/dir');
    },
  },
  {
    name: 'open files without a name',
    prepare: mixed,
    run: (fs, kept) => {
      const open = [0, 1, 2].map((i) => fs.openFile(`/other/f${i}`));
      for (let i = 0; i < 3; i++) fs.unlink(`/other/f${i}`);
      open[0].write(bytes(30 * KIB, 5), 10 * KIB);
      fs.sync();
      kept();
      open[0].close();
      open[1].truncate(5);
      open[1].close();
      fs.sync();
      kept();
      open[2].close();
    },
  },
  {
    name: 'files without a name at mount',
    prepare: (fs) => {
      mixed(fs);
      for (let i = 0; i < 5; i++) fs.openFile(`/dir/f${i}`);
      fs.openFile('/dir/sub/large');
      for (let i = 0; i < 5; i++) fs.unlink(`/dir/f${i}`);
      fs.unlink('/dir/sub/large');
      fs.sync();
      fs.abandon();
    },
    run: () => undefined,
  },
  {
    name: 'fsync of new files',
    prepare: mixed,
    run: (fs, kept) => {
      for (let i = 0; i < 3; i++) {
        fs.writeFile(`/new${i}`, bytes(5000 * i + 10, i));
        fs.fsync(`/new${i}`);
        kept();
      }
    },
  },
  {
    name: 'fsync of changes',
    prepare: mixed,
    run: (fs, kept) => {
      using file = fs.openFile('/other/f0');
      file.write(bytes(9000, 7), 5000);
      file.fsync();
      kept();
      file.truncate(100);
      file.fsync();
      kept();
      fs.setXattr('/other/f0', 'user.x', bytes(300, 1));
      file.fsync();
      kept();
    },
    inPlace: ['/other/f0'],
  },
  {
    name: 'append and fdatasync',
    run: (fs, kept) => {
      using file = fs.openFile('/log', { flags: 'a' });
      for (let i = 0; i < 4; i++) {
        file.append(bytes(1500, i));
        file.fdatasync();
        kept();
      }
    },
    inPlace: ['/log'],
  },
  {
    name: 'an fsync that is tried again',
    prepare: mixed,
    run: (fs, kept) => {
      using file = fs.openFile('/other/f1');
      file.write(bytes(60 * KIB, 7), 15_000);
      for (let tries = 1; ; tries++) {
        try {
          file.fsync();
          break;
        } catch (error) {
          if (!(error instanceof F2fsError) || error.code === 'EROFS' || tries === 3) throw error;
        }
      }
      kept();
    },
    inPlace: ['/other/f1'],
  },
  {
    name: 'fsync that needs a checkpoint',
    prepare: mixed,
    run: (fs, kept) => {
      fs.rename('/dir/f1', '/moved');
      fs.fsync('/moved');
      kept();
      fs.link('/moved', '/dir/linked');
      fs.fsync('/dir/linked');
      kept();
      fs.mkdir('/made');
      fs.fsync('/made');
      kept();
    },
  },
  {
    name: 'recovery at mount',
    prepare: (fs) => {
      mixed(fs);
      fs.sync();
      for (let i = 0; i < 4; i++) {
        fs.writeFile(`/dir/new${i}`, bytes(3000 * i, i));
        fs.fsync(`/dir/new${i}`);
      }
      patch(fs, '/dir/sub/large', 5000, bytes(90 * KIB, 1));
      fs.fsync('/dir/sub/large');
      fs.writeFile('/lost', bytes(100, 1));
      fs.abandon();
    },
    run: (fs, kept) => {
      fs.writeFile('/after', bytes(5000, 9));
      fs.sync();
      kept();
    },
  },
  {
    name: 'allocate and zero ranges',
    prepare: (fs) => fs.writeFile('/file', bytes(MIB, 1)),
    run: (fs, kept) => {
      using file = fs.openFile('/file');
      file.allocate(MIB - 5, 300 * KIB);
      file.zeroRange(10_000, 100_000);
      file.allocate(2 * MIB, MIB, { keepSize: true });
      fs.sync();
      kept();
      file.write(bytes(50 * KIB, 3), MIB + 7);
    },
  },
  {
    name: 'collapse and insert ranges',
    prepare: (fs) => fs.writeFile('/file', bytes(400 * KIB, 1)),
    run: (fs, kept) => {
      using file = fs.openFile('/file');
      file.collapseRange(40 * KIB, 8 * KIB);
      fs.sync();
      kept();
      file.insertRange(100 * KIB, 4 * MIB);
      fs.sync();
      kept();
    },
  },
  {
    name: 'ACLs',
    prepare: mixed,
    run: (fs, kept) => {
      fs.setXattr('/dir', 'system.posix_acl_default', acl(7, 5));
      fs.writeFile('/dir/inherits', bytes(10, 1));
      fs.setXattr('/dir/f1', 'system.posix_acl_access', acl(6, 4));
      fs.setAttributes('/dir/f1', { mode: 0o640 });
      fs.sync();
      kept();
    },
  },
  {
    name: 'cleaning',
    prepare: (fs) => {
      for (let i = 0; i < 40; i++) fs.writeFile(`/f${i}`, bytes(200 * KIB, i));
      fs.sync();
      for (let i = 0; i < 40; i++) if (i % 3 > 0) fs.unlink(`/f${i}`);
    },
    run: (fs, kept) => {
      fs.clean({ sections: 3 });
      fs.sync();
      kept();
    },
  },
  {
    name: 'writing when nearly full',
    prepare: (fs) => {
      const { freeBlocks } = fs.statfs();
      const count = Math.floor((freeBlocks * 0.9) / 26);
      for (let i = 0; i < count; i++) fs.writeFile(`/f${i}`, bytes(100 * KIB, i));
    },
    run: (fs, kept) => {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 120; i++) patch(fs, `/f${(i % 24) * 5}`, ((i + round) % 24) * 4096, bytes(4096, i + round));
        fs.sync();
        kept();
      }
    },
  },
];

/** An ACL as the host has it, with one named user; `group` and `user` are their permissions. */
function acl(user: number, group: number): Uint8Array {
  const entries: [tag: number, perm: number, id: number][] = [
    [0x01, 6, 0xffffffff],
    [0x02, user, 1000],
    [0x04, group, 0xffffffff],
    [0x10, 7, 0xffffffff],
    [0x20, 4, 0xffffffff],
  ];
  const into = Buffer.alloc(4 + 8 * entries.length);
  into.writeUInt32LE(2, 0);
  for (const [i, [tag, perm, id]] of entries.entries()) {
    into.writeUInt16LE(tag, 4 + 8 * i);
    into.writeUInt16LE(perm, 6 + 8 * i);
    into.writeUInt32LE(id, 8 + 8 * i);
  }
  return into;
}
