// The command: npm exec tsx -- tools/guest.ts [--kernel NAME] [--manifest] SCRIPT IMAGE...
// Runs a shell script under a Linux kernel of its own, with images as $DEV0, $DEV1, ... (written to in place!), or,
// with --manifest instead of a script, writes beside each IMAGE what a kernel finds in it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { manifestsOfImages } from './judge/imagemanifest.js';

import { KERNELS, LARGE_BLOCK_KERNELS, runInKernel } from './judge/kernels.js';
import { isKernelName } from './judge/paths.js';

const usage = `tsx tools/guest.ts make.sh a.img b.img     run make.sh in QEMU; the images are $DEV0 and $DEV1
tsx tools/guest.ts --kernel uml make.sh a.img   another kernel; in_host PROGRAM... runs the host's programs
tsx tools/guest.ts --manifest a.img b.img  write a.manifest.json.gz and b.manifest.json.gz

Kernels: ${KERNELS.join(', ')}; for larger blocks ${LARGE_BLOCK_KERNELS.join(', ')}, where the host's
programs are those that tools/setup.sh --large-pages brought.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { kernel: { type: 'string', default: 'qemu' }, manifest: { type: 'boolean' } },
  });
  const { kernel } = values;
  if (positionals.length < 1 || !isKernelName(kernel)) {
    process.stderr.write(usage);
    return 2;
  }
  if (values.manifest) {
    const manifests = await manifestsOfImages(positionals, kernel);
    for (const [i, manifest] of manifests.entries()) {
      const json = `{"version":1,"entries":[\n${manifest.entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]}\n`;
      writeFileSync(`${positionals[i].replace(/\.img$/, '')}.manifest.json.gz`, gzipSync(json, { level: 9 }));
    }
    return 0;
  }
  const [script, ...images] = positionals;
  const share = mkdtempSync(join(tmpdir(), 'f2fs-guest-'));
  try {
    const job = { script: readFileSync(script, 'utf8'), images, share, hostRoot: true };
    const result = await runInKernel(kernel, job);
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);
    if (result.exitCode === undefined) process.stderr.write(`${result.console}\nthe guest did not finish\n`);
    return result.exitCode ?? 255;
  } finally {
    rmSync(share, { recursive: true, force: true });
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`guest: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
