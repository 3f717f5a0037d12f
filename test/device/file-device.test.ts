// Files and block devices of the host: how they open, how they refuse to, and how short calls and host errors are met.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { alignedMemory } from '../../src/device/aligned.ts';
import { Bio } from '../../src/device/bio.ts';
import { BLKSIZE } from '../../src/device/device.ts';
import { FileDevice, type HostCalls, openFileDevice } from '../../src/device/file-device.ts';
import { F2fsError } from '../../src/errors.ts';
import { attachLoop, imageDirectory, run } from './temporary.ts';

const images = imageDirectory();
afterAll(images.remove);
const MIB = 2 ** 20;

function errorOf(call: () => unknown): F2fsError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(F2fsError);
    return error as F2fsError;
  }
  throw new Error('did not throw');
}

function create(name: string, sizeBytes: number): FileDevice {
  return openFileDevice(images.file(name), { writable: true, create: { sizeBytes, overwrite: true } });
}

test('what cannot be opened says why', () => {
  const missing = images.file('none.img');
  expect(errorOf(() => openFileDevice(missing, { writable: true })).code).toBe('ENOENT');
  expect(errorOf(() => openFileDevice(images.directory, { writable: false })).code).toBe('EISDIR');
  expect(errorOf(() => openFileDevice('/dev/null', { writable: true })).message).toMatch(/character device/);
  const fifo = images.file('fifo');
  expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
  expect(errorOf(() => openFileDevice(fifo, { writable: false })).code).toBe('ENOTBLK');
  const nowhere = images.file('none/a.img');
  const options = { writable: true, create: { sizeBytes: MIB, overwrite: false } };
  expect(errorOf(() => openFileDevice(nowhere, options)).code).toBe('ENOENT');
  expect(errorOf(() => openFileDevice(missing, { ...options, writable: false })).code).toBe('EINVAL');
  expect(errorOf(() => openFileDevice(missing, { writable: true })).path).toBe(missing);
  expect(errorOf(() => openFileDevice('x\0y', { writable: true })).code).toBe('EINVAL');
});

test('creating refuses an existing file unless it may overwrite, and a size below a block', () => {
  const path = images.file('exists.img');
  fs.writeFileSync(path, Buffer.alloc(2 * BLKSIZE, 1));
  const keep = { writable: true, create: { sizeBytes: MIB, overwrite: false } };
  const refused = { code: 'EEXIST', message: `${path} exists already; overwrite: true replaces it` };
  expect(errorOf(() => openFileDevice(path, keep))).toMatchObject(refused);
  expect(fs.statSync(path).size).toBe(2 * BLKSIZE);
  const tiny = { writable: true, create: { sizeBytes: 4095, overwrite: true } };
  expect(errorOf(() => openFileDevice(path, tiny)).message).toMatch(/invalid sizeBytes 4095: expected .* from 4096/);
  expect(fs.statSync(path).size).toBe(2 * BLKSIZE);
  const device = openFileDevice(path, { writable: true, create: { sizeBytes: MIB, overwrite: true } });
  const block = new Uint8Array(BLKSIZE).fill(9);
  device.read(0, block);
  expect(block.every((byte) => byte === 0)).toBe(true);
  device.close();
  expect(fs.statSync(path).size).toBe(MIB);
});

test('a size that the host refuses leaves no file behind', () => {
  const path = images.file('huge.img');
  const options = { writable: true, create: { sizeBytes: 2 ** 53 - 4096, overwrite: false } };
  expect(errorOf(() => openFileDevice(path, options)).code).toMatch(/EFBIG|EINVAL/);
  expect(fs.existsSync(path)).toBe(false);
});

test('a size that is not whole blocks is rounded down, and less than one block is too small', () => {
  const path = images.file('odd.img');
  fs.writeFileSync(path, Buffer.alloc(3 * BLKSIZE + 1000, 1));
  const device = openFileDevice(path, { writable: false });
  expect(device.nrBlocks).toBe(3);
  device.close();
  const growing = openFileDevice(path, { writable: true });
  growing.resize(5);
  const block = new Uint8Array(BLKSIZE);
  growing.read(3, block);
  expect(block.every((byte) => byte === 0)).toBe(true);
  growing.close();
  fs.writeFileSync(path, Buffer.alloc(4095));
  const error = errorOf(() => openFileDevice(path, { writable: false }));
  expect(error.message).toMatch(/too small/);
});

