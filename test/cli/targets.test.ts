// Where an image goes: what is in use or is no place for one is refused, what is replaced is named, and what ends the command leaves
// nothing that could be taken for an image.
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/index.ts';
import { build } from '../../src/populate/build.ts';
import { attachLoop, imageDirectory, run } from '../device/temporary.ts';
import { asNobody, isRoot } from '../host-fixture.ts';
import { makeImage } from './command.ts';
import { f2fsHere } from './in-process.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const MIB = 2 ** 20;
const temporary = imageDirectory();
afterAll(temporary.remove);
const tree = temporary.file('tree');
const places = temporary.file('places');
const image = `${places}/disk.img`;

beforeAll(() => {
  fs.mkdirSync(`${tree}/dir`, { recursive: true });
  fs.writeFileSync(`${tree}/dir/file`, 'contents');
});
beforeEach(() => {
  fs.rmSync(places, { recursive: true, force: true });
  fs.mkdirSync(places);
});

async function refused(pattern: RegExp, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await f2fsHere(...args);
  expect(stderr).toMatch(pattern);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect([code, stdout]).toEqual([1, '']);
}

const parts = () => fs.readdirSync(places).filter((name) => name.endsWith('.part'));

describe('an image that is attached to a loop device', () => {
  it.for([
    ['build', '--force', tree, image],
    ['mkfs', '--force', image],
    ['put', image, `${tree}/dir`, '/'],
    ['rm', image, '-r', '/dir'],
  ])('is not written by %s', async (args, { skip }) => {
    expect((await f2fsHere('build', '--quiet', tree, image)).code).toBe(0);
    const before = fs.readFileSync(image);
    const loop = attachLoop(image);
    if (typeof loop === 'string') return skip(loop);
    try {
      await refused(/in use: \/dev\/loop\d+ is attached to it; detach that first/, ...args);
    } finally {
      loop.detach();
    }
    expect(fs.readFileSync(image).equals(before)).toBe(true);
  });

  it('is not replaced, though it was attached under another name', async ({ skip }) => {
    expect((await f2fsHere('build', '--quiet', tree, image)).code).toBe(0);
    const alias = `${places}/alias.img`;
    fs.linkSync(image, alias);
    const loop = attachLoop(alias);
    if (typeof loop === 'string') return skip(loop);
    try {
      await refused(/EBUSY/, 'build', '--force', tree, image);
    } finally {
      loop.detach();
    }
  });
});

describe('an image beside a loop device of somebody else', () => {
  it.runIf(isRoot)('is opened for a change, whatever that one is attached to', ({ skip }) => {
    fs.chmodSync(`${places}/..`, 0o755);
    fs.chmodSync(places, 0o777);
    const hidden = `${places}/hidden`;
    fs.mkdirSync(hidden, { mode: 0o700 });
    fs.writeFileSync(`${hidden}/x`, Buffer.alloc(MIB));
    const loop = attachLoop(`${hidden}/x`);
    if (typeof loop === 'string') return skip(loop);
    try {
      makeImage(image, () => {});
      fs.chmodSync(image, 0o666);
      expect(asNobody(() => openFileDevice(image, { writable: true }).close())).toBeUndefined();
    } finally {
      loop.detach();
    }
  });
});

