// A volume that Linux encrypted and that we changed without the key, back in the hands of Linux: it shows what we show, and goes on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mount, openFileDevice } from '../../src/index.ts';
import { fsck, kernelIsThere, runInKernel } from '../../tools/judge/index.ts';
import { OLD_AND_NEW } from '../../tools/judge/kernels.ts';
import { CUT_IMAGE, CUT_LISTED, IMAGE, listingOf } from '../fs/encrypted-volume.ts';

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

test.each(OLD_AND_NEW)('%s shows the same names', async (kernel) => {
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

test('what we rolled forward in encrypted and case-folding directories is as Linux rolls it forward', {
  timeout: 200_000,
}, async () => {
  if (!kernelIsThere('qemu-6.12')) return;
  const image = join(work, 'cut.img');
  writeFileSync(image, CUT_IMAGE);
  const device = openFileDevice(image, { writable: true });
  mount(device).close();
  device.close();
  const share = mkdtempSync(join(work, 'share-'));
  const script = `
mount -t f2fs "$DEV0" /mnt && cd /mnt || exit 1
find . -mindepth 1 -printf '%y %i %n %P\\n'
# Found by another case: their hashes are those of the folded names.
for name in upper/nEW upper/all.txt uppers/NEW 'uppers/[NEW] ~^_\`|'; do test -e "$name" || exit 3; done
rm -r few many folded foldeds upper uppers && cd / && umount /mnt || exit 2
`;
  const guest = await runInKernel('qemu-6.12', { images: [image], script, share });
  expect([guest.exitCode, guest.stderr]).toEqual([0, '']);
  expect(guest.stdout.trimEnd().split('\n').sort()).toEqual([...CUT_LISTED].sort());
  expect((await fsck(image)).complaints).toEqual([]);
});
