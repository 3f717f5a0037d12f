// A kernel as the judge of compressed files, and as their author: it reads every file of many images in one boot,
// rewrites parts of some, or compresses a tree itself; what it left is judged again by fsck.f2fs and the reference codecs.

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CodecJudgement, type CodecOptions, judgeCodecs } from './codecs.ts';
import { fsckOldAndNew } from './fsck.ts';
import type { GuestResult } from './guest.ts';
import { manifestOfTree } from './hosttree.ts';
import { maxDrives } from './initramfs.ts';
import {
  guestFunctions,
  guestImage,
  rewriteProgram,
  statsProgram,
  type Variant,
  verifyProgram,
} from './kernel-guest.ts';
import { manifestOfListing } from './listing.ts';
import { compareManifests, type Manifest } from './manifest.ts';
import type { QemuName } from './paths.ts';
import { runInQemu } from './qemu.ts';
import { payload, planText, type Rewrite } from './rewrites.ts';
import { runOrThrow } from './run.ts';
import { kernelLogComplaints } from './verdict.ts';

export type { Variant } from './kernel-guest.ts';

/** One image, and what a kernel is to do with it, in this order; then it reads all files. */
export interface KernelCase {
  readonly image: string;
  /** Directories that the kernel makes as copies of trees on this machine, each compressed in its own way. */
  readonly variants?: readonly Variant[];
  /** What the image holds: compared with what the kernel reads before it rewrites anything. */
  readonly source?: Manifest;
  readonly rewrites?: readonly Rewrite[];
  /** Further mount options, comma separated. */
  readonly mountOptions?: string;
}

export interface KernelOptions {
  /** Directory for the images as the kernel left them, 0.img and on; without it they are judged and removed. */
  readonly keepIn?: string;
  /** For the codec judge. */
  readonly codecs?: Omit<CodecOptions, 'source'>;
  /** Default: the distribution's. */
  readonly kernel?: QemuName;
  /** Per boot; default 20 minutes. */
  readonly timeoutMs?: number;
}

/** What the kernel says of a regular file. */
export interface KernelFile {
  /** st_blocks: in units of 512 bytes. */
  readonly blocks: number;
  /** FS_IOC_GETFLAGS. */
  readonly flags: number | null;
  /** F2FS_IOC_GET_COMPRESS_BLOCKS and _OPTION; null for files that are not compressed. */
  readonly savedBlocks: number | null;
  readonly algorithm: number | null;
  readonly logClusterSize: number | null;
}

/** A tree as the kernel sees it. */
export interface KernelView {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, KernelFile>;
}

/** The outcome of one case. */
export interface KernelJudgement {
  readonly image: string;
  readonly ok: boolean;
  readonly complaints: string[];
  /** The image as the kernel left it, when it was to be kept. */
  readonly rewritten: string | null;
  readonly before: KernelView | null;
  /** After a remount; null without rewrites. */
  readonly after: KernelView | null;
  /** The codec judge's findings on the image as the kernel left it. */
  readonly codecs: CodecJudgement | null;
  /** Of the whole boot. */
  readonly seconds: number;
}

/**
 * Puts copies of images before a kernel, as many as fit in one boot. A finding makes a complaint; rejects when judging is
 * not possible. Checked are: what the kernel reads against `source`; each rewrite's errno; each rewritten file, read
 * again after a remount, against a copy that was rewritten in memory; the kernel's log; and, once it has unmounted,
 * fsck.f2fs and the codec judge against what the kernel read last.
 */
export async function judgeInKernel(
  cases: readonly KernelCase[],
  options: KernelOptions = {},
): Promise<KernelJudgement[]> {
  const found: KernelJudgement[] = [];
  for (let from = 0; from < cases.length; from += maxDrives) {
    found.push(...(await judgeBatch(cases.slice(from, from + maxDrives), from, options)));
  }
  return found;
}

async function judgeBatch(
  cases: readonly KernelCase[],
  first: number,
  options: KernelOptions,
): Promise<KernelJudgement[]> {
  const share = fs.mkdtempSync(join(tmpdir(), 'f2fs-kernel-'));
  const { keepIn = share } = options;
  try {
    fs.mkdirSync(join(share, 'programs'));
    fs.writeFileSync(join(share, 'programs/rewrite.pl'), rewriteProgram);
    fs.writeFileSync(join(share, 'programs/verify.pl'), verifyProgram);
    fs.writeFileSync(join(share, 'programs/stats.pl'), statsProgram);
    fs.mkdirSync(join(share, 'payloads'));
    for (const kind of ['text', 'noise', 'zeros'] as const) {
      fs.writeFileSync(join(share, 'payloads', kind), payload(kind));
    }
    const trees = new Map<string, string>();
    const images: string[] = [];
    const scripts: string[] = [];
    for (const [i, { image, variants = [], rewrites = [], mountOptions = '' }] of cases.entries()) {
      const copy = join(keepIn, `${first + i}.img`);
      await runOrThrow('cp', ['--sparse=always', '--reflink=auto', image, copy]);
      images.push(copy);
      fs.mkdirSync(join(share, String(i)));
      fs.writeFileSync(join(share, String(i), 'plan'), planText(rewrites), 'latin1');
      for (const { tree } of variants) {
        if (trees.has(tree)) continue;
        const archive = join(share, `tree-${trees.size}.tar`);
        trees.set(tree, `/tmp/tree-${trees.size}`);
        await runOrThrow('tar', ['-C', tree, '--format=posix', '-S', '-cf', archive, '.']);
      }
      scripts.push(
        guestImage({
          device: `"$DEV${i}"`,
          out: `"$SHARE/${i}"`,
          variants: variants.map((variant) => ({ ...variant, tree: trees.get(variant.tree)! })),
          mountOptions,
          rewrites: rewrites.length > 0,
        }),
      );
    }
    const script = `${guestFunctions}${scripts.join('')}`;
    const guest = await runInQemu({ images, script, share, timeoutMs: options.timeoutMs ?? 1_200_000 }, options.kernel);
    const judgements: KernelJudgement[] = [];
    for (const [i, one] of cases.entries()) {
      judgements.push(await outcomeOf(one, join(share, String(i)), images[i], guest, options));
    }
    return judgements;
  } finally {
    fs.rmSync(share, { recursive: true, force: true });
  }
}

