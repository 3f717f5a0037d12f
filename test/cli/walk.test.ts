// The walk that ls -R and extract share: in order, within its memory, however deep and wide the tree.
import { describe, expect, it } from 'vitest';
import { type Directory, type FileSystem, format, MemoryDevice, mount, walkDirectories } from '../../src/index.ts';

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
    const paths = [...walkDirectories(volume.root(), Buffer.from('/'), () => {})].map(({ path }) => path.length);
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