test('a device opened for reading refuses every change', () => {
  create('readonly.img', MIB).close();
  const device = openFileDevice(images.file('readonly.img'), { writable: false });
  expect(errorOf(() => device.write(0, [new Uint8Array(BLKSIZE)])).code).toBe('EROFS');
  expect(errorOf(() => device.zero(0, 1)).code).toBe('EROFS');
  expect(errorOf(() => device.resize(1)).code).toBe('EROFS');
  device.discard(0, device.nrBlocks);
  device.close();
  expect(fs.statSync(images.file('readonly.img')).size).toBe(MIB);
});

test('a closed device refuses calls, and closing again is nothing', () => {
  const device = create('closed.img', MIB);
  device.close();
  device.close();
  const block = new Uint8Array(BLKSIZE);
  for (const call of [
    () => device.read(0, block),
    () => device.write(0, [block]),
    () => device.flush(),
    () => device.resize(2),
  ]) {
    expect(errorOf(call).code).toBe('EBADF');
  }
});

test('zeroing what was never written costs nothing, the rest costs calls of 1 MiB', () => {
  const device = create('hole.img', 2 ** 40);
  device.zero(0, device.nrBlocks);
  expect(device.counters.syscalls).toBe(0);
  device.write(1024, [new Uint8Array(BLKSIZE).fill(1)]);
  device.zero(0, device.nrBlocks);
  expect(device.counters.writeBytes).toBe(BLKSIZE + 2 * MIB);
  expect(device.counters.syscalls).toBe(3);
  device.close();
  expect(fs.statSync(images.file('hole.img')).blocks * 512).toBeLessThan(4 * MIB);
});

test('discarding a whole used file makes it a hole of the same size', () => {
  const path = images.file('discard.img');
  fs.writeFileSync(path, Buffer.alloc(3 * MIB + 77, 1));
  const device = openFileDevice(path, { writable: true });
  device.discard(0, device.nrBlocks);
  expect(fs.statSync(path)).toMatchObject({ size: 3 * MIB + 77, blocks: 0 });
  device.zero(0, device.nrBlocks);
  expect(device.counters.syscalls).toBe(0);
  device.close();
});

/** Host calls that move at most `most` bytes each, as a signal or a full disk would make them. */
function shortCalls(most: number): HostCalls {
  return {
    ...fs,
    readSync: ((fd: number, into: Uint8Array, offset: number, length: number, position: number) =>
      fs.readSync(fd, into, offset, Math.min(length, most), position)) as typeof fs.readSync,
    writevSync: (fd, vectors, position) => {
      const whole = Buffer.concat(vectors as Uint8Array[]);
      return fs.writeSync(fd, whole, 0, Math.min(whole.length, most), position);
    },
  };
}

function openWith(name: string, calls: HostCalls): FileDevice {
  const fd = fs.openSync(images.file(name), 'w+');
  fs.ftruncateSync(fd, 4 * MIB);
  return new FileDevice(
    name,
    { fd, sizeBytes: 4 * MIB, kind: 'file', fresh: true, startSector: 0 },
    { writable: true },
    calls,
  );
}

test('short reads and writes are carried on to the end', () => {
  for (const most of [1000, 4096, 5000]) {
    const device = openWith('short.img', shortCalls(most));
    const vectors = Array.from({ length: 5 }, (_, i) => new Uint8Array((i + 1) * BLKSIZE).fill(i + 1));
    device.write(2, vectors);
    const back = new Uint8Array(15 * BLKSIZE);
    device.read(2, back);
    expect(Buffer.compare(back, Buffer.concat(vectors))).toBe(0);
    expect(device.counters.syscalls).toBe(2 * Math.ceil((15 * BLKSIZE) / most));
    expect(device.counters).toMatchObject({ reads: 1, writes: 1, readBytes: back.length, writeBytes: back.length });
    device.close();
  }
});

test('errors of the host come with its code, the device and the block', () => {
  const fail = (code: string) => () => {
    throw Object.assign(new Error(`${code}: said the host`), { code });
  };
  const device = openWith('failing.img', {
    ...fs,
    readSync: fail('EIO') as never,
    writevSync: fail('ENOSPC') as never,
    fdatasyncSync: fail('EIO') as never,
    ftruncateSync: fail('EFBIG') as never,
  });
  const block = new Uint8Array(BLKSIZE);
  expect(errorOf(() => device.read(7, block))).toMatchObject({ code: 'EIO', blkaddr: 7, path: 'failing.img' });
  expect(errorOf(() => device.write(8, [block]))).toMatchObject({ code: 'ENOSPC', blkaddr: 8 });
  expect(errorOf(() => device.flush()).code).toBe('EIO');
  expect(errorOf(() => device.resize(5)).code).toBe('EFBIG');
  expect(device.nrBlocks).toBe((4 * MIB) / BLKSIZE);
  expect(device.counters).toMatchObject({ reads: 0, writes: 0, flushes: 0 });
  device.close();
});

