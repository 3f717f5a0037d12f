// A mounted volume by paths, in the shape of node:fs's synchronous calls. Paths are bytes or text, from the root.
import { type Contents, contentBytes, display, type Name, nameBytes, type OwnBytes, type Path } from '../bytes.ts';
import { type Check, checkChoice, checkIndex, checkOptions, invalid, type OptionChecks } from '../check.ts';
import { deviceOf } from '../device/checked-device.ts';
import type { BlockDevice } from '../device/device.ts';

import { useDevice } from '../device/uses.ts';
import { F2fsError } from '../errors.ts';
import { isDots } from '../file/directory/directory.ts';
import { assertMutable, assertNotAppendOnly, assertNotPinned } from '../file/inode/change-rules.ts';
import { assertReadable } from '../file/inode/encryption.ts';
import type { Xattr } from '../file/xattr/xattrs.ts';
import { NAME_LEN_MAX } from '../format/constants.ts';
import type { VolumeCounters } from '../volume/counters.ts';
import { type BlockRange, unneededRanges, usedRanges } from '../volume/used-ranges.ts';
import type { CleanPolicy } from '../volume/victims.ts';
import type { Volume } from '../volume/volume.ts';
import { type ArgumentCounts, limitArguments } from './argument-counts.ts';
import {
  type Attributes,
  checkAttributes,
  checkNewAttributes,
  checkXattrFlags,
  type NewAttributes,
  type XattrFlags,
} from './attributes.ts';
import { Core } from './core.ts';
import { Directory, type DirectoryEntry, openInode } from './directory-handle.ts';
import { FileHandle, readWhole } from './file-handle.ts';
import type { Handle } from './handle.ts';
import { checkMountOptions, type MountOptions } from './mount-options.ts';
import { NODE_TYPES, type NodeType } from './of-type.ts';
import { type Access, accessOf, type OpenFlags, READ_WRITE } from './open-flags.ts';
import {
  endsWithSlash,
  exists,
  isDirectory,
  missing,
  notA,
  pathBytes,
  refusing,
  slashed,
  symlinkLoop,
} from './path-errors.ts';
import { FOLLOW_OPTIONS, type FollowOptions, MAX_SYMLINKS, resolve, rootInode } from './path-lookup.ts';
import { joinTarget, splitLast } from './path-names.ts';
import type { CleanReport } from './reclaim.ts';
import { recover } from './recover.ts';
import { type Known, namingRefused } from './refusals.ts';
import { removeTree } from './remove-tree.ts';
import { checkRenameFlags, type RenameFlags } from './rename.ts';
import { type DeviceNumbers, type FileStat, statOf } from './stat.ts';
import { readlink } from './symlink.ts';

/** Space of a volume, in blocks, and inodes; what statfs(2) tells. Source: f2fs_statfs. */
export interface VolumeStat {
  /** Bytes of a block: 4096, or more where pages of the kernel are larger. */
  blockBytes: number;
  /** Blocks of the volume without those before its first segment. */
  blocks: number;
  /** Blocks that files may still take. */
  freeBlocks: number;
  /** The same, but for what is kept for root: nothing is, here. */
  availableBlocks: number;
  /** Inodes that the volume can have. */
  inodes: number;
  /** Inodes that can still be made. */
  freeInodes: number;
  /** Inodes that there are, the root among them. */
  usedInodes: number;
  /** Blocks in use or promised, those of inodes and other nodes too. */
  usedBlocks: number;
  /** Nodes among them, inodes too. */
  usedNodes: number;
  /** Bytes of the longest name. */
  nameBytes: number;
  /** Bytes of a section: what cleaning empties, and what the size of a pinned file is a multiple of. */
  sectionBytes: number;
}

/** What `clean` is to empty. */
export interface CleanOptions {
  /** Default: greedy. */
  policy?: CleanPolicy;
  /** A whole number, or Infinity. Default: 1. */
  sections?: number;
}

/** How `openFile` opens. */
export interface OpenFileOptions {
  /** Default: a file that is there, for reading and writing. */
  flags?: OpenFlags | number;
  /** Of a file that is made. */
  attributes?: NewAttributes;
}

/** What no further check is needed for, as whoever takes it checks it. */
const isAny: Check = () => {};
const OPEN_FILE_OPTIONS: OptionChecks<OpenFileOptions> = { flags: isAny, attributes: isAny };
const CLEAN_OPTIONS: OptionChecks<CleanOptions> = { policy: isAny, sections: isAny };

