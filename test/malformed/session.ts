// A user's session on a damaged volume: everything that changes one, in an order and on paths that a seed gives. Each call
// may be refused by an F2fsError; nothing else may come out of it.
import { BLKSIZE, type BlockDevice } from '../../src/device/device.ts';
import { F2fsError } from '../../src/errors.ts';
import { FileHandle } from '../../src/fs/file-handle.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { pattern } from './base.ts';
import type { Random } from './random.ts';

interface Step {
  readonly fs: FileSystem;
  readonly random: Random;
  /** A path that the sound volume has. */
  readonly path: string;
  /** Another one, or the same. */
  readonly other: string;
  /** A name that nobody has. */
  readonly fresh: string;
}

const SMALL = pattern(700, 1);
const LARGE = pattern(9 * BLKSIZE + 100, 2);

function withFile({ fs, path }: Step, use: (file: FileHandle) => void): void {
  using file = fs.openFile(path);
  use(file);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** Offsets around the places where something begins: pages, the inode's last address, nodes. */
function offset(random: Random): number {
  const page = random.pick([0, 0, 1, 3, 5, 17, 850, 873, 923, 2000, 4000, 100_000]);
  return page * BLKSIZE + random.pick([0, 0, 1, 100, 4095]);
}

function page(random: Random): number {
  return random.pick([0, 0, 1, 2, 7, 863, 900]) * BLKSIZE;
}

const STEPS: Record<string, (step: Step) => void> = {
  create: ({ fs, path, fresh }) => fs.writeFile(`${parentOf(path)}/${fresh}`, SMALL),
  'create large': ({ fs, path, fresh }) => fs.writeFile(`${parentOf(path)}/${fresh}`, LARGE),
  'create within': ({ fs, path, fresh }) => fs.writeFile(`${path}/${fresh}`, LARGE),
  mkdir: ({ fs, path, fresh }) => fs.mkdir(`${parentOf(path)}/${fresh}`),
  'mkdir within': ({ fs, path, fresh }) => fs.mkdir(`${path}/${fresh}`),
  symlink: ({ fs, path, fresh }) => fs.symlink(path, `${parentOf(path)}/${fresh}`),
  link: ({ fs, path, fresh }) => fs.link(path, `/${fresh}`),
  replace: ({ fs, path }) => fs.writeFile(path, LARGE),
  'replace by little': ({ fs, path }) => fs.writeFile(path, SMALL),
  overwrite: (step) => withFile(step, (file) => file.write(SMALL, offset(step.random))),
  'overwrite pages': (step) => withFile(step, (file) => file.write(LARGE, offset(step.random))),
  append: (step) => withFile(step, (file) => file.write(SMALL, file.stat().size)),
  truncate: (step) => withFile(step, (file) => file.truncate(offset(step.random))),
  empty: (step) => withFile(step, (file) => file.truncate(0)),
  punch: (step) => withFile(step, (file) => file.punch(offset(step.random), 7 * BLKSIZE + 5)),
  allocate: (step) => withFile(step, (file) => file.allocate(offset(step.random), 5 * BLKSIZE)),
  'allocate past the end': (step) =>
    withFile(step, (file) => file.allocate(offset(step.random), 5 * BLKSIZE, { keepSize: true })),
  'zero range': (step) => withFile(step, (file) => file.zeroRange(offset(step.random), 4 * BLKSIZE + 9)),
  'collapse range': (step) => withFile(step, (file) => file.collapseRange(page(step.random), 2 * BLKSIZE)),
  'insert range': (step) => withFile(step, (file) => file.insertRange(page(step.random), 3 * BLKSIZE)),
  'seek and map': (step) =>
    withFile(step, (file) => {
      file.extents();
      file.seekHole(0);
      file.seekData(offset(step.random));
    }),
  unlink: ({ fs, path }) => fs.unlink(path),
  'unlink again': ({ fs, path }) => fs.unlink(path),
  rename: ({ fs, path, fresh }) => fs.rename(path, `${parentOf(path)}/${fresh}`),
  'rename to the root': ({ fs, path, fresh }) => fs.rename(path, `/${fresh}`),
  'rename over another': ({ fs, path, other }) => fs.rename(path, other),
  exchange: ({ fs, path, other }) => fs.rename(path, other, { exchange: true }),
  rmdir: ({ fs, path }) => fs.rmdir(path),
  'remove all': ({ fs, path }) => fs.remove(path),
  'set xattr': ({ fs, path, random }) => fs.setXattr(path, `user.${random.below(3)}`, pattern(random.below(2500), 3)),
  'remove xattrs': ({ fs, path }) => {
    for (const { name } of fs.xattrs(path)) fs.setXattr(path, name, null);
  },
  'set attributes': ({ fs, path }) => fs.setAttributes(path, { mode: 0o640 }),
  list: ({ fs, path }) => void fs.readdir(path),
  read: (step) => withFile(step, (file) => void file.read(new Uint8Array(8 * BLKSIZE), offset(step.random))),
  fsync: (step) => withFile(step, (file) => file.fsync()),
  fdatasync: (step) => withFile(step, (file) => file.fdatasync()),
  'overwrite and fsync': (step) =>
    withFile(step, (file) => {
      file.write(SMALL, offset(step.random));
      file.fsync();
    }),
  clean: ({ fs }) => void fs.clean({ sections: 3 }),
  'write back': ({ fs }) => fs.writeBack(),
  sync: ({ fs }) => fs.sync(),
};
const NAMES = Object.keys(STEPS);

/** Runs `call`; returns the code of the F2fsError that it threw. Anything else that is thrown is a bug, and goes on. */
export function codeOf(call: () => void): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof F2fsError) return error.code;
    throw error;
  }
}

/**
 * Mounts for writing, takes `nrSteps` steps and closes, or lets go of the volume without a checkpoint. What was done, with the
 * code of what refused it, is added to `steps`.
 */
export function session(
  device: BlockDevice,
  options: { paths: readonly string[]; random: Random; nrSteps: number; cacheBytes: number; steps: string[] },
): void {
  const { paths, random, nrSteps, cacheBytes, steps } = options;
  let fs: FileSystem | null = null;
  const refused = codeOf(() => {
    fs = mount(device, { cacheBytes, now: () => ({ sec: 1_700_000_100, nsec: 0 }) });
  });
  const mounted = fs as FileSystem | null;
  if (mounted === null) {
    steps.push(`mount ${refused}`);
    return;
  }
  let path = random.pick(paths);
  let held: FileHandle | null = null;
  for (let i = 0; i < nrSteps; i++) {
    // Several things in a row are done to one file, so that they meet.
    if (random.below(3) === 0) path = random.pick(paths);
    const name = random.pick(NAMES);
    steps.push(`${name} ${path}`);
    const code = codeOf(() =>
      STEPS[name]({ fs: mounted, random, path, other: random.pick(paths), fresh: `fresh ${i}` }),
    );
    if (code !== null) steps.push(code);
    if (held === null && random.below(8) === 0) {
      codeOf(() => {
        const handle = mounted.open(path);
        if (handle instanceof FileHandle) held = handle;
        else handle.close();
      });
    }
  }
  if (random.below(8) === 0) {
    steps.push('abandon');
    mounted.abandon();
    return;
  }
  steps.push('close');
  const open = held as FileHandle | null;
  if (open !== null) codeOf(() => open.close());
  steps.push(`${codeOf(() => mounted.close())}`);
}
