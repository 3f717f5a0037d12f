// From a path to its inode: name after name, through symlinks. Source: link_path_walk.
import type { Path } from '../bytes.ts';
import { isBoolean, type OptionChecks } from '../check.ts';
import { corrupt } from '../errors.ts';
import { checkName } from '../file/directory/directory.ts';
import type { Inode } from '../file/inode/inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../format/constants.ts';
import type { Parts } from './core.ts';
import { leadsNowhere, missing, notA, pathBytes, symlinkLoop } from './path-errors.ts';
import { Names } from './path-names.ts';
import { refusedAt } from './refusals.ts';
import { readlink } from './symlink.ts';

/** What becomes of a symlink that a path ends with. */
export interface FollowOptions {
  /** It is followed. */
  follow?: boolean;
}

export const FOLLOW_OPTIONS: OptionChecks<FollowOptions> = { follow: isBoolean };
/** Symlinks followed on one path before it counts as a loop. */
export const MAX_SYMLINKS = 40;
/** Names of a path that are looked up without a look at memory. */
const STEPS_UNBALANCED = 128;
const SLASH = 0x2f;

/** Throws EUCLEAN when it is no directory. */
export function rootInode(core: Parts<'volume' | 'inodes'>): Inode {
  const root = core.inodes.get(core.volume.layout.sb.rootIno);
  if (!root.isDirectory) throw corrupt('root-type', { ino: root.ino });
  return root;
}

/**
 * What a path leads to, from the root or, unless it begins with a slash, from `start`; a last symlink is followed if `follow` says so.
 * Throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
 */
export function resolve(
  core: Parts<'volume' | 'memory' | 'inodes' | 'directories' | 'data'>,
  path: Path,
  follow: boolean,
  start?: Inode,
): Inode {
  core.memory.balance();
  const bytes = pathBytes(path);
  const names = new Names(bytes);
  const root = rootInode(core);
  // Inodes on the way: a path may have more names than there is memory for what they lead to.
  const trail: number[] = [];
  let last = start === undefined || bytes[0] === SLASH ? root : start;
  let symlinks = 0;
  let steps = 0;
  let toDirectory = bytes.at(-1) === SLASH;
  for (let name = names.next(); name !== null; name = names.next()) {
    if (++steps % STEPS_UNBALANCED === 0) {
      core.memory.balance();
      last = core.inodes.get(last.ino);
    }
    if ((last.mode & S_IFMT) !== S_IFDIR) throw notA('directory', 'ENOTDIR', path);
    if (isDot(name)) continue;
    if (isDotDot(name)) {
      last = parentOf(core, last, trail.pop());
      continue;
    }
    checkNameOf(path, name);
    const found = core.directories.lookup(last, name);
    if (found === null) throw symlinks > 0 ? leadsNowhere(path) : missing(path);
    const inode = core.inodes.get(found.ino);
    if ((inode.mode & S_IFMT) === S_IFLNK && (!names.isAtEnd || follow || toDirectory)) {
      if (++symlinks > MAX_SYMLINKS) throw symlinkLoop(path);
      const target = readlink(core.data, inode);
      if (target[0] === SLASH) {
        trail.length = 0;
        last = root;
      }
      // A slash that ends the last target counts as one that ends the path.
      if (names.isAtEnd && target.at(-1) === SLASH) toDirectory = true;
      names.insert(target);
      continue;
    }
    trail.push(last.ino);
    last = inode;
  }
  if (toDirectory && !last.isDirectory) throw notA('directory', 'ENOTDIR', path);
  return last;
}

/** The directory above; `ino`: its number where the path came through it. That of the root is the root. */
function parentOf(core: Parts<'volume' | 'inodes' | 'directories'>, dir: Inode, ino: number | undefined): Inode {
  if (ino !== undefined) return core.inodes.get(ino);
  const isRoot = dir.ino === core.volume.layout.sb.rootIno;
  return isRoot ? dir : core.inodes.get(core.directories.parentOf(dir));
}

/** Throws what is wrong with one name of a path: a path may have very many. */
function checkNameOf(path: Path, name: Uint8Array): void {
  try {
    checkName(name);
  } catch (error) {
    throw refusedAt(error, pathBytes(path), () => []);
  }
}

function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === 0x2e;
}

function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;
}
