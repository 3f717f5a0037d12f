// Workloads that fsync files between checkpoints. Those that lost data in the kernel's F2FS are told by what was lost.

import { parseCodec } from '../../../src/compress/algorithms.ts';
import { BLKSIZE } from '../../../src/device/device.ts';
import { content, type Workload } from '../session.ts';
import { text } from './basic.ts';

export const FSYNC: readonly Workload[] = [
  {
    name: 'new files, each fsynced',
    run: (s) => {
      s.mkdir('d');
      s.sync();
      for (let i = 0; i < 8; i++) {
        s.create(`d/${i}`, content(i * 1500, i));
        s.fsync(`d/${i}`);
      }
      s.create('d/not kept', content(100, 20));
      s.create('d/kept', content(3 * BLKSIZE, 21));
      s.fsync('d/kept');
      s.append('d/kept', content(100, 22));
    },
  },
  {
    name: 'append and fsync',
    prepare: (fs) => fs.writeFile('/log', content(50, 1)),
    run: (s) => {
      s.sync();
      for (let i = 0; i < 24; i++) {
        s.append('log', content(200 + 300 * i, i));
        if (i % 5 === 4) s.fdatasync('log');
        else s.fsync('log');
        if (i === 12) s.sync();
      }
      s.append('log', content(9000, 40));
    },
  },
  {
    name: 'overwrite and fsync',
    prepare: (fs) => fs.writeFile('/a', content(40 * BLKSIZE, 1)),
    run: (s) => {
      s.sync();
      for (let i = 0; i < 8; i++) {
        s.write('a', content(2 * BLKSIZE + 100, 10 + i), 4 * i * BLKSIZE + 50);
        s.fsync('a');
        s.write('a', content(12 * BLKSIZE, 30 + i), 2 * i * BLKSIZE);
        if (i % 2 === 0) s.fsync('a');
        else s.fdatasync('a');
      }
      s.write('a', content(40 * BLKSIZE, 60), 0);
    },
  },
  {
    name: 'overwrite and fsync, log-structured',
    mount: { mode: 'lfs' },
    prepare: (fs) => fs.writeFile('/a', content(40 * BLKSIZE, 1)),
    run: (s) => {
      s.sync();
      for (let i = 0; i < 8; i++) {
        s.write('a', content(2 * BLKSIZE + 100, 10 + i), 4 * i * BLKSIZE + 50);
        s.fsync('a');
        s.write('a', content(5 * BLKSIZE, 30 + i), 2 * i * BLKSIZE);
        s.fdatasync('a');
      }
    },
  },
  {
    name: 'truncate and fsync',
    prepare: (fs) => {
      fs.writeFile('/a', content(40 * BLKSIZE, 1));
      fs.writeFile('/b', content(2000, 2));
    },
    run: (s) => {
      s.sync();
      s.truncate('a', 11 * BLKSIZE + 9);
      s.fsync('a');
      s.truncate('b', 100);
      s.fsync('b');
      s.truncate('a', 60 * BLKSIZE);
      s.fdatasync('a');
      s.append('b', content(12_000, 3));
      s.truncate('a', 0);
      s.fsync('a');
      s.append('a', content(9000, 4));
      s.fsync('b');
      s.fsync('a');
      s.truncate('b', 5000);
      s.write('b', content(10, 5), 9000);
      s.fsync('b');
    },
  },
  {
    name: 'punch and fsync',
    prepare: (fs) => fs.writeFile('/a', content(40 * BLKSIZE, 1)),
    run: (s) => {
      s.sync();
      for (let i = 0; i < 5; i++) {
        s.punch('a', (3 + 7 * i) * BLKSIZE + 100 * i, 3 * BLKSIZE);
        s.fsync('a');
        s.write('a', content(BLKSIZE, 10 + i), (4 + 7 * i) * BLKSIZE);
        s.fdatasync('a');
      }
    },
  },
  {
    name: 'several files fsynced by turns',
    prepare: (fs) => {
      for (let i = 0; i < 4; i++) fs.writeFile(`/${i}`, content(3000 * i, i));
    },
    run: (s) => {
      s.sync();
      for (let i = 0; i < 16; i++) {
        s.append(`${i % 4}`, content(700 * (1 + (i % 3)), i));
        s.append(`${(i + 1) % 4}`, content(5000, 100 + i));
        s.fsync(`${i % 4}`);
      }
    },
  },
  {
    name: 'link, unlink and fsync',
    prepare: (fs) => {
      fs.writeFile('/a', content(6000, 1));
      fs.mkdir('/d');
    },
    run: (s) => {
      s.sync();
      s.link('a', 'd/b');
      s.fsync('d/b');
      s.append('a', content(100, 2));
      s.fsync('a');
      s.unlink('a');
      s.fsync('d/b');
      s.append('d/b', content(5000, 3));
      s.fsync('d/b');
      s.link('d/b', 'c');
      s.unlink('d/b');
      s.append('c', content(50, 4));
      s.fsync('c');
    },
  },
  {
    name: 'a name unlinked, made again and fsynced',
    prepare: (fs) => {
      fs.mkdir('/d');
      fs.writeFile('/d/a', content(6000, 1));
    },
    run: (s) => {
      s.sync();
      s.append('d/a', content(100, 2));
      s.fsync('d/a');
      s.unlink('d/a');
      s.create('d/a', content(9000, 3));
      s.fsync('d/a');
      s.unlink('d/a');
      s.create('d/a', content(50, 4));
      s.create('d/b', content(60, 5));
      s.fsync('d/a');
      s.fsync('d/b');
      s.unlink('d/b');
      s.create('d/c', content(70, 6));
      s.fsync('d/c');
    },
  },
  {
    name: 'xattrs and fsync',
    prepare: (fs) => {
      for (const name of ['a', 'b']) fs.writeFile(`/${name}`, content(5000, 1));
    },
    run: (s) => {
      s.sync();
      s.setXattr('a', 'user.small', content(20, 1));
      s.fsync('a');
      s.setXattr('b', 'user.large', content(2500, 2));
      s.fsync('b');
      s.setXattr('a', 'user.small', content(1500, 3));
      s.fsync('a');
      s.setXattr('b', 'user.large', null);
      s.append('b', content(100, 4));
      s.fsync('b');
      s.setXattr('b', 'user.large', content(2000, 5));
      s.create('c', content(100, 6));
      s.setXattr('c', 'user.new', content(1000, 7));
      s.fsync('c');
      s.fsync('b');
    },
  },
  {
    name: 'attributes and fsync',
    prepare: (fs) => {
      fs.writeFile('/a', content(5000, 1));
      fs.mkdir('/d');
    },
    run: (s) => {
      s.sync();
      s.setAttributes('a', { mode: 0o600, uid: 7, gid: 70000 });
      s.fsync('a');
      s.setAttributes('a', { mtime: { sec: -3, nsec: 5 } });
      s.fsync('a');
      s.setAttributes('a', { mode: 0o4755 });
      s.fdatasync('a');
      s.setAttributes('d', { mode: 0o1777 });
      s.fsync('d');
      s.symlink('target', 'd/link');
      s.fsync('d');
    },
  },
  {
    name: 'far pages and fsync',
    weight: 0.3,
    mount: { cacheBytes: 16 << 20 },
    prepare: (fs) => {
      fs.writeFile('/sparse', content(100, 1));
      using file = fs.openFile('/sparse');
      file.write(content(3 * BLKSIZE, 2), 900 * BLKSIZE);
    },
    run: (s) => {
      s.sync();
      s.write('sparse', content(2 * BLKSIZE, 3), 904 * BLKSIZE);
      s.fsync('sparse');
      s.write('sparse', content(BLKSIZE, 4), 2000 * BLKSIZE);
      s.write('sparse', content(BLKSIZE, 5), 2950 * BLKSIZE);
      s.fsync('sparse');
      s.write('sparse', content(12 * BLKSIZE, 6), 899 * BLKSIZE);
      s.fdatasync('sparse');
      s.truncate('sparse', 901 * BLKSIZE);
      s.fsync('sparse');
    },
  },
  {
    name: 'a directory that grows under fsync',
    prepare: (fs) => fs.mkdir('/big'),
    run: (s) => {
      s.sync();
      for (let i = 0; i < 80; i++) {
        s.create(`big/a name that takes several slots ${i}`, content(10 * i, i));
        if (i % 4 === 0) s.fsync(`big/a name that takes several slots ${i}`);
        if (i % 30 === 29) s.sync();
      }
    },
  },
  {
    name: 'owners with quotas',
    format: { features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'lost_found', 'quota', 'project_quota'] },
    prepare: (fs) => {
      fs.mkdir('/p');
      using dir = fs.openDirectory('/p');
      dir.setProjectId(7);
      dir.setFlags(['projinherit']);
    },
    run: (s) => {
      s.sync();
      for (let i = 0; i < 20; i++) s.create(`p/${i}`, content(1500 * i, i), { uid: 70_001 * i, gid: i % 3 });
      s.fsync('p/3');
      s.sync();
      s.setAttributes('p/19', { uid: 1, gid: 2_000_000 });
      s.fsync('p/19');
      s.append('p/5', content(9000, 30));
      s.fsync('p/5');
      s.create('p/new', content(8000, 31), { uid: 3_000_000 });
      s.fsync('p/new');
      for (let i = 10; i < 15; i++) s.unlink(`p/${i}`);
      s.sync();
      s.truncate('p/19', 5000);
      s.create('p/other', content(3000, 32), { uid: 4_000_000 });
      s.sync();
    },
  },
  {
    name: 'compressed files and fsync',
    format: {
      features: ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'],
    },
    mount: { cacheBytes: 16 << 20, compress: { codec: parseCodec('lz4'), extensions: ['txt'] } },
    run: (s) => {
      s.create('a.txt', text(20 * BLKSIZE, 1));
      s.fsync('a.txt');
      s.write('a.txt', text(6 * BLKSIZE, 2), 3 * BLKSIZE + 8);
      s.create('plain', content(5000, 3));
      s.fsync('plain');
      s.fsync('a.txt');
      s.append('a.txt', text(9 * BLKSIZE, 4));
      s.fdatasync('a.txt');
      s.truncate('a.txt', 5 * BLKSIZE);
      s.fsync('plain');
    },
  },
  {
    name: 'fsync of files that were mounted again',
    run: (s) => {
      for (let i = 0; i < 3; i++) {
        s.create(`file ${i}`, content(3000 * (i + 1), i));
        s.fsync(`file ${i}`);
        if (i > 0) s.append(`file ${i - 1}`, content(5000, 10 + i));
        if (i > 0) s.fsync(`file ${i - 1}`);
        s.append(`file ${i}`, content(500, 20 + i));
        s.fsync(`file ${i}`);
        s.remount();
      }
    },
  },
];
