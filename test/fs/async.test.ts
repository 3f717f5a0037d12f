// The promise API: calls are done one after the other, in the order in which they were made, each as a whole; a failure is the matter of
// its call alone.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { extract } from '../../src/extract/extract.ts';
import { mount } from '../../src/fs/file-system.ts';
import { type AsyncFileSystem, mountAsync } from '../../src/fs/promises.ts';
import { format } from '../../src/mkfs/format.ts';
import { kindsOf } from './node-calls.ts';

const SEED = Number(process.env.F2FS_SEED ?? 4711);
const MIB = 1 << 20;

async function volume(): Promise<{ device: MemoryDevice; fs: AsyncFileSystem }> {
  const device = new MemoryDevice((100 * MIB) / 4096);
  format(device);
  return { device, fs: await mountAsync(device, { cacheBytes: 16 * MIB }) };
}

const failure = (code: string) => expect.objectContaining({ name: 'F2fsError', code });

describe('a call that waits for its turn', () => {
  it('is ended by its signal at once, is not done, and those behind it go on', async () => {
    const { fs } = await volume();
    await fs.writeFile('/file', 'before');
    let end = () => {};
    let held: Promise<void> | null = null;
    await new Promise<void>((begun) => {
      held = fs.run(() => {
        begun();
        return new Promise<void>((resolve) => {
          end = resolve;
        });
      });
    });
    const { signal } = new AbortController();
    const controller = new AbortController();
    const calls = [
      fs.readFile('/file', { signal: controller.signal }),
      fs.writeFile('/file', 'lost', { signal: controller.signal }),
      fs.appendFile('/file', 'lost', { signal: AbortSignal.abort() }),
    ];
    const behind = fs.readFile('/file', { encoding: 'utf8', signal });
    controller.abort(new Error('enough'));
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError', code: 'ECANCELED' });
    await expect(calls[0]).rejects.toMatchObject({ cause: new Error('enough') });
    end();
    await held;
    expect(await behind).toBe('before');
    await fs.close();
  });
});

