// A volume that Linux encrypted and that we changed without the key, back in the hands of Linux: it shows what we show, and goes on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mount, openFileDevice } from '../../src/index.ts';
import { fsck, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { IMAGE, listingOf } from '../fs/encrypted-volume.ts';

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'f2fs-encrypted-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const SCRIPT = `
mount -t f2fs "$DEV0" /mnt && cd /mnt || exit 1
find . -mindepth 1 -printf '%y %i %n %P\\n'
rm -r many few && : > plain/more && cd / && umount /mnt || exit 2
`;

test.each(['qemu', 'qemu-6.12'] as const)('%s shows the same names', { timeout: 200_000 }, async (kernel) => {
  if (!kernelIsThere(kernel)) return;
  const image = join(work, `${kernel}.img`);
  writeFileSync(image, IMAGE);
  const device = openFileDevice(image, { writable: true });
  const fs = mount(device);
  const removed = fs.readdir('/many').filter((_, i) => i % 3 > 0);
  for (const { name } of removed) fs.unlink(`/many/${Buffer.from(name)}`);
  fs.mkdir('/kept');
  const [dir] = fs.readdir('/few').filter(({ type }) => type === 'directory');
  fs.link(`/few/${Buffer.from(fs.readdir('/few').filter(({ type }) => type === 'fifo')[0].name)}`, '/linked');
  fs.setAttributes(`/few/${Buffer.from(dir.name)}`, { mode: 0o700 });
  fs.rename('/few', '/kept/few');
  fs.rename('/kept/few', '/few');
  fs.symlink('few', '/link');
  fs.close();
  const ours = listingOf(mount(device, { readonly: true }));
  device.close();
  expect((await fsck(image)).complaints).toEqual([]);
  const share = mkdtempSync(join(work, 'share-'));
  const guest = await runInKernel(kernel, { images: [image], script: SCRIPT, share });
  expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
  expect(guest.stdout.trimEnd().split('\n').sort()).toEqual(ours);
  expect((await fsck(image)).complaints).toEqual([]);
});
