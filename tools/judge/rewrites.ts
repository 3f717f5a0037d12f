// Changes to files, as data: applied by a kernel to an image (and to copies of the files in memory, which say what must
// come of it), or by a program on this machine.

import { ImageFiles } from './image-files.ts';
import { noise, prose } from './mixed-tree.ts';

/** What a kernel is to do with one file. Positions and lengths are bytes. */
export type Rewrite = {
  readonly path: string;
  /** The errno that it must refuse with; default: it must not. */
  readonly refusedWith?: number;
} & (
  | { readonly op: 'write'; readonly at: number; readonly length: number; readonly kind: Payload }
  | { readonly op: 'append'; readonly length: number; readonly kind: Payload }
  | { readonly op: 'truncate'; readonly at: number }
  /** A hole in the middle, or reserved blocks. */
  | { readonly op: 'punch' | 'allocate'; readonly at: number; readonly length: number }
  | { readonly op: 'fsync' | 'release' | 'reserve' }
);

/** text compresses, noise does not. */
export type Payload = 'text' | 'noise' | 'zeros';

/** The greatest `length`. */
export const PAYLOAD_BYTES = 1 << 20;

/** errno numbers of Linux. */
export const EPERM = 1;
export const EOPNOTSUPP = 95;

/** What writes take their bytes from, each from a place that depends on where it writes. */
export function payload(kind: Payload): Buffer {
  switch (kind) {
    case 'text':
      return prose(PAYLOAD_BYTES, 4711);
    case 'noise':
      return noise(PAYLOAD_BYTES, 4711);
    case 'zeros':
      return Buffer.alloc(PAYLOAD_BYTES);
  }
}

/** Fields of a line of a plan, each ended by NUL: op, path, at, length, payload. */
export function planText(rewrites: readonly Rewrite[]): string {
  return rewrites
    .map((rewrite) => {
      const { op, path } = rewrite;
      const at = 'at' in rewrite ? rewrite.at : 0;
      const length = 'length' in rewrite ? rewrite.length : 0;
      const kind = 'kind' in rewrite ? rewrite.kind : '';
      return `${op}\0${path}\0${at}\0${length}\0${kind}\0`;
    })
    .join('');
}

/** A file that is to be rewritten. */
export interface Target {
  readonly path: string;
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  readonly compressed: boolean;
  readonly released: boolean;
  /** i_compr_blocks. */
  readonly savedBlocks: number;
}

/** The files of an image that can be rewritten. Throws when the image can't be mounted. */
export function targetsOf(image: string): Target[] {
  const files = new ImageFiles(image);
  try {
    const unreadable = (text: string): never => {
      throw new Error(text);
    };
    return [...files.files(unreadable)].map(
      ({ paths, sizeBytes, clusterPages, compressed, released, comprBlocks }) => ({
        path: paths[0],
        sizeBytes,
        clusterBytes: clusterPages * 4096,
        compressed,
        released,
        savedBlocks: comprBlocks,
      }),
    );
  } finally {
    files.close();
  }
}

/** Ways to rewrite a file of two clusters or more, one a file in turn. `c` is a cluster's size, `s` the file's. */
const WAYS: readonly ((path: string, c: number, s: number) => Rewrite[])[] = [
  // 4 KiB across two pages in the middle of a cluster.
  (path, c) => [{ path, op: 'write', at: c + c / 2 + 100, length: 4096, kind: 'text' }],
  // A cluster that stays raw now, and one byte in the next.
  (path, c) => [
    { path, op: 'write', at: 0, length: c, kind: 'noise' },
    { path, op: 'write', at: c, length: 1, kind: 'noise' },
  ],
  // Raw, then compressed again.
  (path, c) => [
    { path, op: 'write', at: c, length: c, kind: 'noise' },
    { path, op: 'fsync' },
    { path, op: 'write', at: c, length: c, kind: 'text' },
  ],
  // The short tail grows to a whole cluster and further.
  (path, c) => [
    { path, op: 'append', length: 1, kind: 'text' },
    { path, op: 'fsync' },
    { path, op: 'append', length: c, kind: 'text' },
    { path, op: 'fsync' },
    { path, op: 'append', length: 4097, kind: 'noise' },
  ],
  // Into a cluster, then out again: what was cut off must not come back.
  (path, c) => [
    { path, op: 'truncate', at: c + 5000 },
    { path, op: 'fsync' },
    { path, op: 'truncate', at: 2 * c + 10 },
  ],
  (path, c) => [{ path, op: 'truncate', at: c + 1 }],
  (path, c) => [
    { path, op: 'truncate', at: c },
    { path, op: 'append', length: 3 * 4096, kind: 'text' },
  ],
  // Far behind the end: a hole, and a lone page.
  (path, c, s) => [{ path, op: 'write', at: s + 3 * c + 4096, length: 5000, kind: 'text' }],
  // Over the edge of two clusters; zeros over the whole of one.
  (path, c) => [
    { path, op: 'write', at: c - 3000, length: 6000, kind: 'text' },
    { path, op: 'write', at: 0, length: c / 2, kind: 'zeros' },
  ],
  // A compressed file has no holes punched: Linux 6.1 refuses that.
  (path, c) => [
    { path, op: 'punch', at: c, length: 4096, refusedWith: EOPNOTSUPP },
    { path, op: 'write', at: c + 4096, length: 4096, kind: 'text' },
  ],
];

/** The same for a file most of which is compressed: one that saves nothing can't be released. */
const RELEASES: typeof WAYS = [
  (path, c) => [
    { path, op: 'write', at: 4096, length: 4096, kind: 'text' },
    { path, op: 'release' },
    { path, op: 'write', at: c, length: 10, kind: 'text', refusedWith: EPERM },
    { path, op: 'reserve' },
    { path, op: 'write', at: c, length: 10, kind: 'text' },
  ],
  // Released, and left so.
  (path) => [{ path, op: 'release' }],
];

/**
 * A plan that rewrites up to `most` compressed files, each in a way of its own, and asks for what must be refused where a
 * file is released. Clusters of more than 1 MiB do not exist, so no write is longer than a payload.
 */
export function usualRewrites(targets: readonly Target[], most = 48): Rewrite[] {
  const compressed = targets.filter((target) => target.compressed).sort((a, b) => (a.path < b.path ? -1 : 1));
  const large = compressed.filter(
    ({ released, sizeBytes, clusterBytes }) => !released && sizeBytes >= 2 * clusterBytes,
  );
  const plan = large.slice(0, most).flatMap(({ path, clusterBytes, sizeBytes, savedBlocks }, i) => {
    const releases = savedBlocks > sizeBytes / 4096 / 3 && i % 5 < RELEASES.length;
    const ways = releases ? RELEASES : WAYS;
    return ways[(releases ? i : i - Math.ceil((i * RELEASES.length) / 5)) % ways.length](path, clusterBytes, sizeBytes);
  });
  for (const { path, released } of compressed.filter((target) => target.released).slice(0, 4)) {
    if (released) plan.push({ path, op: 'write', at: 0, length: 1, kind: 'text', refusedWith: EPERM });
  }
  // Of the smaller ones, which hold no whole cluster, some grow to one.
  const small = compressed.filter(({ released, sizeBytes, clusterBytes }) => !released && sizeBytes < clusterBytes);
  for (const { path, clusterBytes, sizeBytes } of small.slice(0, 3)) {
    plan.push({ path, op: 'append', length: clusterBytes - sizeBytes, kind: 'text' });
  }
  return plan;
}
