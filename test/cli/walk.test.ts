// The walk that ls -R and extract share: in order, within its memory, however deep and wide the tree.
import { describe, expect, it } from 'vitest';
import {
  type Directory,
  type FileSystem,
  format,
  MemoryDevice,
  mount,
  walkDirectories,
  walkTree,
} from '../../src/index.ts';
import { baseOf } from '../malformed/base.ts';
import { DamagedImage } from '../malformed/damaged-image.ts';

const CACHE = 8 * 2 ** 20;

function volumeWith(fill: (volume: FileSystem) => void): FileSystem {
  const device = new MemoryDevice(65536);
  format(device);
  const volume = mount(device);
  fill(volume);
  volume.close();
  return mount(device, { readonly: true, cacheBytes: CACHE });
}

describe('walkDirectories', () => {
  it('opens more inodes than the page cache has frames', () => {
    using volume = volumeWith((made) => {
      const dir = made.root().mkdir(Buffer.from('wide'));
      for (let i = 0; i < 5000; i++) dir.createFile(Buffer.from(`file${i}`)).close();
      dir.close();
    });
    let files = 0;
    for (const step of walkDirectories(volume.root(), Buffer.from('/'), (_, error) => expect.fail(error.message))) {
      for (const { name } of step.entries) {
        using handle = step.directory.open(name);
        if (handle.stat().type === 'file') files++;
      }
    }
    expect(files).toBe(5000);
  });

  it('goes as deep as directories go, and can be told not to', () => {
    const depth = 3000;
    using volume = volumeWith((made) => {
      let dir: Directory = made.root();
      for (let i = 0; i < depth; i++) {
        const next = dir.mkdir(Buffer.from('d'));
        dir.close();
        dir = next;
      }
      dir.close();
    });
    const paths: number[] = [];
    for (const { path } of walkDirectories(volume.root(), Buffer.from('/'), () => {})) paths.push(path.length);
    expect(paths).toHaveLength(depth + 2);
    expect(Math.max(...paths)).toBe(2 * depth);
    let steps = 0;
    for (const step of walkDirectories(volume.root(), Buffer.from('/'), () => {})) {
      steps++;
      step.descend = step.parent === null;
    }
    expect(steps).toBe(3);
  });
});

describe('walkTree', () => {
  const ROOT = Buffer.from('/');

  /** What a walk comes to, a word each. */
  function steps(volume: FileSystem): string[] {
    const words: string[] = [];
    const problem = (place: { path: Uint8Array }, error: Error) => words.push(`! ${Buffer.from(place.path)}: ${error}`);
    for (const event of walkTree(volume.root(), ROOT, problem)) {
      const name = event.at === 'entry' ? event.entry.name : event.step.name;
      words.push(`${event.at} ${Buffer.from(name)}`);
    }
    return words;
  }

  it('enters and leaves each directory around what is in it, however large', () => {
    const wide = Array.from({ length: 1000 }, (_, i) => `file${i}`);
    using volume = volumeWith((made) => {
      made.mkdir('/wide');
      for (const name of wide) made.writeFile(`/wide/${name}`, Buffer.alloc(1));
      made.mkdir('/wide/below');
      made.writeFile('/wide/below/last', Buffer.alloc(1));
    });
    const words = steps(volume);
    expect(words[0]).toBe('enter /');
    expect(words.at(-1)).toBe('leave /');
    const inWide = words.slice(words.indexOf('enter wide') + 1, words.indexOf('leave wide'));
    const below = inWide.indexOf('enter below');
    expect(inWide.splice(below, 3)).toEqual(['enter below', 'entry last', 'leave below']);
    expect(inWide.sort()).toEqual(wide.map((name) => `entry ${name}`).sort());
  });

  it('needs memory by depth, not by the length of all paths', () => {
    const depth = 2000;
    const name = Buffer.alloc(255, 'd');
    using volume = volumeWith((made) => {
      let dir: Directory = made.root();
      for (let i = 0; i < depth; i++) {
        const next = dir.mkdir(name);
        for (const file of ['a', 'b']) next.createFile(Buffer.from(file)).close();
        dir.close();
        dir = next;
      }
      dir.close();
    });
    // Half of the square of the depth, times the name, is 500 MiB.
    const before = process.memoryUsage();
    let most = 0;
    let entries = 0;
    for (const walk of [walkTree, walkDirectories])
      for (const _ of walk(volume.root(), ROOT, () => {})) {
        if (++entries % 100 !== 0) continue;
        const { arrayBuffers, heapUsed } = process.memoryUsage();
        most = Math.max(most, arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed);
      }
    expect(entries).toBe(2 * depth + 2 * (depth + 2) + depth + 2);
    expect(most).toBeLessThan(128 * 2 ** 20);
  });

  it('reads a directory again where it let go of what it had read', () => {
    const depth = 200;
    using volume = volumeWith((made) => {
      let dir: Directory = made.root();
      for (let i = 0; i < depth; i++) {
        const next = dir.mkdir(Buffer.from('d'));
        for (let file = 0; file < 5; file++) next.createFile(Buffer.from(`f${file}`)).close();
        dir.close();
        dir = next;
      }
      dir.close();
    });
    const words = steps(volume);
    expect(words.filter((word) => word.startsWith('entry')).length).toBe(5 * depth);
    expect(words.filter((word) => word === 'leave d').length).toBe(depth);
  });

  it('takes what lies before damage, and goes on behind the directory', () => {
    const image = new DamagedImage(baseOf('default'));
    image.dentry('/few/deeper', 'n30', ({ slot, entry }) => {
      expect(slot).toBeGreaterThan(10);
      entry.ino = 0;
    });
    using volume = mount(image.device(), { readonly: true, cacheBytes: CACHE });
    const words = steps(volume);
    expect(words.filter((word) => word.startsWith('!'))).toEqual([
      expect.stringMatching(/^! \/few\/deeper: .*names inode 0/),
    ]);
    expect(words.filter((word) => /^entry n\d+$/.test(word)).length).toBeGreaterThan(5);
    expect(words).toContain('leave few');
    expect(words.at(-1)).toBe('leave /');
  });
});
