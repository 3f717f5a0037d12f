// Renames: within a directory or across, over what is there, or two names for each other.
import { display } from '../bytes.ts';
import { checkOptions, isBoolean, type OptionChecks } from '../check.ts';
import { corrupt, F2fsError } from '../errors.ts';
import { assertRenames, checkName, type Directories, exists, isDots } from '../file/directory/directory.ts';
import type { Place } from '../file/directory/directory-blocks.ts';
import type { Inode } from '../file/inode/inode.ts';
import { setParent } from '../file/inode/inodes.ts';
import { FT, fileTypeOf } from '../format/dentry.ts';
import { ADVISE } from '../format/inode.ts';
import type { Parts } from './core.ts';
import { assertSameProject, checkLinks, hold, notEmpty, notThere } from './namespace.ts';

/** How a rename treats what has the new name; one of the two at most. Source: RENAME_NOREPLACE, RENAME_EXCHANGE. */
export interface RenameFlags {
  /** Nothing may have the new name: EEXIST. */
  noReplace?: boolean;
  /** Something has it, and gets the old name. */
  exchange?: boolean;
}

const RENAME_FLAGS: OptionChecks<RenameFlags> = { noReplace: isBoolean, exchange: isBoolean };

/** Throws EINVAL for flags that there are not. */
export function checkRenameFlags(flags: RenameFlags): void {
  checkOptions('rename', flags, RENAME_FLAGS);
}

/** What tells which directories lie in which. */
type Ancestry = Parts<'volume' | 'memory' | 'inodes' | 'directories'>;
/** What changes names. */
type Names = Parts<'volume' | 'directories' | 'namespace' | 'clock'>;

/** A name in a directory, and what has it. */
interface Named {
  dir: Inode;
  name: Uint8Array;
  inode: Inode;
}

/**
 * Gives what `name` stands for in `dir` the name `toName` in `toDir`. Throws ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL for
 * a directory that would come to lie in itself, EBUSY for `.` and `..`, EPERM, EMLINK, ENOSPC, ENOKEY for encrypted names, EXDEV for
 * what is of another project than a directory that hands its own on; nothing is changed then. Source: do_renameat2, vfs_rename,
 * fscrypt_prepare_rename.
 */
export function rename(
  core: Ancestry & Names & Parts<'unnamed'>,
  dir: Inode,
  name: Uint8Array,
  toDir: Inode,
  toName: Uint8Array,
  { noReplace = false, exchange = false }: RenameFlags,
): void {
  core.volume.assertWritable();
  if (noReplace && exchange) throw new F2fsError('EINVAL', 'a rename can be told noReplace or exchange, not both');
  checkNames(dir, name, toDir, toName, noReplace);
  core.memory.throttle();
  const { directories, inodes, namespace } = core;
  const from = directories.lookup(dir, name);
  if (from === null) throw notThere(name);
  const inode = inodes.get(from.ino);
  checkName(toName);
  hold(inode, () => {
    const there = directories.lookup(toDir, toName);
    if (there !== null && noReplace) throw exists(toName);
    if (there === null && exchange) throw notThere(toName);
    for (const it of [dir, toDir]) {
      assertRenames(it);
      directories.prepare(it);
    }
    const source = { dir, name: from.name, inode };
    if (there === null) {
      assertSameProject(toDir, inode);
      core.volume.treeChanged = true;
      moveTo(core, source, toDir, toName);
      return;
    }
    const target = { dir: toDir, name: there.name, inode: inodes.get(there.ino) };
    hold(target.inode, () => {
      checkLoops(core, source, target, exchange);
      if (target.inode === inode) return;
      assertSameProject(toDir, inode);
      if (exchange) assertSameProject(dir, target.inode);
      core.volume.treeChanged = true;
      if (exchange) swap(core, source, target);
      else replace(core, source, target);
    });
    core.unnamed.evictIfUnused(target.inode);
  });
  namespace.endChange(dir, toDir);
}

function checkNames(dir: Inode, name: Uint8Array, toDir: Inode, toName: Uint8Array, noReplace: boolean): void {
  checkName(name);
  if (isDots(toName) && noReplace) throw exists(toName);
  for (const it of [name, toName])
    if (isDots(it)) throw new F2fsError('EBUSY', `"${display(it)}" can't be renamed, nor anything to it`);
  for (const { isDirectory, ino } of [dir, toDir])
    if (!isDirectory) throw new F2fsError('ENOTDIR', 'what it should lie in is not a directory', { ino });
}

/** Whether `inode` is the directory `dir`, or one that it lies in. Source: lock_rename. */
function liesAbove(core: Ancestry, inode: Inode, dir: Inode): boolean {
  if (!inode.isDirectory) return false;
  const { rootIno } = core.volume.layout.sb;
  const seen = new Set<number>();
  for (let at = dir; ; ) {
    if (at === inode) return true;
    // A removed directory lies nowhere.
    if (at.ino === rootIno || at.load().iLinks === 0) return false;
    if (seen.has(at.ino)) throw corrupt('directory-loop', { ino: at.ino });
    seen.add(at.ino);
    core.memory.reclaimFrames();
    at = core.inodes.get(core.directories.parentOf(at));
    if (!at.isDirectory) throw corrupt('directory-parent', { ino: at.ino }, dir.ino);
  }
}