test('a write that the host takes nothing of ends, and a file cut short meanwhile is EIO', () => {
  const stuck = openWith('stuck.img', { ...fs, writevSync: () => 0 });
  expect(errorOf(() => stuck.write(0, [new Uint8Array(BLKSIZE)])).code).toBe('EIO');
  stuck.close();
  const device = create('cut.img', MIB);
  fs.truncateSync(images.file('cut.img'), 5000);
  expect(errorOf(() => device.read(0, new Uint8Array(4 * BLKSIZE))).message).toMatch(/truncated/);
  device.close();
});

/** Calls that refuse memory that direct I/O would refuse, and count the direct ones. */
function directCalls(aligned: Uint8Array, seen: { refused: number }): HostCalls {
  const check = (vectors: readonly Uint8Array[]): void => {
    for (const vector of vectors) {
      if (vector.buffer !== aligned.buffer && vector.byteLength < MIB && vector.buffer.byteLength < MIB) {
        seen.refused++;
        throw Object.assign(new Error('EINVAL'), { code: 'EINVAL' });
      }
    }
  };
  return {
    ...fs,
    readSync: ((fd: number, into: Uint8Array, offset: number, length: number, position: number) => {
      check([into]);
      return fs.readSync(fd, into, offset, length, position);
    }) as typeof fs.readSync,
    writevSync: (fd, vectors, position) => {
      check(vectors as Uint8Array[]);
      return fs.writevSync(fd, vectors, position);
    },
  };
}

test('direct I/O goes straight from aligned memory, and around from any other without asking the host', () => {
  const memory = alignedMemory(16 * BLKSIZE);
  const seen = { refused: 0 };
  const fd = fs.openSync(images.file('direct.img'), 'w+');
  fs.ftruncateSync(fd, 4 * MIB);
  const target = { fd, sizeBytes: 4 * MIB, kind: 'file', fresh: true, startSector: 0 } as const;
  const device = new FileDevice('direct', target, { writable: true, direct: true }, directCalls(memory, seen));
  memory.fill(3);
  device.write(0, [memory.subarray(0, 8 * BLKSIZE)]);
  expect(device.counters.syscalls).toBe(1);
  const plain = new Uint8Array(4 * BLKSIZE).fill(4);
  device.write(8, [plain, memory.subarray(0, BLKSIZE), plain]);
  device.write(20, [plain]);
  const into = new Uint8Array(12 * BLKSIZE);
  device.read(6, into);
  const firsts = Array.from({ length: 12 }, (_, i) => into[i * BLKSIZE]);
  expect(firsts).toEqual([3, 3, 4, 4, 4, 4, 3, 4, 4, 4, 4, 0]);
  expect(seen.refused).toBe(0);
  // One that refuses even so is asked once.
  const refused = alignedMemory(BLKSIZE).fill(5);
  device.write(30, [refused]);
  device.write(31, [refused]);
  expect(seen.refused).toBe(1);
  device.read(30, into.subarray(0, 2 * BLKSIZE));
  expect([into[0], into[BLKSIZE]]).toEqual([5, 5]);
  device.close();
});

test('a direct read changes nothing beside its buffer, whatever the host takes', () => {
  const fd = fs.openSync(images.file('beside.img'), 'w+');
  fs.ftruncateSync(fd, MIB);
  const target = { fd, sizeBytes: MIB, kind: 'file', fresh: true, startSector: 0 } as const;
  const asked: Uint8Array[] = [];
  const device = new FileDevice(
    'beside',
    target,
    { writable: true, direct: true },
    {
      ...fs,
      readSync: ((file: number, into: Uint8Array, offset: number, length: number, position: number) => {
        asked.push(into);
        return fs.readSync(file, into, offset, length, position);
      }) as typeof fs.readSync,
    },
  );
  const own = [
    new Uint8Array(BLKSIZE),
    new Uint8Array(3 * BLKSIZE).subarray(BLKSIZE, 2 * BLKSIZE),
    Buffer.alloc(BLKSIZE),
  ];
  for (const into of own) device.read(1, into);
  expect(asked).toHaveLength(3);
  for (const into of asked) expect(own.some((one) => one.buffer === into.buffer)).toBe(false);
  device.close();
});

