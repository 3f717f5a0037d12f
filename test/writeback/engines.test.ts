// Both engines do the same job: a random program of writes, truncates, hole punches, reads, syncs and remounts leaves the same
// bytes on either, those that a buffer in memory would have; and fsck.f2fs has nothing to say.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodec } from '../../src/compress/algorithms.ts';
import type { BlockDevice } from '../../src/device/device.ts';
import { openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import type { MountOptions } from '../../src/fs/mount-options.ts';
import { format } from '../../src/mkfs/format.ts';
import { ENGINES, type EngineName } from '../../src/writeback/engines.ts';
import { judgeCodecs } from '../../tools/judge/codecs.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { referenceCodecsAreThere } from '../../tools/judge/reference-codecs.ts';
import { seedOf } from '../random.ts';
import { FlakyDevice, range } from './fixture.ts';

const SEED = seedOf('engines');
const NR_RUNS = 5;
/** Threads take long to start from source. */
const NR_RUNS_WITH_WORKERS = 2;
const FEATURES = ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'] as const;
const PAGE = 4096;
const MAX_PAGES = 1100;
const NR_FILES = 3;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-engines-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Places crowd around the edges of pages, of clusters, of the inode's addresses, and of inline data. */
const place = fc.oneof(
  fc.nat(70_000),
  fc.nat(MAX_PAGES * PAGE),
  fc.tuple(fc.nat(64), fc.integer({ min: -1, max: 1 })).map(([page, delta]) => Math.max(0, page * 4 * PAGE + delta)),
  fc.tuple(fc.nat(MAX_PAGES), fc.constantFrom(0, 100)).map(([page, delta]) => page * PAGE + delta),
  fc.constantFrom(0, 3000, 864 * PAGE, 860 * PAGE, 923 * PAGE),
);
const size = fc.oneof(
  fc.nat(300),
  fc.nat(9000),
  fc.nat(70_000),
  fc.nat(600_000),
  fc.integer({ min: 1, max: 40 }).map((pages) => pages * PAGE),
  fc.integer({ min: 1, max: 10 }).map((clusters) => clusters * 16 * PAGE),
);
const file = fc.nat(NR_FILES - 1);
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      file,
      at: place,
      length: size,
      content: fc.constantFrom('text', 'text', 'noise', 'zeros'),
      seed: fc.nat(0xffff),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('truncate' as const), file, size: place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('punch' as const), file, at: place, length: size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), file, at: place, length: size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('sync' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remount' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function bytesOf(length: number, content: string, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (content === 'text') bytes.fill(`line ${seed} of a text that compresses well\n`);
  let state = seed + 1;
  if (content === 'noise') {
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[i] = state >>> 24;
    }
  }
  return bytes;
}

/** A program that runs on one image and in memory. */
class Machine {
  readonly image: string;
  #device: BlockDevice;
  readonly #options: MountOptions;
  readonly #contents: Buffer[] = Array.from({ length: NR_FILES }, () => Buffer.alloc(0));
  #fs: FileSystem;

