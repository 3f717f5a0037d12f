// The codecs on one core, beside the reference libraries, on the same clusters in one process.
import { runChild } from '../child.ts';
import type { CodecSide, CodecsChoice, CodecsReport } from '../children/codecs.ts';
import type { Case, Context } from '../contest.ts';
import { type Figure, figure, ratioOf, single, statOf } from '../figure.ts';

const KIB = 1024;
const MIB = 2 ** 20;

export const codecsCase: Case = {
  name: 'codecs',
  summary: 'codecs against liblz4, liblzo2 and libzstd, per core',
  run,
};

/** Least part of the library's speed that is asked for; null: no target. */
const AIMS: readonly { codec: string; compress: number | null; decompress: number | null }[] = [
  { codec: 'lz4', compress: 0.65, decompress: 0.5 },
  { codec: 'lz4:9', compress: null, decompress: 0.5 },
  { codec: 'zstd:3', compress: 0.5, decompress: 0.5 },
  { codec: 'lzo', compress: 0.5, decompress: 0.5 },
  { codec: 'lzo-rle', compress: null, decompress: null },
];
/** Least part of the library's pages saved: within 2% for LZ4. */
const PAGES_AIM = 0.98;

async function run(context: Context): Promise<Figure[]> {
  const { quick, runs } = context;
  const sizeBytes = quick ? MIB : 8 * MIB;
  context.note(
    `${sizeBytes / MIB} MiB each of text and of programs of this machine; MB a second of CPU time; what saves no page stays raw`,
  );
  const figures: Figure[] = [];
  const calls: number[] = [];
  for (const { codec, compress, decompress } of AIMS) {
    for (const clusterBytes of quick ? [64 * KIB] : [16 * KIB, 64 * KIB, 256 * KIB]) {
      for (const kind of ['text', 'binary'] as const) {
        const choice: CodecsChoice = { codec, kind, clusterBytes, rounds: runs };
        const { report } = await runChild<CodecsReport>(context, 'codecs', '', sizeBytes, {
          choice: JSON.stringify(choice),
          typescript: true,
        });
        if (report.peer !== null) calls.push(report.callMicroseconds);
        const name = `codecs: ${codec} ${clusterBytes / KIB}K ${kind}`;
        figures.push(
          speed(`${name}, compress`, report, 'compress', compress),
          speed(`${name}, decompress`, report, 'decompress', decompress),
          pages(`${name}, pages over blocks`, report, codec === 'lz4' ? PAGES_AIM : null),
        );
      }
    }
  }
  if (calls.length > 0) {
    context.note(
      `libraries are called through koffi; ${statOf(calls).median.toFixed(2)} us a call are taken off their times`,
    );
  }
  return figures;
}

function speed(
  name: string,
  { ours, peer }: CodecsReport,
  which: 'compress' | 'decompress',
  aim: number | null,
): Figure {
  const stat = (side: CodecSide) => statOf(side[which]);
  if (peer === null) return figure({ name, unit: 'MB/s', ours: stat(ours) });
  const ratios = ours[which].map((value, round) => value / peer[which][round]);
  return figure({
    name,
    unit: 'MB/s',
    ours: stat(ours),
    peer: stat(peer),
    ratio: { sense: 'times', ...statOf(ratios) },
    target: aim === null ? undefined : { of: 'ratio', bound: 'at least', value: aim },
  });
}

function pages(name: string, { ours, peer }: CodecsReport, aim: number | null): Figure {
  return figure({
    name,
    unit: 'count',
    ours: single(ours.pageRatio),
    peer: peer === null ? undefined : single(peer.pageRatio),
    ratio: peer === null ? undefined : ratioOf('times', ours.pageRatio, peer.pageRatio),
    target: aim === null || peer === null ? undefined : { of: 'ratio', bound: 'at least', value: aim },
  });
}