function inItself(name: Uint8Array): F2fsError {
  return new F2fsError('EINVAL', `the directory "${display(name)}" can't be moved into itself`);
}

function checkLoops(core: Ancestry, source: Named, target: Named, exchange: boolean): void {
  if (source.dir === target.dir) return;
  if (liesAbove(core, source.inode, target.dir)) throw inItself(source.name);
  if (!liesAbove(core, target.inode, source.dir)) return;
  throw exchange ? inItself(target.name) : notEmpty(target.name, target.inode);
}

/** To a name that nothing has. Source: f2fs_rename. */
function moveTo(core: Ancestry & Names, { dir, name, inode }: Named, toDir: Inode, toName: Uint8Array): void {
  const { directories, namespace } = core;
  const { isDirectory } = inode;
  if (dir !== toDir && liesAbove(core, inode, toDir)) throw inItself(name);
  namespace.checkRemovable(dir, name, inode, isDirectory);
  namespace.beginAdd(toDir, toName);
  if (isDirectory && dir !== toDir) checkLinks(toDir);
  const room = directories.placeDentry(toDir, toName);
  const old = placeOf(directories, dir, name);
  const parent = isDirectory ? directories.findParent(inode) : null;
  setParent(inode, toDir.ino, toName);
  directories.put(toDir, room, toName, inode.ino, fileTypeOf(inode.mode));
  core.clock.touch(toDir);
  if (isDirectory) toDir.change().iLinks++;
  core.clock.stampChange(inode);
  core.volume.stopOnDamage(() => directories.remove(dir, old));
  core.clock.touch(dir);
  settleParent(core, inode, parent, dir, toDir);
  if (isDirectory) dir.change().iLinks--;
}

/** Over what has the name. Source: f2fs_rename. */
function replace(core: Names, source: Named, target: Named): void {
  const { directories, namespace } = core;
  const { dir, name, inode } = source;
  const { isDirectory } = inode;
  namespace.checkRemovable(dir, name, inode, isDirectory);
  namespace.checkRemovable(target.dir, target.name, target.inode, isDirectory);
  if (isDirectory && !directories.isEmpty(target.inode)) throw notEmpty(target.name, target.inode);
  if (isDirectory || target.inode.load().iLinks === 1) namespace.checkRoomForOrphan();
  const place = placeOf(directories, target.dir, target.name);
  const old = placeOf(directories, dir, name);
  const parent = isDirectory ? directories.findParent(inode) : null;
  // What could fail to be read has been read then.
  for (const it of [inode, target.inode]) it.load();
  setParent(inode, target.dir.ino, target.name);
  directories.retarget(target.dir, place, inode.ino, fileTypeOf(inode.mode));
  core.clock.touch(target.dir);
  namespace.dropLink(target.inode, isDirectory);
  core.clock.stampChange(inode);
  core.volume.stopOnDamage(() => directories.remove(dir, old));
  core.clock.touch(dir);
  settleParent(core, inode, parent, dir, target.dir);
  if (isDirectory) dir.change().iLinks--;
}

/** Two names for each other. Source: f2fs_cross_rename. */
function swap(core: Names, source: Named, target: Named): void {
  const { directories, namespace } = core;
  for (const { dir, name, inode } of [source, target]) namespace.checkRemovable(dir, name, inode, inode.isDirectory);
  const crosses = source.dir !== target.dir;
  const gain = crosses ? Number(target.inode.isDirectory) - Number(source.inode.isDirectory) : 0;
  if (gain > 0) checkLinks(source.dir);
  if (gain < 0) checkLinks(target.dir);
  const pairs = [
    { ...source, to: target.inode, toDir: target.dir },
    { ...target, to: source.inode, toDir: source.dir },
  ].map((it) => ({
    ...it,
    place: placeOf(directories, it.dir, it.name),
    parent: crosses && it.inode.isDirectory ? directories.findParent(it.inode) : null,
  }));
  // What could fail to be read has been read by now.
  for (const { inode } of pairs) inode.load();
  for (const { dir, name, place, to, inode, parent, toDir } of pairs) {
    setParent(to, dir.ino, name);
    directories.retarget(dir, place, to.ino, fileTypeOf(to.mode));
    core.clock.touch(dir);
    settleParent(core, inode, parent, dir, toDir);
  }
  if (gain === 0) return;
  source.dir.change().iLinks += gain;
  target.dir.change().iLinks -= gain;
}

/**
 * Notes where an inode lies now: a directory in its `..`, when that is another one. Others do not know their name's place any more,
 * so that an fsync of them takes a checkpoint.
 */
function settleParent(core: Names, inode: Inode, parent: Place | null, dir: Inode, toDir: Inode): void {
  if (parent === null) {
    inode.change().iAdvise |= ADVISE.LOST_PINO;
    return;
  }
  inode.change().iPino = toDir.ino;
  if (dir === toDir) return;
  core.directories.retarget(inode, parent, toDir.ino, FT.DIR);
  core.clock.touch(inode);
}

function placeOf(directories: Directories, dir: Inode, name: Uint8Array): Place {
  const place = directories.find(dir, name);
  if (place === null) throw notThere(name);
  return place;
}
