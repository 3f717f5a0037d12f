// f2fs build: a directory of the host, or tar archives, into an image.

import { F2fsError } from '../errors.ts';
import {
  type BuildCompression,
  type BuildCompressionReport,
  type BuildOptions,
  type BuildReport,
  type BuildVerity,
  build as buildImage,
  codecText,
  countProblems,
  type EngineName,
  type HolePolicy,
  parseCodec,
  targetAt,
  type VerityHash,
} from '../index.ts';
import { BLOCK_SIZES, clusterSizes } from '../limits.ts';
import { checkBuildOptions } from '../populate/build-options.ts';
import { choicesOfSizes } from '../size-text.ts';
import { type BlockSizeOptions, blockSizeOf } from './block-size.ts';
import { reportInCommandWords } from './command-words.ts';
import { asUsage, complain, complainOf, EXIT, UsageError } from './errors.ts';
import { expandFeatures } from './features.ts';
import { refuseDash } from './image.ts';
import { Interruption } from './interrupt.ts';
import { printable } from './names.ts';
import { isDone, printJson, printTable } from './output.ts';
import { Progress } from './progress.ts';
import { assertStandardInput, standardInputOnce } from './replayed-input.ts';
import { counted, countedEntries, longSize, shortSize } from './sizes.ts';

