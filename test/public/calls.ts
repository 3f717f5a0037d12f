// Every function, constructor and method of the public face, with the kinds of its arguments.
import * as f2fs from '../../src/index.ts';
import type { World } from './kinds.ts';
import * as k from './kinds.ts';
import { ALL_BYTES, type Kind, kind, optional } from './values.ts';

export interface Call {
  readonly args: readonly Kind<World>[];
  readonly run: (world: World, args: unknown[]) => unknown;
  /** Whether it works on a volume that was closed; most of what is done on one must not. */
  readonly afterClose: 'works' | 'EBADF';
}

type Method = (...args: unknown[]) => unknown;
/** What is called on: an object of the world, by its class. */
const receivers = {
  FileSystem: (world: World) => world.fs,
  Handle: (world: World) => world.symlink,
  FileHandle: (world: World) => world.file,
  Directory: (world: World) => world.dir,
  AsyncFileSystem: (world: World) => world.async,
  AsyncFileHandle: (world: World) => world.asyncFile,
  MemoryDevice: (world: World) => new f2fs.MemoryDevice({ sizeBytes: world.device.nrBlocks * f2fs.BLKSIZE }),
  FileDevice: (world: World) => world.fileDevice,
};
type Receiver = keyof typeof receivers;

const EXPORTS: Readonly<Record<string, unknown>> = { ...f2fs };

/** Methods that have a symbol for a name. */
export const SYMBOLS = { dispose: Symbol.dispose, asyncDispose: Symbol.asyncDispose } as const;

const calls = new Map<string, Call>();

function functions(table: Record<string, readonly Kind<World>[]>): void {
  for (const [name, args] of Object.entries(table)) {
    const it = EXPORTS[name] as Method;
    calls.set(name, { args, run: (_, given) => it(...given), afterClose: 'works' });
  }
}

function constructors(table: Record<string, readonly Kind<World>[]>): void {
  for (const [name, args] of Object.entries(table)) {
    const It = EXPORTS[name] as new (...given: unknown[]) => unknown;
    calls.set(`new ${name}`, { args, run: (_, given) => new It(...given), afterClose: 'works' });
  }
}

function methods(of: Receiver, table: Record<string, readonly Kind<World>[]>, works: readonly string[] = []): void {
  const isDevice = of === 'MemoryDevice' || of === 'FileDevice';
  for (const [name, args] of Object.entries(table)) {
    const key = name in SYMBOLS ? SYMBOLS[name as keyof typeof SYMBOLS] : name;
    const run = (world: World, given: unknown[]) => {
      const receiver = receivers[of](world) as unknown as Record<string | symbol, Method>;
      const result = receiver[key](...given);
      // What is done in steps is done.
      return name.endsWith('InSteps') ? [...(result as Iterable<unknown>)].length : result;
    };
    calls.set(`${of}.${name}`, { args, run, afterClose: isDevice || works.includes(name) ? 'works' : 'EBADF' });
  }
}

