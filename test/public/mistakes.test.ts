// Mistakes that callers make, one of each kind, and what they get: each of them once did damage, hung, or ended in an error of JavaScript's.
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/bench/random.ts';
import {
  type BlockDevice,
  F2fsError,
  format,
  IoCounters,
  MemoryDevice,
  mount,
  mountAsync,
  probe,
  type Timestamp,
  volumeInfo,
} from '../../src/index.ts';
import { fsckDevice } from '../fs/fsck-device.ts';

const SIZE = { sizeBytes: 64 << 20 };
const CACHE = { cacheBytes: 16 << 20 };

function fresh(): MemoryDevice {
  const device = new MemoryDevice(SIZE);
  format(device);
  return device;
}

function failure(call: () => unknown): { code: string; message: string; cause?: unknown } {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return error as F2fsError;
  }
  return { code: 'none', message: '' };
}

const codeOf = (call: () => unknown) => failure(call).code;

test('text where bytes are meant is its UTF-8, in names, targets, contents and attributes', async () => {
  const device = fresh();
  const fs = mount(device, CACHE);
  const root = fs.root();
  root.createFile('notes').close();
  const dir = root.mkdir('größe');
  root.mknod('fifo', 'fifo').close();
  root.symlink('link', 'größe').close();
  dir.link('second', fs.open('/notes'));
  root.rename('fifo', dir, 'pipe');
  fs.openFile('/notes').write('first, ', 0);
  fs.openFile('/notes').append('second €');
  root.open('notes').setXattr('user.größe', 'wert');
  fs.writeFile('/text', 'in both');
  const names = (path: string) =>
    fs
      .readdir(path)
      .map(({ name }) => Buffer.from(name).toString())
      .sort();
  expect(names('/')).toEqual(['größe', 'link', 'lost+found', 'notes', 'text']);
  expect(names('/link')).toEqual(['pipe', 'second']);
  expect(Buffer.from(fs.readFile('/größe/second')).toString()).toBe('first, second €');
  expect(Buffer.from(fs.readlink('/link')).toString()).toBe('größe');
  expect(Buffer.from(fs.getXattr('/notes', Buffer.from('user.größe'))).toString()).toBe('wert');
  expect(root.lookup('notes')).toMatchObject({ name: Uint8Array.from(Buffer.from('notes')), type: 'file' });
  expect(codeOf(() => root.createFile('half \ud800'))).toBe('EINVAL');
  expect(codeOf(() => root.createFile('a\0b'))).toBe('EINVAL');
  expect(codeOf(() => root.createFile('a/b'))).toBe('EINVAL');
  fs.close();
  const async = await mountAsync(device, CACHE);
  await async.writeFile('/text', 'also');
  expect(await async.readFile('/text', 'utf8')).toBe('also');
  await async.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
});

test('a wrong argument is told before a path that leads nowhere: who asks for recursive learns that mkdir has no such option', () => {
  const fs = mount(fresh(), CACHE);
  // As plain JavaScript may call it.
  const untyped = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const wrong = (call: (fs: typeof untyped) => unknown) => failure(() => call(untyped)).message;
  expect(wrong((any) => any.mkdir('/none/a', { recursive: true }))).toMatch(/^unknown option 'recursive'/);
  expect(wrong((any) => any.symlink('a', '/none/a', { type: 'file' }))).toMatch(/^unknown option 'type'/);
  expect(wrong((any) => any.symlink(5, '/none/a'))).toMatch(/^invalid target 5/);
  expect(wrong((any) => any.mknod('/none/a', 'file'))).toMatch(/^invalid type/);
  expect(wrong((any) => any.mknod('/none/a', 'fifo', { mode: 'x' }))).toMatch(/^invalid mode/);
  expect(wrong((any) => any.truncate('/none/a', -1))).toMatch(/^invalid size -1/);
  expect(wrong((any) => any.writeFile('/none/a', 'x', { flag: 'a' }))).toMatch(/^unknown option 'flag'/);
  expect(wrong((any) => any.openFile('/none/a', { flag: 'a' }))).toMatch(/^unknown option 'flag'/);
  expect(wrong((any) => any.setAttributes('/none/a', { size: 5 }))).toMatch(/^unknown option 'size'/);
  expect(wrong((any) => any.setXattr('/none/a', 'user.a', 'x', { flag: 1 }))).toMatch(/^unknown option 'flag'/);
  expect(wrong((any) => any.rename('/none/a', '/b', { overwrite: true }))).toMatch(/^unknown option 'overwrite'/);
  fs.close();
});

test('attributes by names that are no UTF-8 are told apart', () => {
  const fs = mount(fresh(), CACHE);
  const name = (byte: number) => Buffer.from([...Buffer.from('user.'), byte]);
  fs.writeFile('/f', '');
  fs.setXattr('/f', name(0xff), 'ff');
  fs.setXattr('/f', name(0xfe), 'fe');
  expect(Buffer.from(fs.getXattr('/f', name(0xff))).toString()).toBe('ff');
  expect(codeOf(() => fs.getXattr('/f', 'user.\ufffd'))).toBe('ENODATA');
  fs.removeXattr('/f', name(0xff));
  expect(fs.xattrs('/f')).toHaveLength(1);
  fs.close();
});

