// The benchmark command: what it counts, what it prints and draws, when it refuses, and what it leaves behind. No times.
import * as fs from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { chartOf } from '../../src/bench/chart.ts';
import { FIGURE_NAMES, median, percentile } from '../../src/bench/measure.ts';
import { type BenchOptions, type BenchReport, runBench } from '../../src/bench/run.ts';
import type { RunResult, SummaryRow } from '../../src/bench/summary.ts';
import { USUAL_WORKLOADS } from '../../src/bench/workload-names.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { attachLoop, imageDirectory } from '../device/temporary.ts';
import { f2fs } from './command.ts';

const temporary = imageDirectory();
const MIB = 2 ** 20;
/** Few enough to take no time; the file does not end with a whole cluster. */
const SMALL: readonly (readonly [option: string, value: string, workloads: RegExp])[] = [
  ['--size', '5000K', /seq-write|overwrite|rand-write|read-back|nearly-full/],
  ['--writes', '200', /rand-write|nearly-full/],
  ['--appends', '9', /append-fsync/],
  ['--files', '60', /small-files|create-delete|recovery/],
  ['--cache', '32M', /./],
];
const SIZE = 5000 * 1024;
const FILE_PAGES = SIZE / 4096;
/** Folios, of 2 MiB and at the end of powers of two that add up, and the page of the root: what a front to back write maps. */
const FILE_RUNS = Math.floor(FILE_PAGES / 512) + (FILE_PAGES % 512).toString(2).replaceAll('0', '').length + 1;

afterAll(() => temporary.remove());

/** Arguments, and before them the small sizes of what they have measured. */
function small(...args: string[]): string[] {
  const workloads = args.includes('--workloads') ? args[args.indexOf('--workloads') + 1] : USUAL_WORKLOADS.join(',');
  return [...SMALL.flatMap(([option, value, users]) => (users.test(workloads) ? [option, value] : [])), ...args];
}

/** Runs `f2fs bench IMAGE --json --quiet ...args`, and takes what it prints. */
async function benchmark(image: string, ...args: string[]): Promise<BenchReport> {
  const result = await f2fs(['bench', image, '--json', '--quiet', ...small(...args)]);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(result.stdout);
}

function runOf(report: BenchReport, wanted: Partial<RunResult>): RunResult {
  const names = Object.keys(wanted) as (keyof RunResult)[];
  const found = report.runs.find((run) => names.every((name) => run[name] === wanted[name]));
  if (found === undefined) throw new Error(`no run of ${JSON.stringify(wanted)}`);
  return found;
}

/** Throws unless every element of an XML document is closed, in order, and text and attributes hold no bare markup. */
function elementsOf(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const text = xml.replace(/^<\?xml [^?]*\?>/, '');
  const token = /<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="(?:[^"<&]|&[a-z]+;)*")*)(\/?)>|([^<]+)/gy;
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) throw new Error(`not well-formed at ${JSON.stringify(text.slice(at, at + 60))}`);
    const [, closing, name, , empty, characters] = match;
    if (characters !== undefined) {
      if (/&(?!(amp|lt|gt|quot);)/.test(characters)) throw new Error(`a bare & in ${JSON.stringify(characters)}`);
    } else if (closing === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      names.push(name);
      if (empty === '') open.push(name);
    }
  }
  if (open.length > 0) throw new Error(`${open.join(', ')} not closed`);
  return names;
}