async function outcomeOf(
  one: KernelCase,
  folder: string,
  copy: string,
  guest: GuestResult,
  { codecs: codecOptions, keepIn }: KernelOptions,
): Promise<KernelJudgement> {
  const complaints: string[] = [];
  const steps = new Set(linesOf(folder, 'steps'));
  const rewrites = one.rewrites ?? [];
  const wanted = [
    ...(one.variants ?? []).map(({ directory }) => `made ${directory}`),
    ...['mount', 'before'],
    ...(rewrites.length > 0 ? ['rewritten', 'after', 'verified'] : []),
    ...['umount', 'end'],
  ];
  for (const step of wanted) if (!steps.has(step)) complaints.push(`the kernel did not get through: ${step}`);
  if (!steps.has('end')) {
    const how = guest.timedOut ? 'ran out of time' : 'stopped';
    complaints.push(`the guest ${how}: ${`${guest.stderr}${guest.console}`.trim().split('\n').slice(-12).join(' | ')}`);
  }
  for (const name of ['mount.err', 'errors', 'before/errors', 'after/errors']) {
    complaints.push(
      ...linesOf(folder, name)
        .slice(0, 10)
        .map((line) => `${name}: ${line}`),
    );
  }
  complaints.push(...kernelLogComplaints(linesOf(folder, 'dmesg'), false));
  complaints.push(...refusals(rewrites, linesOf(folder, 'errnos').map(Number)));
  complaints.push(...linesOf(folder, 'differences').map((line) => `rewritten: ${line}`));
  const before = steps.has('before') ? viewOfListing(join(folder, 'before')) : null;
  const after = steps.has('after') ? viewOfListing(join(folder, 'after')) : null;
  if (one.source !== undefined && before !== null) {
    const { count, differences } = compareManifests(one.source, before.manifest, 20);
    complaints.push(...differences);
    if (count > differences.length) complaints.push(`and ${count - differences.length} differences more`);
  }
  for (const { directory, tree } of before === null ? [] : (one.variants ?? [])) {
    const { differences } = compareManifests(await manifestOfTree(tree), below(before!.manifest, directory), 5);
    complaints.push(...differences.map((line) => `${directory}: ${line}`));
  }
  let codecs: CodecJudgement | null = null;
  const last = after ?? before;
  if (steps.has('umount') && last !== null) {
    complaints.push(...(await fsckOldAndNew(copy)).complaints.map((line) => `fsck after: ${line}`));
    codecs = judgeCodecs(copy, { ...codecOptions, source: last.manifest });
    complaints.push(...codecs.complaints.map((line) => `codecs after: ${line}`));
  }
  const ok = complaints.length === 0;
  const rewritten = keepIn === undefined ? null : copy;
  return { image: one.image, ok, complaints, rewritten, before, after, codecs, seconds: guest.seconds };
}

/** A directory of a manifest as a tree of its own. */
function below(manifest: Manifest, directory: string): Manifest {
  const inside = manifest.entries.filter(({ path }) => path === directory || path.startsWith(`${directory}/`));
  return { version: 1, entries: inside.map((entry) => ({ ...entry, path: entry.path.slice(directory.length + 1) })) };
}

/** What was refused and should not have been, and the other way round. */
function refusals(rewrites: readonly Rewrite[], errnos: readonly number[]): string[] {
  return rewrites.flatMap((rewrite, i) => {
    const want = rewrite.refusedWith ?? 0;
    if (errnos[i] === want) return [];
    return [`${JSON.stringify(rewrite)}: errno ${errnos[i] ?? 'unknown'}, should be ${want}`];
  });
}

function linesOf(folder: string, name: string): string[] {
  const path = join(folder, name);
  if (!fs.existsSync(path)) return [];
  return fs
    .readFileSync(path, 'latin1')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

function viewOfListing(folder: string): KernelView {
  const fields = fs.readFileSync(join(folder, 'stats'), 'latin1').split('\0');
  const numberOf = (text: string) => (text === '' ? null : Number(text));
  const files = new Map<string, KernelFile>();
  for (let i = 0; i + 6 <= fields.length; i += 6) {
    const [path, blocks, flags, saved, algorithm, log] = fields.slice(i, i + 6);
    files.set(path, {
      blocks: Number(blocks),
      flags: numberOf(flags),
      savedBlocks: numberOf(saved),
      algorithm: numberOf(algorithm),
      logClusterSize: numberOf(log),
    });
  }
  return { manifest: manifestOfListing(folder), files };
}
