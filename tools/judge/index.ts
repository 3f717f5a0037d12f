// The judge: an image is good when fsck.f2fs says so, real kernels find in it exactly what it was made from and can
// write to it, and fsck.f2fs says so again. The image itself is never touched: kernels get a sparse copy.

import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type FsckResult, fsckOldAndNew } from './fsck.js';
import { judgeDevice } from './guestscript.js';
import { manifestOfTree } from './hosttree.js';
import { imageFacts } from './image-facts.ts';
import { maxDrives } from './initramfs.js';
import { fastestKernelFor, runInKernel } from './kernels.js';
import { compareManifests, type Manifest } from './manifest.js';
import type { KernelName } from './paths.js';
import { runOrThrow } from './run.js';
import { type KernelVerdict, readVerdict } from './verdict.js';

export { type CodecJudgement, type CodecOptions, codecText, judgeCodecs } from './codecs.ts';
export type { CodecTally } from './codecs-file.ts';
export type { FsckResult } from './fsck.js';
export { fsck } from './fsck.js';
export type { GuestJob, GuestResult } from './guest.js';
export { judgeDevice, listTree } from './guestscript.js';
export { manifestOfTree } from './hosttree.js';
export { imageFacts } from './image-facts.ts';
export {
  judgeInKernel,
  type KernelCase,
  type KernelFile,
  type KernelJudgement,
  type KernelOptions,
  type KernelView,
} from './kernel-compress.ts';
export {
  fastestKernelFor,
  KERNELS,
  kernelIsThere,
  kernelsHere,
  LARGE_BLOCK_KERNELS,
  runInKernel,
} from './kernels.js';
export { manifestOfListing } from './listing.js';
export type { Comparison, EntryType, Manifest, ManifestEntry } from './manifest.js';
export { compareManifests } from './manifest.js';
export { blockSizeOf, isKernelName, type KernelName, type QemuName } from './paths.js';
export { qemuIsThere, runInQemu } from './qemu.js';
export { type ReferenceCodec, referenceCodecs, referenceCodecsAreThere } from './reference-codecs.ts';
export { type Rewrite, targetsOf, usualRewrites } from './rewrites.ts';
export { runInUml, umlIsThere } from './uml.js';
export type { KernelVerdict } from './verdict.js';

/** How to judge. */
export interface JudgeOptions {
  /** Default: the fastest that is there for blocks as large as the first image's. None: fsck.f2fs alone. */
  readonly kernels?: readonly KernelName[];
  /** Whether the kernel also writes to its copy. Default true. */
  readonly writable?: boolean;
  /** Further mount options, comma separated. */
  readonly mountOptions?: string;
  /** Per kernel boot. Default 10 minutes. */
  readonly timeoutMs?: number;
}

/** An image and what it should hold: a directory, a manifest, or (undefined) whatever it holds. */
export interface JudgeCase {
  readonly image: string;
  readonly source?: string | Manifest;
}

/** What all judges said about one image. `complaints` gathers every reason for which it is not ok. */
export interface Judgement {
  readonly image: string;
  readonly ok: boolean;
  readonly complaints: string[];
  readonly fsck: FsckResult;
  readonly kernels: KernelVerdict[];
  readonly seconds: number;
}

/** Judges one image; see {@link judgeImages}. */
export async function judgeImage(
  image: string,
  source: string | Manifest | undefined,
  options: JudgeOptions = {},
): Promise<Judgement> {
  return (await judgeImages([{ image, source }], options))[0];
}

/**
 * Judges images, many in one boot. An image on which a kernel stops is judged again alone, so that it does not
 * take the others with it. A finding makes a complaint; rejects only when judging itself is not possible.
 */
export async function judgeImages(cases: readonly JudgeCase[], options: JudgeOptions = {}): Promise<Judgement[]> {
  const started = performance.now();
  const kernels = options.kernels ?? cases.slice(0, 1).map(({ image }) => fastestKernelFor(image));
  const manifests = new Map<string, Promise<Manifest>>();
  const expected: (Manifest | undefined)[] = [];
  for (const { source } of cases) {
    if (typeof source !== 'string') expected.push(source);
    else {
      if (!manifests.has(source)) manifests.set(source, manifestOfTree(resolve(source)));
      expected.push(await manifests.get(source));
    }
  }
  const before: FsckResult[] = [];
  for (const { image } of cases) before.push(await fsckOldAndNew(image));
  const verdicts: KernelVerdict[][] = cases.map(() => []);
  for (const kernel of kernels) {
    for (let from = 0; from < cases.length; from += maxDrives) {
      const batch = cases.slice(from, from + maxDrives).map(({ image }, i) => ({
        image,
        want: expected[from + i],
        powerCut: imageFacts(image)?.cutOff === true,
      }));
      const found = await judgeBatch(kernel, batch, options);
      found.forEach((verdict, i) => {
        verdicts[from + i].push(verdict);
      });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  return cases.map(({ image }, i) => {
    const complaints = [
      ...before[i].complaints.map((line) => `fsck: ${line}`),
      ...verdicts[i].flatMap((verdict) => verdict.complaints.map((line) => `${verdict.kernel}: ${line}`)),
    ];
    return { image, ok: complaints.length === 0, complaints, fsck: before[i], kernels: verdicts[i], seconds };
  });
}

/** An image in a batch, and the manifest that it should match. */
interface BatchItem {
  readonly image: string;
  readonly want: Manifest | undefined;
  readonly powerCut: boolean;
}

async function judgeBatch(
  kernel: KernelName,
  batch: readonly BatchItem[],
  options: JudgeOptions,
): Promise<KernelVerdict[]> {
  const share = mkdtempSync(join(tmpdir(), 'f2fs-judge-'));
  try {
    const copies: string[] = [];
    for (const [i, { image }] of batch.entries()) {
      const copy = join(share, `${i}.img`);
      await runOrThrow('cp', ['--sparse=always', '--reflink=auto', image, copy]);
      // A drive is whole sectors.
      truncateSync(copy, Math.ceil(statSync(copy).size / 4096) * 4096);
      mkdirSync(join(share, String(i)));
      copies.push(copy);
    }
    const script = `${judgeDevice({ mountOptions: options.mountOptions ?? '', writable: options.writable ?? true })}
${copies.map((_, i) => `judge_device "$DEV${i}" "$SHARE/${i}"`).join('\n')}`;
    const guest = await runInKernel(kernel, { images: copies, script, share, timeoutMs: options.timeoutMs });
    const verdicts: KernelVerdict[] = [];
    for (const [i, { want, powerCut }] of batch.entries()) {
      let verdict = readVerdict(kernel, join(share, String(i)), guest, {
        writable: options.writable ?? true,
        powerCut,
      });
      if (!verdict.ended && batch.length > 1) {
        verdicts.push((await judgeBatch(kernel, [batch[i]], options))[0]);
        continue;
      }
      if (verdict.manifest && want) {
        const { count, differences } = compareManifests(want, verdict.manifest);
        const more = count > differences.length ? [`and ${count - differences.length} differences more`] : [];
        verdict = { ...verdict, complaints: [...verdict.complaints, ...differences, ...more] };
      }
      if (verdict.ended) {
        const after = await fsckOldAndNew(copies[i]);
        verdict = {
          ...verdict,
          complaints: [...verdict.complaints, ...after.complaints.map((l) => `fsck after: ${l}`)],
        };
      }
      verdicts.push(verdict);
    }
    return verdicts;
  } finally {
    rmSync(share, { recursive: true, force: true });
  }
}