describe('calls made together', () => {
  it('write whole: of two writers of one file one is first, everywhere', async () => {
    const { fs } = await volume();
    const one = await fs.open('/file', 'w');
    const two = await fs.open('/file', 'r+');
    const size = 3 * MIB;
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        one.write(Buffer.alloc(size, 'a'), 0, size, 0),
        two.write(Buffer.alloc(size, 'b'), 0, size, 0),
        fs.readFile('/file').then((bytes) => expect(bytes.equals(Buffer.alloc(size, 'b'))).toBe(true)),
        one.write(Buffer.alloc(size, 'c'), 0, size, 0),
      ]);
      expect((await fs.readFile('/file')).equals(Buffer.alloc(size, 'c'))).toBe(true);
    }
    await Promise.all([one.close(), two.close(), fs.close()]);
  });

  it('append without losing anything, by handles and by path', async () => {
    const { device, fs } = await volume();
    const handles = await Promise.all(Array.from({ length: 8 }, () => fs.open('/log', 'a')));
    const lines = Array.from({ length: 2000 }, (_, i) => `${i} ${'x'.repeat(i % 97)}\n`);
    await Promise.all(
      lines.map((line, i) => {
        if (i % 9 === 8) return fs.appendFile('/log', line);
        const bytes = Buffer.from(line);
        return i % 2 === 0 ? handles[i % 8].write(bytes) : handles[i % 8].appendFile(bytes);
      }),
    );
    await Promise.all([...handles.map((handle) => handle.close()), fs.close()]);
    const text = Buffer.from(mount(device, { readonly: true }).readFile('/log')).toString();
    // In the order in which they were made, even.
    expect(text).toBe(lines.join(''));
  });

  it(`give what the same calls give one after the other (seed ${SEED})`, async () => {
    const together = await volume();
    const inTurn = await volume();
    const random = new SeededRandom(SEED);
    const path = () => `/${'abcd'[random.below(4)]}${random.below(2) === 0 ? '' : `/${'xyz'[random.below(3)]}`}`;
    const calls = Array.from({ length: 1500 }, (): ((fs: AsyncFileSystem) => Promise<unknown>) => {
      const [at, other] = [path(), path()];
      const bytes = Buffer.alloc(random.below(20_000), String.fromCharCode(97 + random.below(26)));
      const kinds: ((fs: AsyncFileSystem) => Promise<unknown>)[] = [
        (fs) => fs.writeFile(at, bytes),
        (fs) => fs.appendFile(at, bytes),
        (fs) => fs.mkdir(at),
        (fs) => fs.rename(at, other),
        (fs) => fs.unlink(at),
        (fs) => fs.rm(at, { recursive: true, force: true }),
        (fs) => fs.readFile(at, 'latin1'),
        (fs) => fs.readdir('/').then((names) => names.sort()),
        (fs) => fs.stat(at).then(({ type, size, nlink }) => ({ type, size, nlink })),
        (fs) => fs.truncate(at, bytes.length * 2),
        (fs) => fs.link(at, other),
        (fs) => fs.sync(),
      ];
      return kinds[random.below(kinds.length)];
    });
    const outcome = (call: Promise<unknown>) => call.catch((error) => ({ code: (error as { code: string }).code }));
    const expected: unknown[] = [];
    for (const call of calls) expected.push(await outcome(call(inTurn.fs)));
    expect(await Promise.all(calls.map((call) => outcome(call(together.fs))))).toEqual(expected);
    expect(expected.filter((one) => typeof (one as { code?: string })?.code === 'string').length).toBeGreaterThan(100);
    await Promise.all([together.fs.close(), inTurn.fs.close()]);
  });

  it('let the event loop turn while many wait', async () => {
    const { fs } = await volume();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await Promise.all(Array.from({ length: 3000 }, (_, i) => fs.writeFile(`/f${i % 50}`, Buffer.alloc(60_000, i))));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
    await fs.close();
  });
});

