// Full volumes: overwrites, churn and deletion near the true limit, with the contents compared and fsck.f2fs asked.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLKSIZE } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import type { MemoryDevice } from '../../src/device/memory-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import type { FormatOptions } from '../../src/mkfs/format.ts';
import { runInUml, umlIsThere } from '../../tools/judge/uml.ts';
import { type Random, random, seedOf } from '../random.ts';
import { compressing, MIB, prose } from './compressed-volume.ts';
import { codeOf, expectSound, imageOf, mounted, PageModel, pagesFor, volumeOf } from './full-volume.ts';

const SEED = seedOf('full');
/** How many times the volume's size is written over. */
const TIMES = Number(process.env.F2FS_OVERWRITE ?? 1);

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-full-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('random overwrites of a volume that is 95% full', () => {
  it.each<[string, number, FormatOptions, MountOptions]>([
    ['adaptive', 64, {}, {}],
    ['lfs', 64, {}, { mode: 'lfs' }],
    ['sections of 2 segments', 128, { segsPerSec: 2 }, {}],
    ['lfs, sections of 2 segments', 128, { segsPerSec: 2 }, { mode: 'lfs' }],
    ['in place when logs take holes', 64, {}, { ipuPolicies: ['ssr'] }],
    // No more is kept back there than six logs and three sections.
    ['the least volume of 16 KiB blocks', 160, { blockSize: 16_384 }, {}],
    ['lfs, 24 segments of 16 KiB blocks', 256, { blockSize: 16_384 }, { mode: 'lfs' }],
  ])('%s', async (label, sizeMib, formatOptions, mountOptions) => {
    const { blockSize = BLKSIZE } = formatOptions;
    const { device, fs } = volumeOf(sizeMib, { format: formatOptions, mount: mountOptions });
    const model = new PageModel(3, pagesFor(fs, 95, 3), blockSize);
    model.fill(fs);
    fs.sync();
    expect(fs.statfs().freeBlocks).toBeLessThan(0.06 * fs.volume.space.userBlockCount + 12);
    const rng = random(SEED);
    model.overwrite(fs, rng, (TIMES * sizeMib * MIB) / blockSize);
    model.verify(fs);
    const { counters } = fs;
    expect(counters.amplification).toBeLessThan(4);
    console.log(
      `${label}: ${counters.userBlocks} blocks written, ${counters.movedBlocks} moved, ${counters.nodeBlocks} of nodes, ` +
        `${counters.metaBlocks} of tables, ${counters.checkpoints} checkpoints: x${counters.amplification.toFixed(2)}`,
    );
    fs.close();
    await expectSound(device);
    const again = mounted(device, mountOptions);
    model.verify(again);
    model.overwrite(again, rng, 2000);
    model.verify(again);
    again.close();
    await expectSound(device);
  });
});

