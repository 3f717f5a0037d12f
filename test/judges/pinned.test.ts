// Pinned files and swap files that we made, in the hands of Linux: it takes them as they are, and their blocks stay.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mount, openFileDevice } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { fsck, KERNELS, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { noise } from '../fs/compressed-volume.ts';

const MIB = 1 << 20;
const f2fs = join(import.meta.dirname, '../../dist/cli/main.js');
const run = (...args: string[]) => execFileSync(process.execPath, [f2fs, ...args]);

/** What the pinned file is to hold: zeros behind what is put there. */
const BOOT = Buffer.concat([noise(2_000_000, 2), Buffer.alloc(3 * MIB - 2_000_000)]);
const BOOT_HASH = createHash('sha256').update(BOOT).digest('hex');

let work: string;
let image: string;

beforeAll(async () => {
  work = fs.mkdtempSync(join(tmpdir(), 'f2fs-pinned-'));
  image = join(work, 'disk.img');
  const tree = join(work, 'tree');
  fs.mkdirSync(tree);
  fs.writeFileSync(join(tree, 'file'), noise(3_000_000, 1));
  await build(tree, image, { freeBytes: 80 * MIB });
  run('mkswap', '--size', '32M', '-L', 'swap', image, '/swap');
  run('fallocate', '--pin', '-l', '3M', image, '/boot.bin');
  fs.writeFileSync(join(work, 'boot.bin'), BOOT.subarray(0, 2_000_000));
  run('put', '--quiet', image, join(work, 'boot.bin'), '/boot.bin');
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** `first block:blocks` of each extent of a file, as filefrag prints them, joined where they meet. */
function extentsOf(disk: string, path: string): string {
  const device = openFileDevice(disk, { writable: false });
  try {
    using file = mount(device, { readonly: true }).openFile(path, { flags: 'r' });
    return file
      .extents()
      .map(({ physical, length }) => `${physical / 4096}:${length / 4096}`)
      .join(' ');
  } finally {
    device.close();
  }
}

// Kernels print their extents in the same form: `  0:        0..     511:       5120..      5631:    512:`.
const SCRIPT = `
mount -t f2fs "$DEV0" /mnt || exit 1
extents() { in_host filefrag -b4096 -v "/mnt/$1" | sed -n 's/^ *[0-9]*: *[0-9]*\\.\\. *[0-9]*: *\\([0-9]*\\)\\.\\. *[0-9]*: *\\([0-9]*\\):.*/\\1:\\2/p' | tr '\\n' ' '; echo; }
for file in swap boot.bin; do in_host f2fs_io pinfile get "/mnt/$file"; extents $file; done
sha256sum </mnt/boot.bin | cut -d' ' -f1
swapon /mnt/swap; echo "swapon $?"; tail -n +2 /proc/swaps
# What does not fit into memory goes there.
swapoff /mnt/swap; echo "swapoff $?"
head -c 10000000 /dev/urandom >/mnt/other; rm /mnt/file; sync
for file in swap boot.bin; do extents $file; done
dmesg | grep -i 'swapfile' ; umount /mnt
`;

describe('Linux', () => {
  test.each(KERNELS)('%s finds the files pinned, and swaps on the swap file', async (kernel) => {
    if (!kernelIsThere(kernel)) return;
    const copy = join(work, `${kernel}.img`);
    execFileSync('cp', ['--sparse=always', image, copy]);
    const share = fs.mkdtempSync(join(work, 'share-'));
    const { stdout } = await runInKernel(kernel, { images: [copy], script: SCRIPT, share, hostRoot: true });
    const lines = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.trim());
    const swap = extentsOf(image, '/swap');
    const boot = extentsOf(image, '/boot.bin');
    expect(swap).toMatch(/^\d+:8192$|^\d+:\d+( \d+:\d+)+$/);
    expect(lines[0]).toMatch(/pinned with 0 blocks moved/);
    expect(lines[1]).toBe(swap);
    expect(lines[2]).toMatch(/pinned with 0 blocks moved/);
    expect(lines[3]).toBe(boot);
    expect(lines[4]).toBe(BOOT_HASH);
    expect(lines[5]).toBe('swapon 0');
    expect(lines[6]).toMatch(/^\/mnt\/swap\s+file\s+32764\s/);
    // No complaint of holes, or of sections; nothing was moved.
    expect(lines.slice(7)).toEqual(['swapoff 0', swap, boot]);
    expect((await fsck(copy)).complaints).toEqual([]);
    expect(extentsOf(copy, '/swap')).toBe(swap);
  });
});
