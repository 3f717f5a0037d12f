// The package as it is published, in projects that check it strictly: with the oldest TypeScript that is promised and with the newest.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readmeBlocks } from '../docs/readme.ts';

const PACKAGE = resolve(import.meta.dirname, '../..');
const NEWEST = join(PACKAGE, 'node_modules/typescript/bin/tsc');
let project: string;
/** What keeps the oldest compiler from being there: the registry can't be reached. */
let missing = '';

/** A program that uses what is exported, and says of which type it is. */
const PROGRAM = `
import type { Dirent } from 'node:fs';
import {
  AsyncFileSystem, type BlockDevice, build, Directory, extract, F2fsError, FileHandle, type FileStat, type FileSystem, format,
  type MountOptions, MemoryDevice, mount, mountAsync, openFileDevice, parseCodec, put, type Timestamp, type VolumeDirent, volumeInfo, walkDirectories,
} from 'f2fs';

const device: BlockDevice = new MemoryDevice({ sizeBytes: 64 * 2 ** 20 });
format(device, { label: 'types', features: ['extra_attr'] });
const options: MountOptions = { now: (): Timestamp => ({ sec: 1, nsec: 2 }), compress: { codec: parseCodec('lz4') } };
const volume: FileSystem = mount(device, options);
volume.writeFile('/f', 'text', { mode: 0o600 });
const bytes: Uint8Array = volume.readFile(Buffer.from('/f'));
const stat: FileStat = volume.stat('/f');
const file: FileHandle = volume.openFile('/f', { flags: 'r+' });
file.write(bytes, stat.size);
const directory: Directory = volume.root();
// @ts-expect-error: the tables below are not public
volume.volume;
// @ts-expect-error: a volume is mounted, not made
new FileHandle();
for (const step of walkDirectories(directory, '/', () => {})) if (step.parent === null) directory.lookup('f')?.ino;

export async function use(): Promise<string> {
  const async: AsyncFileSystem = await mountAsync(device);
  const text: string = await async.readFile('/f', 'utf8');
  const same: string = await async.readFile('/f', { encoding: 'utf8', flag: 'r' });
  const buffer: Buffer = await async.readFile('/f');
  const names: string[] = await async.readdir('/', { recursive: true });
  const raw: Buffer[] = await async.readdir('/', 'buffer');
  const entries: Dirent[] = await async.readdir('/', { withFileTypes: true, recursive: true });
  const [entry]: VolumeDirent<Buffer>[] = await async.readdir('/', { encoding: 'buffer', withFileTypes: true });
  const inParent: Buffer = (await async.readdir(raw[0], { withFileTypes: true }))[0].parentPath;
  // @ts-expect-error: a name is not bytes unless they are asked for
  const wrong: Buffer = (await async.readdir('/', { withFileTypes: true }))[0].name;
  const kinds = entries.map((it) => it.isDirectory()).length + entry.name.length + entry.ino + inParent.length;
  const handle = await async.open('/f', 0, 0o600);
  const { bytesRead } = await handle.read(new Uint8Array(5), 0, 5, 0);
  // @ts-expect-error: a size is a number
  await handle.truncate('5');
  // @ts-expect-error: there is no such option
  mount(device, { readOnly: true });
  const report = await build('tree', 'image', { size: 'auto', signal: new AbortController().signal });
  await put(volume, 'source', { directory: '/', name: 'n' });
  await extract(volume, '/', report.image);
  volumeInfo(openFileDevice('image')).problems.map((problem: F2fsError) => problem.code);
  return text + same + buffer.length + names.length + raw.length + bytesRead + kinds + wrong.length;
}
`;

/** In TypeScript from 5.7 on what is read has memory of its own, which web calls ask for. */
const PRECISE = `
import { type FileSystem, type OwnBytes } from 'f2fs';
export const blob = (volume: FileSystem): Uint8Array<ArrayBuffer> => volume.readFile('/f') satisfies OwnBytes;
`;

/** The programs of README.md, by the names that they get here. */
const EXAMPLES = readmeBlocks()
  .filter(({ language }) => language === 'ts')
  .map(({ line, text }) => ({ name: `readme-${line}.ts`, text }));

function npm(...args: string[]) {
  return spawnSync('npm', args, { cwd: project, encoding: 'utf8', timeout: 240_000 });
}

beforeAll(() => {
  project = fs.mkdtempSync(join(tmpdir(), 'f2fs-types-'));
  fs.writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
  fs.writeFileSync(join(project, 'use.ts'), PROGRAM);
  fs.writeFileSync(join(project, 'precise.ts'), PRECISE);
  for (const { name, text } of EXAMPLES) fs.writeFileSync(join(project, name), text);
  const packed = npm('pack', PACKAGE, '--ignore-scripts', '--silent');
  expect(packed.status, packed.stderr).toBe(0);
  const wanted = [`./${packed.stdout.trim()}`, 'typescript@5.4', '@types/node@20'];
  const installed = npm('install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...wanted);
  if (installed.status === 0) return;
  missing = installed.stderr;
  expect(missing).toMatch(/ENOTFOUND|EAI_AGAIN|ECONN|ENETUNREACH|ETIMEDOUT|ENOTCACHED/);
});
afterAll(() => fs.rmSync(project, { recursive: true, force: true }));

function compile(compiler: string, module: string, moduleResolution: string, ...files: string[]): string {
  const settings = [
    '--noEmit',
    '--strict',
    '--target',
    'ES2022',
    '--module',
    module,
    '--moduleResolution',
    moduleResolution,
  ];
  return spawnSync(process.execPath, [compiler, ...settings, ...files], { cwd: project, encoding: 'utf8' }).stdout;
}

test.for([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])(
  'its types are right for TypeScript 5.4 and for the newest, module %s, resolution %s',
  ([module, resolution], { skip }) => {
    if (missing !== '') skip(`TypeScript 5.4 can't be installed: ${missing}`);
    const all = ['use.ts', ...EXAMPLES.map(({ name }) => name)];
    expect(all).toHaveLength(4);
    expect(compile(join(project, 'node_modules/typescript/bin/tsc'), module, resolution, ...all)).toBe('');
    expect(compile(NEWEST, module, resolution, ...all, 'precise.ts')).toBe('');
  },
);