describe('the true limit', () => {
  it('every user block can be taken, then ENOSPC; what is deleted can be used again', async () => {
    const { device, fs } = volumeOf(64);
    for (const round of [0, 1, 2]) {
      const file = (nr: number) => `round ${round} file ${nr}`;
      let nr = 0;
      while (codeOf(() => fs.writeFile(file(nr), Buffer.alloc(300_000, nr + 1))) === null) nr++;
      // What found no room as a whole has all that there was room for.
      expect(fs.statfs().freeBlocks).toBeLessThan(2);
      const part = Buffer.from(fs.readFile(file(nr)));
      expect(part.every((byte) => byte === nr + 1)).toBe(true);
      expect(part.length % BLKSIZE).toBe(0);
      expect(fs.stat(file(nr)).size).toBe(part.length);
      // What is left takes single pages, to the last block.
      using last = fs.openFile(file(nr));
      const page = () => last.write(Buffer.alloc(BLKSIZE), Math.ceil(last.stat().size / BLKSIZE) * BLKSIZE);
      let code: string | null = null;
      while (code === null) code = codeOf(page);
      expect(code).toBe('ENOSPC');
      expect(fs.statfs().freeBlocks).toBe(0);
      fs.sync();
      for (let i = 0; i < nr; i++) expect(fs.readFile(file(i)).every((byte) => byte === (i + 1) % 256)).toBe(true);
      await expectSound(device);
      for (let i = 0; i <= nr; i++) if (i % 10 !== 3) fs.unlink(file(i));
      expect(fs.statfs().freeBlocks).toBeGreaterThan(0.5 * fs.volume.space.userBlockCount);
    }
    fs.close();
    await expectSound(device);
  });

  it('a change that does not fit in one checkpoint is refused, and the last one stays', async () => {
    const { device, fs } = volumeOf(64, { mount: { checkpoints: 'explicit' } });
    const model = new PageModel(2, pagesFor(fs, 90, 2));
    model.fill(fs);
    fs.sync();
    const { checkpoints } = fs.counters;
    const rng = random(SEED);
    expect(() => {
      using file = fs.openFile('file 0');
      for (let i = 0; i < 40_000; i++) file.write(Buffer.alloc(BLKSIZE, 7), rng.below(1000) * BLKSIZE);
    }).toThrow(
      expect.objectContaining({
        code: 'ENOSPC',
        message: expect.stringContaining('do not fit beside what they replace'),
      }),
    );
    expect(fs.exceedsCheckpoint).toBe(true);
    expect(fs.counters.checkpoints).toBe(checkpoints);
    expect(codeOf(() => fs.clean())).toBe('EINVAL');
    fs.abandon();
    const kept = mounted(device, { checkpoints: 'explicit' });
    model.verify(kept);
    // What a sync makes lasting gives room for as much again.
    for (let round = 0; round < 20; round++) {
      model.overwrite(kept, rng, 500);
      kept.sync();
    }
    model.verify(kept);
    kept.close();
    await expectSound(device);
  });

  it('so are changes of attributes, whose nodes are written again and again; a sync is always possible', async () => {
    const { device, fs } = volumeOf(64, { mount: { checkpoints: 'explicit', cacheBytes: 4 * MIB } });
    for (let i = 0; i < 2500; i++) fs.writeFile(`f${i}`, Buffer.alloc(100, i));
    fs.sync();
    const rng = random(5);
    const chmod = (i: number) => fs.setAttributes(`f${rng.below(2500)}`, { mode: 0o600 + (i % 64) });
    expect(() => Array.from({ length: 40_000 }, (_, i) => chmod(i))).toThrow(
      expect.objectContaining({
        code: 'ENOSPC',
        message: expect.stringContaining('do not fit beside what they replace'),
      }),
    );
    expect(codeOf(() => fs.unlink('f1'))).toBe('ENOSPC');
    fs.sync();
    fs.unlink('f1');
    fs.close();
    await expectSound(device);
  });
});

/** Makes and removes files of some pages in directories, at a volume's limit. */
function churn(fs: FileSystem, rng: Random, steps: number, most: number): Map<string, number> {
  const files = new Map<string, number>();
  for (let nr = 0; nr < 20; nr++) fs.mkdir(`dir ${nr}`);
  for (let step = 0; step < steps; step++) {
    const path = `dir ${rng.below(20)}/${'name '.repeat(1 + rng.below(8))}${rng.below(800)}`;
    if (files.has(path)) {
      fs.unlink(path);
      files.delete(path);
      continue;
    }
    const size = rng.below(2) === 0 ? rng.below(3000) : rng.below(most);
    const code = codeOf(() => fs.writeFile(path, Buffer.alloc(size, size)));
    if (code === null) {
      files.set(path, size);
      continue;
    }
    expect(code).toBe('ENOSPC');
    if (codeOf(() => fs.lstat(path)) === null) fs.unlink(path);
    for (const [victim] of [...files].filter((_, i) => i % 16 === 0)) {
      fs.unlink(victim);
      files.delete(victim);
    }
  }
  return files;
}

function verifyFiles(fs: FileSystem, files: Map<string, number>): void {
  for (const [path, size] of files) {
    const bytes = fs.readFile(path);
    expect(bytes.length, path).toBe(size);
    expect(Buffer.alloc(size, size).equals(bytes), path).toBe(true);
  }
}