functions({
  build: [
    kind((world) => `${world.host}/tree`, ['text', 'empty text']),
    kind((world) => `${world.host}/image`, ['text', 'empty text']),
    k.buildOptions,
  ],
  put: [k.volume, kind((world) => `${world.host}/tree`, ['text', 'empty text']), k.place, k.putOptions],
  extract: [k.volume, k.directoryPath, kind((world) => `${world.host}/out`, ['text', 'empty text']), k.extractOptions],
  extractTar: [k.volume, k.directoryPath, k.callback, k.tarOptions],
  changeImage: [
    // Of nothing at that path: what is wrong with the rest is found before.
    kind((world) => `${world.host}/nothing`, ['text', 'empty text']),
    k.callback,
    k.changeImageOptions,
  ],
  targetAt: [k.hostPath],
  joinPath: [k.path, k.name],
  splitPath: [k.path],
  sortedEntries: [k.openDirectory],
  countProblems: [kind(() => [], ['array'])],
  codecText: [kind(() => 'lz4', []), kind(() => 3, [...k.NUMBERS])],
  defaultWorkers: [],
  checkXattrName: [k.xattrName],
  clusterSizes: [kind(() => 4096, [])],
  parseCodec: [kind(() => 'lz4', ['text', 'empty text', 'text with NUL', 'half a character'])],
  openFileDevice: [kind((world) => `${world.host}/tree/file`, ['text', 'empty text']), k.openOptions],
  isGzipped: [k.hostPath],
  openGzipped: [k.hostPath, k.gunzipOptions],
  featureNames: [kind(() => 8, ['zero', 'one', 'minus zero', 'minus one'])],
  formatUuid: [kind(() => new Uint8Array(16), [])],
  parseUuid: [kind(() => 'none', ['text', 'empty text', 'text with NUL', 'half a character'])],
  mount: [k.formatted, k.mountOptions],
  mountAsync: [k.formatted, k.mountOptions],
  volumeInfo: [k.formatted],
  format: [k.device, k.formatOptions],
  planFormat: [kind(() => 20_000, ['one']), k.formatOptions],
  planSize: [kind(() => 80_000_000, [...k.NUMBERS]), k.formatOptions],
  checkFormat: [k.formatOptions],
  probe: [k.formatted],
  contentsOf: [k.formatted],
});
for (const name of ['walkDirectories', 'walkTree'] as const) {
  const walk = EXPORTS[name] as (...args: unknown[]) => Iterable<unknown>;
  calls.set(name, {
    args: [k.openDirectory, k.directoryPath, k.callback, ...(name === 'walkTree' ? [] : [optional(k.callback)])],
    run: (_world, given) => [...walk(...given)].length,
    afterClose: 'works',
  });
}

constructors({
  AsyncFileSystem: [k.volume],
  IoCounters: [],
  MemoryDevice: [
    kind(() => ({ sizeBytes: 1 << 20 }), ['one']),
    optional({ ...k.noOptions, fields: { name: optional(k.hostPath), readonly: k.flag } }),
  ],
});
// None can be made by new, whatever is passed.
for (const name of ['Handle', 'FileHandle', 'Directory', 'AsyncFileHandle'] as const) {
  const It = EXPORTS[name] as new (...given: unknown[]) => unknown;
  const args = [kind<World>(() => undefined, []), kind<World>(() => undefined, [])];
  calls.set(`new ${name}`, { args, run: (_world, given) => new It(...given), afterClose: 'works' });
}
// It is one itself, of what was wrong.
calls.set('new F2fsError', {
  args: [
    kind(() => 'EIO', []),
    kind(() => 'message', ['text', 'empty text', 'text with NUL', 'half a character']),
    optional(k.anyObject),
  ],
  run: (_world, [code, message, place]) => {
    throw new f2fs.F2fsError(code as string, message as string, place as object);
  },
  afterClose: 'works',
});