test('the write queue is as deep as asked, and there is none of depth 0', () => {
  const create = { sizeBytes: 8 * MIB, overwrite: true };
  const memory = new SharedArrayBuffer(MIB);
  new Uint8Array(memory).fill(7);
  for (const queueDepth of [1, 3, 64]) {
    const device = openFileDevice(images.file('queue.img'), { writable: true, create, queueDepth });
    const queue = device.queue(memory);
    expect(queue).not.toBeNull();
    const bios: Bio[] = [];
    for (let i = 0; i < 2 * queueDepth; i++) {
      if (queue!.isFull) device.finishWrite(bios.shift()!);
      expect(bios.length).toBeLessThan(queueDepth);
      const bio = new Bio(device, new Uint8Array(memory));
      bio.add(i, i * BLKSIZE, 1);
      queue!.post(bio);
      bios.push(bio);
    }
    expect(queue!.isFull).toBe(true);
    for (const bio of bios) device.finishWrite(bio);
    expect(device.counters.writes).toBe(2 * queueDepth);
    device.close();
  }
  const none = openFileDevice(images.file('queue.img'), { writable: true, create, queueDepth: 0 });
  expect(none.queue(memory)).toBeNull();
  none.close();
  for (const queueDepth of [-1, 65, 1.5]) {
    expect(errorOf(() => openFileDevice(images.file('queue.img'), { writable: true, queueDepth })).code).toBe('EINVAL');
  }
});

describe('a block device', () => {
  test('has its size, takes writes, and cannot be resized', ({ skip }) => {
    create('loop.img', 8 * MIB).close();
    const loop = attachLoop(images.file('loop.img'));
    if (typeof loop === 'string') return skip(loop);
    try {
      const device = openFileDevice(loop.device, { writable: true });
      expect(device.kind).toBe('block');
      expect(device.nrBlocks).toBe((8 * MIB) / BLKSIZE);
      device.write(2047, [new Uint8Array(BLKSIZE).fill(5)]);
      device.zero(2046, 1);
      device.flush();
      expect(errorOf(() => device.resize(10)).code).toBe('EOPNOTSUPP');
      expect(errorOf(() => openFileDevice(loop.device, { writable: true })).code).toBe('EBUSY');
      const before = fs.statSync(images.file('loop.img')).blocks;
      device.discard(0, device.nrBlocks);
      if (run('blkdiscard', ['--version']).ok) expect(fs.statSync(images.file('loop.img')).blocks).toBeLessThan(before);
      device.close();
      const create = { sizeBytes: MIB, overwrite: true };
      expect(errorOf(() => openFileDevice(loop.device, { writable: true, create })).code).toBe('EINVAL');
    } finally {
      loop.detach();
    }
  });

  test('that is read-only is EROFS for writing and fine for reading', ({ skip }) => {
    create('loop-ro.img', 8 * MIB).close();
    const loop = attachLoop(images.file('loop-ro.img'), '--read-only');
    if (typeof loop === 'string') return skip(loop);
    try {
      expect(errorOf(() => openFileDevice(loop.device, { writable: true })).code).toBe('EROFS');
      openFileDevice(loop.device, { writable: false }).close();
    } finally {
      loop.detach();
    }
  });

  test('that is mounted is EBUSY and names the mount point', ({ skip }) => {
    create('loop-ext4.img', 16 * MIB).close();
    const made = run('mkfs.ext4', ['-q', '-F', images.file('loop-ext4.img')]);
    if (!made.ok) return skip(`no mkfs.ext4: ${made.out}`);
    const loop = attachLoop(images.file('loop-ext4.img'));
    if (typeof loop === 'string') return skip(loop);
    const point = images.file('mount point');
    try {
      fs.mkdirSync(point);
      const mounted = run('mount', ['-t', 'ext4', loop.device, point]);
      if (!mounted.ok) return skip(`cannot mount: ${mounted.out}`);
      const error = errorOf(() => openFileDevice(loop.device, { writable: true }));
      expect(error.code).toBe('EBUSY');
      expect(error.message).toContain(`mounted on ${point}`);
      run('umount', [point]);
    } finally {
      loop.detach();
    }
  });
});
