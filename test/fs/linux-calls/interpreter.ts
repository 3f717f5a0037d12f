// Runs the calls of ops.txt on a mounted volume, and says what each returns in the words of the tables beside it, which a program
// in a guest wrote. The language, one call a line: its name, a path, then numbers as the system call has them; `%100a` is a hundred
// times the byte `a`; `write` fills with bytes that compress well, `writer` with such that do not, `fall` is fallocate(2), `setx` is
// setxattr(2), `seekd` and `seekh` are lseek(2), `setc` chooses compression, `many` makes that many files in a directory.
import type { Path } from '../../../src/bytes.ts';
import { F2fsError } from '../../../src/errors.ts';
import { Directory } from '../../../src/fs/directory-handle.ts';
import type { FileHandle } from '../../../src/fs/file-handle.ts';
import type { FileSystem } from '../../../src/fs/file-system.ts';
import type { OpenFlags } from '../../../src/fs/open-flags.ts';
import { noise } from '../compressed-volume.ts';

/** FALLOC_FL_*. */
const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2, COLLAPSE_RANGE: 8, ZERO_RANGE: 16, INSERT_RANGE: 32 };
/** FIEMAP_EXTENT_*. */
const EXTENT_FLAGS = {
  last: 1,
  unknown: 2,
  delalloc: 4,
  encoded: 8,
  encrypted: 0x80,
  'not-aligned': 0x100,
  inline: 0x200,
  unwritten: 0x800,
};
const MERGED = 0x1000;
/** Extents that the guest's program asked for at most. */
const MAX_EXTENTS = 6;
/** What the library has not. */
const NO_SUCH_CALL = 'no such call';
const SECTOR_BYTES = 512;
const SECTORS_PER_BLOCK = 8;

/** What failed was the opening, not the call. */
class OpenFailed extends Error {}

/** `%100a`: a hundred times `a`. */
function expand(word: string): string {
  return word.replace(/%(\d+)(.)/g, (_, count: string, one: string) => one.repeat(Number(count)));
}

