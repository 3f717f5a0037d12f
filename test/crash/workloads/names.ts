// Workloads of names: renamed, exchanged, removed.
import { BLKSIZE } from '../../../src/device/device.ts';
import { content, type Workload } from '../session.ts';

export const NAMES: readonly Workload[] = [
  {
    // The kernel lost foo: it was brought back into A, which is not there any more.
    name: 'a directory renamed, a file made in it and fsynced',
    run: (s) => {
      s.mkdir('A');
      s.sync();
      s.rename('A', 'B');
      s.create('B/foo', content(100, 1));
      s.fsync('B/foo');
      s.create('B/bar', content(9000, 2));
      s.fsync('B/bar');
      s.rename('B', 'A');
      s.append('A/foo', content(5000, 3));
      s.fsync('A/foo');
    },
  },
  {
    // The kernel had both names, or neither.
    name: 'rename over a file and fsync',
    prepare: (fs) => {
      fs.writeFile('/a', content(6000, 1));
      fs.writeFile('/b', content(9000, 2));
      fs.mkdir('/d');
    },
    run: (s) => {
      s.sync();
      s.rename('a', 'b');
      s.fsync('b');
      s.create('new', content(5000, 3));
      s.fsync('new');
      s.rename('new', 'b');
      s.append('b', content(100, 4));
      s.fsync('b');
      s.create('d/tmp', content(7000, 5));
      s.fsync('d/tmp');
      s.rename('d/tmp', 'd/settings');
      s.sync();
      s.create('d/tmp', content(8000, 6));
      s.fsync('d/tmp');
      s.rename('d/tmp', 'd/settings');
      s.create('d/tmp', content(100, 7));
      s.fsync('d/tmp');
    },
  },
  {
    // The kernel found the renamed file under its old name, and the new file nowhere.
    name: 'a file renamed, its name taken by a new one that is fsynced',
    prepare: (fs) => {
      fs.mkdir('/d');
      fs.writeFile('/d/foo', content(6000, 1));
    },
    run: (s) => {
      s.sync();
      s.rename('d/foo', 'd/bar');
      s.create('d/foo', content(3000, 2));
      s.fsync('d/foo');
      s.rename('d/bar', 'baz');
      s.create('d/bar', content(100, 3));
      s.fsync('d/bar');
      s.fsync('baz');
      s.link('baz', 'd/again');
      s.unlink('baz');
      s.create('baz', content(200, 4));
      s.fsync('baz');
    },
  },
  {
    name: 'rename within and across directories',
    prepare: (fs) => {
      for (const dir of ['/x', '/y', '/x/deep']) fs.mkdir(dir);
      fs.writeFile('/x/file', content(5000, 1));
      fs.writeFile('/x/deep/file', content(50, 2));
    },
    run: (s) => {
      s.rename('x/file', 'x/other');
      s.sync();
      s.rename('x/other', 'y/file');
      s.rename('x/deep', 'y/deep');
      s.sync();
      s.rename('y/deep', 'deep');
      s.rename('deep/file', 'y/file');
      s.mkdir('empty');
      s.sync();
      s.rename('deep', 'empty');
      s.sync();
      s.rename('y', 'x/y');
      s.sync();
    },
  },
  {
    name: 'names exchanged',
    prepare: (fs) => {
      for (const dir of ['/x', '/y', '/x/sub']) fs.mkdir(dir);
      fs.writeFile('/x/a', content(5000, 1));
      fs.writeFile('/y/b', content(50, 2));
    },
    run: (s) => {
      s.sync();
      s.exchange('x/a', 'y/b');
      s.sync();
      s.exchange('x/a', 'y/b');
      s.fsync('y/b');
      s.exchange('x/sub', 'y/b');
      s.sync();
      s.create('y/b/new', content(100, 3));
      s.unlink('y/b/new');
      s.exchange('x', 'y');
      s.sync();
      s.exchange('x/b', 'y/a');
    },
  },
  {
    name: 'directories made and removed',
    run: (s) => {
      for (let i = 0; i < 10; i++) {
        s.mkdir(`d${i}`);
        s.mkdir(`d${i}/sub`);
        if (i % 2 === 0) s.create(`d${i}/file`, content(300 * i, i));
        if (i > 2) {
          s.rmdir(`d${i - 2}/sub`);
          if (i % 2 === 0) s.unlink(`d${i - 2}/file`);
          s.rmdir(`d${i - 2}`);
        }
        if (i % 3 === 0) s.sync();
      }
      s.sync();
    },
  },
  {
    name: 'open files replaced by rename, and fsynced without a name',
    // In place, what is written to a file without a name would be seen under the name that it had.
    mount: { mode: 'lfs' },
    prepare: (fs) => {
      fs.writeFile('/a', content(9 * BLKSIZE, 1));
      fs.writeFile('/b', content(50, 2));
    },
    run: (s) => {
      s.sync();
      const a = s.fs.openFile('a');
      s.rename('b', 'a');
      s.step('write to the replaced file', 'change', [], () => a.write(content(5000, 3), 0));
      s.step('fsync the replaced file', 'change', [], () => a.fsync());
      s.fsync('a');
      s.sync();
      s.create('c', content(70, 4));
      s.fsync('c');
      s.step('close the replaced file', 'change', [], () => a.close());
      s.sync();
    },
  },
];
