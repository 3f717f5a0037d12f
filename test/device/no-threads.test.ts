// Where no thread can be started, as in a bundle without the programs of threads, the same is done without one.
import * as fs from 'node:fs';
import { afterAll, expect, it, vi } from 'vitest';
import { build, mount, openFileDevice } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
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

it('an image is built all the same: reading ahead, writing and compressing are done by the one thread that there is', async () => {
  const tree = images.file('tree');
  fs.mkdirSync(tree);
  for (let i = 0; i < 100; i++) fs.writeFileSync(`${tree}/small${i}`, `small ${i}`);
  fs.writeFileSync(`${tree}/large`, Buffer.alloc(24 << 20, 'text that is easy to compress. '));
  const image = images.file('image');
  const { problems } = await build(tree, image, { compress: {}, workers: 2 });
  expect(problems).toEqual([]);
  expect([...asked].sort()).toEqual(['compress/codec-worker', 'device/write-worker', 'source/host/read-ahead-worker']);
  expect((await fsck(image)).complaints).toEqual([]);
  const device = openFileDevice(image);
  using volume = mount(device, { readonly: true });
  expect(Buffer.from(volume.readFile('/small42')).toString()).toBe('small 42');
  expect(Buffer.compare(volume.readFile('/large'), fs.readFileSync(`${tree}/large`))).toBe(0);
  volume.close();
  device.close();
});
