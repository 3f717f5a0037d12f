// The kinds of arguments that the public face takes, and the world that the calls are made in.
import type { AsyncFileHandle } from '../../src/fs/async-file-handle.ts';
import type { Directory } from '../../src/fs/directory-handle.ts';
import type { FileHandle } from '../../src/fs/file-handle.ts';
import type { FileSystem } from '../../src/fs/file-system.ts';
import type { Handle } from '../../src/fs/handle.ts';
import {
  type AllocateOptions,
  type AsyncFileSystem,
  type BufferPart,
  type BuildCompression,
  type ChangeImageOptions,
  type Codec,
  type CompressOptions,
  type FileDevice,
  type FormatOptions,
  type GunzipOptions,
  MemoryDevice,
  type MkdirOptions,
  type MountOptions,
  type NewAttributes,
  type OpenFileOptions,
  type OpenOptions,
  type PutPlace,
  parseCodec,
  type ReaddirOptions,
  type ReadFileOptions,
  type ReadlinkOptions,
  type ReadOptions,
  type RenameFlags,
  type RmOptions,
  type StatOptions,
  type Timestamp,
  type VerityOptions,
  type WriteFileOptions,
  type WriteOptions,
  type XattrChange,
  type XattrFlags,
} from '../../src/index.ts';
import { ALL_BYTES, ALL_OBJECTS, fields, type Kind, kind, nullable, optional, VALUE_NAMES, VALUES } from './values.ts';

/** A volume in use, and what is open on it. */
export interface World {
  device: MemoryDevice;
  /** Formatted, and not in use. */
  spare: MemoryDevice;
  fs: FileSystem;
  root: Directory;
  dir: Directory;
  file: FileHandle;
  symlink: Handle;
  async: AsyncFileSystem;
  asyncFile: AsyncFileHandle;
  fileDevice: FileDevice;
  /** A directory of the host, made for this world. */
  host: string;
  /** Counts calls, for names that are new. */
  count: number;
}

type K = Kind<World>;
export const NUMBERS = ['zero', 'one', 'minus zero'] as const;
const TEXTS = ['text', 'empty text'] as const;

export const anyObject: K = kind(
  () => ({}),
  VALUE_NAMES.filter((value) => typeof VALUES[value]() === 'object' && value !== 'null'),
);
export const flag: K = optional(kind(() => true, ['true']));
export const maybeFlag: K = nullable(flag);
export const callback: K = kind(() => () => {}, ['function']);
export const index: K = kind(() => 0, [...NUMBERS]);
export const length: K = kind(() => 4096, [...NUMBERS]);
export const path: K = kind((world) => `/dir/new${world.count++}`, [...TEXTS, ...ALL_BYTES]);
export const oldPath: K = { ...path, good: () => '/dir/file' };
export const directoryPath: K = { ...path, good: () => '/dir' };
export const symlinkPath: K = { ...path, good: () => '/dir/symlink' };
export const name: K = kind((world) => `new${world.count++}`, [...TEXTS, ...ALL_BYTES]);
export const oldName: K = { ...name, good: () => 'file' };
export const target: K = { ...path, good: () => 'target' };
export const xattrName: K = kind(() => 'user.name', [...TEXTS, ...ALL_BYTES]);
export const contents: K = kind(() => 'contents', [...TEXTS, 'text with NUL', 'half a character', ...ALL_BYTES]);
export const xattrValue: K = { ...contents, takes: new Set([...contents.takes, 'null']) };
export const into: K = kind(() => new Uint8Array(16), [...ALL_BYTES]);
export const hostPath: K = kind((world) => `${world.host}/nothing`, [...TEXTS]);

const seconds: K = kind(() => 1, [...NUMBERS, 'minus one']);
export const time: K = {
  ...fields<World, Timestamp>({ sec: seconds, nsec: index }, () => ({ sec: 1, nsec: 2 })),
  takes: new Set(),
  isOpen: true,
};
export const mode: K = kind(() => 0o600, [...NUMBERS]);
const id: K = index;
const changed = {
  mode: optional(mode),
  uid: optional(id),
  gid: optional(id),
  atime: optional(time),
  mtime: optional(time),
  ctime: optional(time),
};
export const attributes: K = fields(changed, () => ({ mode: 0o600 }));
export const newAttributes: K = optional(
  fields<World, NewAttributes>({ ...changed, crtime: optional(time), compress: flag, inherit: flag }),
);
export const deviceNumbers: K = optional(fields({ major: index, minor: index }, () => ({ major: 1, minor: 2 })));
export const nodeType: K = kind(() => 'fifo', []);
export const openFlags: K = nullable(kind(() => 'r', [...NUMBERS]));
export const openFileOptions: K = optional(
  fields<World, OpenFileOptions>({ flags: optional(kind(() => 'r', [...NUMBERS])), attributes: newAttributes }),
);
export const follow: K = optional(fields({ follow: flag }));
export const renameFlags: K = optional(fields<World, RenameFlags>({ noReplace: flag, exchange: flag }));
export const xattrFlags: K = optional(fields<World, XattrFlags>({ create: flag, replace: flag }));
export const xattrChanges: K = kind(() => [{ name: 'user.b', value: 'value' }], ['array']);
export const xattrChange: K = fields<World, XattrChange>(
  { name: xattrName, value: xattrValue, create: flag, replace: flag },
  () => ({ name: 'user.b', value: 'value' }),
);
export const allocateOptions: K = optional(fields<World, AllocateOptions>({ keepSize: flag }));
export const extentsOptions: K = optional(fields({ sync: flag }));
export const writeOptions: K = optional(fields<World, WriteOptions>({ sparse: flag, time: optional(time) }));
export const source: K = {
  ...fields({ fill: callback }, () => ({ fill: () => {} })),
  takes: new Set(),
  isOpen: true,
};
export const cleanOptions: K = optional(
  fields({
    policy: optional(kind(() => 'greedy', [])),
    sections: optional(kind(() => 0, [...NUMBERS, '2^53', 'infinity'])),
  }),
);

