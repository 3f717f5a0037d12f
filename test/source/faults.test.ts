// What fails of one entry concerns that entry: every call that reads the host fails once with one errno or another, in builds and
// puts, and all else is in the image.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Host, thisHost } from '../../src/host/host.ts';
import { hostLibc } from '../../src/host/libc.ts';
import {
  F2fsError,
  type FileSystem,
  format,
  MemoryDevice,
  mount,
  openFileDevice,
  type Problem,
} from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { put } from '../../src/populate/put.ts';
import { canSetXattrs, isRoot, makeTempDir, setXattr } from '../host-fixture.ts';
import { manifestOfVolume } from '../judges/volume-manifest.ts';
import { faultyHost } from './faulty-host.ts';

const ERRNOS = [
  'EACCES',
  'EPERM',
  'EIO',
  'ENOENT',
  'ENODATA',
  'EOPNOTSUPP',
  'ERANGE',
  'EINTR',
  'ESTALE',
  'ELOOP',
].concat(['ENOTDIR', 'ENOMEM', 'EMFILE', 'EINVAL', 'ENAMETOOLONG', 'EBADF', 'ENOSYS', 'EAGAIN', 'ENXIO', 'EUCLEAN']);
const hosts: [string, Host][] = hostLibc()?.linux
  ? [
      ['the C library', thisHost()],
      ['node:fs', thisHost(null)],
    ]
  : [['node:fs', thisHost()]];

let work: string;
let source: string;
let hasXattrs: boolean;

beforeAll(() => {
  work = makeTempDir();
  source = path.join(work, 'tree');
  fs.mkdirSync(path.join(source, 'dir/below'), { recursive: true });
  fs.writeFileSync(`${source}/small`, 'small');
  fs.writeFileSync(`${source}/empty`, '');
  fs.writeFileSync(`${source}/dir/large`, Buffer.alloc(300_000, 'l'));
  fs.linkSync(`${source}/dir/large`, `${source}/dir/other-name`);
  fs.writeFileSync(`${source}/dir/below/file`, 'in it');
  fs.symlinkSync('small', `${source}/link`);
  const fd = fs.openSync(`${source}/sparse`, 'w');
  fs.writeSync(fd, 'end', 1_000_000);
  fs.closeSync(fd);
  hasXattrs = canSetXattrs(source);
  if (hasXattrs) {
    for (const name of ['.', 'small', 'dir', 'dir/large']) setXattr(`${source}/${name}`, 'user.first', '0x31');
    for (const name of ['small', 'dir']) setXattr(`${source}/${name}`, 'user.second', '0x32');
  }
});
afterAll(() => fs.rmSync(work, { recursive: true, force: true }));

/** Everything of an image below `start` but for times of directories, by path. */
function contents(volume: FileSystem, start = '.'): Map<string, string> {
  const entries = manifestOfVolume(volume).entries.filter(({ path }) => path !== 'lost+found');
  const inside = entries.filter(({ path }) => start === '.' || path === start || path.startsWith(`${start}/`));
  return new Map(
    inside.map((entry) => {
      const place = path.relative(start, entry.path) || '.';
      const { type, mode, uid, gid, size, sha256, target, xattrs } = entry;
      return [place, JSON.stringify({ type, mode, uid, gid, size, sha256, target, xattrs })];
    }),
  );
}

/** Fails when anything is not as it should be that no problem names. */
function check(what: string, whole: Map<string, string>, found: Map<string, string>, problems: Problem[]): void {
  const named = problems.map(({ path: place }) => path.relative(source, path.resolve(source, place)) || '.');
  // Two names of one file.
  if (named.includes('dir/large')) named.push('dir/other-name');
  for (const [place, entry] of whole) {
    const excused = named.some((one) => one === place || (one !== '.' && place.startsWith(`${one}/`)));
    if (!excused && found.get(place) !== entry) {
      throw new Error(`${what}: ${place} is ${found.get(place) ?? 'missing'}; told: ${JSON.stringify(problems)}`);
    }
  }
  for (const place of found.keys()) if (!whole.has(place)) throw new Error(`${what}: ${place} is new`);
  for (const { message } of problems) expect(message).not.toMatch(/internal|undefined|\bat .*:\d+/);
}

/** Children of the same command line are run once. */
function remembering(real: Host): Host {
  const answers = new Map<string, ReturnType<Host['run']>>();
  return {
    ...real,
    run(command, args, input) {
      const key = `${args.join(' ')} ${Buffer.from(input).toString('hex')}`;
      const answer = answers.get(key) ?? real.run(command, args, input);
      answers.set(key, answer);
      return answer;
    },
  };
}

/** Counts the calls of an undisturbed run. */
async function callsOf(host: Host, run: (host: Host) => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  await run(
    faultyHost(host, (_, call) => {
      calls.push(call);
      return null;
    }),
  );
  return calls;
}

