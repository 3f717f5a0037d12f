// Writes a whole tree to a volume that has nothing but what a format gave it: planned, filled, committed. Jobs of what the files hold are
// put together in the order of the tree, filled by threads in any order, and given addresses here, in their own order: so the image is
// the same for any number of threads. Each file's nodes follow its blocks, the directories come last, when it is known what is in them.
import { F2fsError } from '../errors.ts';
import { type CompressPolicy, contextOf } from '../file/inode/compression.ts';
import type { Timestamp } from '../file/inode/inode.ts';
import { checkRdev } from '../file/inode/inodes.ts';
import { Extensions, logOfFile } from '../file/inode/temperature.ts';
import type { VerityFormat } from '../file/verity/merkle.ts';
import { type Log, NR_DATA_LOGS, NULL_ADDR, S_IFLNK, S_IFMT, S_IFREG } from '../format/constants.ts';
import { ADVISE, DEFAULT_INLINE_XATTR_ADDRS, extraIsizeFor, I_FLAGS, maxInlineData } from '../format/inode.ts';
import { quotaInos } from '../format/superblock.ts';
import { VERITY_XATTR_NAME, VerityDescriptor, verityLocation, verityMetadataPos } from '../format/verity.ts';
import { XATTR_INDEX } from '../format/xattr.ts';
import { checkSymlinkTarget } from '../fs/namespace.ts';
import { lostFoundIno, ROOT_INO } from '../mkfs/plan.ts';
import { isSameBytes } from '../platform/bytes.ts';
import { kindOfMessage, Problems } from '../problems.ts';
import type { FoldedDirectories } from '../source/folded-names.ts';
import type { HolePolicy } from '../source/hole-policy.ts';
import type { Populated } from '../source/populated.ts';
import { PourOrder } from '../source/pour-order.ts';
import type { SourceTree } from '../source/source-tree.ts';
import type { Volume } from '../volume/volume.ts';
import { BlockWriter, NR_STAGES, STAGE_BYTES } from './block-writer.ts';
import { ChildNames, LOST_FOUND } from './child-names.ts';
import { DirectoryWriter } from './directory-writer.ts';
import { FileHashes, isHashedAtOnce } from './file-hashes.ts';
import { FileWriter } from './file-writer.ts';
import { type FillSlots, NR_JOBS, PIECE, STATUS } from './fill-slots.ts';
import { FillThreads } from './fill-threads.ts';
import { InodeWriter } from './inode-writer.ts';
import { Jobs } from './jobs.ts';

/** How a tree is written. */
export interface LoadOptions {
  /** The time of creation and change of every inode. */
  stamp: Timestamp;
  holes: HolePolicy;
  /** How clusters are compressed, and of which files; null: none. */
  compress: { policy: CompressPolicy; has(index: number): boolean } | null;
  /** What clusters save is given back at once. */
  release: boolean;
  /** Directories that fold case; null: none. */
  folded: FoldedDirectories | null;
  /** Which files are put under verity, and how; null: none. */
  verity: { format: VerityFormat; has(index: number): boolean } | null;
}

/** What compression did. */
export interface LoadedClusters {
  /** Files that have a compressed cluster. */
  files: number;
  clusters: number;
  /** Whole clusters that stay raw. */
  rawClusters: number;
  /** Pages of the compressed ones, and the blocks that they take. */
  pages: number;
  blocks: number;
}

/** Threads that read a tree's files where nothing is compressed: one, beside the thread that commits. */
const READERS = 1;

/**
 * Starts what fills the tree, for a TreeLoader. It is to be disposed of when that one is closed.
 * @param blockSize of the volume, in bytes
 * @param workers threads that compress, if `policy` says how; `verity`: how files are hashed, if some are
 */
export function startFilling(
  tree: SourceTree,
  blockSize: number,
  policy: CompressPolicy | null,
  verity: VerityFormat | null,
  workers: number,
): FillThreads {
  const format = policy && { codec: policy.codec, checksum: policy.checksum, clusterPages: policy.clusterPages };
  return new FillThreads(tree, blockSize, format, verity, policy === null ? READERS : workers, STAGES_BYTES);
}

const STAGES_BYTES = NR_STAGES * STAGE_BYTES;

const LOST_FOUND_TAKEN = 'the volume has a directory of this name of its own: give the entry another name';

/** The inode number of an entry that has none: it was left out. */
const NONE = 0;