  constructor(image: string, options: MountOptions) {
    this.image = image;
    this.#options = options;
    this.#device = openFileDevice(image, { writable: true, create: { sizeBytes: 200 << 20, overwrite: true } });
    format(this.#device, { features: [...FEATURES] });
    this.#fs = mount(this.#device, options);
    for (let i = 0; i < NR_FILES; i++) this.#fs.writeFile(`file ${i}`, new Uint8Array(0));
  }

  run(todo: Step): void {
    if (todo.kind === 'sync') this.#fs.sync();
    if (todo.kind === 'remount') this.#remount();
    if (todo.kind === 'sync' || todo.kind === 'remount') return;
    const content = this.#contents[todo.file];
    using handle = this.#fs.openFile(`file ${todo.file}`);
    switch (todo.kind) {
      case 'write': {
        const bytes = bytesOf(todo.length, todo.content, todo.seed);
        handle.write(bytes, todo.at);
        if (todo.length === 0) return;
        const grown = Buffer.alloc(Math.max(content.length, todo.at + todo.length));
        content.copy(grown);
        bytes.copy(grown, todo.at);
        this.#contents[todo.file] = grown;
        return;
      }
      case 'truncate': {
        handle.truncate(todo.size);
        const cut = Buffer.alloc(todo.size);
        content.copy(cut);
        this.#contents[todo.file] = cut;
        return;
      }
      case 'punch':
        if (todo.length === 0) {
          // The kernel has no holes of nothing.
          expect(() => handle.punch(todo.at, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
          return;
        }
        handle.punch(todo.at, todo.length);
        content.fill(0, Math.min(todo.at, content.length), Math.min(todo.at + todo.length, content.length));
        return;
      case 'read': {
        const into = Buffer.alloc(todo.length);
        const length = handle.read(into, todo.at);
        const expected = content.subarray(todo.at, todo.at + todo.length);
        expect(Buffer.compare(into.subarray(0, length), expected)).toBe(0);
      }
    }
  }

  #remount(): void {
    this.#fs.close();
    this.#fs = mount(this.#device, this.#options);
    this.check();
  }

  check(fs = this.#fs): void {
    this.#contents.forEach((content, i) => {
      const found = fs.readFile(`file ${i}`);
      expect(found.length).toBe(content.length);
      if (Buffer.compare(found, content) === 0) return;
      const at = found.findIndex((byte, j) => byte !== content[j]);
      expect.fail(`file ${i} of ${content.length} bytes differs from byte ${at} on, page ${Math.floor(at / PAGE)}`);
    });
  }

  /** Unmounts, has fsck.f2fs and the reference libraries judge, and reads everything once more. */
  async finish(): Promise<Buffer[]> {
    this.check();
    this.#fs.close();
    const { complaints } = await fsck(this.image);
    expect(complaints).toEqual([]);
    // It opens the image itself, which nobody may do while it is open for changes.
    this.#device.close();
    if (referenceCodecsAreThere()) expect(judgeCodecs(this.image).complaints).toEqual([]);
    this.#device = openFileDevice(this.image, { writable: false });
    const again = mount(this.#device, { readonly: true, cacheBytes: 16 << 20 });
    this.check(again);
    again.close();
    this.#device.close();
    return this.#contents;
  }

  abandon(): void {
    this.#device.close();
    rmSync(this.image, { force: true });
  }
}

const lz4 = { codec: parseCodec('lz4'), extensions: ['*'] };
const VARIANTS: [string, MountOptions][] = [
  ['plain', { cacheBytes: 8 << 20 }],
  ['plain, small folios', { cacheBytes: 8 << 20, maxFolioPages: 4 }],
  ['plain, in place', { cacheBytes: 8 << 20, ipuPolicies: ['force'] }],
  ['lz4, 16 KiB', { compress: lz4 }],
  ['lz4, 64 KiB, checksum', { compress: { ...lz4, clusterPages: 16, checksum: true } }],
  ['lz4, 1 MiB, small folios', { compress: { ...lz4, clusterPages: 256 }, maxFolioPages: 8 }],
  [
    'lzo-rle, 32 KiB, in place',
    { compress: { ...lz4, codec: parseCodec('lzo-rle'), clusterPages: 8 }, ipuPolicies: ['force'] },
  ],
  ['zstd, 16 KiB, two workers', { compress: { ...lz4, codec: parseCodec('zstd:3') }, workers: 2 }],
];

describe('random programs', () => {
  it.each(VARIANTS)('%s', async (label, options) => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const run = async (engine: EngineName) => {
        const image = join(work, `${label.replaceAll(/\W/g, '-')}-${engine}.img`);
        const machine = new Machine(image, { cacheBytes: 16 << 20, ...options, engine });
        try {
          for (const todo of steps) machine.run(todo);
          return await machine.finish();
        } finally {
          machine.abandon();
        }
      };
      const contents: Buffer[][] = [];
      for (const engine of ENGINES) contents.push(await run(engine));
      expect(contents[0].every((content, i) => content.equals(contents[1][i]))).toBe(true);
    });
    const numRuns = options.workers === undefined ? NR_RUNS : NR_RUNS_WITH_WORKERS;
    await fc.assert(property, { seed: SEED, numRuns, endOnFailure: process.env['F2FS_SHRINK'] === undefined });
  });
});