/** Throws EINVAL for what no mount gave. */
export function checkFileSystem(volume: FileSystem): void {
  if (!(volume instanceof FileSystem)) throw invalid('volume', volume, 'one that mount gave');
}

/**
 * Mounts the volume on `device` in this process. Throws EINVAL when there is none, EUCLEAN when it is damaged, EOPNOTSUPP
 * for a feature that is not supported, EROFS when it must not be written, EBUSY when it is mounted for writing already, or is to be
 * while it is mounted for reading. The device stays the caller's to close.
 */
export function mount(device: BlockDevice, options: MountOptions = {}): FileSystem {
  checkMountOptions(options);
  const core = coreOf(device, options);
  try {
    const volume = new FileSystem(core);
    recover(core, options.recovery ?? true);
    return volume;
  } catch (error) {
    core.close();
    throw error;
  }
}

function coreOf(given: BlockDevice, options: MountOptions): Core {
  const device = deviceOf(given);
  const use = useDevice(given, options.readonly !== true);
  try {
    return new Core(device, use, options);
  } catch (error) {
    use.end();
    throw error;
  }
}

/**
 * A mounted volume, by paths from its root, `/`. All calls are synchronous, and throw F2fsError. Made by `mount`; ends with `close`, which
 * writes what has not been written, or with `abandon`, which does not.
 */
export class FileSystem {
  static {
    limitArguments(FileSystem, {
      assertWritable: 0,
      usedRanges: 0,
      unneededRanges: 0,
      root: 0,
      open: 2,
      openInode: 1,
      openDirectory: 1,
      openFile: 2,
      stat: 1,
      lstat: 1,
      readdir: 1,
      readlink: 1,
      readFile: 1,
      writeFile: 3,
      truncate: 2,
      mkdir: 2,
      symlink: 3,
      mknod: 4,
      unlink: 1,
      rmdir: 1,
      remove: 1,
      removeInSteps: 1,
      rename: 3,
      link: 2,
      setAttributes: 3,
      xattrs: 1,
      getXattr: 2,
      setXattr: 4,
      removeXattr: 2,
      statfs: 0,
      sync: 0,
      fsync: 1,
      writeBack: 0,
      clean: 1,
      abandon: 0,
      close: 0,
    } satisfies ArgumentCounts<FileSystem>);
  }

  /** @internal The tables below. */
  readonly volume: Volume;
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    this.#core = core;
    this.volume = core.volume;
    // Nobody may write where the root is damaged: its number might be given away. Source: f2fs_fill_super.
    if (!this.volume.readonly) rootInode(this.#core);
  }

  /**
   * What is wrong with the volume, though it could be mounted: a superblock or checkpoint whose other copy was taken, and what the
   * last writer left undone. Empty when all is well; what can't be mended while it is written to is added.
   */
  get warnings(): readonly F2fsError[] {
    return this.volume.warnings;
  }

  /** Counts of what writeback did. */
  get writebackCounters() {
    return this.#core.writeback.counters;
  }

  /** Blocks written so far, by whom. */
  get counters(): VolumeCounters {
    return this.volume.counters;
  }

  /** The number of the checkpoint that was mounted, or last written: each is one more than the one before. */
  get checkpointVersion(): number {
    return this.volume.pack.cp.checkpointVer;
  }

  /** @internal Whether the mount has ended, by whatever way. */
  get isClosed(): boolean {
    return this.volume.isClosed;
  }

  /** @internal Throws EROFS where nothing can be changed, and why not. */
  assertWritable(): void {
    this.volume.assertWritable();
  }

  /** @internal What the last checkpoint needs of the volume, and where the volume ends: see usedRanges. */
  usedRanges(): { ranges: Iterable<BlockRange>; endBlkaddr: number } {
    return { ranges: usedRanges(this.volume), endBlkaddr: this.volume.layout.mainEnd };
  }

  /** @internal What a volume just mounted could do without: see unneededRanges. */
  unneededRanges(): Iterable<BlockRange> {
    return unneededRanges(this.volume);
  }

