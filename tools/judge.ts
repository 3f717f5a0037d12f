// The command: npm run judge -- IMAGE SOURCE_DIR [--kernel NAME|both|all|none] [--read-only] [--json]
// or npm run judge -- --codecs IMAGE [SOURCE_DIR or MANIFEST] [--json], or npm run judge -- --rewrite IMAGE...
// Exit codes: 0 the image is good, 1 it is not, 2 judging was not possible.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { codecText, judgeCodecs } from './judge/codecs.ts';
import {
  fastestKernelFor,
  imageFacts,
  isKernelName,
  type Judgement,
  judgeImage,
  KERNELS,
  type KernelName,
  kernelsHere,
  LARGE_BLOCK_KERNELS,
  manifestOfTree,
} from './judge/index.js';
import { judgeInKernel, type KernelOptions } from './judge/kernel-compress.ts';
import type { Manifest } from './judge/manifest.js';
import { targetsOf, usualRewrites } from './judge/rewrites.ts';

const usage = `npm run judge -- out.img tree/                 fsck.f2fs, a kernel, fsck.f2fs again
npm run judge -- out.img tree/ --kernel both    user-mode Linux and QEMU (needed for compressed files)
npm run judge -- out.img tree/ --kernel all     every kernel that is there for blocks of that size
npm run judge -- out.img --kernel none          fsck.f2fs alone
npm run judge -- --codecs out.img tree/         every cluster decompressed by liblz4, liblzo2, libzstd
npm run judge -- --rewrite a.img b.img          Linux (QEMU) rewrites compressed files of copies; then all is judged

usage: judge IMAGE [SOURCE_DIR] [--kernel NAME|both|all|none] [--mount-options LIST] [--read-only] [--json]
       judge --codecs IMAGE [SOURCE_DIR or MANIFEST.json[.gz]] [--dirty-padding] [--json]
       judge --rewrite IMAGE... [--kernel NAME] [--mount-options LIST] [--keep DIR] [--dirty-padding]

Kernels: ${KERNELS.join(', ')}; for volumes with larger blocks
${LARGE_BLOCK_KERNELS.join(', ')} (tools/setup.sh --large-pages). Without --kernel: the fastest.
--dirty-padding: bytes behind a cluster's end need not be zero, as sload.f2fs leaves them. --keep: where the copies that
Linux rewrote go.

Proves that IMAGE holds exactly SOURCE_DIR, its root included. Run tools/setup.sh first.`;

function chosenKernels(name: string | undefined, image: string): KernelName[] {
  switch (name) {
    case undefined:
      return [fastestKernelFor(image)];
    case 'none':
      return [];
    case 'both':
      return ['uml', 'qemu'];
    case 'all':
      return kernelsHere(imageFacts(image)?.blockSize);
    default:
      return [kernelNamed(name)];
  }
}

function kernelNamed(name: string): KernelName {
  if (isKernelName(name)) return name;
  const names = [...KERNELS, ...LARGE_BLOCK_KERNELS].join(', ');
  throw new Error(`unknown kernel ${name}: ${names}, both (the first two), all or none`);
}

function report(judgement: Judgement, manifest: Manifest | undefined): string {
  const kernels = judgement.kernels.map(({ kernel, seconds }) => `${kernel} ${seconds.toFixed(1)} s`);
  const bytes = manifest?.entries.reduce((sum, entry) => sum + (entry.type === 'f' ? (entry.size ?? 0) : 0), 0);
  const compared = manifest ? `${manifest.entries.length} entries, ${((bytes ?? 0) / 1e6).toFixed(1)} MB hashed; ` : '';
  const times = [`fsck.f2fs ${judgement.fsck.seconds.toFixed(1)} s`, ...kernels].join(', ');
  const verdict = judgement.ok ? 'good' : `NOT GOOD, ${judgement.complaints.length} complaints`;
  return [
    ...judgement.complaints.map((line) => `  ${line}`),
    ...judgement.fsck.notes.map((line) => `  note: ${line}`),
    `${judgement.image}: ${verdict}; ${compared}${times}; ${judgement.seconds.toFixed(1)} s in all`,
  ].join('\n');
}

/** A manifest that was kept in a file, or that of a directory. */
async function manifestOf(source: string): Promise<Manifest> {
  if (!/\.json(\.gz)?$/.test(source)) return manifestOfTree(source);
  const bytes = readFileSync(source);
  return JSON.parse((source.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')) as Manifest;
}

async function judgeItsCodecs(image: string, source: string | undefined, dirtyPadding: boolean, json: boolean) {
  const judgement = judgeCodecs(image, {
    source: source === undefined ? undefined : await manifestOf(source),
    dirtyPadding,
  });
  const text = json ? JSON.stringify({ ...judgement, sha256: undefined }, null, 2) : codecText(judgement);
  process.stdout.write(`${text}\n`);
  return judgement.ok ? 0 : 1;
}

async function rewriteInKernel(images: readonly string[], options: KernelOptions, mountOptions?: string) {
  const cases = images.map((image) => ({ image, rewrites: usualRewrites(targetsOf(image)), mountOptions }));
  const judgements = await judgeInKernel(cases, options);
  for (const [i, { image, complaints, ok, after, codecs, seconds }] of judgements.entries()) {
    for (const line of complaints) process.stdout.write(`  ${line}\n`);
    if (codecs) process.stdout.write(`${codecText(codecs).split('\n').slice(0, -1).join('\n')}\n`);
    const done = `${cases[i].rewrites.length} rewrites, ${after?.files.size ?? 0} files read again; ${options.kernel} ${seconds.toFixed(1)} s`;
    process.stdout.write(`${image}: ${ok ? 'good' : `NOT GOOD, ${complaints.length} complaints`}; ${done}\n`);
  }
  return judgements.every(({ ok }) => ok) ? 0 : 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kernel: { type: 'string' },
      'mount-options': { type: 'string' },
      'read-only': { type: 'boolean' },
      json: { type: 'boolean' },
      codecs: { type: 'boolean' },
      rewrite: { type: 'boolean' },
      keep: { type: 'string' },
      'dirty-padding': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help || positionals.length < 1 || (positionals.length > 2 && !values.rewrite)) {
    process.stderr.write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const [image, source] = positionals;
  const dirtyPadding = values['dirty-padding'] === true;
  if (values.rewrite) {
    const kernel = kernelNamed(values.kernel ?? 'qemu');
    if (kernel === 'uml') throw new Error("uml has no compression and can't rewrite: take a kernel for QEMU");
    const options = { kernel, keepIn: values.keep, codecs: { dirtyPadding } } as const;
    return rewriteInKernel(positionals, options, values['mount-options']);
  }
  if (values.codecs) return judgeItsCodecs(image, source, dirtyPadding, values.json === true);
  const manifest = source === undefined ? undefined : await manifestOf(source);
  const judgement = await judgeImage(image, manifest, {
    kernels: chosenKernels(values.kernel, image),
    writable: values['read-only'] !== true,
    mountOptions: values['mount-options'],
  });
  if (values.json) {
    const kernels = judgement.kernels.map(({ manifest: seen, ...rest }) => ({
      ...rest,
      entries: seen?.entries.length,
    }));
    process.stdout.write(`${JSON.stringify({ ...judgement, kernels }, null, 2)}\n`);
  } else {
    process.stdout.write(`${report(judgement, manifest)}\n`);
  }
  return judgement.ok ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`judge: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
