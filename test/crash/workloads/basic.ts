// Workloads that are kept by checkpoints alone.

import { parseCodec } from '../../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../../src/device/device.ts';
import { Random } from '../../malformed/random.ts';
import { content, type Session, type Workload } from '../session.ts';

/** Bytes of which compression saves more than half. */
export function text(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length, 'all work and no play makes a dull file. ');
  for (let at = 0; at < length; at += 256) bytes.writeUInt32LE((Math.imul(at + 1, 0x9e3779b1) ^ seed) >>> 0, at & ~3);
  return bytes;
}

function acl(permissions: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32LE(2, 0);
  [1, 4, 32].forEach((tag, i) => {
    bytes.writeUInt16LE(tag, 4 + 8 * i);
    bytes.writeUInt16LE(permissions, 6 + 8 * i);
    bytes.writeUInt32LE(0xffffffff, 8 + 8 * i);
  });
  return bytes;
}

function churn(s: Session, seed: number, rounds: number): void {
  const random = new Random(seed);
  const files: string[] = [];
  for (let i = 0; i < rounds; i++) {
    if (files.length > 0 && random.below(3) === 0) {
      s.unlink(files.splice(random.below(files.length), 1)[0]);
    } else {
      const path = `churn/${random.below(1000)}-${i}`;
      s.create(path, content(1 + random.below(5 * BLKSIZE), i));
      files.push(path);
    }
    if (random.below(6) === 0) s.sync();
  }
}

