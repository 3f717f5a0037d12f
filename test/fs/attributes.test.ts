// Owners, modes, times, extended attributes and ACLs: the host's kernel does the same to a file of its own, and both must agree.
import { execFileSync, spawnSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/fs/file-system.ts';
import { codeOf, during, errorOf, expectSound, freshDevice, mountOf } from './compressed-volume.ts';

const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'lost_found'];
const device64 = () => freshDevice(64, FEATURES);
const CAPABILITY = 'security.capability';
const SOME_CAPABILITY = Buffer.from('0100000200040000000000000000000000000000', 'hex');
const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';

/** An ACL in the form of the system calls, of tags and permissions like `u::rw u:1000:r g::r m::rw o::-`. */
function acl(text: string): Buffer {
  const tags: Record<string, [plain: number, named: number]> = {
    u: [1, 2],
    g: [4, 8],
    m: [0x10, 0x10],
    o: [0x20, 0x20],
  };
  const entries = text.split(' ').map((entry) => {
    const [who, id, rwx] = entry.split(':');
    const perm = [...rwx].reduce((sum, letter) => sum | ({ r: 4, w: 2, x: 1 }[letter] ?? 0), 0);
    return { tag: tags[who][id === '' ? 0 : 1], perm, id: id === '' ? 0xffffffff : Number(id) };
  });
  const value = Buffer.alloc(4 + 8 * entries.length);
  value.writeUInt32LE(2, 0);
  entries.forEach(({ tag, perm, id }, i) => {
    value.writeUInt16LE(tag, 4 + 8 * i);
    value.writeUInt16LE(perm, 6 + 8 * i);
    value.writeUInt32LE(id, 8 + 8 * i);
  });
  return value;
}

let root: string;
let hostHasAcls = false;
beforeAll(() => {
  root = nodeFs.mkdtempSync(join(tmpdir(), 'f2fs-attributes-'));
  nodeFs.writeFileSync(join(root, 'probe'), '');
  const probe = spawnSync('setfattr', [
    '-n',
    ACCESS,
    '-v',
    `0x${acl('u::rw u:1:r g::r m::r o::r').toString('hex')}`,
    join(root, 'probe'),
  ]);
  hostHasAcls = probe.status === 0 && process.getuid?.() === 0;
});
afterAll(() => nodeFs.rmSync(root, { recursive: true }));

/** One change of an entry, on both sides. */
type Step =
  | ['file' | 'mkdir', path: string, mode: number]
  | ['chmod', path: string, mode: number]
  | ['chown', path: string, uid: number, gid: number]
  | ['write' | 'truncate' | 'allocate', path: string, length: number]
  | ['set', path: string, name: string, value: Buffer]
  | ['remove', path: string, name: string];

const ERRNO: Record<string, string> = {
  'Operation not permitted': 'EPERM',
  'Operation not supported': 'EOPNOTSUPP',
  'Permission denied': 'EACCES',
  'Invalid argument': 'EINVAL',
  'No such attribute': 'ENODATA',
  'Numerical result out of range': 'ERANGE',
  'Argument list too long': 'E2BIG',
};

function onHost(step: Step): string {
  const path = join(root, step[1]);
  const tool = (args: string[]) => {
    const { status, stderr } = spawnSync('setfattr', args);
    if (status === 0) return 'none';
    const message = stderr.toString().trim().split(': ').at(-1) ?? '';
    return ERRNO[message] ?? message;
  };
  const umask = process.umask(0);
  try {
    switch (step[0]) {
      case 'file':
        nodeFs.closeSync(nodeFs.openSync(path, 'wx', step[2]));
        break;
      case 'mkdir':
        nodeFs.mkdirSync(path, step[2]);
        break;
      case 'chmod':
        nodeFs.chmodSync(path, step[2]);
        break;
      case 'chown':
        nodeFs.chownSync(path, step[2], step[3]);
        break;
      case 'write':
        writeOnHost(path, Buffer.alloc(step[2], 'x'));
        break;
      case 'truncate':
        nodeFs.truncateSync(path, step[2]);
        break;
      case 'allocate':
        execFileSync('fallocate', ['-l', String(step[2]), path]);
        break;
      case 'set':
        return tool(['-n', step[2], '-v', `0x${step[3].toString('hex')}`, path]);
      case 'remove':
        return tool(['-x', step[2], path]);
    }
    return 'none';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    process.umask(umask);
  }
}