describe('work that goes on in a promise', () => {
  const later = (ms = 5) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  it('is one call: others wait, whichever way they are made', async () => {
    const { fs } = await volume();
    const file = await fs.open('/log', 'a+');
    const text = () => fs.readFile('/log', 'utf8');
    await Promise.all([
      fs.run(async (sync) => {
        sync.openFile('/log', { flags: 'a' }).append('1');
        await later();
        sync.openFile('/log', { flags: 'a' }).append('2');
      }),
      file.write('3'),
      file.run(async (handle) => {
        handle.append('4');
        await later();
        handle.append('5');
      }),
      fs.appendFile('/log', '6'),
      fs.run((sync) => sync.openFile('/log', { flags: 'a' }).append('7')),
      text().then((it) => expect(it).toBe('1234567')),
    ]);
    expect(await fs.run(async () => 'value')).toBe('value');
    await file.close();
    await fs.close();
  });

  it('has the calls that are made within done in it, in their order', async () => {
    const { fs } = await volume();
    await fs.writeFile('/log', '');
    const work = (name: string) => async () => {
      await fs.appendFile('/log', `${name}1`);
      await later();
      const file = await fs.open('/log', 'a');
      await Promise.all([file.write(`${name}2`), fs.appendFile('/log', `${name}3`)]);
      await file.close();
      expect(await fs.run((sync) => Buffer.from(sync.readFile('/log')).toString())).toContain(
        `${name}1${name}2${name}3`,
      );
    };
    await Promise.all([
      fs.run(work('a')),
      fs.run(async () => {
        // One within the other, and two at once.
        await Promise.all([fs.run(work('b')), fs.run(work('c')), fs.appendFile('/log', '-')]);
        await fs.run(() => fs.run(work('d')));
      }),
      fs.appendFile('/log', '.'),
      fs.run(work('e')),
    ]);
    expect(await fs.readFile('/log', 'utf8')).toBe('a1a2a3b1b2b3c1c2c3-d1d2d3.e1e2e3');
    await fs.close();
  });

  it('leaves the queue to the others when it fails, and to what was called within and not waited for', async () => {
    const { fs } = await volume();
    const left: Promise<void>[] = [];
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const failing = fs.run(async () => {
      await fs.writeFile('/log', '1');
      left.push(
        fs.appendFile('/log', '2'),
        fs.run(() => later()),
      );
      left.push(woken.then(() => fs.appendFile('/log', '5')));
      throw new Error('of the caller');
    });
    const synchronous = fs.run(() => {
      left.push(fs.appendFile('/log', '3'));
      const more = async () => {
        await later();
        await fs.appendFile('/log', '+');
      };
      left.push(fs.run(() => void left.push(fs.run(more))));
      throw new Error('of the caller, at once');
    });
    const next = fs.appendFile('/log', '4');
    await expect(failing).rejects.toThrow('of the caller');
    await expect(synchronous).rejects.toThrow('at once');
    await next;
    expect(await fs.readFile('/log', 'utf8')).toBe('123+4');
    // Long after what it was made in: a call as any.
    wake();
    await Promise.all(left);
    expect(await fs.readFile('/log', 'utf8')).toBe('123+45');
    await fs.run(() => fs.close());
    await expect(fs.stat('/')).rejects.toEqual(failure('EBADF'));
  });

  it('may take long, as what the library does with the volume at hand', async () => {
    const { fs } = await volume();
    const out = mkdtempSync(join(tmpdir(), 'f2fs-async-'));
    await fs.mkdir('/d');
    for (let i = 0; i < 20; i++) await fs.writeFile(`/d/${i}`, 'before');
    const extracted = fs.run((sync) => extract(sync, '/d', join(out, 'd'), { owner: false }));
    const changed = Promise.all(Array.from({ length: 20 }, (_, i) => fs.writeFile(`/d/${i}`, 'after')));
    expect((await extracted).files).toBe(20);
    await changed;
    for (let i = 0; i < 20; i++) expect(readFileSync(join(out, `d/${i}`), 'utf8')).toBe('before');
    rmSync(out, { recursive: true });
    await fs.close();
  });
});

