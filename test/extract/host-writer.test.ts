import * as fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostAttributes } from '../../src/extract/host-attributes.ts';
import { HostWriter, type WriterOptions } from '../../src/extract/host-writer.ts';
import { type HostLibc, hostLibc } from '../../src/host/libc.ts';
import type { HostDir, HostPlace } from '../../src/host/places.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import { asNobody, isRoot, makeTempDir, makeVariedTree } from '../host-fixture.ts';
import { treeEntry } from '../source/tree-entry.ts';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
  fs.chmodSync(dir, 0o755);
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const plain: HostAttributes = {
  mode: 0o644,
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  atimeSec: 1_700_000_000,
  atimeNsec: 1,
  mtimeSec: 1_600_000_000,
  mtimeNsec: 999_999_999,
};

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

/** Copies a tree with a HostWriter, as extraction does. */
function copy(from: string, to: string, options: WriterOptions): HostWriter {
  const tree = scanHostTree(from);
  const writer = new HostWriter(to, options);
  const dirs = new Map<number, HostDir>([[0, writer.root]]);
  const firsts = new Map<number, HostPlace>();
  const attributes = (i: number) => ({ ...treeEntry(tree, i), xattrs: tree.xattrs(i).found });
  writer.restrict(writer.root, attributes(0));
  for (let i = 1; i < tree.count; i++) {
    const parent = dirs.get(tree.parent(i));
    const group = tree.linkGroup(i);
    const type = tree.type(i);
    const name = tree.name(i);
    if (!parent) continue;
    let place: HostPlace | null = null;
    if (group >= 0 && group !== i) {
      expect(writer.makeLink(parent, name, firsts.get(group)!)).not.toBe('copy');
    } else if (type === 'dir') {
      const made = writer.makeDir(parent, name);
      if (made) dirs.set(i, made);
    } else if (type === 'file') {
      const file = writer.openFile(parent, name);
      if (!file) continue;
      if (tree.size(i) < 1000) fs.writeSync(file.fd, fs.readFileSync(tree.hostPath(i)));
      fs.ftruncateSync(file.fd, tree.size(i));
      writer.closeFile(file, attributes(i));
      place = file.place;
    } else if (type === 'symlink') {
      place = writer.makeSymlink(parent, name, tree.readlink(i), attributes(i));
    } else {
      const { rdevMajor, rdevMinor } = treeEntry(tree, i);
      place = writer.makeNode(parent, name, type, attributes(i), rdevMajor, rdevMinor);
    }
    if (place) firsts.set(i, place);
  }
  for (const [i, made] of [...dirs].reverse()) writer.closeDir(made, attributes(i));
  writer.finish();
  return writer;
}

/** All that a copy can keep; `roughly` without the parts of a second. */
function kept(root: string, roughly: boolean): unknown[] {
  const tree = scanHostTree(root);
  return Array.from({ length: tree.count }, (_, i) => {
    const { path, mode, uid, gid, type, size, nlink, rdevMajor, rdevMinor, mtimeSec, mtimeNsec } = treeEntry(tree, i);
    const target = type === 'symlink' ? Buffer.from(tree.readlink(i)).toString('hex') : '';
    const time = roughly ? Math.round(mtimeSec + mtimeNsec / 1e9) : [mtimeSec, mtimeNsec];
    const content = type === 'file' && size < 1000 ? fs.readFileSync(tree.hostPath(i), 'latin1') : '';
    const length = type === 'dir' ? 0 : size;
    const name = Buffer.from(tree.name(i)).toString('hex');
    return {
      path,
      name,
      mode,
      uid,
      gid,
      type,
      length,
      nlink,
      rdevMajor,
      rdevMinor,
      target,
      time,
      content,
      xattrs: tree.xattrs(i).found,
    };
  });
}

describe.each([{ libc: hostLibc() }, { libc: null }])('a tree written to the host (libc: $libc)', ({ libc }) => {
  it('is the tree that it was read from', () => {
    const source = `${dir}/source`;
    fs.mkdirSync(source);
    makeVariedTree(source);
    if (!libc) fs.rmSync(`${source}/socket`, { force: true });
    const writer = copy(source, `${dir}/copy`, { libc });
    expect(writer.problems.list).toEqual([]);
    expect(writer.notes.map(({ message }) => message.split(' ')[0])).toEqual(libc ? [] : ['times']);
    expect(kept(`${dir}/copy`, !libc)).toEqual(kept(source, !libc));
  });
});