methods(
  'FileSystem',
  {
    root: [],
    open: [k.oldPath, k.follow],
    openInode: [kind((world) => world.file.ino, ['zero', 'one', 'minus zero', 'minus one'])],
    openDirectory: [k.directoryPath],
    openFile: [k.oldPath, k.openFileOptions],
    stat: [k.oldPath],
    lstat: [k.oldPath],
    readdir: [k.directoryPath],
    readlink: [k.symlinkPath],
    readFile: [k.oldPath],
    writeFile: [k.path, k.contents, k.newAttributes],
    truncate: [k.oldPath, k.index],
    mkdir: [k.path, k.newAttributes],
    symlink: [k.target, k.path, k.newAttributes],
    mknod: [k.path, k.nodeType, k.newAttributes, k.deviceNumbers],
    unlink: [k.path],
    rmdir: [k.path],
    remove: [k.path],
    removeInSteps: [k.path],
    rename: [k.path, k.path, k.renameFlags],
    link: [k.oldPath, k.path],
    setAttributes: [k.oldPath, k.attributes, k.follow],
    xattrs: [k.oldPath],
    getXattr: [k.oldPath, k.xattrName],
    setXattr: [k.oldPath, k.xattrName, k.xattrValue, k.xattrFlags],
    removeXattr: [k.oldPath, k.xattrName],
    statfs: [],
    sync: [],
    fsync: [k.oldPath],
    writeBack: [],
    clean: [k.cleanOptions],
    abandon: [],
    close: [],
    dispose: [],
  },
  ['abandon', 'close', 'dispose'],
);
methods(
  'Handle',
  {
    stat: [],
    setAttributes: [k.attributes],
    setFlags: [kind(() => ['nodump'], ['array'])],
    setProjectId: [kind(() => 0, ['zero', 'one', 'minus zero'])],
    readlink: [],
    xattrs: [],
    getXattr: [k.xattrName],
    setXattrs: [k.xattrChanges],
    setXattr: [k.xattrName, k.xattrValue, k.xattrFlags],
    removeXattr: [k.xattrName],
    fsync: [],
    fdatasync: [],
    close: [],
    dispose: [],
  },
  ['close', 'dispose'],
);
calls.set('Handle.setXattrs, one change', {
  args: [k.xattrChange],
  run: (world, [change]) => world.file.setXattrs([change as f2fs.XattrChange]),
  afterClose: 'EBADF',
});
methods('FileHandle', {
  read: [k.into, k.index],
  write: [k.contents, k.index],
  append: [k.contents],
  writeFrom: [k.source, k.index, k.length, k.writeOptions],
  truncate: [k.index],
  allocate: [k.index, k.length, k.allocateOptions],
  punch: [k.index, k.length],
  zeroRange: [k.index, k.length, k.allocateOptions],
  collapseRange: [k.index, k.length],
  insertRange: [k.index, k.length],
  regionAt: [k.index],
  seekData: [{ ...k.index, takes: new Set([...k.index.takes, 'minus one']) }],
  seekHole: [{ ...k.index, takes: new Set([...k.index.takes, 'minus one']) }],
  extents: [optional(k.index), optional(k.length), k.extentsOptions],
  setCompressed: [kind(() => true, ['true'])],
  setPinned: [kind(() => true, ['true'])],
  enableVerity: [k.verityOptions],
  enableVerityInSteps: [k.verityOptions],
  measureVerity: [],
  releaseBlocks: [],
  reserveBlocks: [],
  compress: [],
  decompress: [],
});
methods('Directory', {
  entries: [],
  readEntries: [k.index, k.index],
  lookup: [k.oldName],
  open: [k.oldName],
  createFile: [k.name, k.newAttributes],
  mkdir: [k.name, k.newAttributes],
  symlink: [k.name, k.target, k.newAttributes],
  mknod: [k.name, k.nodeType, k.newAttributes, k.deviceNumbers],
  link: [k.name, kind((world) => world.file, [])],
  unlink: [k.name],
  rmdir: [k.name],
  rename: [k.name, k.openDirectory, k.name, k.renameFlags],
});
methods(
  'AsyncFileSystem',
  {
    run: [k.callback],
    open: [k.oldPath, k.openFlags, { ...k.mode, takes: new Set([...k.mode.takes, 'undefined', 'null']) }],
    readFile: [k.oldPath, k.readFileOptions],
    writeFile: [k.path, k.contents, k.writeFileOptions],
    appendFile: [k.path, k.contents, k.writeFileOptions],
    truncate: [k.oldPath, optional(k.index)],
    mkdir: [k.path, k.mkdirOptions],
    rmdir: [k.path, k.noOptions],
    unlink: [k.path],
    rm: [k.path, k.rmOptions],
    rename: [k.path, k.path, k.renameFlags],
    link: [k.oldPath, k.path],
    symlink: [k.target, k.path, k.symlinkType],
    readlink: [k.symlinkPath, k.readlinkOptions],
    readdir: [k.directoryPath, k.readdirOptions],
    stat: [k.oldPath, k.statOptions],
    lstat: [k.oldPath, k.statOptions],
    access: [k.oldPath, k.accessMode],
    chmod: [k.oldPath, k.mode],
    chown: [k.oldPath, k.owner, k.owner],
    lchown: [k.oldPath, k.owner, k.owner],
    utimes: [k.oldPath, k.timeLike, k.timeLike],
    lutimes: [k.oldPath, k.timeLike, k.timeLike],
    xattrs: [k.oldPath],
    getXattr: [k.oldPath, k.xattrName],
    setXattr: [k.oldPath, k.xattrName, k.xattrValue, k.xattrFlags],
    removeXattr: [k.oldPath, k.xattrName],
    statfs: [optional(k.directoryPath), k.statOptions],
    sync: [],
    close: [],
    asyncDispose: [],
  },
  ['run', 'close', 'asyncDispose'],
);
methods(
  'AsyncFileHandle',
  {
    run: [k.callback],
    read: [k.intoOrOptions, k.offsetOrOptions, k.maybeIndex, k.maybeIndex],
    write: [
      kind(() => Buffer.from('bytes'), [...ALL_BYTES, 'text', 'empty text', 'text with NUL', 'half a character']),
      k.offsetOrOptions,
      k.maybeIndex,
      k.maybeIndex,
    ],
    readFile: [k.handleOptions],
    writeFile: [k.contents, k.handleOptions],
    appendFile: [k.contents, k.handleOptions],
    stat: [k.statOptions],
    truncate: [optional(k.index)],
    chmod: [k.mode],
    chown: [k.owner, k.owner],
    utimes: [k.timeLike, k.timeLike],
    sync: [],
    datasync: [],
    close: [],
    asyncDispose: [],
  },
  ['run', 'close', 'asyncDispose'],
);
const onHandle = (name: string, args: readonly Kind<World>[]) =>
  calls.set(`AsyncFileHandle.${name}, options`, {
    args,
    run: (world, given) => (world.asyncFile as unknown as Record<string, Method>)[name](...given),
    afterClose: 'EBADF',
  });