describe.concurrent('f2fs bench', () => {
  it('runs every workload on both engines in pairs, plain and compressed, with exact counts', async () => {
    const image = temporary.file('both.img');
    // Folios of one size, so that both engines find the same pages dirty at the same moments.
    const report = await benchmark(
      image,
      '--engine',
      'both',
      '--compress',
      'none,lz4',
      '--repeat',
      '2',
      '--folio',
      '512',
    );
    expect(report).toMatchObject({ target: image, kind: 'file', targetBytes: fs.statSync(image).size });
    expect(report.runs).toHaveLength(USUAL_WORKLOADS.length * 2 * 2 * 2);
    expect(report.runs.slice(0, 2).map(({ engine }) => engine)).toEqual(['folios', 'pages']);
    expect(report.runs.at(-1)).toMatchObject({ engine: 'folios', repeat: 2, compress: 'lz4' });
    expect(report.summary).toHaveLength(USUAL_WORKLOADS.length * 2 * 2);
    expect(report.ratios).toHaveLength(USUAL_WORKLOADS.length * 2);
    for (const ratio of report.ratios) expect(ratio).toMatchObject({ pairs: 2, speed: expect.any(Number) });
    for (const run of report.runs) checkRun(run);
    for (const compress of ['none', 'lz4']) {
      for (const workload of USUAL_WORKLOADS) checkSameWork(report, { workload, compress });
    }
    const folios = runOf(report, { workload: 'seq-write', engine: 'folios', compress: 'none' });
    expect(folios.writeback).toMatchObject({ mapBlocksCalls: FILE_RUNS, runs: FILE_RUNS, pages: FILE_PAGES + 1 });
    const pages = runOf(report, { workload: 'seq-write', engine: 'pages', compress: 'none' });
    expect(pages.writeback).toMatchObject({ mapBlocksCalls: FILE_PAGES + 1, pages: FILE_PAGES + 1 });
    for (const engine of ['folios', 'pages'] as const) {
      const { compression, writeback } = runOf(report, { workload: 'overwrite', engine, compress: 'lz4' });
      expect(compression?.pages).toBe(FILE_PAGES);
      // The content is text: all whole clusters become smaller, the part of one at the end does not.
      expect(writeback.clusters).toBe(Math.floor(FILE_PAGES / 16));
      expect(compression?.blocks).toBe(FILE_PAGES - writeback.clusterPages + writeback.clusterBlocks);
      expect(compression?.blocks).toBeLessThan(0.75 * FILE_PAGES);
    }
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it('recovers what was fsynced before a crash, and writes on a volume that is nearly full', async () => {
    const image = temporary.file('worn.img');
    const report = await benchmark(image, '--workloads', 'recovery,nearly-full', '--compress', 'none', '--repeat', '1');
    for (const run of report.runs) checkRun(run);
    expect((await fsck(image)).complaints).toEqual([]);
  });

  it('mounts as it is told: cluster, folio, workers, cache, queue, direct', async () => {
    const image = temporary.file('options.img');
    const options = ['--cluster', '16K', '--folio', '16', '--workers', '2', '--queue', '0', '--repeat', '1'];
    const report = await benchmark(image, '--workloads', 'seq-write', '--compress', 'none,lz4', ...options);
    const [plain, compressed] = report.runs;
    expect(plain.writeback.folios).toBe(Math.ceil(FILE_PAGES / 16) + 1);
    expect(compressed.writeback.clusters).toBe(Math.floor(FILE_PAGES / 4));
    expect((await fsck(image)).complaints).toEqual([]);
    const direct = await f2fs(['bench', image, '--force', '--json', ...small('--direct', '--repeat', '1', '--quiet')]);
    // Not every file system has direct I/O.
    if (direct.code === 0) expect((await fsck(image)).complaints).toEqual([]);
    else expect(direct.stderr).toMatch(/direct I\/O: the file system that holds it has none/);
  });

  it('shows a table and draws a chart', async () => {
    const image = temporary.file('table <&>.img');
    const svg = temporary.file('chart.svg');
    const some = ['--workloads', 'seq-write,read-back', '--compress', 'none', '--repeat', '1'];
    const shown = await f2fs(['bench', image, ...small(...some), '--svg', svg]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^target +\S.* image file of .*, buffered; a file of 4.9 MiB; one run$/m);
    expect(shown.stdout).toMatch(/^workload +engine +range +MB\/s +op\/s +sync p50 +p95 +p99 ms +bios /m);
    expect(shown.stdout).toMatch(/^seq-write +folios +[\d.]+\.\.[\d.]+ +\d/m);
    expect(shown.stdout).toMatch(/^read-back +folios .* - /m);
    expect(shown.stdout).not.toMatch(/rand-write|against|NaN|undefined|null/);
    expect(shown.stderr).toMatch(/keeps the volume of the last run\n$/);
    const drawn = fs.readFileSync(svg, 'utf8');
    expect(elementsOf(drawn).filter((name) => name === 'svg')).toHaveLength(1);
    expect(drawn).toContain('table &lt;&amp;&gt;.img');

    const again = await f2fs(['bench', temporary.file('never.img'), '--svg', svg]);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^f2fs: bench: \S+chart.svg exists; [^\n]*--force[^\n]*\(EEXIST\)\n$/);
    expect(fs.existsSync(temporary.file('never.img'))).toBe(false);
  });

  it('needs --force over what is there, and removes the image with --rm', async () => {
    const image = temporary.file('there.img');
    fs.writeFileSync(image, 'precious');
    const some = small('--workloads', 'append-fsync', '--compress', 'none', '--repeat', '1', '--rm', '--quiet');
    const refused = await f2fs(['bench', image, ...some]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^f2fs: bench: \S+ exists; [^\n]*--force[^\n]*\(EEXIST\)\n$/);
    expect(fs.readFileSync(image, 'utf8')).toBe('precious');
    const asked = some.map((word) => (word === 'none' ? 'lz4:99' : word));
    const wrong = await f2fs(['bench', image, ...asked, '--force']);
    expect(wrong.stderr).toMatch(
      /^f2fs: bench: invalid level '99' of lz4: expected 3 to 16 \(see f2fs bench --help\)\n$/,
    );
    expect(fs.readFileSync(image, 'utf8')).toBe('precious');
    expect(await f2fs(['bench', image, ...some, '--force'])).toMatchObject({ code: 0, stderr: '' });
    expect(fs.existsSync(image)).toBe(false);
  });

  it('refuses options that make no sense, before there is a file', async () => {
    const image = temporary.file('nothing.img');
    const usage = [
      ['--workloads', 'sequential'],
      ['--workloads', ''],
      ['--engine', 'none'],
      ['--size', '100'],
      ['--block', '1G'],
      ['--compress', 'gzip'],
    ];
    for (const options of usage) {
      expect(await f2fs(['bench', image, ...options])).toMatchObject({ code: 2, stdout: '' });
    }
    const good: BenchOptions = {
      sizes: { fileBytes: MIB, blockBytes: 4096, writes: 1, appends: 1, files: 1 },
      workloads: ['seq-write'],
      engines: ['folios'],
      compress: ['lz4'],
      clusterBytes: 65536,
      repeats: 1,
    };
    const invalid: Partial<BenchOptions>[] = [
      { clusterBytes: 5120 },
      { clusterBytes: 2 * MIB },
      { folioPages: 3 },
      { folioPages: 1024 },
      { workers: 65 },
      { cacheBytes: MIB },
      { queueDepth: 65 },
    ];
    for (const options of invalid) {
      await expect(runBench(image, { ...good, ...options })).rejects.toMatchObject({ code: 'EINVAL' });
    }
    expect((await f2fs(['bench', temporary.directory, '--force'])).stderr).toMatch(/\(EISDIR\)\n$/);
    expect((await f2fs(['bench', '/dev/null', '--force'])).stderr).toMatch(/\(ENOTBLK\)\n$/);
    expect(fs.existsSync(image)).toBe(false);
  });

  it('writes to a block device that is free, large enough and empty, or with --force', async ({ skip }) => {
    const file = temporary.file('loop.img');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 128 * MIB);
    const loop = attachLoop(file);
    if (typeof loop === 'string') return skip(loop);
    const some = ['--workloads', 'overwrite,rand-write', '--compress', 'none', '--repeat', '1'];
    try {
      const report = await benchmark(loop.device, ...some);
      expect(report).toMatchObject({ kind: 'block', targetBytes: 128 * MIB });
      expect((await fsck(loop.device)).complaints).toEqual([]);
      expect((await f2fs(['bench', loop.device, ...small(...some)])).stderr).toMatch(
        /holds an F2FS volume; .*\(EEXIST\)\n$/,
      );
      expect((await f2fs(['bench', file, ...small(...some), '--force', '--rm'])).stderr).toMatch(/\(EBUSY\)\n$/);
      expect(fs.existsSync(file)).toBe(true);
      for (const [workload, cure, ...sizes] of [
        ['rand-write', '--size or --writes', '--size', '1G'],
        ['recovery', '--files', '--workloads', 'seq-write,recovery', '--size', '4K', '--files', '9000'],
        ['append-fsync', '--appends or --block', '--workloads', 'seq-write,append-fsync', '--appends', '90000'],
      ])
        expect((await f2fs(['bench', loop.device, '--force', ...sizes])).stderr).toMatch(
          new RegExp(`is too small: ${workload} needs .*; make ${cure} smaller \\(ENOSPC\\)\\n$`),
        );
      expect((await f2fs(['bench', loop.device, '--rm', '--force'])).code).toBe(2);
      await benchmark(loop.device, ...some, '--force');
    } finally {
      loop.detach();
    }
  });
});

