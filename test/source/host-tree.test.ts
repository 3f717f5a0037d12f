import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { F2fsError } from '../../src/errors.ts';
import { makeDev } from '../../src/host/device-numbers.ts';
import { type Host, thisHost } from '../../src/host/host.ts';
import { hostLibc } from '../../src/host/libc.ts';
import { HostXattrs, isStorableXattr } from '../../src/host/xattrs.ts';
import { EntryStat, EntryTable } from '../../src/source/entry-table.ts';
import { openHostFile, verifyUnchanged } from '../../src/source/host/file.ts';
import { scanHostTree } from '../../src/source/host/scan.ts';
import type { HostTree } from '../../src/source/host/tree.ts';
import {
  asNobody,
  canSetXattrs,
  isRoot,
  LATIN1_NAME,
  LONG_NAME,
  makeTempDir,
  makeVariedTree,
  setXattr,
} from '../host-fixture.ts';
import { treeEntry } from './tree-entry.ts';

let root: string;
beforeAll(() => {
  root = makeTempDir();
  makeVariedTree(root);
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

function find(tree: HostTree, path: string): number {
  for (let i = 0; i < tree.count; i++) if (tree.path(i) === path) return i;
  throw new Error(`${path} was not scanned`);
}

function everything(tree: HostTree): unknown[] {
  return Array.from({ length: tree.count }, (_, i) => ({
    ...treeEntry(tree, i),
    name: Buffer.from(tree.name(i)).toString('hex'),
    parent: tree.parent(i),
    children: tree.nrChildren(i),
    first: tree.nrChildren(i) > 0 ? tree.firstChild(i) : -1,
    group: tree.linkGroup(i),
    hasXattrs: tree.hasXattrs(i),
    xattrs: tree.xattrs(i),
    flags: tree.table.flags(i),
    target: tree.type(i) === 'symlink' ? Buffer.from(tree.readlink(i)).toString('hex') : null,
  }));
}

/** Something happens each time that a directory was listed. */
function meanwhile(host: Host, happens: (nrLists: number) => void): Host {
  let nrLists = 0;
  const { libc } = host;
  const linux = libc?.linux && {
    ...libc.linux,
    getdents64: (fd: number, into: number, size: number) => {
      const got = libc.linux!.getdents64(fd, into, size);
      if (got === 0) happens(++nrLists);
      return got;
    },
  };
  const readdirSync = ((...args: Parameters<typeof fs.readdirSync>) => {
    const names = fs.readdirSync(...args);
    happens(++nrLists);
    return names;
  }) as typeof fs.readdirSync;
  return { ...host, libc: libc && { ...libc, linux: linux ?? null }, fs: { ...fs, readdirSync } };
}

function inTemp<T>(run: (dir: string) => T): T {
  const dir = makeTempDir();
  try {
    return run(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const methods = hostLibc()?.linux ? (['libc', 'node'] as const) : (['node'] as const);
const hosts = { libc: thisHost(), node: thisHost(null) };

describe.each(methods)('a scan through %s', (method) => {
  const host = hosts[method];
  it('tells what lstat tells of every entry', () => {
    const tree = scanHostTree(root, { host });
    expect(tree.source.method).toBe(method);
    expect(tree.problems).toEqual([]);
    for (let i = 0; i < tree.count; i++) {
      const entry = treeEntry(tree, i);
      const stat = fs.lstatSync(tree.hostPath(i), { bigint: true });
      expect([entry.mode, entry.uid, entry.gid, entry.size, entry.nlink, entry.dev, entry.blocks].map(BigInt)).toEqual([
        stat.mode,
        stat.uid,
        stat.gid,
        stat.size,
        stat.nlink,
        stat.dev,
        stat.blocks * 512n,
      ]);
      expect(entry.ino).toBe(stat.ino);
      expect(BigInt(entry.mtimeSec) * 1_000_000_000n + BigInt(entry.mtimeNsec)).toBe(stat.mtimeNs);
      expect(BigInt(entry.ctimeSec) * 1_000_000_000n + BigInt(entry.ctimeNsec)).toBe(stat.ctimeNs);
      expect(entry.mtimeNsec).toBeGreaterThanOrEqual(0);
      if (entry.type === 'char' || entry.type === 'block') {
        expect(BigInt(makeDev(entry.rdevMajor, entry.rdevMinor))).toBe(stat.rdev);
      }
    }
  });

  it('keeps the children of a directory together, in byte order', () => {
    const tree = scanHostTree(root, { host });
    let children = 1;
    for (let dir = 0; dir < tree.count; dir++) {
      const first = tree.firstChild(dir);
      for (let i = 0; i < tree.nrChildren(dir); i++, children++) {
        expect(tree.parent(first + i)).toBe(dir);
        if (i > 0) expect(Buffer.compare(tree.name(first + i - 1), tree.name(first + i))).toBe(-1);
      }
    }
    expect(children).toBe(tree.count);
    expect(Buffer.from(tree.name(find(tree, `dir/${LONG_NAME}`))).length).toBe(255);
  });

  it.runIf(process.platform === 'linux')('keeps names and targets that are not UTF-8 as bytes', () => {
    const tree = scanHostTree(root, { host });
    const names = Array.from({ length: tree.count }, (_, i) => Buffer.from(tree.name(i)).toString('hex'));
    expect(names).toContain(LATIN1_NAME.toString('hex'));
    expect(names).toContain('fffe');
    expect(Buffer.from(tree.readlink(find(tree, 'latin1-target'))).toString('hex')).toBe('e92fff');
    const fd = openHostFile(tree, names.indexOf(Buffer.from('inside').toString('hex')));
    expect(fs.readFileSync(fd, 'utf8')).toBe('below a name that is not UTF-8');
    fs.closeSync(fd);
  });

  it('groups hard links under the first of them and counts their bytes once', () => {
    const tree = scanHostTree(root, { host });
    const group = tree.linkGroup(find(tree, 'plain'));
    expect(group).toBe(find(tree, 'plain'));
    expect(tree.linkGroup(find(tree, 'dir/link-2'))).toBe(group);
    expect(tree.linkGroup(find(tree, 'zz-link-3'))).toBe(group);
    expect(tree.linkGroup(find(tree, 'empty'))).toBe(-1);
    expect(tree.linkGroup(find(tree, 'dir'))).toBe(-1);
    if (isRoot) expect(tree.linkGroup(find(tree, 'char-link'))).toBe(find(tree, 'char'));
    const inside = process.platform === 'linux' ? 30 : 0;
    expect(tree.totals.bytes).toBe(6 + 4 + inside + 2 ** 32 + 5);
  });

  it('leaves the image itself out, and says so', () => {
    const { dev, ino } = fs.statSync(`${root}/dir/${LONG_NAME}`, { bigint: true });
    const tree = scanHostTree(root, { host, exclude: [{ dev, ino }] });
    expect(tree.skipped.map(({ path }) => path)).toEqual([`dir/${LONG_NAME}`]);
    expect(tree.count).toBe(scanHostTree(root, { host }).count - 1);
  });

  it('reports a directory that it may not list, and goes on', () => {
    inTemp((dir) => {
      fs.chmodSync(dir, 0o755);
      fs.mkdirSync(`${dir}/closed`);
      fs.writeFileSync(`${dir}/closed/hidden`, '');
      fs.writeFileSync(`${dir}/open`, '');
      fs.chmodSync(`${dir}/closed`, 0o000);
      const tree = asNobody(() => scanHostTree(dir, { host }));
      expect(tree.problems.map(({ path, code }) => [path, code])).toEqual([['closed', 'EACCES']]);
      expect(tree.nrChildren(find(tree, 'closed'))).toBe(0);
      find(tree, 'open');
      fs.chmodSync(`${dir}/closed`, 0o700);
    });
  });

  it('reports an entry that vanishes between readdir and stat, and a directory that is replaced', () => {
    inTemp((dir) => {
      fs.mkdirSync(`${dir}/a`);
      fs.writeFileSync(`${dir}/b`, '');
      fs.mkdirSync(`${dir}/c`);
      const changed = meanwhile(host, (nrLists) => {
        if (nrLists === 1) fs.rmSync(`${dir}/b`);
        if (nrLists !== 2) return;
        fs.renameSync(`${dir}/c`, `${dir}/old`);
        fs.mkdirSync(`${dir}/c`);
      });
      const tree = scanHostTree(dir, { host: changed });
      expect(tree.problems.map(({ path, code }) => [path, code])).toEqual([
        ['b', 'ENOENT'],
        ['c', 'ESTALE'],
      ]);
      expect(tree.count).toBe(3);
    });
  });

  it('grows with the directory, and stays compact', () => {
    inTemp((dir) => {
      for (let i = 0; i < 5000; i++) fs.writeFileSync(`${dir}/${i}-${'n'.repeat(60)}`, '');
      const tree = scanHostTree(dir, { host });
      expect(tree.nrChildren(0)).toBe(5000);
      expect(tree.totals.files).toBe(5000);
    });
  });

  it('notices a file that changed, vanished, or became something else', () => {
    inTemp((dir) => {
      for (const name of ['grown', 'gone', 'fifo', 'link', 'same']) fs.writeFileSync(`${dir}/${name}`, 'x');
      const tree = scanHostTree(dir, { host });
      fs.appendFileSync(`${dir}/grown`, 'y');
      fs.rmSync(`${dir}/gone`);
      fs.rmSync(`${dir}/link`);
      fs.symlinkSync('same', `${dir}/link`);
      const code = (name: string) => {
        try {
          fs.closeSync(openHostFile(tree, find(tree, name)));
          return 'ok';
        } catch (error) {
          return (error as { code: string }).code;
        }
      };
      expect(['grown', 'gone', 'link', 'same'].map(code)).toEqual(['ESTALE', 'ENOENT', 'ESTALE', 'ok']);
      const same = find(tree, 'same');
      const fd = openHostFile(tree, same);
      verifyUnchanged(tree, fd, same);
      fs.appendFileSync(`${dir}/same`, 'y');
      expect(() => verifyUnchanged(tree, fd, same)).toThrow(expect.objectContaining({ code: 'ESTALE', path: 'same' }));
      fs.closeSync(fd);
    });
  });
});

/** Directories whose files tell no size, or that of a page. */
const MADE_WHEN_READ = ['/proc/sys/kernel', '/sys/kernel/mm'].filter((dir) => fs.existsSync(dir));

describe.each(methods)('what the host makes when it is read, through %s', (method) => {
  it.each(MADE_WHEN_READ)('is known from the scan on: %s', (dir) => {
    const read = (file: Buffer) => {
      try {
        return fs.readFileSync(file);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    };
    const before = new Map<string, ReturnType<typeof read>>();
    const first = scanHostTree(dir, { host: hosts[method] });
    for (let i = 0; i < first.count; i++) before.set(first.path(i), read(first.hostPath(i)));
    const tree = scanHostTree(dir, { host: hosts[method] });
    let compared = 0;
    for (let i = 0; i < tree.count; i++) {
      if (tree.type(i) !== 'file') continue;
      const known = tree.knownOrWhy(i);
      const was = before.get(tree.path(i));
      const now = read(tree.hostPath(i));
      if (known instanceof F2fsError) expect([tree.path(i), known.code]).toEqual([tree.path(i), now]);
      // Some are others each time.
      else if (known !== null && Buffer.isBuffer(was) && Buffer.isBuffer(now) && was.equals(now)) {
        expect([tree.path(i), Buffer.from(known).toString()]).toEqual([tree.path(i), now.toString()]);
        expect(tree.size(i)).toBe(now.length);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(5);
    tree.close();
  });
});

describe('a host whose files tell no size', () => {
  /** The files of `dir` state `size` and no blocks. `happens` is called when one was read to its end. */
  function stating(dir: string, size: bigint, happens: () => void = () => {}): Host {
    const told = (stat: fs.BigIntStats) => {
      const isFile =
        stat.isFile() && fs.readdirSync(dir).some((name) => fs.statSync(`${dir}/${name}`).ino === Number(stat.ino));
      return isFile ? Object.assign(stat, { size, blocks: 0n, dev: 5n }) : stat;
    };
    const { lstatSync, fstatSync, readSync } = fs;
    const host = {
      ...fs,
      lstatSync: ((file: string) => told(lstatSync(file, { bigint: true }))) as typeof fs.lstatSync,
      fstatSync: ((fd: number) => told(fstatSync(fd, { bigint: true }))) as typeof fs.fstatSync,
      readSync: ((...args: Parameters<typeof fs.readSync>) => {
        const got = readSync(...args);
        if (got === 0) happens();
        return got;
      }) as typeof fs.readSync,
    };
    return { ...thisHost(null), fs: host };
  }

  it.each([0n, 4096n])('is read to the end: %s', (size) => {
    inTemp((dir) => {
      const contents = { empty: 0, short: 5, page: 4096, long: 300_000 };
      for (const [name, length] of Object.entries(contents))
        fs.writeFileSync(`${dir}/${name}`, Buffer.alloc(length, name));
      fs.linkSync(`${dir}/short`, `${dir}/zz-link`);
      const tree = scanHostTree(dir, { host: stating(dir, size) });
      for (const [name, length] of Object.entries(contents)) {
        const i = find(tree, name);
        expect([name, tree.size(i), [...tree.dataPages(i, 4096)]]).toEqual([
          name,
          length,
          length === 0 ? [] : [[0, Math.ceil(length / 4096)]],
        ]);
      }
      expect(tree.knownOrWhy(find(tree, 'zz-link'))).toEqual(Buffer.from('short'));
      expect(tree.totals.bytes).toBe(5 + 4096 + 300_000);
    });
  });

  it('a file that changes meanwhile is left out and named', () => {
    inTemp((dir) => {
      fs.writeFileSync(`${dir}/file`, 'x');
      const host = stating(dir, 0n, () => fs.utimesSync(`${dir}/file`, 1, 1));
      const tree = scanHostTree(dir, { host });
      expect(tree.knownOrWhy(find(tree, 'file'))).toMatchObject({ code: 'ESTALE' });
    });
  });

  it('what is too much for memory is named, unless a size is told: it may be true', () => {
    inTemp((dir) => {
      fs.writeFileSync(`${dir}/large`, '');
      fs.truncateSync(`${dir}/large`, 65 * 2 ** 20);
      const known = (size: bigint) => {
        const tree = scanHostTree(dir, { host: stating(dir, size) });
        return tree.knownOrWhy(find(tree, 'large'));
      };
      expect(known(0n)).toMatchObject({ code: 'EFBIG', message: expect.stringContaining('64 MiB') });
      expect(known(4096n)).toBeNull();
    });
  });

  it('a file of holes stays one', () => {
    inTemp((dir) => {
      fs.writeFileSync(`${dir}/holes`, '');
      fs.truncateSync(`${dir}/holes`, 100_000);
      const tree = scanHostTree(dir, { host: stating(dir, 100_000n) });
      expect(tree.knownOrWhy(find(tree, 'holes'))).toBeNull();
    });
  });
});

it.runIf(methods.length === 2)('both ways tell the same', () => {
  const warm = scanHostTree(root); // reading directories and symlinks sets their access times, once
  for (let i = 0; i < warm.count; i++) if (warm.type(i) === 'symlink') warm.readlink(i);
  const fast = scanHostTree(root, { host: hosts.libc });
  const plain = scanHostTree(root, { host: hosts.node });
  expect(everything(fast)).toEqual(everything(plain));
  expect(fast.totals).toEqual(plain.totals);
});

it('refuses a root that is missing, empty or no directory', () => {
  expect(() => scanHostTree(`${root}/missing`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(() => scanHostTree(`${root}/plain`)).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  for (const empty of ['', Buffer.of()])
    expect(() => scanHostTree(empty)).toThrow(
      expect.objectContaining({ code: 'ENOENT', message: expect.stringContaining('is empty') }),
    );
});

describe.each(methods)('extended attributes through %s', (method) => {
  it('are those of the entry, of symlinks not their targets, in byte order', () => {
    inTemp((dir) => {
      if (!canSetXattrs(dir)) return;
      fs.mkdirSync(`${dir}/in`);
      const file = `${dir}/in/file`;
      fs.writeFileSync(file, '');
      fs.symlinkSync('file', `${dir}/in/link`);
      setXattr(file, 'user.b', `0x${'07'.repeat(2000)}`);
      setXattr(file, 'user.a');
      setXattr(file, 'user.é= # file: x', '0x00ff0a');
      const tree = scanHostTree(`${dir}/in`, { host: hosts[method] });
      expect(tree.problems).toEqual([]);
      expect(tree.hasXattrs(0)).toBe(false);
      expect(tree.xattrs(find(tree, 'link'))).toEqual({ found: [], failed: [] });
      expect(tree.xattrs(find(tree, 'file'))).toEqual({
        found: [
          { name: Buffer.from('user.a'), value: new Uint8Array(0) },
          { name: Buffer.from('user.b'), value: new Uint8Array(2000).fill(7) },
          { name: Buffer.from('user.é= # file: x'), value: Uint8Array.of(0, 255, 10) },
        ],
        failed: [],
      });
      const without = scanHostTree(`${dir}/in`, { host: hosts[method], xattrs: false });
      expect(without.xattrs(find(without, 'file')).found).toEqual([]);
    });
  });

  it.runIf(isRoot)('of files that can not be opened are named, and cost no other', () => {
    inTemp((dir) => {
      if (!canSetXattrs(dir)) return;
      fs.chmodSync(dir, 0o755);
      for (const name of ['a: b', 'x\ny']) {
        fs.writeFileSync(`${dir}/${name}`, 'x');
        setXattr(`${dir}/${name}`, 'user.c: d', '0x31');
        setXattr(`${dir}/${name}`, 'security.open', '0x32');
        fs.chownSync(`${dir}/${name}`, 65534, 65534);
        fs.chmodSync(`${dir}/${name}`, 0);
      }
      const tree = asNobody(() => scanHostTree(dir, { host: hosts[method] }));
      const failed = tree.problems.map(({ path, code }) => ({ path, code }));
      for (const name of ['a: b', 'x\ny']) {
        const read = asNobody(() => tree.xattrs(find(tree, name)));
        expect(read.found).toEqual([{ name: Buffer.from('security.open'), value: Uint8Array.of(0x32) }]);
        failed.push(...read.failed.map(({ code }) => ({ path: name, code })));
      }
      expect(failed.filter(({ path }) => path !== '.').sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
        { path: 'a: b', code: 'EACCES' },
        { path: 'x\ny', code: 'EACCES' },
      ]);
    });
  });
});

it.runIf(hostLibc())('attributes are set, and asked for one by one', () => {
  inTemp((dir) => {
    if (!canSetXattrs(dir)) return;
    const file = Buffer.from(`${dir}/file\0`);
    fs.writeFileSync(`${dir}/file`, '');
    const xattrs = new HostXattrs(hostLibc()!);
    expect(xattrs.read(file)).toEqual({ found: [], failed: [] });
    expect(xattrs.set(file, [{ name: Buffer.from('user.a'), value: new Uint8Array(0) }])).toEqual([]);
    expect(xattrs.read(file).found).toEqual([{ name: Buffer.from('user.a'), value: new Uint8Array(0) }]);
    const code = (work: () => unknown) => expect(work).toThrow(expect.objectContaining({ code: expect.anything() }));
    code(() => xattrs.get(file, Buffer.from('user.missing')));
    expect(xattrs.read(Buffer.from(`${dir}/none\0`)).failed.map(({ code }) => code)).toEqual(['ENOENT']);
    expect(xattrs.read(Buffer.from(`${dir}/file`)).failed.map(({ code }) => code)).toEqual(['EINVAL']);
  });
  expect(
    ['user.x', 'security.selinux', 'system.posix_acl_access', 'com.apple.quarantine', 'user.'].map((name) =>
      isStorableXattr(Buffer.from(name)),
    ),
  ).toEqual([true, true, true, false, false]);
});

describe('the table of a scan', () => {
  it('holds a million entries in less than 120 MiB', () => {
    const table = new EntryTable();
    const stat = new EntryStat();
    stat.mode = 0o100644;
    const name = Buffer.from('a-name-of-20-bytes-x');
    for (let i = 0; i < 1_000_000; i++) table.append(0, name, 0, name.length, stat);
    expect(table.memoryBytes).toBeLessThan(120 * 2 ** 20);
  });

  it('keeps times exactly, the far ones too', () => {
    const table = new EntryTable();
    const stat = new EntryStat();
    const seconds = [0, -1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 31, 2 ** 34 - 2 ** 31 - 1, 2 ** 34 - 2 ** 31, 2 ** 40];
    for (const sec of seconds) {
      stat.mtimeSec = sec;
      stat.mtimeNsec = 999_999_999;
      table.append(0, new Uint8Array(1), 0, 1, stat);
    }
    seconds.forEach((sec, i) => {
      table.read(i, stat);
      expect([stat.mtimeSec, stat.mtimeNsec]).toEqual([sec, 999_999_999]);
    });
  });

  it('finds the first of each group among many hard links', () => {
    const table = new EntryTable();
    const stat = new EntryStat();
    stat.mode = 0o100644;
    stat.nlink = 2;
    for (let i = 0; i < 20_000; i++) {
      stat.inoLow = (i % 10_000) + 2 ** 31;
      stat.inoHigh = (i % 10_000) % 3;
      stat.dev = (i % 10_000) % 2;
      table.append(0, new Uint8Array(1), 0, 1, stat);
    }
    for (let i = 0; i < 20_000; i++) if (table.linkGroup(i) !== i % 10_000) expect(table.linkGroup(i)).toBe(i % 10_000);
  });
});
