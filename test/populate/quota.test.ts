// Images with quota files: each way of building one counts all owners, and foretells the blocks.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { blockGeometry } from '../../src/format/block-size.ts';
import { mount } from '../../src/fs/file-system.ts';
import { DEFAULT_FEATURES, featureBits, quotaTypes } from '../../src/mkfs/features.ts';
import { build } from '../../src/populate/build.ts';
import { Estimate } from '../../src/populate/estimate.ts';
import type { BuildOptions } from '../../src/populate/options.ts';
import { quotaBlocks } from '../../src/populate/quota-blocks.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { noise, prose } from '../fs/compressed-volume.ts';
import { quotaComplaints, quotasOf } from '../fs/quota-usage.ts';

const FEATURES = [...DEFAULT_FEATURES, 'quota', 'project_quota'];
const temporary = imageDirectory();
const source = temporary.file('source');

beforeAll(() => {
  fs.mkdirSync(join(source, 'sub'), { recursive: true });
  for (let i = 0; i < 150; i++) {
    const path = join(source, i % 2 === 0 ? '' : 'sub', `${i}`);
    fs.writeFileSync(path, i % 3 === 0 ? noise(i * 200, i) : prose(i * 400, i));
    if (process.geteuid?.() === 0) fs.chownSync(path, i * 70_001, i % 7);
  }
  fs.linkSync(join(source, '0'), join(source, 'linked'));
});
afterAll(() => temporary.remove());

describe('an image with quota files', () => {
  test.each<[string, BuildOptions]>([
    ['written at once', {}],
    ['by folios', { engine: 'folios' }],
    ['compressed and released', { compress: { codec: { algorithm: 1, level: 0 } }, release: true }],
    ['by pages, compressed', { engine: 'pages', compress: { codec: { algorithm: 1, level: 0 } } }],
    ['with blocks of 16 KiB', { blockSize: 16_384 }],
    ["all root's", { owner: { uid: 0, gid: 0 } }],
  ])('%s: says what each owner has', async (_, options) => {
    const image = temporary.file('image');
    const report = await build(source, image, { ...options, features: FEATURES, force: true });
    const device = openFileDevice(image, { writable: false });
    const volume = mount(device, { readonly: true });
    expect(quotaComplaints(volume)).toEqual([]);
    const isRoot = process.geteuid?.() === 0 && options.owner === undefined;
    if (isRoot) expect(quotasOf(volume).size).toBeGreaterThan(150);
    volume.close();
    device.close();
    if (options.blockSize === undefined) expect((await fsck(image)).complaints).toEqual([]);
    if (options.compress !== undefined) return;
    const tree = scanHostTree(source, options);
    const block = blockGeometry(options.blockSize ?? 4096);
    const steps = new Estimate(tree, block, featureBits(FEATURES)).blocks();
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(report.usedBlocks).toBe(step.value + quotaBlocks(tree, quotaTypes(FEATURES), block));
  });
});