function writeOnHost(path: string, bytes: Buffer): void {
  const fd = nodeFs.openSync(path, 'r+');
  nodeFs.writeSync(fd, bytes, 0, bytes.length, 0);
  nodeFs.closeSync(fd);
}

function onVolume(fs: FileSystem, step: Step): string {
  const [, path] = step;
  return codeOf(() => {
    switch (step[0]) {
      case 'file': {
        const at = path.lastIndexOf('/');
        using parent = fs.openDirectory(path.slice(0, at) || '/');
        return parent.createFile(Buffer.from(path.slice(at + 1)), { mode: step[2] }).close();
      }
      case 'mkdir':
        return fs.mkdir(path, { mode: step[2] });
      case 'chmod':
        return fs.setAttributes(path, { mode: step[2] });
      case 'chown':
        return fs.setAttributes(path, { uid: step[2], gid: step[3] });
      case 'write': {
        using file = fs.openFile(path);
        return file.write(Buffer.alloc(step[2], 'x'), 0);
      }
      case 'truncate':
        return fs.truncate(path, step[2]);
      case 'allocate': {
        using file = fs.openFile(path);
        return file.allocate(0, step[2]);
      }
      case 'set':
        return fs.setXattr(path, step[2], step[3]);
      case 'remove':
        return fs.removeXattr(path, step[2]);
    }
  });
}

/** Mode, owner and attributes as text. */
function hostState(path: string): string {
  const { mode, uid, gid } = nodeFs.lstatSync(join(root, path));
  const dump = execFileSync('getfattr', [
    '-d',
    '-m',
    '-',
    '-e',
    'hex',
    '--absolute-names',
    join(root, path),
  ]).toString();
  const xattrs = dump.split('\n').filter((line) => line.includes('=') && !line.startsWith('security.selinux'));
  return [mode.toString(8), uid, gid, ...xattrs.sort()].join(' ');
}

function volumeState(fs: FileSystem, path: string): string {
  const { mode, uid, gid } = fs.lstat(path);
  const xattrs = fs.xattrs(path).map(({ name, value }) => `${name}=0x${Buffer.from(value).toString('hex')}`);
  return [mode.toString(8), uid, gid, ...xattrs.sort()].join(' ');
}

/** Does the steps on both sides, and compares what each leaves and with which error it ended. */
async function compare(steps: Step[]): Promise<void> {
  const device = device64();
  during(device, {}, (fs) => {
    for (const step of steps) {
      const where = step.map((part) => (Buffer.isBuffer(part) ? part.toString('hex') : part)).join(' ');
      expect(`${where}: ${onVolume(fs, step)}`).toBe(`${where}: ${onHost(step)}`);
      for (const path of new Set(steps.map((it) => it[1]))) {
        if (!nodeFs.existsSync(join(root, path))) continue;
        expect(`${where}; ${path}: ${volumeState(fs, path)}`).toBe(`${where}; ${path}: ${hostState(path)}`);
      }
    }
  });
  await expectSound(device);
}