it('refuses names that lead elsewhere', () => {
  const writer = new HostWriter(`${dir}/out`);
  const names = ['..', '.', '', 'a/b', '../evil', '/etc/evil', 'a\0b', 'x'.repeat(256)];
  for (const name of names) {
    expect(writer.openFile(writer.root, bytes(name))).toBeNull();
    expect(writer.makeDir(writer.root, bytes(name))).toBeNull();
    expect(writer.makeSymlink(writer.root, bytes(name), bytes('t'), plain)).toBeNull();
    expect(writer.makeNode(writer.root, bytes(name), 'fifo', plain)).toBeNull();
  }
  expect(writer.problems.list.map(({ code }) => code)).toEqual(new Array(4 * names.length).fill('EUCLEAN'));
  expect(fs.readdirSync(dir)).toEqual(['out']);
  expect(fs.readdirSync(`${dir}/out`)).toEqual([]);
});

it('never writes through a symlink that the image planted', () => {
  fs.mkdirSync(`${dir}/outside`, { mode: 0o700 });
  fs.writeFileSync(`${dir}/outside/file`, 'precious', { mode: 0o600 });
  const writer = new HostWriter(`${dir}/out`);
  writer.makeSymlink(writer.root, bytes('d'), bytes('../outside'), { ...plain, mode: 0o777 });
  writer.makeSymlink(writer.root, bytes('f'), bytes('../outside/file'), { ...plain, mode: 0o777 });
  expect(writer.makeDir(writer.root, bytes('d'))).toBeNull();
  expect(writer.openFile(writer.root, bytes('f'))).toBeNull();
  expect(writer.makeNode(writer.root, bytes('f'), 'fifo', plain)).toBeNull();
  writer.finish();
  expect(writer.problems.list.map(({ path, code }) => [path, code])).toEqual([
    ['d', 'EEXIST'],
    ['f', 'EEXIST'],
    ['f', 'EEXIST'],
  ]);
  expect(fs.readFileSync(`${dir}/outside/file`, 'utf8')).toBe('precious');
  expect(fs.statSync(`${dir}/outside/file`).mode & 0o777).toBe(0o600);
  expect(fs.statSync(`${dir}/outside/file`).mtimeMs).toBeGreaterThan(1_600_000_001_000);
});

it('keeps directories closed until it finishes, and their times afterwards', () => {
  const writer = new HostWriter(`${dir}/out`);
  const sub = writer.makeDir(writer.root, bytes('sub'))!;
  expect(fs.statSync(`${dir}/out/sub`).mode & 0o777).toBe(0o700);
  writer.closeFile(writer.openFile(sub, bytes('file'))!, plain);
  writer.closeDir(sub, { ...plain, mode: 0o555 });
  writer.finish();
  expect(fs.statSync(`${dir}/out/sub`).mode & 0o777).toBe(0o555);
  expect(fs.statSync(`${dir}/out/sub`).mtimeMs).toBeCloseTo(1_600_000_001_000, 0);
  fs.chmodSync(`${dir}/out/sub`, 0o755);
});

it.each([{ libc: hostLibc() }, { libc: null }])(
  'tells of times that the host did not take (libc: $libc)',
  ({ libc }) => {
    const writer = new HostWriter(`${dir}/out`, { libc });
    const far = [-1, 2 ** 31, 2 ** 34, -(2 ** 31) - 1, 2 ** 40, -(2 ** 40), 2 ** 53 - 1, -(2 ** 42)];
    for (const [i, sec] of far.entries()) {
      const times = { atimeSec: i % 2 === 0 ? 1 : sec, atimeNsec: 0, mtimeSec: i % 2 === 0 ? sec : 1, mtimeNsec: 0 };
      writer.closeFile(writer.openFile(writer.root, bytes(`${i}`))!, { ...plain, ...times });
    }
    const lost = far.filter((sec, i) => {
      const { atimeNs, mtimeNs } = fs.lstatSync(`${dir}/out/${i}`, { bigint: true });
      return (i % 2 === 0 ? mtimeNs : atimeNs) !== BigInt(sec) * 10n ** 9n;
    });
    expect(writer.problems.list).toEqual([]);
    expect(writer.notes.reduce((sum, { count }) => sum + count, 0)).toBe(lost.length);
    for (const { message } of writer.notes) expect(message).toMatch(/^times are not restored: .*nearest/);
  },
);

it.runIf(hostLibc())('tells of times on a host that ends in 2038, and of nothing before', () => {
  const real = hostLibc()!;
  const libc: HostLibc = {
    ...real,
    utimens: (path, times) => {
      const seconds = new BigInt64Array(times.buffer.slice(0));
      for (const at of [0, 2]) if (seconds[at] > 0x7fffffffn) seconds[at] = 0x7fffffffn;
      return real.utimens(path, new Uint8Array(seconds.buffer));
    },
  };
  const writer = new HostWriter(`${dir}/out`, { libc });
  const late = { ...plain, mtimeSec: 2 ** 31 };
  const made = writer.makeDir(writer.root, bytes('dir'))!;
  writer.makeSymlink(writer.root, bytes('link'), bytes('nowhere'), late);
  writer.closeFile(writer.openFile(writer.root, bytes('kept'))!, { ...plain, mtimeSec: 2 ** 31 - 1 });
  writer.closeDir(made, late);
  writer.finish();
  expect(writer.notes).toMatchObject([{ count: 2, path: 'link' }]);
  expect(writer.problems.list).toEqual([]);
});