/** Paths and names are bytes, each written as one character. */
const bytes = (text: string) => Buffer.from(text, 'latin1');
/** The guest's program took the slash off the first path, which is where it stands, and off the second. */
const firstPath = (path: string) => bytes(path === '/' ? '.' : path);
const secondPath = (path: string) => bytes(path.replace(/^\//, ''));

/** Bytes of which a cluster takes a block. */
const text = (length: number) => Buffer.alloc(length, 'what the guest wrote is not known, but compresses as well; ');

type Call = (fs: FileSystem, path: Path, args: readonly string[]) => string | number;

function withFile<T>(fs: FileSystem, path: Path, flags: OpenFlags, use: (file: FileHandle) => T): T {
  let file: FileHandle;
  try {
    file = fs.openFile(path, { flags });
  } catch (cause) {
    throw new OpenFailed('', { cause });
  }
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/** Opened for writing, and made where there is none. */
function create<T>(fs: FileSystem, path: Path, use: (file: FileHandle) => T): T {
  const there = exists(fs, path);
  return withFile(fs, path, there ? 'r+' : 'w+', use);
}

function exists(fs: FileSystem, path: Path): boolean {
  try {
    fs.lstat(path);
    return true;
  } catch {
    return false;
  }
}

function write(bytes: (length: number) => Buffer): Call {
  return (fs, path, [offset, length]) =>
    create(fs, path, (file) => {
      file.write(bytes(Number(length)), Number(offset));
      return Number(length);
    });
}

function done(call: (fs: FileSystem, path: Path, args: readonly string[]) => unknown): Call {
  return (fs, path, args) => {
    call(fs, path, args);
    return 0;
  };
}

/** On a file opened for writing. */
function onFile(call: (file: FileHandle, args: readonly string[]) => unknown): Call {
  return (fs, path, args) =>
    withFile(fs, path, 'r+', (file) => {
      const result = call(file, args);
      return typeof result === 'number' ? result : 0;
    });
}

function allocate(file: FileHandle, [mode, position, length]: readonly number[]): void {
  const options = { keepSize: (mode & FALLOC.KEEP_SIZE) !== 0 };
  switch (mode & ~FALLOC.KEEP_SIZE) {
    case 0:
      file.allocate(position, length, options);
      break;
    case FALLOC.PUNCH_HOLE:
      // The interface has no hole that changes the size.
      if (!options.keepSize) throw new F2fsError('EOPNOTSUPP', 'no such mode');
      file.punch(position, length);
      break;
    case FALLOC.COLLAPSE_RANGE:
      file.collapseRange(position, length);
      break;
    case FALLOC.ZERO_RANGE:
      file.zeroRange(position, length, options);
      break;
    case FALLOC.INSERT_RANGE:
      file.insertRange(position, length);
      break;
    default:
      throw new Error(`mode ${mode}`);
  }
}

function fiemap(fs: FileSystem, path: Path, sync: boolean): string {
  using handle = fs.open(path);
  if (handle instanceof Directory) return NO_SUCH_CALL;
  const extents = (handle as FileHandle).extents(0, undefined, { sync });
  return extents
    .slice(0, MAX_EXTENTS)
    .map(({ logical, physical, length, flags }) => {
      let bits = 0;
      for (const flag of flags) bits |= EXTENT_FLAGS[flag];
      if ((bits & EXTENT_FLAGS.inline) === 0) bits |= MERGED;
      return `[${logical}+${length} ${bits.toString(16)}${physical === 0 ? ' phys0' : ''}]`;
    })
    .join('');
}

function seek(fs: FileSystem, path: Path, call: (file: FileHandle) => number): string | number {
  return fs.stat(path).type === 'directory' ? NO_SUCH_CALL : withFile(fs, path, 'r', call);
}

/** As stat(2) shows it: sectors, without the inode's own block, but with the bytes that lie within it. */
function stat(fs: FileSystem, path: Path): string {
  const { size, blocks, nlink, mode, inline, type } = fs.lstat(path);
  const within = inline && type !== 'symlink' ? Math.ceil(size / SECTOR_BYTES) : 0;
  const sectors = (blocks - 1) * SECTORS_PER_BLOCK + within;
  return `size ${size} blocks ${sectors} nlink ${nlink} mode ${mode.toString(8)}`;
}

function time(fs: FileSystem, path: Path): string {
  const { sec, nsec } = fs.stat(path).mtime;
  return `${sec}.${String(nsec).padStart(9, '0')}`;
}

const OPEN_FLAGS: Record<string, OpenFlags> = { r: 'r', 'r+': 'r+', w: 'w', wx: 'wx', a: 'a' };

const CALLS: Record<string, Call> = {
  creat: done((fs, path) => fs.openFile(path, { flags: 'w' }).close()),
  stat,
  write: write(text),
  writer: write((length) => noise(length, length)),
  append: (fs, path, [length]) =>
    withFile(fs, path, 'a', (file) => {
      file.append(text(Number(length)));
      return Number(length);
    }),
  mkdir: done((fs, path) => fs.mkdir(path)),
  many: (fs, path, [count, prefix]) => {
    using directory = fs.openDirectory(path);
    for (let i = 0; i < Number(count); i++) directory.createFile(`${prefix}${i}`).close();
    return Number(count);
  },
  symlink: done((fs, target, [path]) => fs.symlink(target, secondPath(path))),
  readlink: (fs, path) => fs.readlink(path).length,
  mkfifo: done((fs, path) => fs.mknod(path, 'fifo')),
  mkchr: done((fs, path, [major, minor]) => fs.mknod(path, 'char', {}, { major: Number(major), minor: Number(minor) })),
  setx: done((fs, path, [name, length, flags]) =>
    fs.setXattr(path, name, Buffer.alloc(Number(length), 'v'), { create: flags === '1', replace: flags === '2' }),
  ),
  setxhex: done((fs, path, [name, value]) => fs.setXattr(path, name, Buffer.from(value, 'hex'))),
  getx: (fs, path, [name]) => fs.getXattr(path, name).length,
  rmx: done((fs, path, [name]) => fs.removeXattr(path, name)),
  trunc: done((fs, path, [size]) => fs.truncate(path, Number(size))),
  fall: onFile((file, args) => allocate(file, args.map(Number))),
  rename: done((fs, path, [to, flags = '0']) =>
    fs.rename(path, secondPath(to), { noReplace: (Number(flags) & 1) !== 0, exchange: (Number(flags) & 2) !== 0 }),
  ),
  link: done((fs, path, [to]) => fs.link(path, secondPath(to))),
  unlink: done((fs, path) => fs.unlink(path)),
  rmdir: done((fs, path) => fs.rmdir(path)),
  open: done((fs, path, [flags]) => {
    if (flags === 'd') fs.openDirectory(path).close();
    else if (flags === 'r') fs.open(path).close();
    else fs.openFile(path, { flags: OPEN_FLAGS[flags] }).close();
  }),
  fiemap: (fs, path, [sync]) => fiemap(fs, path, sync === '1'),
  // Of contents that only the guest's program knows.
  crc: (fs, path) => fs.readFile(path).length,
  seekd: (fs, path, [position]) => seek(fs, path, (file) => file.seekData(Number(position))),
  seekh: (fs, path, [position]) => seek(fs, path, (file) => file.seekHole(Number(position))),
  sync: done((fs) => fs.sync()),
  fsync: done((fs, path) => fs.fsync(path)),
  release: onFile((file) => file.releaseBlocks()),
  reserve: onFile((file) => file.reserveBlocks()),
  compress: onFile((file) => file.compress()),
  decompress: onFile((file) => file.decompress()),
  setc: done((fs, path, [on]) => create(fs, path, (file) => file.setCompressed(on === '1'))),
  chmod: done((fs, path, [mode]) => fs.setAttributes(path, { mode: Number.parseInt(mode, 8) }, { follow: true })),
  chown: done((fs, path, [uid, gid]) =>
    fs.setAttributes(path, { uid: Number(uid), gid: Number(gid) }, { follow: true }),
  ),
  utime: done((fs, path, [sec, nsec]) => {
    const time = { sec: Number(sec), nsec: Number(nsec) };
    fs.setAttributes(path, { atime: time, mtime: time }, { follow: true });
  }),
  mtime: time,
};

/** One line of ops.txt on a volume: what the call returns, or the errno of its failure. */
export function run(fs: FileSystem, line: string): string {
  const [name, ...words] = line.split(' ');
  const call = CALLS[name];
  if (call === undefined) throw new Error(`unknown call ${name}`);
  const [path = '', ...args] = words.map(expand);
  try {
    return String(call(fs, name === 'symlink' ? bytes(path) : firstPath(path), args));
  } catch (error) {
    const opening = error instanceof OpenFailed;
    const failure = opening ? error.cause : error;
    if (!(failure instanceof F2fsError)) throw failure;
    return opening ? `open ${failure.code}` : failure.code;
  }
}

/** What the guest had prepared by chattr before the calls on flags. */
export function prepareFlags(fs: FileSystem): void {
  for (const path of ['/imm', '/app']) fs.writeFile(path, 'text');
  for (const path of ['/immd', '/appd']) {
    fs.mkdir(path);
    fs.writeFile(`${path}/f`, '');
  }
  for (const path of ['/imm', '/immd']) fs.open(path).setFlags(['immutable']);
  for (const path of ['/app', '/appd']) fs.open(path).setFlags(['append']);
}
