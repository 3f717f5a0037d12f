// f2fs bench: workloads on a new volume, measured.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { chartOf } from '../bench/chart.ts';
import { tablesOf } from '../bench/report.ts';
import { type BenchOptions, type BenchProgress, type BenchReport, checkBench, runBench } from '../bench/run.ts';
import { isBlockDevice } from '../bench/target.ts';
import { USUAL_WORKLOADS, WORKLOAD_NAMES, type WorkloadName } from '../bench/workload-names.ts';
import { F2fsError } from '../errors.ts';
import { BLKSIZE, type EngineName, MAX_CACHE_BYTES, MAX_FOLIO_PAGES, MIN_CACHE_BYTES, targetAt } from '../index.ts';
import { replacedNotes } from '../populate/replaced.ts';
import { asUsage, complain, EXIT, UsageError } from './errors.ts';
import { refuseDash } from './image.ts';
import { Interruption } from './interrupt.ts';
import { printable } from './names.ts';
import { printJson, printTable, writeOut } from './output.ts';
import { Progress } from './progress.ts';
import { counted, shortSize } from './sizes.ts';

/** What the command line gives; defaults are in program.ts, but for what depends on another option. */
export interface BenchCommandOptions {
  workloads?: WorkloadName[];
  engine: EngineName | 'both';
  size: number;
  block: number;
  writes?: number;
  appends: number;
  files: number;
  /** Names with commas. */
  compress: string;
  cluster: number;
  workers?: number;
  folio?: number;
  queue?: number;
  cache?: number;
  direct?: boolean;
  repeat: number;
  svg?: string;
  force?: boolean;
  rm?: boolean;
  quiet?: boolean;
  json?: boolean;
}

/** Random writes, unless said otherwise, are of this part of the file. */
const RANDOM_PART = 1 / 4;
/** Load, for each core, above which figures are told to be noisy. */
const QUIET_SHARE = 1 / 4;

/** Benchmarks on `target`. Throws EEXIST, EBUSY and what runBench throws. */
export async function bench(target: string, options: BenchCommandOptions, given: readonly string[]): Promise<number> {
  refuseDash(target, 'an image');
  refuseWithoutEffect(options, given);
  using interruption = new Interruption();
  const wanted = wantedOf(options, interruption.signal);
  asUsage(() => checkBench(wanted));
  const isDevice = isBlockDevice(target);
  if (options.rm && isDevice) throw new UsageError(`${target} is a block device: --rm is for image files`);
  checkChart(target, options);
  const notes = options.force && fs.existsSync(target) ? replacedNotes(target) : [];
  const host = hostOf();
  let report: BenchReport;
  try {
    using progress = new Progress(options.quiet === true);
    report = await runBench(target, { ...wanted, onProgress: (at) => progress.show(() => progressText(at)) });
  } catch (error) {
    const canceled = error instanceof F2fsError && error.code === 'ECANCELED';
    const consequence = options.rm ? `${target} was removed` : `${target} holds a volume of the run that was cut short`;
    const exitCode = canceled ? interruption.exitCode('bench', consequence) : null;
    if (exitCode !== null) return exitCode;
    throw error;
  }
  if (options.json) await printJson({ options: shownOptions(wanted), host, ...report });
  else await printReport(report, wanted, host);
  if (options.svg !== undefined) {
    fs.writeFileSync(options.svg, chartOf(report.summary, `f2fs bench ${target}`, describe(report, wanted)), {
      flag: options.force ? 'w' : 'wx',
    });
  }
  for (const note of notes) if (!options.quiet) complain('bench', `note: ${note}`);
  if (!options.quiet && host.load > host.cores * QUIET_SHARE) {
    const what = `the machine was not quiet, load ${host.load.toFixed(1)} on ${counted(host.cores, 'core')}`;
    complain('bench', `note: ${what}: ratios hold better than times`);
  }
  if (!options.quiet && !options.rm) complain('bench', `note: ${target} keeps the volume of the last run`);
  return EXIT.ok;
}

/** The workloads that an option has an effect on. */
const USED_BY: Readonly<Record<string, readonly WorkloadName[]>> = {
  size: ['seq-write', 'overwrite', 'rand-write', 'read-back', 'nearly-full'],
  block: ['rand-write', 'append-fsync', 'nearly-full'],
  writes: ['rand-write', 'nearly-full'],
  appends: ['append-fsync'],
  files: ['small-files', 'create-delete', 'recovery'],
};

/** Throws UsageError for an option that changes nothing of what is measured. */
function refuseWithoutEffect({ workloads, compress }: BenchCommandOptions, given: readonly string[]): void {
  const measured = workloads ?? USUAL_WORKLOADS;
  for (const [option, users] of Object.entries(USED_BY)) {
    if (given.includes(option) && !users.some((name) => measured.includes(name)))
      throw new UsageError(`--${option} has no effect on ${measured.join(', ')}`);
  }
  const codecs = compress.split(',');
  if (new Set(codecs).size < codecs.length)
    throw new UsageError(`invalid --compress '${compress}': expected each once`);
  if (codecs.some((codec) => codec !== 'none')) return;
  for (const option of ['cluster', 'workers'])
    if (given.includes(option)) throw new UsageError(`--${option} has no effect without compression`);
}