export interface BuildCommandOptions extends BlockSizeOptions {
  size?: number | 'auto';
  free?: number;
  tight?: boolean;
  holes?: HolePolicy;
  uuid?: string;
  label?: string;
  features?: string[];
  encoding?: string;
  casefold?: string[];
  coldExt?: string[];
  hotExt?: string[];
  immutable?: string[];
  allRoot?: boolean;
  xattrs?: boolean;
  force?: boolean;
  compress?: string;
  cluster?: number;
  compressExt?: string[];
  compressGlob?: string[];
  noCompressExt?: string[];
  compressChecksum?: boolean;
  release?: boolean;
  readOnly?: boolean;
  verity?: string[];
  verityHash?: VerityHash;
  verityBlock?: number;
  veritySalt?: Uint8Array;
  workers?: number;
  engine?: EngineName;
  ociWhiteouts?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const ROOT = { uid: 0, gid: 0 };

/** Bytes of a cluster when none are asked for, unless blocks are too large for that. */
const DEFAULT_CLUSTER = 64 * 1024;

/** Stands for standard input. */
const STDIN = '-';

/** Builds `image` from `sources`; exit code 1 when an entry could not be taken over. Throws what build throws. */
export async function build(sources: string[], image: string, options: BuildCommandOptions): Promise<number> {
  refuseDash(image, 'an image');
  if (sources.includes(STDIN)) assertStandardInput();
  if (sources.indexOf(STDIN) !== sources.lastIndexOf(STDIN))
    throw new UsageError('standard input can be read once only');
  const compress = compressionOf(options);
  const wanted: BuildOptions = {
    size: options.size,
    blockSize: blockSizeOf(options),
    freeBytes: options.free,
    tight: options.tight,
    holes: options.holes,
    uuid: options.uuid,
    label: options.label,
    features: options.features && expandFeatures(options.features),
    encoding: options.encoding,
    casefold: options.casefold,
    coldExtensions: options.coldExt,
    hotExtensions: options.hotExt,
    immutable: options.immutable,
    owner: options.allRoot ? ROOT : undefined,
    xattrs: options.xattrs,
    force: options.force,
    compress,
    release: options.release,
    ociWhiteouts: options.ociWhiteouts,
    readOnly: options.readOnly,
    verity: verityOf(options),
    workers: options.workers,
    engine: options.engine,
    sourceDateEpoch: epochOf(process.env.SOURCE_DATE_EPOCH),
  };
  asUsage(() => checkBuildOptions(wanted));
  refuseSizeOfDevice(image, options);
  using interruption = new Interruption();
  let report: BuildReport;
  try {
    using progress = new Progress(options.quiet === true);
    const { signal } = interruption;
    const source = sources.map((one) => (one === STDIN ? standardInputOnce() : one));
    report = await buildImage(source.length === 1 ? source[0] : source, image, {
      ...wanted,
      signal,
      onProgress: (at) => progress.tree(at),
    });
  } catch (error) {
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const exitCode = canceled ? interruption.exitCode('build', `${image} was not built`) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
  complainOf('build', report.problems);
  for (const note of report.notes) if (!options.quiet) complain('build', `note: ${note}`);
  isDone(`${image} is built`);
  if (options.json) await printJson(reportInCommandWords(report));
  else if (!options.quiet) await printTable(summary(report, options));
  return report.problems.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Throws UsageError for options of compression without it, and for an algorithm or level that there is not. */
function compressionOf(options: BuildCommandOptions): BuildCompression | undefined {
  const { compress, cluster, compressExt, compressGlob, noCompressExt, compressChecksum, release, workers } = options;
  if (compress === undefined) {
    const given = { cluster, compressExt, compressGlob, noCompressExt, compressChecksum, release, workers };
    const lonely = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
    if (lonely === undefined) return undefined;
    const flag = lonely.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${flag} has no effect without --compress`);
  }
  const blockSize = blockSizeOf(options) ?? BLOCK_SIZES[0];
  const sizes = clusterSizes(blockSize);
  const clusterBytes = cluster ?? Math.max(DEFAULT_CLUSTER, sizes[0]);
  if (!sizes.includes(clusterBytes))
    throw new UsageError(`invalid --cluster '${asTyped(clusterBytes)}': expected ${choicesOfSizes(sizes)}`);
  return {
    codec: asUsage(() => parseCodec(compress)),
    clusterPages: clusterBytes / blockSize,
    checksum: compressChecksum,
    extensions: compressExt,
    noExtensions: noCompressExt,
    globs: compressGlob,
  };
}

/** Throws UsageError for options of verity without it. */
function verityOf({ verity, verityHash, verityBlock, veritySalt }: BuildCommandOptions): BuildVerity | undefined {
  if (verity !== undefined) return { globs: verity, algorithm: verityHash, blockSize: verityBlock, salt: veritySalt };
  const given = { '--verity-hash': verityHash, '--verity-block': verityBlock, '--verity-salt': veritySalt };
  const lonely = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (lonely !== undefined) throw new UsageError(`${lonely} has no effect without --verity`);
  return undefined;
}

/** A size as it may have been typed. */
function asTyped(bytes: number): string {
  return bytes % 1024 === 0 ? choicesOfSizes([bytes]) : String(bytes);
}

/** Throws UsageError for the size of a block device. */
function refuseSizeOfDevice(image: string, { size = 'auto', tight }: BuildCommandOptions): void {
  const flag = size === 'auto' ? tight && '--tight' : '--size';
  if (!flag || targetAt(image).kind !== 'block') return;
  throw new UsageError(`${image} is a block device: it has its own size; leave ${flag} out`);
}

/** Seconds of SOURCE_DATE_EPOCH. Throws UsageError when it is set, but no whole number. */
function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw new UsageError(`invalid SOURCE_DATE_EPOCH '${text}': expected a whole number of seconds since 1970`);
}

function summary(report: BuildReport, options: BuildCommandOptions): [string, string | null][] {
  const { problems } = report;
  const entries = countedEntries(report);
  return [
    ['image', `${printable(report.image)}, ${longSize(report.imageBytes)}`],
    ['uuid', report.uuid],
    ['entries', entries.join(', ') || 'none'],
    [
      'contents',
      `${longSize(report.contentBytes)}${report.holeBytes > 0 ? `, ${shortSize(report.holeBytes)} of holes` : ''}`,
    ],
    ['compressed', report.compression === null ? null : compressionText(report.compression, options)],
    ['verity', options.verity === undefined ? null : counted(report.verityFiles, 'file')],
    ['xattrs', report.xattrs > 0 ? String(report.xattrs) : null],
    ['blocks', blocksText(report)],
    ['time', `${report.seconds.toFixed(report.seconds < 10 ? 2 : 0)} s`],
    ['problems', problems.length > 0 ? `${countProblems(problems)}: see above; the image lacks what they name` : null],
  ];
}

/** `1200 used, 300 free`, and how large they are where that is not the usual size. */
function blocksText({ usedBlocks, freeBlocks, blockBytes }: BuildReport): string {
  const size = blockBytes === BLOCK_SIZES[0] ? '' : `, of ${shortSize(blockBytes)}`;
  return `${usedBlocks} used, ${freeBlocks} free${size}`;
}

/** `120 files, 3400 clusters of 64 KiB (12 stay raw) by zstd:3, 21000 blocks saved and released, ratio 1.62 in pages`, or `nothing: ...` */
function compressionText(done: BuildCompressionReport, options: BuildCommandOptions): string {
  const { algorithm, level, clusterBytes, files, clusters, rawClusters, savedBlocks, releasedBlocks, ratio, none } =
    done;
  const codec = codecText(algorithm, level);
  const cluster = shortSize(clusterBytes);
  if (clusters === 0 && rawClusters > 0) {
    return `nothing: ${codec} would save no block in ${counted(rawClusters, 'cluster')} of ${cluster}`;
  }
  if (none !== null) return `nothing: ${noneText(none, cluster, options)}`;
  const raw = rawClusters > 0 ? ` (${rawClusters} stay raw)` : '';
  const released = releasedBlocks > 0 ? ' and released' : '';
  return `${counted(files, 'file')}, ${counted(clusters, 'cluster')} of ${cluster}${raw} by ${codec}, ${counted(savedBlocks, 'block')} saved${released}, ratio ${ratio.toFixed(2)} in pages`;
}

function noneText(
  why: NonNullable<BuildCompressionReport['none']>,
  cluster: string,
  options: BuildCommandOptions,
): string {
  const { compressExt, compressGlob, noCompressExt } = options;
  const given = { '--compress-ext': compressExt, '--compress-glob': compressGlob, '--no-compress-ext': noCompressExt };
  const flags = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  const chosen = `${flags.join(' and ')} ${flags.length === 1 ? 'leaves' : 'leave'}`;
  if (why === 'unfit') return flags.length === 0 ? 'there is no file' : `${chosen} no file`;
  const files = flags.length === 0 ? 'no file' : `none of the files that ${chosen}`;
  return `${files} holds a whole cluster of data, ${cluster}`;
}