export class TreeLoader {
  readonly #tree: SourceTree;
  readonly #volume: Volume;
  readonly #blockSize: number;
  readonly #options: LoadOptions;
  readonly #extensions: Extensions;
  readonly #inlineBytes: number;
  readonly #lostFoundIno: number;
  readonly #slots: FillSlots;
  readonly #jobs: Jobs;
  readonly #threads: FillThreads;
  readonly #writer: BlockWriter;
  readonly #order: PourOrder;
  /** By data log, then for what has no blocks, then for directories. */
  readonly #inodes: readonly InodeWriter[];
  readonly #fileWriters: readonly FileWriter[];
  readonly #directories: DirectoryWriter;
  /** The file that each log is within; -1: none. */
  readonly #within = new Int32Array(NR_DATA_LOGS).fill(-1);
  /** Its hashes, where it is put under verity. */
  readonly #hashes: (FileHashes | null)[] = new Array(NR_DATA_LOGS).fill(null);
  /** The inode number of each entry, of a file with several names by the first; NONE for what is left out. */
  readonly #inos: Int32Array;
  /** Names of each such file, by the lowest index; null when there are none. */
  readonly #names: Uint32Array | null;
  /** The number of the next inode: they have a range for themselves, as their nodes get numbers at other times. */
  #nextIno: number;
  /** The entry by which each such file is read. */
  readonly #primaries = new Map<number, number>();
  readonly #children: ChildNames;
  readonly #bytes: Uint8Array;
  readonly problems = new Problems();
  readonly done: Populated = {
    files: 0,
    directories: 0,
    symlinks: 0,
    special: 0,
    hardLinks: 0,
    contentBytes: 0,
    xattrs: 0,
  };
  readonly clusters: LoadedClusters = { files: 0, clusters: 0, rawClusters: 0, pages: 0, blocks: 0 };
  /** Entries dealt with so far, and the one at hand. */
  entries = 0;
  current = 0;
  /** Bytes of content that are holes. */
  holeBytes = 0;
  /**
   * Inodes that are to be put under verity when all is there, as what stands behind their end is too large to be kept, and the flags that
   * they are to have then, for which there is no verity any more.
   */
  readonly unhashed = new Map<number, number>();
  /** Files that are under verity. */
  nrVerity = 0;
  /** Other names of files that could not be read by their first. */
  readonly late: number[] = [];

  constructor(tree: SourceTree, volume: Volume, threads: FillThreads, options: LoadOptions) {
    this.#tree = tree;
    this.#volume = volume;
    this.#blockSize = volume.layout.block.blockSize;
    this.#options = options;
    this.#extensions = new Extensions(volume.layout.sb);
    this.#inlineBytes = maxInlineData(
      extraIsizeFor(volume.layout.feature),
      DEFAULT_INLINE_XATTR_ADDRS,
      volume.layout.block,
    );
    this.#lostFoundIno = lostFoundIno(quotaInos(volume.layout.sb).length);
    this.#threads = threads;
    this.#slots = threads.slots;
    const { buffer } = threads.memory;
    this.#bytes = new Uint8Array(buffer);
    const jobsAt = Array.from({ length: NR_JOBS }, (_, slot) => this.#slots.bufferOf(slot));
    this.#writer = new BlockWriter(volume.device, buffer, jobsAt, NR_JOBS * this.#slots.shape.jobBytes);
    this.#jobs = new Jobs(tree, this.#slots, this.#bytes, options.holes, (slot) => this.#writer.isFree(slot));
    this.#order = new PourOrder(tree);
    this.#inodes = Array.from({ length: NR_DATA_LOGS + 2 }, () => new InodeWriter(volume, this.#writer, options.stamp));
    this.#fileWriters = Array.from(
      { length: NR_DATA_LOGS },
      (_, log) => new FileWriter(volume, this.#inodes[log].nodes, this.#writer, log as Log),
    );
    this.#directories = new DirectoryWriter(volume, this.#inodes[NR_DATA_LOGS + 1].nodes, this.#writer);
    this.#inos = new Int32Array(tree.count);
    const { names, nrInodes } = countNames(tree, options.folded);
    this.#names = names;
    this.#nextIno = this.#reserveInos(nrInodes);
    this.#children = new ChildNames(tree);
  }