describe('what is replaced', () => {
  it('is named on a block device: a partition table, another file system, a volume', async ({ skip }) => {
    const disk = `${places}/disk`;
    fs.writeFileSync(disk, '');
    fs.truncateSync(disk, 80 * MIB);
    const table = run('sh', ['-c', `echo 'label: gpt\n,' | sfdisk --quiet ${disk}`]);
    if (!table.ok) return skip(table.out);
    const loop = attachLoop(disk);
    if (typeof loop === 'string') return skip(loop);
    try {
      await refused(/--force/, 'build', tree, loop.device);
      for (const flag of ['--size=80M', '--tight']) {
        const sized = await f2fsHere('build', '--force', flag, tree, loop.device);
        expect(sized).toMatchObject({ code: 2, stderr: expect.stringMatching(/has its own size; leave --\w+ out/) });
      }
      const first = await f2fsHere('build', '--force', tree, loop.device);
      expect([first.code, first.stderr]).toEqual([
        0,
        expect.stringMatching(/ was a disk with GPT partitions, which is replaced\n/),
      ]);
      const second = await f2fsHere('build', '--force', tree, loop.device);
      expect(second.stderr).toMatch(/held an F2FS volume, which is replaced\n/);
    } finally {
      loop.detach();
    }
  });

  it('is a disk with partitions where a volume was before: nothing but a new volume is written to it', async ({
    skip,
  }) => {
    const disk = `${places}/partitioned`;
    expect((await f2fsHere('mkfs', '--size', '64M', disk)).code).toBe(0);
    const script = `wipefs -a ${disk} && printf 'label: dos\\n65536,,L\\n' | sfdisk --quiet ${disk}`;
    const table = run('sh', ['-c', script]);
    if (!table.ok) return skip(table.out);
    const loop = attachLoop(disk);
    if (typeof loop === 'string') return skip(loop);
    try {
      const before = fs.readFileSync(disk);
      await refused(
        /seems to be a disk with MBR partitions now, so nothing is written to it: name the device of its partition/,
        'mkdir',
        loop.device,
        '/q',
      );
      await refused(/seems to be a disk with MBR partitions now/, 'put', loop.device, tree, '/');
      await refused(/is a disk with MBR partitions; --force replaces that/, 'build', tree, loop.device);
      await refused(/is a disk with MBR partitions; formatting it destroys that/, 'mkfs', loop.device);
      expect(fs.readFileSync(disk).equals(before)).toBe(true);
      const forced = await f2fsHere('build', '--force', tree, loop.device);
      expect([forced.code, forced.stderr]).toEqual([
        0,
        expect.stringMatching(/ was a disk with MBR partitions, which/),
      ]);
    } finally {
      loop.detach();
    }
  });

  it('leaves its mode, owner, ACL and attributes to the new image', async () => {
    expect((await f2fsHere('build', '--quiet', tree, image)).code).toBe(0);
    fs.chmodSync(image, 0o640);
    if (process.geteuid?.() === 0) fs.chownSync(image, 12, 34);
    const given = run('setfattr', ['-n', 'user.note', '-v', 'kept', image]).ok;
    const { mode, uid, gid } = fs.statSync(image);
    expect((await f2fsHere('build', '--quiet', '--force', tree, image)).code).toBe(0);
    expect(fs.statSync(image)).toMatchObject({ mode, uid, gid });
    if (given)
      expect(run('getfattr', ['--absolute-names', '--only-values', '-n', 'user.note', image]).out).toBe('kept');
  });

  it('is not changed while the new one is made, nor replaced when another took its place', async () => {
    expect((await f2fsHere('build', '--quiet', tree, image)).code).toBe(0);
    let put: { code: number; stderr: string } | null = null;
    const onProgress = () => {
      const { status, stderr } = spawnSync(process.execPath, [MAIN, 'put', image, `${tree}/dir`, '/put'], {
        encoding: 'utf8',
      });
      put ??= { code: status ?? -1, stderr };
    };
    await build(tree, image, { force: true, onProgress });
    expect(put).toMatchObject({ code: 1, stderr: expect.stringMatching(/\(EBUSY\)\n$/) });

    const other = () => {
      fs.writeFileSync(`${places}/other`, 'of somebody else');
      fs.renameSync(`${places}/other`, image);
    };
    await expect(build(tree, image, { force: true, onProgress: other })).rejects.toMatchObject({ code: 'EBUSY' });
    expect(fs.readFileSync(image, 'utf8')).toBe('of somebody else');
    expect(fs.readdirSync(places)).toEqual(['disk.img']);
  });

  it('is worth no word when it is an image of ours', async () => {
    expect((await f2fsHere('build', '--quiet', tree, image)).code).toBe(0);
    const again = await f2fsHere('build', '--force', tree, image);
    expect([again.code, again.stderr]).toEqual([0, '']);
  });
});