  /** Opens the root directory. */
  root(): Directory {
    this.#core.memory.balance();
    return new Directory(this.#core, rootInode(this.#core));
  }

  /** Opens what a path leads to; a last symlink is followed unless `follow` is false. Throws ENOENT, ENOTDIR, ELOOP. */
  open(path: Path, options: FollowOptions = {}): Handle {
    checkOptions('open', options, FOLLOW_OPTIONS);
    return openInode(this.#core, resolve(this.#core, path, options.follow ?? true));
  }

  /** Opens an inode by its number, as an entry gives it. Throws ESTALE when there is none, or none any more; EINVAL. */
  openInode(ino: number): Handle {
    if (!Number.isSafeInteger(ino)) throw invalid('inode number', ino, 'a whole number');
    this.#core.memory.balance();
    return openInode(this.#core, this.#core.inodes.open(ino));
  }

  /** Opens the directory that a path leads to, through symlinks. Throws ENOENT, ENOTDIR, ELOOP. */
  openDirectory(path: Path): Directory {
    const inode = resolve(this.#core, path, true);
    if (!inode.isDirectory) throw notA('directory', 'ENOTDIR', path);
    return new Directory(this.#core, inode);
  }

  /**
   * Opens a regular file. Without `flags` one that is there, for all that the volume allows; with them as node:fs does:
   * `attributes` are those of a file that is made. Throws ENOENT, EEXIST, EISDIR, ELOOP; EINVAL for what is no regular file;
   * EROFS and EPERM when it is to be written but can't; ENOKEY, with flags, for an encrypted one.
   */
  openFile(path: Path, options: OpenFileOptions = {}): FileHandle {
    checkOptions('openFile', options, OPEN_FILE_OPTIONS);
    const { flags, attributes = {} } = options;
    checkNewAttributes(attributes);
    const access = flags === undefined ? READ_WRITE : accessOf(flags);
    if (access.create) {
      const made = this.#createFor(path, access, attributes);
      if (made !== null) return made;
    }
    const inode = resolve(this.#core, path, true);
    if (inode.isDirectory) throw notA('file', 'EISDIR', path);
    if (!inode.isRegular) throw notA('regular file', 'EINVAL', path);
    if (flags !== undefined) assertReadable(inode);
    if (flags !== undefined && access.write) {
      this.volume.assertWritable();
      refusing(path, () => {
        assertMutable(inode);
        if (!access.append) assertNotAppendOnly(inode);
      });
    }
    const handle = new FileHandle(this.#core, inode, access);
    try {
      if (access.truncate) handle.truncate(0);
    } catch (error) {
      handle.close();
      throw error;
    }
    return handle;
  }

  /**
   * Makes the file that a path leads to, through symlinks, where there is none; null when there is one. Throws EEXIST; EISDIR for a
   * slash at the end, whatever is there. Source: open_last_lookups.
   */
  #createFor(path: Path, access: Access, attributes: NewAttributes): FileHandle | null {
    let at = pathBytes(path);
    for (let symlinks = 0; symlinks <= MAX_SYMLINKS; symlinks++) {
      const { directory: parentPath, name } = splitLast(at);
      if (name === null || isDots(name)) {
        if (!access.exclusive) return null;
        resolve(this.#core, at, true);
        throw exists(path);
      }
      using parent = this.openDirectory(parentPath);
      const entry = parent.lookup(name);
      if (endsWithSlash(at)) throw slashed('EISDIR', path, entry?.type);
      if (entry === null) {
        using made = parent.createFile(name, attributes);
        return new FileHandle(this.#core, this.#core.inodes.get(made.ino), access);
      }
      if (access.exclusive) throw exists(path);
      if (entry.type !== 'symlink') return null;
      const target = readlink(this.#core.data, this.#core.inodes.get(entry.ino));
      at = joinTarget(parentPath, target);
    }
    throw symlinkLoop(path);
  }

  /** What is known of what a path leads to, through symlinks. Throws ENOENT, ENOTDIR, ELOOP. */
  stat(path: Path): FileStat {
    return statOf(this.#core.volume, resolve(this.#core, path, true));
  }

  /** The same of what stands at the path, which may be a symlink. */
  lstat(path: Path): FileStat {
    return statOf(this.#core.volume, resolve(this.#core, path, false));
  }

  /** What is in a directory, but for `.` and `..`, in the order that it keeps. Throws ENOENT, ENOTDIR. */
  readdir(path: Path): DirectoryEntry[] {
    using directory = this.openDirectory(path);
    return directory.entries();
  }

  /** The target of a symlink, as bytes. Throws EINVAL for anything else, ENOENT, ENOKEY for an encrypted one. */
  readlink(path: Path): Uint8Array {
    return readlink(this.#core.data, resolve(this.#core, path, false));
  }

  /** All bytes of a file; throws EFBIG for 2 GiB or more: use `openFile` and `read`. */
  readFile(path: Path): OwnBytes {
    using file = this.openFile(path);
    return readWhole(file, display(path));
  }

  /**
   * Makes a file, also where a symlink leads to, or replaces the contents of one. Throws EOPNOTSUPP for contents of a pinned one,
   * which would lose its blocks: open and write that.
   */
  writeFile(path: Path, contents: Contents, attributes: NewAttributes = {}): void {
    const bytes = contentBytes(contents, 'contents');
    checkNewAttributes(attributes);
    if (splitLast(pathBytes(path)).name === null) throw isDirectory(path);
    this.#inParent(path, 'EISDIR', (parent, name) => {
      const there = parent.lookup(name);
      let made = there === null ? parent.createFile(name, attributes) : null;
      if (there?.type === 'symlink') made = this.#createFor(path, READ_WRITE, attributes);
      using file = made ?? this.openFile(path);
      if (made === null) {
        // A file that can't be written must not be emptied.
        if (bytes.length > 0) assertNotPinned(file.inode, 'replacing its contents');
        file.truncate(0);
      }
      file.writeFrom(
        { fill: (memory, at, length, from) => memory.set(bytes.subarray(from, from + length), at) },
        0,
        bytes.length,
      );
      if (made !== null) return;
      const { crtime, compress, inherit, ...changed } = attributes;
      file.setAttributes({ mtime: this.#core.clock.now(), ...changed });
    });
  }

  /** Sets the size of a file in bytes. */
  truncate(path: Path, sizeBytes: number): void {
    checkIndex(sizeBytes, 'size');
    using file = this.openFile(path, { flags: 'r+' });
    refusing(path, () => file.truncate(sizeBytes));
  }

  /** Makes a directory. Throws EEXIST, ENOENT for one that is missing above it, ENOSPC. */
  mkdir(path: Path, attributes: NewAttributes = {}): void {
    checkNewAttributes(attributes);
    this.#inParent(path, null, (parent, name) => parent.mkdir(name, attributes).close());
  }

  /** Makes a symlink; `target` is not looked at. Throws EEXIST, ENOENT for an empty target, ENAMETOOLONG past 4095 bytes. */
  symlink(target: Path, path: Path, attributes: NewAttributes = {}): void {
    nameBytes(target, 'target');
    checkNewAttributes(attributes);
    this.#inParent(path, 'ENOENT', (parent, name) => parent.symlink(name, target, attributes).close());
  }

  /** Makes a named pipe, a socket, or a device with its numbers. Throws EEXIST, EINVAL for another type. */
  mknod(path: Path, type: NodeType, attributes: NewAttributes = {}, rdev?: DeviceNumbers): void {
    checkChoice(NODE_TYPES, type, 'type');
    checkNewAttributes(attributes);
    this.#inParent(path, 'ENOENT', (parent, name) => parent.mknod(name, type, attributes, rdev).close());
  }

  /** Removes a name that is no directory's, and with its last one the inode, once no handle on it is open. Throws ENOENT, EISDIR. */
  unlink(path: Path): void {
    this.#refuseRoot(path, 'EISDIR');
    this.#inParent(path, 'ENOTDIR', (parent, name) => parent.unlink(name));
  }

  /** Removes an empty directory. Throws ENOENT, ENOTDIR, ENOTEMPTY, EBUSY for the root, EINVAL for `.`. */
  rmdir(path: Path): void {
    this.#refuseRoot(path, 'EBUSY');
    this.#inParent(path, null, (parent, name) => parent.rmdir(name));
  }

  /** Removes anything, a directory with all that lies in it; symlinks are not followed. Throws ENOENT, EBUSY for the root. */
  remove(path: Path): void {
    for (const _ of this.removeInSteps(path));
  }

  /** The same, something at a time: what is not asked for is not removed. */
  *removeInSteps(path: Path): Generator<void> {
    this.#refuseRoot(path, 'EBUSY');
    const { directory, name } = splitLast(pathBytes(path));
    if (name === null) return;
    using parent = this.openDirectory(directory);
    const type = refusing(path, () => parent.lookup(name))?.type ?? 'directory';
    if (endsWithSlash(path) && type !== 'directory') throw notA('directory', 'ENOTDIR', path);
    if (isDots(name)) {
      const shown = display(path);
      throw new F2fsError('EINVAL', `${shown} can't be removed by this name`, { path: shown });
    }
    yield* removeTree(parent, name, pathBytes(path));
  }

  /**
   * Moves what one path names to another; see Directory.rename. Throws ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL for a
   * directory that would lie in itself, EBUSY for the root.
   */
  rename(from: Path, to: Path, flags: RenameFlags = {}): void {
    checkRenameFlags(flags);
    this.#refuseRoot(from, 'EBUSY');
    this.#refuseRoot(to, flags.noReplace === true ? 'EEXIST' : 'EBUSY');
    const atFrom = this.#parentOf(from);
    using parent = atFrom.parent;
    const atTo = this.#parentOf(to);
    using toParent = atTo.parent;
    const [name, toName] = [atFrom.name, atTo.name];
    const hasDots = isDots(name) || isDots(toName);
    const there = refusing(from, () => parent.lookup(name));
    if (there === null && !hasDots) throw missing(from);
    const isDirectory = there?.type === 'directory';
    if (endsWithSlash(from) && !isDirectory && !hasDots) throw notA('directory', 'ENOTDIR', from);
    if (endsWithSlash(to) && !isDirectory && !hasDots) {
      const swapsDirectory =
        flags.exchange === true && refusing(to, () => toParent.lookup(toName))?.type === 'directory';
      if (!swapsDirectory) throw notA('directory', 'ENOTDIR', to);
    }
    const known = (): Known[] => [
      [there?.ino, pathBytes(from)],
      [parent.ino, atFrom.directory],
      [toParent.ino, atTo.directory],
    ];
    const refused = there === null || isDots(name) ? from : to;
    namingRefused(pathBytes(refused), known, () => parent.rename(name, toParent, toName, flags));
  }

  /** Gives what stands at `existing`, itself if it is a symlink, one more name. Throws EEXIST, EPERM for a directory, EMLINK. */
  link(existing: Path, path: Path): void {
    using target = this.open(existing, { follow: false });
    this.#inParent(path, 'ENOENT', (parent, name) =>
      namingRefused(
        pathBytes(path),
        () => [
          [target.ino, pathBytes(existing)],
          [parent.ino, splitLast(pathBytes(path)).directory],
        ],
        () => parent.link(name, target),
      ),
    );
  }

  /** Changes attributes; of a last symlink itself unless `follow`. */
  setAttributes(path: Path, attributes: Attributes, options: FollowOptions = {}): void {
    checkAttributes(attributes);
    checkOptions('setAttributes', options, FOLLOW_OPTIONS);
    using handle = this.open(path, { follow: options.follow ?? false });
    refusing(path, () => handle.setAttributes(attributes));
  }

  /** All extended attributes that Linux would show, of a last symlink itself. */
  xattrs(path: Path): Xattr[] {
    using handle = this.open(path, { follow: false });
    return handle.xattrs();
  }

  /** One extended attribute; of a last symlink itself. Throws ENODATA. */
  getXattr(path: Path, name: Name): Uint8Array {
    using handle = this.open(path, { follow: false });
    return handle.getXattr(name);
  }

  /** Sets one attribute, or removes it when the value is null. `create`: it must be new (EEXIST), `replace`: be there (ENODATA). */
  setXattr(path: Path, name: Name, value: Contents | null, flags: XattrFlags = {}): void {
    checkXattrFlags(flags);
    using handle = this.open(path, { follow: false });
    refusing(path, () => handle.setXattrs([{ name, value, ...flags }]));
  }

  /** Throws ENODATA when there is none of that name. */
  removeXattr(path: Path, name: Name): void {
    using handle = this.open(path, { follow: false });
    refusing(path, () => handle.removeXattr(name));
  }

  /** Space and inodes of the volume, in blocks. */
  statfs(): VolumeStat {
    this.#core.volume.assertOpen();
    const { space, layout } = this.volume;
    const { freeBlocks, userBlockCount, totalNodeCount } = space;
    const byBlocks = totalNodeCount > userBlockCount;
    return {
      blockBytes: layout.block.blockSize,
      blocks: layout.sb.blockCount - layout.sb.segment0Blkaddr,
      freeBlocks,
      availableBlocks: freeBlocks,
      inodes: byBlocks ? userBlockCount : totalNodeCount,
      freeInodes: byBlocks ? freeBlocks : Math.min(totalNodeCount - space.validNodeCount, freeBlocks),
      usedInodes: space.validInodeCount,
      usedBlocks: space.validBlockCount,
      usedNodes: space.validNodeCount,
      nameBytes: NAME_LEN_MAX,
      sectionBytes: layout.segsPerSec * layout.block.segmentSize,
    };
  }

  /**
   * Whether changes were refused as they need a checkpoint in between, which a mount with `checkpoints: 'explicit'` does not
   * write of itself: with `auto` they may fit.
   */
  get exceedsCheckpoint(): boolean {
    return this.#core.reclaim.exceedsCheckpoint;
  }

  /** Writes all changes and a checkpoint: they outlive a crash. Throws what failed; the last checkpoint stays then. */
  sync(): void {
    this.#core.volume.assertOpen();
    this.#core.sync.volume(false);
  }

  /** Puts what a path leads to on stable storage; see Handle.fsync. */
  fsync(path: Path): void {
    using handle = this.open(path);
    handle.fsync();
  }

  /** Writes every file's dirty pages and waits for them; no checkpoint. Throws the first failure. Source: writeback_inodes_sb. */
  writeBack(): void {
    this.#core.volume.assertOpen();
    this.#core.sync.pages();
  }

  /**
   * Empties up to `sections` sections that are used in part, and writes a checkpoint that makes them free. Throws EINVAL where
   * checkpoints are explicit. Source: F2FS_IOC_GARBAGE_COLLECT.
   */
  clean(options: CleanOptions = {}): CleanReport {
    checkOptions('clean', options, CLEAN_OPTIONS);
    const { policy = 'greedy', sections = 1 } = options;
    if (!(Number.isInteger(sections) || sections === Number.POSITIVE_INFINITY) || sections < 0)
      throw invalid('sections', sections, 'a whole number from 0 on, or Infinity for all');
    this.#core.memory.balance();
    this.volume.assertWritable();
    let report: CleanReport = { sections: 0, movedBlocks: 0 };
    this.#core.volume.stopOnDamage(() => {
      report = this.#core.reclaim.clean(policy, sections);
    });
    return report;
  }

  /** Lets go of the volume as it is: what was not synced is lost. After it every call is EBADF, as after `close`. */
  abandon(): void {
    this.#core.close();
  }

  /**
   * Writes all changes with the checkpoint of a clean unmount. After it every call is EBADF, of the volume's handles too; but they
   * can be closed.
   */
  close(): void {
    if (this.#core.volume.isClosed) return;
    if (!this.volume.readonly && !this.volume.stopped) {
      this.#core.unnamed.evictAll();
      this.#core.sync.volume(true);
    }
    this.#core.close();
  }

  /** `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Does something to the last name of a path, in its directory. A slash at the end stands for a directory: `slash` is the error
   * for what is none, or null where one is meant. Source: filename_create, do_unlinkat.
   */
  #inParent<T>(path: Path, slash: string | null, change: (parent: Directory, name: Uint8Array) => T): T {
    const at = this.#parentOf(path);
    using parent = at.parent;
    const { name, directory } = at;
    if (slash !== null && endsWithSlash(path)) this.#refuseSlash(parent, name, path, slash);
    return namingRefused(
      pathBytes(path),
      () => [[parent.ino, directory]],
      () => change(parent, name),
    );
  }

  /** Opens the directory of a path's last name. Throws EEXIST for the root, which has none. */
  #parentOf(path: Path): { parent: Directory; directory: Uint8Array; name: Uint8Array } {
    const { directory, name } = splitLast(pathBytes(path));
    if (name === null) throw new F2fsError('EEXIST', 'the root directory exists already', { path: '/' });
    return { parent: this.openDirectory(directory), directory, name };
  }

  #refuseSlash(parent: Directory, name: Uint8Array, path: Path, slash: string): never {
    const there = parent.lookup(name);
    if (slash === 'EISDIR') throw slashed('EISDIR', path, there?.type);
    if (slash === 'ENOENT') throw there === null ? slashed('ENOENT', path, undefined) : exists(path);
    if (there === null) throw missing(path);
    throw there.type === 'directory' ? isDirectory(path) : notA('directory', 'ENOTDIR', path);
  }

  #refuseRoot(path: Path, code: string): void {
    if (splitLast(pathBytes(path)).name === null)
      throw new F2fsError(code, 'the root directory can be neither removed nor moved', { path: '/' });
  }
}