test('a name in memory that others change is the name that was checked', async () => {
  const device = fresh();
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  // As another thread might, in the middle of the call.
  const now = () => {
    shared.fill(0x2f);
    return { sec: 1, nsec: 0 };
  };
  const fs = mount(device, { ...CACHE, now });
  shared.fill(0x61);
  fs.root().createFile(shared).close();
  fs.close();
  expect((await fsckDevice(device)).complaints).toEqual([]);
  expect(mount(device).readFile('/aaaa')).toHaveLength(0);
});

describe('a clock', () => {
  const answers: [string, () => unknown][] = [
    ['2^60 seconds', () => ({ sec: 2 ** 60, nsec: 0 })],
    ['-1 nanoseconds', () => ({ sec: 1, nsec: -1 })],
    ['10^9 nanoseconds', () => ({ sec: 1, nsec: 1e9 })],
    ['NaN', () => ({ sec: Number.NaN, nsec: 0 })],
    ['a Date', () => new Date()],
    ['nothing', () => undefined],
    [
      'an error',
      () => {
        throw new TypeError('no clock');
      },
    ],
  ];

  test.each(answers)(
    'that gives %s is refused at the mount, and later stops it with the last checkpoint as the truth',
    async (_, answer) => {
      const device = fresh();
      expect(codeOf(() => mount(device, { now: answer as () => Timestamp }))).toBe('EINVAL');
      for (let good = 1; good < 40; good++) {
        let asked = 0;
        const now = () => (asked++ < good ? { sec: 1, nsec: 0 } : (answer() as Timestamp));
        const fs = mount(device, { ...CACHE, now });
        const before = fs.readdir('/').length;
        const code = codeOf(() => {
          fs.mkdir('/d');
          fs.writeFile('/d/f', Buffer.alloc(10_000, 1));
          fs.rename('/d/f', '/g');
          fs.unlink('/g');
          fs.rmdir('/d');
        });
        if (code === 'none') break;
        expect(code).toBe('EINVAL');
        expect(codeOf(() => fs.sync())).toBe('EROFS');
        fs.abandon();
        const again = mount(device, CACHE);
        expect(again.readdir('/')).toHaveLength(before);
        again.close();
      }
      expect((await fsckDevice(device)).complaints).toEqual([]);
    },
  );

  test('that jumps between the ends of what a number holds makes a volume that can be mounted', async () => {
    const device = fresh();
    const ends = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0, -1];
    for (let round = 0; round < 3; round++) {
      let at = 0;
      const fs = mount(device, { ...CACHE, now: () => ({ sec: ends[at++ % ends.length], nsec: 999_999_999 }) });
      fs.writeFile(`/f${round}`, 'text');
      fs.openFile(`/f${round}`).fsync();
      fs.close();
    }
    expect(mount(device, CACHE).readdir('/')).toHaveLength(4);
    expect((await fsckDevice(device)).complaints).toEqual([]);
  });
});

/** A device of somebody else's, over one of ours. */
class Custom implements BlockDevice {
  readonly name = 'custom';
  readonly readonly = false;
  readonly counters = new IoCounters();
  readonly #inner = fresh();
  fails: ((call: string) => unknown) | null = null;

  get nrBlocks(): number {
    return this.#inner.nrBlocks;
  }
  #call<T>(name: string, work: () => T): T {
    const outcome = this.fails?.(name);
    if (outcome instanceof Promise) return outcome as T;
    return work();
  }
  // Some of them answer with a promise, whatever their type says.
  readonly read = (blkaddr: number, into: Uint8Array): void =>
    this.#call('read', () => this.#inner.read(blkaddr, into));
  readonly write = (blkaddr: number, vectors: readonly Uint8Array[]): void =>
    this.#call('write', () => this.#inner.write(blkaddr, vectors));
  readonly flush = (): void => this.#call('flush', () => this.#inner.flush());
  readonly zero = (blkaddr: number, nrBlocks: number): void =>
    this.#call('zero', () => this.#inner.zero(blkaddr, nrBlocks));
  readonly discard = (blkaddr: number, nrBlocks: number): void =>
    this.#call('discard', () => this.#inner.discard(blkaddr, nrBlocks));

  queue(): null {
    return null;
  }
  finishWrite(): void {}
  resize(nrBlocks: number): void {
    this.#inner.resize(nrBlocks);
  }
  close(): void {}
}

