// What build and put may be asked for, checked before there is any work.
import {
  type Check,
  checkOptions,
  invalid,
  isBoolean,
  isEither,
  isFunction,
  isList,
  isNumber,
  isOneOf,
  isOptions,
  isSignal,
  isText,
  isWhole,
  type OptionChecks,
} from '../check.ts';
import { MAX_WORKERS } from '../compress/algorithms.ts';
import { VERITY_OPTIONS } from '../file/verity/options.ts';
import { MAX_ID } from '../format/constants.ts';
import { checkFileSystem, type FileSystem } from '../fs/file-system.ts';
import { COMPRESS_OPTIONS } from '../fs/mount-options.ts';
import type { Host } from '../host/host.ts';
import { HOLE_POLICIES } from '../source/hole-policy.ts';
import type { TarSource } from '../source/tar/scan.ts';
import { ENGINES } from '../writeback/engines.ts';
import type { BuildCompression } from './compress-choice.ts';
import type { BuildOptions, BuildSource, BuildVerity, PutOptions, PutPlace } from './options.ts';

const { mode: _, ...COMPRESS } = COMPRESS_OPTIONS;
const BUILD_COMPRESSION: OptionChecks<BuildCompression> = { ...COMPRESS, globs: isList(isText) };

const BUILD_VERITY: OptionChecks<BuildVerity> = { ...VERITY_OPTIONS, globs: isList(isText) };

const isOwner = isOptions({ uid: isWhole(0, MAX_ID), gid: isWhole(0, MAX_ID) }, ['uid', 'gid']);

const BUILD_OPTIONS: OptionChecks<BuildOptions> = {
  size: isEither("a number of bytes above 0, or 'auto'", isOneOf(['auto']), isWhole(1, Number.MAX_SAFE_INTEGER)),
  blockSize: isWhole(1, Number.MAX_SAFE_INTEGER),
  tight: isBoolean,
  freeBytes: isNumber(0, Number.MAX_SAFE_INTEGER),
  uuid: isText,
  label: (value, what) => {
    if (typeof value !== 'string') throw invalid(what, value, 'a string');
  },
  features: isList(isText),
  encoding: isText,
  casefold: isList(isText),
  coldExtensions: isList(isText),
  hotExtensions: isList(isText),
  immutable: isList(isText),
  force: isBoolean,
  sourceDateEpoch: isWhole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'seconds'),
  cacheBytes: isNumber(1, Number.MAX_SAFE_INTEGER),
  compress: isOptions(BUILD_COMPRESSION),
  release: isBoolean,
  readOnly: isBoolean,
  verity: isOptions(BUILD_VERITY, ['globs']),
  workers: isWhole(0, MAX_WORKERS),
  engine: isOneOf(ENGINES),
  xattrs: isBoolean,
  owner: isOwner,
  ociWhiteouts: isBoolean,
  holes: isOneOf(HOLE_POLICIES),
  onProgress: isFunction,
  signal: isSignal,
};

/** The bytes of an archive as they come. */
const isStream: Check = (value, what) => {
  if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value) return;
  throw invalid(what, value, 'a path, or an async iterable of bytes');
};

/** What a build is made from. */
function checkSource(source: unknown): void {
  if (Array.isArray(source) && source.length === 0) throw invalid('source', source, 'at least one tar archive');
  for (const one of Array.isArray(source) ? source : [source]) checkTarSource(one);
}

function checkTarSource(source: unknown): void {
  if (typeof source === 'string') isText(source, 'source');
  else isStream(source, 'source');
}

const PUT_OPTIONS: OptionChecks<PutOptions> = {
  tar: isBoolean,
  replace: isBoolean,
  exclude: isText,
  xattrs: isBoolean,
  owner: isOwner,
  holes: isOneOf(HOLE_POLICIES),
  onProgress: isFunction,
  signal: isSignal,
};

/** What is no path or name is found when it is made bytes. */
const isAny: Check = () => {};
const isPlace = isOptions<PutPlace>({ directory: isAny, name: isAny }, ['directory', 'name']);

const isHost = isOptions<Host>({ libc: isAny, fs: isAny, run: isFunction }, ['fs', 'run']);

/** Throws EINVAL for what `build` can't be called with. */
export function checkBuild(source: BuildSource, image: string, options: BuildOptions, host: Host): void {
  checkSource(source);
  isText(image, 'path of the image');
  checkOptions('build', options, BUILD_OPTIONS);
  isHost(host, 'host');
}

/** Throws EINVAL for what `put` can't be called with. */
export function checkPut(
  volume: FileSystem,
  source: TarSource,
  place: PutPlace,
  options: PutOptions,
  host: Host,
): void {
  checkFileSystem(volume);
  isPlace(place, 'place');
  checkOptions('put', options, PUT_OPTIONS);
  if (options.tar === true) checkTarSource(source);
  else isText(source, 'source');
  isHost(host, 'host');
}
