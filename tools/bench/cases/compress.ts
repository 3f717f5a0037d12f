// Trees and files into compressed images: against mksquashfs and sload.f2fs, two workers against one, and read back.
import { fileURLToPath } from 'node:url';
import { runChild } from '../child.ts';
import type { ReadReport } from '../children/read.ts';
import {
  type Case,
  type Contestant,
  type Context,
  CPU_SECONDS,
  compare,
  compareAll,
  contest,
  PEAK_BYTES,
  type Results,
  SECONDS,
  statOfSamples,
} from '../contest.ts';
import { type Figure, figure, ratioOf, single, statOf } from '../figure.ts';
import { makeCompressibleFile, makeSmallTree, makeSparse, sizeOfTree } from '../inputs.ts';
import { isInstalled, measure } from '../measure.ts';

const MIB = 2 ** 20;
const PEAK_AIM = 400 * MIB;
const SQUASHFS = 'mksquashfs -comp lz4';
const SQUASHFS_SYNC = 'mksquashfs -comp lz4 + sync FILE';
const SLOAD = 'mkfs.f2fs + sload.f2fs -c';
/** Built by tools/setup.sh --bench: Debian's own knows no lz4. */
const SLOAD_PROGRAM = fileURLToPath(new URL('../../../.cache/peers/sload.f2fs', import.meta.url));
const COMPRESS = ['--compress', 'lz4', '--cluster', '64K', '--quiet'];

export const compressCase: Case = {
  name: 'compress',
  summary: 'LZ4, 64 KiB clusters: a directory against mksquashfs and sload.f2fs -c; one and two workers; reading back',
  run: async (context) => [...(await buildTree(context)), ...(await buildLarge(context))],
};

async function buildTree(context: Context): Promise<Figure[]> {
  const { workspace, f2fs, quick } = context;
  let source = context.tree ?? '/usr/share';
  if (quick && context.tree === null) {
    source = workspace.file('compress-tree');
    makeSmallTree(source, 200);
  }
  const { entries, contentBytes } = sizeOfTree(source);
  const imageBytes = Math.ceil(((contentBytes + entries * 4096) * 1.4 + 128 * MIB) / MIB) * MIB;
  workspace.demand(2 * imageBytes);
  context.note(
    `${source}: ${entries} entries, ${(contentBytes / MIB).toFixed(1)} MiB in blocks; all cores; warm cache`,
  );
  const squash = (output: string) => ['mksquashfs', source, output, '-comp', 'lz4', '-b', '64K', '-noappend', '-quiet'];
  const contestants: Contestant[] = [
    { name: 'ours', commands: (output) => [[...f2fs, 'build', source, output, ...COMPRESS]] },
    { name: SQUASHFS, needs: ['mksquashfs'], commands: (output) => [[...squash(output), '-no-progress']] },
    {
      name: SQUASHFS_SYNC,
      needs: ['mksquashfs', 'sync'],
      commands: (output) => [
        [...squash(output), '-no-progress'],
        ['sync', output],
      ],
    },
    {
      name: SLOAD,
      needs: ['mkfs.f2fs', SLOAD_PROGRAM],
      slow: true,
      prepare: (output) => makeSparse(output, imageBytes),
      commands: (output) => [
        ['mkfs.f2fs', '-q', '-f', '-O', 'extra_attr,compression', output],
        [SLOAD_PROGRAM, '-c', '-a', 'lz4', '-L', '4', '-f', source, output],
      ],
    },
  ];
  const results = await contest(context, contestants);
  workspace.remove('compress-tree');
  const [ours] = results.values();
  return [
    ...compareAll(results, 'compress', SQUASHFS, { sense: 'times', value: 1.2 }),
    ...compareAll(results, 'compress', SQUASHFS_SYNC, { sense: 'times', value: 1.2 }).slice(0, 1),
    ...compareAll(results, 'compress', SLOAD, { sense: 'faster', value: 20 }),
    peakFigure('compress: peak memory', ours.samples.map(PEAK_BYTES)),
    ...sizes(results),
  ];
}

