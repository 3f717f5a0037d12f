// A volume in memory with something of each kind open on it, for calls of the public face.
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AsyncFileSystem, type FileHandle, format, MemoryDevice, mount, openFileDevice } from '../../src/index.ts';
import type { World } from './kinds.ts';

const SIZE = { sizeBytes: 64 << 20 };
const CACHE = { cacheBytes: 16 << 20 };

/** Made anew; `remove` takes what is on the host away. */
export async function makeWorld(): Promise<World & { remove: () => void }> {
  const host = fs.mkdtempSync(join(tmpdir(), 'f2fs-public-'));
  fs.mkdirSync(join(host, 'tree'));
  fs.writeFileSync(join(host, 'tree/file'), Buffer.alloc(300_000, 'contents'));
  const device = new MemoryDevice(SIZE);
  const spare = new MemoryDevice(SIZE);
  for (const it of [device, spare]) format(it);
  const volume = mount(device, CACHE);
  volume.mkdir('/dir');
  volume.writeFile('/dir/file', Buffer.alloc(100_000, 'text'));
  volume.symlink('file', '/dir/symlink');
  volume.setXattr('/dir/file', 'user.name', 'value');
  volume.sync();
  const async = new AsyncFileSystem(volume);
  return {
    device,
    spare,
    fs: volume,
    root: volume.root(),
    dir: volume.openDirectory('/dir'),
    file: volume.open('/dir/file') as FileHandle,
    symlink: volume.open('/dir/symlink', { follow: false }),
    async,
    asyncFile: await async.open('/dir/file', 'r+'),
    fileDevice: openFileDevice(join(host, 'device'), { writable: true, create: { sizeBytes: 16 << 20 } }),
    host,
    count: 0,
    remove: () => fs.rmSync(host, { recursive: true, force: true }),
  };
}