const codec: K = fields<World, Codec>({ algorithm: index, level: index }, () => parseCodec('lz4'));
const words: K = optional(kind(() => ['txt'], ['array']));
const compression = {
  codec: optional(codec),
  clusterPages: optional(kind(() => 4, ['one'])),
  checksum: flag,
  extensions: words,
  noExtensions: words,
};
const compressOptions: K = optional(
  fields<World, CompressOptions>({ ...compression, mode: optional(kind(() => 'fs', [])) }),
);
const word = (good: string): K => optional(kind(() => good, []));
const cacheBytes: K = optional(kind(() => 8 << 20, ['one', 'fraction']));
const workers: K = optional(kind(() => 0, [...NUMBERS]));
export const mountOptions: K = optional(
  fields<World, MountOptions>({
    readonly: flag,
    cacheBytes,
    // What it gives is looked at when it is asked.
    now: optional(kind(() => () => ({ sec: 1, nsec: 1 }), [])),
    compress: compressOptions,
    workers,
    recovery: flag,
    engine: word('pages'),
    maxFolioPages: optional(kind(() => 8, ['one'])),
    mode: word('lfs'),
    ipuPolicies: optional(kind(() => ['util'], ['array'])),
    checkpoints: word('explicit'),
    cleaning: flag,
    discard: flag,
  }),
);
const { readonly: _readonly, checkpoints: _checkpoints, ...mountedSo } = mountOptions.fields ?? {};
export const changeImageOptions: K = optional(
  fields<World, ChangeImageOptions>({
    inSteps: flag,
    mount: optional(
      fields<World, NonNullable<ChangeImageOptions['mount']>>({ ...mountedSo, now: optional(callback) } as never),
    ),
    signal: optional(kind(() => new AbortController().signal, [])),
    onProgress: optional(callback),
    onWarning: optional(callback),
    onNote: optional(callback),
    killable: optional(kind(() => (step: () => void) => step(), ['function'])),
  }),
);
const text: K = optional(kind(() => 'text', [...TEXTS]));
const label: K = { ...text, takes: new Set([...text.takes, 'half a character']) };
/** Looked at when it is written. */
const anyText: K = { ...label, takes: new Set([...label.takes, 'text with NUL']) };
const epoch: K = optional(seconds);
const count: K = optional(kind(() => 1, ['one']));
export const formatOptions: K = optional(
  fields<World, FormatOptions>({
    blockSize: optional(kind(() => 4096, ['one'])),
    sectorSize: optional(kind(() => 512, ['one'])),
    segsPerSec: count,
    secsPerZone: count,
    overprovision: optional(kind(() => 5, [...NUMBERS, 'fraction'])),
    largeNatBitmap: flag,
    startSector: optional(kind(() => 8, [...NUMBERS])),
    logPlacement: word('packed'),
    label,
    uuid: optional(
      kind(() => new Uint8Array(16).fill(1), [...TEXTS, ...ALL_BYTES, 'text with NUL', 'half a character']),
    ),
    features: optional(kind(() => 'default', ['array'])),
    encoding: word('utf8:strict'),
    rootUid: optional(id),
    rootGid: optional(id),
    hotExtensions: words,
    coldExtensions: words,
    timestamp: epoch,
    checkpointVer: count,
    version: anyText,
    discard: flag,
  }),
);
export const openOptions: K = optional(
  fields<World, OpenOptions>({
    writable: flag,
    create: optional(fields({ sizeBytes: kind(() => 8 << 20, []), overwrite: flag }, () => ({ sizeBytes: 8 << 20 }))),
    direct: flag,
    exclusive: flag,
    queueDepth: optional(kind(() => 0, [...NUMBERS])),
  }),
);
export const device: K = kind(() => new MemoryDevice({ sizeBytes: 64 << 20 }), []);
/** Formatted, not mounted. */
export const formatted: K = kind((world) => world.spare, []);
export const volume: K = kind((world) => world.fs, []);
export const openDirectory: K = kind((world) => world.dir, []);
const signal: K = optional(kind(() => new AbortController().signal, []));
export const gunzipOptions: K = optional(fields<World, GunzipOptions>({ signal }));
const optionalCallback: K = optional(callback);
const someOwner: K = optional({ ...fields({ uid: index, gid: index }, () => ({ uid: 1, gid: 2 })), takes: new Set() });
/** Canceled before there is any work, but after everything was looked at. */
export const buildOptions: K = optional(
  fields(
    {
      size: optional(kind(() => 'auto', ['one'])),
      freeBytes: optional(kind(() => 0, [...NUMBERS, 'fraction'])),
      uuid: { ...word('00000000-0000-4000-8000-000000000000'), takes: text.takes },
      label: anyText,
      features: optional(kind(() => ['extra_attr'], ['array'])),
      encoding: word('utf8'),
      casefold: words,
      force: flag,
      sourceDateEpoch: epoch,
      cacheBytes,
      compress: optional(fields<World, BuildCompression>({ ...compression, globs: words })),
      release: flag,
      workers,
      engine: word('pages'),
      onProgress: optionalCallback,
      signal,
    },
    () => ({ force: true, signal: AbortSignal.abort() }),
  ),
);
export const verityOptions: K = optional(
  fields<World, VerityOptions>({
    algorithm: word('sha256'),
    blockSize: optional(kind(() => 4096, [])),
    salt: optional(kind(() => new Uint8Array(3), [...ALL_BYTES])),
  }),
);
export const place: K = fields<World, PutPlace>(
  { directory: directoryPath, name: { ...name, takes: new Set([...name.takes, 'null']) } },
  (world) => ({ directory: '/dir', name: `put${world.count++}` }),
);
export const putOptions: K = optional(
  fields({ replace: flag, exclude: text, xattrs: flag, owner: someOwner, onProgress: optionalCallback, signal }),
);
export const tarOptions: K = optional(fields({ xattrs: flag, onProgress: optionalCallback, signal }));
export const extractOptions: K = optional(
  fields(
    { force: flag, owner: flag, xattrs: flag, holes: word('zeros'), onProgress: optionalCallback, signal },
    () => ({ force: true }),
  ),
);

