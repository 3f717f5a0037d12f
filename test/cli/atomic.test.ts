// A command that changes an image is done wholly or not at all, whenever its process dies: one that is killed at any time leaves the
// image as it was or as it would have become, sound in any case.
import * as fs from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import { type FileSystem, mount, openFileDevice } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from '../device/temporary.ts';
import { interrupted, makeImage } from './command.ts';

const temporary = imageDirectory();
afterAll(temporary.remove);
/** How often each command is killed. */
const KILLS = Number(process.env.F2FS_KILLS ?? 4);
const SEED = Number(process.env.F2FS_SEED ?? 20_260_704);

/** All that a volume holds, as one text. */
function fingerprint(image: string): string {
  const device = openFileDevice(image, { writable: false });
  const lines: string[] = [];
  const walk = (volume: FileSystem, path: string) => {
    for (const { name, type } of volume.readdir(path)) {
      const at = `${path === '/' ? '' : path}/${Buffer.from(name)}`;
      const { mode, size, nlink } = volume.lstat(at);
      const bytes = type === 'file' ? Buffer.from(volume.readFile(at)) : Buffer.of();
      lines.push(`${at} ${mode.toString(8)} ${nlink} ${type === 'directory' ? '' : size} ${bytes.toString('base64')}`);
      if (type === 'directory') walk(volume, at);
    }
  };
  try {
    walk(mount(device, { readonly: true }), '/');
  } finally {
    device.close();
  }
  return lines.sort().join('\n');
}

function makeTree(directory: string): void {
  for (let d = 0; d < 20; d++) {
    fs.mkdirSync(`${directory}/d${d}`, { recursive: true });
    for (let i = 0; i < 25; i++)
      fs.writeFileSync(`${directory}/d${d}/f${i}`, `${d} ${i}\n`.repeat(1 + ((d * i) % 900)));
  }
}

describe.concurrent.each([
  { name: 'put', args: (image: string, tree: string) => ['put', '--quiet', image, tree, '/there'] },
  { name: 'rm', args: (image: string) => ['rm', '-r', image, '/there'] },
  { name: 'mv', args: (image: string) => ['mv', image, '/there/d1', '/there/d2', '/there/d3', '/elsewhere'] },
])('$name', ({ name, args }) => {
  it(`is done or not when it is killed (seed ${SEED})`, async () => {
    const tree = temporary.file(`${name}-tree`);
    makeTree(tree);
    const before = makeImage(temporary.file(`${name}.img`), (volume) => {
      volume.mkdir('/there');
      volume.mkdir('/elsewhere');
      for (let d = 1; d < 20; d++) {
        volume.mkdir(`/there/d${d}`);
        for (let i = 0; i < 30; i++) volume.writeFile(`/there/d${d}/g${i}`, Buffer.alloc(1 + d * i * 50, `${i}`));
      }
    });
    const image = temporary.file(`${name}-killed.img`);
    fs.copyFileSync(before, image);
    const command = args(image, tree);
    const started = performance.now();
    const whole = await interrupted(command, 60_000, 'SIGKILL');
    const duration = performance.now() - started;
    expect(whole).toEqual({ ended: 0, stderr: '' });
    const states = { before: fingerprint(before), after: fingerprint(image) };
    expect(states.after).not.toBe(states.before);
    const random = new SeededRandom(SEED);
    for (let i = 0; i < KILLS; i++) {
      fs.copyFileSync(before, image);
      // Most of the time goes by before the image is opened: the kills are to fall into the rest.
      await interrupted(command, duration * (0.4 + 0.65 * random.fraction()), 'SIGKILL');
      const found = fingerprint(image);
      expect(Object.values(states).some((state) => state === found)).toBe(true);
      const verdict = await fsck(image);
      expect(verdict.complaints).toEqual([]);
      expect(verdict.ok).toBe(true);
    }
  });
});

/** Bytes: half of what the volume can hold. */
const LARGE = 8 << 20;

it('a signal leaves the image as it was, and says so', async () => {
  const tree = temporary.file('signal-tree');
  makeTree(tree);
  fs.writeFileSync(`${tree}/large`, Buffer.alloc(LARGE, 'x'));
  const image = makeImage(temporary.file('signal.img'), () => {});
  const before = fingerprint(image);
  const outcomes = new Set<string | number | null>();
  for (const ms of [300, 500, 700, 900, 1100]) {
    const { ended, stderr } = await interrupted(['put', '--quiet', image, tree, '/'], ms, 'SIGINT');
    outcomes.add(ended);
    // Before it listens, and once it is done, a signal ends it as any process.
    if (ended === 'SIGINT' && fingerprint(image) === before) continue;
    if (ended === 'SIGINT') expect(sizeOf(image, '/signal-tree/large')).toBe(LARGE);
    if (ended === 'SIGINT') break;
    if (ended === 0) break;
    expect({ ended, stderr }).toEqual({ ended: 130, stderr: `f2fs: put: ended by SIGINT; ${image} is as it was\n` });
    expect(fingerprint(image)).toBe(before);
  }
  expect([...outcomes].every((one) => [0, 130, 'SIGINT'].includes(one as number))).toBe(true);
});

function sizeOf(image: string, path: string): number {
  const device = openFileDevice(image, { writable: false });
  const { size } = mount(device, { readonly: true }).stat(path);
  device.close();
  return size;
}
