// Mounting 1 TiB in the process: milliseconds, and reads beside those of 1 GiB.
import { runChild } from '../child.ts';
import type { MountReport } from '../children/mount.ts';
import type { Case, Context } from '../contest.ts';
import { type Figure, figure, ratioOf, single, statOf } from '../figure.ts';
import { makeSparse } from '../inputs.ts';
import { measure } from '../measure.ts';

const GIB = 2 ** 30;

export const mountCase: Case = { name: 'mount', summary: 'mounting 1 TiB and 1 GiB in the process', run };

async function run(context: Context): Promise<Figure[]> {
  const { workspace, runs, f2fs } = context;
  const sizes = { large: 1024 * GIB, small: GIB };
  for (const [name, sizeBytes] of Object.entries(sizes)) {
    makeSparse(workspace.file(name), sizeBytes);
    await measure([...f2fs, 'mkfs', workspace.file(name)]);
  }
  const mounts = { large: [] as MountReport[], small: [] as MountReport[] };
  for (let round = 0; round <= runs; round++) {
    for (const name of ['large', 'small'] as const) {
      const { report } = await runChild<MountReport>(context, 'mount', workspace.file(name));
      if (round > 0) mounts[name].push(report);
    }
  }
  workspace.remove('large', 'small');
  context.note(
    'ours is 1 TiB, the peer column 1 GiB; writable, the root listed; ms from the first statement of the program',
  );
  const [large, small] = [mounts.large[0], mounts.small[0]];
  const blocks = (bytes: number) => Math.ceil(bytes / 4096);
  const allowed = (small.readBytes / 4096 + blocks(large.bitmapBytes)) * 4096;
  const ms = (reports: MountReport[], of: (report: MountReport) => number) => statOf(reports.map(of));
  return [
    figure({
      name: 'mount: library loaded and mounted',
      unit: 'milliseconds',
      ours: ms(mounts.large, (report) => report.sinceStartMs),
      peer: ms(mounts.small, (report) => report.sinceStartMs),
      target: { of: 'ours', bound: 'at most', value: 100 },
    }),
    figure({
      name: 'mount: the mount alone',
      unit: 'milliseconds',
      ours: ms(mounts.large, (report) => report.mountMs),
      peer: ms(mounts.small, (report) => report.mountMs),
    }),
    figure({
      name: 'mount: bytes read',
      unit: 'bytes',
      ours: single(large.readBytes),
      peer: single(small.readBytes),
      ratio: ratioOf('times', large.readBytes, small.readBytes),
      target: { of: 'ours', bound: 'at most', value: allowed },
    }),
    figure({ name: 'mount: read calls', unit: 'count', ours: single(large.reads), peer: single(small.reads) }),
  ];
}
