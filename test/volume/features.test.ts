// Features of a volume that nobody here knows, or that are not written: it is read, and what stands in the way of more is named.
import { describe, expect, test } from 'vitest';
import type { F2fsError } from '../../src/errors.ts';
import { SUPER_OFFSET } from '../../src/format/constants.ts';
import { viewOf } from '../../src/format/struct.ts';
import { SB_CHECKSUM_OFFSET, Superblock } from '../../src/format/superblock.ts';
import { FEATURES, format, MemoryDevice, mount, volumeInfo } from '../../src/index.ts';

/** A volume with a file, whose superblocks have more bits. */
function volumeWith(bits: number): MemoryDevice {
  const device = new MemoryDevice({ sizeBytes: 64 << 20 });
  format(device, { features: ['extra_attr', 'lost_found'] });
  const fs = mount(device);
  fs.writeFile('/file', 'contents');
  fs.close();
  for (const blkaddr of [0, 1]) {
    const block = new Uint8Array(4096);
    device.read(blkaddr, block);
    const sb = new Superblock(viewOf(block), SUPER_OFFSET);
    expect(sb.checksumOffset).not.toBe(SB_CHECKSUM_OFFSET);
    sb.feature |= bits;
    device.write(blkaddr, [block]);
  }
  return device;
}

function errorOf(work: () => unknown): F2fsError | null {
  try {
    work();
    return null;
  } catch (error) {
    return error as F2fsError;
  }
}

describe.each([
  ['one bit', 0x4000_0000, /0x40000000/],
  ['the highest bit', 0x8000_0000, /0x80000000/],
  ['several', 0x0102_0000, /0x1020000/],
] as const)('%s that nobody knows', (_, bits, named) => {
  test('is read, told of by its number, and not written', () => {
    const device = volumeWith(bits);
    const fs = mount(device, { readonly: true });
    expect(Buffer.from(fs.readFile('/file')).toString()).toBe('contents');
    expect(fs.warnings).toMatchObject([{ code: 'EOPNOTSUPP', message: expect.stringMatching(named) }]);
    fs.close();
    expect(volumeInfo(device).features.join()).toMatch(named);
    expect(errorOf(() => mount(device))).toMatchObject({ code: 'EOPNOTSUPP', message: expect.stringMatching(named) });
  });
});

test('what is known, and would hide contents, is refused by its name', () => {
  const device = volumeWith(FEATURES.device_alias);
  for (const readonly of [false, true])
    expect(errorOf(() => mount(device, { readonly }))).toMatchObject({
      code: 'EOPNOTSUPP',
      message: expect.stringMatching(/device_alias/),
    });
});