export const BASIC: readonly Workload[] = [
  {
    name: 'create and sync',
    run: (s) => {
      s.mkdir('a');
      s.create('a/one', content(100, 1));
      s.create('a/two', content(3 * BLKSIZE + 7, 2));
      s.sync();
      s.create('three', content(9000, 3));
      s.mkdir('a/b');
      s.create('a/b/four', content(20 * BLKSIZE, 4));
      s.sync();
      s.write('a/two', content(BLKSIZE, 5), BLKSIZE);
      s.create('unsynced', content(5000, 6));
    },
  },
  {
    name: 'create and delete with syncs',
    run: (s) => {
      s.mkdir('churn');
      churn(s, 11, 40);
    },
  },
  {
    name: 'create and delete, page engine',
    mount: { engine: 'pages' },
    run: (s) => {
      s.mkdir('churn');
      churn(s, 12, 30);
    },
  },
  {
    name: 'more inodes than the NAT journal holds',
    run: (s) => {
      for (let round = 0; round < 3; round++) {
        s.mkdir(`d${round}`);
        for (let i = 0; i < 30; i++) s.create(`d${round}/${i}`);
        s.sync();
      }
      for (let i = 0; i < 30; i += 2) s.unlink(`d1/${i}`);
      s.sync();
      s.remount();
      for (let i = 0; i < 20; i++) s.create(`d1/new ${i}`, content(50, i));
      s.sync();
    },
  },
  {
    name: 'a directory grows and shrinks',
    run: (s) => {
      s.mkdir('big');
      const name = (i: number) => `big/a name that takes several slots ${i}`;
      for (let i = 0; i < 120; i++) {
        s.create(name(i));
        if (i % 30 === 29) s.sync();
      }
      for (let i = 0; i < 100; i++) s.unlink(name(i));
      s.sync();
      for (let i = 0; i < 10; i++) s.create(`big/${i}`);
      s.sync();
    },
  },
  {
    name: 'link and unlink',
    prepare: (fs) => {
      fs.writeFile('/shared', content(5000, 1));
      fs.mkdir('/d');
    },
    run: (s) => {
      for (let i = 0; i < 8; i++) s.link('shared', `d/link ${i}`);
      s.sync();
      for (let i = 0; i < 4; i++) s.unlink(`d/link ${i}`);
      s.unlink('shared');
      s.sync();
      s.write('d/link 5', content(BLKSIZE, 2), 0);
      for (let i = 4; i < 8; i++) s.unlink(`d/link ${i}`);
      s.sync();
      s.create('shared', content(50, 3));
    },
  },
  {
    name: 'symlinks and special files',
    run: (s) => {
      for (let i = 0; i < 5; i++) s.symlink(`target ${i}`, `short ${i}`);
      s.symlink('x/'.repeat(2000), 'long');
      s.sync();
      s.unlink('long');
      s.unlink('short 1');
      s.step('mknod', 'change', ['pipe', 'device'], (fs) => {
        fs.mknod('pipe', 'fifo');
        fs.mknod('device', 'char', {}, { major: 5, minor: 1 });
      });
      s.sync();
      s.symlink('y/'.repeat(1900), 'long');
      s.unlink('pipe');
      s.sync();
    },
  },
  {
    name: 'xattrs',
    prepare: (fs) => {
      for (const name of ['a', 'b', 'c']) fs.writeFile(`/${name}`, content(200, 1));
    },
    run: (s) => {
      s.setXattr('a', 'user.small', content(20, 1));
      s.setXattr('b', 'user.large', content(2500, 2));
      s.setXattr('c', 'system.posix_acl_access', acl(6));
      s.sync();
      s.setXattr('a', 'user.small', content(900, 3));
      s.setXattr('b', 'user.large', null);
      s.setXattr('c', 'system.posix_acl_access', acl(4));
      s.sync();
      s.setXattr('a', 'user.other', content(100, 4));
      s.setXattr('a', 'user.small', null);
      s.mkdir('d');
      s.setXattr('d', 'system.posix_acl_default', acl(7));
      s.create('d/inherits');
      s.sync();
      s.unlink('a');
      s.sync();
    },
  },
  {
    name: 'attributes',
    prepare: (fs) => {
      fs.writeFile('/a', content(200, 1));
      fs.mkdir('/d');
    },
    run: (s) => {
      s.setAttributes('a', { mode: 0o4711, uid: 70000, gid: 3 });
      s.setAttributes('d', { mode: 0o1777, mtime: { sec: 5, nsec: 7 } });
      s.sync();
      s.setAttributes('a', { mtime: { sec: -5, nsec: 999_999_999 } });
      s.setAttributes('d', { uid: 9 });
      s.sync();
      s.setAttributes('a', { mode: 0o600 });
    },
  },
  {
    name: 'truncate up and down',
    prepare: (fs) => {
      fs.writeFile('/a', content(40 * BLKSIZE, 1));
      fs.writeFile('/b', content(3000, 2));
    },
    run: (s) => {
      s.truncate('a', 10 * BLKSIZE + 5);
      s.truncate('b', 9000);
      s.sync();
      s.truncate('a', 30 * BLKSIZE);
      s.write('a', content(BLKSIZE, 3), 20 * BLKSIZE + 100);
      s.truncate('b', 10);
      s.sync();
      s.truncate('a', 0);
      s.append('b', content(10_000, 4));
      s.sync();
      s.append('a', content(100, 5));
    },
  },
  {
    name: 'far pages and their nodes',
    weight: 0.3,
    run: (s) => {
      s.create('sparse');
      for (const page of [0, 900, 2000, 2950]) s.write('sparse', content(BLKSIZE, page), page * BLKSIZE);
      s.sync();
      s.punch('sparse', 2000 * BLKSIZE, BLKSIZE);
      s.write('sparse', content(2 * BLKSIZE, 7), 2950 * BLKSIZE);
      s.sync();
      s.truncate('sparse', 950 * BLKSIZE);
      s.sync();
      s.write('sparse', content(BLKSIZE, 8), 2001 * BLKSIZE);
      s.sync();
    },
    mount: { cacheBytes: 16 << 20 },
  },
  {
    name: 'punch holes',
    prepare: (fs) => fs.writeFile('/a', content(60 * BLKSIZE, 1)),
    run: (s) => {
      s.punch('a', 10 * BLKSIZE, 5 * BLKSIZE);
      s.punch('a', 30 * BLKSIZE + 100, 2 * BLKSIZE);
      s.sync();
      s.write('a', content(4 * BLKSIZE, 2), 12 * BLKSIZE);
      s.punch('a', 50 * BLKSIZE, 50 * BLKSIZE);
      s.sync();
      s.punch('a', 0, 60 * BLKSIZE);
      s.sync();
    },
  },
  {
    name: 'overwrite in place',
    mount: { ipuPolicies: ['force'] },
    prepare: (fs) => {
      fs.writeFile('/a', content(20 * BLKSIZE, 1));
      fs.writeFile('/b.mp3', content(10 * BLKSIZE, 2));
    },
    run: (s) => {
      for (let i = 0; i < 6; i++) {
        s.write('a', content(3 * BLKSIZE, 10 + i), 2 * i * BLKSIZE);
        s.write('b.mp3', content(700, 30 + i), i * BLKSIZE + 50);
        if (i % 2 === 1) s.sync();
      }
      s.append('a', content(5 * BLKSIZE, 50));
      s.sync();
      s.write('a', content(24 * BLKSIZE, 60), 0);
      s.step('write back', 'change', [], (fs) => fs.writeBack());
    },
  },
  {
    name: 'log-structured overwrites, whole and in part',
    mount: { mode: 'lfs' },
    prepare: (fs) => fs.writeFile('/a', content(100 * BLKSIZE, 1)),
    run: (s) => {
      for (let i = 0; i < 5; i++) {
        s.write('a', content(60 * BLKSIZE, 10 + i), 8 * i * BLKSIZE);
        s.sync();
        s.write('a', content(10, 20 + i), 50 * BLKSIZE + 7);
        s.step('write back', 'change', [], (fs) => fs.writeBack());
      }
    },
  },
  {
    name: 'more data than may be dirty',
    weight: 0.3,
    nrBlocks: 32768,
    run: (s) => {
      s.create('large', content(700 * BLKSIZE, 1));
      s.create('beside', content(100, 2));
      s.write('large', content(500 * BLKSIZE, 3), 300 * BLKSIZE);
      s.sync();
      s.unlink('large');
      s.sync();
      s.create('again', content(400 * BLKSIZE, 4));
    },
  },
  {
    name: 'compressed files',
    format: {
      features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'],
    },
    mount: { cacheBytes: 16 << 20, compress: { codec: parseCodec('lz4'), extensions: ['txt'] } },
    run: (s) => {
      s.create('a.txt', text(40 * BLKSIZE, 1));
      s.create('b.txt', text(7 * BLKSIZE + 100, 2));
      s.sync();
      s.write('a.txt', text(5 * BLKSIZE, 3), 6 * BLKSIZE + 10);
      s.write('a.txt', content(4 * BLKSIZE, 4), 20 * BLKSIZE);
      s.sync();
      s.truncate('a.txt', 9 * BLKSIZE + 1);
      s.append('b.txt', text(10 * BLKSIZE, 5));
      s.sync();
      s.unlink('a.txt');
      s.create('c.txt', text(16 * BLKSIZE, 6));
      s.sync();
    },
  },
  {
    name: 'unmounted and mounted again and again',
    run: (s) => {
      for (let i = 0; i < 4; i++) {
        s.create(`file ${i}`, content(3000 * (i + 1), i));
        s.sync();
        s.mkdir(`dir ${i}`);
        s.remount();
        if (i > 0) s.unlink(`file ${i - 1}`);
      }
    },
  },
  {
    name: 'open files without a name',
    prepare: (fs) => {
      for (const name of ['a', 'b', 'c']) fs.writeFile(`/${name}`, content(12 * BLKSIZE, 1));
    },
    run: (s) => {
      const a = s.fs.openFile('a');
      const b = s.fs.openFile('b');
      s.unlink('a');
      s.sync();
      s.step('write to an open file without a name', 'change', [], () => a.write(content(9000, 2), 0));
      s.unlink('b');
      s.sync();
      s.create('a', content(70, 3));
      s.step('close the first', 'change', [], () => a.close());
      s.sync();
      s.step('close the second', 'change', [], () => b.close());
      s.create('d', content(7000, 3));
      s.sync();
    },
  },
];
