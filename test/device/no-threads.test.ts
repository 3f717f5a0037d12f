// Where no thread can be started, as in a bundle without the programs of threads, the same is done without one.
import * as fs from 'node:fs';
import { afterAll, expect, it, vi } from 'vitest';
import { build, mount, openFileDevice } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { noise } from '../fs/compressed-volume.ts';
import { imageDirectory } from './temporary.ts';

const asked = vi.hoisted(() => new Set<string>());
vi.mock('../../src/platform/threads.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof import('../../src/platform/threads.ts')>()),
  startThread: (program: string) => {
    asked.add(program);
    throw new Error(`${program} is missing`);
  },
}));

const images = imageDirectory();
afterAll(images.remove);

it.each([
  [undefined, ['bulkload/fill-worker', 'device/write-worker']],
  ['folios', ['compress/codec-worker', 'device/write-worker', 'source/host/read-ahead-worker']],
] as const)(
  'an image is built all the same, by engine %s: the one thread that there is does all',
  async (engine, programs) => {
    const tree = images.file(`tree-${engine}`);
    fs.mkdirSync(tree);
    for (let i = 0; i < 100; i++) fs.writeFileSync(`${tree}/small${i}`, `small ${i}`);
    fs.writeFileSync(`${tree}/large`, Buffer.alloc(24 << 20, 'text that is easy to compress. '));
    fs.writeFileSync(`${tree}/raw`, noise(1 << 20, 1));
    const image = images.file(`image-${engine}`);
    asked.clear();
    const { problems } = await build(tree, image, { compress: {}, workers: 2, engine });
    expect(problems).toEqual([]);
    expect([...asked].sort()).toEqual(programs);
    expect((await fsck(image)).complaints).toEqual([]);
    const device = openFileDevice(image);
    using volume = mount(device, { readonly: true });
    expect(Buffer.from(volume.readFile('/small42')).toString()).toBe('small 42');
    expect(Buffer.compare(volume.readFile('/large'), fs.readFileSync(`${tree}/large`))).toBe(0);
    volume.close();
    device.close();
  },
);