describe('a device of somebody else', () => {
  const thrower = (error: unknown) => () => {
    throw error;
  };

  test('is told by its errno, or as EIO, with what it threw as the cause', () => {
    const errors: [unknown, string][] = [
      [new Error('the network is gone'), 'EIO'],
      [Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' }), 'EHOSTUNREACH'],
      [Object.assign(new Error('odd'), { code: 7 }), 'EIO'],
      [new TypeError('x is not a function'), 'EIO'],
      ['only text', 'EIO'],
      [undefined, 'EIO'],
      [Symbol('nothing'), 'EIO'],
      [new F2fsError('ENOSPC', 'the store is full'), 'ENOSPC'],
    ];
    for (const [thrown, code] of errors) {
      const device = new Custom();
      device.fails = thrower(thrown);
      for (const call of [() => mount(device), () => probe(device), () => volumeInfo(device), () => format(device)]) {
        const error = failure(call);
        expect(error.code).toBe(code);
        if (thrown instanceof F2fsError) expect(error).toBe(thrown);
        else if (thrown !== undefined) expect(error.cause).toBe(thrown);
      }
    }
  });

  test('that fails while it is written leaves the last checkpoint, and no failure of its own is lost', async () => {
    const random = new SeededRandom(5);
    for (const kind of ['write', 'flush']) {
      const device = new Custom();
      const fs = mount(device, CACHE);
      fs.writeFile('/kept', 'text');
      fs.sync();
      device.fails = (call) => {
        if (call === kind) throw new Error('the disk is gone');
      };
      fs.writeFile('/lost', Buffer.alloc(1 + random.below(100_000)));
      expect(failure(() => fs.sync())).toMatchObject({ code: 'EIO', message: expect.stringContaining('custom') });
      fs.abandon();
      device.fails = null;
      const again = mount(device, CACHE);
      expect(again.readdir('/').map(({ name }) => Buffer.from(name).toString())).toEqual(['lost+found', 'kept']);
      again.close();
    }
  });

  test('that can not be asked synchronously is an error, not a volume of zeros', () => {
    const device = new Custom();
    device.fails = () => Promise.reject(new Error('later'));
    expect(failure(() => mount(device))).toMatchObject({ code: 'EIO', message: expect.stringContaining('promise') });
  });

  test('keeps its blocks where it can not discard', () => {
    const device = new Custom();
    device.fails = (call) => {
      if (call === 'discard') throw new Error('not supported');
    };
    format(device);
    const fs = mount(device, CACHE);
    fs.writeFile('/f', Buffer.alloc(5 << 20, 1));
    fs.sync();
    fs.unlink('/f');
    fs.close();
    mount(device, CACHE).close();
  });

  test('is one device, however often it is passed: it is mounted for writing once', () => {
    const device = new Custom();
    const fs = mount(device, CACHE);
    expect(codeOf(() => mount(device, CACHE))).toBe('EBUSY');
    fs.close();
    mount(device, CACHE).close();
  });

  test('is refused by the name of what it lacks', () => {
    const device = new Custom() as unknown as Record<string, unknown>;
    Object.defineProperty(device, 'flush', { value: undefined });
    expect(failure(() => mount(device as unknown as BlockDevice)).message).toContain('device.flush');
    for (const nrBlocks of [Number.NaN, -1, 1.5, '20000', undefined]) {
      const other = Object.create(new Custom(), { nrBlocks: { value: nrBlocks } });
      expect(failure(() => mount(other)).message).toContain('device.nrBlocks');
    }
  });
});

test('a device in memory has a size in bytes; a number of blocks that was meant as bytes is refused, and told how', () => {
  expect(new MemoryDevice(SIZE).nrBlocks).toBe(16_384);
  expect(new MemoryDevice(16_384).nrBlocks).toBe(16_384);
  expect(failure(() => new MemoryDevice(64 * 2 ** 20))).toMatchObject({
    code: 'EINVAL',
    message: '67108864 blocks of 4096 bytes are 256 GiB of memory: for 67108864 bytes give { sizeBytes: 67108864 }',
  });
  expect(new MemoryDevice({ sizeBytes: 2 ** 43 }).nrBlocks).toBe(2 ** 31);
});

test('an option that there is not is named, with those that there are', () => {
  expect(failure(() => mount(fresh(), { readOnly: true } as never)).message).toMatch(
    /^unknown option 'readOnly' of mount: expected readonly, cacheBytes/,
  );
  expect(failure(() => mount(fresh(), { cacheBytes: '64M' } as never)).message).toBe(
    "invalid cacheBytes '64M': expected a number from 1 to 9007199254740991",
  );
  const fs = mount(fresh(), CACHE);
  fs.writeFile('/f', 'text');
  expect(failure(() => fs.setAttributes('/f', { crtime: { sec: 1, nsec: 1 } } as never)).message).toMatch(/'crtime'/);
  expect(failure(() => fs.writeFile('/g', 'text', { mode: '644' } as never)).message).toBe(
    "invalid mode '644': expected 0 to 07777, as a number",
  );
  expect(fs.readdir('/')).toHaveLength(2);
  fs.close();
});

test('bytes are no source of a write, though arrays have a function fill', () => {
  const fs = mount(fresh(), CACHE);
  fs.writeFile('/f', 'text');
  const bytes = Buffer.from('contents');
  expect(codeOf(() => fs.openFile('/f').writeFrom(bytes as never, 0, 8))).toBe('EINVAL');
  expect(bytes.toString()).toBe('contents');
  expect(Buffer.from(fs.readFile('/f')).toString()).toBe('text');
  fs.close();
});
