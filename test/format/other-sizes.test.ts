// All of a volume with blocks of other sizes than 4 KiB, with its summaries in blocks of their own or several in one.
import { describe, expect, it } from 'vitest';
import { type FileSystem, format, MemoryDevice, mount, parseCodec, volumeInfo } from '../../src/index.ts';
import { DEFAULT_FEATURES } from '../../src/mkfs/features.ts';
import { random, seedOf } from '../random.ts';

const SEED = seedOf('other-sizes');
const KIB = 1024;
const PACKED = [...DEFAULT_FEATURES, 'packed_ssa'];

function isThere(volume: FileSystem, path: string): boolean {
  try {
    return volume.stat(path).type === 'file';
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return false;
    throw error;
  }
}

describe.each([
  // The largest contents and the largest value that lie in an inode, as Linux has them. Source: what its kernels wrote.
  [8, 7548, 8339, DEFAULT_FEATURES],
  [16, 15740, 16531, PACKED],
  [32, 32124, 32915, PACKED],
  [64, 64892, 65535, DEFAULT_FEATURES],
])('blocks of %i KiB', (kib, maxInline, maxValue, features) => {
  const blockSize = kib * KIB;

  function fresh() {
    const device = new MemoryDevice({ sizeBytes: 64 * 512 * blockSize });
    format(device, { blockSize, features, uuid: '00112233-4455-6677-8899-aabbccddeeff', timestamp: 1_700_000_000 });
    return device;
  }

  const cacheBytes = 8192 * blockSize;
  const bytesOf = (length: number) => {
    const rng = random(SEED + length);
    return Uint8Array.from({ length }, () => rng.below(256));
  };

  it('the superblocks and checkpoints stand where Linux looks for them', () => {
    const device = fresh();
    const start = new Uint8Array(2 * blockSize);
    device.read(0, start);
    const view = new DataView(start.buffer);
    for (const at of [1024, blockSize + 1024]) {
      expect(view.getUint32(at, true)).toBe(0xf2f52010);
      // log2 of sector, sectors in a block, block, blocks in a segment.
      const logs = [8, 12, 16, 20].map((field) => view.getUint32(at + field, true));
      expect(logs).toEqual([9, Math.log2(blockSize) - 9, Math.log2(blockSize), 9]);
    }
    const checkpoint = new Uint8Array(blockSize);
    device.read((512 * blockSize) / 4096, checkpoint);
    expect(new DataView(checkpoint.buffer).getUint32(164, true)).toBe(blockSize - 4);
    expect(volumeInfo(device).problems).toEqual([]);
  });

  it('files of all sizes, names, attributes and clusters are read again as they were written', () => {
    const device = fresh();
    const compress = { codec: parseCodec('lz4'), checksum: true, extensions: ['txt'] };
    const volume = mount(device, { cacheBytes, compress });
    const sizes = [0, 1, 4096, maxInline, maxInline + 1, blockSize - 1, blockSize, blockSize + 1, 9 * blockSize + 5];
    for (const size of sizes) volume.writeFile(`/${size}`, bytesOf(size));
    const text = new TextEncoder().encode('All work and no play makes Jack a dull boy. '.repeat((16 * kib * KIB) / 44));
    volume.writeFile('/pressed.txt', text);
    volume.writeFile('/attributes', '');
    volume.setXattr('/attributes', 'user.a', bytesOf(maxValue));
    volume.mkdir('/names');
    for (let i = 0; i < 6000; i++) volume.link('/1', `/names/${i}-${'n'.repeat(i % 90)}`);
    for (let i = 0; i < 6000; i += 3) volume.unlink(`/names/${i}-${'n'.repeat(i % 90)}`);
    // Under each node of an inode there is, by the addresses of an inode and a node: pages far apart.
    const far = volume.openFile('/far', { flags: 'w+' });
    const perNode = (blockSize - 24) / 4;
    const pages = [perNode, 2 * perNode, 4 * perNode, (perNode + 4) * perNode, (2 * perNode + 4) * perNode];
    const places = pages.map((page) => page * blockSize).filter((at) => at < 2 ** 44);
    for (const at of places) far.write(bytesOf(100), at);
    far.close();
    volume.close();

    const again = mount(device, { readonly: true, cacheBytes });
    for (const size of sizes) {
      expect(Buffer.compare(again.readFile(`/${size}`), bytesOf(size))).toBe(0);
      expect(again.stat(`/${size}`).inline).toBe(size <= maxInline);
    }
    expect(Buffer.compare(again.readFile('/pressed.txt'), text)).toBe(0);
    expect(again.stat('/pressed.txt').compression?.savedBlocks).toBeGreaterThan(0);
    expect(Buffer.compare(again.getXattr('/attributes', 'user.a'), bytesOf(maxValue))).toBe(0);
    const names = again.readdir('/names');
    expect(names).toHaveLength(4000);
    for (let i = 0; i < 6000; i++) {
      expect(isThere(again, `/names/${i}-${'n'.repeat(i % 90)}`), `${i}`).toBe(i % 3 !== 0);
    }
    const file = again.openFile('/far');
    const got = new Uint8Array(100);
    for (const at of places) {
      expect(file.read(got, at)).toBe(100);
      expect(Buffer.compare(got, bytesOf(100))).toBe(0);
    }
    file.close();
    again.close();
    expect(volumeInfo(device).problems).toEqual([]);
  });

  it('what was fsynced is there after a crash, in a directory with an index', () => {
    const device = fresh();
    const volume = mount(device, { cacheBytes });
    for (let i = 0; i < 2000; i++) volume.writeFile(`/old-${i}`, '');
    volume.sync();
    for (let i = 0; i < 40; i++) {
      volume.writeFile(`/new-${i}`, bytesOf(500 * i));
      const file = volume.openFile(`/new-${i}`);
      file.fsync();
      file.close();
    }
    volume.abandon();

    for (const readonly of [true, false]) {
      const again = mount(device, { readonly, cacheBytes });
      for (let i = 0; i < 2000; i++) expect(isThere(again, `/old-${i}`), `${i}`).toBe(true);
      for (let i = 0; i < 40; i++) expect(Buffer.compare(again.readFile(`/new-${i}`), bytesOf(500 * i))).toBe(0);
      again.close();
    }
    expect(volumeInfo(device).problems).toEqual([]);
  });
});