describe('as the host does it', () => {
  test('chmod, chown, set-id bits and directories with a group', async ({ skip }) => {
    if (!hostHasAcls) skip();
    await compare([
      ['file', '/m-file', 0o640],
      ['chmod', '/m-file', 0o7777],
      ['chown', '/m-file', 5, 6],
      ['chmod', '/m-file', 0o6644],
      ['chown', '/m-file', 7, 8],
      ['chmod', '/m-file', 0o2654],
      ['chown', '/m-file', 7, 9],
      ['set', '/m-file', CAPABILITY, SOME_CAPABILITY],
      ['chown', '/m-file', 7, 9],
      ['mkdir', '/m-dir', 0o755],
      ['chmod', '/m-dir', 0o6775],
      ['chown', '/m-dir', 3, 4],
      ['mkdir', '/m-dir/sub', 0o700],
      ['file', '/m-dir/file', 0o2755],
      ['mkdir', '/m-dir/sub/sub', 0o1777],
    ]);
  });

  test('new contents cost a file its capabilities, and nothing else', async ({ skip }) => {
    if (!hostHasAcls) skip();
    const capable: Step = ['set', '/c-file', CAPABILITY, SOME_CAPABILITY];
    await compare([
      ['file', '/c-file', 0o6755],
      ['set', '/c-file', 'user.note', Buffer.from('stays')],
      ['write', '/c-file', 100],
      capable,
      ['write', '/c-file', 0],
      ['write', '/c-file', 100],
      ['write', '/c-file', 10_000],
      capable,
      ['truncate', '/c-file', 10_000],
      capable,
      ['truncate', '/c-file', 5],
      capable,
      ['allocate', '/c-file', 20_000],
      capable,
      ['chmod', '/c-file', 0o4711],
      ['write', '/c-file', 1],
    ]);
  });

  test('access ACLs change the mode, and a mode the ACL', async ({ skip }) => {
    if (!hostHasAcls) skip();
    await compare([
      ['file', '/a-file', 0o644],
      ['set', '/a-file', ACCESS, acl('u::rwx u:1000:rw g::r g:7:- m::rw o::-')],
      ['chmod', '/a-file', 0o705],
      ['chmod', '/a-file', 0o4751],
      ['set', '/a-file', ACCESS, acl('u::rw g::r o::r')],
      ['set', '/a-file', ACCESS, acl('u::rw g::r m::x o::r')],
      ['remove', '/a-file', ACCESS],
      ['remove', '/a-file', ACCESS],
      ['set', '/a-file', ACCESS, acl('u::rw u:5:r g::r m::r o::r')],
      ['chown', '/a-file', 10, 11],
      ['set', '/a-file', ACCESS, Buffer.from('02000000', 'hex')],
      ['set', '/a-file', ACCESS, acl('u::rw u:5:r g::r m::r o::r')],
      ['set', '/a-file', ACCESS, Buffer.alloc(0)],
      ['set', '/a-file', ACCESS, Buffer.alloc(0)],
      ['set', '/a-file', DEFAULT, Buffer.alloc(0)],
      ['set', '/a-file', DEFAULT, acl('u::rw g::r o::r')],
      ['remove', '/a-file', DEFAULT],
    ]);
  });

  test('default ACLs are inherited', async ({ skip }) => {
    if (!hostHasAcls) skip();
    await compare([
      ['mkdir', '/d', 0o755],
      ['set', '/d', DEFAULT, acl('u::rwx u:1000:rwx g::rx m::rwx o::x')],
      ['file', '/d/file', 0o666],
      ['file', '/d/tight', 0o600],
      ['mkdir', '/d/sub', 0o777],
      ['mkdir', '/d/sub/sub', 0o750],
      ['file', '/d/sub/sub/file', 0o7777],
      ['set', '/d/sub', DEFAULT, acl('u::rwx g::r o::-')],
      ['file', '/d/sub/plain', 0o777],
      ['mkdir', '/d/sub/dir', 0o1777],
      ['remove', '/d/sub', DEFAULT],
      ['file', '/d/sub/free', 0o777],
    ]);
  });

  test('what is no ACL is refused', async ({ skip }) => {
    if (!hostHasAcls) skip();
    const steps: Step[] = [['mkdir', '/bad', 0o755]];
    const texts = [
      'u::rw g::r',
      'u::rw u:1:r g::r o::r',
      'g::r u::rw o::r',
      'u::rw g::r o::r o::r',
      'u::rw u::rw g::r o::r',
      'u::rw g::r m::r m::r o::r',
      'u::rw g::r o::r m::r',
      'u::rw g:5:r g::r m::r o::r',
      'u::rw u:4294967295:r g::r m::r o::r',
      'u::rw u:9:r u:9:r g::r m::r o::r',
      'u::rw u:9:r u:3:r g::r m::r o::r',
    ];
    for (const text of texts) for (const name of [ACCESS, DEFAULT]) steps.push(['set', '/bad', name, acl(text)]);
    const odd = acl('u::rw g::r o::r');
    for (const [at, byte] of [
      [0, 3],
      [4, 3],
      [6, 15],
    ]) {
      const other = Buffer.from(odd);
      other[at] = byte;
      steps.push(['set', '/bad', ACCESS, other]);
    }
    for (const length of [1, 3, 5, 11]) steps.push(['set', '/bad', ACCESS, odd.subarray(0, length)]);
    await compare(steps);
  });

  test('names and values of attributes', async ({ skip }) => {
    if (!hostHasAcls) skip();
    await compare([
      ['file', '/x', 0o644],
      ['set', '/x', 'user.a', Buffer.from('one')],
      ['set', '/x', 'user.a', Buffer.alloc(0)],
      ['set', '/x', 'trusted.t', Buffer.from('two')],
      ['set', '/x', `user.${'n'.repeat(250)}`, Buffer.from('long')],
      ['set', '/x', `user.${'n'.repeat(251)}`, Buffer.from('long')],
      ['set', '/x', 'user.', Buffer.from('no name')],
      ['set', '/x', 'other.name', Buffer.from('none')],
      ['set', '/x', 'system.other', Buffer.from('none')],
      ['remove', '/x', 'user.none'],
      ['remove', '/x', 'user.a'],
    ]);
  });

  test('capabilities are of revision 2 or 3, each of its size', async ({ skip }) => {
    if (!hostHasAcls) skip();
    const revision = (magic: number, length: number, rootId = 0) => {
      const value = Buffer.alloc(length, 1);
      value.writeUInt32LE(magic, 0);
      if (length >= 24) value.writeUInt32LE(rootId, 20);
      return value;
    };
    const values = [
      ...[1, 3, 4, 12, 19, 21, 23, 25, 28].map((length) => Buffer.alloc(length)),
      revision(0x01000000, 12),
      ...[0, 1, 2, 3].flatMap((flags) => [
        revision(0x02000000 | flags, 20),
        revision(0x02000000 | flags, 24),
        revision(0x03000000 | flags, 20),
        revision(0x03000000 | flags, 24),
        revision(0x03000000 | flags, 24, 1000),
      ]),
      revision(0x03000000, 24, 0xfffffffe),
      revision(0x03000000, 24, 0xffffffff),
      revision(0x03000000, 28),
      revision(0x04000000, 24),
    ];
    const steps: Step[] = [
      ['file', '/capable', 0o755],
      ['mkdir', '/capable-dir', 0o755],
    ];
    for (const value of values) steps.push(['set', '/capable', CAPABILITY, value]);
    steps.push(['remove', '/capable', CAPABILITY], ['remove', '/capable', CAPABILITY]);
    // Other names of security are nobody's business here.
    steps.push(['set', '/capable', 'security.other', Buffer.from('x')]);
    steps.push(['set', '/capable-dir', CAPABILITY, SOME_CAPABILITY]);
    await compare(steps);
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', 'x');
      // Linux takes this, but gives EINVAL to who reads it.
      for (const value of [Buffer.alloc(0), '']) {
        const error = errorOf(() => fs.setXattr('/f', CAPABILITY, value));
        expect(error).toMatchObject({
          code: 'EINVAL',
          message: expect.stringMatching(/^invalid .* of 0 bytes: expected 20/),
        });
      }
      fs.setXattr('/f', CAPABILITY, SOME_CAPABILITY);
      fs.setXattr('/f', CAPABILITY, null);
      expect(fs.xattrs('/f')).toEqual([]);
    });
  });
});

