// Promises of a mounted volume that random programs do not come upon: each was broken once.
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/device/memory-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { type FileSystem, mount } from '../../src/fs/file-system.ts';
import { format } from '../../src/mkfs/format.ts';

const MIB = 1 << 20;

function volume(
  sizeMib: number,
  cacheMib = 16,
  features?: readonly string[],
): { device: MemoryDevice; fs: FileSystem } {
  const device = new MemoryDevice((sizeMib * MIB) / 4096);
  format(device, { features });
  return { device, fs: mount(device, { cacheBytes: cacheMib * MIB }) };
}

/** A device whose writes fail on demand. */
class FailingDevice extends MemoryDevice {
  failing = false;
  override write(blkaddr: number, vectors: readonly Uint8Array[]): void {
    if (this.failing) throw new F2fsError('EIO', 'the test lets writes fail', { blkaddr });
    super.write(blkaddr, vectors);
  }
}

describe('a mounted volume', () => {
  it('takes more directories than the cache has frames', () => {
    const { device, fs } = volume(300, 8);
    for (let d = 0; d < 3000; d++) {
      using dir = fs.root().mkdir(Buffer.from(`d${d}`));
      for (let i = 0; i < 12; i++) dir.createFile(Buffer.from(`${'n'.repeat(120)}${i}`)).close();
    }
    fs.close();
    const again = mount(device, { readonly: true, cacheBytes: 8 * MIB });
    expect(again.readdir('/')).toHaveLength(3001);
    expect(again.readdir('/d2999')).toHaveLength(12);
  });

  it('does not show bytes that found no room', () => {
    const { fs } = volume(60);
    fs.writeFile('/holes', new Uint8Array(0));
    using holes = fs.openFile('/holes');
    holes.truncate(64 * 4096);
    const page = new Uint8Array(4096);
    holes.read(page, 0);
    const { freeBlocks } = fs.statfs();
    fs.writeFile('/filler', new Uint8Array(0));
    using filler = fs.openFile('/filler');
    for (let i = 0; i < freeBlocks + 10; i++) {
      try {
        filler.write(page.fill(1), i * 4096);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
        break;
      }
    }
    expect(() => holes.write(new Uint8Array(100).fill(7), 10)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    holes.read(page, 0);
    expect(page.every((byte) => byte === 0)).toBe(true);
  });

  it('writes zeros over what was there, sparse or not', () => {
    const { device, fs } = volume(64);
    fs.writeFile('/f', new Uint8Array(40_000).fill(9));
    fs.sync();
    using file = fs.openFile('/f');
    file.writeFrom({ fill: (memory, offset, length) => memory.fill(0, offset, offset + length) }, 0, 40_000, {
      sparse: true,
    });
    file.close();
    fs.close();
    expect(
      mount(device, { readonly: true })
        .readFile('/f')
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  it('gets its emptied segments back without being told to sync', () => {
    const { fs } = volume(64);
    for (let round = 0; round < 30; round++) fs.writeFile('/f', new Uint8Array(4 * MIB).fill(round));
    fs.close();
  });

  it('tells the next writer of a write that failed, and keeps the data for another try', () => {
    const device = new FailingDevice((200 * MIB) / 4096);
    format(device, {});
    const fs = mount(device, { cacheBytes: 16 * MIB });
    const content = new Uint8Array(300_000).fill(5);
    device.failing = true;
    let failure: unknown = null;
    for (let i = 0; i < 100 && failure === null; i++) {
      try {
        fs.writeFile(`/f${i}`, content);
      } catch (error) {
        failure = error;
      }
    }
    expect(failure).toMatchObject({ code: 'EIO' });
    expect(() => fs.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    device.failing = false;
    fs.sync();
    expect(Buffer.compare(fs.readFile('/f0'), content)).toBe(0);
    fs.close();
    expect(Buffer.compare(mount(device, { readonly: true }).readFile('/f0'), content)).toBe(0);
  });

  it('takes no position, size, owner or time that is none', () => {
    const { fs } = volume(64);
    fs.writeFile('/f', Buffer.from('hello'));
    using file = fs.openFile('/f');
    const invalid = expect.objectContaining({ code: 'EINVAL' }) as F2fsError;
    expect(() => file.write(new Uint8Array(3), -300)).toThrow(invalid);
    expect(() => file.write(new Uint8Array(3), Number.NaN)).toThrow(invalid);
    expect(() => file.read(new Uint8Array(3), -1)).toThrow(invalid);
    expect(() => file.truncate(-1)).toThrow(invalid);
    expect(() => file.truncate(1.5)).toThrow(invalid);
    expect(() => file.setAttributes({ uid: 2 ** 33 })).toThrow(invalid);
    expect(() => file.setAttributes({ mtime: { sec: 0, nsec: 2e9 } })).toThrow(invalid);
    expect(Buffer.from(fs.readFile('/f')).toString()).toBe('hello');
  });

  it('answers EBADF through a closed handle, and to every call once it is unmounted', () => {
    const { fs } = volume(64);
    const file = fs.root().createFile(Buffer.from('f'));
    file.close();
    expect(() => file.stat()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => file.write(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    fs.close();
    expect(() => fs.mkdir('/late')).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('forgets a file that was emptied, closed and unlinked before a sync', () => {
    const { fs } = volume(64);
    fs.writeFile('/f', new Uint8Array(50_000).fill(1));
    {
      using file = fs.openFile('/f');
      file.truncate(0);
    }
    fs.unlink('/f');
    fs.sync();
    fs.writeFile('/g', new Uint8Array(50_000).fill(2));
    fs.close();
  });
});
