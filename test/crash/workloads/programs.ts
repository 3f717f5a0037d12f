// Random programs of all operations.
import { BLKSIZE } from '../../../src/device/device.ts';
import { Random } from '../../malformed/random.ts';
import { content, type Session, type Workload } from '../session.ts';

class Program {
  readonly #s: Session;
  readonly #random: Random;
  #made = 0;

  constructor(session: Session, seed: number) {
    this.#s = session;
    this.#random = new Random(seed);
  }

  run(steps: number): void {
    const operations: [weight: number, run: () => void][] = [
      [14, () => this.#create()],
      [16, () => this.#write()],
      [5, () => this.#truncate()],
      [8, () => this.#range()],
      [5, () => this.#s.mkdir(this.#newPath())],
      [5, () => this.#unlink()],
      [5, () => this.#rename()],
      [3, () => this.#link()],
      [2, () => this.#s.symlink('some target', this.#newPath())],
      [4, () => this.#xattr()],
      [3, () => this.#withFile((path) => this.#s.setAttributes(path, { mode: this.#random.below(0o10000) }))],
      [16, () => this.#withFile((path) => this.#s.fsync(path))],
      [5, () => this.#withFile((path) => this.#s.fdatasync(path))],
      [4, () => this.#s.sync()],
    ];
    const total = operations.reduce((sum, [weight]) => sum + weight, 0);
    this.#s.sync();
    for (let i = 0; i < steps; i++) {
      let at = this.#random.below(total);
      for (const [weight, run] of operations) {
        at -= weight;
        if (at < 0) {
          run();
          break;
        }
      }
    }
  }

  #paths(type: string): string[] {
    const { names, inodes } = this.#s.tree;
    const wanted = [...names].filter(([path, ino]) => inodes.get(ino)?.type === type && !path.startsWith('lost+found'));
    return wanted.map(([path]) => path);
  }

  #newPath(): string {
    const dir = this.#random.pick(this.#paths('directory').filter((path) => path.split('/').length < 4));
    const name = `${this.#random.below(4) === 0 ? 'a somewhat longer name ' : 'n'}${this.#made++}`;
    return dir === '' ? name : `${dir}/${name}`;
  }

  #withFile(use: (path: string, size: number) => void): void {
    const files = this.#paths('file');
    if (files.length === 0) {
      this.#create();
      return;
    }
    const path = this.#random.pick(files);
    const { names, inodes } = this.#s.tree;
    use(path, inodes.get(names.get(path) as number)?.size as number);
  }

  /** Bytes: within the inode, a few pages, or many. */
  #length(): number {
    return 1 + this.#random.below(this.#random.pick([500, 5 * BLKSIZE, 30 * BLKSIZE]));
  }

  #create(): void {
    this.#s.create(this.#newPath(), content(this.#length(), this.#made));
  }

  #write(): void {
    this.#withFile((path, size) => {
      const position = this.#random.below(3) === 0 ? size : this.#random.below(size + BLKSIZE);
      this.#s.write(path, content(this.#length(), 1000 + this.#made++), position);
    });
  }

  #truncate(): void {
    this.#withFile((path, size) => this.#s.truncate(path, this.#random.below(size + 3 * BLKSIZE)));
  }

  #range(): void {
    this.#withFile((path, size) => {
      const position = this.#random.below(size + BLKSIZE);
      const length = this.#length();
      const keepSize = this.#random.below(2) === 0;
      const first = Math.floor(position / BLKSIZE) * BLKSIZE;
      const whole = (1 + this.#random.below(4)) * BLKSIZE;
      switch (this.#random.below(5)) {
        case 0:
          return this.#s.punch(path, position, length);
        case 1:
          return this.#s.zeroRange(path, position, length, keepSize);
        case 2:
          return this.#s.allocate(path, position, length, keepSize);
        case 3:
          return first + whole < size ? this.#s.collapseRange(path, first, whole) : undefined;
        default:
          return first < size ? this.#s.insertRange(path, first, whole) : undefined;
      }
    });
  }

  #unlink(): void {
    const empty = this.#paths('directory').filter(
      (dir) => dir !== '' && ![...this.#s.tree.names.keys()].some((path) => path.startsWith(`${dir}/`)),
    );
    if (empty.length > 0 && this.#random.below(3) === 0) this.#s.rmdir(this.#random.pick(empty));
    else this.#withFile((path) => this.#s.unlink(path));
  }

  #rename(): void {
    const dirs = this.#paths('directory').filter((path) => path !== '');
    if (dirs.length > 0 && this.#random.below(3) === 0) {
      const dir = this.#random.pick(dirs);
      const to = this.#newPath();
      if (!`${to}/`.startsWith(`${dir}/`)) this.#s.rename(dir, to);
      return;
    }
    this.#withFile((from) => {
      const files = this.#paths('file');
      const to = this.#random.below(2) === 0 ? this.#newPath() : this.#random.pick(files);
      const { names } = this.#s.tree;
      if (names.get(to) === names.get(from)) return;
      if (names.has(to) && this.#random.below(3) === 0) this.#s.exchange(from, to);
      else this.#s.rename(from, to);
    });
  }

  #link(): void {
    this.#withFile((path) => this.#s.link(path, this.#newPath()));
  }

  #xattr(): void {
    const path = this.#random.pick([...this.#s.tree.names.keys()].filter((it) => !it.startsWith('lost+found')));
    const { names, inodes } = this.#s.tree;
    // Symlinks take no user attributes.
    if (inodes.get(names.get(path) as number)?.type === 'symlink') return;
    const value = this.#random.below(4) === 0 ? null : content(1 + this.#random.below(900), this.#made++);
    const name = `user.${this.#random.below(3)}`;
    const has = inodes.get(names.get(path) as number)?.xattrs.includes(`${name}=`);
    if (value !== null || has) this.#s.setXattr(path, name, value);
  }
}

export const PROGRAMS: readonly Workload[] = [1, 2, 3, 4, 5, 6].map((seed) => ({
  name: `random program ${seed}`,
  mount: seed % 3 === 0 ? { mode: 'lfs' as const } : {},
  nrBlocks: 16384,
  run: (s: Session) => new Program(s, seed).run(70),
}));
