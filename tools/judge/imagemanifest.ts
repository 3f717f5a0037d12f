// What a kernel finds in images, as manifests: for images that were not made from a tree on this machine.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeDevice } from './guestscript.js';
import { imageFacts } from './image-facts.ts';
import { runInKernel } from './kernels.js';
import type { Manifest } from './manifest.js';
import type { KernelName } from './paths.js';
import { runOrThrow } from './run.js';
import { readVerdict } from './verdict.js';

/**
 * Mounts images (copies of them) read-only in one boot and lists each. At most 96 in QEMU.
 * Rejects when one cannot be mounted or the kernel complains of it.
 */
export async function manifestsOfImages(images: readonly string[], kernel: KernelName): Promise<Manifest[]> {
  const share = mkdtempSync(join(tmpdir(), 'f2fs-judge-'));
  try {
    const copies = images.map((_, i) => join(share, `${i}.img`));
    for (const [i, image] of images.entries()) {
      await runOrThrow('cp', ['--sparse=always', '--reflink=auto', image, copies[i]]);
      mkdirSync(join(share, String(i)));
    }
    const script = `${judgeDevice({ mountOptions: '', writable: false })}
${images.map((_, i) => `judge_device "$DEV${i}" "$SHARE/${i}"`).join('\n')}`;
    const guest = await runInKernel(kernel, { images: copies, script, share });
    return images.map((image, i) => {
      const options = { writable: false, powerCut: imageFacts(image)?.cutOff === true };
      const { complaints, manifest } = readVerdict(kernel, join(share, String(i)), guest, options);
      if (complaints.length > 0 || !manifest) throw new Error(`${image}: ${complaints.join('; ')}`);
      return manifest;
    });
  } finally {
    rmSync(share, { recursive: true, force: true });
  }
}
