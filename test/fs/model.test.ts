// Random programs against a model in memory: what a file system answers must be what the model answers, through syncs,
// remounts and a page cache too small for the data; and fsck.f2fs must have nothing to say.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileDevice } from '../../src/device/file-device.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { seedOf } from '../random.ts';

const SEED = seedOf('model');
const MAX_SIZE = 6_000_000;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-model-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A file in the model: names are in the map, contents may be shared by several of them. */
interface ModelFile {
  content: Buffer;
  xattrs: Map<string, string>;
}

type Step =
  | { kind: 'write'; name: number; at: number; length: number; byte: number }
  | { kind: 'truncate'; name: number; size: number }
  | { kind: 'link'; name: number; to: number }
  | { kind: 'unlink'; name: number }
  | { kind: 'symlink'; name: number; length: number }
  | { kind: 'xattr'; name: number; key: number; length: number }
  | { kind: 'sync' }
  | { kind: 'remount' };

const name = fc.nat(40);
/** Positions and sizes crowd around the edges: inline data, pages, direct nodes. */
const place = fc.oneof(
  fc.nat(5000),
  fc.nat(70_000),
  fc.nat(MAX_SIZE - 500_000),
  fc.constantFrom(0, 3451, 3452, 3453, 4096, 864 * 4096, 864 * 4096 - 1),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      name,
      at: place,
      length: fc.oneof(fc.nat(300), fc.nat(9000), fc.nat(400_000)),
      byte: fc.nat(255),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('truncate' as const), name, size: place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('link' as const), name, to: name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unlink' as const), name }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('symlink' as const), name, length: fc.integer({ min: 1, max: 4095 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('xattr' as const), name, key: fc.nat(6), length: fc.nat(900) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sync' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remount' as const) }) },
);

class Machine {
  readonly files = new Map<string, ModelFile>();
  readonly symlinks = new Map<string, string>();

  run(fs: FileSystem, todo: Step): void {
    if (todo.kind === 'sync') fs.sync();
    if (todo.kind === 'sync' || todo.kind === 'remount') return;
    const path = `name ${todo.name}`;
    if (this.symlinks.has(path) && todo.kind !== 'unlink') return;
    const file = this.files.get(path);
    switch (todo.kind) {
      case 'write': {
        const target = file ?? { content: Buffer.alloc(0), xattrs: new Map() };
        if (file === undefined) fs.writeFile(path, new Uint8Array(0));
        const bytes = Buffer.alloc(todo.length, todo.byte);
        using handle = fs.openFile(path);
        handle.write(bytes, todo.at);
        if (todo.length > 0) {
          const grown = Buffer.alloc(Math.max(target.content.length, todo.at + todo.length));
          target.content.copy(grown);
          bytes.copy(grown, todo.at);
          target.content = grown;
        }
        this.files.set(path, target);
        return;
      }
      case 'truncate': {
        if (file === undefined) return;
        using handle = fs.openFile(path);
        handle.truncate(todo.size);
        const cut = Buffer.alloc(todo.size);
        file.content.copy(cut);
        file.content = cut;
        return;
      }
      case 'link': {
        const to = `name ${todo.to}`;
        if (file === undefined || this.files.has(to) || this.symlinks.has(to)) return;
        fs.link(path, to);
        this.files.set(to, file);
        return;
      }
      case 'unlink': {
        if (file === undefined && !this.symlinks.has(path)) {
          expect(() => fs.unlink(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
          return;
        }
        fs.unlink(path);
        this.files.delete(path);
        this.symlinks.delete(path);
        return;
      }
      case 'symlink': {
        if (file !== undefined) return;
        const target = 'x'.repeat(todo.length);
        fs.symlink(target, path);
        this.symlinks.set(path, target);
        return;
      }
      case 'xattr': {
        if (file === undefined) return;
        const value = 'v'.repeat(todo.length);
        const key = `user.key-${todo.key}`;
        try {
          fs.setXattr(path, key, todo.length % 7 === 0 ? null : Buffer.from(value));
        } catch (error) {
          expect(error).toMatchObject({ code: 'E2BIG' });
          return;
        }
        if (todo.length % 7 === 0) file.xattrs.delete(key);
        else file.xattrs.set(key, value);
      }
    }
  }

  check(fs: FileSystem): void {
    const names = [...this.files.keys(), ...this.symlinks.keys()].sort();
    const found = fs.readdir('/').map((entry) => Buffer.from(entry.name).toString());
    expect(found.filter((entry) => entry !== 'lost+found').sort()).toEqual(names);
    for (const [path, file] of this.files) {
      expect(Buffer.compare(fs.readFile(path), file.content), path).toBe(0);
      expect(Object.fromEntries(fs.xattrs(path).map((x) => [x.name, Buffer.from(x.value).toString()]))).toEqual(
        Object.fromEntries(file.xattrs),
      );
      expect(fs.stat(path).nlink).toBe([...this.files.values()].filter((other) => other === file).length);
    }
    for (const [path, target] of this.symlinks) expect(Buffer.from(fs.readlink(path)).toString()).toBe(target);
  }
}

describe('random programs', () => {
  it.each([
    ['default', ['extra_attr', 'inode_checksum', 'sb_checksum', 'inode_crtime', 'compression', 'lost_found'], 1],
    ['plain', [], 1],
    ['sections of 2 segments, flexible_inline_xattr', ['extra_attr', 'flexible_inline_xattr'], 2],
  ] as const)('%s', async (label, features, segsPerSec) => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 120 }), async (steps) => {
      const image = join(work, `${label.slice(0, 5)}.img`);
      const device = openFileDevice(image, {
        writable: true,
        create: { sizeBytes: (segsPerSec * 160 + 40) << 20, overwrite: true },
      });
      format(device, { features, segsPerSec });
      // A cache of 8 MiB: what a run writes does not fit.
      let fs = mount(device, { cacheBytes: 8 << 20 });
      const machine = new Machine();
      for (const todo of steps) {
        machine.run(fs, todo);
        if (todo.kind !== 'remount') continue;
        fs.close();
        fs = mount(device, { cacheBytes: 8 << 20 });
        machine.check(fs);
      }
      machine.check(fs);
      fs.close();
      machine.check(mount(device, { readonly: true }));
      device.close();
      const { complaints } = await fsck(image);
      rmSync(image);
      expect(complaints).toEqual([]);
    });
    await fc.assert(property, { seed: SEED, numRuns: 12, endOnFailure: true });
  });
});
