// Workloads on a volume that is nearly full: blocks are moved and holes are filled.
import { BLKSIZE } from '../../../src/device/device.ts';
import type { FileSystem } from '../../../src/fs/file-system.ts';
import { Random } from '../../malformed/random.ts';
import { content, type Session, type Workload } from '../session.ts';

const PAGES = 32;
const nameOf = (i: number) => `f${i}`;

/** Writes files of 32 pages until `percent` of the volume is taken; returns how many. */
function fill(fs: FileSystem, percent: number): number {
  const { space } = fs.volume;
  let count = 0;
  while (space.validBlockCount + PAGES + 2 < (space.userBlockCount * percent) / 100) {
    fs.writeFile(`/${nameOf(count)}`, content(PAGES * BLKSIZE, count));
    count++;
  }
  return count;
}

function overwrite(s: Session, seed: number, rounds: number, keep: (path: string, round: number) => void): void {
  const random = new Random(seed);
  const files = [...s.tree.names.keys()].filter((path) => /^f\d+$/.test(path));
  for (let i = 0; i < rounds; i++) {
    const path = random.pick(files);
    const first = random.below(PAGES - 4);
    s.write(path, content((1 + random.below(4)) * BLKSIZE, 1000 + i), first * BLKSIZE);
    keep(path, i);
  }
}

export const PRESSURE: readonly Workload[] = [
  {
    name: 'overwrites on a nearly full volume, with syncs',
    weight: 0.4,
    mount: { mode: 'lfs' },
    prepare: (fs) => fill(fs, 93),
    run: (s) => overwrite(s, 1, 60, (_, i) => i % 5 === 4 && s.sync()),
  },
  {
    name: 'overwrites on a nearly full volume, with fsync',
    weight: 0.4,
    prepare: (fs) => fill(fs, 93),
    run: (s) => {
      s.sync();
      overwrite(s, 2, 60, (path, i) => (i % 10 === 9 ? s.sync() : s.fsync(path)));
    },
  },
  {
    name: 'holes, and a cleaning on demand',
    weight: 0.4,
    prepare: (fs) => fill(fs, 80),
    run: (s) => {
      const files = [...s.tree.names.keys()].filter((path) => /^f\d+$/.test(path));
      files.forEach((path, i) => {
        if (i % 2 === 0) s.unlink(path);
        else s.punch(path, 5 * BLKSIZE, 20 * BLKSIZE);
      });
      s.sync();
      s.step('clean', 'change', [], (fs) => fs.clean({ sections: 3 }));
      s.create('new', content(40 * BLKSIZE, 1));
      s.fsync('new');
      s.step('clean', 'change', [], (fs) => fs.clean({ sections: 2, policy: 'cost-benefit' }));
      s.write('new', content(9 * BLKSIZE, 2), 3 * BLKSIZE);
      s.sync();
    },
  },
  {
    name: 'full to the last block, and deleted',
    weight: 0.4,
    prepare: (fs) => fill(fs, 85),
    run: (s) => {
      for (let i = 0; i < 12; i++) {
        const path = `more ${i}`;
        s.create(path);
        if (!s.tryWrite(path, content(PAGES * BLKSIZE, 500 + i), 0)) break;
        if (i % 3 === 2) s.fsync(path);
      }
      s.sync();
      for (let i = 0; i < 6; i++) s.unlink(nameOf(i));
      s.sync();
      s.create('after', content(60 * BLKSIZE, 900));
      s.sync();
    },
  },
  {
    name: 'one change of many, by an explicit checkpoint',
    mount: { checkpoints: 'explicit' },
    prepare: (fs) => {
      fs.mkdir('/etc');
      for (let i = 0; i < 8; i++) fs.writeFile(`/etc/${i}`, content(3000 * i, i));
    },
    run: (s) => {
      const paths = ['etc', 'new', 'late'];
      s.step('put', 'change', paths, (fs) => {
        for (let i = 0; i < 8; i += 2) fs.unlink(`/etc/${i}`);
        fs.mkdir('/new');
        for (let i = 0; i < 30; i++) fs.writeFile(`/new/${i}`, content(40_000 + i, 50 + i));
        fs.rename('/etc/1', '/new/moved');
        fs.writeFile('/etc/3', content(20_000, 99));
      });
      s.remount();
      s.step('rm -r', 'change', paths, (fs) => fs.remove('/new'));
      s.remount();
    },
  },
];
