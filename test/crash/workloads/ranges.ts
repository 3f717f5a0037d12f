// Workloads of ranges: allocated, zeroed, taken out and put in.
import { BLKSIZE } from '../../../src/device/device.ts';
import { content, type Workload } from '../session.ts';

export const RANGES: readonly Workload[] = [
  {
    // The kernel lost the blocks past the end.
    name: 'zero a range past the end, keep the size, fdatasync',
    prepare: (fs) => fs.writeFile('/foo', content(2 * BLKSIZE, 1)),
    run: (s) => {
      s.sync();
      s.zeroRange('foo', 2 * BLKSIZE, 4 * BLKSIZE, true);
      s.fdatasync('foo');
      s.zeroRange('foo', BLKSIZE - 100, 3 * BLKSIZE, true);
      s.fsync('foo');
      s.allocate('foo', 10 * BLKSIZE, 5 * BLKSIZE, true);
      s.fdatasync('foo');
      s.zeroRange('foo', 100, 8 * BLKSIZE, false);
      s.fdatasync('foo');
    },
  },
  {
    name: 'allocate ahead, append and fsync',
    run: (s) => {
      s.create('log');
      s.sync();
      s.allocate('log', 0, 30 * BLKSIZE, true);
      s.fsync('log');
      for (let i = 0; i < 8; i++) {
        s.append('log', content(3000, i));
        s.fdatasync('log');
      }
      s.allocate('log', 40 * BLKSIZE, 3 * BLKSIZE, false);
      s.fsync('log');
      s.truncate('log', 24_000);
      s.fsync('log');
    },
  },
  {
    name: 'collapse and insert',
    prepare: (fs) => fs.writeFile('/a', content(30 * BLKSIZE + 77, 1)),
    run: (s) => {
      s.sync();
      s.collapseRange('a', 3 * BLKSIZE, 2 * BLKSIZE);
      s.fsync('a');
      s.insertRange('a', 5 * BLKSIZE, 4 * BLKSIZE);
      s.fsync('a');
      s.write('a', content(BLKSIZE, 2), 6 * BLKSIZE);
      s.collapseRange('a', 0, 6 * BLKSIZE);
      s.sync();
      s.insertRange('a', 0, BLKSIZE);
      s.write('a', content(100, 3), 50);
      s.fdatasync('a');
      s.collapseRange('a', 10 * BLKSIZE, 3 * BLKSIZE);
      s.sync();
    },
  },
  {
    name: 'inline contents and ranges',
    prepare: (fs) => {
      for (const name of ['a', 'b', 'c', 'd']) fs.writeFile(`/${name}`, content(700, 1));
    },
    run: (s) => {
      s.sync();
      s.punch('a', 100, 200);
      s.fsync('a');
      s.zeroRange('b', 300, 1000, false);
      s.fsync('b');
      s.allocate('c', 0, 6000, true);
      s.fdatasync('c');
      s.allocate('d', 100, 9000, false);
      s.fsync('d');
      s.truncate('d', 50);
      s.append('c', content(4000, 2));
      s.fsync('c');
      s.sync();
      s.insertRange('d', 0, BLKSIZE);
      s.fsync('d');
    },
  },
];