describe('churn', () => {
  it.each<[string, number, FormatOptions, MountOptions]>([
    ['of small files', 64, {}, {}],
    ['in lfs, sections of 2 segments', 128, { segsPerSec: 2 }, { mode: 'lfs' }],
    ['in the least volume of 16 KiB blocks', 160, { blockSize: 16_384 }, {}],
    ['in lfs, 16 segments of 16 KiB blocks', 192, { blockSize: 16_384 }, { mode: 'lfs' }],
    ['in lfs, 24 segments of 16 KiB blocks', 256, { blockSize: 16_384 }, { mode: 'lfs' }],
  ])('%s', async (_, sizeMib, formatOptions, mountOptions) => {
    const { device, fs } = volumeOf(sizeMib, { format: formatOptions, mount: mountOptions });
    const files = churn(fs, random(SEED), 8000 * TIMES, 60_000);
    verifyFiles(fs, files);
    const report = fs.clean({ policy: 'cost-benefit', sections: 3 });
    expect(report.sections).toBeLessThanOrEqual(3);
    verifyFiles(fs, files);
    fs.close();
    await expectSound(device);
    verifyFiles(mounted(device, { readonly: true }), files);
  });

  it('of compressed files at 90%', async () => {
    const { device, fs } = volumeOf(128, {
      format: { features: ['extra_attr', 'compression'] },
      mount: { cacheBytes: 32 * MIB, compress: compressing('lz4', 4) },
    });
    const texts = new Map<string, Buffer>();
    const rng = random(SEED);
    const sizes = 600_000;
    for (let nr = 0; fs.statfs().freeBlocks > 0.1 * fs.volume.space.userBlockCount; nr++) {
      texts.set(`text ${nr}`, prose(sizes, nr));
      fs.writeFile(`text ${nr}`, prose(sizes, nr));
    }
    for (let i = 0; i < 1500 * TIMES; i++) {
      const path = `text ${rng.below(texts.size)}`;
      const at = rng.below(sizes - 40_000);
      const text = prose(1 + rng.below(40_000), i);
      text.copy(texts.get(path) as Buffer, at);
      using file = fs.openFile(path);
      file.write(text, at);
    }
    for (const [path, text] of texts) expect(text.equals(fs.readFile(path)), path).toBe(true);
    fs.clean({ sections: 5 });
    fs.close();
    await expectSound(device);
    const again = mounted(device, { readonly: true });
    for (const [path, text] of texts) expect(text.equals(again.readFile(path)), path).toBe(true);
  });
});

it('the same operations make the same image', () => {
  const images = [0, 1].map(() => {
    const { device, fs } = volumeOf(64, { format: { uuid: new Uint8Array(16).fill(7) } });
    const model = new PageModel(3, pagesFor(fs, 95, 3));
    model.fill(fs);
    model.overwrite(fs, random(4), 9000);
    fs.clean({ sections: 2 });
    fs.close();
    return device;
  });
  const [one, two] = images.map((device: MemoryDevice) => {
    const bytes = Buffer.alloc(device.nrBlocks * BLKSIZE);
    device.read(0, bytes);
    return bytes;
  });
  expect(one.equals(two)).toBe(true);
});

describe.runIf(umlIsThere())('the kernel', () => {
  it('goes on with a full volume of ours, and we with what it left, logs in holes', async () => {
    const { device, fs } = volumeOf(128);
    const model = new PageModel(3, pagesFor(fs, 60, 3));
    model.fill(fs);
    model.overwrite(fs, random(SEED), 30_000);
    fs.close();
    const image = imageOf(device, join(work, 'shared.img'));
    const script = `
set -e
mount -t f2fs -o background_gc=off $DEV0 /mnt
i=0
while head -c 40000 /dev/zero | tr '\\0' 'k' > /mnt/kernel$i 2> /dev/null; do i=$((i + 1)); [ $i -lt 380 ] || break; done
n=0
while [ $n -lt $i ]; do rm /mnt/kernel$n; n=$((n + 3)); done
n=1
while [ $n -lt $i ]; do head -c 8192 /dev/zero | tr '\\0' 'o' | dd of=/mnt/kernel$n bs=4096 seek=2 conv=notrunc 2> /dev/null; n=$((n + 3)); done
sync
umount /mnt
echo done $i
`;
    const { stdout, console: messages } = await runInUml({ images: [image], script, share: work });
    expect(stdout, messages).toContain('done');
    expect(messages).not.toMatch(/f2fs.*(inconsist|corrupt|error)/i);
    await expectSound(image);
    const shared = openFileDevice(image, { writable: true });
    const ours = mount(shared);
    model.verify(ours);
    model.overwrite(ours, random(SEED + 1), 20_000);
    model.verify(ours);
    expect(ours.readFile('kernel1').length).toBe(40_000);
    ours.close();
    shared.close();
    await expectSound(image);
  });
});
