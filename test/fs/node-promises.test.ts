// The promise API beside node:fs/promises: the same calls on a volume and on a directory of the host. What comes of each is the same, or
// the volume refuses it, by name, where the table says so. Nothing is taken and ignored.
import * as nodeFs from 'node:fs';
import * as node from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AsyncFileHandle, AsyncFileSystem, F2fsError, format, MemoryDevice, mountAsync } from '../../src/index.ts';
import { type Api, CALLS, type Row } from './node-calls.ts';

let root: string;
let umask: number;
let volume: AsyncFileSystem;
let count = 0;

beforeAll(async () => {
  umask = process.umask(0o022);
  root = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-node-'));
  const device = new MemoryDevice({ sizeBytes: 64 << 20 });
  format(device, { features: [] });
  volume = await mountAsync(device, { cacheBytes: 16 << 20 });
});
afterAll(async () => {
  process.umask(umask);
  nodeFs.rmSync(root, { recursive: true });
  await volume.close();
});

async function prepare(fs: Api, directory: string): Promise<void> {
  await fs.mkdir(directory);
  await fs.writeFile(`${directory}/f`, 'hello, world');
  await fs.mkdir(`${directory}/d`);
  await fs.writeFile(`${directory}/d/x`, 'x');
  await fs.mkdir(`${directory}/d/e`);
  await fs.writeFile(`${directory}/d/e/y`, 'y');
  await fs.symlink('f', `${directory}/l`);
}

/** Bytes as hex, paths without what they begin with; lists of names in one order. */
function plain(value: unknown, prefix: string): unknown {
  if (ArrayBuffer.isView(value))
    return `bytes ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (typeof value === 'string') return value.startsWith(prefix) ? value.slice(prefix.length) : value;
  if (Array.isArray(value)) {
    const items = value.map((it) => plain(it, prefix));
    return items.every((it) => typeof it === 'string') ? items.sort() : items;
  }
  return value;
}

/** Node's own codes are an errno by another name. */
const ERRNOS: Record<string, string> = { ERR_FS_EISDIR: 'EISDIR' };

function failureOf(error: unknown): string {
  const { code, name, cause } = error as Error & { code?: string };
  // Found by its name; as its code Node has ABORT_ERR, which is no errno.
  if (name === 'AbortError') return `${name} for ${cause}`;
  if (code !== undefined && !code.startsWith('ERR_')) return code;
  return ERRNOS[code ?? ''] ?? 'EINVAL';
}

async function outcomeOf(call: () => Promise<unknown>, prefix: string): Promise<unknown> {
  try {
    return { result: plain(await call(), prefix) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

/** What stands in a directory, one line an entry. */
async function treeOf(fs: Api, root: string): Promise<string[]> {
  const lines: string[] = [];
  const directories = [''];
  for (const directory of directories) {
    for (const name of await fs.readdir(`${root}/${directory}`)) {
      const path = `${directory}${name}`;
      const { mode, size, nlink } = await fs.lstat(`${root}/${path}`);
      const type = mode & 0o170000;
      const isDirectory = type === 0o040000;
      let contents = '';
      if (isDirectory) directories.push(`${path}/`);
      else
        contents =
          type === 0o120000 ? await fs.readlink(`${root}/${path}`) : await fs.readFile(`${root}/${path}`, 'hex');
      // A directory's size is its file system's own.
      lines.push(`${path} ${mode.toString(8)} ${nlink} ${isDirectory ? '' : size} ${contents}`);
    }
  }
  return lines.sort();
}

/** What is not as it should be about a call; null when nothing is. */
async function faultOf([call, refused]: Row): Promise<unknown> {
  const name = `/${count++}`;
  const there = `${root}${name}`;
  const ours = volume as unknown as Api;
  await prepare(node, there);
  await prepare(ours, name);
  const untouched = await treeOf(ours, name);
  const expected = await outcomeOf(() => call(node, (path) => `${there}/${path}`), there);
  let isTyped = true;
  const mine = () =>
    call(ours, (path) => `${name}/${path}`).catch((error) => {
      isTyped = error instanceof F2fsError;
      throw error;
    });
  const outcome = await outcomeOf(mine, name);
  const wanted = refused === undefined ? expected : { failure: refused };
  const trees = {
    wanted: refused === undefined ? await treeOf(node, there) : untouched,
    found: await treeOf(ours, name),
  };
  const isRefused = refused === undefined || !isDeepStrictEqual(expected, wanted);
  if (isTyped && isRefused && isDeepStrictEqual(outcome, wanted) && isDeepStrictEqual(trees.found, trees.wanted))
    return null;
  return { isTyped, node: expected, outcome, trees };
}

test.each(Object.entries(CALLS))('%s', async (_, rows) => {
  const faults: Record<string, unknown> = {};
  for (const row of rows) {
    const fault = await faultOf(row);
    if (fault !== null) faults[`${row[2] ?? row[0]}`] = fault;
  }
  expect(faults).toEqual({});
});

test('every method that node:fs/promises has too is in the table', async () => {
  const text = JSON.stringify(
    Object.values(CALLS)
      .flat()
      .map(([call]) => String(call)),
  );
  // Calls on open files are handed to a function of the table.
  const source = nodeFs.readFileSync(new URL('./node-calls.ts', import.meta.url), 'utf8');
  const file = await node.open(join(root, 'file'), 'w');
  await file.close();
  const shared = (ours: object, theirs: object) =>
    Object.getOwnPropertyNames(ours).filter((it) => it !== 'constructor' && it in theirs);
  for (const name of shared(AsyncFileSystem.prototype, node)) expect(text, name).toContain(`.${name}(`);
  for (const name of shared(AsyncFileHandle.prototype, file)) expect(source, name).toContain(`file.${name}(`);
});