describe('no place for an image', () => {
  it('is /dev, but for devices that are there', async () => {
    for (const command of [
      ['build', tree, '/dev/f2fs-nonexist'],
      ['build', '--force', tree, '/dev/f2fs-nonexist'],
      ['mkfs', '--size', '64M', '/dev/f2fs-nonexist'],
    ]) {
      await refused(/no device \/dev\/f2fs-nonexist.*\(ENODEV\)/, ...command);
    }
    expect(fs.existsSync('/dev/f2fs-nonexist')).toBe(false);
  });

  it('is -, which elsewhere means a stream', async () => {
    for (const command of [
      ['build', tree, '-'],
      ['mkfs', '--size', '64M', '-'],
    ]) {
      const { code, stderr } = await f2fsHere(...command);
      expect([code, stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
      expect(stderr).toMatch(/standard output/);
    }
    expect(fs.existsSync('-')).toBe(false);
  });
});

describe('an image in the making', () => {
  /** Starts a build that takes a while, and resolves when it has opened its image. */
  const startBuild = async (env: NodeJS.ProcessEnv) => {
    const large = `${tree}/large`;
    if (!fs.existsSync(large)) fs.writeFileSync(large, Buffer.alloc(64 * MIB, 'random '));
    const child = spawn(process.execPath, [MAIN, 'build', '--compress', 'zstd:22', '--workers', '1', tree, image], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<{ how: number | string | null; stderr: string }>((resolve) => {
      child.on('close', (code, signal) => resolve({ how: signal ?? code, stderr }));
    });
    while (!writes(child.pid!)) await new Promise((resolve) => setTimeout(resolve, 20));
    return { child, ended };
  };
  const writes = (pid: number): boolean => {
    try {
      return fs
        .readdirSync(`/proc/${pid}/fd`)
        .some((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(places));
    } catch {
      return false;
    }
  };

  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('is gone after %s', async (signal, code) => {
    for (const env of [{}, { F2FS_NO_KOFFI: '1' }]) {
      const { child, ended } = await startBuild(env);
      child.kill(signal);
      expect((await ended).how).toBe(code);
      expect(fs.readdirSync(places)).toEqual([]);
    }
  });

  it('leaves nothing after SIGKILL, or what the next command removes and names', async () => {
    const { child, ended } = await startBuild({ F2FS_NO_KOFFI: '1' });
    expect(parts()).toHaveLength(1);
    child.kill('SIGKILL');
    await ended;
    const [part] = parts();
    // It counts as left behind when nobody has written to it for a while.
    const old = new Date(Date.now() - 3_600_000);
    fs.utimesSync(`${places}/${part}`, old, old);
    fs.rmSync(`${tree}/large`);
    // A command that changes an image does as one that makes it.
    makeImage(`${places}/other.img`, () => {});
    fs.copyFileSync(`${places}/${part}`, `${places}/other.img.f2fs-1.part`);
    fs.utimesSync(`${places}/other.img.f2fs-1.part`, old, old);
    fs.renameSync(`${places}/${part}`, `${tree}/../kept`);
    const changed = await f2fsHere('mkdir', `${places}/other.img`, '/new');
    expect(changed).toMatchObject({ code: 0 });
    expect(changed.stderr).toContain('removed');
    fs.rmSync(`${places}/other.img`);
    fs.renameSync(`${tree}/../kept`, `${places}/${part}`);
    fs.utimesSync(`${places}/${part}`, old, old);
    const next = await f2fsHere('build', tree, image);
    expect(next.code).toBe(0);
    expect(next.stderr).toContain(`removed ${places}/${part} (`);
    expect(fs.readdirSync(places)).toEqual(['disk.img']);
  });
});

describe('an image that can not be reached', () => {
  const READERS = [['ls'], ['info'], ['stat', '/'], ['cat', '/x'], ['getfattr', '/'], ['extract', `${places}/out`]];
  const WRITERS = [['clean'], ['rm', '/x'], ['put', `${tree}/dir`, '/']];
  it.each<[code: string, what: string, make: () => string]>([
    ['ELOOP', 'too many symbolic links', () => linkTo('loop.img', 'loop.img')],
    ['ENOTDIR', 'not a directory', () => `${tree}/dir/file/disk.img`],
    ['ENAMETOOLONG', 'name too long', () => `${places}/${'n'.repeat(256)}`],
    ['ENOENT', 'no such file', () => linkTo('nowhere', 'dangling.img')],
  ])('is told with why: %s', async (code, what, make) => {
    const name = make();
    for (const [command, ...args] of [...READERS, ...WRITERS])
      await refused(
        new RegExp(`^f2fs: ${command}: [^\n]*${name}: ${what}[^\n]* \\(${code}\\)\n$`),
        command,
        name,
        ...args,
      );
  });

  it.runIf(isRoot)('is told with why: a directory that is closed to the caller', async () => {
    const closed = `${places}/closed`;
    fs.mkdirSync(closed, { mode: 0o700 });
    makeImage(`${closed}/disk.img`, () => {});
    for (const [command, ...args] of [...READERS, ...WRITERS]) {
      const said = await asNobody(() => f2fsHere(command, `${closed}/disk.img`, ...args));
      expect(said.stderr).toBe(`f2fs: ${command}: cannot open ${closed}/disk.img: permission denied (EACCES)\n`);
    }
  });

  function linkTo(target: string, name: string): string {
    fs.symlinkSync(target, `${places}/${name}`);
    return `${places}/${name}`;
  }
});