onHandle('read', [k.readOptions]);
onHandle('write', [kind(() => Buffer.from('bytes'), [...ALL_BYTES, 'text', 'empty text']), k.bufferPart]);
calls.set('AsyncFileHandle.write, text', {
  args: [
    kind(() => 'text', [...ALL_BYTES, 'text', 'empty text', 'text with NUL', 'half a character']),
    k.maybeIndex,
    k.encoding,
  ],
  run: (world, given) => (world.asyncFile.write as unknown as Method)(...given),
  afterClose: 'EBADF',
});

const block = kind<World>(() => new Uint8Array(f2fs.BLKSIZE), [...ALL_BYTES]);
/** What is not on the device is not discarded. */
const BLOCKS = { ...k.index, takes: new Set([...k.index.takes, 'minus one' as const]) };
const address = { ...k.index, codes: ['EIO', 'EINVAL'] };
for (const of of ['MemoryDevice', 'FileDevice'] as const) {
  methods(of, {
    read: [address, block],
    write: [address, kind(() => [new Uint8Array(f2fs.BLKSIZE)], ['array'])],
    queue: [kind(() => new SharedArrayBuffer(1 << 20), ['SharedArrayBuffer'])],
    finishWrite: [kind(() => undefined, [])],
    flush: [],
    zero: [address, address],
    discard: [BLOCKS, BLOCKS],
    resize: [kind(() => 4096, ['one'])],
    close: [],
  });
}

/** By name; a method's has its class before it. */
export const CALLS: ReadonlyMap<string, Call> = calls;

/** Exported, but none to be called. */
export const CONSTANTS = [
  'BLKSIZE',
  'BLOCK_SIZES',
  'CLEAN_POLICIES',
  'DEFAULT_FEATURES',
  'ENGINES',
  'FEATURES',
  'FLAG_LETTERS',
  'HOLE_POLICIES',
  'MAX_CACHE_BYTES',
  'MAX_FOLIO_PAGES',
  'MAX_ID',
  'MAX_QUEUE_DEPTH',
  'MAX_WORKERS',
  'MIN_CACHE_BYTES',
  'VERITY_HASHES',
];
/** Methods and accessors of exported classes that are not for callers: each is marked @internal. */
export const INTERNAL = [
  'FileSystem.assertWritable',
  'FileSystem.isClosed',
  'FileSystem.unneededRanges',
  'FileSystem.usedRanges',
  'Handle.inode',
  'Handle.isOn',
  'FileHandle.appends',
  'FileHandle.freeInSteps',
];
/** Accessors, which take nothing. */
export const ACCESSORS = [
  'FileSystem.checkpointVersion',
  'FileSystem.counters',
  'FileSystem.exceedsCheckpoint',
  'FileSystem.warnings',
  'FileSystem.writebackCounters',
  'Handle.ino',
  'FileHandle.pinned',
  'AsyncFileHandle.ino',
  'MemoryDevice.nrBlocks',
  'MemoryDevice.allocatedBytes',
  'FileDevice.nrBlocks',
];
