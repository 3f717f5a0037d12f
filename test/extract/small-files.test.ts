// Small files are made by another thread while the next are read: they come out the same, and what it can't make is told as ever.
import * as fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { hostLibc } from '../../src/host/libc.ts';
import { build, extract, mount, openFileDevice } from '../../src/index.ts';
import { isRoot, makeTempDir } from '../host-fixture.ts';

const asked = vi.hoisted(() => ({ programs: [] as string[], refused: false }));
vi.mock('../../src/platform/threads.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../src/platform/threads.ts')>();
  const startThread: typeof real.startThread = (program, data) => {
    asked.programs.push(program);
    if (asked.refused) throw new Error(`${program} is missing`);
    return real.startThread(program, data);
  };
  return { ...real, startThread, nrParallel: () => 2 };
});

/** More than jobs under way hold. */
const NR_DIRECTORIES = 12;
const NR_FILES = 60;

let dir: string;
let source: string;
let image: string;
beforeAll(async () => {
  dir = makeTempDir();
  source = `${dir}/source`;
  image = `${dir}/image`;
  for (let i = 0; i < NR_DIRECTORIES; i++) {
    fs.mkdirSync(`${source}/d${i}/below`, { recursive: true });
    for (let j = 0; j < NR_FILES; j++) {
      const path = `${source}/d${i}/${j % 2 === 0 ? 'below/' : ''}f${j}`;
      fs.writeFileSync(path, `file ${i} ${j} `.repeat((7 * i * j) % 1500));
      fs.chmodSync(path, [0o644, 0o400, 0o4755, 0o000][j % 4]);
      fs.utimesSync(path, 1_500_000_000 + i, 1_600_000_000.25 + j);
    }
    fs.utimesSync(`${source}/d${i}/below`, 1, 1_400_000_000 + i);
    fs.chmodSync(`${source}/d${i}/below`, 0o555);
    fs.utimesSync(`${source}/d${i}`, 1, 1_300_000_000 + i);
  }
  await build(source, image);
});
beforeEach(() => {
  asked.programs = [];
});
afterEach(() => fs.rmSync(`${dir}/out`, { recursive: true, force: true }));
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

async function extracted(target: string, force: boolean) {
  const device = openFileDevice(image);
  using volume = mount(device, { readonly: true });
  const report = await extract(volume, '/', target, { force });
  device.close();
  return report;
}

/** What is to be the same of a tree. */
function manifest(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'lost+found');
  return names.sort().map((name) => {
    const { mode, uid, gid, size, mtimeMs } = fs.lstatSync(`${root}/${name}`);
    const contents = (mode & 0o170000) === 0o100000 ? fs.readFileSync(`${root}/${name}`, 'latin1') : size > 0;
    return [name, mode, uid, gid, mtimeMs, contents].join(' ');
  });
}

// Others can't read what the modes keep them from.
describe.skipIf(!isRoot).each([false, true])('a tree of small files, no thread to be had: %s', (refused) => {
  test('comes out as it was, its directories too', async () => {
    asked.refused = refused;
    const { problems, notes, files, contentBytes } = await extracted(`${dir}/out`, false);
    // Where times can't be exact, which is told, there is no thread for them.
    expect(asked.programs).toEqual(hostLibc() === null ? [] : ['extract/file-worker']);
    expect(problems).toEqual([]);
    expect(notes.length).toBe(hostLibc() === null ? 1 : 0);
    expect(files).toBe(NR_DIRECTORIES * NR_FILES);
    expect(contentBytes).toBe(manifestBytes(source));
    expect(manifest(`${dir}/out`)).toEqual(manifest(source));
  });

  test('what is in the way of some is told of each, and stays', async () => {
    asked.refused = refused;
    const inTheWay = ['d0/f1', 'd11/below/f58', 'd7/f31'];
    for (const name of inTheWay) {
      fs.mkdirSync(`${dir}/out/${name.slice(0, name.lastIndexOf('/'))}`, { recursive: true });
      fs.writeFileSync(`${dir}/out/${name}`, 'was there');
    }
    const { problems, files } = await extracted(`${dir}/out`, true);
    expect(problems.map(({ code, path }) => `${code} ${path}`).sort()).toEqual(
      inTheWay.map((name) => `EEXIST ${name}`),
    );
    expect(files).toBe(NR_DIRECTORIES * NR_FILES - inTheWay.length);
    for (const name of inTheWay) expect(fs.readFileSync(`${dir}/out/${name}`, 'latin1')).toBe('was there');
  });
});

function manifestBytes(root: string): number {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => fs.lstatSync(`${root}/${name}`))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
