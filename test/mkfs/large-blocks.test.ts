// Layouts for blocks other than 4 KiB, against those of the mkfs.f2fs that knows -b (f2fs-tools, dev-test of December 2025).
import { describe, expect, it } from 'vitest';
import { format, MemoryDevice, mount, planSize, volumeInfo } from '../../src/index.ts';
import { DEFAULT_FEATURES } from '../../src/mkfs/features.ts';

const KIB = 1024;
const GIB = 2 ** 30;
const PACKED = [...DEFAULT_FEATURES, 'packed_ssa'];

describe('the areas of a volume', () => {
  // Bytes of a block, of the volume; segments in all; of checkpoints, SIT, NAT, SSA and the main area; those of the SSA when it is packed.
  it.each([
    [16 * KIB, 0.25 * GIB, 31, [2, 2, 2, 1, 24], 1],
    [16 * KIB, GIB, 127, [2, 2, 2, 1, 120], 1],
    [16 * KIB, 8 * GIB, 1023, [2, 2, 2, 2, 1015], 1],
    [16 * KIB, 64 * GIB, 8191, [2, 2, 10, 16, 8161], 4],
    [16 * KIB, 4096 * GIB, 524_287, [2, 10, 494, 1024, 522_757], 256],
    [64 * KIB, GIB, 31, [2, 2, 2, 1, 24], 1],
    [64 * KIB, 8 * GIB, 255, [2, 2, 2, 1, 248], 1],
  ])('blocks of %i bytes, %i bytes in all', (blockSize, sizeBytes, segments, areas, packedSsa) => {
    const { geometry } = planSize(sizeBytes, { blockSize });
    const { segmentCountCkpt, segmentCountSit, segmentCountNat, segmentCountSsa, segmentCountMain } = geometry;
    expect(geometry.segmentCount).toBe(segments);
    expect([segmentCountCkpt, segmentCountSit, segmentCountNat, segmentCountSsa, segmentCountMain]).toEqual(areas);
    expect(geometry.segment0Blkaddr).toBe(512);
    expect(planSize(sizeBytes, { blockSize, features: PACKED }).geometry.segmentCountSsa).toBe(packedSsa);
  });

  // mkfs.f2fs keeps 14 of the 24, 27 of the 120; from 256 on as many as here.
  it.each([
    [0.25, 24, 9, 2],
    [1, 120, 21, 8],
    [8, 1015, 68, 38],
    [64, 8161, 186, 97],
  ])('what is kept from files of %i GiB', (gib, main, overprov, reserved) => {
    const { geometry } = planSize(gib * GIB, { blockSize: 16 * KIB });
    expect([geometry.segmentCountMain, geometry.overprovSegments, geometry.reservedSegments]).toEqual([
      main,
      overprov,
      reserved,
    ]);
  });

  it('as much more as is asked for', () => {
    const { geometry } = planSize(0.25 * GIB, { blockSize: 16 * KIB, overprovision: 30 });
    expect([geometry.overprovSegments, geometry.reservedSegments]).toEqual([14, 10]);
  });

  it.each([
    [8 * KIB, 80],
    [16 * KIB, 160],
    [64 * KIB, 640],
  ])('blocks of %i bytes take a volume of %i MiB at least', (blockSize, mib) => {
    expect(() => planSize((mib - 1) * KIB * KIB, { blockSize })).toThrow(
      expect.objectContaining({ code: 'ENOSPC', message: expect.stringContaining(`(${mib} MiB) at least`) }),
    );
    expect(planSize(mib * KIB * KIB, { blockSize }).geometry.userBlockCount).toBe(512);
  });
});

describe('what is refused', () => {
  it.each([
    ['a size that no kernel has', { blockSize: 12_288 }, 'invalid blockSize 12288'],
    ['less than 4 KiB', { blockSize: 2048 }, 'invalid blockSize 2048'],
    ['packed_ssa where it has no effect', { features: PACKED }, 'packed_ssa has no effect'],
    ['sectors larger than a block', { blockSize: 8 * KIB, sectorSize: 16 * KIB }, 'invalid sectorSize 16384'],
  ])('%s', (_what, options, message) => {
    expect(() => format(new MemoryDevice({ sizeBytes: GIB }), options)).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining(message) }),
    );
  });
});

it.each([8, 16, 32, 64])('blocks of %i KiB: the volume is known by either superblock, and mended', (kib) => {
  const blockSize = kib * KIB;
  const sizeBytes = 32 * 512 * blockSize;
  for (const lost of [0, 1]) {
    const device = new MemoryDevice({ sizeBytes });
    format(device, { blockSize, features: PACKED });
    device.write((lost * blockSize) / 4096, [new Uint8Array(4096)]);
    expect(volumeInfo(device)).toMatchObject({
      blockBytes: blockSize,
      volumeBytes: sizeBytes,
      superblocksAgree: false,
    });
    const volume = mount(device, { cacheBytes: 1024 * blockSize });
    expect(volume.warnings.map(({ code }) => code)).toEqual(['EUCLEAN']);
    volume.writeFile('/file', 'contents');
    volume.close();
    expect(volumeInfo(device)).toMatchObject({ superblocksAgree: true, problems: [] });
    expect(volumeInfo(device).features).toContain('packed_ssa');
  }
});