/** Everything on a device in memory, as an image file. */
function copyOut(device: BlockDevice, image: string): void {
  const fd = openSync(image, 'w');
  const chunk = Buffer.alloc(512 * PAGE);
  for (let at = 0; at < device.nrBlocks; at += 512) {
    const blocks = chunk.subarray(0, Math.min(512, device.nrBlocks - at) * PAGE);
    device.read(at, blocks);
    writeSync(fd, blocks, 0, blocks.length, at * PAGE);
  }
  closeSync(fd);
}

describe.each(ENGINES)('a write that fails, with the %s engine', (engine) => {
  it.each(VARIANTS.filter(([, { workers }]) => workers === undefined))('%s', async (label, options) => {
    const device = new FlakyDevice(16 * 1024);
    format(device, { features: [...FEATURES] });
    const fs = mount(device, { cacheBytes: 16 << 20, ...options, engine });
    const contents = range(0, 6).map((i) => bytesOf(300_000 + 5000 * i, i === 4 ? 'noise' : 'text', 100 + i));
    const store = () => {
      contents.forEach((content, i) => {
        fs.writeFile(`file ${i}`, content);
      });
    };
    store();
    fs.sync();
    // The next version of file 2 begins with what the device refuses.
    contents[2].write('not this page, please');
    contents[3].write('but this one', 100_000);
    device.fails = (vectors) => vectors.some((vector) => Buffer.from(vector).includes('not this page, please'));
    store();
    expect(() => fs.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    expect(() => fs.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    contents.forEach((content, i) => {
      expect(content.equals(fs.readFile(`file ${i}`))).toBe(true);
    });
    device.fails = () => false;
    fs.sync();
    fs.close();
    const again = mount(device, { readonly: true, cacheBytes: 16 << 20 });
    contents.forEach((content, i) => {
      expect(content.equals(again.readFile(`file ${i}`))).toBe(true);
    });
    again.close();
    const image = join(work, `failed-${label.replaceAll(/\W/g, '-')}-${engine}.img`);
    copyOut(device, image);
    expect((await fsck(image)).complaints).toEqual([]);
    if (referenceCodecsAreThere()) expect(judgeCodecs(image).complaints).toEqual([]);
    rmSync(image);
  });
});

/** Stays as it is when it is compressed: nothing in it comes twice. */
const REFUSED = '0Qa9@Zx7#Kf3!Wm5%Tr8&Yb2^Hn6*';

describe.each(ENGINES)('a cluster that could not be written, with the %s engine', (engine) => {
  /** File `f`, all in the cache, of which one cluster or all has blocks that were never written. */
  const set = (marker: string) => {
    const device = new FlakyDevice(16 * 1024);
    format(device, { features: [...FEATURES] });
    const fs = mount(device, { cacheBytes: 16 << 20, engine, compress: { ...lz4, clusterPages: 16 } });
    const content = bytesOf(64 * PAGE, 'text', 1);
    content.write(REFUSED, 17 * PAGE);
    device.fails = (vectors) => vectors.some((vector) => Buffer.from(vector).includes(marker));
    fs.writeFile('f', content);
    expect(() => fs.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    device.fails = () => false;
    return { fs, content };
  };
  const check = (fs: FileSystem, content: Buffer) => {
    fs.sync();
    expect(content.equals(fs.readFile('f'))).toBe(true);
    fs.close();
  };

  // Nothing may be read from blocks that were never written: all of the cluster is in the cache.
  it('can be cut', () => {
    const { fs, content } = set(REFUSED);
    {
      using handle = fs.openFile('f');
      handle.truncate(20 * PAGE + 5);
    }
    check(fs, content.subarray(0, 20 * PAGE + 5));
  });

  it('can be punched and written in part', () => {
    const { fs, content } = set('');
    {
      using handle = fs.openFile('f');
      handle.punch(18 * PAGE, 3 * PAGE + 1);
      handle.write(Buffer.from('hello'), 25 * PAGE);
    }
    content.fill(0, 18 * PAGE, 21 * PAGE + 1);
    content.write('hello', 25 * PAGE);
    check(fs, content);
  });
});