export const encoding: K = nullable(kind(() => 'utf8', []));
const maybeSignal: K = nullable(signal);
const readFields = { encoding, flag: openFlags, signal: maybeSignal };
/** A text is an encoding, null nothing. */
export const readFileOptions: K = nullable(fields<World, ReadFileOptions>(readFields));
export const writeFileOptions: K = nullable(
  fields<World, WriteFileOptions>({ ...readFields, mode: nullable(mode), flush: maybeFlag }, () => ({ flag: 'a' })),
);
export const handleOptions: K = nullable(fields({ encoding, signal: maybeSignal }));
export const mkdirOptions: K = nullable({
  ...fields<World, MkdirOptions>({ mode: nullable(mode), recursive: flag }),
  takes: new Set([...fields({}).takes, ...NUMBERS]),
});
export const rmOptions: K = nullable(fields<World, RmOptions>({ recursive: flag, force: flag }));
export const readdirOptions: K = nullable(
  fields<World, ReaddirOptions>({ encoding, withFileTypes: flag, recursive: flag }),
);
export const readlinkOptions: K = nullable(fields<World, ReadlinkOptions>({ encoding }));
export const statOptions: K = nullable(fields<World, StatOptions>({ bigint: optional(kind(() => false, [])) }));
export const noOptions: K = nullable(fields({}));
export const accessMode: K = nullable(kind(() => 0, [...NUMBERS]));
export const symlinkType: K = nullable(kind(() => 'file', []));
export const owner: K = kind(() => 1, [...NUMBERS, 'minus one']);
/** Seconds, a Date, or a timestamp. */
export const timeLike: K = {
  ...time,
  good: () => 5,
  takes: new Set([...NUMBERS, 'minus one', 'fraction', 'Date']),
};
export const maybeIndex: K = nullable(index);
const part = { offset: maybeIndex, length: maybeIndex, position: maybeIndex };
const partOptions = fields<World, BufferPart>(part);
/** A number is an offset alone. */
export const bufferPart: K = nullable({ ...partOptions, takes: new Set([...partOptions.takes, ...NUMBERS]) });
const partAndBuffer = fields<World, ReadOptions<Uint8Array>>({ ...part, buffer: optional(into) });
export const readOptions: K = nullable({
  ...partAndBuffer,
  takes: new Set([...ALL_BYTES, 'object', 'object without prototype', 'Date']),
});
/** Options in place of one that others follow: typed, if not taken. */
export const offsetOrOptions: K = { ...maybeIndex, takes: new Set([...maybeIndex.takes, ...ALL_OBJECTS]) };
export const intoOrOptions: K = {
  ...into,
  takes: new Set([...into.takes, 'undefined', 'null', 'object', 'object without prototype', 'Date']),
};