/** What holds of any run. */
function checkRun({
  workload,
  compress,
  bytes,
  operations,
  syncMs,
  checkpoints,
  device,
  figures,
  ...run
}: RunResult): void {
  const expected = {
    'seq-write': { operations: 3, bytes: SIZE, syncs: 1 },
    overwrite: { operations: 3, bytes: SIZE, syncs: 1 },
    'rand-write': { operations: 200, bytes: 200 * 4096, syncs: 1 },
    'append-fsync': { operations: 9, bytes: 9 * 4096, syncs: 9 },
    'small-files': { operations: 60, bytes, syncs: 1 },
    'create-delete': { operations: 2 * 60, bytes, syncs: 1 },
    'read-back': { operations: 3, bytes: SIZE, syncs: 0 },
    recovery: { operations: 60, bytes: 60 * 4096, syncs: 0 },
    'nearly-full': { operations: 200, bytes: 200 * 4096, syncs: 1 },
  }[workload];
  expect({ operations, bytes, syncs: syncMs.length }).toEqual(expected);
  // The fsync of a compressed file is a checkpoint, that of another one is not; and a recovery ends with one.
  const onlyFsyncs = workload === 'append-fsync' && compress === 'none';
  const expectedCheckpoints = onlyFsyncs ? 0 : workload === 'recovery' ? 1 : expected.syncs;
  expect(checkpoints).toBe(expectedCheckpoints);
  expect(run.seconds).toBeGreaterThan(0);
  expect(run.cpuSeconds.user + run.cpuSeconds.system).toBeGreaterThan(0);
  expect(Object.keys(figures)).toEqual(FIGURE_NAMES);
  expect(run.compression === null).toBe(compress === 'none');
  // Nothing is left of files that were removed.
  expect(figures.compressionRatio === null).toBe(compress === 'none' || workload === 'create-delete');
  if (workload === 'read-back') {
    expect(device).toMatchObject({ writes: 0, flushes: 0 });
    expect(device.reads).toBe(figures.bios);
    expect(figures).toMatchObject({ syncP50Ms: null, mapBlocksPerMib: null, writeAmplification: null });
  } else {
    expect(device.flushes).toBe(onlyFsyncs ? expected.syncs : 2 * expectedCheckpoints);
    expect(device.writes).toBe(figures.bios);
    expect(figures.writeAmplification).toBeCloseTo(device.writeBytes / bytes, 9);
    expect(figures.mapBlocksPerMib).toBeCloseTo((run.writeback.mapBlocksCalls * MIB) / bytes, 9);
  }
}