describe('a node that this host can not make', () => {
  const messages = (writer: HostWriter) => writer.problems.list.map(({ code, message }) => `${message} (${code})`);
  const { PATH } = process.env;
  afterEach(() => {
    process.env.PATH = PATH;
  });

  it.each([
    ['neither sh nor mknod', []],
    ['sh, but no mknod', ['sh']],
  ])('says what it takes, where there is %s and no koffi', (_, commands) => {
    const sh = fs.realpathSync('/bin/sh');
    fs.mkdirSync(`${dir}/bin`);
    for (const command of commands) fs.symlinkSync(sh, `${dir}/bin/${command}`);
    process.env.PATH = `${dir}/bin`;
    const writer = new HostWriter(`${dir}/out`, { libc: null });
    writer.makeNode(writer.root, bytes('c'), 'char', plain, 1, 3);
    writer.makeNode(writer.root, bytes('f'), 'fifo', plain);
    const needed = (command: string) =>
      `it takes the package koffi, or sh and ${command} of Debian's coreutils in PATH: install one of them (EOPNOTSUPP)`;
    expect(messages(writer)).toEqual([
      `c: cannot make the character device: ${needed('mknod')}`,
      `f: cannot make the fifo: ${needed('mkfifo')}`,
    ]);
  });

  it('says why the command does not', () => {
    const writer = new HostWriter(`${dir}/out`, { libc: null });
    for (let twice = 0; twice < 2; twice++) writer.makeNode(writer.root, bytes('f'), 'fifo', plain);
    fs.mkdirSync(`${dir}/bin`);
    const says = '#!/bin/sh\necho "mknod: /a: b: Operation not permitted" >&2; exit 1\n';
    fs.writeFileSync(`${dir}/bin/mknod`, says, { mode: 0o755 });
    process.env.PATH = `${dir}/bin:${PATH}`;
    writer.makeNode(writer.root, bytes('b'), 'block', plain, 8, 0);
    expect(messages(writer)).toEqual([
      'f: cannot make the fifo: file already exists (EEXIST)',
      `b: cannot make the block device: ${isRoot ? 'the host refuses it to this root, as in a container without CAP_MKNOD' : 'only root can'} (EPERM)`,
    ]);
  });
});

it('as an ordinary user tells what it does not restore, and drops set-id bits', () => {
  fs.chmodSync(dir, 0o777);
  const notes = asNobody(() => {
    const writer = new HostWriter(`${dir}/out`);
    const xattrs = [{ name: bytes('trusted.x'), value: bytes('1') }];
    for (const name of ['a', 'b']) {
      writer.closeFile(writer.openFile(writer.root, bytes(name))!, { ...plain, mode: 0o4755, uid: 12345, xattrs });
    }
    // A shell takes its real user id for the effective one: mknod would run as root.
    if (hostLibc()) writer.makeNode(writer.root, bytes('dev'), 'char', plain, 1, 3);
    writer.finish();
    expect(writer.problems.list.map(({ path, code }) => [path, code])).toEqual(hostLibc() ? [['dev', 'EPERM']] : []);
    return writer.notes;
  });
  expect(fs.statSync(`${dir}/out/a`).mode & 0o7777).toBe(0o755);
  // Without the C library times are rounded, too.
  const lost = notes.filter(({ message }) => !message.startsWith('times'));
  expect(lost.map(({ count, path }) => [count, path])).toEqual([
    [2, 'a'],
    [2, 'a'],
    [2, 'a'],
  ]);
});

it.runIf(isRoot)('keeps set-id bits with the owner', () => {
  const writer = new HostWriter(`${dir}/out`);
  writer.closeFile(writer.openFile(writer.root, bytes('a'))!, { ...plain, mode: 0o6755, uid: 12345, gid: 54321 });
  const { mode, uid, gid } = fs.statSync(`${dir}/out/a`);
  expect([mode & 0o7777, uid, gid]).toEqual([0o6755, 12345, 54321]);
});

it('refuses a target that is no directory', () => {
  fs.writeFileSync(`${dir}/file`, '');
  expect(() => new HostWriter(`${dir}/file`)).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  expect(() => new HostWriter(`${dir}/a/b`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
