// A new volume in an image file, and a few files in it.
import { format, mount, openFileDevice } from 'f2fs';

const [image = 'new.img'] = process.argv.slice(2);
const device = openFileDevice(image, { writable: true, create: { sizeBytes: 64 * 2 ** 20, overwrite: true } });
format(device, { label: 'example' });

const volume = mount(device);
volume.mkdir('/etc');
volume.writeFile('/etc/hostname', 'demo\n', { mode: 0o644, uid: 0, gid: 0 });
volume.symlink('hostname', '/etc/name');
volume.sync(); // A checkpoint: what was done up to here outlives a crash.

const log = volume.openFile('/log', { flags: 'a' });
log.write(Buffer.from('started\n'), 0);
log.fsync(); // This file alone, for a few blocks.
log.close();

const { freeBlocks } = volume.statfs();
volume.close(); // The checkpoint of a clean unmount.
device.close();
console.log(`${image}: ${freeBlocks} of ${device.nrBlocks} blocks free`);