function peakFigure(name: string, bytes: readonly number[]): Figure {
  return figure({
    name,
    unit: 'bytes',
    ours: statOf(bytes),
    target: { of: 'ours', bound: 'at most', value: PEAK_AIM },
  });
}

function sizes(results: Results): Figure[] {
  const [ours, ...peers] = results.values();
  return peers
    .filter(({ name }) => name !== SQUASHFS_SYNC)
    .map(({ name, allocatedBytes }) =>
      figure({
        name: `compress: size on disk, ${name}`,
        unit: 'bytes',
        ours: single(ours.allocatedBytes),
        peer: single(allocatedBytes),
        ratio: ratioOf('times', ours.allocatedBytes, allocatedBytes),
      }),
    );
}

/** One large file: built with more and more workers, then read back beside lz4 -d. */
async function buildLarge(context: Context): Promise<Figure[]> {
  const { workspace, f2fs, quick } = context;
  const sizeBytes = (quick ? 32 : 1024) * MIB;
  workspace.demand(3 * sizeBytes);
  const source = workspace.file('compress-source');
  const file = makeCompressibleFile(source, sizeBytes);
  context.note(`a file of ${sizeBytes / MIB} MiB: programs and text of this machine, over and over`);
  const build = (workers: number, output: string) => [
    ...f2fs,
    ...['build', source, output, ...COMPRESS, '--workers', `${workers}`],
  ];
  const results = await contest(
    context,
    [2, 1, 8].map((workers) => ({ name: `${workers} workers`, commands: (output) => [build(workers, output)] })),
  );
  const [two, , eight] = [...results.values()];
  const workers = compare(results, '1 workers', {
    name: 'compress: time, two workers against one',
    measured: SECONDS,
    unit: 'seconds',
    sense: 'faster',
    target: 1.7,
  });
  const image = workspace.file('compress.img');
  await measure(build(2, image));
  const figures = [
    ...(workers === null ? [] : [workers]),
    figure({ name: 'compress: user+sys, two workers', unit: 'seconds', ours: statOfSamples(two, CPU_SECONDS) }),
    peakFigure('compress: peak memory, 8 workers', eight.samples.map(PEAK_BYTES)),
    ...(await readBack(context, image, file, sizeBytes)),
  ];
  workspace.remove('compress-source', 'compress.img');
  return figures;
}

/** Megabytes a second of one core: ours without threads, and lz4 -d of the same file. */
async function readBack(context: Context, image: string, file: string, sizeBytes: number): Promise<Figure[]> {
  const { workspace, runs } = context;
  const frame = workspace.file('compress.lz4');
  const peerIsThere = isInstalled('lz4');
  if (peerIsThere) await measure(['lz4', '-q', '-f', file, frame]);
  else context.note('lz4 -d skipped: lz4 not installed (tools/setup.sh --bench)');
  const rate = (seconds: number) => sizeBytes / 1e6 / seconds;
  const [ours, peer, wall]: number[][] = [[], [], []];
  for (let round = 0; round <= runs; round++) {
    const { report } = await runChild<ReadReport>(context, 'read', image, 0, { choice: '/large' });
    if (report.bytes !== sizeBytes) throw new Error(`read ${report.bytes} bytes back, of ${sizeBytes}`);
    const sample = peerIsThere ? await measure(['lz4', '-q', '-d', '-c', frame]) : null;
    if (round === 0) continue;
    ours.push(rate(report.cpuSeconds));
    wall.push(rate(report.seconds));
    if (sample !== null) peer.push(rate(CPU_SECONDS(sample)));
  }
  workspace.remove('compress.lz4');
  return [
    figure({
      name: 'compress: read back per core, lz4 -d',
      unit: 'MB/s',
      ours: statOf(ours),
      ...(peerIsThere
        ? {
            peer: statOf(peer),
            ratio: { sense: 'times', ...statOf(ours.map((value, round) => value / peer[round])) },
            target: { of: 'ratio', bound: 'at least', value: 0.5 },
          }
        : {}),
    }),
    figure({ name: 'compress: read back, on the clock', unit: 'MB/s', ours: statOf(wall) }),
  ];
}