describe('the shape of node:fs/promises', () => {
  it('opens by flags, and keeps a position of its own', async () => {
    const { fs } = await volume();
    await expect(fs.open('/f')).rejects.toEqual(failure('ENOENT'));
    const file = await fs.open('/f', 'wx', 0o600);
    await expect(fs.open('/f', 'wx')).rejects.toEqual(failure('EEXIST'));
    expect(await file.write(Buffer.from('hello, '))).toMatchObject({ bytesWritten: 7 });
    await file.write(Buffer.from('-world-'), 1, 5);
    await file.write(Buffer.from('H'), 0, 1, 0);
    expect(await fs.readFile('/f', 'utf8')).toBe('Hello, world');
    await expect(file.readFile()).rejects.toEqual(failure('EBADF'));
    const reader = await fs.open('/f');
    const buffer = Buffer.alloc(7);
    expect(await reader.read(buffer)).toEqual({ bytesRead: 7, buffer });
    expect((await reader.read(buffer, 0, 7)).bytesRead).toBe(5);
    expect((await reader.read(buffer)).bytesRead).toBe(0);
    await expect(reader.write(buffer)).rejects.toEqual(failure('EBADF'));
    await file.truncate(5);
    await file.chmod(0o644);
    await file.chown(1, 2);
    await file.utimes(10.5, new Date(20_250));
    await file.datasync();
    await file.sync();
    expect(await file.stat()).toMatchObject({
      size: 5,
      mode: 0o100644,
      uid: 1,
      gid: 2,
      atime: { sec: 10, nsec: 500_000_000 },
      mtime: { sec: 20, nsec: 250_000_000 },
    });
    await file.close();
    await reader.close();
    await expect(reader.stat()).rejects.toEqual(failure('EBADF'));
    await fs.close();
  });

  it('takes bytes and text only, and empties nothing for anything else', async () => {
    const { fs } = await volume();
    await fs.writeFile('/f', 'text');
    const file = await fs.open('/f', 'r+');
    const detached = new Uint8Array(100);
    structuredClone(detached, { transfer: [detached.buffer] });
    const others = [
      detached,
      new ArrayBuffer(4),
      new DataView(new ArrayBuffer(4)),
      new Uint16Array(4),
      5,
      undefined,
      null,
    ];
    for (const other of others as Uint8Array[]) {
      for (const call of [
        () => fs.writeFile('/f', other),
        () => fs.writeFile('/new', other),
        () => fs.appendFile('/f', other),
        () => file.writeFile(other),
        () => file.appendFile(other),
        () => file.write(other),
        // Nothing is a buffer of its own.
        () => file.read(other ?? ([] as never)),
      ])
        await expect(call(), String(call)).rejects.toEqual(failure('EINVAL'));
    }
    const [early, late] = [new Uint8Array(9), new Uint8Array(9)];
    const calls = [file.write(early), file.read(late)];
    for (const bytes of [early, late]) structuredClone(bytes, { transfer: [bytes.buffer] });
    for (const call of calls) await expect(call).rejects.toEqual(failure('EINVAL'));
    await expect(fs.utimes('/f', '1' as never, 1)).rejects.toEqual(failure('EINVAL'));
    expect(await fs.readFile('/f', 'utf8')).toBe('text');
    expect((await fs.readdir('/')).sort()).toEqual(['f', 'lost+found']);
    await file.close();
    await fs.close();
  });

  it('says when a file is too large for a buffer, and bytes are too many for a string', async () => {
    const { fs } = await volume();
    const file = await fs.open('/f', 'w+');
    await expect(file.readFile('none' as 'utf8')).rejects.toEqual(failure('EINVAL'));
    await file.truncate(8 * 2 ** 30);
    await expect(file.readFile()).rejects.toEqual(failure('EFBIG'));
    await expect(fs.readFile('/f')).rejects.toEqual(failure('EFBIG'));
    await file.truncate(600 * MIB);
    await expect(file.readFile('latin1')).rejects.toEqual(failure('EFBIG'));
    await expect(fs.readFile('/f', 'latin1')).rejects.toEqual(failure('EFBIG'));
    await file.close();
    await fs.close();
  });

  it('makes, lists, moves and removes', async () => {
    const { device, fs } = await volume();
    await fs.mkdir('/a/./b//c/', { recursive: true, mode: 0o700 });
    await fs.mkdir('a/b', { recursive: true });
    await expect(fs.mkdir('/a')).rejects.toEqual(failure('EEXIST'));
    await fs.writeFile('/a/f', 'text', { mode: 0o640 });
    await expect(fs.mkdir('/a/f/g', { recursive: true })).rejects.toEqual(failure('ENOTDIR'));
    await fs.symlink('b', '/a/link');
    await fs.link('/a/f', '/a/g');
    expect((await fs.readdir('/a')).sort()).toEqual(['b', 'f', 'g', 'link']);
    expect((await fs.readdir('/a/link', { encoding: 'buffer' }))[0].equals(Buffer.from('c'))).toBe(true);
    expect((await fs.readdir('/a/b', { withFileTypes: true }))[0]).toMatchObject({ type: 'directory' });
    expect(await fs.readlink('/a/link')).toBe('b');
    await fs.rename('/a/g', '/g');
    await expect(fs.rename('/a/f', '/a', { noReplace: true })).rejects.toEqual(failure('EEXIST'));
    await expect(fs.rmdir('/a')).rejects.toEqual(failure('ENOTEMPTY'));
    await fs.rm('/none', { force: true });
    await fs.setXattr('/g', 'user.a', Buffer.from('1'), { create: true });
    await expect(fs.setXattr('/g', 'user.a', Buffer.from('1'), { create: true })).rejects.toEqual(failure('EEXIST'));
    expect(Buffer.from(await fs.getXattr('/g', 'user.a')).toString()).toBe('1');
    await fs.removeXattr('/g', 'user.a');
    expect(await fs.xattrs('/g')).toEqual([]);
    await fs.lutimes('/a/link', 1, 1);
    await fs.lchown('/a/link', 3, 3);
    await fs.chown('/a/link', 4, 4);
    expect(await fs.lstat('/a/link')).toMatchObject({ uid: 3 });
    expect(await fs.stat('/a/b')).toMatchObject({ uid: 4, gid: 4 });
    await fs.rm('/a', { recursive: true });
    await expect(fs.access('/a')).rejects.toEqual(failure('ENOENT'));
    // Several steps as one call.
    const count = await fs.run((sync) => {
      sync.writeFile('/n', Buffer.from('1'));
      return sync.readdir('/').length;
    });
    expect(count).toBe(3);
    await fs.close();
    await expect(fs.writeFile('/late', '')).rejects.toEqual(failure('EBADF'));
    expect(Buffer.from(mount(device, { readonly: true }).readFile('/g')).toString()).toBe('text');
  });

  it('gives Dirents of every kind, with the bytes of names and parents where they are asked for', async () => {
    const { fs } = await volume();
    const odd = Buffer.from([0x64, 0xff]);
    await fs.mkdir(Buffer.concat([Buffer.from('/'), odd]));
    await fs.run((sync) => {
      sync.writeFile(Buffer.concat([Buffer.from('/'), odd, Buffer.from('/f')]), '');
      for (const type of ['fifo', 'socket'] as const) sync.mknod(`/${type}`, type);
      for (const type of ['char', 'block'] as const) sync.mknod(`/${type}`, type, {}, { major: 8, minor: 1 });
      sync.symlink('fifo', '/symlink');
    });
    const entries = await fs.readdir('/', { withFileTypes: true });
    const named = (wanted: string) => entries.find(({ name }) => name === wanted);
    expect(named('fifo')?.isFIFO()).toBe(true);
    expect(named('socket')?.isSocket()).toBe(true);
    expect(named('char')?.isCharacterDevice()).toBe(true);
    expect(named('block')?.isBlockDevice()).toBe(true);
    expect(named('symlink')?.isSymbolicLink()).toBe(true);
    expect(named('symlink')).toMatchObject({ type: 'symlink', ino: (await fs.lstat('/symlink')).ino });
    // What a stat is asked is told alike, by either API.
    for (const entry of entries) {
      const kinds = kindsOf(entry);
      expect(kinds).toHaveLength(1);
      const path = Buffer.concat([Buffer.from('/'), entry.name === 'd\ufffd' ? odd : Buffer.from(entry.name)]);
      expect(kindsOf(await fs.lstat(path))).toEqual(kinds);
      expect(kindsOf(await fs.run((sync) => sync.lstat(path)))).toEqual(kinds);
      expect(kindsOf(await fs.run((sync) => sync.open(path, { follow: false }).stat()))).toEqual(kinds);
    }
    const options = { encoding: 'buffer', recursive: true, withFileTypes: true } as const;
    const raw = await fs.readdir(Buffer.from('/'), options);
    const file = raw.find((entry) => entry.isFile());
    expect(file?.name).toEqual(Buffer.from('f'));
    expect(file?.parentPath).toEqual(Buffer.concat([Buffer.from('/'), odd]));
    expect(raw.find((entry) => entry.name.equals(odd))?.isDirectory()).toBe(true);
    await fs.close();
  });

  it('rejects for a mount that cannot be', async () => {
    await expect(mountAsync(new MemoryDevice(20_000))).rejects.toMatchObject({ name: 'F2fsError' });
  });
});