describe('extended attributes', () => {
  test('are created and replaced as asked', () => {
    during(device64(), {}, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      using file = fs.openFile('/f');
      expect(codeOf(() => file.setXattr('user.a', Buffer.from('1'), { replace: true }))).toBe('ENODATA');
      file.setXattr('user.a', Buffer.from('1'), { create: true });
      expect(codeOf(() => file.setXattr('user.a', Buffer.from('2'), { create: true }))).toBe('EEXIST');
      file.setXattr('user.a', Buffer.from('2'), { replace: true });
      expect(Buffer.from(file.getXattr('user.a')).toString()).toBe('2');
      file.removeXattr('user.a');
      expect(codeOf(() => file.getXattr('user.a'))).toBe('ENODATA');
      expect(codeOf(() => file.removeXattr('user.a'))).toBe('ENODATA');
    });
  });

  test('of the user are for files and directories; ACLs not for symlinks', () => {
    during(device64(), {}, (fs) => {
      fs.symlink('f', '/s');
      fs.mknod('/fifo', 'fifo');
      for (const path of ['/s', '/fifo']) {
        expect(codeOf(() => fs.setXattr(path, 'user.a', Buffer.from('x')))).toBe('EPERM');
        fs.setXattr(path, 'trusted.a', Buffer.from('x'));
        expect(codeOf(() => fs.getXattr(path, 'user.a'))).toBe('ENODATA');
      }
      expect(codeOf(() => fs.setXattr('/s', ACCESS, acl('u::rw g::r o::r')))).toBe('EOPNOTSUPP');
      expect(codeOf(() => fs.getXattr('/s', ACCESS))).toBe('EOPNOTSUPP');
      expect(codeOf(() => fs.setAttributes('/s', { mode: 0o600 }))).toBe('EOPNOTSUPP');
      fs.setXattr('/fifo', ACCESS, acl('u::rw u:1:r g::r m::r o::r'));
    });
  });

  test('that do not fit change nothing', async () => {
    const device = freshDevice(56, FEATURES);
    during(device, {}, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      fs.setXattr('/f', 'user.a', Buffer.alloc(100, 1));
      const limit = 200 + 4072 - 24 - 4;
      expect(codeOf(() => fs.setXattr('/f', 'user.b', Buffer.alloc(limit + 1)))).toBe('E2BIG');
      expect(codeOf(() => fs.setXattr('/f', 'user.b', Buffer.alloc(limit - 1)))).toBe('E2BIG');
      expect(fs.xattrs('/f').map(({ name }) => name)).toEqual(['user.a']);
      expect(fs.stat('/f').blocks).toBe(1);
      fs.setXattr('/f', 'user.a', null);
      fs.setXattr('/f', 'user.b', Buffer.alloc(limit - 1));
      fs.setXattr('/f', 'user.b', null);
      using file = fs.openFile('/f');
      const { space } = fs.volume;
      const { freeBlocks } = space;
      space.reserveBlocks(freeBlocks);
      const before = file.stat();
      expect(
        codeOf(() =>
          file.setXattrs([
            { name: ACCESS, value: acl('u::rwx u:1:r g::r m::r o::r') },
            { name: 'user.b', value: Buffer.alloc(900) },
          ]),
        ),
      ).toBe('ENOSPC');
      expect(file.stat()).toEqual(before);
      expect(file.xattrs()).toEqual([]);
      space.releaseBlocks(freeBlocks);
    });
    await expectSound(device);
  });

  test('change ctime, and only that', () => {
    let sec = 100;
    during(device64(), { now: () => ({ sec, nsec: 1 }) }, (fs) => {
      fs.writeFile('/f', Buffer.from('x'));
      sec = 200;
      fs.setXattr('/f', 'user.a', Buffer.from('x'));
      expect(fs.stat('/f')).toMatchObject({ ctime: { sec: 200, nsec: 1 }, mtime: { sec: 100, nsec: 1 } });
    });
  });

  test('inherited past the inode take a block, or nothing is made', async () => {
    const device = device64();
    const many = acl(`u::rwx ${Array.from({ length: 60 }, (_, i) => `u:${1000 + i}:rw`).join(' ')} g::r m::rwx o::r`);
    during(device, {}, (fs) => {
      fs.mkdir('/d');
      fs.setXattr('/d', DEFAULT, many);
      fs.mkdir('/d/sub');
      fs.writeFile('/d/f', Buffer.from('x'));
      expect(fs.stat('/d/sub').blocks).toBe(2);
      expect(fs.getXattr('/d/sub', DEFAULT)).toEqual(new Uint8Array(many));
      const { space } = fs.volume;
      const left = space.freeBlocks - 1;
      space.reserveBlocks(left);
      const before = fs.statfs();
      expect(errorOf(() => fs.mkdir('/d/none'))?.code).toBe('ENOSPC');
      expect(fs.statfs()).toEqual(before);
      expect(fs.readdir('/d').length).toBe(2);
      space.releaseBlocks(left);
    });
    await expectSound(device);
  });
});

test('a build of attributes just as given inherits nothing', () => {
  const fs = mountOf(device64());
  fs.mkdir('/d', { mode: 0o2775, gid: 50 });
  fs.setXattr('/d', DEFAULT, acl('u::rwx u:1000:rwx g::rx m::rwx o::x'));
  fs.mkdir('/d/sub', { mode: 0o711, gid: 3, inherit: false });
  expect(fs.stat('/d/sub')).toMatchObject({ mode: 0o40711, gid: 3 });
  expect(fs.xattrs('/d/sub')).toEqual([]);
  fs.mkdir('/d/own', { mode: 0o777, gid: 4 });
  expect(fs.stat('/d/own').gid).toBe(4);
  fs.abandon();
});