/** Repeats do the same, so that only times differ; and the engines write the same pages. */
function checkSameWork(report: BenchReport, wanted: Pick<RunResult, 'workload' | 'compress'>): void {
  const counts = ({ bytes, writeback, device, compression }: RunResult) => ({ bytes, writeback, device, compression });
  for (const engine of ['folios', 'pages'] as const) {
    const first = runOf(report, { ...wanted, engine, repeat: 1 });
    expect(counts(runOf(report, { ...wanted, engine, repeat: 2 }))).toEqual(counts(first));
  }
  const [folios, pages] = (['folios', 'pages'] as const).map((engine) => runOf(report, { ...wanted, engine }));
  expect(pages.writeback.pages).toBe(folios.writeback.pages);
  expect(pages.compression).toEqual(folios.compression);
}

describe('figures', () => {
  it('are percentiles by nearest rank and medians', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect([50, 95, 99, 100].map((percent) => percentile(values, percent))).toEqual([100, 190, 198, 200]);
    expect(percentile([7], 50)).toBe(7);
    expect(percentile([], 50)).toBeNull();
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNull();
  });

  it('are drawn as one well-formed picture, whatever the names and missing figures', () => {
    const figures = Object.fromEntries(FIGURE_NAMES.map((name, i) => [name, i])) as SummaryRow['figures'];
    const nothing = Object.fromEntries(FIGURE_NAMES.map((name) => [name, null])) as SummaryRow['figures'];
    const rows = (['none', 'lz4', 'zstd:3', 'lzo', 'lzo-rle'] as const).flatMap((compress) =>
      (['folios', 'pages'] as const).flatMap((engine): SummaryRow[] => [
        { workload: 'seq-write', engine, compress, figures, mbPerSecond: { least: 1, most: 3 }, syncs: 1 },
        { workload: 'read-back', engine, compress, figures: nothing, mbPerSecond: { least: 0, most: 0 }, syncs: 0 },
      ]),
    );
    const drawn = chartOf(rows, 'a "title" of <&>\u0000\u001b\ud800', 'subtitle');
    const names = elementsOf(drawn);
    expect(names[0]).toBe('svg');
    // Paper, the legend, and three bars for each of the ten series of the one workload that has figures.
    expect(names.filter((name) => name === 'rect')).toHaveLength(1 + 10 + 3 * 10);
    expect(drawn).toContain('a &quot;title&quot; of &lt;&amp;&gt;???');
    expect(drawn).not.toMatch(/NaN|Infinity|undefined/);
  });
});
