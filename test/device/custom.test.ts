// A device that a user writes: six members are enough, over whatever keeps bytes; slow ones, those that read or write less than
// they were asked to, and those that fail.
import * as fs from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { BLKSIZE, type BlockDevice, F2fsError, format, mount, probe, volumeInfo } from '../../src/index.ts';
import { fsck } from '../../tools/judge/fsck.ts';
import { imageDirectory } from './temporary.ts';

const images = imageDirectory();
afterAll(images.remove);
const NR_BLOCKS = 16_384;
const CACHE = { cacheBytes: 16 << 20 };

/** What a user would write first: node:fs over a file. `read` and `write` give what node:fs gives, a number of bytes. */
function overFile(file: string): BlockDevice {
  const fd = fs.openSync(file, 'w+');
  fs.ftruncateSync(fd, NR_BLOCKS * BLKSIZE);
  return {
    nrBlocks: NR_BLOCKS,
    read: (blkaddr, into) => fs.readSync(fd, into, 0, into.length, blkaddr * BLKSIZE),
    write: (blkaddr, vectors) => fs.writevSync(fd, vectors as Uint8Array[], blkaddr * BLKSIZE),
    flush: () => fs.fsyncSync(fd),
    discard: () => {},
    close: () => fs.closeSync(fd),
  };
}

/** The least there is, in memory. */
function inMemory(): BlockDevice & { bytes: Uint8Array } {
  const bytes = new Uint8Array(NR_BLOCKS * BLKSIZE);
  return {
    bytes,
    nrBlocks: NR_BLOCKS,
    read: (blkaddr, into) => into.set(bytes.subarray(blkaddr * BLKSIZE, blkaddr * BLKSIZE + into.length)),
    write: (blkaddr, vectors) => {
      let at = blkaddr * BLKSIZE;
      for (const vector of vectors) {
        bytes.set(vector, at);
        at += vector.length;
      }
    },
    flush: () => {},
    discard: (blkaddr, nrBlocks) => bytes.fill(0xee, blkaddr * BLKSIZE, (blkaddr + nrBlocks) * BLKSIZE),
    close: () => {},
  };
}

const CONTENTS = Buffer.alloc(3 << 20, 'contents of the file ');

function fill(device: BlockDevice): void {
  using volume = mount(device, CACHE);
  volume.mkdir('/dir');
  for (let i = 0; i < 300; i++) volume.writeFile(`/dir/${i}`, `file ${i}`);
  volume.writeFile('/large', CONTENTS);
  volume.sync();
  for (let i = 0; i < 300; i += 2) volume.unlink(`/dir/${i}`);
}

function check(device: BlockDevice): void {
  using volume = mount(device, { ...CACHE, readonly: true });
  expect(volume.readdir('/dir')).toHaveLength(150);
  expect(Buffer.from(volume.readFile('/dir/7')).toString()).toBe('file 7');
  expect(CONTENTS.equals(volume.readFile('/large'))).toBe(true);
}

function failure(call: () => unknown): { code?: string; message?: string } {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return error as F2fsError;
  }
  return {};
}

describe('a device of six members', () => {
  test('over a file holds a volume that fsck.f2fs has nothing to say of', async () => {
    const file = images.file('custom.img');
    const device = overFile(file);
    expect(probe(device)).toBe('empty');
    format(device);
    fill(device);
    check(device);
    expect(volumeInfo(device).uuid).toMatch(/^[0-9a-f-]{36}$/);
    device.close();
    expect((await fsck(file)).complaints).toEqual([]);
  });

  test('in memory, whose discarded blocks read as anything, too', () => {
    const device = inMemory();
    device.bytes.fill(0xdd);
    format(device);
    fill(device);
    check(device);
  });

  test('that is slow gives the same', () => {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const device = inMemory();
    const { read, write, flush } = device;
    let calls = 0;
    const slowly = <A extends unknown[]>(call: (...args: A) => unknown) => {
      return (...args: A) => {
        if (++calls % 10 === 0) Atomics.wait(pause, 0, 0, 5);
        return call(...args);
      };
    };
    device.read = slowly(read);
    device.write = slowly(write);
    device.flush = slowly(flush);
    format(device);
    fill(device);
    check(device);
    expect(calls).toBeGreaterThan(50);
  });

  test('that reads or writes less than it was asked to is EIO, by the block and the bytes', () => {
    const device = inMemory();
    format(device);
    fill(device);
    const { read, write } = device;
    device.read = (blkaddr, into) => {
      read(blkaddr, into);
      return blkaddr > 1 ? into.length - 1 : into.length;
    };
    expect(failure(() => mount(device, CACHE))).toMatchObject({
      code: 'EIO',
      message: expect.stringMatching(/^cannot read block \d+ of device: \d+ bytes of \d+ came through$/),
    });
    device.read = read;
    device.write = (blkaddr, vectors) => {
      write(blkaddr, vectors);
      return 512;
    };
    const volume = mount(device, CACHE);
    volume.writeFile('/more', 'text');
    expect(failure(() => volume.sync())).toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('512 bytes of'),
    });
    volume.abandon();
    device.write = write;
    check(device);
  });

  test('has a size that is fixed, and a name for messages', () => {
    const device: BlockDevice = { ...inMemory(), name: 'the store' };
    format(device);
    device.flush = () => {
      throw new Error('gone');
    };
    const volume = mount(device, CACHE);
    volume.writeFile('/f', 'text');
    expect(failure(() => volume.sync())).toMatchObject({ code: 'EIO', path: 'the store' });
    volume.abandon();
  });
});