/** Throws before hours of work what would be thrown after them. */
function checkChart(target: string, { svg, force }: BenchCommandOptions): void {
  if (svg === undefined) return;
  if (svg === '') throw new UsageError("invalid --svg '': expected a name for the chart");
  if (svg === target) throw new UsageError('the chart cannot go to the target');
  refuseDash(svg, 'a chart');
  const there = fs.statSync(svg, { throwIfNoEntry: false });
  if (there === undefined) {
    targetAt(svg);
    if (!fs.existsSync(path.dirname(svg)))
      throw new F2fsError('ENOENT', `there is no directory for the chart ${svg}`, { path: svg });
    return;
  }
  if (!there.isFile()) throw new F2fsError('EEXIST', `${svg} exists, and is no file for a chart`, { path: svg });
  if (!force) throw new F2fsError('EEXIST', `${svg} exists; --force replaces it`, { path: svg });
}

function wantedOf(options: BenchCommandOptions, signal: AbortSignal): BenchOptions {
  const { size, block, folio = 1, cache = MIN_CACHE_BYTES } = options;
  if (!(Number.isInteger(Math.log2(folio)) && folio <= MAX_FOLIO_PAGES))
    throw new UsageError(`invalid --folio ${folio}: expected a power of two up to ${MAX_FOLIO_PAGES}`);
  if (cache < MIN_CACHE_BYTES || cache > MAX_CACHE_BYTES)
    throw new UsageError(
      `invalid --cache ${cache}: expected ${shortSize(MIN_CACHE_BYTES)} to ${shortSize(MAX_CACHE_BYTES)}`,
    );
  if (size < BLKSIZE) throw new UsageError(`invalid --size ${size}: expected ${BLKSIZE} bytes, a block, or more`);
  if (block < 1) throw new UsageError('invalid --block 0: expected 1 byte or more');
  if (block > size) throw new UsageError(`invalid --block ${block}: expected ${size} at most, the --size of the file`);
  return {
    sizes: {
      fileBytes: size,
      blockBytes: block,
      writes: options.writes ?? Math.max(1, Math.floor((size * RANDOM_PART) / block)),
      appends: options.appends,
      files: options.files,
    },
    workloads: options.workloads ?? USUAL_WORKLOADS,
    engines: options.engine === 'both' ? ['folios', 'pages'] : [options.engine],
    compress: [...new Set(options.compress.split(','))],
    clusterBytes: options.cluster,
    workers: options.workers,
    folioPages: options.folio,
    cacheBytes: options.cache,
    direct: options.direct ?? false,
    queueDepth: options.queue,
    repeats: options.repeat,
    force: options.force,
    remove: options.rm,
    signal,
  };
}

function progressText({ done, total, workload, engine, compress, repeat }: BenchProgress): string {
  const percent = `${((done / total) * 100).toFixed(0).padStart(3)}%`;
  return `${percent}  repeat ${repeat}  ${workload}  ${engine}${compress === 'none' ? '' : `  ${compress}`}`;
}

type Host = ReturnType<typeof hostOf>;

/** The machine before the first run, as far as the figures depend on it. */
function hostOf() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    /** Runnable processes over the last minute. */
    load: os.loadavg()[0],
  };
}

/** What the figures depend on. */
function shownOptions({ signal: _, force: __, remove: ___, ...options }: BenchOptions) {
  return options;
}

/** Who wrote how much where, in one line. */
function describe({ kind, targetBytes }: BenchReport, { sizes, direct, repeats }: BenchOptions): string {
  const where = `${kind === 'file' ? 'image file' : 'block device'} of ${shortSize(targetBytes)}, ${direct ? 'direct' : 'buffered'}`;
  return `${where}; a file of ${shortSize(sizes.fileBytes)}; ${repeats === 1 ? 'one run' : `medians of ${repeats} runs`}`;
}

async function printReport(report: BenchReport, options: BenchOptions, host: Host): Promise<void> {
  const { sizes, workloads, queueDepth, cacheBytes, folioPages, workers } = options;
  const chosen = [
    queueDepth === undefined ? null : `a queue of ${counted(queueDepth, 'write')}`,
    cacheBytes === undefined ? null : `a cache of ${shortSize(cacheBytes)}`,
    folioPages === undefined ? null : `folios of at most ${counted(folioPages, 'page')}`,
    workers === undefined ? null : counted(workers, 'worker'),
  ].filter((one) => one !== null);
  const amounts: Partial<Record<WorkloadName, string>> = {
    'rand-write': `${sizes.writes} random writes of ${shortSize(sizes.blockBytes)}`,
    'append-fsync': `${counted(sizes.appends, 'append')} of ${shortSize(sizes.blockBytes)}, each with an fsync`,
    'small-files': counted(sizes.files, 'small file'),
    'create-delete': `${counted(sizes.files, 'small file')} made and removed`,
    recovery: `${counted(sizes.files, 'file')} of one block fsynced before a crash`,
    'nearly-full': `${sizes.writes} random writes of ${shortSize(sizes.blockBytes)} on a volume that is 95% full`,
  };
  const shown = WORKLOAD_NAMES.filter((name) => workloads.includes(name)).flatMap((name) => amounts[name] ?? []);
  await printTable([
    ['target', `${printable(report.target)}, ${describe(report, options)}`],
    ['amounts', shown.join(', ') || null],
    ['options', chosen.join(', ') || null],
    ['content', `words, of which deflate leaves ${(report.contentRatio * 100).toFixed(0)}%`],
    ['host', `${host.cpu}, ${host.cores} cores, load ${host.load.toFixed(1)}; ${host.kernel}; node ${host.node}`],
  ]);
  await writeOut(`\n${tablesOf(report, options.clusterBytes)}`);
  if (workloads.includes('read-back') && !options.direct) {
    await writeOut("read-back  begins with our cache empty, but not the host's: --direct reads from the device\n");
  }
}