  /** The first of as many free numbers; nodes that are no inodes get those behind them. */
  #reserveInos(nrInodes: number): number {
    const { nat } = this.#volume;
    let first = nat.nextFreeNid;
    while (nat.entryOf(first) !== NULL_ADDR) first++;
    nat.nextFreeNid = first + nrInodes;
    return first;
  }

  #newIno(): number {
    const ino = this.#nextIno++;
    this.#volume.nat.claim(ino);
    return ino;
  }

  /** Does the work, yielding so that the caller may show progress or stop. What concerns one entry goes to `problems`. */
  *run(): Generator<void> {
    this.#inos[0] = ROOT_INO;
    let isAtEnd = false;
    while (!isAtEnd || this.#jobs.oldest >= 0) {
      if (!isAtEnd) isAtEnd = this.#putTogether();
      if (isAtEnd) this.#jobs.postAll();
      const slot = this.#jobs.oldest;
      if (slot < 0) {
        this.#writer.settleOldest();
        continue;
      }
      while (!this.#threads.look(slot)) yield;
      this.#commit(slot);
      yield;
    }
    yield* this.#writeDirectories();
    this.#writer.drain();
  }

  /** The number of the inode that an entry has got; 0: none. */
  inoOf(index: number): number {
    const group = this.#tree.linkGroup(index);
    return this.#inos[group < 0 ? index : group];
  }

  /** Waits for what is being written: the device may be closed then. */
  close(): void {
    this.#jobs.close();
    this.#writer.close();
  }

  /** Puts jobs together as long as there is room for them; whether the whole tree is in some. */
  #putTogether(): boolean {
    for (;;) {
      if (this.#jobs.isWithinFile) {
        if (!this.#jobs.addPieces()) return false;
        continue;
      }
      if (this.#pending < 0 && !this.#next()) return true;
      const index = this.#pending;
      try {
        if (!this.#add(index)) return false;
      } catch (error) {
        this.#leaveOut(index, error);
      }
      this.#pending = -1;
    }
  }
  /** The entry that found no room when it was looked at last. */
  #pending = -1;

  /** Goes on to the next entry that is no directory; false at the end. */
  #next(): boolean {
    const order = this.#order;
    for (let step = order.next(); step !== 'end'; step = order.next()) {
      if (step === 'leave') continue;
      const { index } = order;
      const refusal = this.#options.folded?.refused.get(index);
      if (refusal !== undefined) {
        this.entries++;
        this.#problem(index, refusal);
        if (step === 'enter') order.skip();
        continue;
      }
      if (step === 'entry') {
        this.#pending = index;
        return true;
      }
      this.#enter(index);
    }
    return false;
  }

  #enter(index: number): void {
    this.entries++;
    this.done.directories++;
    this.#inos[index] = this.#isLostFound(index) ? this.#lostFoundIno : this.#newIno();
  }

  /** Whether an entry has the place of the directory that a format makes. */
  #isLostFound(index: number): boolean {
    if (index === 0 || this.#tree.parent(index) !== 0 || this.#tree.nameLength(index) !== LOST_FOUND.length)
      return false;
    if (!this.#volume.hasFeature('lost_found')) return false;
    return isSameBytes(this.#tree.name(index), LOST_FOUND);
  }

  /** Adds what an entry holds to a job; false when there is no room for it now. Throws what concerns the entry. */
  #add(index: number): boolean {
    const tree = this.#tree;
    const group = tree.linkGroup(index);
    if (group >= 0 && this.#primaries.has(group)) return true;
    if (this.#isLostFound(index)) throw new F2fsError('EEXIST', LOST_FOUND_TAKEN);
    const type = tree.type(index);
    let isAdded: boolean;
    if (type === 'file') isAdded = this.#addFile(index);
    else if (type === 'symlink') isAdded = this.#addSymlink(index);
    else {
      const { rdevMajor: major, rdevMinor: minor } = tree.stat(index);
      checkRdev({ major, minor });
      isAdded = this.#jobs.addBytes(index, 0, null);
    }
    if (!isAdded) return false;
    if (group >= 0) this.#primaries.set(group, index);
    this.#inos[group < 0 ? index : group] = this.#newIno();
    return true;
  }

  #addSymlink(index: number): boolean {
    const target = this.#tree.readlink(index);
    checkSymlinkTarget(target);
    if (target.length <= this.#inlineBytes) return this.#jobs.addBytes(index, target.length, target);
    return this.#jobs.addPage(index, target);
  }

  #addFile(index: number): boolean {
    const size = this.#tree.size(index);
    const { maxFileBytes } = this.#volume.layout.block;
    if (size > maxFileBytes) {
      const message = `the file would be too large with ${size} bytes: it can have ${maxFileBytes}`;
      throw new F2fsError('EFBIG', message);
    }
    const known = this.#tree.known(index);
    const isCompressed = known === null && this.#options.compress?.has(index) === true;
    const isVerity = this.#options.verity?.has(index) === true;
    if (size <= this.#inlineBytes && !isCompressed && !isVerity) return this.#jobs.addBytes(index, size, known);
    const clusterPages = isCompressed ? this.#policy.clusterPages : 1;
    const advise = this.#extensions.adviseFor(this.#tree.name(index));
    const log = logOfFile(advise, isCompressed, Math.ceil(size / this.#blockSize));
    const isHashed = isVerity && isHashedAtOnce(size, this.#verity);
    this.#jobs.beginFile(index, log, clusterPages, known, isHashed);
    return true;
  }

  get #verity(): VerityFormat {
    return this.#options.verity!.format;
  }

  get #policy(): CompressPolicy {
    return this.#options.compress!.policy;
  }

  /** Gives what a job holds its addresses. Throws what concerns the volume. */
  #commit(slot: number): void {
    const slots = this.#slots;
    const nrPieces = slots.nrPieces(slot);
    for (let piece = 0; piece < nrPieces; piece++) {
      const index = slots.index(slot, piece);
      if (this.inoOf(index) === NONE || !this.#isFilled(slot, piece, index)) continue;
      if (slots.isBytes(slot)) this.#writeInline(slot, piece, index);
      else this.#writePages(slot, piece, index);
    }
    this.#writer.endJob();
    this.#jobs.takeBack();
  }

  /** Whether a piece is there: one that a thread could not read is read here, so that it is known why. */
  #isFilled(slot: number, piece: number, index: number): boolean {
    if (this.#slots.status(slot, piece) !== STATUS.FAILED) return true;
    try {
      this.#threads.fillAgain(slot, piece);
      return true;
    } catch (error) {
      this.#drop(slot, index);
      this.#leaveOut(index, error);
      return false;
    }
  }

  /** Takes back what was written of a file already. */
  #drop(slot: number, index: number): void {
    const log = this.#jobs.logOf(slot);
    if (!this.#slots.isBytes(slot) && this.#within[log] === index) {
      this.#fileWriters[log].takeBack();
      this.#inodes[log].nodes.takeBack();
      this.#within[log] = -1;
    } else {
      this.#volume.nat.release(this.inoOf(index));
    }
    const group = this.#tree.linkGroup(index);
    this.#inos[group < 0 ? index : group] = NONE;
  }

  /** Notes why an entry is not there. Throws what does not concern it alone. */
  #leaveOut(index: number, error: unknown): void {
    if (!(error instanceof F2fsError) || error.code === 'ENOSPC') throw error;
    const group = this.#tree.linkGroup(index);
    if (group >= 0) this.#primaries.set(group, index);
    this.entries++;
    this.#problem(index, error);
  }

  #problem(index: number, { code, message }: F2fsError): void {
    this.problems.add(code, kindOfMessage(message), () => ({ path: this.#tree.path(index), message }));
  }

  #writeInline(slot: number, piece: number, index: number): void {
    const slots = this.#slots;
    const length = slots.length(slot, piece);
    const at = slots.bufferOf(slot) + slots.at(slot, piece);
    const inode = this.#inodes[NR_DATA_LOGS];
    inode.begin(this.inoOf(index), false);
    const type = this.#tree.type(index);
    if (type === 'file' || type === 'symlink') inode.putContents(this.#bytes.subarray(at, at + length));
    this.#endInode(inode, index, length, 0);
  }

  #writePages(slot: number, piece: number, index: number): void {
    const slots = this.#slots;
    const log = this.#jobs.logOf(slot);
    const inode = this.#inodes[log];
    const writer = this.#fileWriters[log];
    const isSymlink = this.#tree.type(index) === 'symlink';
    const flags = slots.flags(slot, piece);
    const isCompressed = (flags & PIECE.COMPRESS) !== 0;
    const isHashed = (flags & PIECE.HASH) !== 0;
    const isLast = (flags & PIECE.LAST) !== 0;
    if (this.#within[log] !== index) {
      this.#within[log] = index;
      this.#hashes[log] = isHashed ? new FileHashes(this.#tree.size(index), this.#verity) : null;
      const clusterPages = isCompressed ? this.#policy.clusterPages : 1;
      inode.begin(this.inoOf(index), false, clusterPages);
      writer.begin(clusterPages, !this.#options.release);
    }
    try {
      if (isHashed) this.#addHashes(slot, piece, this.#hashes[log] as FileHashes);
      writer.add(slots, slot, piece);
      if (isHashed && isLast) this.#writeHashes(log, index, this.#hashes[log] as FileHashes);
    } catch (error) {
      if (!(error instanceof F2fsError) || error.code !== 'EFBIG') throw error;
      this.#drop(slot, index);
      this.#leaveOut(index, isCompressed ? pastClusters(error) : error);
      return;
    }
    if (!isLast) return;
    this.#within[log] = -1;
    this.#hashes[log] = null;
    const { blocks, pages, clusters, rawClusters, clusterPages, clusterBlocks } = writer.file;
    const size = isSymlink ? this.#targetLength(slot, piece) : this.#tree.size(index);
    const saved = clusterPages - clusterBlocks;
    inode.endAddresses();
    if (isCompressed) {
      const isReleased = this.#options.release && saved > 0;
      inode.setCompressed(contextOf(this.#policy), isReleased, isReleased ? 0 : saved);
      this.clusters.clusters += clusters;
      this.clusters.rawClusters += rawClusters;
      this.clusters.pages += clusterPages;
      this.clusters.blocks += clusterBlocks;
      if (clusters > 0) this.clusters.files++;
    }
    const isVerity = !isSymlink && this.#options.verity?.has(index) === true;
    if (isVerity) this.nrVerity++;
    const isLater = isVerity && !isHashed;
    if (isLater) this.unhashed.set(this.inoOf(index), this.#tree.flags(index));
    this.holeBytes += Math.min(size, (Math.ceil(size / this.#blockSize) - pages) * this.#blockSize);
    this.#endInode(inode, index, size, blocks, isHashed, isLater);
  }

  #addHashes(slot: number, piece: number, hashes: FileHashes): void {
    const slots = this.#slots;
    const perPage = this.#blockSize / this.#verity.blockSize;
    // What was given from the start no thread has looked at.
    const isGiven = this.#tree.known(slots.index(slot, piece)) !== null;
    hashes.add(slots.first(slot, piece) * perPage, this.#threads.hashesOf(slot, piece, isGiven));
  }

  /** Writes what is behind the end of a file under verity, all of whose pages are there. Throws ENOSPC, EFBIG. */
  #writeHashes(log: Log, index: number, hashes: FileHashes): void {
    const { bytes, treeBytes } = hashes.end();
    const pos = verityMetadataPos(this.#tree.size(index));
    this.#fileWriters[log].addBehindEnd(pos / this.#blockSize, bytes);
    const value = verityLocation(pos + treeBytes, VerityDescriptor.size);
    this.#inodes[log].own = [{ index: XATTR_INDEX.VERITY, name: VERITY_XATTR_NAME, value }];
  }

  /** Bytes of a target that has a page: it has no zeros, and is shorter than that. */
  #targetLength(slot: number, piece: number): number {
    const at = this.#slots.bufferOf(slot) + this.#slots.at(slot, piece) * this.#blockSize;
    return this.#bytes.subarray(at, at + this.#blockSize).indexOf(0);
  }

  /** Writes the inode of what is no directory, which has all but its attributes; `isLater` when it is to be put under verity in the end. */
  #endInode(inode: InodeWriter, index: number, size: number, blocks: number, isVerity = false, isLater = false): void {
    const tree = this.#tree;
    const stat = tree.stat(index);
    const type = stat.mode & S_IFMT;
    const group = tree.linkGroup(index);
    const names = group < 0 ? 1 : (this.#names as Uint32Array)[group];
    inode.size = size;
    inode.blocks = blocks;
    inode.depth = 0;
    inode.nlink = names;
    const name = tree.name(index);
    inode.advise = (type === S_IFREG ? this.#extensions.adviseFor(name) : 0) | (names > 1 ? ADVISE.LOST_PINO : 0);
    if (isVerity) inode.advise |= ADVISE.VERITY;
    const flags = type === S_IFREG ? tree.flags(index) : 0;
    inode.flags = isLater ? flags & ~(I_FLAGS.IMMUTABLE | I_FLAGS.APPEND) : flags;
    inode.parentIno = this.#inos[tree.parent(index)];
    inode.name = name;
    const hasXattrs = tree.hasXattrs(index);
    if (hasXattrs) this.#putXattrs(inode, index, stat.mode);
    else if (isVerity) inode.putXattrs([], stat.mode, () => undefined);
    inode.own = [];
    inode.end(hasXattrs ? tree.stat(index) : stat);
    this.#count(index, type, size);
  }

  #putXattrs(inode: InodeWriter, index: number, mode: number): void {
    const { found, failed } = this.#tree.xattrs(index);
    for (const error of failed) this.#problem(index, error);
    this.done.xattrs += inode.putXattrs(found, mode, (error) => this.#problem(index, error));
  }

  #count(index: number, type: number, size: number): void {
    const { done } = this;
    if (type === S_IFREG) {
      done.files++;
      done.contentBytes += size;
    } else if (type === S_IFLNK) done.symlinks++;
    else done.special++;
    const group = this.#tree.linkGroup(index);
    const names = group < 0 ? 1 : (this.#names as Uint32Array)[group];
    done.hardLinks += names - 1;
    this.entries += names;
    this.current = index;
  }

  /** The directories, in the order of their indexes; the root comes last, and what a format made is written anew. */
  *#writeDirectories(): Generator<void> {
    const { count } = this.#tree;
    for (let index = 1; index < count; index++) {
      if (this.#tree.type(index) !== 'dir' || this.#inos[index] === NONE) continue;
      this.#writeDirectory(index);
      yield;
    }
    this.#writeDirectory(0);
  }

  #writeDirectory(index: number): void {
    const tree = this.#tree;
    const ino = this.#inos[index];
    const parentIno = this.#inos[tree.parent(index)];
    const inode = this.#inodes[NR_DATA_LOGS + 1];
    const isFormatted = index === 0 || this.#isLostFound(index);
    if (isFormatted) inode.beginAgain(ino);
    else inode.begin(ino, true);
    const names = this.#namesOf(index);
    let size = inode.inlineBytes;
    let blocks = 0;
    let depth = 1;
    if (!isFormatted && DirectoryWriter.fitsInline(names, size)) {
      inode.setInlineDentries();
      this.#directories.putInline(inode.contentsAt, size, parentIno, names);
    } else {
      const put = this.#directories.putBlocks(parentIno, names);
      inode.endAddresses();
      size = put.endPage * this.#blockSize;
      ({ blocks, depth } = put);
    }
    const stat = tree.stat(index);
    inode.size = size;
    inode.blocks = blocks;
    inode.depth = depth;
    inode.nlink = 2 + names.nrDirectories;
    inode.advise = 0;
    inode.flags = tree.flags(index) | (this.#options.folded?.has(index) ? I_FLAGS.CASEFOLD : 0);
    inode.parentIno = parentIno;
    inode.name = tree.name(index);
    if (tree.hasXattrs(index)) this.#putXattrs(inode, index, stat.mode);
    if (isFormatted) inode.endAgain(tree.stat(index));
    else inode.end(tree.stat(index));
  }

  #namesOf(dir: number): ChildNames {
    const tree = this.#tree;
    const names = this.#children;
    names.clear();
    const { folded } = this.#options;
    names.folding = folded?.has(dir) ? folded.folding : null;
    const first = tree.firstChild(dir);
    const end = first + tree.nrChildren(dir);
    if (dir === 0 && this.#volume.hasFeature('lost_found')) names.addLostFound(this.#lostFoundIno);
    for (let child = first; child < end; child++) {
      if (folded?.refused.has(child)) continue;
      const ino = this.inoOf(child);
      if (ino === NONE) this.#noteLate(child);
      else if (!this.#isLostFound(child)) names.add(child, ino);
    }
    return names;
  }

  #noteLate(child: number): void {
    const group = this.#tree.linkGroup(child);
    if (group >= 0 && this.#primaries.get(group) !== child) this.late.push(child);
  }
}

/** Nodes of whole clusters do not reach as far as others. */
function pastClusters(cause: F2fsError): F2fsError {
  return new F2fsError('E2BIG', `with clusters of this size the file is too large: ${cause.message}`, { cause });
}

/** How many names each file has that has several, by the lowest index of them; null when there is none. And how many inodes there are. */
function countNames(
  tree: SourceTree,
  folded: FoldedDirectories | null,
): { names: Uint32Array | null; nrInodes: number } {
  let names: Uint32Array | null = null;
  let nrInodes = 0;
  for (let index = 0; index < tree.count; index++) {
    if (folded?.isLeftOut(index)) continue;
    const group = tree.linkGroup(index);
    if (group < 0) {
      nrInodes++;
      continue;
    }
    names ??= new Uint32Array(tree.count);
    if (names[group]++ === 0) nrInodes++;
  }
  return { names, nrInodes };
}