describe.each(hosts)('through %s', (_, real) => {
  const host = remembering(real);

  test('a put names the entry of any call that fails, and puts the rest', async () => {
    const device = new MemoryDevice(512 * 256);
    format(device);
    const volume = mount(device);
    const putTo = (name: string, on: Host) => put(volume, source, { directory: '/', name: Buffer.from(name) }, {}, on);
    const calls = await callsOf(host, (counting) => putTo('whole', counting));
    const whole = contents(volume, 'whole');
    expect(whole.size).toBe(10);
    const isScan = (nr: number) => calls.slice(0, nr).filter((call) => call === 'listxattr').length < whole.size;
    let told = 0;
    for (const [nr, call] of calls.entries()) {
      // Every errno comes to every call in its turn; a few calls each time keep the test short.
      for (const code of [0, 7, 13].map((step) => ERRNOS[(nr + step) % ERRNOS.length])) {
        // That is what a file system without attributes answers.
        if (call === 'listxattr' && code === 'EOPNOTSUPP' && isScan(nr)) continue;
        const what = `call ${nr} (${call}) with ${code}`;
        const faulty = faultyHost(host, (at) => (at === nr ? code : null));
        try {
          const { problems } = await putTo('case', faulty);
          check(what, whole, contents(volume, 'case'), problems);
          told += problems.length;
          volume.remove('case');
        } catch (error) {
          // The source as a whole may be refused.
          const isRefusal = error instanceof F2fsError && /cannot read the source directory/.test(error.message);
          if (!isRefusal || nr > 4) throw new Error(`${what}: ${error}`, { cause: error });
        }
      }
    }
    expect(told).toBeGreaterThan(calls.length);
    volume.close();
  });

  test('a build does so, too', async () => {
    const image = path.join(work, 'image');
    const run = (on: Host) => build(source, image, { force: true }, on);
    const found = () => {
      const device = openFileDevice(image, { writable: false });
      const volume = mount(device, { readonly: true });
      const all = contents(volume);
      volume.close();
      device.close();
      return all;
    };
    const calls = await callsOf(host, run);
    const whole = found();
    expect(whole.size).toBe(10);
    const scanned = Math.max(calls.lastIndexOf('getdents64'), calls.lastIndexOf('readdirSync'));
    // Of each kind of call the last of the scan, the first after it (which sizes the image), and the last of all.
    const chosen = new Set<number>();
    for (const kind of new Set(calls)) {
      chosen.add(calls.lastIndexOf(kind, scanned));
      chosen.add(calls.indexOf(kind, scanned + 1));
      chosen.add(calls.lastIndexOf(kind));
    }
    for (const nr of [...chosen].filter((one) => one >= 0)) {
      const code = nr % 2 === 0 ? 'EACCES' : 'EIO';
      const { problems } = await run(faultyHost(host, (at) => (at === nr ? code : null)));
      check(`call ${nr} (${calls[nr]}) with ${code}`, whole, found(), problems);
    }
  });

  test('a call that fails always ends no build, and holds none up', async () => {
    const image = path.join(work, 'image');
    for (const [call, code] of [
      ['getxattr', 'ERANGE'],
      ['listxattr', 'ERANGE'],
      ['readSync', 'EINTR'],
      ['lseek', 'EIO'],
      ['closeSync', 'EIO'],
      ['readlinkSync', 'EINVAL'],
    ]) {
      const faulty = faultyHost(host, (_, made) => (made === call ? code : null));
      const { problems } = await build(source, image, { force: true }, faulty);
      const codes = new Set(problems.map((one) => one.code));
      // A name that leads to no data, and a file that was read, are none.
      expect([...codes], call).toEqual(['lseek', 'closeSync'].includes(call) || !calledBy(host, call) ? [] : [code]);
    }
  });
});

function calledBy({ libc }: Host, call: string): boolean {
  return call.endsWith('xattr') ? libc !== null : call !== 'lseek' || libc?.linux !== undefined;
}

test.runIf(isRoot)('what an ordinary user may not read is named, and the rest is built', async () => {
  const tree = path.join(work, 'private');
  fs.mkdirSync(`${tree}/0311`, { recursive: true });
  for (const [name, mode] of Object.entries({ '0000': 0, '0200': 0o200, '0311/inside': 0o644, good: 0o644 })) {
    fs.writeFileSync(`${tree}/${name}`, name);
    if (hasXattrs) setXattr(`${tree}/${name}`, 'user.k', '0x76');
    fs.chmodSync(`${tree}/${name}`, mode);
  }
  if (hasXattrs) setXattr(`${tree}/0311`, 'user.k', '0x76');
  fs.chmodSync(`${tree}/0311`, 0o311);
  for (const name of ['.', '0000', '0200', '0311', '0311/inside', 'good'])
    fs.chownSync(`${tree}/${name}`, 65534, 65534);
  fs.chmodSync(work, 0o777);
  const image = path.join(work, 'private.img');
  const { problems } = await asNobodyAsync(() => build(tree, image));
  expect(problems.every(({ code }) => code === 'EACCES')).toBe(true);
  expect([...new Set(problems.map(({ path: place }) => place))].sort()).toEqual(['0000', '0200', '0311']);
  const device = openFileDevice(image, { writable: false });
  const volume = mount(device, { readonly: true });
  expect([...contents(volume).keys()].sort()).toEqual(['.', '0311', 'good']);
  if (hasXattrs) expect(`${Buffer.from(volume.getXattr('/good', 'user.k'))}`).toBe('v');
  volume.close();
  device.close();
});

async function asNobodyAsync<T>(run: () => Promise<T>): Promise<T> {
  process.setegid?.(65534);
  process.seteuid?.(65534);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
